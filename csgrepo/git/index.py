"""The index: reading what git remembers of the work tree, and filling in stat data.

Git writes the entries (``git update-index``), because it alone knows every version and extension of
the format and keeps its cached tree in step. What it cannot do is record stat data for a file whose
content it did not read itself; without it the next ``git status`` would run the filter over the
whole file. That is done here, in place: ten numbers of an entry are overwritten and the checksum
renewed; nothing is inserted, moved or dropped.

Follows https://git-scm.com/docs/index-format, versions 2 to 4.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import struct
from typing import TYPE_CHECKING, NamedTuple

from csgrepo.errors import GitError
from csgrepo.files import disk_errors
from csgrepo.git import locks
from csgrepo.git.runner import git_version

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = [
    "Entry",
    "SplitIndex",
    "StatData",
    "read",
    "read_bytes",
    "write_stats",
]

_HEADER = struct.Struct(">4sII")
_STAT = struct.Struct(">10I")
_FLAGS = struct.Struct(">H")

_ASSUME_VALID = 0x8000
_EXTENDED = 0x4000
_STAGE = 0x3000
_SKIP_WORKTREE = 0x4000  # in the second flag word

_SPLIT = b"link"
_MASK = 0xFFFFFFFF


# Both classes are named tuples because those are made, by the hundred thousand, five times as fast
# as frozen dataclasses.


class StatData(NamedTuple):
    """The ten numbers of an entry, as 32-bit words."""

    ctime_s: int
    ctime_ns: int
    mtime_s: int
    mtime_ns: int
    dev: int
    ino: int
    mode: int
    uid: int
    gid: int
    size: int

    def matches(self, stat: os.stat_result) -> bool:
        """Tell whether a file still looks as it did; mode and device do not count."""
        mtime_s, mtime_ns = divmod(stat.st_mtime_ns, 10**9)
        ctime_s, ctime_ns = divmod(stat.st_ctime_ns, 10**9)
        return (
            self.mtime_s == mtime_s & _MASK
            and self.ctime_s == ctime_s & _MASK
            and self.mtime_ns in {0, mtime_ns}
            and self.ctime_ns in {0, ctime_ns}
            and self.ino == stat.st_ino & _MASK
            and self.size == _size_word(stat.st_size)
        )

    @classmethod
    def of(cls, stat: os.stat_result, mode: int) -> StatData:
        """Return what git would note of a file, with the mode its entry has."""
        return cls(
            stat.st_ctime_ns // 10**9 & _MASK,
            stat.st_ctime_ns % 10**9,
            stat.st_mtime_ns // 10**9 & _MASK,
            stat.st_mtime_ns % 10**9,
            stat.st_dev & _MASK,
            stat.st_ino & _MASK,
            mode,
            stat.st_uid & _MASK,
            stat.st_gid & _MASK,
            _size_word(stat.st_size),
        )


def _size_word(size: int) -> int:
    """Cut a size to 32 bits as this git does.

    0 means "look at the content" to git, so a file of exactly 4 GiB would be read at every status;
    since 2.43 git notes 0x80000000 for it. Older versions would call that a change.
    """
    word = size & _MASK
    if word == 0 and size and git_version() >= (2, 43):
        return 0x80000000
    return word


class Entry(NamedTuple):
    """An entry of the index.

    Attributes:
        path: the name, relative to the work tree.
        oid: the blob's id (hex).
        stat: what git noted of the file when it last looked.
        stage: 0, or 1 to 3 in a conflict.
        frozen: whether git was told not to look at the file (assume-valid, skip-worktree).
        offset: where its stat data begins in the index file.
    """

    path: str
    oid: str
    stat: StatData
    stage: int
    frozen: bool
    offset: int

    @property
    def is_regular(self) -> bool:
        """Whether it is a file, not a link or a submodule."""
        return self.stat.mode & 0o170000 == 0o100000


class SplitIndex(GitError):
    """Most entries are in another file, which this index only refers to."""


def read(path: Path, *, oid_bytes: int = 20) -> list[Entry]:
    """Return the entries of an index file; none if there is no file yet.

    Args:
        path: the index file.
        oid_bytes: 20, or 32 in a SHA-256 repository.

    Raises:
        GitError: the file is not an index this understands.
    """
    try:
        return read_bytes(path.read_bytes(), oid_bytes=oid_bytes, name=str(path))
    except FileNotFoundError:
        return []


def read_bytes(data: bytes, *, oid_bytes: int = 20, name: str = "the index") -> list[Entry]:
    """Return the entries in the bytes of an index file.

    Raises:
        GitError: the bytes are not an index this understands.
    """
    return list(_entries(data, oid_bytes, name))


def _entries(data: bytes, oid_bytes: int, name: str) -> Iterator[Entry]:
    try:
        signature, version, count = _HEADER.unpack_from(data)
        if signature != b"DIRC" or version not in {2, 3, 4}:
            raise GitError(f"{name} is not an index of version 2, 3 or 4; run `git status` in it")
        offset = _HEADER.size
        previous = b""
        for _ in range(count):
            entry, raw, offset = _entry(data, offset, version, oid_bytes, previous)
            previous = raw
            yield entry
        if _is_split(data, offset, oid_bytes):
            raise SplitIndex(
                f"{name} is split in two; `git update-index --no-split-index` joins it"
            )
    except (struct.error, ValueError, IndexError) as error:
        raise GitError(f"{name} is damaged; `git read-tree HEAD` makes a new one") from error


def _is_split(data: bytes, at: int, oid_bytes: int) -> bool:
    """Look through the extensions, which follow the entries, for one that names another file."""
    while at + 8 <= len(data) - oid_bytes:
        size = int.from_bytes(data[at + 4 : at + 8], "big")
        if data[at : at + 4] == _SPLIT:
            return any(data[at + 8 : at + 8 + oid_bytes])
        at += 8 + size
    return False


def _entry(
    data: bytes, start: int, version: int, oid_bytes: int, previous: bytes
) -> tuple[Entry, bytes, int]:
    stat = _stat(data, start)
    at = start + _STAT.size
    oid = data[at : at + oid_bytes].hex()
    at += oid_bytes
    (flags,) = _FLAGS.unpack_from(data, at)
    at += 2
    frozen = bool(flags & _ASSUME_VALID)
    if version > 2 and flags & _EXTENDED:
        (more,) = _FLAGS.unpack_from(data, at)
        frozen = frozen or bool(more & _SKIP_WORKTREE)
        at += 2
    if version == 4:
        strip, at = _varint(data, at)
        end = data.index(b"\0", at)
        raw = previous[: len(previous) - strip] + data[at:end]
        after = end + 1
    else:
        end = data.index(b"\0", at)
        raw = data[at:end]
        after = start + (end - start + 8 & ~7)  # padded with 1 to 8 NUL bytes
    entry = Entry(os.fsdecode(raw), oid, stat, (flags & _STAGE) >> 12, frozen, start)
    return entry, raw, after


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Read an offset-encoded number, as pack files have it."""
    byte = data[at]
    at += 1
    value = byte & 0x7F
    while byte & 0x80:
        byte = data[at]
        at += 1
        value = (value + 1 << 7) | (byte & 0x7F)
    return value, at


