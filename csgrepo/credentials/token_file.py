"""The token that `login` keeps: a file that only its owner can read."""

from __future__ import annotations

import functools
import logging
import os
import stat
from typing import TYPE_CHECKING

from csgrepo.config import settings
from csgrepo.errors import CsgRepoError, InvalidInput
from csgrepo.files import write_private
from csgrepo.redact import Secret

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["checked_token", "delete_token", "read_token", "save_token"]

logger = logging.getLogger(__name__)


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


def read_token() -> Secret | None:
    """Return the kept token, ``None`` where there is none or it may not be read.

    Raises:
        InvalidInput: the file holds something that cannot be a token.
    """
    path = settings().token_path
    try:
        text = path.read_text("utf-8", errors="replace")
        mode = path.stat().st_mode
    except OSError:
        return None
    if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
        _warn_once(path)
    return checked_token(text, f"the token file {path}") if text.strip() else None


@functools.cache
def _warn_once(path: Path) -> None:
    logger.warning("other users can read your token; run `chmod 600 %s`", path)


def save_token(token: str | Secret) -> Path:
    """Keep the token for later sessions, and return the file it is in.

    Raises:
        InvalidInput: it cannot be a token.
        CsgRepoError: the file cannot be written.
    """
    path = settings().token_path
    content = checked_token(token, "the token").reveal()
    try:
        write_private(path, f"{content}\n".encode())
    except CsgRepoError:
        raise
    except OSError as error:
        raise CsgRepoError(
            f"the token cannot be kept in {path}: {error.strerror or error}. Set CSGHUB_TOKEN "
            "instead, or CSGHUB_HOME to a folder that can be written to."
        ) from error
    return path


def delete_token() -> bool:
    """Forget the kept token, and tell whether there was one.

    Raises:
        CsgRepoError: the file cannot be removed.
    """
    path = settings().token_path
    try:
        path.unlink()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise CsgRepoError(
            f"the token file {path} cannot be removed: {error.strerror or error}"
        ) from error
    return True
