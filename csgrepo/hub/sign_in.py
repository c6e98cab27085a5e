"""Keeping a token for later sessions, and asking whose it is."""

from __future__ import annotations

import getpass
import logging
import sys
from typing import TYPE_CHECKING

from csgrepo.config import settings
from csgrepo.credentials import account, delete_token, save_token
from csgrepo.credentials.credentials import Credentials
from csgrepo.credentials.token_file import checked_token
from csgrepo.errors import InvalidInput
from csgrepo.http.call import SILENCE_TIMEOUT_S
from csgrepo.hub.api import HubApi

if TYPE_CHECKING:
    from csgrepo.credentials import Account
    from csgrepo.redact import Secret

__all__ = ["login", "logout", "whoami"]

logger = logging.getLogger(__name__)


def login(
    token: str | Secret | None = None,
    *,
    endpoint: str | None = None,
    from_stdin: bool = False,
    prompt: bool = False,
    keyring: bool = False,
    timeout: float = SILENCE_TIMEOUT_S,
) -> Account:
    """Keep an access token for later sessions, once the hub has said whose it is.

    The hub is asked with ``GET /csg/api/whoami-v2``. The token is kept for this hub alone; each
    hub has its own, side by side. Nothing is asked on a terminal unless `prompt` says so.

    Args:
        token: the access token, from the hub's settings page.
        endpoint: the hub's address; the environment's where not given.
        from_stdin: read the token from the first line of standard input.
        prompt: ask for it on the terminal, without showing it.
        keyring: let the system keyring hold it instead of a file with mode 0600; needs the
            package ``keyring``.
        timeout: the longest silence of the hub, in seconds.

    Returns:
        The account the token belongs to.

    Raises:
        InvalidInput: no token was given, or it cannot be one.
        Unauthorized: the hub does not know it; a token that was kept before stays.
        HubUnreachable: no answer; nothing is kept.
        CsgRepoError: it cannot be kept.

    Example:
        >>> login("0123456789abcdef").name
        'wanda'
    """
    if from_stdin and token is None:
        token = sys.stdin.readline()
    if prompt and token is None:
        token = _asked(endpoint or settings().endpoint)
    if token is None:
        raise InvalidInput(
            "no token was given: pass login(token), or run `csgrepo login` on a terminal; the "
            "hub's settings page makes access tokens"
        )
    secret = checked_token(token, "the token")
    who = account(Credentials(endpoint or settings().endpoint, secret), timeout_s=timeout)
    path = save_token(secret, endpoint, in_keyring=keyring)
    logger.info("the token of %s is kept in %s", who.name, path)
    _warn_of_environment(secret)
    return who


def _asked(endpoint: str) -> str:
    if not sys.stdin.isatty():
        raise InvalidInput("there is no terminal to ask on; pass the token, or from_stdin=True")
    return getpass.getpass(f"Access token for {endpoint}: ")


def _warn_of_environment(kept: Secret | None) -> None:
    winner = settings().token
    if winner and winner != kept:
        logger.warning(
            "CSGHUB_TOKEN (or CSG_TOKEN) is set in the environment and is used before any token "
            "that is kept; unset it if that is not what you want"
        )


def logout(*, endpoint: str | None = None) -> bool:
    """Forget the token kept for a hub, and tell whether there was one; asks no hub.

    Those of other hubs stay. The token stays valid on the hub; `HubApi.delete_access_token` or the
    hub's settings page revokes it.

    Raises:
        CsgRepoError: the token file cannot be removed.
        InvalidInput: the endpoint cannot be an address.

    Example:
        >>> logout()
        False
    """
    was_kept = delete_token(endpoint)
    _warn_of_environment(None)
    return was_kept


def whoami(
    token: str | Secret | None = None,
    *,
    endpoint: str | None = None,
    timeout: float = SILENCE_TIMEOUT_S,
) -> Account:
    """Return the account a token belongs to (``GET /csg/api/whoami-v2``).

    Args:
        token: the access token; the environment's or the kept one where not given.
        endpoint: the hub's address; the environment's where not given.
        timeout: the longest silence of the hub, in seconds.

    Raises:
        Unauthorized: there is no token, or the hub does not know it.
        HubUnreachable: no answer.

    Example:
        >>> who = whoami()
        >>> who.name, who.organizations
        ('wanda', ())
    """
    with HubApi(endpoint, token, timeout=timeout) as api:
        return api.whoami()
