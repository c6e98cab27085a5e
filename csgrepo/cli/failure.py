"""What is said of a failure, and the exit code it has."""

from __future__ import annotations

import errno
import os
import re
import traceback
from pathlib import Path

import click

from csgrepo.cli.advice import in_commands
from csgrepo.cli.command import similar
from csgrepo.cli.exit_codes import FAILURE, FAULT, NO_ROOM, exit_code
from csgrepo.cli.output import say
from csgrepo.cli.words import tr
from csgrepo.config import settings
from csgrepo.errors import CsgRepoError
from csgrepo.progress.label import printable
from csgrepo.redact import redact

__all__ = ["KINDS", "report"]

# Git rewrites its progress in place; of "50% (1/2)\r100% (2/2)" a terminal would show the end.
_REWRITTEN = re.compile(r"[^\r\n]*\d% \(\d+/\d+\)[^\r\n]*\r(?=[^\n])")

_FULL = (errno.ENOSPC, errno.EDQUOT)

_NO_WORDS: tuple[type[click.UsageError], ...] = tuple(
    filter(None, [getattr(click.exceptions, "NoArgsIsHelpError", None)])
)

# In English the error has said so itself.
KINDS = {
    2: "An argument or the command line is wrong.",
    3: "The token is missing, unknown, or lacks the right.",
    4: "There is no such repository, branch, user or file, or it is hidden from you.",
    5: "The other side refused.",
    6: "No answer, or not now: the same command may succeed later.",
    7: "Bytes are missing or are not what they should be.",
    8: "Background pushes failed; see `csgrepo jobs list`.",
    9: "This machine lacks git, or room on the disk.",
}


def report(error: Exception) -> int:
    """Say on standard error what went wrong, and return the exit code."""
    if isinstance(error, click.UsageError):
        return _misused(error)
    if isinstance(error, click.ClickException):
        _complain(error.format_message())
        return error.exit_code
    if isinstance(error, CsgRepoError):
        said = in_commands(str(error))
        _complain(f"{said}{_hint(error)}{_kind(exit_code(error))}")
        return exit_code(error)
    if isinstance(error, OSError):
        _complain(_without_number(error) + _about_the_cache(error))
        return NO_ROOM if error.errno in _FULL else FAILURE
    fault = "".join(traceback.format_exception(error))
    _complain(f"{tr('a fault in csgrepo itself; please report it:')}\n{fault}")
    return FAULT


def _misused(error: click.UsageError) -> int:
    context = error.ctx
    if isinstance(error, _NO_WORDS):  # a group alone: its help says what there is
        say(error.format_message())
        return error.exit_code
    if context is not None:
        say(context.get_usage())
    text = _wrong(error)
    if context is not None and context.help_option_names:
        text += "\n" + tr("See `{command} --help`.", command=context.command_path)
    _complain(text)
    return error.exit_code


def _wrong(error: click.UsageError) -> str:
    """Say what is wrong with the command line; click's own words for what is rare."""
    if isinstance(error, click.NoSuchOption):
        return _no_such_option(error)
    if isinstance(error, click.MissingParameter):
        return tr("missing: {name}", name=_named(error.param, error.ctx))
    if isinstance(error, click.BadParameter):
        name = _named(error.param, error.ctx)
        return tr("{name} is wrong: {why}", name=name, why=error.message.rstrip("."))
    return error.format_message().rstrip(".")


def _no_such_option(error: click.NoSuchOption) -> str:
    name = error.option_name
    parameters = error.ctx.command.get_params(error.ctx) if error.ctx else []
    known = [each for parameter in parameters for each in parameter.opts if each[:2] == "--"]
    if close := similar(name, known):
        names = ", ".join(close)
        return tr("no such option: {name}. Did you mean {names}?", name=name, names=names)
    return tr("no such option: {name}", name=name)


def _named(parameter: click.Parameter | None, context: click.Context | None) -> str:
    if parameter is None:
        return tr("an argument")
    if isinstance(parameter, click.Argument):
        return parameter.make_metavar(context) if context else str(parameter.name).upper()
    return max(parameter.opts, key=len)


def _hint(error: CsgRepoError) -> str:
    return f"\n{error.hint}" if error.hint else ""


def _kind(code: int) -> str:
    """Say what kind of failure it is, where the error itself is in another language."""
    text = KINDS.get(code, "")
    said = tr(text)
    return "" if said == text else f"\n{said}"


def _complain(message: str) -> None:
    """Say it on standard error; what a server said may hold secrets or control characters."""
    lines = _REWRITTEN.sub("", redact(message).strip()).split("\n")
    say("csgrepo: " + "\n".join(map(printable, lines)))


def _about_the_cache(error: OSError) -> str:
    """Say how to have the cache elsewhere, if it is the cache that cannot be written."""
    if not isinstance(error.filename, str) or error.errno in _FULL:
        return ""
    cache, there = settings().cache, Path(error.filename)
    if not (there.is_relative_to(cache) or (cache.is_relative_to(there) and not there.is_dir())):
        return ""
    return "\n" + tr("This is the cache; set CSGHUB_CACHE to a folder that can be written to.")


def _without_number(error: OSError) -> str:
    if error.strerror is None:
        return str(error) or type(error).__name__
    where = f"{os.fspath(error.filename)!s}: " if error.filename is not None else ""
    return f"{where}{error.strerror}"
