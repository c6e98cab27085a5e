"""The end of a script: it waits for its pushes, and tells of those that failed."""

from __future__ import annotations

import atexit
import contextlib
import os
import shlex
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from csgrepo.jobs.command import Command

__all__ = ["expect", "forget"]

_lock = threading.Lock()  # guards all below
_expected: list[Command] = []
_is_registered = False


def expect(command: Command) -> None:
    """Have the end of this process wait for a push, and report it if it failed.

    A command holds a path and a number, nothing of the repository it was made by; those that are
    done are let go of as others come.
    """
    global _is_registered  # noqa: PLW0603 - once per process is the point
    with _lock:
        _expected[:] = [*(known for known in _expected if known.status != 0), command]
        if not _is_registered:
            atexit.register(_at_exit)
            _is_registered = True


def forget(command: Command) -> None:
    """Have the end of this process neither wait for a push nor report it: its caller knows."""
    with _lock:
        _expected[:] = [known for known in _expected if known is not command]


def _forget_after_fork() -> None:
    """A forked child has no part in its parent's pushes, nor in a lock that was held."""
    global _lock  # noqa: PLW0603 - the old one may never be released
    _lock = threading.Lock()
    _expected.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)


def _at_exit() -> None:
    """Wait, then tell; the exit status stays what the script made it."""
    with _lock:
        commands = list(_expected)
    try:
        _await([command for command in commands if not command.is_done])
    except KeyboardInterrupt:
        rest = [command for command in commands if not command.is_done]
        for folder in sorted({command.folder for command in rest}):
            _tell(f"no longer waiting; pushes go on. See them with: {_shell('list', folder)}")
    for command in commands:
        _report(command)


def _await(commands: list[Command]) -> None:
    if not commands:
        return
    titles = ", ".join(command.title for command in commands[:3])
    more = f" and {len(commands) - 3} more" if len(commands) > 3 else ""
    pushes = "1 push" if len(commands) == 1 else f"{len(commands)} pushes"
    _tell(f"waiting for {pushes} to finish ({titles}{more}); Ctrl-C leaves them to go on alone")
    for command in commands:
        command.wait()


def _report(command: Command) -> None:
    job = command.job
    if job is not None and job.state not in {"failed", "interrupted"}:
        return
    reason = job.reason if job else command.error
    how = f" - resume with: {_shell('resume', command.folder)}" if job else ""
    _tell(f"job {command.id} ({command.title}) failed: {reason}{how}")


def _shell(verb: str, folder: str) -> str:
    return f"csgrepo jobs {verb} {shlex.quote(folder)}"


def _tell(line: str) -> None:
    """Say a line on stderr, where there is one: it may be closed, or nobody reads it."""
    with contextlib.suppress(OSError, ValueError):
        if sys.stderr is not None:
            sys.stderr.write(f"csgrepo: {line}\n")
            sys.stderr.flush()
