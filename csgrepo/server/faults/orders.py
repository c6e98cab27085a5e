"""Faults as an admin's call describes them in JSON."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from csgrepo.server.faults.faults import (
    Answer,
    Corrupt,
    NullData,
    Redirect,
    Reset,
    Stall,
    Swallow,
    Truncate,
    WrongLength,
)
from csgrepo.server.http.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from csgrepo.server.faults.faults import Effect, Fault, Faults

__all__ = ["describe", "switch_on"]

_HTML = "<html><head><title>{0} Error</title></head><body><h1>{0} Error</h1></body></html>\n"
_EXPIRED = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
)
_MOST = 2**40


class _Order:
    """The members of a JSON object, read with their bounds."""

    def __init__(self, body: dict[str, Any]) -> None:
        self._body = body

    def number(self, name: str, default: int, least: int = 0, most: int = _MOST) -> int:
        value = self._body.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise Refusal(400, "", f"{name!r} must be a number from {least} to {most}")
        return value

    def seconds(self, name: str) -> float:
        value = self._body.get(name, 1)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1e6:
            raise Refusal(400, "", f"{name!r} must be a number of seconds")
        return float(value)

    def text(self, name: str, default: str = "") -> str:
        value = self._body.get(name, default)
        if not isinstance(value, str):
            raise Refusal(400, "", f"{name!r} must be a string")
        return value

    def moment(self) -> Any:
        value = self.text("on", "response")
        if value not in {"request", "response"}:
            raise Refusal(400, "", "'on' must be 'request' or 'response'")
        return value


def _rate_limit(order: _Order) -> Effect:
    headers = {
        "Retry-After": str(order.number("retry_after", 1)),
        "X-RateLimit-Remaining": "0",
        "Content-Type": "application/json",
    }
    body = json.dumps({"error": "rate limit exceeded"})
    return Answer(429, headers, body.encode())


def _page(order: _Order) -> Effect:
    status = order.number("status", 503, 400, 599)
    body = _HTML.format(status).encode()
    return Answer(status, {"Content-Type": "text/html"}, body)


def _answer(order: _Order) -> Effect:
    kind = order.text("content_type", "text/plain")
    if not kind.isprintable() or not kind.isascii():
        raise Refusal(400, "", "'content_type' must be printable ASCII")
    status = order.number("status", 200, 200, 599)
    return Answer(status, {"Content-Type": kind}, order.text("body").encode())


def _redirect(order: _Order) -> Effect:
    to = order.text("to").rstrip("/")
    if not re.fullmatch(r"https?://[^/\s?#]+", to) or not to.isascii():
        raise Refusal(400, "", "'to' must be a host's address, such as http://localhost:8081")
    return Redirect(to, order.number("status", 302, 301, 308))


_EFFECTS: dict[str, Callable[[_Order], Effect]] = {
    "answer": _answer,
    "delay": lambda order: Stall(seconds=order.seconds("seconds")),
    "drop": lambda _: Swallow(),
    "error": _page,
    "expired": lambda _: Answer(403, {"Content-Type": "application/xml"}, _EXPIRED.encode()),
    "flip": lambda order: Corrupt(order.number("at", 0)),
    "null-data": lambda _: NullData(),
    "rate-limit": _rate_limit,
    "redirect": _redirect,
    "reset": lambda order: Reset(order.moment(), order.number("after", 0)),
    "stall": lambda order: Stall(on=order.moment(), after=order.number("after", 0)),
    "truncate": lambda order: Truncate(order.number("after", 0)),
    "wrong-length": lambda order: WrongLength(order.number("by", -1, -_MOST, 2**20)),
}


def switch_on(faults: Faults, body: dict[str, Any]) -> Fault:
    """Switch on what a JSON object describes.

    Its members: ``effect``, one of the names above, and that effect's own; ``method`` and ``path``
    say which requests are struck, ``times`` how many (``null``: all), ``skip`` how many not.

    Raises:
        Refusal: 400, what is wrong with it.
    """
    order = _Order(body)
    effect = _EFFECTS.get(order.text("effect"))
    if effect is None:
        raise Refusal(400, "", f"'effect' must be one of {', '.join(_EFFECTS)}")
    times = None if body.get("times", 1) is None else order.number("times", 1, 1)
    skip = order.number("skip", 0)
    try:
        return faults.add(
            order.text("method", "*"),
            order.text("path", "."),
            effect(order),
            times=times,
            skip=skip,
        )
    except re.error as error:
        raise Refusal(400, "", f"'path' is no regular expression: {error}") from error


def describe(fault: Fault) -> dict[str, object]:
    """Return a fault as JSON can hold it."""
    facts = asdict(fault)
    effect = {
        name: value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        for name, value in facts.pop("effect").items()
        if name != "event"
    }
    return {**facts, "effect": {"kind": type(fault.effect).__name__, **effect}}
