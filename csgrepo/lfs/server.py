"""What a place that keeps LFS objects can be asked, whichever way it is reached.

A server only moves bytes. Which objects, in which order, how many at once and what is shown
meanwhile is decided in `transfer`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from csgrepo.errors import LfsError
    from csgrepo.lfs.pointer import Pointer

    OnBytes = Callable[[int], object]
    OnRetry = Callable[[str], object]
    Send = Callable[[Path, OnBytes, OnRetry], None]
    Fetch = Callable[[BinaryIO, OnBytes], tuple[str, int]]

__all__ = ["ObjectServer"]


class ObjectServer(Protocol):
    """A place that keeps LFS objects."""

    @property
    def url(self) -> str:
        """Its address, to be shown to people."""

    def lacking(self, pointers: Sequence[Pointer]) -> dict[Pointer, Send]:
        """Return what has to be sent for the server to have all of these, and how.

        A `Send` is given the file and returns once the server has confirmed the object. It tells
        how many bytes went out, and in a few words why any are sent again.
        """

    def offered(self, pointers: Sequence[Pointer]) -> dict[Pointer, Fetch | LfsError]:
        """Return how each object is fetched, or why it cannot be.

        A `Fetch` writes the content to an empty file and returns SHA-256 and length as received.
        """
