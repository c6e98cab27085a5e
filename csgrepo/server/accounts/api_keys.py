"""Keys that belong to a namespace, for asking models: shown once, and kept as digests.

Who asks with such a key is the user who made it.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from csgrepo.errors import InvalidInput
from csgrepo.server.accounts.tokens import SHOWN, TokenNameTaken, check_token_name, new_value
from csgrepo.server.accounts.users import token_digest

if TYPE_CHECKING:
    import sqlite3

    from csgrepo.server.accounts.users import Namespace, User
    from csgrepo.server.records.database import Database

__all__ = ["APPLICATION", "BUILTIN", "ApiKey", "ApiKeys"]

APPLICATION = "aigateway"
BUILTIN = "builtin"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it may be seen again; times are seconds since 1970.

    Attributes:
        id: its number.
        name: what it is called, once in its namespace.
        kind: ``builtin`` for the one that every namespace has, else empty.
        hint: its first characters.
        permission: what its maker wrote about it.
        created_at: when it was made.
        updated_at: when it was changed last.
        expires_at: when it ends; ``None`` for never.
        quota: what may be used with it, as its maker wrote it; this hub counts nothing.
        user_id: the number of the user who made it.
    """

    id: int
    name: str
    kind: str
    hint: str
    permission: str
    created_at: float
    updated_at: float
    expires_at: float | None
    quota: dict[str, Any]
    user_id: int


_FIELDS = "id, name, kind, hint, permission, created_at, updated_at, expires_at, quota, user_id"


class ApiKeys:
    """The keys of one hub's namespaces."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, namespace: Namespace) -> list[ApiKey]:
        """Return a namespace's keys, oldest first."""
        sql = f"SELECT {_FIELDS} FROM tokens WHERE namespace = ? ORDER BY id"  # noqa: S608 - ours
        return [_key(row) for row in self._database.rows(sql, namespace.name)]

    def find(self, namespace: Namespace, number: int) -> ApiKey | None:
        """Return a namespace's key of that number."""
        return next((key for key in self.of(namespace) if key.id == number), None)

    def create(
        self,
        namespace: Namespace,
        user: User,
        name: str,
        *,
        kind: str = "",
        permission: str = "",
        expires_at: float | None = None,
        quota: dict[str, Any] | None = None,
    ) -> tuple[ApiKey, str]:
        """Make a key, and return it with its value, which cannot be shown again.

        Raises:
            TokenNameTaken: the namespace has one of that name.
            InvalidInput: it is no name.
        """
        check_token_name(name)
        value, now = new_value(APPLICATION), time.time()
        with self._database.change() as connection:
            self._need_free(connection, namespace, name, 0)
            added = connection.execute(
                "INSERT INTO tokens (user_id, name, digest, created_at, application, hint, "
                "expires_at, updated_at, permission, namespace, kind, quota) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    user.id,
                    name,
                    token_digest(value),
                    now,
                    APPLICATION,
                    value[:SHOWN],
                    expires_at,
                    now,
                    permission,
                    namespace.name,
                    kind,
                    json.dumps(quota or {}),
                ),
            )
        return self._known(namespace, added.lastrowid or 0), value

    def builtin(self, namespace: Namespace, user: User) -> tuple[ApiKey, str]:
        """Return the key that every namespace has, and its value where it is made just now."""
        found = [key for key in self.of(namespace) if key.kind == BUILTIN]
        return (found[0], "") if found else self.create(namespace, user, BUILTIN, kind=BUILTIN)

    def change(self, namespace: Namespace, key: ApiKey, changes: dict[str, Any]) -> ApiKey:
        """Give a key another name, permission, end or quota.

        Raises:
            TokenNameTaken: the namespace has another one of that name.
            InvalidInput: it is no name.
        """
        check_token_name(changes.get("name", key.name))
        if "quota" in changes:
            changes = {**changes, "quota": json.dumps(changes["quota"])}
        with self._database.change() as connection:
            self._need_free(connection, namespace, changes.get("name", key.name), key.id)
            for field in ("name", "permission", "expires_at", "quota"):
                if field in changes:
                    connection.execute(
                        f"UPDATE tokens SET {field} = ? WHERE id = ?",  # noqa: S608 - from the tuple
                        (changes[field], key.id),
                    )
            connection.execute(
                "UPDATE tokens SET updated_at = ? WHERE id = ?", (time.time(), key.id)
            )
        return self._known(namespace, key.id)

    def refresh(self, namespace: Namespace, key: ApiKey) -> tuple[ApiKey, str]:
        """Give a key another value, and return it with that."""
        value = new_value(APPLICATION)
        with self._database.change() as connection:
            connection.execute(
                "UPDATE tokens SET digest = ?, hint = ?, updated_at = ? WHERE id = ?",
                (token_digest(value), value[:SHOWN], time.time(), key.id),
            )
        return self._known(namespace, key.id), value

    def delete(self, key: ApiKey) -> None:
        """Make a key worthless."""
        with self._database.change() as connection:
            connection.execute("DELETE FROM tokens WHERE id = ?", (key.id,))

    def _known(self, namespace: Namespace, number: int) -> ApiKey:
        found = self.find(namespace, number)
        if found is None:
            raise InvalidInput("the key was deleted in this very moment")
        return found

    @staticmethod
    def _need_free(
        connection: sqlite3.Connection, namespace: Namespace, name: str, but_for: int
    ) -> None:
        sql = "SELECT 1 FROM tokens WHERE namespace = ? AND name = ? AND id != ?"
        if connection.execute(sql, (namespace.name, name, but_for)).fetchone():
            raise TokenNameTaken(f"{namespace.name} has a key named {name!r}")


def _key(row: sqlite3.Row) -> ApiKey:
    return ApiKey(**{**dict(row), "quota": json.loads(row["quota"])})
