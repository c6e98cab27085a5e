"""Lists that page by themselves, in constant memory, and notice when one ends too early."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Generic, NamedTuple, TypeVar

from csgrepo.errors import HubError

__all__ = ["PER_PAGE", "Listing", "Page"]

Item = TypeVar("Item")
Fields = Mapping[str, object]

PER_PAGE = 100  # the most that the hub gives at once


class Page(NamedTuple):
    """One page as it came: its entries, and how many there are in all, if the hub told."""

    entries: list[Fields]
    total: int | None


class Listing(Iterator[Item], Generic[Item]):
    """A list on the hub, asked for page by page while it is read; one thread may read it.

    The hub's list may change meanwhile: an entry can then be seen twice, or not at all. A page
    that is empty where the hub had promised more is an error, never the end.

    Example:
        >>> pages = {1: Page([{"id": 1}, {"id": 2}], 3), 2: Page([{"id": 3}], 3)}
        >>> found = Listing("numbers", pages.__getitem__, lambda entry: entry["id"], per=2)
        >>> found.total, list(found)
        (3, [1, 2, 3])
    """

    def __init__(
        self,
        what: str,
        fetch: Callable[[int], Page],
        read: Callable[[Fields], Item],
        *,
        per: int = PER_PAGE,
        limit: int | None = None,
    ) -> None:
        self._what = what
        self._fetch = fetch
        self._read = read
        self._per = per
        self._left = limit
        self._number = 0
        self._page = Page([], None)
        self._position = 0
        self._total: int | None = None
        self._over = False

    def __iter__(self) -> Listing[Item]:
        return self

    @property
    def total(self) -> int | None:
        """How many there are in all, limits aside; ``None`` where the hub does not tell.

        Asks for the first page, if none was read yet.
        """
        if not self._number:
            self._turn()
        return self._total

    def __next__(self) -> Item:
        """Return the next entry.

        Raises:
            StopIteration: there are no more.
            HubError: a page is not what it should be, or is empty before the end.
        """
        if self._left == 0:
            raise StopIteration
        while self._position == len(self._page.entries):
            if self._over:
                raise StopIteration
            self._turn()
        entry = self._page.entries[self._position]
        item = self._read(entry)
        self._position += 1
        if self._left is not None:
            self._left -= 1
        return item

    def _turn(self) -> None:
        """Go on to the next page; a failure leaves this one, so that it can be tried again."""
        page = self._fetch(self._number + 1)
        before = self._number * self._per
        promised = page.total if page.total is not None else self._total
        if not page.entries and before < (promised or 0):
            raise HubError(
                f"the list of {self._what} ended after {before} of {promised}: page "
                f"{self._number + 1} came empty. Ask again."
            )
        if self._number and page.entries and page.entries == self._page.entries:
            raise HubError(f"the list of {self._what} gives the same page again and again")
        self._number += 1
        self._page, self._position, self._total = page, 0, promised
        length = len(page.entries)
        self._over = not length or length > self._per  # more than asked for: all there is
        if promised is None:
            self._over = self._over or length < self._per
        else:
            self._over = self._over or before + self._per >= promised
        if self._number == 1 and promised is None and length < self._per:
            self._total = length  # the hub leaves a total of 0 out
