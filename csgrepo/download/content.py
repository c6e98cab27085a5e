"""Whether bytes are the file that the hub named.

The hub always tells git's id of a file, and the SHA-256 of a large one only here and there. A
pointer holds nothing but that digest and the length, so it can be written anew from the bytes that
came: if git's id of it is the one the hub told, they are the right ones.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from csgrepo.errors import DigestMismatch
from csgrepo.files import hash_file
from csgrepo.git.blob import blob_id, file_blob_id
from csgrepo.lfs.pointer import Pointer

if TYPE_CHECKING:
    from pathlib import Path

    from csgrepo.cache import TreeFile

__all__ = ["Digests", "check_bytes", "check_file"]

# The hub keeps no larger file outside LFS; one that claims so is read a second time.
_LARGEST_IN_GIT = 32 * 1024 * 1024


class Digests:
    """The digests that a file's bytes need, fed piece by piece.

    Args:
        file: what the bytes should be.
    """

    def __init__(self, file: TreeFile) -> None:
        self._file = file
        self._sha256 = None if file.plain and not file.sha256 else hashlib.sha256()
        in_git = not file.sha256 and (file.plain or file.size <= _LARGEST_IN_GIT)
        self._git = _git_digest(file) if in_git else None

    def update(self, piece: bytes | memoryview) -> None:
        """Take the next bytes."""
        for digest in (self._sha256, self._git):
            if digest is not None:
                digest.update(piece)

    def problem(self, path: Path | None = None) -> DigestMismatch | None:
        """Return what is wrong, or ``None`` where they are the right bytes.

        Args:
            path: where they are, to be read again in the rare case that needs it.
        """
        file = self._file
        sha256 = self._sha256.hexdigest() if self._sha256 else ""
        if file.sha256:
            right = sha256 == file.sha256
            return None if right else DigestMismatch(file.path, file.sha256, sha256)
        if sha256 and _pointer_id(sha256, file) == file.blob:
            return None
        if self._git is not None:
            own = self._git.hexdigest()
        else:
            own = file_blob_id(path, file.blob) if path else ""
        return None if own == file.blob else DigestMismatch(file.path, file.blob, own or sha256)


def check_bytes(content: bytes, file: TreeFile) -> DigestMismatch | None:
    """Return what is wrong with a file's bytes, if anything is."""
    digests = Digests(file)
    digests.update(content)
    return digests.problem()


def check_file(path: Path, file: TreeFile) -> DigestMismatch | None:
    """Return what is wrong with a file on the disk, if anything is.

    Raises:
        OSError: it cannot be read.
    """
    if file.plain and not file.sha256:
        own = file_blob_id(path, file.blob)
        return None if own == file.blob else DigestMismatch(file.path, file.blob, own)
    sha256, size = hash_file(path)
    if sha256 == file.sha256 or (not file.sha256 and _pointer_id(sha256, file, size) == file.blob):
        return None
    if file.sha256:
        return DigestMismatch(file.path, file.sha256, sha256)
    own = file_blob_id(path, file.blob)
    return None if own == file.blob else DigestMismatch(file.path, file.blob, own)


def _pointer_id(sha256: str, file: TreeFile, size: int | None = None) -> str:
    length = file.size if size is None else size
    if length:
        return blob_id(Pointer(sha256, length).encode(), file.blob)
    # An empty file's pointer is empty, but the hub writes it out all the same.
    return blob_id(Pointer(sha256, 1).encode().replace(b"size 1", b"size 0"), file.blob)


def _git_digest(file: TreeFile) -> hashlib._Hash:
    name = "sha1" if len(file.blob) == 40 else "sha256"
    return hashlib.new(name, b"blob %d\0" % file.size, usedforsecurity=False)
