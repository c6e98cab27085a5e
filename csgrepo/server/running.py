"""A hub at work: it listens, serves in a thread of its own, and stops without a trace."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
import socket
import tempfile
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn

from csgrepo.errors import InvalidInput
from csgrepo.server.app import build
from csgrepo.server.http.wire import WireProtocol
from csgrepo.server.operation.access_log import AccessLog
from csgrepo.server.operation.presence import sole_use

if TYPE_CHECKING:
    from collections.abc import Callable

    from csgrepo.server.backend import Backend
    from csgrepo.server.http.streams import Streams

__all__ = ["Running"]

logger = logging.getLogger("csgrepo.server")

_GRACE_S = 0.3
_KEEP_ALIVE_S = 75


class _Server(uvicorn.Server):
    """Uvicorn that tells when it answers, and how to end what does not end by itself."""

    def __init__(self, config: uvicorn.Config, streams: Streams) -> None:
        super().__init__(config)
        self._streams = streams
        self.answering = threading.Event()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams, which would never end of themselves, and then the rest."""
        self._streams.end_all()
        await super().shutdown(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then tell."""
        await super().startup(sockets)
        self._loop = asyncio.get_running_loop()
        self.answering.set()

    def cut_off(self) -> None:
        """Drop every connection and every request still being worked on (from any thread)."""

        def drop() -> None:
            self.force_exit = True
            for connection in list(self.server_state.connections):
                connection.transport.abort()
            for task in list(self.server_state.tasks):
                task.cancel()

        with contextlib.suppress(RuntimeError):  # the loop has ended in the meantime
            self._loop.call_soon_threadsafe(drop)


class Running:
    """A hub between start and stop, and all it holds.

    Args:
        root: the folder that keeps its state; a temporary one where not given.
        host: the address to listen on.
        port: the port; one that is free where 0.
        access_log: a file that gets a line for every request.
        made: makes the backend in a folder.

    Raises:
        InvalidInput: the folder or the port is taken, or the backend cannot be made.
    """

    def __init__(
        self,
        root: Path | None,
        host: str,
        port: int,
        access_log: Path | None,
        made: Callable[[Path], Backend],
    ) -> None:
        self._made = made
        self._undo = contextlib.ExitStack()
        with contextlib.ExitStack() as undo:
            undo.callback(self._undo.close)
            self._open(root, host, port, access_log)
            undo.pop_all()

    def _open(self, root: Path | None, host: str, port: int, access_log: Path | None) -> None:
        if root is None:
            root = Path(tempfile.mkdtemp(prefix="csgrepo-hub-"))
            self._undo.callback(shutil.rmtree, root, ignore_errors=True)
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._undo.enter_context(sole_use(root))
        listener = _listen(host, port)
        self._undo.callback(listener.close)
        self.backend = self._made(root)
        self._undo.callback(self.backend.close)
        if access_log:
            log = AccessLog(access_log)
            self._undo.callback(log.close)
            self.backend.on_request.insert(0, log.write)  # what the record has, the log has
        shown = f"[{host}]" if ":" in host else host
        self.port: int = listener.getsockname()[1]
        self.backend.url = f"http://{shown}:{self.port}"
        self._server = _Server(_configuration(self.backend), self.backend.streams)
        self._thread = threading.Thread(
            target=self._server.run, args=([listener],), name="csgrepo-hub", daemon=True
        )
        self._thread.start()
        while not self._server.answering.wait(0.1):
            if not self._thread.is_alive():
                raise InvalidInput("the hub could not start; its log says why")
        logger.info("the hub listens on %s and keeps its state in %s", self.backend.url, root)

    def stop(self) -> None:
        """Stop; connections that do not end by themselves are cut."""
        self._server.should_exit = True
        self._thread.join(_GRACE_S)
        if self._thread.is_alive():
            self.backend.workers.end_children()
            self._server.cut_off()
            self._thread.join()
        self._undo.close()
        logger.info("the hub on %s has stopped", self.backend.url)


def _configuration(backend: Backend) -> uvicorn.Config:
    options: dict[str, Any] = {
        "http": partial(WireProtocol, patience_s=lambda: min(_KEEP_ALIVE_S, backend.silence_s)),
        "ws": "none",
        "loop": "asyncio",
        "lifespan": "off",
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "timeout_keep_alive": _KEEP_ALIVE_S,
        "h11_max_incomplete_event_size": 64 * 1024,
    }
    return uvicorn.Config(build(backend), **options)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        # Without it the port of a stopped hub stays taken for a minute on Unix; on Windows the
        # same option would let two hubs share a port.
        if hasattr(socket, "SO_REUSEPORT"):
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        raise InvalidInput(
            f"cannot listen on {host} port {port} ({error}); choose another, or port 0"
        ) from error
    return listener
