"""Pointers in the work tree become files, and the index learns what they look like."""

from __future__ import annotations

import errno
import os
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING

from csgrepo import files
from csgrepo.crew import share_out
from csgrepo.errors import CsgRepoError, DiskFull
from csgrepo.git import index
from csgrepo.lfs import scan

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from csgrepo.git.index import Entry
    from csgrepo.lfs.pointer import Pointer
    from csgrepo.lfs.scan import PointerFile
    from csgrepo.lfs.store import Store
    from csgrepo.progress import Reporter

__all__ = ["fill"]

_WORKERS = 4


def fill(  # noqa: PLR0917 - the places a checkout connects
    root: Path,
    index_path: Path,
    temporary_dir: Path,
    store: Store,
    found: Sequence[tuple[PointerFile, Entry]],
    reporter: Reporter,
    twins: Mapping[Pointer, Path] | None = None,
) -> dict[str, BaseException]:
    """Replace pointers by the content that is in the store.

    The content is copied (or its blocks shared) under a temporary name out of git's sight and
    renamed over the pointer. Its time of change is set to an earlier second, so that git takes the
    index at its word and does not read the file to make sure. A file that somebody has written to,
    or removed, since the pointers were found is left alone.

    Args:
        root: the work tree's root.
        index_path: the index file.
        temporary_dir: a folder on the work tree's file system.
        store: has all of the content.
        found: the pointers, as `scan.in_work_tree` found them.
        reporter: is told of every file.
        twins: copies of objects, ready to be renamed into place; used up where they serve.

    Returns:
        The files that could not be written, and why; all others are done.

    Raises:
        DiskFull: there is no room; files that were done stay, the rest are still pointers.
    """
    changed_ns = (int(time.time()) - 2) * 10**9
    ready = {pointer: path for pointer, path in (twins or {}).items() if path.exists()}

    stats: dict[str, tuple[str, os.stat_result]] = {}

    def place(item: tuple[PointerFile, Entry]) -> None:
        file, entry = item
        target = files.safe_join(root, file.path)
        with reporter.task("checkout", file.path, file.size) as task:
            source = ready.pop(file.pointer, None) or store.path(file.oid)
            stat = _replace(source, target, entry, temporary_dir, changed_ns)
            task.advance(file.size)
        if stat:
            stats[file.path] = (entry.oid, stat)

    try:
        done = share_out(
            found,
            place,
            size=lambda item: item[0].size,
            workers=_WORKERS,
            name="csgrepo-checkout",
            stops=lambda error: isinstance(error, DiskFull),
            break_off=lambda: None,  # what is being written, the index is to know
        )
    finally:
        oid_bytes = len(found[0][1].oid) // 2 if found else 20
        index.write_stats(root, index_path, stats, oid_bytes=oid_bytes)
    failures: dict[str, BaseException] = {}
    for one in done:
        if isinstance(one.error, (CsgRepoError, OSError)) and not isinstance(one.error, DiskFull):
            failures[one.item[0].path] = one.error
        elif one.error:
            raise one.error
    return failures


def _replace(
    source: Path, target: Path, entry: Entry, temporary_dir: Path, changed_ns: int
) -> os.stat_result | None:
    if not scan.is_still_pointer(target, entry):
        return None
    mode = target.stat().st_mode & 0o777
    temporary = temporary_dir / f"checkout-{os.getpid()}-{secrets.token_hex(6)}"
    with files.disk_errors(target):
        try:
            if source.parent == temporary_dir:
                source.replace(temporary)
            else:
                copy(source, temporary)
            temporary.chmod(mode)
            os.utime(temporary, ns=(changed_ns, changed_ns))
            if not scan.is_still_pointer(target, entry):  # the copy took its time
                return None
            _rename(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)
    return target.lstat()


def _rename(temporary: Path, target: Path) -> None:
    try:
        temporary.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        # The work tree is on another file system than .git: copy beside the target first.
        beside = target.with_name(f".{target.name[:20]}.{secrets.token_hex(6)}.tmp")
        try:
            copy(temporary, beside)
            stat = temporary.stat()
            beside.chmod(stat.st_mode & 0o777)
            os.utime(beside, ns=(stat.st_atime_ns, stat.st_mtime_ns))
            beside.replace(target)
        finally:
            beside.unlink(missing_ok=True)


def copy(source: Path, target: Path) -> None:
    """Copy a file's content to a new file: shared blocks, in the kernel, or piece by piece."""
    with source.open("rb", buffering=0) as reader, target.open("xb", buffering=0) as writer:
        if files.reflink(reader, writer):
            return
        size = os.fstat(reader.fileno()).st_size
        if not _copied_by_kernel(reader.fileno(), writer.fileno(), size):
            reader.seek(0)
            writer.seek(0)
            writer.truncate()
            while block := reader.read(files.BLOCK):
                _write_all(writer.fileno(), block)


def _copied_by_kernel(reader: int, writer: int, size: int) -> bool:
    if not hasattr(os, "copy_file_range"):
        return False
    left = size
    try:
        while left:
            count = os.copy_file_range(reader, writer, left)
            if not count:
                return False
            left -= count
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EIO}:
            raise
        return False
    return True


def _write_all(handle: int, block: bytes) -> None:
    view = memoryview(block)
    while view:
        view = view[os.write(handle, view) :]
