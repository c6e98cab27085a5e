"""Adding: from files in the work tree to objects in the store and entries in the index.

Every large file is read once, by this process and beside its neighbours; git is asked only
questions that cover all files at once. The order is: what changed, what is large, contents into the
store, small files and pointers into git, entries into the index, stat data into the entries. Dying
between two steps leaves objects nobody points to, or entries git will look at once more.
"""

from __future__ import annotations

import os
import stat as stat_bits
import threading
import time
from typing import TYPE_CHECKING

from csgrepo.crew import share_out
from csgrepo.errors import FileChanged, LfsError
from csgrepo.files import BLOCK
from csgrepo.git import index, packing, parse
from csgrepo.lfs import attributes
from csgrepo.lfs.hashes import Hashes
from csgrepo.lfs.store import Added
from csgrepo.repository import small_files
from csgrepo.repository.changes import Staged, lstat
from csgrepo.repository.conflicts import refuse_markers
from csgrepo.repository.nested import refuse_nested

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from csgrepo.git.settings import GitSettings
    from csgrepo.progress import Reporter
    from csgrepo.repository.changes import Candidate, Changes
    from csgrepo.repository.layout import WorkTree

__all__ = ["stage"]

# A file changed in the second in which the index is written is read again by the next `git status`
# (its entry is "racily clean"). From this size on, waiting for the next second costs less.
_WORTH_WAITING_BYTES = 64 * BLOCK


def stage(tree: WorkTree, found: Changes, reporter: Reporter) -> list[str]:
    """Bring the candidates into store and index.

    Returns:
        The paths whose content went to LFS.

    Raises:
        FileChanged: a large file was written to meanwhile; the index is as it was.
        InvalidInput: a file is an LFS pointer that would be committed as ordinary content, or a
            folder a repository of its own whose files would not be.
        MergeConflict: a file holds both sides of a conflict that nobody has decided.
        LfsError: large files are to go through programs that only git-lfs runs.
        DiskFull: there is no room; the index is as it was.
    """
    files = [candidate for candidate in found.candidates if candidate.is_file]
    tree.require_index()
    refuse_nested(tree, found.candidates)
    refuse_markers(tree.folder, (c.path for c in files if c.entry and c.entry.stage))
    kinds = attributes.kinds(tree.git, (candidate.path for candidate in files))
    large = [candidate for candidate in files if candidate.path in kinds.large]
    plain = [candidate for candidate in found.candidates if candidate.path not in kinds.large]
    settings = tree.settings()
    _refuse_extensions(tree, large, settings)
    packed = small_files.pack(tree, plain, kinds.converted, settings)
    left = [candidate for candidate in plain if candidate.path not in packed]
    small_files.refuse_stray_pointers(tree, left)
    added = _fill_store(tree, large, reporter)
    pointers = _write_pointers(tree, added)
    _update_index(tree, left, packed | pointers, settings)
    _outlast_racy_second([item.stat for item in pointers.values()])
    _note_stats(tree, packed | pointers)
    return sorted(pointers)


def _refuse_extensions(tree: WorkTree, large: Iterable[Candidate], settings: GitSettings) -> None:
    """Programs that are to see every large file may encrypt it; never keep one that they have not.

    Follows https://github.com/git-lfs/git-lfs/blob/main/docs/extensions.md.
    """
    names = settings.sections("lfs.extension", "clean")
    if names and not all(small_files.pointer_in(tree, candidate) for candidate in large):
        raise LfsError(
            f"large files go through the pointer extension {', '.join(names)} here, which only "
            "git-lfs runs: use `git add`, or remove it from git's settings"
        )


