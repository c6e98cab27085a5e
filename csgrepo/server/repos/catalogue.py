"""Which repositories there are, and which LFS objects each is known to have."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from csgrepo.server.http.refusal import Refusal
from csgrepo.server.repos.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from csgrepo.server.records.database import Database
    from csgrepo.server.repos.search import Search

__all__ = ["Catalogue", "Repository"]

_LIKED = "(SELECT count(*) FROM likes WHERE repository_id = repositories.id) DESC"
_SORTS = {
    "trending": f"{_LIKED}, updated_at DESC",
    "recently_update": "updated_at DESC",
    "most_download": "downloads DESC",
    "most_favorite": _LIKED,
    "most_star": "id DESC",
}


@dataclass(frozen=True, slots=True)
class Repository:
    """One repository as the hub keeps it; ``id`` names its folders on disk."""

    id: int
    type: Kind
    namespace: str
    name: str
    creator_id: int
    private: bool
    nickname: str
    description: str
    license: str
    default_branch: str
    created_at: float
    updated_at: float
    details: str = "{}"
    downloads: int = 0

    @property
    def path(self) -> str:
        """``namespace/name``."""
        return f"{self.namespace}/{self.name}"

    def clone_url(self, url: str) -> str:
        """Return where git clones it from, on the hub of that address."""
        return f"{url}/{self.type.git_plural}/{self.path}.git"


class Catalogue:
    """The repositories of one hub; upper and lower case are equal in their names."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        *,
        creator_id: int,
        private: bool,
        nickname: str,
        description: str,
        license_name: str,
        default_branch: str,
        details: str = "{}",
        place: Callable[[int], None],
    ) -> Repository:
        """Enter a repository; `place` puts its files where its number says, or nothing is entered.

        Raises:
            Refusal: the name is taken (status 400 or 500 by type, as the contract has it).
        """
        now = time.time()
        values = (
            kind.value,
            namespace,
            name,
            creator_id,
            private,
            nickname,
            description,
            license_name,
            default_branch,
            now,
            now,
            details,
        )
        try:
            with self._database.change() as connection:
                added = connection.execute(
                    f"INSERT INTO repositories VALUES (NULL{', ?' * len(values)}, 0)",  # noqa: S608 - only marks
                    values,
                )
                assert added.lastrowid is not None  # noqa: S101 - a row was inserted
                place(added.lastrowid)
        except sqlite3.IntegrityError as error:
            status = 400 if kind in {Kind.MODEL, Kind.DATASET} else 500
            raise Refusal(status, "SPACE-ERR-1") from error
        found = self.find(kind, namespace, name)
        assert found is not None  # noqa: S101 - it was entered in the line above
        return found

    def find(self, kind: Kind, namespace: str, name: str) -> Repository | None:
        """Return the repository of that type and name."""
        sql = "SELECT * FROM repositories WHERE type = ? AND namespace = ? AND name = ?"
        return _repository(self._database.row(sql, kind.value, namespace, name))

    def by_id(self, number: int) -> Repository | None:
        """Return the repository with that number."""
        return _repository(self._database.row("SELECT * FROM repositories WHERE id = ?", number))

    def ids(self) -> set[int]:
        """Return the numbers of all repositories."""
        return {row["id"] for row in self._database.rows("SELECT id FROM repositories")}

    def page(
        self, search: Search, *, sort: str = "recently_update", limit: int = 50, offset: int = 0
    ) -> tuple[list[Repository], int]:
        """Return one page of what is searched for, and how many there are in all.

        Args:
            search: which ones.
            sort: one of the contract's orders.
            limit: how many.
            offset: how many to leave out before.
        """
        where, values = search.condition()
        # Everything put into the text is ours: marks, and an order out of a fixed table.
        found = self._database.rows(
            f"SELECT * FROM repositories WHERE {where} "  # noqa: S608 - see above
            f"ORDER BY {_SORTS[sort]}, id DESC LIMIT ? OFFSET ?",
            *values,
            limit,
            offset,
        )
        total = self._database.row(
            f"SELECT count(*) FROM repositories WHERE {where}",  # noqa: S608 - see above
            *values,
        )
        return [_entry(row) for row in found], total[0] if total else 0

    def changed(
        self, after: int, *, visible: Sequence[str], limit: int
    ) -> list[tuple[int, Repository]]:
        """Return what may be seen and has changed after a version, each with its own, in order.

        Args:
            after: a number that stood beside a repository before; 0 for all.
            visible: the namespaces whose private repositories count too.
            limit: how many.
        """
        marks = ", ".join("?" * len(visible))
        rows = self._database.rows(
            "SELECT version, repositories.* FROM versions "  # noqa: S608 - marks
            "JOIN repositories ON repositories.id = repository_id "
            f"WHERE version > ? AND (NOT private OR namespace IN ({marks})) "
            "ORDER BY version LIMIT ?",
            after,
            *visible,
            limit,
        )
        return [(row["version"], _entry(row)) for row in rows]

    def tell_downloads(self, repository: Repository, day: str, count: int) -> None:
        """Note how often a repository was downloaded elsewhere on a day; a later word counts."""
        with self._database.change() as connection:
            before = connection.execute(
                "SELECT coalesce(sum(count), 0) FROM told_downloads "
                "WHERE repository_id = ? AND day = ?",
                (repository.id, day),
            ).fetchone()[0]
            connection.execute(
                "INSERT OR REPLACE INTO told_downloads VALUES (?, ?, ?)",
                (repository.id, day, count),
            )
            connection.execute(
                "UPDATE repositories SET downloads = downloads + ? WHERE id = ?",
                (count - before, repository.id),
            )

    def update(self, repository: Repository, changes: dict[str, object]) -> Repository:
        """Change some of a repository's fields and its time of change."""
        allowed = ("private", "nickname", "description", "default_branch", "details")
        with self._database.change() as connection:
            for field in allowed:
                if field in changes:
                    connection.execute(
                        f"UPDATE repositories SET {field} = ? WHERE id = ?",  # noqa: S608 - from the tuple above
                        (changes[field], repository.id),
                    )
            connection.execute(
                "UPDATE repositories SET updated_at = ? WHERE id = ?",
                (time.time(), repository.id),
            )
        found = self.by_id(repository.id)
        if found is None:
            raise Refusal(404, "SYS-ERR-3")
        return found

    def touch(self, repository: Repository) -> None:
        """Note that a repository's content has changed just now, if it still exists."""
        with self._database.note() as connection:
            connection.execute(
                "UPDATE repositories SET updated_at = ? WHERE id = ?", (time.time(), repository.id)
            )

    def move(self, repository: Repository, namespace: str) -> None:
        """Give a repository to another namespace.

        Raises:
            Refusal: the namespace has one of that name and type.
        """
        try:
            with self._database.change() as connection:
                connection.execute(
                    "UPDATE repositories SET namespace = ?, updated_at = ? WHERE id = ?",
                    (namespace, time.time(), repository.id),
                )
        except sqlite3.IntegrityError as error:
            raise Refusal(400, "REQ-ERR-15") from error

    def delete(self, repository: Repository) -> None:
        """Strike a repository out, with all that is known of its objects and locks."""
        with self._database.change() as connection:
            connection.execute("DELETE FROM repositories WHERE id = ?", (repository.id,))

    def remember_object(self, repository: Repository, oid: str, size: int) -> None:
        """Note that a repository has an LFS object."""
        with self._database.change() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO lfs_objects VALUES (?, ?, ?)", (repository.id, oid, size)
            )

    def knows_object(self, repository: Repository, oid: str, size: int) -> bool:
        """Tell whether a repository has an LFS object of that size."""
        sql = "SELECT 1 FROM lfs_objects WHERE repository_id = ? AND oid = ? AND size = ?"
        return self._database.row(sql, repository.id, oid, size) is not None


def _entry(row: sqlite3.Row) -> Repository:
    fields = {name: row[name] for name in row.keys() if name != "version"}  # noqa: SIM118 - a row
    return Repository(
        **{**fields, "type": Kind(fields["type"]), "private": bool(fields["private"])}
    )


def _repository(row: sqlite3.Row | None) -> Repository | None:
    return _entry(row) if row else None
