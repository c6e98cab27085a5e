"""What repositories are about: names in categories, which the contract calls tags."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from csgrepo.server.records.database import Database
    from csgrepo.server.repos.catalogue import Repository

__all__ = ["Topic", "Topics"]


@dataclass(frozen=True, slots=True)
class Topic:
    """One name in one category."""

    id: int
    category: str
    name: str
    created_at: float


class Topics:
    """The topics of one hub's repositories."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, repository: Repository) -> list[Topic]:
        """Return a repository's topics, by category and name."""
        rows = self._database.rows(
            "SELECT id, category, name, created_at FROM tags WHERE repository_id = ? "
            "ORDER BY category, name",
            repository.id,
        )
        return [Topic(*row) for row in rows]

    def replace(self, repository: Repository, category: str, names: Iterable[str]) -> None:
        """Let a repository have exactly these names in a category."""
        with self._database.change() as connection:
            connection.execute(
                "DELETE FROM tags WHERE repository_id = ? AND category = ?",
                (repository.id, category),
            )
            connection.executemany(
                "INSERT INTO tags (repository_id, category, name, created_at) VALUES (?, ?, ?, ?)",
                [(repository.id, category, name, time.time()) for name in dict.fromkeys(names)],
            )
