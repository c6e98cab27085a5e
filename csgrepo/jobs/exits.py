"""The end of a script: it waits for its pushes, and tells of those that failed.

What is done is chosen by ``on_exit``:

========== ======================================================================================
``warn``   wait; tell of each failure, with the command that resumes it; the exit status stays what
           the script made it
``raise``  the same, and the exit status is 8 if a push failed, 130 if one was left behind
``detach`` do not wait; say that pushes go on, and tell of those that have failed by then
========== ======================================================================================

The first Ctrl-C while it waits says how far the pushes are, the second one leaves them to go on
alone.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import io
import logging
import os
import shlex
import sys
import threading
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from csgrepo.jobs.command import Command

__all__ = ["FAILED_STATUS", "LEFT_STATUS", "OnExit", "expect", "forget"]

OnExit = Literal["warn", "raise", "detach"]

FAILED_STATUS = 8
LEFT_STATUS = 130
_LOOK_S = 2.0  # how often one who waits asks what is in the way

_lock = threading.Lock()  # guards all below
_expected: list[tuple[Command, OnExit]] = []
_is_registered = False
_finalized: int | None = None  # the process that ends with `_at_end_of_child`
_status = 0  # what this process is to exit with, if not with what the script made it


def expect(command: Command, on_exit: OnExit = "warn") -> None:
    """Have the end of this process wait for a push, and report it if it failed.

    A command holds a path and a number, nothing of the repository it was made by; those that are
    done are let go of as others come.
    """
    global _is_registered  # noqa: PLW0603 - once per process is the point
    _finalize_child()
    with _lock:
        known = [entry for entry in _expected if entry[0].status != 0]
        _expected[:] = [*known, (command, on_exit)]
        if not _is_registered:
            atexit.register(_at_exit)
            _is_registered = True


def _finalize_child() -> None:
    """Have a child that `multiprocessing` forked end as any other: it runs no exit handlers."""
    global _finalized  # noqa: PLW0603 - once per process is the point
    processes = sys.modules.get("multiprocessing.process")
    if processes is None or processes.parent_process() is None or _finalized == os.getpid():
        return
    _finalized = os.getpid()
    sys.modules["multiprocessing.util"].Finalize(None, _at_end_of_child, exitpriority=1)


def forget(command: Command) -> None:
    """Have the end of this process neither wait for a push nor report it: its caller knows."""
    with _lock:
        _expected[:] = [entry for entry in _expected if entry[0] is not command]


def _forget_after_fork() -> None:
    """A forked child has no part in its parent's pushes, nor in a lock that was held."""
    global _lock  # noqa: PLW0603 - the old one may never be released
    _lock = threading.Lock()
    _expected.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)


def _at_exit() -> None:
    """Wait, then tell."""
    global _status  # noqa: PLW0603 - read by what runs last
    with _lock:
        expected = list(_expected)
        _expected.clear()
    _await([command for command, on_exit in expected if on_exit != "detach"])
    rest = [command for command, _ in expected if not command.is_done]
    for folder in sorted({command.folder for command in rest}):
        _tell(f"not waiting; pushes go on. See them with: {_shell('list', folder)}")
    for command, _ in expected:
        _report(command)
    strict = [command for command, on_exit in expected if on_exit == "raise"]
    if any(command.failed for command in strict):
        _status = FAILED_STATUS
    elif not all(command.is_done for command in strict):
        _status = LEFT_STATUS


def _at_end_of_child() -> None:
    _at_exit()
    if _status and sys.exc_info()[0] is None:  # what ended the child goes before
        raise SystemExit(_status)


def _await(commands: list[Command]) -> None:
    """Wait until they have ended, or until the second Ctrl-C."""
    with contextlib.suppress(KeyboardInterrupt):
        try:
            _wait_for(commands, "Ctrl-C tells how far they are, twice leaves them to go on alone")
        except KeyboardInterrupt:
            for command in _under_way(commands):
                _tell(f"job {command.id} ({command.title}): {_state(command)}")
            _wait_for(commands, "Ctrl-C leaves them to go on alone")


def _under_way(commands: list[Command]) -> list[Command]:
    """Return those that have not ended; what was superseded goes with its successor."""
    found = [command for command in commands if not command.is_done]
    return [command for command in found if (job := command.job) is None or not job.has_ended]


def _wait_for(commands: list[Command], hint: str) -> None:
    rest = _under_way(commands)
    if not rest:
        return
    titles = ", ".join(command.title for command in rest[:3])
    more = f" and {len(rest) - 3} more" if len(rest) > 3 else ""
    pushes = "1 push" if len(rest) == 1 else f"{len(rest)} pushes"
    _tell(f"waiting for {pushes} to finish ({titles}{more}); {hint}")
    told = ""
    for command in rest:
        while not command.is_done:
            with contextlib.suppress(TimeoutError):
                command.wait(_LOOK_S)
                break
            if (hindrance := command.hindrance) and hindrance != told:
                _tell(told := hindrance)


def _state(command: Command) -> str:
    job = command.job
    if job is None or job.state != "running":
        return job.state if job else "unknown"
    progress = job.progress
    share = f" {progress.fraction:.0%}" if progress.fraction is not None else ""
    tries = f", tried again {progress.tries} times" if progress.tries else ""
    return f"running, {progress.phase or 'starting'} {progress.item}{share}{tries}"


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


def _exit_with_status() -> None:
    """End with the status that failed pushes ask for: Python takes none from an exit handler.

    Registered when this module is imported, so that whatever was registered later has run by now.
    What Python would still do for the script's data is done here: open files are written out.
    """
    if not _status:
        return
    logging.shutdown()
    for found in gc.get_objects():
        if isinstance(found, io.IOBase):
            with contextlib.suppress(Exception):  # it may be closed, or be nobody's any more
                found.flush()
    os._exit(_status)


atexit.register(_exit_with_status)
