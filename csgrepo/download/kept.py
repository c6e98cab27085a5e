"""What came of a file from an address, kept so that a later call can go on with it.

Two hidden files beside the one that it is to be: its bytes, and a note. The note's first line is
the server's tag for the file and its length; behind it stands a record for each whole block, as for
`csgrepo.download.part`. A later call takes over the blocks that still have their CRC, and asks for
the rest on the condition that the tag is still the same.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import zlib
from typing import TYPE_CHECKING

from csgrepo.download.part import BLOCK, record, recorded
from csgrepo.files import disk_errors
from csgrepo.http.address import shown

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

__all__ = ["Kept"]


class Kept:
    """The bytes of one address on their way to one file, in order; one process has them at a time.

    Args:
        target: the file.
        url: the address; a query in it is passed over, for it may be another for each call.
        keep: leave behind what came when it does not come to its end.

    Attributes:
        tag: the server's tag of what is here; ``""`` where that cannot be gone on with.
        size: the length of the whole, if that is known.
        start: how many bytes are here.
    """

    def __init__(self, target: Path, url: str, *, keep: bool = True) -> None:
        key = shown(url) if keep else secrets.token_hex(16)
        name = f".{target.name[:20]}.{hashlib.sha256(key.encode()).hexdigest()[:16]}"
        self._keep = keep
        self.path = target.with_name(f"{name}.part")
        self.tag = ""
        self.size: int | None = None
        self.start = 0
        self._target = target
        self._note_path = target.with_name(f"{name}.note")
        self._block = 0  # the number of the one that is under way
        self._length = 0
        self._crc = 0
        self._file: BinaryIO
        self._note: BinaryIO

    def __enter__(self) -> Kept:
        with contextlib.ExitStack() as on_failure, disk_errors(self.path):
            self._file = on_failure.enter_context(self.path.open("a+b"))
            self._note = on_failure.enter_context(self._note_path.open("a+b"))
            self._recover()
            on_failure.pop_all()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._file.close()
        self._note.close()
        if kind is None or not (self._keep and self.tag):
            self.path.unlink(missing_ok=True)
            self._note_path.unlink(missing_ok=True)

    def begin(self, tag: str, size: int | None) -> None:
        """Hear what the server says of the file before its first byte.

        Args:
            tag: what stays the same while the file does; ``""`` where the server has no such tag.
            size: the length of the whole.
        """
        if self._block or self._length:
            return
        self.tag, self.size = tag if size else "", size
        self._note.truncate(0)
        self._note.write(_header(self.tag, self.size))

    def write(self, piece: bytes) -> None:
        """Take the next bytes, and record each block that they complete."""
        view = memoryview(piece)
        with disk_errors(self._target):
            while view:
                part = view[: BLOCK - self._length]
                self._file.write(part)
                self._crc = zlib.crc32(part, self._crc)
                self._length += len(part)
                view = view[len(part) :]
                if self._length == BLOCK:
                    self._record()

    def forget(self) -> None:
        """Begin anew: the server sends the file from its beginning."""
        self._file.truncate(0)
        self._note.truncate(0)
        self.tag, self.size, self.start = "", None, 0
        self._block = self._length = self._crc = 0

    def become_target(self) -> None:
        """Give the whole file its name."""
        with disk_errors(self._target):
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self.path.replace(self._target)

    def _record(self) -> None:
        self._file.flush()
        self._note.write(record(self._block, self._crc))
        self._note.flush()
        self._block, self._length, self._crc = self._block + 1, 0, 0

    def _recover(self) -> None:
        """Learn what is here: the blocks from the first on that are as they were recorded.

        The last one of a file is left out, so that the server is asked in any case.
        """
        self._note.seek(0)
        content = self._note.read()
        end = content.find(b"\n") + 1
        try:
            tag, size = json.loads(content[:end])
            most = (int(size) - 1) // BLOCK
        except (ValueError, TypeError):
            self.forget()
            return
        crcs, _ = recorded(content, end)
        self._file.seek(0)
        count = 0
        while count < most and zlib.crc32(self._file.read(BLOCK)) == crcs.get(count):
            count += 1
        self.start = count * BLOCK
        self._file.truncate(self.start)
        self._note.truncate(0)
        if not (isinstance(tag, str) and tag and count):
            self.forget()
            return
        self.tag, self.size, self._block = tag, size, count
        self._note.write(_header(tag, size) + b"".join(record(i, crcs[i]) for i in range(count)))
        self._note.flush()


def _header(tag: str, size: int | None) -> bytes:
    return json.dumps([tag, size]).encode() + b"\n"
