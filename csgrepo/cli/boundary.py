"""The one place where an exception becomes a message and an exit code."""

from __future__ import annotations

import os
import re
import sys
import traceback
from typing import TYPE_CHECKING

import click

from csgrepo.cli.exit_codes import FAILURE, FAULT, INTERRUPTED, exit_code
from csgrepo.errors import CsgRepoError
from csgrepo.progress.label import printable
from csgrepo.redact import redact

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

# Git rewrites its progress in place; of "50% (1/2)\r100% (2/2)" a terminal would show the end.
_REWRITTEN = re.compile(r"[^\r\n]*\d% \(\d+/\d+\)[^\r\n]*\r(?=[^\n])")


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Args:
        args: the words after ``csgrepo``; those of this process where not given.
    """
    from csgrepo.cli.root import csgrepo

    _escape_what_cannot_be_encoded()
    try:
        result = csgrepo.main(args, prog_name="csgrepo", standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("csgrepo: interrupted", err=True)
        return INTERRUPTED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except CsgRepoError as error:
        _complain(str(error))
        return exit_code(error)
    except OSError as error:
        _complain(_without_number(error))
        return FAILURE
    except Exception:  # noqa: BLE001 - the last line of defence: what gets here is our own fault
        _complain(f"a fault in csgrepo itself; please report it:\n{traceback.format_exc()}")
        return FAULT
    return result if isinstance(result, int) else 0


def _escape_what_cannot_be_encoded() -> None:
    """Let a name be shown escaped where the terminal's encoding lacks its letters."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure:
            reconfigure(errors="backslashreplace")


def _complain(message: str) -> None:
    """Say it on standard error; what a server said may hold secrets or control characters."""
    lines = _REWRITTEN.sub("", redact(message).strip()).split("\n")
    click.echo("csgrepo: " + "\n".join(map(printable, lines)), err=True)


def _without_number(error: OSError) -> str:
    if error.strerror is None:
        return str(error) or type(error).__name__
    where = f"{os.fspath(error.filename)!s}: " if error.filename is not None else ""
    return f"{where}{error.strerror}"
