"""A README as a page may show it: Markdown rendered, everything that could act taken out."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

import nh3
from markdown_it import MarkdownIt
from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["LONGEST_README", "Readme", "render"]

LONGEST_README = 100_000  # bytes; a longer one could be made to take many seconds

_FACTS = re.compile(r"\A\s*---[ \t]*\r?\n(.{0,20000}?)^---[ \t]*$", re.DOTALL | re.MULTILINE)
_MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
_TAGS = {
    *("a", "b", "blockquote", "br", "center", "code", "dd", "del", "details", "div", "dl", "dt"),
    *("em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "kbd", "li", "ol", "p", "pre"),
    *("s", "small", "span", "strong", "sub", "summary", "sup", "table", "tbody", "td", "th"),
    *("thead", "tr", "u", "ul"),
}
_ATTRIBUTES = {
    "a": {"href", "title"},
    "img": {"src", "alt", "title", "width", "height"},
    "td": {"align", "colspan", "rowspan"},
    "th": {"align", "colspan", "rowspan"},
    "p": {"align"},
    "div": {"align"},
    "ol": {"start"},
}


@dataclass(frozen=True, slots=True)
class Readme:
    """A README in two parts: the facts on top (YAML), and the text as safe HTML."""

    facts: str
    html: Markup


def render(text: str, folder: str, address: Callable[[str, str], str]) -> Readme:
    """Render a README.

    No script, style, form or frame survives, and nothing is loaded from elsewhere: an image of
    another host is left out, so that looking at a page tells nobody.

    Args:
        text: its Markdown; HTML in it is kept as far as it is harmless.
        folder: where it lies in the repository, for its relative links.
        address: returns the page's address for ``"file"`` or ``"raw"`` and a path.
    """
    found = _FACTS.match(text)
    facts, body = (found[1].strip(), text[found.end() :]) if found else ("", text)
    clean = nh3.clean(
        _MARKDOWN.render(body),
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        attribute_filter=partial(_attribute, folder, address),
        url_schemes={"http", "https", "mailto"},
        link_rel="nofollow noopener noreferrer",
    )
    return Readme(facts, Markup(clean))  # noqa: S704 - cleaned in the line above


def _attribute(
    folder: str, address: Callable[[str, str], str], tag: str, name: str, value: str
) -> str | None:
    """Lead relative links to the repository's pages; drop images from elsewhere."""
    if (tag, name) not in {("a", "href"), ("img", "src")}:
        return value
    try:
        parts = urlsplit(value)
    except ValueError:
        return None
    if parts.scheme or parts.netloc:
        return value if tag == "a" else None
    if not parts.path or parts.path.startswith("/"):
        return value if tag == "a" else None
    path = posixpath.normpath(posixpath.join(folder, unquote(parts.path)))
    if path.startswith("..") or "\0" in path:
        return None
    fragment = f"#{quote(parts.fragment)}" if parts.fragment else ""
    return address("raw" if tag == "img" else "file", path) + fragment
