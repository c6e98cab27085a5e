"""Which repositories belong together: a model and its datasets, a prompt repository and models."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from csgrepo.server.records.database import Database
    from csgrepo.server.repos.catalogue import Repository
    from csgrepo.server.repos.kinds import Kind

__all__ = ["Relations"]


class Relations:
    """The relations of one hub's repositories; each is told from both of its ends."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, repository: Repository) -> list[int]:
        """Return the numbers of what a repository is related to, either way."""
        rows = self._database.rows(
            "SELECT related_id AS id FROM relations WHERE repository_id = ? "
            "UNION SELECT repository_id FROM relations WHERE related_id = ? ORDER BY id",
            repository.id,
            repository.id,
        )
        return [row["id"] for row in rows]

    def replace(self, repository: Repository, kind: Kind, related: Iterable[Repository]) -> None:
        """Let a repository be related to exactly these of a type."""
        with self._database.change() as connection:
            connection.execute(
                "DELETE FROM relations WHERE repository_id = ? AND related_id IN "
                "(SELECT id FROM repositories WHERE type = ?)",
                (repository.id, kind.value),
            )
            connection.executemany(
                "INSERT OR IGNORE INTO relations VALUES (?, ?)",
                [(repository.id, other.id) for other in related],
            )

    def add(self, repository: Repository, other: Repository) -> None:
        """Note a relation."""
        with self._database.change() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO relations VALUES (?, ?)", (repository.id, other.id)
            )

    def remove(self, repository: Repository, other: Repository) -> None:
        """Forget a relation."""
        with self._database.change() as connection:
            connection.execute(
                "DELETE FROM relations WHERE repository_id = ? AND related_id = ?",
                (repository.id, other.id),
            )
