"""Asking a Git host over SSH, with the same ssh that git would use."""

from __future__ import annotations

import re
import shlex
import shutil
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from csgrepo.git.runner import inherited_variables, run_program

if TYPE_CHECKING:
    from csgrepo.git.runner import Completed
    from csgrepo.git.settings import GitSettings

__all__ = ["ask", "split_address"]

_SCP = re.compile(r"(?P<host>[^/:]+(?:@[^/:]+)?):(?P<path>.+)")
_PATIENCE_S = 60.0


def split_address(url: str) -> tuple[list[str], str] | None:
    """Return ssh's arguments for the host, and the path on it; ``None`` if it is no SSH address.

    Example:
        >>> split_address("ssh://git@host:2222/a/b.git")
        (['-p', '2222', 'git@host'], '/a/b.git')
    """
    if url.startswith("ssh://"):
        parts = urlsplit(url)
        user = f"{unquote(parts.username)}@" if parts.username else ""
        port = ["-p", str(parts.port)] if parts.port else []
        return [*port, f"{user}{parts.hostname}"], unquote(parts.path)
    match = _SCP.fullmatch(url) if "://" not in url else None
    return ([match["host"]], match["path"]) if match else None


def ask(host: list[str], command: list[str], settings: GitSettings) -> Completed:
    """Run a command on a host and return what it answered, whatever its exit status.

    Args:
        host: ssh's arguments for the host, from `split_address`.
        command: the words to run there.
        settings: where ``core.sshCommand`` may name another ssh.
    """
    named = inherited_variables("GIT_SSH_COMMAND", "GIT_SSH")
    configured = named.get("GIT_SSH_COMMAND") or settings.get("core.sshcommand")
    if configured:
        program = _read_by_shell(configured)
    elif "GIT_SSH" in named:
        program = [named["GIT_SSH"]]
    else:
        program = ["ssh", "-oBatchMode=yes"]  # fail rather than ask
    return run_program([*program, *host, shlex.join(command)], timeout=_PATIENCE_S)


def _read_by_shell(line: str) -> list[str]:
    """Return what makes a shell read a setting, as git has it: it may hold variables or a ``~``."""
    shell = shutil.which("sh")
    return [shell, "-c", f'{line} "$@"', line] if shell else shlex.split(line)
