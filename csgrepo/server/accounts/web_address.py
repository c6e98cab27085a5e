"""Addresses that users tell of themselves, and that pages may link to."""

from __future__ import annotations

from urllib.parse import urlsplit

from csgrepo.server.http.refusal import Refusal

__all__ = ["checked_address"]


def checked_address(text: str) -> str:
    """Return a web address, or nothing.

    Raises:
        Refusal: 400, it would do something else than lead to a page.
    """
    try:
        parts = urlsplit(text)
    except ValueError as error:
        raise Refusal(400, "REQ-ERR-1") from error
    if text and (
        parts.scheme not in {"http", "https"} or not parts.netloc or not text.isprintable()
    ):
        raise Refusal(400, "REQ-ERR-1")
    return text
