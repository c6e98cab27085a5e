"""The outermost layer: every request is numbered, counted, logged and, where asked for, spoiled."""

from __future__ import annotations

import asyncio
import json
import logging
import time
import uuid
from typing import TYPE_CHECKING

from csgrepo.server.faults.faults import Answer, Corrupt, Reset, Stall, Truncate
from csgrepo.server.faults.spoiling import spoiled
from csgrepo.server.http.listening import Listener
from csgrepo.server.http.record import Request, shown_path
from csgrepo.server.http.refusal import Refusal
from csgrepo.server.http.wire import abort, close_after_flush
from csgrepo.server.operation.admin import PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from csgrepo.server.backend import Backend
    from csgrepo.server.faults.faults import Effect

__all__ = ["Gate"]

logger = logging.getLogger("csgrepo.server")

_BODILESS = {204, 304}  # the head is the whole answer


class _CutOff(Exception):
    """The connection was ended on purpose; nothing more can be said on it.

    It is no OSError: the app has words for those, and this is none of the disk's.
    """


class Gate:
    """ASGI middleware around everything else.

    Args:
        app: what answers.
        backend: has the faults, and those that want to know of finished requests.
    """

    def __init__(self, app: ASGIApp, backend: Backend) -> None:
        self._app = app
        self._backend = backend

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # The calls that switch faults off must not be struck themselves.
        spared = scope["path"].startswith(PREFIX)
        effect = None if spared else self._backend.faults.strike(scope["method"], scope["path"])
        listener = Listener(scope, receive, self._backend.silence_s)
        exchange = _Exchange(scope, listener, send, effect, self._enter)
        self._backend.metrics.running.inc()
        try:
            await exchange.run(self._app)
        finally:
            listener.end()
            exchange.enter()

    def _enter(self, request: Request) -> None:
        self._backend.metrics.running.dec()
        for enter in self._backend.on_request:
            enter(request)
        logger.info(
            "%s %s %d in=%d out=%d %.0f ms",
            request.method,
            request.path,
            request.status,
            request.body_bytes_received,
            request.body_bytes_sent,
            request.seconds * 1000,
        )