def _fill_store(
    tree: WorkTree, large: Sequence[Candidate], reporter: Reporter
) -> dict[str, tuple[Candidate, Added]]:
    if not large:
        return {}
    hashes = Hashes(tree.state_dir / "hashes")
    is_over = threading.Event()

    def read(candidate: Candidate) -> Added:
        began_s = time.time()
        with reporter.task("hash", candidate.path, candidate.size) as task:
            if added := _read_before(tree, candidate, hashes):
                task.advance(candidate.size)
                return added

            def advance(count: int) -> None:
                if is_over.is_set():
                    raise FileChanged(candidate.path, "the add was broken off")
                task.advance(count)

            added = tree.store.add(tree.folder / candidate.path, candidate.path, advance)
        hashes.note(added.stat, added.pointer, began_s)
        return added

    try:
        done = share_out(
            large,
            read,
            size=lambda candidate: candidate.size,
            workers=_workers(),
            name="csgrepo-add",
            stops=lambda _: True,
            break_off=is_over.set,
        )
    finally:  # where one file failed, the next add need not read the others again
        hashes.save()
    added = {one.item.path: one.result for one in done}
    return {candidate.path: (candidate, added[candidate.path]) for candidate in large}


def _read_before(tree: WorkTree, candidate: Candidate, hashes: Hashes) -> Added | None:
    """Return what is known of a file that was read in an earlier add, if its object is here."""
    now = lstat(tree.folder / candidate.path)
    if now is None or not stat_bits.S_ISREG(now.st_mode):
        return None
    pointer = hashes.of(now)
    if pointer is None or not tree.store.has(pointer):
        return None
    return Added(pointer, now, pointer.encode())


def _workers() -> int:
    return max(2, min(8, os.cpu_count() or 2))


def _write_pointers(tree: WorkTree, added: dict[str, tuple[Candidate, Added]]) -> dict[str, Staged]:
    """Write the pointers as blobs, in one process however many."""
    if not added:
        return {}
    contents = (item.content for _, item in added.values())
    oids = packing.write_blobs(tree.git, contents, tree.git_dir, tree.temporary_dir())
    return {
        path: Staged(candidate, oid, item.stat)
        for (path, (candidate, item)), oid in zip(added.items(), oids, strict=True)
    }


def _update_index(
    tree: WorkTree, left: Sequence[Candidate], staged: dict[str, Staged], settings: GitSettings
) -> None:
    """Write the entries: first those whose content git is not to look at, then the others.

    When git writes an index it compares every racily clean file with its entry, through the filter.
    Large files that were changed lately have new entries by then, and no stat data to be racy with.
    """
    gone = f"0 {'0' * 2 * tree.oid_bytes}\t"
    records = [gone + candidate.path for candidate in left if candidate.stat is None]
    modes = not settings.is_off("core.filemode", default="true")
    records += [f"{_mode(item, modes)} {item.oid} 0\t{path}" for path, item in staged.items()]
    if records:
        content = parse.z_join(records)
        tree.write_index("update-index", "-z", "--replace", "--index-info", stdin=content)
    present = [candidate.path for candidate in left if candidate.stat is not None]
    if present:
        names = parse.z_join(path.rstrip("/") for path in present)
        options = ("--add", "--remove", "--replace", "--stdin")
        tree.write_index("update-index", "-z", *options, stdin=names)


def _mode(staged: Staged, modes: bool) -> str:
    entry = staged.candidate.entry
    if modes:
        executable = staged.stat.st_mode & stat_bits.S_IXUSR
    else:
        executable = entry.stat.mode & stat_bits.S_IXUSR if entry else 0
    return "100755" if executable else "100644"


def _note_stats(tree: WorkTree, staged: dict[str, Staged]) -> None:
    stats = {path: (item.oid, item.stat) for path, item in staged.items()}
    index.write_stats(tree.folder, tree.index_path, stats, oid_bytes=tree.oid_bytes)


def _outlast_racy_second(stats: Iterable[os.stat_result]) -> None:
    now = time.time()
    racy = [stat for stat in stats if int(stat.st_mtime) >= int(now)]
    if sum(stat.st_size for stat in racy) >= _WORTH_WAITING_BYTES:
        time.sleep(max(0.0, int(now) + 1 - now))
