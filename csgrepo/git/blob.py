"""The name git gives to a file's content, worked out without asking git."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from csgrepo.files import BLOCK

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["blob_id", "file_blob_id"]


def blob_id(content: bytes, like: str) -> str:
    """Return the id of a blob with this content, by the algorithm of another id of the repository.

    Example:
        >>> blob_id(b"", "0" * 40)
        'e69de29bb2d1d6434b8b29ae775ad8c2e48c5391'
    """
    digest = _digest(len(content), like)
    digest.update(content)
    return str(digest.hexdigest())


def file_blob_id(path: Path, like: str) -> str:
    """Return the same for a file's content as it is on the disk, no filter applied."""
    with path.open("rb", buffering=0) as stream:
        digest = _digest(path.stat().st_size, like)
        while piece := stream.read(BLOCK):
            digest.update(piece)
    return str(digest.hexdigest())


def _digest(size: int, like: str) -> Any:
    algorithm = "sha1" if len(like) == 40 else "sha256"
    return hashlib.new(algorithm, b"blob %d\0" % size, usedforsecurity=False)