class _Exchange:
    """One request with its answer, and the fault that strikes it."""

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        effect: Effect | None,
        finished: Callable[[Request], None],
    ) -> None:
        self._began = time.monotonic()
        self._scope = scope
        self._receive = receive
        self._send = send
        self._effect = effect
        self._finished = finished
        self._entered = False
        self._status = 0
        self._received = 0
        self._sent = 0
        self._announced: int | None = None  # the length of the body, where the head told it
        self._complete = False
        self._request_id = uuid.uuid4().hex

    def enter(self) -> None:
        """Tell of the request, once: before the client can see the answer's end, or its breaking.

        Whoever has an answer and then asks what the hub was asked finds that request too.
        """
        if self._entered:
            return
        self._entered = True
        request = Request(
            method=self._scope["method"],
            path=shown_path(self._scope["path"]),
            status=self._status,
            body_bytes_received=self._received,
            body_bytes_sent=self._sent,
            authorized=any(name == b"authorization" for name, _ in self._scope["headers"]),
            request_id=self._request_id,
            user=self._scope.get("csgrepo.user", ""),
            client=(self._scope.get("client") or ("",))[0],
            seconds=time.monotonic() - self._began,
        )
        self._finished(request)

    async def run(self, app: ASGIApp) -> None:
        try:
            await self._struck(app)
        except (_CutOff, asyncio.CancelledError):
            await self._gone()
        except Exception:
            logger.exception("%s %s failed", self._scope["method"], shown_path(self._scope["path"]))
            await self._apologise()

    async def _struck(self, app: ASGIApp) -> None:
        effect = self._effect
        if isinstance(effect, Answer):
            headers = {"Content-Length": str(len(effect.body)), **effect.headers}
            await self._answer(effect.status, headers, effect.body)
            return
        if isinstance(effect, Stall) and effect.on == "request":
            await _stall(effect)
        await spoiled(app, effect)(self._scope, self.receive, self.send)
        if isinstance(effect, Reset) and effect.on == "response" and not self._status:
            self._cut()

    async def receive(self) -> Message:
        effect = self._effect
        if isinstance(effect, Reset) and effect.on == "request" and not effect.after:
            self._cut()
        message = await self._receive()
        self._received += len(message.get("body", b""))
        if (
            isinstance(effect, Reset)
            and effect.on == "request"
            and (self._received > effect.after or not message.get("more_body"))
        ):
            self._cut()
        return message

    async def send(self, message: Message) -> None:
        effect = self._effect
        if isinstance(effect, Reset) and not (effect.on == "response" and effect.after):
            if effect.on == "request":
                self._cut()  # answered without reading the body
            return
        if isinstance(effect, Stall) and effect.on == "response" and not effect.after:
            self._effect = None
            await _stall(effect)
        if message["type"] == "http.response.start":
            self._status = message["status"]
            headers = list(message.get("headers", []))
            if self._scope["method"] == "HEAD" or self._status in _BODILESS:
                self._announced = 0
            else:
                self._announced = _length(headers)
            if self._announced == 0:
                self.enter()
            marked = (b"x-request-id", self._request_id.encode())
            await self._send({**message, "headers": [*headers, marked]})
            return
        await self._send_body(message)

    async def _send_body(self, message: Message) -> None:
        body = message.get("body", b"")
        effect = self._effect
        if isinstance(effect, (Reset, Truncate)) and self._sent + len(body) > effect.after:
            body = body[: effect.after - self._sent]
            self._sent += len(body)
            await self._send({"type": message["type"], "body": body, "more_body": True})
            self._cut()
        if isinstance(effect, Stall) and self._sent + len(body) >= effect.after:
            self._effect = None
            passed = body[: effect.after - self._sent]
            self._sent += len(passed)
            if self._sent == self._announced:
                self.enter()
            await self._send({"type": message["type"], "body": passed, "more_body": True})
            await _stall(effect)
            body = body[len(passed) :]
        if isinstance(effect, Corrupt) and self._sent <= effect.at < self._sent + len(body):
            spoiled = bytearray(body)
            spoiled[effect.at - self._sent] ^= 1
            body = bytes(spoiled)
        if self._scope["method"] != "HEAD":
            self._sent += len(body)
        self._complete = not message.get("more_body", False)
        if self._complete or self._sent == self._announced:
            self.enter()
        await self._send({**message, "body": body})

    def _cut(self) -> None:
        self.enter()
        if isinstance(self._effect, Truncate):
            close_after_flush(self._scope)
        else:
            abort(self._scope)
        raise _CutOff

    async def _gone(self) -> None:
        """Return once the server knows that the connection has ended."""
        if isinstance(self._effect, (Reset, Truncate)):
            while (await self._receive())["type"] != "http.disconnect":
                pass

    async def _apologise(self) -> None:
        if self._status:
            if not self._complete:  # a half-sent answer must not look like a whole one
                self.enter()
                abort(self._scope)
            return
        body = json.dumps(Refusal(500, "SYS-ERR-0").envelope()).encode()
        headers = {"Content-Type": "application/json", "Content-Length": str(len(body))}
        await self._answer(500, headers, body)

    async def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self._status = status
        encoded = [(n.lower().encode("latin-1"), v.encode("latin-1")) for n, v in headers.items()]
        encoded.append((b"x-request-id", self._request_id.encode()))
        self._sent += len(body)
        self.enter()
        await self._send({"type": "http.response.start", "status": status, "headers": encoded})
        await self._send({"type": "http.response.body", "body": body})


def _length(headers: Iterable[tuple[bytes, bytes]]) -> int | None:
    """Return the length of the body that an answer's head announces."""
    told = next((value for name, value in headers if name.lower() == b"content-length"), None)
    return int(told) if told is not None else None


async def _stall(effect: Stall) -> None:
    """Wait as long as the fault says; a hub that stops does not wait for it."""
    if effect.event is None:
        await asyncio.sleep(effect.seconds if effect.seconds is not None else 1e9)
        return
    until = time.monotonic() + (effect.seconds if effect.seconds is not None else 1e9)
    while not effect.event.is_set() and time.monotonic() < until:
        await asyncio.sleep(0.01)
