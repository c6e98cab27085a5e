"""The connection below HTTP: what ASGI hides and the hub needs."""

from __future__ import annotations

import os
import socket
import struct
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from starlette.types import Receive, Scope, Send

__all__ = ["WireProtocol", "abort", "close_after_flush"]

_KEY = "csgrepo.transport"


class WireProtocol(H11Protocol):
    """HTTP/1.1 whose requests know the transport they came over.

    Args:
        patience_s: tells how many seconds a connection may stay open before its first request is
            there.
        more: what uvicorn gives its protocols.
    """

    def __init__(self, *, patience_s: Callable[[], float], **more: Any) -> None:
        super().__init__(**more)
        self._patience_s = patience_s
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Hand the transport to every request of the connection."""
        super().connection_made(transport)
        # Uvicorn looks after connections between two requests, and not before the first.
        self._timer = self.loop.call_later(self._patience_s(), self._look)
        # Its lines quote queries, and those of signed addresses hold a token. An application that
        # turns logging on would turn them on again, whatever the configuration said.
        self.access_log = False
        # Bodies are sent in pieces of 1 MiB; below the default mark each would be waited for twice.
        transport.set_write_buffer_limits(high=1 << 20)
        app: Any = self.app

        async def with_transport(scope: Scope, receive: Receive, send: Send) -> None:
            scope[_KEY] = transport
            await app(scope, receive, send)

        self.app = with_transport

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        if self._timer:
            self._timer.cancel()
        super().connection_lost(exc)

    def _look(self) -> None:
        if self.cycle is None:
            self.transport.close()


def abort(scope: Scope) -> None:
    """End the connection with a reset, as a peer sees it when a machine vanishes."""
    transport = scope[_KEY]
    # Windows has two shorts where the others have two ints.
    linger = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
    raw = transport.get_extra_info("socket")
    if raw is not None and not transport.is_closing():
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    transport.abort()


def close_after_flush(scope: Scope) -> None:
    """End the connection in order, once what was written has gone out."""
    scope[_KEY].close()
