"""Server-sent events, read while they come: what a hub tells as long as somebody listens.

Follows https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from csgrepo.errors import HubError, TransferError

if TYPE_CHECKING:
    from types import TracebackType

    from csgrepo.http import Response

__all__ = ["Event", "LogStream", "events"]

_LONGEST = 16 * 1024 * 1024


class Event(NamedTuple):
    """One event: its name, ``"message"`` where it has none, and what it says."""

    name: str
    data: str


def events(pieces: Iterable[bytes]) -> Iterator[Event]:
    r"""Yield the events in a body that comes piece by piece, however it is cut.

    Raises:
        HubError: a line without an end.

    Example:
        >>> list(events([b"event:a\ndata:1\nda", b"ta: 2\r\n\r\n: nothing\n\ndata:x\n\n"]))
        [Event(name='a', data='1\n2'), Event(name='message', data='x')]
    """
    name, said = "", []
    for line in _lines(pieces):
        if line:
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if field == "event":
                name = value
            elif field == "data":
                said.append(value)
        else:
            if said:
                yield Event(name or "message", "\n".join(said))
            name, said = "", []


def _lines(pieces: Iterable[bytes]) -> Iterator[str]:
    decode = codecs.getincrementaldecoder("utf-8-sig")("replace").decode
    rest = ""
    for piece in pieces:
        rest += decode(piece)
        held = "\r" if rest.endswith("\r") else ""  # its line feed may be in the next piece
        *whole, rest = (
            (rest.removesuffix("\r")).replace("\r\n", "\n").replace("\r", "\n").split("\n")
        )
        rest += held
        yield from whole
        if len(rest) > _LONGEST:
            raise HubError("the hub sends a line that does not end")


class LogStream(Iterator[str]):
    """What a container says, line by line, as it says it; ends when closed.

    One thread reads it. Any thread may close it, and the reading then ends like a list does. The
    hub goes on as long as somebody listens, so read it in a ``with`` statement.

    Example:
        >>> instance = next(api.instances.list("wanda/bert"))
        >>> with api.instances.logs(instance) as logs:
        ...     for line in logs:
        ...         break  # print(line), and go on as long as you like
    """

    def __init__(self, response: Response) -> None:
        self._response = response
        self._events = events(response.arriving())
        self._lines: list[str] = []
        self._closed = False

    def __enter__(self) -> LogStream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> LogStream:
        return self

    def __next__(self) -> str:
        """Return the next line.

        Raises:
            StopIteration: the stream was closed, or the hub ended it.
            HubError: the hub says that it cannot go on.
            TransferError: the connection broke, or nothing came for a minute: hubs give a sign of
                life more often.
        """
        while not self._lines:
            if self._closed:
                raise StopIteration
            try:
                event = next(self._events)
            except (TransferError, HubError, OSError, ValueError):
                if self._closed:
                    raise StopIteration from None
                raise
            if event.name.lower() == "error":
                raise HubError(f"the hub ended the stream: {event.data[:1000]}")
            if event.name != "Heartbeat":
                self._lines = event.data.split("\n")[::-1]
        return self._lines.pop()

    def close(self) -> None:
        """End the stream now, also for the thread that waits for a line."""
        self._closed = True
        self._response.abort()
