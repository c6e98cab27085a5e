"""What a file sent to REST becomes in git: its bytes, or the pointer of an LFS object."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

from csgrepo.lfs.pointer import Pointer
from csgrepo.server.http.limits import MAX_GIT_FILE_BYTES
from csgrepo.server.http.refusal import Refusal

if TYPE_CHECKING:
    from csgrepo.server.backend import Backend
    from csgrepo.server.lfs.storage import Incoming
    from csgrepo.server.repos.catalogue import Repository

__all__ = ["decoded", "keep", "keep_bytes", "pointer_text", "too_large"]


def decoded(text: object) -> bytes:
    """Return what Base64 stands for; nothing where nothing was sent.

    Raises:
        Refusal: 400, it is no Base64.
    """
    if text is None:
        return b""
    if not isinstance(text, str):
        raise Refusal(400, "REQ-ERR-1")
    try:
        plain = text.replace("\r", "").replace("\n", "")
        return base64.b64decode(plain.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise Refusal(400, "REQ-ERR-1") from error


def too_large(content_bytes: int) -> bool:
    """Tell whether a file is too large for git; the contract counts it in Base64."""
    return -(-content_bytes // 3) * 4 > MAX_GIT_FILE_BYTES


def keep_bytes(backend: Backend, repository: Repository, content: bytes) -> bytes:
    """Keep some bytes as a repository's LFS object, and return the pointer's text."""
    incoming = backend.objects.receive()
    try:
        incoming.take(content)
        return keep(backend, repository, incoming)
    finally:
        incoming.drop()


def keep(backend: Backend, repository: Repository, incoming: Incoming) -> bytes:
    """Keep what has arrived as a repository's LFS object, and return the pointer's text."""
    oid, size = incoming.oid, incoming.size
    if backend.objects.size(repository.id, oid) != size:
        backend.objects.keep(incoming, repository.id, oid)
    backend.catalogue.remember_object(repository, oid, size)
    return pointer_text(oid, size)


def pointer_text(oid: str, size: int) -> bytes:
    """Return a pointer, for an empty object too, which the contract does not leave out."""
    filled = Pointer(oid, size or 1).encode()
    return filled if size else filled.removesuffix(b"size 1\n") + b"size 0\n"
