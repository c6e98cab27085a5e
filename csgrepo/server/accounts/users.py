"""Users, their tokens, and what they may do in a namespace."""

from __future__ import annotations

import hashlib
import secrets
import time
import uuid
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from csgrepo.errors import InvalidInput
from csgrepo.redact import Secret
from csgrepo.repo_id import RepoId

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from csgrepo.server.records.database import Database

__all__ = ["Access", "Accounts", "Namespace", "User", "token_digest"]


class Access(IntEnum):
    """What an account may do in a repository; each level includes those before it."""

    NONE = 0
    READ = 1
    WRITE = 2
    ADMIN = 3


@dataclass(frozen=True, slots=True)
class User:
    """An account; an administrator may do everything everywhere."""

    id: int
    name: str
    email: str
    nickname: str
    uuid: str
    created_at: float
    homepage: str = ""
    bio: str = ""
    avatar: str = ""
    is_admin: bool = False


@dataclass(frozen=True, slots=True)
class Namespace:
    """What stands before the slash of a repository's id: a user or an organization."""

    name: str
    kind: str
    uuid: str


def token_digest(token: str) -> bytes:
    """Return what is kept of a token."""
    # A token is 128 random bits: a plain hash of it cannot be searched backwards.
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


class Accounts:
    """The accounts of one hub."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_user(self, name: str, email: str | None = None) -> str:
        """Make an account, or another token for one that exists, and return the token.

        Args:
            name: the account's name, which is its namespace too.
            email: its address; ``name@localhost`` where not given, none where empty.

        Raises:
            InvalidInput: the name cannot be a namespace, or an organization has it.
        """
        self._claim(name, "user")
        token = secrets.token_hex(16)
        Secret(token)  # known from now on to the mask that log lines go through
        with self._database.change() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO users (name, email, nickname, uuid, created_at) "
                "VALUES (?, ?, ?, ?, ?)",
                (name, f"{name}@localhost", name, str(uuid.uuid4()), time.time()),
            )
            if email is not None:
                connection.execute("UPDATE users SET email = ? WHERE name = ?", (email, name))
            connection.execute(
                "INSERT INTO tokens (user_id, name, hint, digest, created_at) "
                "SELECT id, ?, ?, ?, ? FROM users WHERE name = ?",
                (f"token-{token[:4]}", token[:4], token_digest(token), time.time(), name),
            )
        return token

    def set_admin(self, name: str, *, is_admin: bool) -> None:
        """Make an account one of the hub's administrators, or one no longer.

        Raises:
            InvalidInput: there is no such account.
        """
        with self._database.change() as connection:
            done = connection.execute(
                "UPDATE users SET is_admin = ? WHERE name = ?", (is_admin, name)
            )
            if not done.rowcount:
                raise InvalidInput(f"there is no account {name!r}")

    def add_organization(self, name: str, members: dict[str, str]) -> None:
        """Make an organization, or change who belongs to it.

        Args:
            name: its namespace.
            members: a role (``read``, ``write`` or ``admin``) for each user's name.

        Raises:
            InvalidInput: the name is taken by a user, or a member or role is unknown.
        """
        self._claim(name, "organization")
        with self._database.change() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO organizations (namespace, nickname) VALUES (?, ?)",
                (name, name),
            )
        for user_name, role in members.items():
            user = self.user(user_name)
            if user is None or role not in {"read", "write", "admin"}:
                raise InvalidInput(f"{user_name!r} as {role!r}: no such user or role")
            with self._database.change() as connection:
                connection.execute(
                    "INSERT OR REPLACE INTO members VALUES (?, ?, ?)", (name, user.id, role)
                )

    def _claim(self, name: str, kind: str) -> None:
        RepoId.parse(f"{name}/any")  # the rules for namespaces
        with self._database.change() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO namespaces VALUES (?, ?, ?)",
                (name, kind, str(uuid.uuid4())),
            )
        found = self.namespace(name)
        if found is None or found.kind != kind or found.name != name:
            raise InvalidInput(f"the namespace {name!r} is taken")

    def namespace(self, name: str) -> Namespace | None:
        """Return the namespace of that name, upper and lower case being equal."""
        row = self._database.row("SELECT * FROM namespaces WHERE name = ?", name)
        return Namespace(*row) if row else None

    def namespace_by_uuid(self, number: str) -> Namespace | None:
        """Return the namespace with that UUID."""
        row = self._database.row("SELECT * FROM namespaces WHERE uuid = ?", number)
        return Namespace(*row) if row else None

    def user(self, name: str) -> User | None:
        """Return the user of that name."""
        return _user(self._database.row("SELECT * FROM users WHERE name = ?", name))

    def user_by_id(self, number: int) -> User | None:
        """Return the user with that number."""
        return _user(self._database.row("SELECT * FROM users WHERE id = ?", number))

    def user_by_uuid(self, number: str) -> User | None:
        """Return the user with that UUID."""
        return _user(self._database.row("SELECT * FROM users WHERE uuid = ?", number))

    def user_of_token(
        self,
        token: str,
        applications: Sequence[str] = ("git",),
        *,
        alive_at: float | None = None,
    ) -> User | None:
        """Return whose token this is.

        Args:
            token: its value.
            applications: what it may be for.
            alive_at: a time at which it must not have ended; not asked for where not given.
        """
        marks = ", ".join("?" * len(applications))
        sql = (
            "SELECT users.* FROM users JOIN tokens ON tokens.user_id = users.id "  # noqa: S608 - marks
            f"WHERE tokens.digest = ? AND tokens.application IN ({marks}) "
            "AND (? IS NULL OR tokens.expires_at IS NULL OR tokens.expires_at > ?)"
        )
        values = (token_digest(token), *applications, alive_at, alive_at)
        return _user(self._database.row(sql, *values))

    def search(self, text: str, *, limit: int, offset: int) -> tuple[list[User], int]:
        """Return one page of the users with a text in their names, and how many there are."""
        where = "instr(lower(name || ' ' || nickname), lower(?))"
        rows = self._database.rows(
            f"SELECT * FROM users WHERE {where} ORDER BY id LIMIT ? OFFSET ?",  # noqa: S608 - ours
            text,
            limit,
            offset,
        )
        total = self._database.row(f"SELECT count(*) FROM users WHERE {where}", text)  # noqa: S608 - ours
        return [User(**_fields(row)) for row in rows], total[0] if total else 0

    def update(self, user: User, changes: Mapping[str, str]) -> None:
        """Change what a user tells of themselves: nickname, email, avatar, homepage, bio."""
        with self._database.change() as connection:
            for field in ("nickname", "email", "avatar", "homepage", "bio"):
                if field in changes:
                    connection.execute(
                        f"UPDATE users SET {field} = ? WHERE id = ?",  # noqa: S608 - from the tuple above
                        (changes[field], user.id),
                    )

    def email_taken(self, email: str, but_by: User) -> bool:
        """Tell whether somebody else has an email address."""
        sql = "SELECT 1 FROM users WHERE lower(email) = lower(?) AND id != ?"
        return self._database.row(sql, email, but_by.id) is not None

    def role(self, user: User | None, namespace: str) -> Access:
        """Return what a user may do in a namespace by belonging to it."""
        if user is None:
            return Access.NONE
        if user.name == namespace or user.is_admin:
            return Access.ADMIN
        sql = "SELECT role FROM members WHERE namespace = ? AND user_id = ?"
        row = self._database.row(sql, namespace, user.id)
        return Access[row["role"].upper()] if row else Access.NONE

    def namespaces_of(self, user: User | None) -> list[str]:
        """Return the namespaces whose private repositories a user may see."""
        if user is None:
            return []
        if user.is_admin:
            return [row["name"] for row in self._database.rows("SELECT name FROM namespaces")]
        sql = "SELECT namespace FROM members WHERE user_id = ?"
        return [user.name, *(row["namespace"] for row in self._database.rows(sql, user.id))]


def _user(row: sqlite3.Row | None) -> User | None:
    return User(**_fields(row)) if row else None


def _fields(row: sqlite3.Row) -> dict[str, Any]:
    return {**dict(row), "is_admin": bool(row["is_admin"])}
