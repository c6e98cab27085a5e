"""What repositories are about: names in categories, which the contract calls tags."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from csgrepo.server.repos.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

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

    def known(
        self,
        *,
        visible: Sequence[str],
        kinds: Collection[Kind] = tuple(Kind),
        category: str = "",
        search: str = "",
    ) -> list[tuple[Kind, Topic]]:
        """Return the topics that repositories have, each once for a type, by category and name.

        Args:
            visible: the namespaces whose private repositories count too.
            kinds: the types of the repositories.
            category: only those of this one.
            search: part of the name.
        """
        spaces, types = ", ".join("?" * len(visible)), ", ".join("?" * len(kinds))
        rows = self._database.rows(
            "SELECT type, min(tags.id), category, tags.name, min(tags.created_at) FROM tags "  # noqa: S608 - marks
            "JOIN repositories ON repositories.id = repository_id "
            f"WHERE (NOT private OR namespace IN ({spaces})) AND type IN ({types}) "
            "AND category = coalesce(nullif(?, ''), category) "
            "AND instr(lower(tags.name), lower(?)) "
            "GROUP BY type, category, tags.name ORDER BY type, category, tags.name",
            *visible,
            *(kind.value for kind in kinds),
            category,
            search,
        )
        return [(Kind(row[0]), Topic(*row[1:])) for row in rows]

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
