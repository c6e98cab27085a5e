"""Sending content: whole, or the one range that was asked for."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from csgrepo.server.http.work import Workers

__all__ = ["Download", "Span", "disposition", "wanted_range"]

_PIECE = 1024 * 1024
# RFC 9530: preferences from 1 to 10, 0 is a refusal.
_WANTED_DIGEST = re.compile(r"(?:^|[\s,])sha-256\s*=\s*(?:10|[1-9])(?![0-9])")
_RANGE = re.compile(r"bytes=([0-9]{0,19})-([0-9]{0,19})")


@dataclass(frozen=True, slots=True)
class Span:
    """The bytes that go out; `partial` where a range was asked for, be it the whole."""

    first: int
    length: int
    partial: bool = True


def wanted_range(header: str | None, size: int) -> Span | None:
    """Return what a Range header wants of so many bytes.

    A header that is no single byte range counts as none (RFC 9110, section 14.2).

    Returns:
        ``None`` for a range that cannot be satisfied.

    Example:
        >>> wanted_range("bytes=2-", 10)
        Span(first=2, length=8, partial=True)
        >>> wanted_range("bytes=10-", 10) is None
        True
    """
    match = _RANGE.fullmatch(header.strip()) if header else None
    if not match or match.groups() == ("", ""):
        return Span(0, size, partial=False)
    first, last = match.groups()
    if not first:
        length = min(int(last), size)
        return Span(size - length, length) if length else None
    if last and int(last) < int(first):
        return Span(0, size, partial=False)
    end = min(int(last), size - 1) if last else size - 1
    return Span(int(first), end - int(first) + 1) if int(first) < size else None


def disposition(name: str) -> str:
    """Return a Content-Disposition that saves under that name, whatever is in it (RFC 6266)."""
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\' else "_" for c in name)
    value = f'attachment; filename="{plain}"'
    return value if plain == name else f"{value}; filename*=UTF-8''{quote(name, safe='')}"


class Download:
    """An answer with content of known size, read in pieces while it goes out.

    Where it is wanted (RFC 9530), the digest of what goes out is told before.

    Args:
        request: asks, perhaps for a range.
        workers: where the reading is done.
        source: opens the content.
        size: its length in bytes.
        headers: what the answer says beside length and range.
        etag: the strong tag that ``If-Range`` is held against, without quotes.
    """

    def __init__(
        self,
        request: Request,
        workers: Workers,
        source: Callable[[], BinaryIO],
        size: int,
        headers: Mapping[str, str],
        *,
        etag: str = "",
    ) -> None:
        self._workers = workers
        self._source = source
        self._headers = {"Accept-Ranges": "bytes", **headers}
        self._head = request.method == "HEAD"
        wanted = request.headers.get("want-content-digest", "")
        self._tells_digest = bool(_WANTED_DIGEST.search(wanted)) and not self._head
        header = request.headers.get("range")
        condition = request.headers.get("if-range")
        if condition is not None:
            if condition != f'"{etag}"':
                header = None
            elif etag:
                self._headers["ETag"] = condition
        self._span = wanted_range(header, size)
        self._size = size

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        span = self._span
        if span is None:
            headers = {"Content-Range": f"bytes */{self._size}", "Content-Length": "0"}
            await send(_start(416, headers))
            await send({"type": "http.response.body", "body": b""})
            return
        headers = {**self._headers, "Content-Length": str(span.length)}
        if span.partial:
            last = span.first + span.length - 1
            headers["Content-Range"] = f"bytes {span.first}-{last}/{self._size}"
        if self._tells_digest:
            digest = await self._workers.run(self._digest, span)
            headers["Content-Digest"] = f"sha-256=:{digest}:"
        await send(_start(206 if span.partial else 200, headers))
        if not self._head:
            await self._send(span.first, span.length, receive, send)
        await send({"type": "http.response.body", "body": b""})

    def _digest(self, span: Span) -> str:
        digest, left = hashlib.sha256(), span.length
        with contextlib.closing(self._source()) as source:
            source.seek(span.first)
            while left and (piece := source.read(min(_PIECE, left))):
                digest.update(piece)
                left -= len(piece)
        return base64.b64encode(digest.digest()).decode()

    async def _send(self, first: int, length: int, receive: Receive, send: Send) -> None:
        """Read one piece ahead while the last one goes out; stop when the client has left."""
        gone = asyncio.ensure_future(_gone(receive))
        source = await self._workers.run(self._source)
        try:
            await self._workers.run(source.seek, first)
            piece = await self._workers.run(source.read, min(_PIECE, length))
            while piece and not gone.done():
                length -= len(piece)
                following = self._workers.start(source.read, min(_PIECE, length))
                try:
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
                finally:
                    piece = await following
        finally:
            gone.cancel()
            source.close()
        if length and not gone.done():
            raise OSError("the content is shorter than it was")


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _start(status: int, headers: Mapping[str, str]) -> dict[str, object]:
    encoded = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
    return {"type": "http.response.start", "status": status, "headers": encoded}
