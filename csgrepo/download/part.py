"""A file under way: its blocks, which of them are there, and what makes them trusted.

Two files in the folder for parts. ``<id>.part`` has the file's length and gets its blocks in any
order. ``<id>.blocks`` gets a record for each block once that is written: its number, its CRC-32,
and the CRC-32 of the record. After a crash a block is taken for present when its record is whole
and its bytes still have that CRC; anything else is fetched again. The digest of the whole file
decides in the end, so a CRC that happens to fit costs time and no more.
"""

from __future__ import annotations

import hashlib
import os
import struct
import threading
import zlib
from typing import TYPE_CHECKING

from csgrepo.files import disk_errors

if TYPE_CHECKING:
    from pathlib import Path

    from csgrepo.cache import TreeFile

__all__ = ["BLOCK", "Part", "record", "recorded"]

BLOCK = 256 * 1024  # what a crash costs on each connection
_RECORD = struct.Struct("<III")
_HEADER = b"csgrepo blocks 1 %d\n"


class Part:
    """The blocks of one file; one process has it open at a time, its threads share it.

    Args:
        folder: where parts are kept.
        file: what it will be.

    Attributes:
        path: the blocks.
    """

    def __init__(self, folder: Path, file: TreeFile) -> None:
        self.path = folder / f"{file.blob}.part"
        self.size = file.size
        self.count = -(-file.size // BLOCK)
        self._records = folder / f"{file.blob}.blocks"
        self._lock = threading.Lock()  # guards _crcs and the end of _journal
        self._crcs: dict[int, int] = {}
        self._handle = -1
        self._journal = -1

    def __enter__(self) -> Part:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with disk_errors(self.path):
            binary = getattr(os, "O_BINARY", 0)
            self._handle = os.open(self.path, os.O_RDWR | os.O_CREAT | binary, 0o666)
            try:
                self._journal = os.open(self._records, os.O_RDWR | os.O_CREAT | binary, 0o666)
                self._recover()
            except BaseException:
                self.close()
                raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the files; they stay."""
        for handle in (self._handle, self._journal):
            if handle != -1:
                os.close(handle)
        self._handle = self._journal = -1

    def has(self, index: int) -> bool:
        """Tell whether a block is there."""
        return index in self._crcs

    def missing(self) -> list[int]:
        """Return the numbers of the blocks that are not there."""
        return [index for index in range(self.count) if index not in self._crcs]

    def length(self, index: int) -> int:
        """Return how long a block is; the last may be shorter."""
        return min(BLOCK, self.size - index * BLOCK)

    def write(self, index: int, content: bytes | memoryview) -> bool:
        """Store a block, and record it; returns whether it is another than was there before."""
        crc = zlib.crc32(content)
        if self._crcs.get(index) == crc:
            return False
        with disk_errors(self.path):
            _write_at(self._handle, content, index * BLOCK, self._lock)
            with self._lock:
                os.write(self._journal, record(index, crc))
                self._crcs[index] = crc
        return True

    def rotten(self) -> list[int]:
        """Return the numbers of blocks that are no longer as they came, and forget those."""
        found = [i for i, crc in sorted(self._crcs.items()) if zlib.crc32(self.read(i)) != crc]
        for index in found:
            del self._crcs[index]
        return found

    def discard(self) -> None:
        """Remove it: its bytes are not what they should be."""
        self.close()
        self._crcs.clear()
        self._records.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)

    def read(self, index: int) -> bytes:
        """Return a block."""
        return _read_at(self._handle, self.length(index), index * BLOCK, self._lock)

    def digest(self, first: int, last: int) -> bytes:
        """Return the SHA-256 of the blocks from first to last."""
        digest = hashlib.sha256()
        for index in range(first, last + 1):
            digest.update(self.read(index))
        return digest.digest()

    def become(self, target: Path) -> None:
        """Give the whole file its name; until here nothing could take it for that."""
        with disk_errors(target):
            os.fsync(self._handle)
            self.close()
            target.parent.mkdir(parents=True, exist_ok=True)
            self.path.replace(target)
        self._records.unlink(missing_ok=True)

    def _recover(self) -> None:
        """Learn which blocks were recorded and are still as they were; forget a torn record."""
        content = b""
        while piece := os.read(self._journal, 1 << 20):
            content += piece
        header = _HEADER % self.size
        if not content.startswith(header) or os.fstat(self._handle).st_size != self.size:
            os.ftruncate(self._journal, 0)
            os.ftruncate(self._handle, self.size)
            os.lseek(self._journal, 0, os.SEEK_SET)
            os.write(self._journal, header)
            return
        known, end = recorded(content, len(header))
        os.ftruncate(self._journal, end)
        os.lseek(self._journal, end, os.SEEK_SET)
        for index, crc in sorted(known.items()):
            if index < self.count and zlib.crc32(self.read(index)) == crc:
                self._crcs[index] = crc


def recorded(content: bytes, end: int) -> tuple[dict[int, int], int]:
    """Return each block's CRC, and where the last whole record ends.

    Args:
        content: a journal.
        end: where its records begin.
    """
    found: dict[int, int] = {}
    while end + _RECORD.size <= len(content):
        index, crc, check = _RECORD.unpack_from(content, end)
        if check != zlib.crc32(content[end : end + 8]):
            break
        found[index] = crc
        end += _RECORD.size
    return found, end


def record(index: int, crc: int) -> bytes:
    """Return what a journal gets for a block that was written."""
    start = _RECORD.pack(index, crc, 0)[:8]
    return start + zlib.crc32(start).to_bytes(4, "little")


def _write_at(handle: int, content: bytes | memoryview, offset: int, lock: threading.Lock) -> None:
    view = memoryview(content)
    if hasattr(os, "pwrite"):
        while view:
            done = os.pwrite(handle, view, offset)
            view, offset = view[done:], offset + done
        return
    with lock:  # Windows: one position for all threads
        os.lseek(handle, offset, os.SEEK_SET)
        while view:
            view = view[os.write(handle, view) :]


def _read_at(handle: int, length: int, offset: int, lock: threading.Lock) -> bytes:
    if hasattr(os, "pread"):
        return os.pread(handle, length, offset)
    with lock:
        os.lseek(handle, offset, os.SEEK_SET)
        return os.read(handle, length)
