"""The pointer: the few lines that stand in git for a large file.

Follows https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["MAX_POINTER_BYTES", "OID", "Pointer"]

MAX_POINTER_BYTES = 1024
OID = re.compile(r"[0-9a-f]{64}")

_VERSION = b"https://git-lfs.github.com/spec/v1"
_VERSIONS = (_VERSION, b"https://hawser.github.com/spec/v1", b"http://git-media.io/v/2")
_DIGEST = re.compile(rb"sha256:([0-9a-f]{64})")
_EXTENSION = re.compile(rb"ext-[0-9]-[A-Za-z0-9_-]+")
_SIZE = re.compile(rb"[0-9]{1,19}")
_LARGEST = 2**63 - 1  # what any file system can hold, and git-lfs reads


@dataclass(frozen=True, slots=True)
class Pointer:
    """What a pointer says.

    Attributes:
        oid: SHA-256 of the content, 64 lower-case hex digits.
        size: length of the content in bytes.
        extensions: names of pointer extensions; their programs alone could restore the content.
    """

    oid: str
    size: int
    extensions: tuple[str, ...] = ()

    @classmethod
    def parse(cls, data: bytes) -> Pointer | None:
        """Return the pointer these bytes are, or ``None`` if they are anything else.

        Line ends of any kind are accepted, as stock git-lfs does; everything else must be as the
        specification says, so that a file that merely resembles a pointer is not taken for one.

        Example:
            >>> Pointer.parse(b"weights") is None
            True
        """
        if len(data) > MAX_POINTER_BYTES or not data.startswith(b"version "):
            return None
        lines = [line.split(b" ", 1) for line in data.split(b"\n") if line.strip()]
        if any(len(line) != 2 for line in lines):
            return None
        pairs = [(key, value.rstrip(b"\r")) for key, value in lines]
        if pairs[0][1] not in _VERSIONS:
            return None
        return cls._from_pairs(pairs[1:])

    @classmethod
    def _from_pairs(cls, pairs: list[tuple[bytes, bytes]]) -> Pointer | None:
        keys = [key for key, _ in pairs]
        names = [key for key in keys if _EXTENSION.fullmatch(key)]
        if keys != [*names, b"oid", b"size"] or names != sorted(set(names)):
            return None
        values = dict(pairs)
        digest = _DIGEST.fullmatch(values[b"oid"])
        if not digest or not _SIZE.fullmatch(values[b"size"]):
            return None
        if int(values[b"size"]) > _LARGEST:
            return None
        if any(not _DIGEST.fullmatch(values[name]) for name in names):
            return None
        extensions = tuple(name.decode("ascii") for name in names)
        return cls(digest[1].decode("ascii"), int(values[b"size"]), extensions)

    def encode(self) -> bytes:
        """Return the pointer as it stands in git; empty for an empty file, as git-lfs has it."""
        if self.size == 0:
            return b""
        return b"version %s\noid sha256:%s\nsize %d\n" % (
            _VERSION,
            self.oid.encode("ascii"),
            self.size,
        )
