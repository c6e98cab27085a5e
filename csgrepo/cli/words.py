"""What the command line says, in the language of the locale.

The English text is the key. Its Chinese is in ``zh/*.po``, in the form that translators' programs
know; the files are read when Chinese is spoken, and never otherwise.
"""

from __future__ import annotations

import functools
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from csgrepo.config import language

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["catalogue", "paragraphs", "sentence", "tr"]

_FOLDER = Path(__file__).parent


def tr(text: str, **facts: object) -> str:
    """Return what to say, with the facts in the places named in it.

    Args:
        text: the English words, written out in the call so that a test can find them.
        facts: what goes into ``{name}``.

    Example:
        >>> tr("signed in as {name}", name="wanda")
        'signed in as wanda'
    """
    spoken = language()
    words = text if spoken == "en" or not _can_show_chinese() else catalogue(spoken).get(text, text)
    return words.format(**facts) if facts else words


def sentence(text: str) -> str:
    """Return a paragraph as it is said; its key has no full stop, as in a list of commands."""
    bare = text.removesuffix(".")
    said = tr(bare)
    stop = "." if said == bare else "。"
    return said + stop if bare != text else said


def paragraphs(text: str) -> list[str]:
    """Return the paragraphs of a help text, each on one line: what is translated at a time."""
    return [" ".join(part.split()) for part in re.split(r"\n\s*\n", text.strip()) if part.strip()]


def _can_show_chinese() -> bool:
    """Tell whether standard error, where people are spoken to, has the letters."""
    try:
        "中".encode(sys.stderr.encoding or "utf-8")
    except (AttributeError, LookupError, UnicodeEncodeError):
        return False
    return True


@functools.cache
def catalogue(spoken: str) -> Mapping[str, str]:
    """Return a language's words, by the English ones."""
    found: dict[str, str] = {}
    for path in sorted((_FOLDER / spoken).glob("*.po")):
        found.update(_entries(path.read_text(encoding="utf-8").splitlines()))
    return found


def _entries(lines: Iterable[str]) -> Iterable[tuple[str, str]]:
    """Yield the entries of a PO file: ``msgid`` and ``msgstr``, each of one or more strings."""
    entry = {"msgid": "", "msgstr": ""}
    word = ""
    for line in [*lines, ""]:
        keyword, _, rest = line.partition(" ")
        if keyword in entry:
            word = keyword
            entry[word] = json.loads(rest)
        elif line.startswith('"'):
            entry[word] += json.loads(line)
        elif not line.strip():
            if entry["msgid"]:
                yield entry["msgid"], entry["msgstr"]
            entry = {"msgid": "", "msgstr": ""}
