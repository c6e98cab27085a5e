"""The bytes of LFS objects: content-addressed, whole or absent, one folder for each repository."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import shutil
import time
from typing import TYPE_CHECKING

from csgrepo.files import disk_errors

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Arrived", "Incoming", "ObjectStore", "note_path", "object_path", "stored_size"]

_OID = re.compile(r"[0-9a-f]{64}")


def object_path(folder: Path, oid: str) -> Path | None:
    """Return where a repository's folder keeps an object; ``None`` for what is no object id."""
    if not _OID.fullmatch(oid):
        return None
    return folder / oid[:2] / oid[2:4] / oid


def note_path(path: Path) -> Path:
    """Return the note of an object's size, for one whose bytes are kept elsewhere."""
    return path.with_name(f"{path.name}.size")


def stored_size(folder: Path, oid: str) -> int | None:
    """Return the size of an object of a repository's folder, ``None`` where it is absent."""
    path = object_path(folder, oid)
    if path is None:
        return None
    with contextlib.suppress(OSError):
        return path.stat().st_size
    with contextlib.suppress(OSError, ValueError):
        return int(note_path(path).read_bytes())
    return None


class Incoming:
    """An object that is arriving: written and hashed piece by piece, then kept or dropped."""

    def __init__(self, temporary: Path) -> None:
        self._path = temporary
        self._digest = hashlib.sha256()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        self._handle = os.open(temporary, flags, 0o600)
        self.size = 0

    def take(self, piece: bytes) -> None:
        """Append a piece to the file and take it into the digest."""
        self._digest.update(piece)
        view = memoryview(piece)
        with disk_errors(self._path):
            while view:
                view = view[os.write(self._handle, view) :]
        self.size += len(piece)

    def flush(self) -> None:
        """Send what has been written to the disk."""
        with disk_errors(self._path):
            os.fsync(self._handle)

    @property
    def path(self) -> Path:
        """The file that it is written to."""
        return self._path

    @property
    def oid(self) -> str:
        """The SHA-256 of what has arrived."""
        return self._digest.hexdigest()

    def content(self) -> bytes:
        """Return what has arrived; for what is known to be small."""
        return self._path.read_bytes()

    def keep(self, target: Path) -> None:
        """Flush the content to the disk and let it appear under its name, whole."""
        self.flush()
        self._close()
        target.parent.mkdir(parents=True, exist_ok=True)
        self._path.replace(target)

    def drop(self) -> None:
        """Remove what has arrived, unless it was kept."""
        self._close()
        self._path.unlink(missing_ok=True)

    def _close(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


class Arrived(Incoming):
    """An object whose file is here already, hashed when it came.

    Args:
        path: the file; it is moved away when the object is kept.
        oid: the SHA-256 of its content.
    """

    def __init__(self, path: Path, oid: str) -> None:
        self._path = path
        self._handle = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0))
        self._oid = oid
        self.size = os.fstat(self._handle).st_size

    @property
    def oid(self) -> str:
        """The SHA-256 that was found when it came."""
        return self._oid


class ObjectStore:
    """The LFS objects of all repositories of one hub.

    Every repository has its own copies: that an object is in one repository says nothing to those
    who may only see another.
    """

    def __init__(self, root: Path, temporary: Path) -> None:
        self._root = root
        self._temporary = temporary
        root.mkdir(mode=0o700, exist_ok=True)

    @property
    def root(self) -> Path:
        """The folder that holds one folder for each repository's number."""
        return self._root

    def path(self, repository_id: int, oid: str) -> Path | None:
        """Return where an object is or would be; ``None`` for what is no object id."""
        return object_path(self._root / str(repository_id), oid)

    def size(self, repository_id: int, oid: str) -> int | None:
        """Return an object's size, ``None`` where it is absent."""
        return stored_size(self._root / str(repository_id), oid)

    def keep(self, incoming: Incoming, repository_id: int, oid: str) -> None:
        """Keep what has arrived; the caller has compared its digest with its name."""
        target = self.path(repository_id, oid)
        assert target is not None  # noqa: S101 - see above
        incoming.keep(target)

    def address(self, repository_id: int, oid: str, name: str) -> str | None:
        """Return where an object's bytes are fetched, ``None`` for one that is kept here.

        Args:
            repository_id: whose it is.
            oid: the object.
            name: the file name to save it under.
        """
        del repository_id, oid, name  # this store keeps everything itself
        return None

    def receive(self) -> Incoming:
        """Begin an upload."""
        return Incoming(self._temporary / f"{secrets.token_hex(12)}.part")

    def upload_folder(self, repository_id: int, upload_id: str) -> Path:
        """Return where the parts of an upload are kept until they are put together."""
        return self._root / str(repository_id) / "uploads" / upload_id

    def drop_idle_uploads(self, idle_s: float) -> None:
        """Remove uploads in which no part has arrived for so long."""
        for folder in self._root.glob("*/uploads/*"):
            if folder.stat().st_mtime < time.time() - idle_s:
                shutil.rmtree(folder, ignore_errors=True)

    def remove(self, repository_id: int) -> None:
        """Remove everything a repository has."""
        shutil.rmtree(self._root / str(repository_id), ignore_errors=True)
