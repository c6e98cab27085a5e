"""The frame of the web pages: templates, what they may call, and the headers that guard them."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.responses import Response

from csgrepo.server.repos.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from csgrepo.server.git.told import Entry
    from csgrepo.server.repos.catalogue import Repository

__all__ = ["HEADERS", "address", "at", "length_of", "page", "shown", "static"]

_FOLDER = Path(__file__).parent / "templates"
_STATIC = {"hub.css": "text/css", "hub.svg": "image/svg+xml"}
_UNITS = ("kB", "MB", "GB", "TB", "PB")

# Nothing runs, nothing is loaded from elsewhere, nobody frames it: whatever gets into a page.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-cache",
    "Vary": "Authorization",
}


def address(repository: Repository, section: str = "", path: str = "") -> str:
    """Return the path of a repository's page, or of a part of it."""
    base = f"/{repository.type.rest_plural}/{repository.path}"
    if not section or (section == "tree" and not path):  # the whole tree is the first page
        return base
    return f"{base}/{section}/{quote(path, errors='replace')}".rstrip("/")


def at(ref: str) -> str:
    """Return the query that names a branch, a tag or a commit."""
    return f"?{urlencode({'ref': ref}, errors='replace')}"


def shown(text: str) -> str:
    r"""Return a name or a sentence as a page may show it.

    What could hide or turn text around is written out, as ``\u202e``.

    Example:
        >>> shown("model\u202egpj.exe")
        'model\\u202egpj.exe'
    """
    if text.isprintable():
        return text
    return "".join(
        char
        if char.isprintable()
        else char.encode("unicode_escape", "backslashreplace").decode("ascii")
        for char in text
    )


def length_of(entry: Entry) -> int:
    """Return a file's size; of a large one the real size, not the pointer's."""
    return entry.pointer.size if entry.pointer else entry.size


def _size(length: int) -> str:
    if length < 1000:
        return f"{length} B"
    power = 1
    while length >= 999.95 * 1000**power and power < len(_UNITS):
        power += 1
    return f"{length / 1000**power:.1f} {_UNITS[power - 1]}"


def _moment(seconds: float) -> datetime.datetime:
    try:
        return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    except (OverflowError, ValueError, OSError):  # a commit may claim any time
        return datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def _turned(query: dict[str, str], page: int) -> str:
    return urlencode({**query, "page": str(page)}, errors="replace")


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "address": address,
        "at": at,
        "day": lambda seconds: _moment(seconds).date().isoformat(),
        "length_of": length_of,
        "moment": lambda seconds: _moment(seconds).strftime("%Y-%m-%d %H:%M UTC"),
        "parent": lambda path: path.rpartition("/")[0],
        "shown": shown,
        "size": _size,
        "turned": _turned,
    }
    environment.globals["kinds"] = list(Kind)
    return environment


_TEMPLATES = _environment()


def page(name: str, facts: Mapping[str, object], status: int = 200) -> Response:
    """Return a page made from a template; everything put into it is escaped."""
    text = _TEMPLATES.get_template(name).render({"chosen": None, "user": None, **facts})
    content = text.encode("utf-8", "replace")
    return Response(content, status, HEADERS, "text/html; charset=utf-8")


async def static(request: Request) -> Response:
    """Answer with the style sheet or the icon."""
    name = request.path_params["name"]
    if name not in _STATIC:
        raise HTTPException(404)
    headers = {"Cache-Control": "max-age=3600", "X-Content-Type-Options": "nosniff"}
    return Response((_FOLDER / name).read_bytes(), 200, headers, _STATIC[name])
