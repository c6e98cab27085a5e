"""Addresses: what makes two of them one place, and how they may be shown."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from csgrepo.errors import InvalidInput
from csgrepo.redact import redact

__all__ = ["Origin", "origin", "shown"]

Origin = tuple[str, str, int]


def origin(url: str) -> Origin:
    """Return scheme, host and port: what must stay the same for a secret to be sent.

    Raises:
        InvalidInput: the URL is not an HTTP address.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:  # its words may hold a password that nobody escaped
        raise InvalidInput(
            "not a valid URL: its host or port cannot be read; use https://host/path"
        ) from None
    if parts.scheme not in {"http", "https"} or not host:
        raise InvalidInput(f"{shown(url)!r} is not an HTTP address; use https://host/path")
    return parts.scheme, host, port or (443 if parts.scheme == "https" else 80)


def shown(url: str) -> str:
    """Return the URL fit for messages: a query may hold a signature, so it is cut off."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return redact(url.partition("?")[0])
    host = parts.netloc.rpartition("@")[2]
    return redact(urlunsplit((parts.scheme, host, parts.path, "", "")))
