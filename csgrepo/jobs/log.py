"""The log of a job: what git and the server said, and between it our own lines.

Our lines carry the time, so that both can be told apart again::

    2025-11-21 09:44:03 | job 3: push main to https://hub/a/b
    remote: checking 3 objects
"""

from __future__ import annotations

import os
import re
import threading
import time
from typing import TYPE_CHECKING

from csgrepo.redact import redact

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["JobLog", "read_own", "read_said"]

_OWN = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \| ")
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
_LONGEST_LINE = 1024 * 1024
_LONGEST_SECRET = 4096
_TAIL = 256 * 1024  # what a reader gets at most, so that looking stays cheap


class JobLog:
    """A log that is written line by line, secrets masked; safe to use from several threads.

    A log that cannot be written, on a full disk for one, does not stop the push.

    Args:
        path: the file; what an earlier run wrote is kept.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()  # guards _rest and the file
        self._rest = b""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, _FLAGS, 0o666)
        except OSError:
            self._file = -1

    def hear(self, piece: bytes) -> None:
        """Take what git or the server said, in pieces of any size."""
        with self._lock:
            lines, self._rest = _whole_lines(self._rest + piece)
            self._write(lines)

    def say(self, text: str) -> None:
        """Add lines of our own."""
        stamp = time.strftime("%Y-%m-%d %H:%M:%S | ")
        with self._lock:
            self._end_line()
            self._write("".join(f"{stamp}{line}\n" for line in text.splitlines()).encode())

    def close(self) -> None:
        """Write what is left and let go of the file."""
        with self._lock:
            self._end_line()
            if self._file >= 0:
                os.close(self._file)
            self._file = -1

    def _end_line(self) -> None:
        if self._rest:
            self._write(self._rest + b"\n")
            self._rest = b""

    def _write(self, lines: bytes) -> None:
        # What a terminal would overwrite is kept, as lines.
        lines = lines.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        text = redact(lines.decode("utf-8", "replace")).encode()
        try:
            while text and self._file >= 0:
                text = text[os.write(self._file, text) :]
        except OSError:
            return


def _whole_lines(text: bytes) -> tuple[bytes, bytes]:
    """Split what can be written from what must wait, so that no secret is cut in two."""
    cut = max(text.rfind(b"\n"), text.rfind(b"\r")) + 1
    if len(text) - cut > _LONGEST_LINE:
        cut = len(text) - _LONGEST_SECRET
        while cut > 0 and _cuts_a_secret(text, cut):
            cut -= _LONGEST_SECRET
    return text[: max(cut, 0)], text[max(cut, 0) :]


def _cuts_a_secret(text: bytes, cut: int) -> bool:
    start = max(0, cut - 2 * _LONGEST_SECRET)
    around = text[start : cut + 2 * _LONGEST_SECRET].decode("latin-1")
    head, tail = around[: cut - start], around[cut - start :]
    return redact(around) != redact(head) + redact(tail)


def read_said(path: Path) -> str:
    """Return what git and the server said so far; of much, the end."""
    return "".join(line for line in _tail(path) if not _OWN.match(line))


def read_own(path: Path) -> str:
    """Return our own lines so far; of many, the last."""
    return "".join(line for line in _tail(path) if _OWN.match(line))


def _tail(path: Path) -> list[str]:
    try:
        with path.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            stream.seek(max(0, size - _TAIL))
            content = stream.read(_TAIL)
    except OSError:
        return []
    if size > _TAIL:
        content = content.partition(b"\n")[2] or content
    # Not `splitlines`: it would also split at characters that are no line ends to git.
    return re.findall(r"[^\n]*\n|[^\n]+", content.decode("utf-8", "replace"))
