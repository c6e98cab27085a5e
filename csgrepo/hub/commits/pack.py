"""Git's objects as bytes: their ids, and packs of them.

Follows gitformat-pack(5). Nothing is compared with anything for deltas: what is sent is either new
or already compressed.
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from csgrepo.errors import HubError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["TreeEntry", "commit_bytes", "first_object", "object_id", "tree_bytes", "write_pack"]

FOLDER, FILE, PROGRAM = 0o040000, 0o100644, 0o100755

_TYPES = {"commit": 1, "tree": 2, "blob": 3, "tag": 4}
_LEVEL = 1  # most of what is sent is small text, or compressed already
_LARGEST_FIRST = 1024 * 1024


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """An entry of a folder, as git keeps it.

    Attributes:
        name: its name, as bytes.
        mode: what it is.
        oid: its id.
    """

    name: bytes
    mode: int
    oid: str

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return self.mode == FOLDER

    @property
    def order(self) -> bytes:
        """What git sorts it by: a folder stands where its name with a slash would."""
        return self.name + b"/" if self.is_folder else self.name


def object_id(kind: str, content: bytes, used: str) -> str:
    """Return the id that git gives an object.

    Example:
        >>> object_id("tree", b"", "sha1")
        '4b825dc642cb6eb9a060e54bf8d69288fbee4904'
    """
    head = b"%s %d\0" % (kind.encode(), len(content))
    return hashlib.new(used, head + content, usedforsecurity=False).hexdigest()


def tree_bytes(entries: Iterable[TreeEntry]) -> bytes:
    """Return a folder as git keeps it."""
    return b"".join(
        b"%o %s\0%s" % (entry.mode, entry.name, bytes.fromhex(entry.oid))
        for entry in sorted(entries, key=lambda entry: entry.order)
    )


def commit_bytes(tree: str, parent: str, *, signature: str, when: int, message: str) -> bytes:
    """Return a commit as git keeps it.

    Args:
        tree: the id of its root folder.
        parent: the commit before it; ``""`` for none.
        signature: ``name <address>`` of who made it.
        when: seconds since 1970.
        message: what it says.
    """
    made = f"{signature} {when} +0000"
    above = f"parent {parent}\n" if parent else ""
    head = f"tree {tree}\n{above}author {made}\ncommitter {made}\n\n"
    return f"{head}{message.strip()}\n".encode("utf-8", "replace")


def write_pack(
    target: BinaryIO, count: int, objects: Iterable[tuple[str, bytes]], used: str
) -> int:
    """Write a pack and return how many bytes it has.

    Args:
        target: the empty file to fill.
        count: how many objects there are.
        objects: each one's type and content.
        used: the repository's hash function.
    """
    digest = hashlib.new(used, usedforsecurity=False)
    size = 0

    def put(piece: bytes) -> None:
        nonlocal size
        digest.update(piece)
        target.write(piece)
        size += len(piece)

    put(b"PACK" + (2).to_bytes(4, "big") + count.to_bytes(4, "big"))
    written = 0
    for kind, content in objects:
        put(_header(kind, len(content)))
        put(zlib.compress(content, _LEVEL))
        written += 1
    if written != count:
        raise ValueError(f"a pack of {count} objects was given {written}")
    target.write(digest.digest())
    return size + digest.digest_size


def _header(kind: str, size: int) -> bytes:
    first, rest = _TYPES[kind] << 4 | size & 15, size >> 4
    head = bytearray()
    while rest:
        head.append(first | 0x80)
        first, rest = rest & 0x7F, rest >> 7
    head.append(first)
    return bytes(head)


def first_object(pack: bytes) -> tuple[str, bytes]:
    """Return type and content of the first object of a pack, or of its beginning.

    Raises:
        HubError: it is no pack, or the object is a delta, is too long, or is cut off.
    """
    if pack[:4] != b"PACK" or len(pack) < 13:
        raise HubError("the hub sent something other than a pack of git's objects")
    at = 12
    byte = pack[at]
    kind = next((name for name, number in _TYPES.items() if number == byte >> 4 & 7), "")
    while byte & 0x80 and at + 1 < len(pack):
        at += 1
        byte = pack[at]
    inflater = zlib.decompressobj()
    try:
        content = inflater.decompress(pack[at + 1 :], _LARGEST_FIRST)
    except zlib.error as error:
        raise HubError("the hub sent a pack that cannot be unpacked") from error
    if not kind or not inflater.eof:
        raise HubError("the hub sent a pack that does not begin with a whole object")
    return kind, content
