"""Digests of large files that were read before, so that an add need not read them again.

A file is known by its device, inode, size and both its times, in nanoseconds. A time tells a later
write apart only if it was over when the reading began: some file systems count in seconds, so a
file that was written to that lately is not noted (git calls such files racily clean).
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
from typing import TYPE_CHECKING

from csgrepo.files import BLOCK, atomic
from csgrepo.lfs.pointer import Pointer

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Hashes"]

_Key = tuple[int, int, int, int, int]

_LINE = re.compile(rb"(\d+) (\d+) (\d+) (\d+) (\d+) ([0-9a-f]{64})")
_MOST = 20_000
_WORTH_NOTING_BYTES = BLOCK
_COARSEST_CLOCK_S = 2  # FAT


class Hashes:
    """What is known of files, kept in one file; losing it costs time and nothing else.

    A wrong line cannot do harm either: whoever asks still needs the object of that digest.

    Args:
        path: the file.

    Example:
        >>> from pathlib import Path
        >>> Hashes(Path("no such file")).of(Path(__file__).stat()) is None
        True
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()  # guards _known and _is_new
        self._known = _read(path)
        self._is_new = False

    def of(self, stat: os.stat_result) -> Pointer | None:
        """Return what a file with this stat data held when it was read."""
        with self._lock:
            oid = self._known.get(_key(stat))
        return Pointer(oid, stat.st_size) if oid else None

    def note(self, stat: os.stat_result, pointer: Pointer, began_s: float) -> None:
        """Remember a file's digest.

        Args:
            stat: its stat data, before and after it was read.
            pointer: what it held.
            began_s: when the reading began, in seconds since 1970.
        """
        age_s = began_s - max(stat.st_mtime, stat.st_ctime)
        if stat.st_size < _WORTH_NOTING_BYTES or age_s < _COARSEST_CLOCK_S:
            return
        if pointer.size == stat.st_size:  # or it is a pointer that was added as such
            with self._lock:
                self._known[_key(stat)] = pointer.oid
                self._is_new = True

    def save(self) -> None:
        """Write it down, the latest twenty thousand; that this fails matters to nobody."""
        with self._lock:
            if not self._is_new:
                return
            latest = list(self._known.items())[-_MOST:]
            self._is_new = False
        lines = (f"{' '.join(map(str, key))} {oid}\n".encode("ascii") for key, oid in latest)
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with atomic(self._path) as stream:
                stream.writelines(lines)


def _key(stat: os.stat_result) -> _Key:
    return (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)


def _read(path: Path) -> dict[_Key, str]:
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError:
        return {}
    known: dict[_Key, str] = {}
    for line in lines:
        if match := _LINE.fullmatch(line):
            dev, ino, size, mtime_ns, ctime_ns = map(int, match.groups()[:5])
            known[dev, ino, size, mtime_ns, ctime_ns] = match[6].decode("ascii")
    return known
