"""How help is laid out: in the user's language, in columns that count wide letters twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from csgrepo.cli.words import paragraphs, sentence, tr

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["HelpContext", "HelpFormatter", "wrap"]

_WIDEST = 80
_NARROWEST = 24
_BESIDE = 58  # with less room, what an option means stands below its name
_CLOSING = "，。；：、！？）」』”’,.;:)"  # what must not begin a line


class HelpFormatter(click.HelpFormatter):
    """Writes help; what is passed in is English, what comes out is what the user reads."""

    def __init__(
        self, indent_increment: int = 2, width: int | None = None, max_width: int | None = None
    ) -> None:
        import shutil

        if width is None:  # click's own way never goes below 50
            width = min(shutil.get_terminal_size().columns, max_width or _WIDEST) - 2
        super().__init__(indent_increment, max(width, _NARROWEST), max_width)

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """Write how the command is called."""
        super().write_usage(prog, args, prefix if prefix is not None else tr("Usage: "))

    def write_heading(self, heading: str) -> None:
        """Write the head of a section."""
        super().write_heading(tr(heading))

    def write_text(self, text: str) -> None:
        """Write paragraphs, each translated by itself."""
        room = max(self.width - self.current_indent, 11)
        margin = " " * self.current_indent
        for number, paragraph in enumerate(paragraphs(text)):
            if number:
                self.write("\n")
            for line in wrap(sentence(paragraph), room):
                self.write(f"{margin}{line}\n")

    def write_dl(
        self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2
    ) -> None:
        """Write names and what they mean, side by side."""
        from csgrepo.progress.label import width

        rows = list(rows)
        names = [width(name) for name, _ in rows]
        widest = col_max if self.width >= _BESIDE else self.width // 4
        first = min(max(names, default=0), widest) + col_spacing
        room = max(self.width - self.current_indent - first, 10)
        margin = " " * self.current_indent
        for (name, text), columns in zip(rows, names, strict=True):
            lines = wrap(text, room) or [""]
            if columns > first - col_spacing:
                self.write(f"{margin}{name}\n")
            else:
                gap = " " * (first - columns)
                self.write(f"{margin}{name}{gap}{lines.pop(0)}".rstrip() + "\n")
            for line in lines:
                self.write(f"{margin}{' ' * first}{line}\n")


class HelpContext(click.Context):
    """A context whose help is written so."""

    formatter_class = HelpFormatter


def wrap(text: str, columns: int) -> list[str]:
    """Return the lines of a paragraph: broken at spaces, and between wide letters.

    Example:
        >>> wrap("保存令牌 for later", 8)
        ['保存令牌', 'for', 'later']
    """
    from csgrepo.progress.label import width

    lines: list[str] = []
    line = ""
    for piece in _pieces(text):
        if line and width(line + piece.rstrip()) > columns:
            lines.append(line.rstrip())
            line = ""
        line += piece if line else piece.lstrip()
    return [*lines, line.rstrip()] if line.strip() else lines


def _pieces(text: str) -> list[str]:
    """Return what may stand on a line of its own: words with their spaces, single wide letters."""
    pieces: list[str] = []
    for character in text:
        joins = bool(pieces) and (
            character in _CLOSING
            or character == " "
            or (character.isascii() and pieces[-1][-1].isascii() and pieces[-1][-1] != " ")
        )
        if joins:
            pieces[-1] += character
        else:
            pieces.append(character)
    return pieces


def option_row(parameter: click.Parameter, context: click.Context) -> tuple[str, str] | None:
    """Return an option's names and what it means, translated."""
    record = parameter.get_help_record(context)
    written: Any = getattr(parameter, "help", None)
    if record is None or not written:
        return record
    names, text = record
    head, found, extra = text.partition(written)
    if not found:
        return record
    extra = extra.replace("[default: ", f"[{tr('default: ')}").replace("required]", tr("required]"))
    return names, head + tr(" ".join(written.split())) + extra
