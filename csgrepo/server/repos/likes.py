"""Who likes which repository."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from csgrepo.server.accounts.users import User
    from csgrepo.server.records.database import Database
    from csgrepo.server.repos.catalogue import Repository

__all__ = ["Likes"]


class Likes:
    """The likes of one hub."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, user: User, repository: Repository) -> None:
        """Note that a user likes a repository; twice is once."""
        with self._database.change() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO likes VALUES (?, ?, ?)",
                (user.id, repository.id, time.time()),
            )

    def remove(self, user: User, repository: Repository) -> None:
        """Note that a user likes it no more."""
        with self._database.change() as connection:
            connection.execute(
                "DELETE FROM likes WHERE user_id = ? AND repository_id = ?",
                (user.id, repository.id),
            )

    def count(self, repository: Repository) -> int:
        """Return how many like a repository."""
        sql = "SELECT count(*) FROM likes WHERE repository_id = ?"
        row = self._database.row(sql, repository.id)
        return int(row[0]) if row else 0

    def has(self, user: User | None, repository: Repository) -> bool:
        """Tell whether a user likes a repository."""
        if user is None:
            return False
        sql = "SELECT 1 FROM likes WHERE user_id = ? AND repository_id = ?"
        return self._database.row(sql, user.id, repository.id) is not None
