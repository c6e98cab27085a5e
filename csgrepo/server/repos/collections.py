"""Collections: repositories that somebody put together, with a remark on each."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from csgrepo.server.http.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from csgrepo.server.accounts.users import User
    from csgrepo.server.records.database import Database

__all__ = ["Collection", "Collections"]

_LIKES = "(SELECT count(*) FROM collection_likes WHERE collection_id = collections.id)"


@dataclass(frozen=True, slots=True)
class Collection:
    """One collection; times are seconds since 1970."""

    id: int
    namespace: str
    user_id: int
    name: str
    nickname: str
    description: str
    private: bool
    theme: str
    created_at: float
    updated_at: float
    likes: int


class Collections:
    """The collections of one hub."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, namespace: str, user: User, name: str, facts: Mapping[str, Any]) -> Collection:
        """Make a collection.

        Raises:
            Refusal: 500, the namespace has one of that name.
        """
        now = time.time()
        try:
            with self._database.change() as connection:
                added = connection.execute(
                    "INSERT INTO collections (namespace, user_id, name, nickname, created_at, "
                    "updated_at) VALUES (?, ?, ?, ?, ?, ?)",
                    (namespace, user.id, name, name, now, now),
                )
        except sqlite3.IntegrityError as error:
            raise Refusal(500, "SYS-ERR-4") from error
        return self.change(added.lastrowid or 0, facts)

    def change(self, number: int, facts: Mapping[str, Any]) -> Collection:
        """Change what is told of a collection: nickname, description, private, theme."""
        with self._database.change() as connection:
            for field in ("nickname", "description", "private", "theme"):
                if field in facts:
                    connection.execute(
                        f"UPDATE collections SET {field} = ? WHERE id = ?",  # noqa: S608 - from the tuple
                        (facts[field], number),
                    )
            self._touch(connection, number)
        found = self.find(number)
        if found is None:
            raise Refusal(404, "SYS-ERR-3")
        return found

    def find(self, number: int) -> Collection | None:
        """Return the collection of that number."""
        row = self._database.row(
            f"SELECT *, {_LIKES} AS likes FROM collections WHERE id = ?",  # noqa: S608 - ours
            number,
        )
        return _collection(row) if row else None

    def delete(self, collection: Collection) -> None:
        """Strike a collection out; its repositories stay."""
        with self._database.change() as connection:
            connection.execute("DELETE FROM collections WHERE id = ?", (collection.id,))

    def page(
        self,
        *,
        visible: Sequence[str],
        owner: str | None = None,
        liked_by: int | None = None,
        text: str = "",
        limit: int,
        offset: int,
    ) -> tuple[list[Collection], int]:
        """Return one page of what may be seen, the latest change first, and how many there are.

        Args:
            visible: the namespaces whose private collections count too.
            owner: only collections of this namespace.
            liked_by: only what the user of that number likes.
            text: part of the name or nickname.
            limit: how many.
            offset: how many to leave out before.
        """
        marks = ", ".join("?" * len(visible))
        where = (  # marks of ours, and no value
            f"FROM collections WHERE (NOT private OR namespace IN ({marks})) "  # noqa: S608 - marks
            "AND namespace = coalesce(?, namespace) AND (? IS NULL OR id IN "
            "(SELECT collection_id FROM collection_likes WHERE user_id = ?)) "
            "AND instr(lower(name || ' ' || nickname), lower(?))"
        )
        values = (*visible, owner, liked_by, liked_by, text)
        rows = self._database.rows(
            f"SELECT *, {_LIKES} AS likes {where} "
            "ORDER BY updated_at DESC, id DESC LIMIT ? OFFSET ?",
            *values,
            limit,
            offset,
        )
        total = self._database.row(f"SELECT count(*) {where}", *values)
        return [_collection(row) for row in rows], total[0] if total else 0

    def add(self, collection: Collection, remarks: Mapping[int, str]) -> None:
        """Put repositories in, named by their numbers, each with a remark; all of them or none.

        Raises:
            Refusal: 500 COLL-ERR-0, one is in there.
        """
        try:
            with self._database.change() as connection:
                connection.executemany(
                    "INSERT INTO collected VALUES (?, ?, ?, ?)",
                    [
                        (collection.id, number, remark, time.time())
                        for number, remark in remarks.items()
                    ],
                )
                self._touch(connection, collection.id)
        except sqlite3.IntegrityError as error:
            raise Refusal(500, "COLL-ERR-0") from error

    def remark(self, collection: Collection, repository_id: int, remark: str) -> bool:
        """Change the remark on a repository; return whether it is in there."""
        with self._database.change() as connection:
            done = connection.execute(
                "UPDATE collected SET remark = ? WHERE collection_id = ? AND repository_id = ?",
                (remark, collection.id, repository_id),
            )
            return bool(done.rowcount)

    def take_out(self, collection: Collection, repository_id: int) -> None:
        """Take a repository out, if it is in there."""
        with self._database.change() as connection:
            connection.execute(
                "DELETE FROM collected WHERE collection_id = ? AND repository_id = ?",
                (collection.id, repository_id),
            )
            self._touch(connection, collection.id)

    def held(self, collection: Collection) -> list[tuple[int, str]]:
        """Return the numbers of what a collection holds, each with the remark, in their order."""
        rows = self._database.rows(
            "SELECT repository_id, remark FROM collected WHERE collection_id = ? ORDER BY added_at",
            collection.id,
        )
        return [(row["repository_id"], row["remark"]) for row in rows]

    def like(self, user: User, collection: Collection) -> None:
        """Note that a user likes a collection."""
        with self._database.change() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO collection_likes VALUES (?, ?)", (collection.id, user.id)
            )

    def dislike(self, user: User, collection: Collection) -> None:
        """Note that a user likes it no more."""
        with self._database.change() as connection:
            connection.execute(
                "DELETE FROM collection_likes WHERE collection_id = ? AND user_id = ?",
                (collection.id, user.id),
            )

    def liked(self, user: User | None, collection: Collection) -> bool:
        """Tell whether a user likes a collection."""
        sql = "SELECT 1 FROM collection_likes WHERE collection_id = ? AND user_id = ?"
        return user is not None and self._database.row(sql, collection.id, user.id) is not None

    @staticmethod
    def _touch(connection: sqlite3.Connection, number: int) -> None:
        connection.execute(
            "UPDATE collections SET updated_at = ? WHERE id = ?", (time.time(), number)
        )


def _collection(row: sqlite3.Row) -> Collection:
    fields = dict(row)
    return Collection(**{**fields, "private": bool(fields["private"])})
