"""The one place where an exception becomes a message and an exit code."""

from __future__ import annotations

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
    try:
        from csgrepo.cli.root import csgrepo

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
    from csgrepo.cli.words import tr

    if isinstance(cause, EOFError):
        click.echo(f"csgrepo: {tr('no answer was given; nothing was done')}", err=True)
        return FAILURE
    click.echo(f"csgrepo: {tr('interrupted')}", err=True)
    return INTERRUPTED


def _escape_what_cannot_be_encoded() -> None:
    """Let a name be shown escaped where the terminal's encoding lacks its letters."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure:
            reconfigure(errors="backslashreplace")
