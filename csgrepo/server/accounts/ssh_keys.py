"""Users' SSH keys, kept as other software on the machine wants to read them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import sqlite3
import struct
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from csgrepo.errors import InvalidInput

if TYPE_CHECKING:
    from csgrepo.server.accounts.users import User
    from csgrepo.server.records.database import Database

__all__ = ["SshKey", "SshKeys", "fingerprint"]

_KINDS = {
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
}
_LONGEST = 16 * 1024


@dataclass(frozen=True, slots=True)
class SshKey:
    """One public key of a user."""

    id: int
    user_id: int
    name: str
    content: str
    fingerprint: str
    created_at: float


def fingerprint(content: str) -> str:
    """Return the fingerprint of a public key in the form of ``authorized_keys``.

    See RFC 4253, section 6.6.

    Raises:
        InvalidInput: it is no public key.
    """
    words = content.split()
    bad = InvalidInput("this is not a public SSH key; send the one line of the .pub file")
    if len(content) > _LONGEST or "\n" in content.strip() or len(words) < 2:
        raise bad
    if words[0] not in _KINDS or not content.isprintable():
        raise bad
    try:
        blob = base64.b64decode(words[1], validate=True)
        (length,) = struct.unpack_from(">I", blob)
    except (binascii.Error, ValueError, struct.error) as error:
        raise bad from error
    if blob[4 : 4 + length] != words[0].encode() or len(blob) < 4 + length + 32:
        raise bad
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


class SshKeys:
    """The keys of one hub's users; no two users have the same."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, user: User, *, limit: int, offset: int) -> list[SshKey]:
        """Return a page of a user's keys, oldest first."""
        rows = self._database.rows(
            "SELECT * FROM ssh_keys WHERE user_id = ? ORDER BY id LIMIT ? OFFSET ?",
            user.id,
            limit,
            offset,
        )
        return [SshKey(*row) for row in rows]

    def add(self, user: User, name: str, content: str) -> SshKey:
        """Add a key.

        Raises:
            InvalidInput: it is none, the user has one of that name, or somebody has that key.
        """
        found = fingerprint(content)
        values = (user.id, name, content.strip(), found, time.time())
        try:
            with self._database.change() as connection:
                added = connection.execute(
                    "INSERT INTO ssh_keys (user_id, name, content, fingerprint, created_at) "
                    "VALUES (?, ?, ?, ?, ?)",
                    values,
                )
                number = added.lastrowid
        except sqlite3.IntegrityError as error:
            what = (
                "ssh key already exists"
                if "fingerprint" in str(error)
                else ("ssh key name already exists")
            )
            raise InvalidInput(what) from error
        assert number is not None  # noqa: S101 - a row was inserted
        return SshKey(number, *values)

    def remove(self, user: User, name: str) -> bool:
        """Remove a user's key of that name, and tell whether there was one."""
        with self._database.change() as connection:
            gone = connection.execute(
                "DELETE FROM ssh_keys WHERE user_id = ? AND name = ?", (user.id, name)
            )
            return gone.rowcount > 0
