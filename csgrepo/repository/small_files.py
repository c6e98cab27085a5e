"""Files that git keeps itself: many go into one pack, and none is a pointer that lost its way."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from csgrepo.errors import InvalidInput
from csgrepo.files import BLOCK
from csgrepo.git import packing
from csgrepo.lfs.pointer import MAX_POINTER_BYTES, Pointer
from csgrepo.repository.changes import Staged

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from pathlib import Path

    from csgrepo.git.settings import GitSettings
    from csgrepo.repository.changes import Candidate
    from csgrepo.repository.layout import WorkTree

__all__ = ["pack", "pointer_in", "refuse_stray_pointers"]

_SMALLEST_POINTER = 100
_LARGEST_BYTES = BLOCK
_WORTH_A_PACK = 1000  # files; what is fewer git adds about as fast itself
# A file that gives way to a pipe while it is looked at must not make us wait for its other end.
_OPEN = os.O_RDONLY | sum(
    getattr(os, name, 0) for name in ("O_BINARY", "O_CLOEXEC", "O_NOFOLLOW", "O_NONBLOCK")
)


def pack(
    tree: WorkTree, plain: Iterable[Candidate], converted: Collection[str], settings: GitSettings
) -> dict[str, Staged]:
    """Write the contents of many small files into one pack.

    Args:
        tree: the working copy.
        plain: files that do not go to LFS.
        converted: those of them that git may keep otherwise than they are.
        settings: git's settings.

    Returns:
        What was written, by path. Files that are few, longer than 1 MiB, converted, or written to
        meanwhile are left to git, which has its own ways with them.

    Raises:
        InvalidInput: a file is an LFS pointer that would be committed as ordinary content.
        DiskFull: there is no room.
    """
    fit = [c for c in plain if _fits(c) and c.path not in converted]
    if len(fit) < _WORTH_A_PACK or not settings.is_off("core.autocrlf"):
        return {}
    read: list[Candidate] = []
    contents = _contents(tree.folder, fit, read)
    oids = packing.write_blobs(tree.git, contents, tree.git_dir, tree.temporary_dir())
    return {
        candidate.path: Staged(candidate, oid, candidate.stat)
        for candidate, oid in zip(read, oids, strict=True)
        if candidate.stat is not None
    }


def _fits(candidate: Candidate) -> bool:
    """Tell whether a file is short and new or changed; one that may be as it was git looks at."""
    if candidate.stat is None or not candidate.is_file or candidate.size > _LARGEST_BYTES:
        return False
    return candidate.entry is None or not candidate.entry.stat.matches(candidate.stat)


def _contents(root: Path, files: Sequence[Candidate], read: list[Candidate]) -> Iterator[bytes]:
    """Yield the contents of those files that are still as they were found, and note which."""
    start = os.path.join(root, "")
    for candidate in files:
        content = _content(start + candidate.path, candidate.stat)
        if content is None:
            continue
        if _may_be_pointer(candidate) and Pointer.parse(content):
            raise _stray(candidate.path)
        read.append(candidate)
        yield content


def _content(path: str, found: os.stat_result | None) -> bytes | None:
    try:
        handle = os.open(path, _OPEN)
    except OSError:
        return None
    try:
        before = os.fstat(handle)
        if found is None or _facts(before) != _facts(found):
            return None
        content = os.read(handle, before.st_size + 1)
        return content if _facts(os.fstat(handle)) == _facts(found) else None
    finally:
        os.close(handle)


def _facts(stat: os.stat_result) -> tuple[int, ...]:
    return stat.st_ino, stat.st_mode, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


def refuse_stray_pointers(tree: WorkTree, plain: Iterable[Candidate]) -> None:
    """Refuse a pointer under a name that is not in LFS.

    Raises:
        InvalidInput: it would be committed as if it were the content.
    """
    for candidate in plain:
        if pointer_in(tree, candidate):
            raise _stray(candidate.path)


def _stray(path: str) -> InvalidInput:
    return InvalidInput(
        f"{path} is only an LFS pointer, and its name is not tracked with LFS, so the pointer "
        "itself would be committed in place of the content. "
        f"Fetch the content (git_pull(lfs=True)), or lfs_track({path!r}, filename=True)."
    )


def pointer_in(tree: WorkTree, candidate: Candidate) -> Pointer | None:
    """Return the pointer that a file is, if it is one."""
    if not _may_be_pointer(candidate):
        return None
    try:
        return Pointer.parse((tree.folder / candidate.path).read_bytes())
    except FileNotFoundError:
        return None


def _may_be_pointer(candidate: Candidate) -> bool:
    return candidate.is_file and _SMALLEST_POINTER <= candidate.size <= MAX_POINTER_BYTES