def write_stats(
    root: Path, path: Path, stats: Mapping[str, tuple[str, os.stat_result]], *, oid_bytes: int = 20
) -> int:
    """Note stat data for entries whose content is known to match their file.

    An entry is touched only if it still has the blob it is expected to have, so that a change made
    by another git command in between is never declared clean. Nor is a file that was written to in
    between: git compares whole seconds, and would not notice it later. Nor is any other file that
    git still doubts: that its entry is of the very second of the index is seen no more once the
    index is a later one.

    Args:
        root: the work tree's root.
        path: the index file.
        stats: path → (blob id, stat data of the file with that content).
        oid_bytes: 20, or 32 in a SHA-256 repository.

    Returns:
        How many entries were filled in.

    Raises:
        GitError: another git command holds the index, or it is not understood.
    """
    if not stats:
        return 0
    with _locked(path, root) as lock:
        data = bytearray(path.read_bytes())
        written_s = path.stat().st_mtime_ns // 10**9
        filled: set[str] = set()
        doubtful: dict[str, int] = {}  # where their entries are; a hundred thousand take room
        for entry in _entries(bytes(data), oid_bytes, str(path)):
            oid, stat = stats.get(entry.path, ("", None))
            if stat is not None and entry.stage == 0 and entry.oid == oid:
                noted = StatData.of(stat, entry.stat.mode)
                _STAT.pack_into(data, entry.offset, *noted)
                filled.add(entry.path)
                doubtful[entry.path] = entry.offset
            elif entry.stage == 0 and entry.stat.mtime_s >= written_s and not entry.frozen:
                doubtful[entry.path] = entry.offset
        _renew_checksum(data, oid_bytes)
        lock.write(data)
        # What is written to after this look has the second of the index or a later one, and git
        # notices either; so the look comes after the index has its time.
        while changed := [p for p, at in doubtful.items() if not _is_as(root / p, _stat(data, at))]:
            for name in changed:
                offset = doubtful.pop(name)
                filled.discard(name)
                _STAT.pack_into(data, offset, *_unknown(_stat(data, offset).mode))
            _renew_checksum(data, oid_bytes)
            lock.write(data)
    return len(filled)


def _stat(data: bytes | bytearray, offset: int) -> StatData:
    return StatData._make(_STAT.unpack_from(data, offset))


def _is_as(path: Path, noted: StatData) -> bool:
    try:
        return noted.matches(path.lstat())
    except (FileNotFoundError, NotADirectoryError):
        return False


def _unknown(mode: int) -> StatData:
    """Return what makes git look at the content."""
    return StatData(0, 0, 0, 0, 0, 0, mode, 0, 0, 0)


def _renew_checksum(data: bytearray, oid_bytes: int) -> None:
    if not any(data[-oid_bytes:]):
        return  # index.skipHash: git itself left it out
    algorithm = "sha1" if oid_bytes == 20 else "sha256"
    digest = hashlib.new(algorithm, memoryview(data)[:-oid_bytes], usedforsecurity=False)
    data[-oid_bytes:] = digest.digest()


class _Lock:
    """``index.lock``, as git takes it: what is written there replaces the index on leaving."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def write(self, data: bytearray) -> None:
        os.lseek(self._handle, 0, os.SEEK_SET)
        view = memoryview(data)
        while view:
            view = view[os.write(self._handle, view) :]
        os.fsync(self._handle)


@contextlib.contextmanager
def _locked(path: Path, root: Path) -> Iterator[_Lock]:
    lock = path.with_name(path.name + ".lock")
    handle = _create(lock, root)
    try:
        with disk_errors(path):
            try:
                yield _Lock(handle)
            finally:
                os.close(handle)
            lock.replace(path)
    except BaseException:
        lock.unlink(missing_ok=True)
        raise


def _create(lock: Path, root: Path) -> int:
    wait = None
    while True:
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
            return os.open(lock, flags, 0o666)
        except FileExistsError:
            wait = wait or locks.Wait(lock, (lock.parent, root))
            wait.a_while()
