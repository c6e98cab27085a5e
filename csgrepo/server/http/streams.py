"""Server-sent events: answers that go on until the client leaves or the hub stops.

Written as the contract's server writes them, without a blank behind the colon; see
https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from starlette.types import Receive, Scope, Send

__all__ = ["EventStream", "Pulse", "Streams", "data_event", "event"]

_HEADERS = [
    (b"content-type", b"text/event-stream;charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),  # proxies must not hold events back
]


def event(name: str, data: object) -> bytes:
    r"""Return one event; what is no string is sent as JSON.

    Example:
        >>> event("status", "Running")
        b'event:status\ndata:Running\n\n'
    """
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    lines = text.replace("\r", "").split("\n")
    body = "".join(f"data:{line}\n" for line in lines)
    return f"event:{name}\n{body}\n".encode("utf-8", "replace")


def data_event(data: object) -> bytes:
    """Return an event without a name, as inference servers send them."""
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    return f"data: {text}\n\n".encode("utf-8", "replace")


class Pulse:
    """What an open stream waits on; made in the event loop, woken from anywhere."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stirred = asyncio.Event()
        self._over = False

    def wake(self) -> None:
        """Let the stream look now."""
        self._loop.call_soon_threadsafe(self._stirred.set)

    def end(self) -> None:
        """Let the stream come to its end."""
        self._over = True
        self.wake()

    async def pause(self, seconds: float) -> bool:
        """Wait so long, or until woken; tell whether the stream goes on."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._stirred.wait(), seconds)
        self._stirred.clear()
        return not self._over


class Streams:
    """The streams that are open; all of its methods are called in the hub's event loop."""

    def __init__(self) -> None:
        self._open: set[Pulse] = set()

    def end_all(self) -> None:
        """End all of them in good order: the hub stops."""
        for pulse in list(self._open):
            pulse.end()

    @contextlib.contextmanager
    def opened(self, pulse: Pulse) -> Iterator[None]:
        """Know of a stream while it is open."""
        self._open.add(pulse)
        try:
            yield
        finally:
            self._open.discard(pulse)

    def __len__(self) -> int:
        return len(self._open)


class EventStream:
    """An endless answer as an ASGI application.

    Args:
        streams: where it is known while it is open.
        events: yields the events; it ends when `Pulse.pause` says so.
    """

    def __init__(self, streams: Streams, events: Callable[[Pulse], AsyncIterator[bytes]]) -> None:
        self._streams = streams
        self._events = events

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        pulse = Pulse()
        watching = asyncio.ensure_future(_end_when_gone(receive, pulse))
        try:
            with self._streams.opened(pulse):
                await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
                # An empty piece sends the head at once, long before the first event.
                await send({"type": "http.response.body", "body": b"", "more_body": True})
                async for piece in self._events(pulse):
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
                await send({"type": "http.response.body", "body": b""})
        finally:
            watching.cancel()


async def _end_when_gone(receive: Receive, pulse: Pulse) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    pulse.end()
