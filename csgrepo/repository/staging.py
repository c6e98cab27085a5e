"""Adding: from files in the work tree to objects in the store and entries in the index.

Every large file is read once, by this process and beside its neighbours; git is asked only
questions that cover all files at once. The order is: what changed, what is large, contents into the
store, small files and pointers into git, entries into the index, stat data into the entries. Dying
between two steps leaves objects nobody points to, or entries git will look at once more.
"""

from __future__ import annotations

import os
import re
import secrets
import stat as stat_bits
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import TYPE_CHECKING

from csgrepo.errors import FileChanged, InvalidInput, LfsError
from csgrepo.files import BLOCK, disk_errors, hash_file, unreadable
from csgrepo.git import index, parse
from csgrepo.git.blob import blob_id, file_blob_id
from csgrepo.git.runner import Git
from csgrepo.lfs import attributes
from csgrepo.lfs.hashes import Hashes
from csgrepo.lfs.pointer import MAX_POINTER_BYTES, Pointer
from csgrepo.lfs.store import Added

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from pathlib import Path

    from csgrepo.git.index import Entry
    from csgrepo.progress import Reporter
    from csgrepo.repository.layout import WorkTree

__all__ = ["Candidate", "Changes", "changes", "stage", "with_attributes"]

_SMALLEST_POINTER = 100
# A file changed in the second in which the index is written is read again by the next `git status`
# (its entry is "racily clean"). From this size on, waiting for the next second costs less.
_WORTH_WAITING_BYTES = 64 * BLOCK


@dataclass(frozen=True, slots=True)
class Candidate:
    """A path that differs from the index, or may differ.

    Attributes:
        path: relative to the work tree's root.
        stat: the file's stat data; ``None`` where the file is gone.
        entry: its entry in the index, ``None`` for a new file.
        is_staged: whether the entry is not yet committed, as far as that was asked.
    """

    path: str
    stat: os.stat_result | None
    entry: Entry | None
    is_staged: bool = False

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file (and so could be kept in LFS)."""
        return self.stat is not None and stat_bits.S_ISREG(self.stat.st_mode)

    @property
    def size(self) -> int:
        """The file's length in bytes; 0 for anything else."""
        return self.stat.st_size if self.stat is not None and self.is_file else 0


@dataclass(frozen=True, slots=True)
class Changes:
    """What an add has to look at.

    Attributes:
        candidates: paths that differ from the index, or may.
        entries: the whole index.
        staged: other files that are staged and not committed, where they were asked for.
    """

    candidates: list[Candidate] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    staged: list[Candidate] = field(default_factory=list)

    def to_add(self, tracked: Collection[str]) -> Changes:
        """Return what an add stages: what is staged already only if it was tracked after that."""
        again = [candidate for candidate in self.staged if candidate.path in tracked]
        return Changes(self.candidates + again, self.entries)


def _pathspec(tree: WorkTree, pattern: str, entries: Iterable[Entry]) -> list[str]:
    """Return the pattern as arguments: a file's name means that file, whatever is in it.

    Raises:
        InvalidInput: the pattern leads outside the working copy, or cannot be one.
    """
    if not pattern or "\0" in pattern:
        raise InvalidInput(f"{pattern!r} is not a path or pattern")
    if pattern == ".":
        return ["--"]
    target = tree.folder / pattern
    if target.exists() or target.is_symlink() or _is_known(pattern, entries):
        pattern = os.path.relpath(target, tree.folder)
        if PurePath(pattern).parts[:1] == ("..",):
            raise InvalidInput(f"{pattern!r} is outside the working copy {tree.folder}")
        return ["--", f":(top,literal){pattern}".replace(os.sep, "/")]
    return ["--", pattern]


def _is_known(pattern: str, entries: Iterable[Entry]) -> bool:
    """Tell whether it is the name of a file or folder of the index, perhaps a deleted one."""
    folder = f"{pattern.rstrip('/')}/"
    return any(entry.path == pattern or entry.path.startswith(folder) for entry in entries)


