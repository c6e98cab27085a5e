"""The calls of `HubApi` about organizations and their members."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from csgrepo.errors import InvalidInput
from csgrepo.hub.account_results import Member, Organization
from csgrepo.hub.connection import HubCalls, segment
from csgrepo.repo_id import RepoId

if TYPE_CHECKING:
    from collections.abc import Sequence

    from csgrepo.hub.listing import Listing

__all__ = ["OrganizationCalls"]

Role = Literal["read", "write", "admin"]
_ROLES = ("read", "write", "admin")


class OrganizationCalls(HubCalls):
    """Organizations, and who belongs to them."""

    def list_organizations(
        self, *, user: str | None = None, search: str | None = None
    ) -> Listing[Organization]:
        """List organizations (``GET /api/v1/organizations``, or ``…/user/…/organizations``).

        Args:
            user: only those that this user belongs to.
            search: only those with this text in their names.

        Raises:
            NotFound: while it is read, there is no such user.

        Example:
            >>> [found.name for found in api.list_organizations(user="wanda")]
            ['acme']
        """
        path = f"/api/v1/user/{segment(user)}/organizations" if user else "/api/v1/organizations"
        params = {"search": search or None}
        return self._hub.pages(path, "organizations", Organization.read, params=params)

    def get_organization(self, name: str) -> Organization:
        """Return an organization, with your role in it (``GET /api/v1/organization/…``).

        Raises:
            NotFound: there is none of that name.

        Example:
            >>> api.get_organization("acme").role
            'admin'
        """
        return Organization.read(self._hub.data(_path(name)))

    def create_organization(
        self, name: str, *, nickname: str | None = None, description: str | None = None
    ) -> Organization:
        """Make an organization; you are its first administrator (``POST /api/v1/organizations``).

        Args:
            name: its namespace, up to 29 characters.
            nickname: the name to be shown, up to 29 characters; the name itself where not given.
            description: up to 499 characters.

        Raises:
            InvalidInput: the name is not allowed.
            Conflict: the namespace exists already.
            Unauthorized: there is no token.

        Example:
            >>> api.create_organization("new-acme", nickname="Acme").nickname
            'Acme'
        """
        RepoId.parse(f"{name}/any")  # the rules for namespaces
        body = {"name": name, "nickname": nickname or name, "description": description or ""}
        for field, longest in (("name", 29), ("nickname", 29), ("description", 499)):
            if len(body[field]) > longest:
                raise InvalidInput(f"{field} has more than {longest} characters")
        return Organization.read(self._hub.made("POST", "/api/v1/organizations", json=body))

    def delete_organization(self, name: str) -> None:
        """Delete an organization without repositories (``DELETE /api/v1/organization/…``).

        Raises:
            Forbidden: you are no administrator of it.
            NotFound: there is none of that name.

        Example:
            >>> api.delete_organization("acme")
        """
        self._hub.do("DELETE", _path(name))

    def list_members(self, organization: str) -> Listing[Member]:
        """List an organization's members; their roles are told to members (``GET …/members``).

        Raises:
            NotFound: while it is read, there is no such organization.

        Example:
            >>> [(member.name, member.role) for member in api.list_members("acme")]
            [('wanda', 'admin')]
        """
        return self._hub.pages(f"{_path(organization)}/members", "members", Member.read)

    def add_members(self, organization: str, users: str | Sequence[str], role: Role) -> None:
        """Let users into an organization: all of them, or none (``POST …/members``).

        Raises:
            InvalidInput: an unknown role, or a name that cannot be one.
            Forbidden: you are no administrator of it.
            NotFound: there is no such organization or user.
            Conflict: one of them is a member already.

        Example:
            >>> api.add_members("acme", ["zoe"], role="write")
        """
        names = [users] if isinstance(users, str) else list(users)
        for name in names:
            segment(name)
        if not names or any("," in name for name in names):
            raise InvalidInput("users is a user name, or a list of them")
        body = {"users": ",".join(names), "role": _role(role)}
        self._hub.do("POST", f"{_path(organization)}/members", json=body)

    def change_role(self, organization: str, user: str, role: Role) -> None:
        """Give a member another role (``PUT …/members/{user}``).

        Raises:
            Forbidden: you are no administrator of it.
            NotFound: the user is no member.
            Conflict: it would be left without an administrator.

        Example:
            >>> api.add_members("acme", "zoe", role="read")
            >>> api.change_role("acme", "zoe", role="admin")
        """
        new, old = _role(role), self._role_of(organization, user)
        if new != old:
            body = {"old_role": old, "new_role": new}
            self._hub.do("PUT", f"{_path(organization)}/members/{segment(user)}", json=body)

    def remove_member(self, organization: str, user: str) -> None:
        """Let a member go (``DELETE …/members/{user}``).

        Raises:
            Forbidden: you are no administrator of it.
            NotFound: the user is no member.
            Conflict: it would be left without an administrator.

        Example:
            >>> api.add_members("acme", "zoe", role="read")
            >>> api.remove_member("acme", "zoe")
        """
        body = {"role": self._role_of(organization, user)}
        self._hub.do("DELETE", f"{_path(organization)}/members/{segment(user)}", json=body)

    def _role_of(self, organization: str, user: str) -> str:
        """Return a member's role: the hub wants to hear it from those who change it."""
        members = self.list_members(organization)
        found = next((member for member in members if member.name.lower() == user.lower()), None)
        if found is None:
            raise self._hub.missing(f"{user!r} is no member of {organization}", _path(organization))
        return found.role


def _path(organization: str) -> str:
    return f"/api/v1/organization/{segment(organization)}"


def _role(role: str) -> str:
    if role not in _ROLES:
        raise InvalidInput(f"role={role!r} is unknown; use one of {', '.join(_ROLES)}")
    return role
