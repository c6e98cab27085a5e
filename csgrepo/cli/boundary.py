"""The one place where an exception becomes a message and an exit code."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from csgrepo.cli.exit_codes import FAILURE, INTERRUPTED

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Args:
        args: the words after ``csgrepo``; those of this process where not given.
    """
    _open_what_is_closed()
    return _flushed(_run(args))


def _run(args: Sequence[str] | None) -> int:
    try:
        from csgrepo.cli.root import csgrepo
        from csgrepo.git.child import keep_statuses

        keep_statuses()
        _escape_what_cannot_be_encoded()
        result = csgrepo.main(args, prog_name="csgrepo", standalone_mode=False)
    except click.exceptions.Abort as error:
        return _ended(error.__cause__ or error.__context__)
    except KeyboardInterrupt as error:
        return _ended(error)
    except Exception as error:  # noqa: BLE001 - the last line of defence, which tells all apart
        from csgrepo.cli.failure import report

        return report(error)
    return result if isinstance(result, int) else 0


def _ended(cause: BaseException | None) -> int:
    """Say why the user's side ended it: by Ctrl-C, or by an end of input where one was asked."""
    from csgrepo.cli.output import say
    from csgrepo.cli.words import tr

    if isinstance(cause, EOFError):
        say(f"csgrepo: {tr('no answer was given; nothing was done')}")
        return FAILURE
    say(f"csgrepo: {tr('interrupted')}")
    return INTERRUPTED


def _escape_what_cannot_be_encoded() -> None:
    """Let a name be shown escaped where the terminal's encoding lacks its letters."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure:
            reconfigure(errors="backslashreplace")


def _flushed(code: int) -> int:
    """Have nothing left that would fail to be printed once more when the interpreter ends."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            if stream is sys.stdout:
                code = code or FAILURE
    return code


def _open_what_is_closed() -> None:
    """Give a standard stream that was closed (``>&-``) to the null device.

    Else what is opened next, a connection or a journal, would get its number, and be printed into.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            # The lowest number that is free is the one that was found closed.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
        if getattr(sys, name) is None:
            mode = "w" if number else "r"
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
