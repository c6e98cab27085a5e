"""The system keyring as a place for tokens: asked only where somebody chose it at `login`.

The package ``keyring`` is not required; it is imported when a token is to go into it or out of it.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from csgrepo.errors import CsgRepoError
from csgrepo.redact import Secret

__all__ = ["forget", "get", "put"]

_SERVICE = "csgrepo"


def get(place: str) -> Secret | None:
    """Return the token kept for a hub.

    Raises:
        CsgRepoError: there is no keyring, or it is locked.
    """
    token = _ask("get_password", place)
    return Secret(token) if isinstance(token, str) and token else None


def put(place: str, token: str) -> None:
    """Keep a token, and read it back: some keyrings take everything and keep nothing.

    Raises:
        CsgRepoError: there is no keyring, or it does not give back what it got.
    """
    _ask("set_password", place, token)
    if get(place) != Secret(token):
        raise CsgRepoError(
            "the system keyring does not give back what it was given; log in without it"
        )


def forget(place: str) -> None:
    """Remove the token of a hub; one that is gone already is no failure.

    Raises:
        CsgRepoError: there is no keyring, or it is locked.
    """
    if get(place) is not None:
        _ask("delete_password", place)


def _ask(what: str, place: str, *more: str) -> object:
    try:
        keyring: Any = import_module("keyring")
    except ImportError as error:
        raise CsgRepoError(
            "the system keyring needs the package `keyring`: install it, or log in without it"
        ) from error
    try:
        answer: object = getattr(keyring, what)(_SERVICE, place, *more)
    except Exception as error:  # noqa: BLE001 - its backends raise what they like
        # Not chained, and not quoted: what a backend says may hold what it was given.
        raise CsgRepoError(
            f"the system keyring refused ({type(error).__name__}); unlock it, or log in without it"
        ) from None
    return answer
