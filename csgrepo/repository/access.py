"""Who a working copy acts for: what the caller gave, and how it reaches another process."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from csgrepo.credentials import Credentials
from csgrepo.errors import InvalidInput
from csgrepo.git.callback import shell_command
from csgrepo.redact import Secret
from csgrepo.repo_id import Remote

if TYPE_CHECKING:
    from csgrepo.git.runner import Git

__all__ = ["Access"]


@dataclass(frozen=True, slots=True)
class Access:
    """A hub, a token, and the address a clone comes from.

    Attributes:
        endpoint: the hub's address.
        token: a token; ``True`` for the one that is found when it is needed; ``None`` for none.
        remote: where the clone comes from; a token that was passed is meant for it, too.
        found: what ``True`` found in the process that asked for this one; it is for the hub alone.
    """

    endpoint: str
    token: Secret | bool | None = True
    remote: Remote | None = None
    found: Secret | None = None

    @classmethod
    def of(cls, endpoint: str, token: str | Secret | bool | None) -> Access:
        """Return it for arguments as people pass them."""
        return cls(endpoint.rstrip("/"), Secret(token) if isinstance(token, str) else token)

    def to(self, remote: Remote) -> Access:
        """Return the same for a clone of that remote."""
        return replace(self, remote=remote)

    def credentials(self, folder: Path) -> Credentials:
        """Return the proof of who is asking.

        Args:
            folder: the working copy, whose settings may name credential helpers.
        """
        return Credentials(
            self.endpoint,
            self.token,
            also=[self.remote] if self.remote else [],
            folder=folder if folder.is_dir() else None,
            found=self.found,
        )

    def secrets(self, folder: Path) -> dict[str, Any]:
        """Return it in the clear, for the pipe to a worker and nothing else.

        A token from this process's environment goes with it: the worker has none of its own.
        """
        remote = self.remote
        token = self.token
        found = self.credentials(folder).token if token is True else None
        return {
            "endpoint": self.endpoint,
            "token": token.reveal() if isinstance(token, Secret) else token,
            "found": found.reveal() if found else None,
            "url": remote.url if remote else None,
            "username": remote.username if remote else None,
            "password": remote.password.reveal() if remote and remote.password else None,
        }

    @classmethod
    def from_secrets(cls, secrets: dict[str, Any], endpoint: str) -> Access:
        """Read what `secrets` wrote.

        Args:
            secrets: that; empty for a worker that somebody else started.
            endpoint: the hub's address where none came.
        """
        access = cls.of(secrets.get("endpoint") or endpoint, secrets.get("token", True))
        if secrets.get("found"):
            access = replace(access, found=Secret(secrets["found"]))
        if not secrets.get("url"):
            return access
        password = Secret(secrets["password"]) if secrets.get("password") else None
        return access.to(Remote(secrets["url"], None, secrets.get("username"), password))


def register_helper(git: Git, remote: Remote) -> None:
    """Let plain git in this working copy ask csgrepo for the token that `login` keeps.

    Raises:
        InvalidInput: the remote is not reached over HTTP.
    """
    if not remote.is_http:
        raise InvalidInput(f"{remote.url} is not reached over HTTP, so no token is sent to it")
    parts = urlsplit(remote.url)
    key = f"credential.{parts.scheme}://{parts.netloc}.helper"
    # An empty value drops the helpers configured elsewhere: they must not keep the token.
    git.run("config", "--local", "--replace-all", key, "")
    git.run("config", "--local", "--add", key, "!" + shell_command("csgrepo", "git-credential"))