def changes(tree: WorkTree, pattern: str = ".", *, staged: bool = False) -> Changes:
    """Find what differs from the index, without reading any file.

    Git's own `status` would run the clean filter over every large file that was rewritten at equal
    length; here stat data alone decides, and what may differ counts as different.

    Args:
        tree: the working copy.
        pattern: a path or pattern, relative to its root.
        staged: also find what is staged already and not committed.

    Raises:
        InvalidInput: the pattern matches nothing, or only what is ignored.
    """
    entries = tree.entries()
    spec = _pathspec(tree, pattern, entries)
    listing = tree.git.run("ls-files", "-z", "-o", "--exclude-standard", *spec)
    _refuse_closed_folders(listing.stderr)
    untracked = parse.paths(listing.stdout)
    tracked = entries
    if len(spec) > 1:
        inside = set(parse.paths(tree.git.run("ls-files", "-z", "-c", *spec).stdout))
        tracked = [entry for entry in entries if entry.path in inside]
        if not tracked and not untracked:
            _explain_no_match(tree, pattern)
    written_s = _mtime_s(tree.index_path)
    look = _Look(tree.folder)
    changed = (_changed(look, entry, written_s) for entry in _latest_stage(tracked))
    found = [candidate for candidate in changed if candidate is not None]
    found += [Candidate(name, look.at(name), None) for name in untracked]
    found = [candidate for candidate in found if candidate.stat or candidate.entry]
    return _with_staged(tree, found, tracked, entries) if staged else Changes(found, entries)


def _refuse_closed_folders(said: str) -> None:
    """Git only warns of a folder it cannot look into, and what is in it would not be saved."""
    if match := re.search(r"could not open directory '(.*)': Permission denied", said):
        raise InvalidInput(
            f"{match[1]} cannot be read (permission denied), so what is in it cannot be added; "
            "change its permissions, or list it in .gitignore"
        )


def _with_staged(
    tree: WorkTree, found: list[Candidate], tracked: Iterable[Entry], entries: list[Entry]
) -> Changes:
    names = set(_staged_names(tree, entries))
    marked = [replace(candidate, is_staged=candidate.path in names) for candidate in found]
    names -= {candidate.path for candidate in found}
    rest = [entry for entry in tracked if entry.path in names and not entry.frozen]
    others = [Candidate(e.path, _lstat(tree.folder / e.path), e, is_staged=True) for e in rest]
    return Changes(marked, entries, others)


def _staged_names(tree: WorkTree, entries: Iterable[Entry]) -> list[str]:
    """Return the paths that the next commit would add or change."""
    if tree.refs.oid() is None:
        return [entry.path for entry in entries]
    options = ("--cached", "--no-renames", "--name-only", "--diff-filter=d", "-z")
    return parse.paths(tree.git.run("diff-index", *options, "HEAD", "--").stdout)


def is_as_indexed(folder: Path, candidate: Candidate) -> bool:
    """Tell whether a file holds what its entry says, as it is or as a pointer; reads the file."""
    entry, stat = candidate.entry, candidate.stat
    if entry is None or stat is None or not candidate.is_file or not _same_kind(entry, stat):
        return False
    path = folder / candidate.path
    if file_blob_id(path, entry.oid) == entry.oid:
        return True
    pointer = Pointer(*hash_file(path))
    return blob_id(pointer.encode(), entry.oid) == entry.oid


def _explain_no_match(tree: WorkTree, pattern: str) -> None:
    if pattern == ".":
        return
    if tree.git.run("check-ignore", "-q", "--", pattern, ok=(0, 1, 128)).returncode == 0:
        raise InvalidInput(f"{pattern!r} is ignored by .gitignore; take it out there to add it")
    raise InvalidInput(f"{pattern!r} matches no file in {tree.folder}; check the spelling")


def _latest_stage(entries: Iterable[Entry]) -> Iterable[Entry]:
    """Return one entry a path: a conflict has up to three."""
    return {entry.path: entry for entry in entries}.values()


def _mtime_s(path: Path) -> int:
    try:
        return int(path.stat().st_mtime)
    except FileNotFoundError:
        return 0


