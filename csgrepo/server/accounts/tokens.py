"""Access tokens: made, listed, revoked. Only their digests are kept."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from csgrepo.errors import InvalidInput
from csgrepo.redact import Secret
from csgrepo.server.accounts.users import token_digest

if TYPE_CHECKING:
    from csgrepo.server.accounts.users import User
    from csgrepo.server.records.database import Database

__all__ = ["SHOWN", "Token", "TokenNameTaken", "Tokens", "check_token_name", "new_value"]

_LONGEST_NAME = 100
SHOWN = 4  # how much of a token tells it from others


_FIELDS = "id, name, application, hint, created_at, expires_at, permission, updated_at"


class TokenNameTaken(InvalidInput):
    """The user has a token of that name."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token as its owner may see it again.

    Attributes:
        id: its number.
        name: what the owner calls it.
        application: what it is for, ``git`` in general.
        hint: its first digits, to tell it from others.
        created_at: when it was made, in seconds since 1970.
        expires_at: when it ends; ``None`` for never.
        permission: what its owner wrote about it.
        updated_at: when its value changed last; ``None`` where it has not.
    """

    id: int
    name: str
    application: str
    hint: str
    created_at: float
    expires_at: float | None
    permission: str = ""
    updated_at: float | None = None


class Tokens:
    """The tokens of one hub."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self,
        user: User,
        name: str,
        *,
        application: str = "git",
        expires_at: float | None = None,
        permission: str = "",
    ) -> str:
        """Make a token and return its value, 32 hex digits, which cannot be shown again.

        Raises:
            TokenNameTaken: the user has one of that name.
            InvalidInput: it is no name.
        """
        check_token_name(name)
        value = new_value(application)
        with self._database.change() as connection:
            taken = connection.execute(
                "SELECT 1 FROM tokens "
                "WHERE user_id = ? AND application = ? AND name = ? AND namespace IS NULL",
                (user.id, application, name),
            )
            if taken.fetchone():
                raise TokenNameTaken(f"{user.name} has a token named {name!r}; revoke it first")
            now = time.time()
            connection.execute(
                "INSERT INTO tokens (user_id, name, digest, created_at, application, hint, "
                "expires_at, updated_at, permission) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    user.id,
                    name,
                    token_digest(value),
                    now,
                    application,
                    value[:SHOWN],
                    expires_at,
                    now,
                    permission,
                ),
            )
        return value

    def of(self, user: User) -> list[Token]:
        """Return a user's tokens, oldest first."""
        rows = self._database.rows(
            f"SELECT {_FIELDS} FROM tokens WHERE user_id = ? AND namespace IS NULL ORDER BY id",  # noqa: S608 - ours
            user.id,
        )
        return [Token(*row) for row in rows]

    def by_value(self, value: str) -> Token | None:
        """Return the token that has that value."""
        sql = f"SELECT {_FIELDS} FROM tokens WHERE digest = ?"  # noqa: S608 - ours
        row = self._database.row(sql, token_digest(value))
        return Token(*row) if row else None

    def by_name(self, user: User, name: str, *, application: str = "git") -> Token | None:
        """Return a user's token of that name."""
        found = (token for token in self.of(user) if token.application == application)
        return next((token for token in found if token.name == name), None)

    def rotate(self, user: User, name: str, *, application: str = "git") -> str | None:
        """Give a token another value and return it; ``None`` where there is no such token."""
        value = new_value(application)
        with self._database.change() as connection:
            done = connection.execute(
                "UPDATE tokens SET digest = ?, hint = ?, updated_at = ? "
                "WHERE user_id = ? AND application = ? AND name = ? AND namespace IS NULL",
                (token_digest(value), value[:SHOWN], time.time(), user.id, application, name),
            )
            return value if done.rowcount else None

    def revoke(self, user: User, name: str, *, application: str = "git") -> None:
        """Make a token worthless from now on.

        Raises:
            InvalidInput: the user has none of that name.
        """
        with self._database.change() as connection:
            gone = connection.execute(
                "DELETE FROM tokens "
                "WHERE user_id = ? AND application = ? AND name = ? AND namespace IS NULL",
                (user.id, application, name),
            )
            if not gone.rowcount:
                raise InvalidInput(f"{user.name} has no token named {name!r}")


def check_token_name(name: str) -> None:
    """Go on only with what can be a token's name.

    Raises:
        InvalidInput: it is none.
    """
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        raise InvalidInput(
            f"{name!r} cannot be a token's name: 1 to {_LONGEST_NAME} printable characters"
        )


def new_value(application: str) -> str:
    """Return a new token for an application; no log line will show it."""
    front = "gk_" if application == "aigateway" else ""
    value = f"{front}{secrets.token_hex(16)}"
    Secret(value)  # known from now on to the mask that log lines go through
    return value
