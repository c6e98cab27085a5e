"""Ending in good order when asked to."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

__all__ = ["ending_in_order", "until_interrupted", "wait_for_interrupt"]

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
