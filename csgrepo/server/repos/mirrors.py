"""Where repositories are to be mirrored from. The hub keeps the wish, and fetches nothing.

A name and a password for the source are never kept.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

    from csgrepo.server.records.database import Database
    from csgrepo.server.repos.catalogue import Repository

__all__ = ["Mirror", "Mirrors"]


@dataclass(frozen=True, slots=True)
class Mirror:
    """One mirror; times are seconds since 1970."""

    id: int
    repository_id: int
    source_id: int
    source_url: str
    asked_at: float
    created_at: float
    updated_at: float


class Mirrors:
    """The mirrors of one hub; a repository has one at most."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, repository: Repository) -> Mirror | None:
        """Return a repository's mirror."""
        return _mirror(
            self._database.row("SELECT * FROM mirrors WHERE repository_id = ?", repository.id)
        )

    def store(self, repository: Repository, source_url: str, source_id: int) -> None:
        """Note where a repository comes from, over what was noted before."""
        now = time.time()
        with self._database.change() as connection:
            connection.execute(
                "INSERT INTO mirrors VALUES (NULL, ?, ?, ?, ?, ?, ?) "
                "ON CONFLICT (repository_id) DO UPDATE SET source_id = excluded.source_id, "
                "source_url = excluded.source_url, updated_at = excluded.updated_at",
                (repository.id, source_id, source_url, now, now, now),
            )

    def ask(self, mirror: Mirror) -> None:
        """Note that it is to be brought up to date."""
        with self._database.change() as connection:
            connection.execute(
                "UPDATE mirrors SET asked_at = ? WHERE id = ?", (time.time(), mirror.id)
            )

    def delete(self, mirror: Mirror) -> None:
        """Forget it."""
        with self._database.change() as connection:
            connection.execute("DELETE FROM mirrors WHERE id = ?", (mirror.id,))


def _mirror(row: sqlite3.Row | None) -> Mirror | None:
    return Mirror(**dict(row)) if row else None
