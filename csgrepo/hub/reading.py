"""Readers of what the hub says: unknown fields are ignored, missing ones named."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from csgrepo.errors import HubError

if TYPE_CHECKING:
    from collections.abc import Mapping

    Fields = Mapping[str, object]

__all__ = [
    "flag",
    "moment",
    "needed_number",
    "needed_text",
    "number",
    "objects",
    "text",
    "texts",
]

_MOMENT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,9}))?"
    r"(?:Z|([+-])([0-9]{2}):([0-9]{2}))"
)


def text(fields: Fields, name: str) -> str:
    """Return a text, ``""`` where there is none."""
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def number(fields: Fields, name: str) -> int | None:
    """Return a whole number, ``None`` where there is none."""
    value = fields.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def flag(fields: Fields, name: str) -> bool:
    """Tell whether something is said to be so."""
    return fields.get(name) is True


def needed_text(fields: Fields, name: str, what: str) -> str:
    """Return a text that has to be there.

    Raises:
        HubError: it is missing; names it.
    """
    value = text(fields, name)
    if not value:
        raise HubError(f"the hub described {what} without its {name!r}")
    return value


def needed_number(fields: Fields, name: str, what: str) -> int:
    """Return a number that has to be there.

    Raises:
        HubError: it is missing; names it.
    """
    value = number(fields, name)
    if value is None:
        raise HubError(f"the hub described {what} without its {name!r}")
    return value


def objects(value: object, what: str) -> list[Fields]:
    """Return a list of objects; ``None`` is how the hub says that there are none.

    Raises:
        HubError: it is no list, or holds something else.
    """
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise HubError(f"the hub answered with something else where {what} were expected")
    return value


def texts(value: object) -> tuple[str, ...]:
    """Return the texts in a list, nothing where it is none."""
    entries = value if isinstance(value, list) else []
    return tuple(entry for entry in entries if isinstance(entry, str) and entry)


def moment(fields: Fields, name: str) -> datetime | None:
    """Read an RFC 3339 time; the year 1 is how the hub says that there is none."""
    match = _MOMENT.fullmatch(text(fields, name))
    if not match or match[1].startswith("0001"):
        return None
    try:
        found = datetime.fromisoformat(match[1])
    except ValueError:
        return None
    offset = timedelta(hours=int(match[4] or 0), minutes=int(match[5] or 0))
    zone = timezone(-offset if match[3] == "-" else offset)
    return found.replace(microsecond=int(f"{match[2] or '0':0<6}"[:6]), tzinfo=zone)
