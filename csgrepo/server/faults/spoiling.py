"""Faults that change what is said, as ASGI applications around the one that says it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from csgrepo.server.faults.faults import NullData, Redirect, Swallow, WrongLength
from csgrepo.server.http.bodies import pieces

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from csgrepo.server.faults.faults import Effect

__all__ = ["spoiled"]


def spoiled(app: ASGIApp, effect: Effect | None) -> ASGIApp:
    """Return an application whose answers the effect changes; the same one for other effects."""
    if isinstance(effect, Redirect):
        return _Elsewhere(effect)
    if isinstance(effect, Swallow):
        return _Swallowing(effect)
    if isinstance(effect, WrongLength):
        return _Resized(app, effect.by)
    if isinstance(effect, NullData):
        return _Emptied(app)
    return app


class _Elsewhere:
    """Names another host for whatever is asked."""

    def __init__(self, effect: Redirect) -> None:
        self._effect = effect

    async def __call__(self, scope: Scope, _: Receive, send: Send) -> None:
        query = scope["query_string"]
        path = scope["raw_path"] + (b"?" + query if query else b"")
        headers = [(b"location", self._effect.to.encode() + path), (b"content-length", b"0")]
        await _say(send, self._effect.status, headers, b"")


class _Swallowing:
    """Takes in everything and keeps nothing."""

    def __init__(self, effect: Swallow) -> None:
        self._effect = effect

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        async for _piece in pieces(receive):
            pass
        body = self._effect.body
        length = str(len(body)).encode()
        await _say(send, self._effect.status, [(b"content-length", length)], body)


class _Resized:
    """Makes the body longer or shorter, and announces it so."""

    def __init__(self, app: ASGIApp, by: int) -> None:
        self._app = app
        self._by = by

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        room: int | None = None  # how much of the body may still go out

        async def resize(message: Message) -> None:
            nonlocal room
            if message["type"] == "http.response.start":
                headers, length = _without_length(message)
                if length is not None:
                    room = max(0, length + self._by)
                    headers.append((b"content-length", str(room).encode()))
                await send({**message, "headers": headers})
                return
            body = message.get("body", b"")
            last = not message.get("more_body", False)
            if last and self._by > 0 and scope["method"] != "HEAD":
                body += bytes(self._by)
            if room is not None:
                body = body[:room]
                room -= len(body)
            await send({**message, "body": body})

        await self._app(scope, receive, resize)


class _Emptied:
    """Holds a JSON envelope back until it is whole, and sends it with ``data`` null."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start: Message = {}
        held = bytearray()

        async def hold(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
                return
            held.extend(message.get("body", b""))
            if message.get("more_body", False):
                return
            body = _without_data(bytes(held))
            headers, length = _without_length(start)
            if length is not None:
                headers.append((b"content-length", str(len(body)).encode()))
            await _say(send, start["status"], headers, body)

        await self._app(scope, receive, hold)


def _without_data(body: bytes) -> bytes:
    try:
        envelope = json.loads(body)
    except ValueError:
        return body
    if not isinstance(envelope, dict):
        return body
    return json.dumps({**envelope, "data": None}, ensure_ascii=False).encode("utf-8", "replace")


def _without_length(start: Message) -> tuple[list[tuple[bytes, bytes]], int | None]:
    """Return an answer's headers without the length, and the length."""
    headers = list(start.get("headers", []))
    lengths = [int(value) for name, value in headers if name.lower() == b"content-length"]
    rest = [pair for pair in headers if pair[0].lower() != b"content-length"]
    return rest, lengths[0] if lengths else None


async def _say(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
