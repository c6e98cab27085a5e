"""Keeping a token for later sessions, and asking whose it is."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

from csgrepo.config import settings
from csgrepo.credentials import account, delete_token, save_token
from csgrepo.credentials.credentials import Credentials
from csgrepo.credentials.token_file import checked_token
from csgrepo.errors import InvalidInput
from csgrepo.hub.api import HubApi

if TYPE_CHECKING:
    from csgrepo.credentials import Account
    from csgrepo.redact import Secret

__all__ = ["login", "logout", "whoami"]

logger = logging.getLogger(__name__)


def login(
    token: str | Secret | None = None, *, endpoint: str | None = None, from_stdin: bool = False
) -> Account:
    """Keep an access token for later sessions, once the hub has said whose it is.

    Nothing is asked on a terminal; `csgrepo login` does that.

    Args:
        token: the access token.
        endpoint: the hub's address.
        from_stdin: read the token from the first line of standard input.

    Returns:
        The account the token belongs to.

    Raises:
        InvalidInput: no token was given, or it cannot be one.
        Unauthorized: the hub does not know it; a token that was kept before stays.
        CsgRepoError: it cannot be kept.

    Example:
        >>> login("0123456789abcdef").name  # doctest: +SKIP
        'wanda'
    """
    if from_stdin and token is None:
        token = sys.stdin.readline()
    if token is None:
        raise InvalidInput(
            "no token was given: pass login(token), or run `csgrepo login` on a terminal; the "
            "hub's settings page makes access tokens"
        )
    secret = checked_token(token, "the token")
    who = account(Credentials(endpoint or settings().endpoint, secret))
    path = save_token(secret)
    logger.info("the token of %s is kept in %s", who.name, path)
    _warn_of_environment(secret)
    return who


def _warn_of_environment(kept: Secret | None) -> None:
    winner = settings().token
    if winner and winner != kept:
        logger.warning(
            "CSGHUB_TOKEN (or CSG_TOKEN) is set in the environment and is used before any token "
            "that is kept; unset it if that is not what you want"
        )


def logout() -> bool:
    """Forget the kept token, and tell whether there was one.

    The token stays valid on the hub; revoke it on its settings page.

    Raises:
        CsgRepoError: the token file cannot be removed.
    """
    was_kept = delete_token()
    _warn_of_environment(None)
    return was_kept


def whoami(token: str | Secret | None = None, *, endpoint: str | None = None) -> Account:
    """Return the account a token belongs to; the environment's or the kept one by default.

    Raises:
        Unauthorized: there is no token, or the hub does not know it.
        HubUnreachable: no answer.
    """
    with HubApi(endpoint, token) as api:
        return api.whoami()
