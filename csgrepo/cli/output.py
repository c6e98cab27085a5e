"""Results on standard output, everything else on standard error."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from datetime import datetime
from enum import Enum
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import click

from csgrepo.cli.words import tr

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["note", "plain", "print_json", "print_json_line", "say"]


def print_json(value: object) -> None:
    """Print the one JSON document that a command's ``--json`` promises; see `plain`."""
    click.echo(json.dumps(plain(value), indent=2))


def print_json_line(value: object) -> None:
    """Print one document of a stream, on one line, at once."""
    click.echo(json.dumps(plain(value)))


def note(text: str, **facts: object) -> None:
    """Tell the user something that is no result; see `words.tr`."""
    say(tr(text, **facts))


def say(line: str) -> None:
    """Print on standard error; what is done stays done where that cannot be written."""
    with contextlib.suppress(OSError):
        click.echo(line, err=True)


def plain(value: Any) -> Any:
    """Return a value as JSON has it.

    Of dataclasses go the fields that are shown: what the hub said word for word does not, because
    nobody could promise what it holds. Secrets are refused: whoever prints one must reveal it.

    Raises:
        TypeError: it is nothing that a result may hold.

    Example:
        >>> plain({"when": datetime(2030, 1, 1), "tags": ("a",)})
        {'when': '2030-01-01T00:00:00', 'tags': ['a']}
    """
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, datetime | PurePath):
        return value.isoformat() if isinstance(value, datetime) else str(value)
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    fields = _fields(value)
    return {str(name): plain(each) for name, each in fields.items()}


def _fields(value: Any) -> Mapping[object, object]:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        shown = [field.name for field in dataclasses.fields(value) if field.repr]
        return {name: getattr(value, name) for name in shown}
    if isinstance(value, dict):
        return value
    raise TypeError(f"a {type(value).__name__} is nothing that JSON could hold")
