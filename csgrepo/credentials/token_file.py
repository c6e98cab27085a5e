"""The tokens that `login` keeps: a file that only its owner can read, a line for each hub.

A line is ``ENDPOINT TOKEN``. Older versions, and the hub's own client, keep a token alone in that
file; it does not say which hub it is for, so the first hub that is asked gets it, and from then on
its line says so.
"""

from __future__ import annotations

import functools
import logging
import os
import stat
from typing import TYPE_CHECKING

from csgrepo.config import settings
from csgrepo.credentials import keyring_store
from csgrepo.errors import CsgRepoError, InvalidInput
from csgrepo.files import write_private
from csgrepo.http import origin
from csgrepo.redact import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["checked_token", "delete_token", "place_of", "read_token", "save_token"]

logger = logging.getLogger(__name__)

_IN_KEYRING = "keyring:"  # stands where the token would, when the system keyring has it


def checked_token(token: str | Secret, where: str) -> Secret:
    """Return the token without blanks around it, if an HTTP header can carry it.

    Raises:
        InvalidInput: it is empty, or holds blanks, line breaks or characters outside ASCII.
    """
    text = (token.reveal() if isinstance(token, Secret) else token).strip()
    if not text:
        raise InvalidInput(f"{where} is empty; use the access token from the hub's settings page")
    if not text.isascii() or not text.isprintable() or " " in text:
        raise InvalidInput(
            f"{where} holds blanks, line breaks or characters outside ASCII; copy the access "
            "token from the hub's settings page again"
        )
    return Secret(text)


def place_of(endpoint: str | None) -> str:
    """Return scheme, host and port of a hub: what a kept token is bound to.

    Raises:
        InvalidInput: no HTTP address.

    Example:
        >>> place_of("https://opencsg.com/models"), place_of("http://127.0.0.1:8080/")
        ('https://hub.opencsg.com', 'http://127.0.0.1:8080')
    """
    scheme, host, port = origin(endpoint or settings().endpoint)
    host = "hub.opencsg.com" if host == "opencsg.com" else host
    shown = f"[{host}]" if ":" in host else host
    default = {"http": 80, "https": 443}[scheme]
    return f"{scheme}://{shown}" if port == default else f"{scheme}://{shown}:{port}"


def read_token(endpoint: str | None = None) -> Secret | None:
    """Return the token kept for a hub, ``None`` where there is none or it may not be read.

    Raises:
        InvalidInput: the file holds something that cannot be a token.
        CsgRepoError: the token is in the system keyring, which cannot be asked.
    """
    place, (bound, loose) = place_of(endpoint), _entries()
    kept = bound.get(place)
    if kept == _IN_KEYRING:
        return keyring_store.get(place)
    if kept:
        return Secret(kept)
    if not loose:
        return None
    try:
        _write({**bound, place: loose})
    except CsgRepoError as error:
        # A mounted secret, say. It stays the token of the hub that the environment names.
        logger.info("the kept token is not bound to %s: %s", place, error)
        return Secret(loose) if place == place_of(None) else None
    logger.info("the token in %s is the one for %s from now on", settings().token_path, place)
    return Secret(loose)


def _entries() -> tuple[dict[str, str], str]:
    """Return what is kept, by hub, and the token that is for no hub in particular."""
    path = settings().token_path
    try:
        text = path.read_text("utf-8", errors="replace")
        mode = path.stat().st_mode
    except OSError:
        return {}, ""
    if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
        _warn_once(path)
    what = f"the token file {path}"
    bound, loose = {}, ""
    for line in filter(None, map(str.strip, text.splitlines())):
        place, blank, token = line.partition(" ")
        if blank and place.startswith(("http://", "https://")):
            bound[place] = checked_token(token, what).reveal()
        elif loose:
            raise InvalidInput(f"{what} holds two tokens that are for no hub in particular")
        else:
            loose = checked_token(line, what).reveal()
    return bound, loose


@functools.cache
def _warn_once(path: Path) -> None:
    logger.warning("other users can read your token; run `chmod 600 %s`", path)


def save_token(
    token: str | Secret, endpoint: str | None = None, *, in_keyring: bool = False
) -> Path:
    """Keep the token of a hub for later sessions, and return the file that knows of it.

    Args:
        token: the access token.
        endpoint: the hub; the environment's where not given.
        in_keyring: let the system keyring hold the token; the file then only says so.

    Raises:
        InvalidInput: it cannot be a token.
        CsgRepoError: it cannot be kept.
    """
    content, place = checked_token(token, "the token").reveal(), place_of(endpoint)
    try:
        bound, loose = _entries()
    except InvalidInput:
        bound, loose = {}, ""  # what nobody can read is replaced
    if in_keyring:
        keyring_store.put(place, content)
    elif bound.get(place) == _IN_KEYRING:
        keyring_store.forget(place)
    if loose and not bound:  # the only token there was, and this one takes its place
        loose = ""
    return _write({**bound, place: _IN_KEYRING if in_keyring else content}, loose)


def _write(bound: Mapping[str, str], loose: str = "") -> Path:
    path = settings().token_path
    lines = [*([loose] if loose else []), *(f"{place} {token}" for place, token in bound.items())]
    try:
        write_private(path, "".join(f"{line}\n" for line in lines).encode())
    except CsgRepoError:
        raise
    except OSError as error:
        raise CsgRepoError(
            f"the token cannot be kept in {path}: {error.strerror or error}. Set CSGHUB_TOKEN "
            "instead, or CSGHUB_HOME to a folder that can be written to."
        ) from error
    return path


def delete_token(endpoint: str | None = None) -> bool:
    """Forget the token kept for a hub, and tell whether there was one.

    Raises:
        CsgRepoError: the file cannot be changed.
    """
    place, path = place_of(endpoint), settings().token_path
    try:
        bound, loose = _entries()
    except InvalidInput:
        bound, loose = {}, "unreadable"
    kept = bound.pop(place, "")
    if not (kept or loose):
        return False
    if kept == _IN_KEYRING:
        keyring_store.forget(place)
    if bound:
        _write(bound)
        return True
    try:
        path.unlink()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise CsgRepoError(
            f"the token file {path} cannot be removed: {error.strerror or error}"
        ) from error
    return True
