"""How an object is cut into parts, as a ``multipart`` server lays it down.

The server's upload action carries no HTTP headers but a plan: ``chunk_size`` and, under the names
``"1"``, ``"2"`` …, the address of each part; its ``href`` is where the upload is completed. The
names arrive in the order of text ("1", "10", "11", … "2"), so only their numbers count.

Addresses of parts are secrets: CSGHub signs them with the caller's own ``Authorization`` in the
query.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from csgrepo.errors import InvalidInput, TransferError
from csgrepo.http import origin
from csgrepo.redact import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from csgrepo.lfs.pointer import Pointer

__all__ = ["Part", "Plan"]

_NUMBER = re.compile(r"0{0,9}[1-9][0-9]{0,8}")
_BYTES = re.compile(r"[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class Part:
    """A slice of an object, and where it goes.

    Attributes:
        number: its place, from 1.
        start: where in the object it begins.
        size: its length in bytes.
        url: where to; never to be shown.
    """

    number: int
    start: int
    size: int
    url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Plan:
    """How one object is sent.

    Attributes:
        pointer: the object.
        parts: its slices, in order, without gap or overlap; none for an empty object.
        completion: where the server is told that all parts are there; never to be shown.
    """

    pointer: Pointer
    parts: tuple[Part, ...]
    completion: str = field(repr=False)

    @classmethod
    def read(cls, pointer: Pointer, action: object) -> Plan:
        """Read the ``upload`` action of a multipart reply.

        Raises:
            TransferError: it does not cover the object exactly once, or cannot be followed.
        """
        fields = action if isinstance(action, dict) else {}
        header = fields.get("header")
        completion = _address(pointer, "the completion", fields.get("href"))
        if not isinstance(header, dict):
            raise _unusable(pointer, "it lacks the addresses of the parts")
        urls = _numbered(pointer, header)
        chunk_size = _chunk_size(pointer, header.get("chunk_size"), len(urls))
        parts = tuple(
            Part(
                number,
                start := (number - 1) * chunk_size,
                min(chunk_size, pointer.size - start),
                urls[number],
            )
            for number in range(1, len(urls) + 1)
        )
        return cls(pointer, parts, completion)

    @property
    def part_bytes(self) -> int:
        """The length of every part but the last."""
        return self.parts[0].size if self.parts else 0

    @property
    def upload_id(self) -> str:
        """The server's name for this upload, by which it is taken up again; ``""`` if unknown."""
        query = parse_qs(urlsplit(self.completion).query)
        return query.get("uploadId", [""])[-1]

    def continues(self, other: Plan) -> bool:
        """Tell whether this is the same upload with fresh addresses."""
        shape = [(part.start, part.size) for part in self.parts]
        return (
            self.pointer == other.pointer
            and self.upload_id == other.upload_id
            and shape == [(part.start, part.size) for part in other.parts]
        )


def _numbered(pointer: Pointer, header: Mapping[object, object]) -> dict[int, str]:
    """Return number → address, after making sure that the numbers are 1 … n."""
    urls: dict[int, str] = {}
    for name, url in header.items():
        if name == "chunk_size":
            continue
        if not isinstance(name, str) or not _NUMBER.fullmatch(name):
            raise _unusable(pointer, f"{name!r} is not the number of a part")
        if int(name) in urls:
            raise _unusable(pointer, f"part {int(name)} is there twice")
        urls[int(name)] = _address(pointer, f"part {int(name)}", url)
    missing = next((number for number in range(1, len(urls) + 1) if number not in urls), None)
    if missing:
        raise _unusable(pointer, f"part {missing} of {max(urls)} is missing")
    if len(set(urls.values())) != len(urls):
        raise _unusable(pointer, "two parts have the same address")
    return urls


def _chunk_size(pointer: Pointer, text: object, count: int) -> int:
    """Return the length of all parts but the last, after making sure that `count` of them fit."""
    if not isinstance(text, str) or not _BYTES.fullmatch(text):
        raise _unusable(pointer, f"the chunk_size is {text!r:.50}")
    chunk_size = int(text)
    needed = -(-pointer.size // chunk_size)
    if needed != count:
        raise _unusable(
            pointer,
            f"{pointer.size} bytes in parts of {chunk_size} are {needed} parts, not {count}",
        )
    return chunk_size


def _address(pointer: Pointer, what: str, url: object) -> str:
    try:
        origin(url if isinstance(url, str) else "")
    except InvalidInput:
        # Not chained: the address may be secret even where it is none.
        usable = False
    else:
        usable = isinstance(url, str) and url.isascii() and url.isprintable() and " " not in url
    if not usable:
        raise _unusable(pointer, f"{what} has no HTTP address")
    _keep_secret(str(url))
    return str(url)


def _keep_secret(url: str) -> None:
    """Have the caller's proof masked wherever a server quotes it, with or without its address."""
    query = urlsplit(url).query
    if "authorization" in query.lower():
        for name, values in parse_qs(query).items():
            if name.lower() == "authorization":
                Secret(values[-1])
                Secret(values[-1].rpartition(" ")[2])


def _unusable(pointer: Pointer, why: str) -> TransferError:
    return TransferError(
        f"the LFS server's plan for the parts of object {pointer.oid[:12]} ({pointer.size} bytes) "
        f"cannot be followed: {why}"
    )
