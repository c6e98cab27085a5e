"""Who commits."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from csgrepo.credentials import account
from csgrepo.errors import HubError, InvalidInput

if TYPE_CHECKING:
    from csgrepo.credentials import Credentials
    from csgrepo.repository.layout import WorkTree

__all__ = ["configure", "ensure"]

_log = logging.getLogger(__name__)


def configure(tree: WorkTree, user: str | None, email: str | None) -> None:
    """Set name and address of this working copy's commits.

    Raises:
        InvalidInput: git could not store it.
    """
    for key, value in (("user.name", user), ("user.email", email)):
        if value is None:
            continue
        if not value.strip() or any(character in value for character in "\n\r\0<>"):
            raise InvalidInput(f"{value!r} cannot be a {key.replace('.', ' ')} in a commit")
        tree.write("config", "--local", key, value)


def ensure(tree: WorkTree, credentials: Credentials) -> None:
    """Where git knows no address for commits, ask the hub who the token belongs to.

    Without an answer nothing is set: git then decides, and says what it wants.
    """
    settings = tree.settings()
    if credentials.token is None:
        return
    if settings.get("user.email") and settings.get("user.name"):
        return
    try:
        who = account(credentials)
    except HubError as error:
        _log.info("the hub did not say who commits: %s", error)
        return
    host = urlsplit(credentials.endpoint).hostname or "localhost"
    configure(
        tree,
        None if settings.get("user.name") else who.name,
        None if settings.get("user.email") else who.email or f"{who.name}@users.noreply.{host}",
    )
