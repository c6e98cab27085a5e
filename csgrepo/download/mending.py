"""A file whose digest is wrong: which blocks to fetch again, in as few bytes as can be known.

First the blocks that rotted on the disk: they no longer have the CRC that they came with. Then, if
the server tells digests of ranges when it is asked to (``Content-Digest``, RFC 9530), those whose
bytes it has otherwise; their bodies are left on the wire while they are only compared. A server
that tells none leaves nothing but the digest of the whole: range after range is fetched again until
that fits, for one wrong byte half of the file on average, and never more than all of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from csgrepo.download.content import check_file
from csgrepo.download.ranges import runs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from csgrepo.cache import TreeFile
    from csgrepo.download.part import Part
    from csgrepo.download.ranges import Ranges

__all__ = ["mended"]

_COMPARED_AT_ONCE = 256  # blocks
_FETCHED_AT_ONCE = 32


def mended(ranges: Ranges, part: Part, file: TreeFile) -> bool:
    """Fetch again what is wrong; returns whether the file is right now.

    Raises:
        TransferError: it was cut off again and again.
    """
    rotten = part.rotten()
    for first, last in runs(rotten):
        ranges.fetch_again(first, last)
    if rotten and check_file(part.path, file) is None:
        return True
    told = _told(ranges, part)
    if told == []:
        return False  # what is here is what the server has: fetching it again would not help
    changed = [ranges.fetch_again(first, last) for first, last in told or []]
    if any(changed) and check_file(part.path, file) is None:
        return True
    return any(
        ranges.fetch_again(first, last) and check_file(part.path, file) is None
        for first, last in _split(0, part.count - 1, _FETCHED_AT_ONCE)
    )


def _told(ranges: Ranges, part: Part) -> list[tuple[int, int]] | None:
    """Return the ranges that the server has otherwise, ``None`` where it does not say."""
    found = []
    for outer in _split(0, part.count - 1, _COMPARED_AT_ONCE):
        whole = outer == (0, part.count - 1)  # of which it is known that it is wrong
        differs = whole or ranges.differs(*outer)
        if differs is None:
            return None
        for inner in _split(*outer, _FETCHED_AT_ONCE) if differs else ():
            differs = ranges.differs(*inner)
            if differs is None:
                return None
            if differs:
                found.append(inner)
    return found


def _split(first: int, last: int, size: int) -> Iterator[tuple[int, int]]:
    for begin in range(first, last + 1, size):
        yield begin, min(begin + size - 1, last)
