"""The pages of the reference that the code itself can write: commands, codes, exit codes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import click

from csgrepo.cli import exit_codes
from csgrepo.cli.root import csgrepo
from csgrepo.cli.words import paragraphs
from csgrepo.doctor import CODES

__all__ = ["pages", "write"]

_TELL = "<!-- Written by docs/generate.py; change the code it speaks of. -->\n\n"


def write(folder: Path) -> None:
    """Write the pages; those that are right already keep their time."""
    for name, text in pages().items():
        path = folder / name
        if not path.exists() or path.read_text("utf-8") != text:
            beside = path.with_suffix(f".{os.getpid()}")  # another build may be reading
            beside.write_text(text, "utf-8")
            beside.replace(path)


def pages() -> dict[str, str]:
    """Return each page's text, by the name of its file."""
    found = {"commands.md": _commands(), "doctor.md": _doctor(), "exit-codes.md": _exits()}
    return {name: _TELL + text for name, text in found.items()}


def _doctor() -> str:
    lines = [
        "# What the doctor finds\n",
        "`csgrepo doctor` and `Repository.preflight()` name each finding by a code, which keeps",
        "its meaning. Errors keep a push from succeeding, warnings may cost data or time, notes",
        "are good to know. Of several errors the lowest code decides how the command exits.\n",
    ]
    for code in CODES.values():
        ends = f"; exit code {code.exit_code}" if code.exit_code else ""
        lines += [f"({code.id.lower()})=", f"## {code.id}: {code.title}\n"]
        lines += [f"*{code.severity.capitalize()}{ends}.* {code.why}\n"]
    return "\n".join(lines)


def _exits() -> str:
    rows = (line.split(None, 1) for line in (exit_codes.__doc__ or "").splitlines())
    table = [f"| {row[0]} | {row[1]} |" for row in rows if len(row) == 2 and row[0].isdigit()]
    head = (
        "# Exit codes\n\nEvery command ends with one of these.\n\n| code | meaning |\n|---|---|\n"
    )
    return head + "\n".join(table) + "\n"


def _commands() -> str:
    context = click.Context(csgrepo, info_name="csgrepo")
    parts = ["# Commands\n", "`csgrepo COMMAND --help` says the same in a terminal.\n"]
    for command, below in [(csgrepo, context), *_walk(csgrepo, context)]:
        parts += _command(command, below)
    return "\n".join(parts)


def _walk(
    group: click.Group, context: click.Context
) -> Iterator[tuple[click.Command, click.Context]]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        below = click.Context(command, info_name=name, parent=context)
        yield command, below
        if isinstance(command, click.Group):
            yield from _walk(command, below)


def _command(command: click.Command, context: click.Context) -> list[str]:
    path = context.command_path
    usage = " ".join([path, *command.collect_usage_pieces(context)])
    examples: tuple[str, ...] = getattr(command, "examples", ())
    options = [each for each in command.params if isinstance(each, click.Option)]
    rows = [row for row in (_option(each, context) for each in options) if row]
    table = ["| option | |", "|---|---|", *rows, ""] if rows else []
    shown = ["```sh\n" + "\n".join(examples) + "\n```\n"] if examples else []
    return [
        f"## {path}\n",
        f"{_prose(command.help or '')}\n",
        f"```text\n{usage}\n```\n",
        *table,
        *shown,
    ]


def _option(option: click.Option, context: click.Context) -> str:
    record = option.get_help_record(context)  # as `--help` has it: with choices and defaults
    if record is None:
        return ""
    names, text = (_prose(each).replace("\n", " ") for each in record)
    return f"| `{names}` | {text} |"


def _prose(text: str) -> str:
    """Return help as Markdown; what it shows in backticks stays, angle brackets are no HTML."""
    joined = "\n\n".join(paragraphs(text.replace("\b", "")))
    return joined.replace("<", "&lt;").replace("*", "\\*").replace("|", "\\|")
