"""What the tests ran on the command line and what it ended with: no command may go without.

Every helper that runs a command records it. After a run of all functional tests, those that no test
has shown for people, for programs, and failing are named, and the run fails. A part of the tests
tells nothing about that and is not judged.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import click

from csgrepo.cli.root import csgrepo

__all__ = ["Ran", "keep_in", "leaves", "missing", "ran", "record"]

Ran = tuple[str, bool, int]  # the command, whether with --json, and its exit code

# What prints no result that a program could want as JSON.
WITHOUT_JSON = {"completion", "schema"}

# These take a hub's address and a token, and tell of what they find with codes of their own.
ASKING_NOBODY = {"doctor"}

_place: list[Path] = []


def keep_in(path: Path) -> None:
    """Record into this file from now on; processes may share it."""
    _place[:] = [path]


def record(args: Sequence[str], code: int) -> None:
    """Note that a command line ran and ended so."""
    name = command_of(args)
    if _place and name:
        with _place[0].open("a", encoding="utf-8") as stream:
            stream.write(json.dumps([name, "--json" in args, code]) + "\n")


def ran(path: Path) -> Iterator[Ran]:
    """Read what was recorded."""
    for line in path.read_text("utf-8").splitlines() if path.exists() else []:
        name, as_json, code = json.loads(line)
        yield name, as_json, code


def command_of(args: Sequence[str]) -> str:
    """Return the command that a line calls, by its first name; ``""`` if it calls none."""
    here: click.Command = csgrepo
    names: list[str] = []
    for word in args:
        if not isinstance(here, click.Group):
            break
        if word.startswith("-") and not names:
            continue
        context = click.Context(here)
        found = here.get_command(context, word) or here.get_command(context, word.replace("_", "-"))
        if found is None:
            break
        here = found
        names.append(str(found.name))
    return " ".join(names) if not isinstance(here, click.Group) else ""


def leaves(group: click.Group = csgrepo, words: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield every command that is listed, as it is typed."""
    context = click.Context(group)
    for name in group.list_commands(context):
        below = group.get_command(context, name)
        if isinstance(below, click.Group):
            yield from leaves(below, (*words, name))
        elif below and not below.hidden:
            yield " ".join((*words, name))


def failures_of(name: str) -> set[int]:
    """Return the exit codes that the command's failures are to be shown with, by its options."""
    command: click.Command = csgrepo
    for word in name.split():
        assert isinstance(command, click.Group)
        found = command.get_command(click.Context(command), word)
        assert found is not None
        command = found
    options = {option for parameter in command.params for option in parameter.opts}
    asks_the_hub = {"--endpoint", "--token"} <= options and name not in ASKING_NOBODY
    in_a_copy = "--repo-dir" in options
    return ({3, 6} if asks_the_hub else set()) | ({2, 9} if in_a_copy else set())


def missing(seen: Iterable[Ran]) -> list[str]:
    """Return a line for each thing that no test has shown of a command."""
    shown = set(seen)
    lines = []
    for name in leaves():
        own = {(as_json, code) for each, as_json, code in shown if each == name}
        if (False, 0) not in own:
            lines.append(f"{name}: nobody saw it succeed")
        if (True, 0) not in own and name not in WITHOUT_JSON:
            lines.append(f"{name}: nobody saw it succeed with --json")
        failed = {code for _, code in own if 0 < code < 128}
        if not failed:
            lines.append(f"{name}: nobody saw it fail")
        lines += [
            f"{name}: nobody saw it end with {code}" for code in sorted(failures_of(name) - failed)
        ]
    return lines
