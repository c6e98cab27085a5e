"""Names and sizes as a terminal can show them, whatever a file is called."""

from __future__ import annotations

import unicodedata

__all__ = ["duration", "printable", "shorten", "size", "width"]

_UNITS = ("kB", "MB", "GB", "TB", "PB")


def printable(text: str) -> str:
    r"""Return the text with everything that could move the cursor or hide text escaped.

    Control characters, direction marks and the bytes of undecodable names become ``\x1b``,
    ``\u202e`` and the like; letters of every script stay.

    Example:
        >>> printable("模型\t\x1b[2J.bin")
        '模型\\t\\x1b[2J.bin'
    """
    if text.isprintable():
        return text
    return "".join(
        character
        if character.isprintable()
        else character.encode("unicode_escape", "backslashreplace").decode("ascii")
        for character in text
    )


def width(text: str) -> int:
    """Return how many terminal columns the text fills: wide characters count twice."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def _columns(character: str) -> int:
    if unicodedata.category(character) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1


def shorten(text: str, columns: int) -> str:
    """Return the text cut to that many columns; the middle goes, so the suffix can be read.

    Example:
        >>> shorten("checkpoint-000100/model.safetensors", 20)
        'checkpoi…safetensors'
    """
    if width(text) <= columns:
        return text
    if columns < 2:
        return "…"[:columns]
    head = _fit(text, (columns - 1) * 8 // 19)
    tail = _fit(text[::-1], columns - 1 - width(head))[::-1]
    return f"{head}…{tail}"


def _fit(text: str, columns: int) -> str:
    taken = 0
    for index, character in enumerate(text):
        taken += _columns(character)
        if taken > columns:
            return text[:index]
    return text


def size(count: float, unit: str = "B") -> str:
    """Return an amount for people: ``24.1 MB``, or ``3 files`` where bytes are not meant."""
    if unit != "B":
        return f"{count:.0f} {unit}"
    if abs(count) < 1000:
        return f"{count:.0f} B"
    for name in _UNITS:
        count /= 1000
        if abs(count) < 999.95 or name == _UNITS[-1]:
            break
    return f"{count:.1f} {name}"


def duration(seconds: float) -> str:
    """Return a time span for people: ``0.42 s``, ``12 s``, ``3 min 05 s``, ``2 h 10 min``."""
    if seconds < 10:
        return f"{seconds:.2f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
