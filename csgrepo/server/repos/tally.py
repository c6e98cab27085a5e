"""How often repositories were downloaded."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from typing import TYPE_CHECKING

from csgrepo.errors import DiskFull

if TYPE_CHECKING:
    from csgrepo.server.records.database import Database
    from csgrepo.server.repos.catalogue import Repository

__all__ = ["Tally", "begins"]

# A write to the disk for each download would make reading as dear as writing; what a hub that is
# killed forgets is less than this.
_MOST_UNWRITTEN = 50


def begins(range_header: str | None) -> bool:
    """Tell whether a request is for a file's beginning, and not for the rest of one.

    Example:
        >>> begins(None), begins("bytes=0-"), begins("bytes=10-")
        (True, True, False)
    """
    return not range_header or range_header.replace(" ", "").startswith("bytes=0-")


class Tally:
    """The downloads of one hub's repositories; any thread may count."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()  # guards _unwritten
        self._unwritten: Counter[int] = Counter()

    def add(self, repository_id: int, downloads: int = 1) -> None:
        """Count downloads of a repository."""
        with self._lock:
            self._unwritten[repository_id] += downloads
            many = self._unwritten.total() >= _MOST_UNWRITTEN
        if many:
            self.write()

    def of(self, repository: Repository) -> int:
        """Return how often a repository was downloaded."""
        with self._lock:
            return repository.downloads + self._unwritten[repository.id]

    def write(self) -> None:
        """Put into the database what is not there yet; what finds no room there waits."""
        with self._lock:
            counted = [(more, number) for number, more in self._unwritten.items() if more]
            if not counted:
                return
            with contextlib.suppress(DiskFull):
                with self._database.change() as connection:
                    connection.executemany(
                        "UPDATE repositories SET downloads = downloads + ? WHERE id = ?", counted
                    )
                self._unwritten.clear()
