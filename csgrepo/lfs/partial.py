"""A download under way in a file of its own, which the next process goes on with.

What is there is hashed again before anything is added to it, so that bytes which a crash left
behind count only if the whole has the right digest in the end.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from typing import TYPE_CHECKING, BinaryIO

from csgrepo import files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Partial"]


class Partial:
    """The file of one object, until it is whole.

    Two processes that fetch the same object at once do not share it: the second has one of its
    own, which nobody goes on with.

    Args:
        folder: where such files are; made when needed.
        oid: the object.
    """

    def __init__(self, folder: Path, oid: str) -> None:
        self._shared = folder / f"csgrepo-{oid}.part"
        self._alone = self._shared.with_suffix(f".{secrets.token_hex(6)}")
        self._target: Path | None = None

    @contextlib.contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Open it for reading and writing, as nobody else has it.

        On any exception it stays, for the next to go on with; unless nobody would.

        Raises:
            DiskFull: there is no room.
        """
        with files.disk_errors(self._shared):
            self._shared.parent.mkdir(parents=True, exist_ok=True)
            if stream := self._owned():
                with stream:
                    yield stream
                    stream.flush()
                    self._move(self._shared)  # while it is owned, or another would go on with it
            else:
                try:
                    with self._alone.open("x+b") as stream:
                        yield stream
                    self._move(self._alone)
                finally:
                    self._alone.unlink(missing_ok=True)

    def _owned(self) -> BinaryIO | None:
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)
        stream = os.fdopen(os.open(self._shared, flags, 0o666), "r+b")
        # Whoever had it before may have taken it away meanwhile, whole.
        if files.own(stream) and _is(stream, self._shared):
            return stream
        stream.close()
        return None

    def become(self, target: Path) -> None:
        """Have the file, which is whole, take its place at the end of the block."""
        target.parent.mkdir(parents=True, exist_ok=True)
        self._target = target

    def _move(self, path: Path) -> None:
        if self._target:
            path.replace(self._target)


def _is(stream: BinaryIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(stream.fileno()), path.stat())
    except FileNotFoundError:
        return False
