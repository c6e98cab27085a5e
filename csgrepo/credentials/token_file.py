"""The tokens that `login` keeps: a file that only its owner can read, a line for each hub.

A line is ``ENDPOINT TOKEN``. Older versions, and the hub's own client, keep a token alone in that
file; it does not say which hub it is for, so the first hub that is asked gets it, and from then on
its line says so.

Whoever changes the file holds a lock from reading it to renaming the new one over it: two that log
in at once, to two hubs, both find their lines in it afterwards.
"""

from __future__ import annotations

import contextlib
import errno
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
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = [
    "checked_token",
    "delete_token",
    "place_of",
    "read_own_token",
    "read_token",
    "save_token",
]

logger = logging.getLogger(__name__)

_IN_KEYRING = "keyring:"  # stands where the token would, when the system keyring has it
_PATIENCE_S = 60.0  # for another login, which may be asking for the keyring's password
# What file systems without locks answer: some network and user-space ones.
_NO_LOCKS = frozenset({errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP})


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


def read_token(endpoint: str | None = None, *, bind: bool = True) -> Secret | None:
    """Return the token kept for a hub, ``None`` where there is none or it may not be read.

    Args:
        endpoint: the hub; the environment's where not given.
        bind: note in the file that a token kept for no hub in particular is this one's from now
            on; without it nothing is written.

    Raises:
        InvalidInput: the file holds something that cannot be a token.
        CsgRepoError: the token is in the system keyring, which cannot be asked.
    """
    place, (bound, loose) = place_of(endpoint), _entries()
    if loose and place not in bound:
        bound = _bound_now(place, loose) if bind else {place: loose}
    return _of(place, bound)


def read_own_token(endpoint: str) -> Secret | None:
    """Return the token kept for a host by its name; one that is for no hub in particular is not.

    For hosts that are asked in a hub's place, and must not get what is meant for it.

    Raises:
        InvalidInput: the file holds something that cannot be a token.
        CsgRepoError: the token is in the system keyring, which cannot be asked.
    """
    return _of(place_of(endpoint), _entries()[0])


def _of(place: str, bound: Mapping[str, str]) -> Secret | None:
    kept = bound.get(place)
    if kept == _IN_KEYRING:
        return keyring_store.get(place)
    return Secret(kept) if kept else None


def _bound_now(place: str, seen: str) -> dict[str, str]:
    """Bind the token that is for no hub in particular to one; return what is bound then."""
    try:
        with _alone():
            bound, loose = _entries()  # another process may have been faster
            if loose and place not in bound:
                bound[place] = loose
                _write(bound)
                path = settings().token_path
                logger.info("the token in %s is the one for %s from now on", path, place)
            return bound
    except CsgRepoError as error:
        # A mounted secret, say. It stays the token of the hub that the environment names.
        logger.info("the kept token is not bound to %s: %s", place, error)
        return {place: seen} if place == place_of(None) else {}


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
    with _alone():
        try:
            bound, loose = _entries()
        except InvalidInput:
            bound, loose = {}, ""  # what nobody can read is replaced
        if loose and not bound:  # the only token there was, and this one takes its place
            loose = ""
        if in_keyring:
            keyring_store.put(place, content)
        path = _write({**bound, place: _IN_KEYRING if in_keyring else content}, loose)
        if bound.get(place) == _IN_KEYRING and not in_keyring:
            keyring_store.forget(place)
    return path


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Keep other processes and threads from changing the file.

    Raises:
        CsgRepoError: its folder cannot be written to, or another process holds on to the lock.
    """
    from filelock import FileLock, Timeout

    path = settings().token_path
    lock = FileLock(path.with_name(f".{path.name}.lock"), timeout=_PATIENCE_S, mode=0o600)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock.acquire()
        _sweep(path)
    except Timeout as error:
        raise CsgRepoError(
            f"another process has been changing {path} for {_PATIENCE_S:g} seconds; end it, and "
            "try again"
        ) from error
    except NotImplementedError as error:
        logger.info("%s is changed without a lock: %s", path, error)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise _unkept(path, error) from error
        logger.info("%s is changed without a lock: %s", path, error)
    try:
        yield
    finally:
        lock.release()


def _sweep(path: Path) -> None:
    """Remove what those left who died while they wrote: it holds tokens."""
    for left in path.parent.glob(f".{path.name[:20]}.{'[0-9a-f]' * 12}.tmp"):
        left.unlink(missing_ok=True)


def _unkept(path: Path, error: OSError) -> CsgRepoError:
    return CsgRepoError(
        f"the token cannot be kept in {path}: {error.strerror or error}. Set CSGHUB_TOKEN "
        "instead, or CSGHUB_HOME to a folder that can be written to."
    )


def _write(bound: Mapping[str, str], loose: str = "") -> Path:
    path = settings().token_path
    lines = [*([loose] if loose else []), *(f"{place} {token}" for place, token in bound.items())]
    try:
        write_private(path, "".join(f"{line}\n" for line in lines).encode())
    except CsgRepoError:  # the disk is full, and that says so
        raise
    except OSError as error:
        raise _unkept(path, error) from error
    return path


def delete_token(endpoint: str | None = None) -> bool:
    """Forget the token kept for a hub, and tell whether there was one.

    Raises:
        CsgRepoError: the file cannot be changed.
    """
    place, path = place_of(endpoint), settings().token_path
    if not os.path.exists(path):
        return False
    with _alone():
        try:
            bound, loose = _entries()
        except InvalidInput:
            bound, loose = {}, "unreadable"
        kept = bound.pop(place, "")
        if not (kept or loose):
            return False
        if bound:
            _write(bound)
        else:
            _remove(path)
        if kept == _IN_KEYRING:
            keyring_store.forget(place)
    return True


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise CsgRepoError(
            f"the token file {path} cannot be removed: {error.strerror or error}"
        ) from error
