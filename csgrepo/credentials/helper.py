"""What git's own credential helpers know, asked without ever prompting.

Follows the input and output format of git-credential(1).
"""

from __future__ import annotations

import logging
import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from csgrepo.errors import GitError, InvalidInput
from csgrepo.http import Origin, origin

if TYPE_CHECKING:
    import os

    from csgrepo.git.runner import Git

__all__ = ["Helper"]

logger = logging.getLogger(__name__)

_TIMEOUT_S = 60.0
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

# Without these a program set as askpass would open a window.
_SILENT = {"GIT_ASKPASS": "", "SSH_ASKPASS": ""}


class Helper:
    """Git's credential helpers; each place is asked about once.

    Whether what they gave was accepted is for git to tell them: it asks the same host first.

    Args:
        folder: whose settings count; the current folder where not given.
    """

    def __init__(self, folder: str | os.PathLike[str] | None = None) -> None:
        self._folder = folder
        self._lock = threading.Lock()  # guards _found
        self._found: dict[tuple[Origin, str | None], dict[str, str]] = {}

    def login(self, url: str, username: str | None = None) -> tuple[str, str] | None:
        """Return user name and password for a URL, ``None`` where no helper has them."""
        key = (origin(url), username)
        with self._lock:
            if key not in self._found:
                self._found[key] = self._fill(url, username)
            found = self._found[key]
        if not found.get("password"):
            return None
        return found.get("username", ""), found["password"]

    def _fill(self, url: str, username: str | None) -> dict[str, str]:
        if _CONTROL.search(url):
            raise InvalidInput("a URL with a line break or another control character in it")
        parts = urlsplit(url)
        asked = {
            "protocol": parts.scheme,
            "host": parts.netloc.rpartition("@")[2],
            "path": parts.path.partition("/info/lfs")[0].lstrip("/"),
        }
        if username:
            asked["username"] = username
        try:
            answer = self._git().run(
                "credential", "fill", stdin=_lines(asked), ok=(0, 128), timeout=_TIMEOUT_S
            )
        except GitError as error:
            logger.info("git's credential helpers have nothing for %s: %s", asked["host"], error)
            return {}
        return _fields(answer.stdout) if answer.returncode == 0 else {}

    def _git(self) -> Git:
        from csgrepo.git.runner import Git  # most who ask a hub never need it

        return Git(self._folder or Path.cwd(), env=_SILENT)


def _lines(fields: dict[str, str]) -> bytes:
    """Write fields as git reads them.

    Raises:
        InvalidInput: a value that would end its line and begin another field.
    """
    for name, value in fields.items():
        if _CONTROL.search(value):
            raise InvalidInput(f"the {name} of the address holds a control character")
    return "".join(f"{name}={value}\n" for name, value in fields.items()).encode() + b"\n"


def _fields(output: bytes) -> dict[str, str]:
    lines = output.decode("utf-8", "replace").split("\n")
    fields = dict(line.split("=", 1) for line in lines if "=" in line)
    return {} if any(_CONTROL.search(value) for value in fields.values()) else fields
