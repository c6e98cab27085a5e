"""What the hub says about its users' tokens, keys and organizations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from csgrepo.hub.reading import flag, moment, needed_text, text
from csgrepo.redact import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

__all__ = ["AccessToken", "Member", "Organization", "SshKey"]


@dataclass(frozen=True, slots=True)
class AccessToken:
    """An access token.

    Attributes:
        name: what its owner calls it.
        token: its value, which shows itself to nobody; ``token.reveal()`` gives the text. Some
            hubs tell the whole of it only when it is made.
        application: what it is for; ``"git"`` covers git, LFS and REST.
        expires_at: when git and LFS take it no more, ``None`` for never.
        created_at: when it was made.
        last_used_at: when it was last used, where the hub tells.
    """

    name: str
    token: Secret
    application: str = "git"
    expires_at: datetime | None = None
    created_at: datetime | None = None
    last_used_at: datetime | None = None

    @classmethod
    def read(cls, fields: Mapping[str, object]) -> AccessToken:
        """Read a token from a list or from the answer to making one; their names differ.

        Raises:
            HubError: it has no name or no value.
        """
        name = "token_name" if "token_name" in fields else "name"
        return cls(
            name=needed_text(fields, name, "an access token"),
            token=Secret(needed_text(fields, "token", "an access token")),
            application=text(fields, "application"),
            expires_at=moment(fields, "expire_at") or moment(fields, "expired_at"),
            created_at=moment(fields, "created_at"),
            last_used_at=moment(fields, "last_used_at"),
        )


@dataclass(frozen=True, slots=True)
class SshKey:
    """A public key.

    Attributes:
        name: what its owner calls it.
        content: the key, as ``ssh-keygen`` writes it.
        fingerprint: its SHA-256 fingerprint.
        created_at: when it was added.
    """

    name: str
    content: str
    fingerprint: str = ""
    created_at: datetime | None = None

    @classmethod
    def read(cls, fields: Mapping[str, object]) -> SshKey:
        """Read what the hub says about a key.

        Raises:
            HubError: it has no name.
        """
        return cls(
            name=needed_text(fields, "name", "an SSH key"),
            content=text(fields, "content"),
            fingerprint=text(fields, "fingerprint_sha256"),
            created_at=moment(fields, "created_at"),
        )


@dataclass(frozen=True, slots=True)
class Organization:
    """An organization: a namespace that several users share.

    Attributes:
        name: its namespace, as in ``name/repository``.
        nickname: the name to be shown.
        description: what it says about itself.
        homepage: its address elsewhere.
        type: what kind of organization it is.
        verified: whether the hub has checked who it is.
        role: your own role in it, ``""`` where the hub does not tell.
    """

    name: str
    nickname: str = ""
    description: str = ""
    homepage: str = ""
    type: str = ""
    verified: bool = False
    role: str = ""

    @classmethod
    def read(cls, fields: Mapping[str, object]) -> Organization:
        """Read what the hub says; its ``path`` is the name, its ``name`` the one to be shown.

        Raises:
            HubError: it has no path.
        """
        return cls(
            name=needed_text(fields, "path", "an organization"),
            nickname=text(fields, "name"),
            description=text(fields, "description"),
            homepage=text(fields, "homepage"),
            type=text(fields, "org_type"),
            verified=flag(fields, "verified"),
            role=text(fields, "role"),
        )


@dataclass(frozen=True, slots=True)
class Member:
    """A member of an organization.

    Attributes:
        name: the user name.
        nickname: the name to be shown.
        role: ``"read"``, ``"write"`` or ``"admin"``; told to members only.
    """

    name: str
    nickname: str = ""
    role: str = ""

    @classmethod
    def read(cls, fields: Mapping[str, object]) -> Member:
        """Read what the hub says about a member.

        Raises:
            HubError: it has no name.
        """
        name = needed_text(fields, "username", "a member")
        return cls(name, text(fields, "nickname"), text(fields, "role"))
