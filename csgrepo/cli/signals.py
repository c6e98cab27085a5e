"""Ending in good order when asked to."""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from types import FrameType

__all__ = ["ending_at_once", "ending_in_order", "until_interrupted", "wait_for_interrupt"]

_NAMES = ("SIGTERM", "SIGHUP", "SIGBREAK")  # SIGHUP is missing on Windows, SIGBREAK elsewhere


def _end(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


@contextlib.contextmanager
def ending_in_order() -> Iterator[None]:
    """Let a request to end leave the block as an exception, so that what it opened is closed.

    Without it SIGTERM would leave temporary folders and child processes behind.
    """
    numbers = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
    before = {number: signal.signal(number, _end) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def ending_at_once() -> Iterator[None]:
    """Let Ctrl-C and requests to end leave the block as an exception, however silent a server is.

    Connections are shut, so that no thread that waits for one holds the end up.
    """
    from csgrepo.http.ending import breakable

    numbers = _to_hear()
    with breakable() as break_off, _heard_at_once(numbers, break_off):
        before = {number: signal.signal(number, _interrupt) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _interrupt(number: int, frame: FrameType | None) -> None:
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    _end(number, frame)


def _to_hear() -> list[int]:
    """Return the signals to hear; a shell has some ignored in what it puts into the background."""
    numbers = [getattr(signal, name) for name in ("SIGINT", *_NAMES) if hasattr(signal, name)]
    return [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]


@contextlib.contextmanager
def _heard_at_once(numbers: Collection[int], act: Callable[[], None]) -> Iterator[None]:
    """Act in a thread of its own as soon as one of these signals comes.

    Python's handlers run when the main thread gets on. That may be waiting for the other threads,
    and not hear of a signal that the system gave to one of those.
    """
    reader, writer = socket.socketpair()
    writer.setblocking(False)

    def watch() -> None:
        while heard := reader.recv(64):  # a byte for each signal
            if not set(heard).isdisjoint(numbers):
                act()

    watcher = threading.Thread(target=watch, name="csgrepo-signals", daemon=True)
    watcher.start()
    before = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        writer.close()
        watcher.join()
        reader.close()


@contextlib.contextmanager
def until_interrupted() -> Iterator[None]:
    """Leave the block at Ctrl-C, where that is how the user ends it and no failure."""
    with contextlib.suppress(KeyboardInterrupt):
        yield


def wait_for_interrupt() -> None:
    """Wait until the user presses Ctrl-C.

    Raises:
        KeyboardInterrupt: when they do.
    """
    never = threading.Event()
    while True:
        never.wait(1.0)  # Windows notices Ctrl-C between waits only
