"""Ending all talk at once, in a process that was told to end.

Threads that wait for a server would hold the end up: a server may be silent for a minute, and is
asked again after that. Their connections are shut instead, so that they fail, clean up and end.
What was moved so far stays where it is, and the next call goes on with it.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["breakable", "note", "rest"]

_sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
_told = threading.Event()


def note(connection: socket.socket) -> None:
    """Remember a connection that was opened; it is of no use where the process is to end."""
    with contextlib.suppress(TypeError):  # a proxy's TLS within TLS is no socket
        _sockets.add(connection)
    if _told.is_set():
        _shut(connection)


def rest(seconds: float) -> bool:
    """Wait so long, or until the process is told to end; returns whether it was."""
    return _told.wait(seconds)


@contextlib.contextmanager
def breakable() -> Iterator[Callable[[], None]]:
    """Yield what ends all talk of this process until the block is left.

    It is for a thread to call, not for a signal handler, which could wait for its own thread.

    Example:
        >>> with breakable() as break_off:
        ...     break_off()
        ...     rest(3600.0)
        True
    """
    try:
        yield _break_off
    finally:
        _told.clear()


def _break_off() -> None:
    _told.set()
    for connection in _open():
        _shut(connection)


def _open() -> list[socket.socket]:
    while True:
        with contextlib.suppress(RuntimeError):  # another thread has just opened one
            return list(_sockets)


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError, TypeError):
        # Not the method of TLS sockets, which takes the state away from a thread that reads.
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
