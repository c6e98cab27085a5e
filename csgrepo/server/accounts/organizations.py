"""Organizations: namespaces that several users share, each with a role."""

from __future__ import annotations

import sqlite3
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from csgrepo.server.http.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from csgrepo.server.accounts.users import User
    from csgrepo.server.records.database import Database

__all__ = ["ROLES", "Member", "Organization", "Organizations"]

ROLES = ("read", "write", "admin")

_COLUMNS = "n.name, n.uuid, o.nickname, o.description, o.homepage, o.logo, o.type, o.owner_id"
_FROM = "FROM organizations AS o JOIN namespaces AS n ON n.name = o.namespace"
_SELECT = f"SELECT {_COLUMNS} {_FROM}"
_CHANGEABLE = ("nickname", "description", "homepage", "logo", "type", "owner_id")


@dataclass(frozen=True, slots=True)
class Organization:
    """One organization; `name` is its namespace."""

    name: str
    uuid: str
    nickname: str
    description: str
    homepage: str
    logo: str
    type: str
    owner_id: int | None


@dataclass(frozen=True, slots=True)
class Member:
    """A user in an organization."""

    name: str
    nickname: str
    uuid: str
    avatar: str
    role: str


class Organizations:
    """The organizations of one hub."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, name: str) -> Organization | None:
        """Return the organization of that name."""
        row = self._database.row(f"{_SELECT} WHERE n.name = ?", name)
        return Organization(*row) if row else None

    def page(
        self,
        *,
        search: str = "",
        kind: str = "",
        member: User | None = None,
        role: str = "",
        limit: int = 50,
        offset: int = 0,
    ) -> tuple[list[Organization], int]:
        """Return one page of the organizations, and how many there are in all.

        Args:
            search: part of the name or the nickname.
            kind: only those of that type.
            member: only those that this user belongs to.
            role: only those where `member` has that role.
            limit: how many.
            offset: how many to leave out before.
        """
        where, values = "WHERE instr(lower(n.name || ' ' || o.nickname), lower(?))", [search]
        if kind:
            where += " AND o.type = ?"
            values.append(kind)
        if member:
            where += (
                " AND EXISTS (SELECT 1 FROM members WHERE namespace = n.name"
                " AND user_id = ? AND ? IN ('', role))"
            )
            values += [str(member.id), role]
        rows = self._database.rows(
            f"{_SELECT} {where} ORDER BY n.name LIMIT ? OFFSET ?", *values, limit, offset
        )
        total = self._database.row(f"SELECT count(*) {_FROM} {where}", *values)
        return [Organization(*row) for row in rows], total[0] if total else 0

    def create(self, name: str, facts: Mapping[str, str], owner: User) -> Organization:
        """Make an organization whose first administrator is its owner.

        Raises:
            Refusal: 400 USER-ERR-20, the namespace is taken.
        """
        try:
            with self._database.change() as connection:
                connection.execute(
                    "INSERT INTO namespaces VALUES (?, 'organization', ?)",
                    (name, str(uuid.uuid4())),
                )
                connection.execute(
                    "INSERT INTO organizations VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (name, *(facts.get(field, "") for field in _CHANGEABLE[:-1]), owner.id),
                )
                connection.execute("INSERT INTO members VALUES (?, ?, 'admin')", (name, owner.id))
        except sqlite3.IntegrityError as error:
            raise Refusal(400, "USER-ERR-20") from error
        found = self.find(name)
        assert found is not None  # noqa: S101 - it was entered in the lines above
        return found

    def update(self, organization: Organization, changes: Mapping[str, object]) -> None:
        """Change some of what is told of an organization."""
        with self._database.change() as connection:
            for field in _CHANGEABLE:
                if field in changes:
                    connection.execute(
                        f"UPDATE organizations SET {field} = ? WHERE namespace = ?",  # noqa: S608 - from the tuple above
                        (changes[field], organization.name),
                    )

    def delete(self, organization: Organization) -> None:
        """Delete an organization that has no repositories.

        Raises:
            Refusal: 409, it has some.
        """
        try:
            with self._database.change() as connection:
                connection.execute("DELETE FROM namespaces WHERE name = ?", (organization.name,))
        except sqlite3.IntegrityError as error:
            words = f"{organization.name} still has repositories; delete or transfer them first"
            raise Refusal(409, "", words) from error

    def members(self, name: str, *, limit: int, offset: int) -> tuple[list[Member], int]:
        """Return one page of an organization's members, by name, and how many there are in all."""
        rows = self._database.rows(
            "SELECT u.name, u.nickname, u.uuid, u.avatar, m.role FROM members AS m "
            "JOIN users AS u ON u.id = m.user_id WHERE m.namespace = ? "
            "ORDER BY u.name LIMIT ? OFFSET ?",
            name,
            limit,
            offset,
        )
        total = self._database.row("SELECT count(*) FROM members WHERE namespace = ?", name)
        return [Member(*row) for row in rows], total[0] if total else 0

    def role(self, name: str, user: User) -> str | None:
        """Return a member's role, ``None`` for somebody else."""
        sql = "SELECT role FROM members WHERE namespace = ? AND user_id = ?"
        row = self._database.row(sql, name, user.id)
        return row["role"] if row else None

    def add(self, name: str, users: Sequence[User], role: str) -> None:
        """Let users in with a role; who belongs already keeps the role they have."""
        with self._database.change() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO members VALUES (?, ?, ?)",
                [(name, user.id, role) for user in users],
            )

    def change_role(self, name: str, user: User, role: str | None) -> None:
        """Give a member another role, or none: then they belong no longer.

        Raises:
            Refusal: 404, there is no such member; 409 SYS-ERR-6, nobody would be left to
                administer the organization.
        """
        with self._database.change() as connection:
            values: list[object] = [] if role is None else [role]
            what = "UPDATE members SET role = ?" if values else "DELETE FROM members"
            done = connection.execute(
                f"{what} WHERE namespace = ? AND user_id = ?", (*values, name, user.id)
            )
            if not done.rowcount:
                raise Refusal(404, "SYS-ERR-3")
            left = connection.execute(
                "SELECT 1 FROM members WHERE namespace = ? AND role = 'admin'", (name,)
            )
            if role != "admin" and left.fetchone() is None:
                raise Refusal(409, "SYS-ERR-6")
