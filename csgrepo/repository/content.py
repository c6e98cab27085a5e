"""The content of large files: fetching what is still a pointer."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
from typing import TYPE_CHECKING

from csgrepo import files
from csgrepo.errors import CsgRepoError, DiskFull, PartialDownload
from csgrepo.git import index
from csgrepo.lfs import checkout, scan, transfer
from csgrepo.lfs.pointer import MAX_POINTER_BYTES
from csgrepo.progress import Reporter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from csgrepo.lfs.pointer import Pointer
    from csgrepo.lfs.scan import PointerFile
    from csgrepo.lfs.server import ObjectServer
    from csgrepo.repository.layout import WorkTree

__all__ = ["fetch", "is_pending", "pointers", "restore"]

_log = logging.getLogger(__name__)

_WORTH_A_TWIN_BYTES = 64 * files.BLOCK


def pointers(tree: WorkTree) -> list[PointerFile]:
    """Return the files of the work tree that are still pointers."""
    return [file for file, _ in _found(tree)]


def _found(tree: WorkTree) -> list[tuple[scan.PointerFile, index.Entry]]:
    return scan.in_work_tree(tree.git, tree.folder, tree.entries())


def fetch(tree: WorkTree, server: Callable[[], ObjectServer], reporter: Reporter) -> list[str]:
    """Turn every pointer of the work tree into the file it stands for.

    Files that only the programs of a pointer extension can restore stay as they are.

    Args:
        tree: the working copy.
        server: connects to the server; called only if something has to come from there.
        reporter: is told of every object.

    Returns:
        The paths that are files now.

    Raises:
        PartialDownload: some could not be fetched and are still pointers; all others are complete.
        DiskFull: there is no room.
    """
    with _recorded(tree):
        return _fetched(tree, server, reporter)


def is_pending(tree: WorkTree) -> bool:
    """Tell whether a fetch was begun that has not come to its end, as far as is known."""
    return _mark(tree).exists()


def _mark(tree: WorkTree) -> Path:
    return tree.state_dir / "fetching"


@contextlib.contextmanager
def _recorded(tree: WorkTree) -> Iterator[None]:
    """Leave a mark while content is fetched, by which a fetch is known that was killed."""
    with contextlib.suppress(OSError):  # a full disk has better errors to offer
        tree.state_dir.mkdir(parents=True, exist_ok=True)
        _mark(tree).touch()
    try:
        yield
    finally:
        _mark(tree).unlink(missing_ok=True)


def _fetched(tree: WorkTree, server: Callable[[], ObjectServer], reporter: Reporter) -> list[str]:
    _note_complete(tree)
    found = _restorable(tree)
    twins = _twins(tree, [file for file, _ in found])
    try:
        failures = _download(tree, server, [file for file, _ in found], reporter, twins)
        ready = [item for item in found if item[0].pointer not in failures]
        causes = {f.path: failures[f.pointer] for f, _ in found if f.pointer in failures}
        causes |= _fill(tree, ready, reporter, twins)
    finally:
        for path in twins.values():
            path.unlink(missing_ok=True)
    if full := next((error for error in causes.values() if isinstance(error, DiskFull)), None):
        raise full
    if causes:
        raise PartialDownload(causes)
    return [file.path for file, _ in ready]


def _restorable(tree: WorkTree) -> list[tuple[scan.PointerFile, index.Entry]]:
    found = _found(tree)
    for file, _ in found:
        if file.extensions:
            _log.warning(
                "%s stays a pointer: it needs the programs of %s, which only git-lfs runs; use "
                "`git lfs pull`",
                file.path,
                ", ".join(file.extensions),
            )
    return [item for item in found if not item[0].extensions]


def _note_complete(tree: WorkTree) -> None:
    """Tell the index of files that are complete, though it knows them as pointers or not at all.

    A checkout that was killed leaves such files, and so does a folder that joined a repository.
    """
    unsure = {entry.path: entry for entry in tree.entries() if _may_be_complete(tree, entry)}
    stats = {}
    for path, pointer in scan.in_entries(tree.git, unsure.values()).items():
        noted = (tree.folder / path).lstat()
        if pointer.extensions:
            continue
        if noted.st_size == pointer.size and files.hash_file(tree.folder / path)[0] == pointer.oid:
            stats[path] = (unsure[path].oid, noted)
    index.write_stats(tree.folder, tree.index_path, stats, oid_bytes=tree.oid_bytes)


def _may_be_complete(tree: WorkTree, entry: index.Entry) -> bool:
    if not entry.is_regular or entry.stage or entry.frozen or entry.stat.size > MAX_POINTER_BYTES:
        return False
    path = tree.folder / entry.path
    return path.is_file() and not path.is_symlink() and path.stat().st_size != entry.stat.size


def restore(tree: WorkTree) -> None:
    """Turn those pointers into files whose content is here.

    Git leaves pointers where it undoes something; nothing that was a file may stay one.
    """
    here = [item for item in _restorable(tree) if tree.store.has(item[0].pointer)]
    _fill(tree, here, Reporter(str(tree.folder)))


def _twins(tree: WorkTree, found: list[PointerFile]) -> dict[Pointer, Path]:
    """Return the object that is to be written twice as it arrives, and where; there may be none.

    That pays for one that is larger than all others together: there is nothing else to do while it
    arrives. Several of like size keep the machine busy anyway, and copies within the kernel cost
    less; where blocks are shared they cost nothing.
    """
    missing = {file.pointer for file in found if not tree.store.has(file.pointer)}
    largest = max(missing, key=lambda pointer: pointer.size, default=None)
    if largest is None or largest.size < _WORTH_A_TWIN_BYTES:
        return {}
    if 2 * largest.size <= sum(pointer.size for pointer in missing):
        return {}
    folder = tree.temporary_dir()
    if files.shares_blocks(folder):
        return {}
    return {largest: folder / f"twin-{os.getpid()}-{secrets.token_hex(6)}"}


def _fill(
    tree: WorkTree,
    found: list[tuple[scan.PointerFile, index.Entry]],
    reporter: Reporter,
    twins: dict[Pointer, Path] | None = None,
) -> dict[str, BaseException]:
    if not found:
        return {}
    places = (tree.folder, tree.index_path, tree.temporary_dir())
    return checkout.fill(*places, tree.store, found, reporter, twins)


def _download(
    tree: WorkTree,
    server: Callable[[], ObjectServer],
    found: list[PointerFile],
    reporter: Reporter,
    twins: dict[Pointer, Path],
) -> dict[Pointer, BaseException]:
    missing = {file.pointer: file.path for file in found if not tree.store.has(file.pointer)}
    if not missing:
        return {}
    try:
        return transfer.download(server(), tree.store, missing, reporter, twins=twins)
    except CsgRepoError as error:  # what is missing then is all of them, and nothing but them
        return dict.fromkeys(missing, error)
