"""What a file holds: read once, named by git and by LFS, and held to not changing afterwards."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from csgrepo.errors import FileChanged, InvalidInput
from csgrepo.files import BLOCK, disk_errors, unreadable
from csgrepo.lfs.pointer import Pointer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from csgrepo.hub.commits.operation import CommitOperationAdd
    from csgrepo.lfs.hashes import Hashes

__all__ = ["LARGEST_IN_GIT", "Content", "read_content"]

LARGEST_IN_GIT = 20 * 1024 * 1024  # the hub refuses a push with a larger file outside LFS

_Stamp = tuple[int, int, int, int, int]


@dataclass(frozen=True, slots=True)
class Content:
    """A file's content, as it was when it was read.

    Attributes:
        name: what a person knows it by.
        size: its length in bytes.
        sha256: the digest that LFS knows it by.
        blob: the id that git knows it by; ``""`` for one that is too large for git.
        path: the file, ``None`` where the content is `data`.
        data: the content itself, where it came as bytes.
        is_program: whether its owner may execute the file.
    """

    name: str
    size: int
    sha256: str
    blob: str
    path: Path | None
    data: bytes = b""
    _stamp: _Stamp | None = None
    is_program: bool = False

    @property
    def pointer(self) -> Pointer:
        """What stands in git for it, if it is kept in LFS."""
        return Pointer(self.sha256, self.size)

    def check(self) -> None:
        """Go on only if the file is still the one that was read.

        Raises:
            FileChanged: it is not.
        """
        if self.path is None or self._stamp is None:
            return
        try:
            now = _stamp_of(self.path.stat())
        except OSError as error:
            raise FileChanged(self.name, "the file vanished") from error
        if now != self._stamp:
            raise FileChanged(self.name, "the file changed")

    def whole(self) -> bytes:
        """Return all of it; for what git is to keep, which is not large.

        Raises:
            FileChanged: it is not what was read before.
        """
        if self.path is None:
            return self.data
        try:
            with self.path.open("rb", buffering=0) as stream:
                content = cast("io.RawIOBase", stream).readall()
        except OSError as error:
            raise FileChanged(self.name, "the file vanished") from error
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise FileChanged(self.name, "the file changed")
        return content

    def on_disk(self, scratch: Path) -> Path:
        """Return a file that holds it; one is written to the folder where there is none."""
        if self.path is not None:
            return self.path
        path = scratch / f"bytes-{self.sha256}"
        if not path.exists():
            with disk_errors(scratch, self.name):
                path.write_bytes(self.data)
        return path


def read_content(
    operation: CommitOperationAdd,
    used: str,
    scratch: Path,
    on_bytes: Callable[[int], object] = lambda count: None,
    *,
    hashes: Hashes | None = None,
) -> Content:
    """Read what is to be added, once, in pieces.

    Args:
        operation: names it.
        used: the repository's hash function.
        scratch: a folder for what comes from a stream, which can be read only once.
        on_bytes: told how many bytes were read.
        hashes: what is known of large files that were read before.

    Raises:
        InvalidInput: there is no such file, it is none, or it may not be read.
        FileChanged: it was written to meanwhile.
    """
    given = operation.path_or_fileobj
    name = operation.path_in_repo
    if isinstance(given, bytes):
        reading = _Reading(len(given), used)
        reading.take(memoryview(given))
        on_bytes(len(given))
        return Content(name, len(given), reading.sha256, reading.blob, None, given)
    if isinstance(given, (str, Path)):
        return _of_file(Path(given), name, used, on_bytes, hashes)
    path = scratch / f"stream-{hashlib.sha256(name.encode()).hexdigest()}"
    with disk_errors(scratch, name), path.open("wb") as target:
        for piece in _pieces(given, name):
            target.write(piece)
    return _of_file(path, name, used, on_bytes, None)


def _pieces(stream: BinaryIO, name: str) -> Iterator[bytes]:
    while piece := stream.read(BLOCK):
        if not isinstance(piece, (bytes, bytearray)):
            raise InvalidInput(f"{name}: the stream gives text; open it in binary mode ('rb')")
        yield bytes(piece)


def _of_file(
    path: Path,
    name: str,
    used: str,
    on_bytes: Callable[[int], object],
    hashes: Hashes | None,
) -> Content:
    began_s = time.time()
    try:
        # Not to wait for a writer, should it be a pipe.
        number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _BINARY)
    except FileNotFoundError as error:
        raise InvalidInput(f"{name}: there is no file {path}") from error
    except IsADirectoryError as error:
        raise InvalidInput(f"{name}: {path} is a folder; use upload_folder for it") from error
    except PermissionError as error:
        raise unreadable(str(path), error) from error
    with os.fdopen(number, "rb", buffering=0) as stream:
        before = os.fstat(stream.fileno())
        if not stat.S_ISREG(before.st_mode):
            folder = "a folder; use upload_folder for it"
            kind = folder if stat.S_ISDIR(before.st_mode) else "a pipe, a socket or a device"
            raise InvalidInput(f"{name}: {path} is not a file but {kind}")
        if hashes and before.st_size > LARGEST_IN_GIT and (known := hashes.of(before)):
            facts = (_stamp_of(before), _is_program(before))
            return Content(name, known.size, known.oid, "", path, b"", *facts)
        reading = _Reading(before.st_size, used)
        buffer = memoryview(bytearray(min(BLOCK, before.st_size + 1)))
        while count := stream.readinto(buffer):
            reading.take(buffer[:count])
            on_bytes(count)
        after = os.fstat(stream.fileno())
    facts = (_stamp_of(after), _is_program(after))
    if facts[0] != _stamp_of(before) or reading.count != before.st_size:
        raise FileChanged(name, "the file changed")
    content = Content(name, reading.count, reading.sha256, reading.blob, path, b"", *facts)
    content.check()
    if hashes and content.size > LARGEST_IN_GIT:
        hashes.note(after, content.pointer, began_s)
    return content


_BINARY = getattr(os, "O_BINARY", 0)


def _stamp_of(found: os.stat_result) -> _Stamp:
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _is_program(found: os.stat_result) -> bool:
    return os.name == "posix" and bool(found.st_mode & stat.S_IXUSR)


class _Reading:
    """Both digests of one content, fed piece by piece."""

    def __init__(self, size: int, used: str) -> None:
        self.count = 0
        self._sha256 = hashlib.sha256()
        self._blob = None
        if size <= LARGEST_IN_GIT:
            self._blob = hashlib.new(used, b"blob %d\0" % size, usedforsecurity=False)

    def take(self, piece: memoryview) -> None:
        self.count += len(piece)
        self._sha256.update(piece)
        if self._blob:
            self._blob.update(piece)

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()

    @property
    def blob(self) -> str:
        return self._blob.hexdigest() if self._blob else ""