def _lstat(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError as error:
        raise unreadable(str(path), error) from error


class _Look:
    """Looks at many files of a folder; a path object for each would cost more than the look."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._start = os.path.join(folder, "")
        self._behind_link: dict[str, bool] = {"": False}

    def at(self, name: str) -> os.stat_result | None:
        """Return a file's stat data, ``None`` if it is not there."""
        try:
            return os.lstat(self._start + name)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except PermissionError as error:
            raise unreadable(self._start + name, error) from error

    def is_behind_link(self, name: str) -> bool:
        """Tell whether one of its parents is a link, so that it is not really in this folder."""
        parent = name.rpartition("/")[0]
        known = self._behind_link.get(parent)
        if known is None:
            known = self.is_behind_link(parent) or os.path.islink(self._start + parent)
            self._behind_link[parent] = known
        return known


def _changed(look: _Look, entry: Entry, written_s: int) -> Candidate | None:
    if entry.frozen:
        return None
    stat = look.at(entry.path)
    if entry.stat.mode == 0o160000:
        return _changed_submodule(look.folder, entry, stat)
    if stat is None or stat_bits.S_ISDIR(stat.st_mode):
        return Candidate(entry.path, None, entry)
    racy = entry.stat.mtime_s >= written_s
    if entry.stage == 0 and not racy and entry.stat.matches(stat) and _same_kind(entry, stat):
        return None
    return Candidate(entry.path, None if look.is_behind_link(entry.path) else stat, entry)


def _changed_submodule(folder: Path, entry: Entry, stat: os.stat_result | None) -> Candidate | None:
    if stat is None:
        return Candidate(entry.path, None, entry)
    checked_out = (folder / entry.path / ".git").exists()
    return Candidate(entry.path, stat, entry) if checked_out else None


def _same_kind(entry: Entry, stat: os.stat_result) -> bool:
    if stat_bits.S_ISLNK(stat.st_mode):
        return entry.stat.mode == 0o120000
    executable = bool(stat.st_mode & stat_bits.S_IXUSR)
    return entry.is_regular and executable == bool(entry.stat.mode & stat_bits.S_IXUSR)


def with_attributes(tree: WorkTree, found: Changes) -> Changes:
    """Include the root's ``.gitattributes`` if it changed, whatever the pattern was.

    A pointer that is committed without the line that says what it is would be taken for a file.
    """
    if any(candidate.path == attributes.FILE for candidate in found.candidates):
        return found
    stat = _lstat(tree.folder / attributes.FILE)
    entry = next((e for e in found.entries if e.path == attributes.FILE and e.stage == 0), None)
    if stat is None or (entry is not None and entry.stat.matches(stat)):
        return found
    return Changes([*found.candidates, Candidate(attributes.FILE, stat, entry)], found.entries)


def stage(tree: WorkTree, found: Changes, reporter: Reporter) -> list[str]:
    """Bring the candidates into store and index.

    Returns:
        The paths whose content went to LFS.

    Raises:
        FileChanged: a large file was written to meanwhile; the index is as it was.
        InvalidInput: a file is an LFS pointer that would be committed as ordinary content.
        LfsError: large files are to go through programs that only git-lfs runs.
        DiskFull: there is no room; the index is as it was.
    """
    files = [candidate for candidate in found.candidates if candidate.is_file]
    large = attributes.filtered(tree.git, (candidate.path for candidate in files))
    plain = [candidate for candidate in found.candidates if candidate.path not in large]
    _refuse_stray_pointers(tree, plain)
    _refuse_extensions(tree, [c for c in files if c.path in large])
    added = _fill_store(tree, [c for c in files if c.path in large], reporter)
    blobs = _write_pointers(tree, added)
    _update_index(tree, plain, added, blobs)
    _note_stats(tree, added, blobs)
    return sorted(added)


def _refuse_extensions(tree: WorkTree, large: Iterable[Candidate]) -> None:
    """Programs that are to see every large file may encrypt it; never keep one that they have not.

    Follows https://github.com/git-lfs/git-lfs/blob/main/docs/extensions.md.
    """
    if all(_pointer_in(tree, candidate) for candidate in large):
        return
    if names := tree.settings().sections("lfs.extension", "clean"):
        raise LfsError(
            f"large files go through the pointer extension {', '.join(names)} here, which only "
            "git-lfs runs: use `git add`, or remove it from git's settings"
        )


def _refuse_stray_pointers(tree: WorkTree, plain: Iterable[Candidate]) -> None:
    """A pointer under a name that is not in LFS would be committed as if it were the content."""
    for candidate in plain:
        if _pointer_in(tree, candidate):
            raise InvalidInput(
                f"{candidate.path} is only an LFS pointer, and its name is not tracked with "
                "LFS, so the pointer itself would be committed in place of the content. "
                f"Fetch the content (git_pull(lfs=True)), or lfs_track({candidate.path!r}, "
                "filename=True)."
            )


def _pointer_in(tree: WorkTree, candidate: Candidate) -> Pointer | None:
    """Return the pointer that a file is, if it is one."""
    if not candidate.is_file or not _SMALLEST_POINTER <= candidate.size <= MAX_POINTER_BYTES:
        return None
    try:
        return Pointer.parse((tree.folder / candidate.path).read_bytes())
    except FileNotFoundError:
        return None


def _fill_store(
    tree: WorkTree, large: Sequence[Candidate], reporter: Reporter
) -> dict[str, tuple[Candidate, Added]]:
    if not large:
        return {}
    biggest_first = sorted(large, key=lambda candidate: candidate.size, reverse=True)
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

    with ThreadPoolExecutor(_workers(), thread_name_prefix="csgrepo-add") as pool:
        futures = [pool.submit(read, candidate) for candidate in biggest_first]
        try:
            results = [future.result() for future in futures]
        except BaseException as error:
            if not isinstance(error, Exception):  # told to end, not merely one file that failed
                is_over.set()
            pool.shutdown(cancel_futures=True)
            raise
        finally:  # where one file failed, the next add need not read the others again
            hashes.save()
    return {c.path: (c, added) for c, added in zip(biggest_first, results, strict=True)}


def _read_before(tree: WorkTree, candidate: Candidate, hashes: Hashes) -> Added | None:
    """Return what is known of a file that was read in an earlier add, if its object is here."""
    now = _lstat(tree.folder / candidate.path)
    if now is None or not stat_bits.S_ISREG(now.st_mode):
        return None
    pointer = hashes.of(now)
    if pointer is None or not tree.store.has(pointer):
        return None
    return Added(pointer, now, pointer.encode())


def _workers() -> int:
    return max(2, min(8, os.cpu_count() or 2))


def _write_pointers(tree: WorkTree, added: dict[str, tuple[Candidate, Added]]) -> dict[str, str]:
    """Write the pointers as blobs, in one process however many; returns path → blob id."""
    contents = {path: item.content for path, (_, item) in added.items()}
    distinct = list(dict.fromkeys(contents.values()))
    if not distinct:
        return {}
    folder = tree.temporary_dir()
    mark = secrets.token_hex(6)
    names = [folder / f"pointer-{mark}-{number}" for number in range(len(distinct))]
    try:
        with disk_errors(folder):
            for name, content in zip(names, distinct, strict=True):
                name.write_bytes(content)
        listing = "".join(f"{name.name}\n" for name in names).encode("ascii")
        inside = Git(folder, env={"GIT_DIR": str(tree.git_dir)})
        output = inside.text("hash-object", "-w", "--no-filters", "--stdin-paths", stdin=listing)
    finally:
        for name in names:
            name.unlink(missing_ok=True)
    oids = dict(zip(distinct, output.split("\n"), strict=True))
    return {path: oids[content] for path, content in contents.items()}


def _update_index(
    tree: WorkTree,
    plain: Sequence[Candidate],
    added: dict[str, tuple[Candidate, Added]],
    blobs: dict[str, str],
) -> None:
    """Write the entries: first those whose content git is not to look at, then the others.

    When git writes an index it compares every racily clean file with its entry, through the filter.
    Large files that were changed lately have new entries by then, and no stat data to be racy with.
    """
    lines = [f"0 {'0' * 2 * tree.oid_bytes}\t" for candidate in plain if candidate.stat is None]
    paths = [candidate.path for candidate in plain if candidate.stat is None]
    if added:
        modes = tree.git.run("config", "--bool", "core.fileMode", ok=(0, 1)).text != "false"
        lines += [f"{_mode(item, modes)} {blobs[path]} 0\t" for path, (item, _) in added.items()]
        paths += added
    if lines:
        records = zip(lines, paths, strict=True)
        content = parse.z_join(line + path for line, path in records)
        tree.write_index("update-index", "-z", "--replace", "--index-info", stdin=content)
    present = [candidate.path for candidate in plain if candidate.stat is not None]
    if present:
        names = parse.z_join(path.rstrip("/") for path in present)
        options = ("--add", "--remove", "--replace", "--stdin")
        tree.write_index("update-index", "-z", *options, stdin=names)


def _mode(candidate: Candidate, modes: bool) -> str:
    if not modes:
        was_executable = candidate.entry is not None and candidate.entry.stat.mode & 0o100
        return "100755" if was_executable else "100644"
    assert candidate.stat is not None  # noqa: S101 - only files are added to the store
    return "100755" if candidate.stat.st_mode & stat_bits.S_IXUSR else "100644"


def _note_stats(
    tree: WorkTree, added: dict[str, tuple[Candidate, Added]], blobs: dict[str, str]
) -> None:
    stats = {path: (blobs[path], item.stat) for path, (_, item) in added.items()}
    _outlast_racy_second([item.stat for _, item in added.values()])
    index.write_stats(tree.folder, tree.index_path, stats, oid_bytes=tree.oid_bytes)


def _outlast_racy_second(stats: Iterable[os.stat_result]) -> None:
    now = time.time()
    racy = [stat for stat in stats if int(stat.st_mtime) >= int(now)]
    if sum(stat.st_size for stat in racy) >= _WORTH_WAITING_BYTES:
        time.sleep(max(0.0, int(now) + 1 - now))
