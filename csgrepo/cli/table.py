"""Rows for people, as wide as the terminal and no wider."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

import click

from csgrepo.cli.words import tr
from csgrepo.progress.label import printable, shorten, width

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["print_facts", "print_table", "table"]

_GAP = "  "
_LEAST = 8  # columns that a cell keeps, however narrow the terminal


def print_table(
    heads: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    paint: Callable[[str], str] | None = None,
) -> None:
    """Print rows under their heads; cut to the terminal, whole where there is none.

    Args:
        heads: the names of the columns, in English.
        rows: the cells; ``None`` leaves one empty.
        paint: colours a cell's text, given as it stands.
    """
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for line in table([tr(head) for head in heads], rows, columns, paint=paint):
        click.echo(line)


def print_facts(facts: Sequence[tuple[str, object]]) -> None:
    """Print names and what they stand for; leave out what is empty."""
    known = [(name, str(value)) for name, value in facts if value not in {None, ""}]
    room = max(width(name) for name, _ in known)
    for name, text in known:
        click.echo(f"{name}{' ' * (room - width(name))}  {printable(text)}")


def table(
    heads: Sequence[str],
    rows: Sequence[Sequence[object]],
    columns: int | None = None,
    *,
    paint: Callable[[str], str] | None = None,
) -> list[str]:
    """Return the lines of a table that fits so many columns of a terminal.

    Example:
        >>> table(["ID", "NAME"], [[1, "模型"], [12, "bert"]])
        ['ID  NAME', '1   模型', '12  bert']
    """
    cells = [["" if cell is None else printable(str(cell)) for cell in row] for row in rows]
    widths = [max(map(width, column)) for column in zip(heads, *cells, strict=True)]
    if columns is not None:
        widths = _fitted(widths, columns - len(_GAP) * (len(heads) - 1))
    lines = [_line(heads, widths, str)]
    return [*lines, *(_line(row, widths, paint or str) for row in cells)]


def _fitted(widths: list[int], room: int) -> list[int]:
    """Return widths that fit, by taking from the widest columns only."""
    left = sum(widths) - room
    fitted = list(widths)
    while left > 0:
        widest = max(range(len(fitted)), key=fitted.__getitem__)
        if fitted[widest] <= _LEAST:
            break
        fitted[widest] -= 1
        left -= 1
    return fitted


def _line(cells: Sequence[str], widths: Sequence[int], paint: Callable[[str], str]) -> str:
    parts = []
    for cell, columns in zip(cells, widths, strict=True):
        text = shorten(cell, columns)
        shown = paint(text) if text == cell else text
        parts.append(shown + " " * (columns - width(text)))
    return _GAP.join(parts).rstrip()
