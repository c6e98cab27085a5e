"""How a worker is asked to stop: by a signal, or by someone who cancelled its job."""

from __future__ import annotations

import _thread
import contextlib
import os
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

__all__ = ["Signals", "Stopped"]

_ENDING = tuple(
    getattr(signal, name)
    for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGBREAK")
    if hasattr(signal, name)
)
_WAKE = getattr(signal, "SIGUSR1", signal.SIGINT)  # ours: wakes the main thread to be cancelled


class Stopped(BaseException):
    """The work under way is to stop.

    Not an `Exception`: what handles the errors of the work must let it pass, like Ctrl-C.

    Attributes:
        signal: the signal that said so, or ``None`` where the job was cancelled.
    """

    def __init__(self, number: int | None) -> None:
        super().__init__(number)
        self.signal = number


class Signals:
    """Signal handlers for the length of a ``with`` block, which only the main thread may enter.

    Work between `open` and its end is interrupted at once, wherever it is; at any other time a
    signal is only remembered, so that the journal is never left in the middle of a sentence.

    Attributes:
        received: the signal that ends the worker, or ``None``.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._is_cancelled = False
        self._is_open = False
        self._before: dict[int, object] = {}

    def __enter__(self) -> Signals:
        for number in {*_ENDING, _WAKE}:
            self._before[number] = signal.signal(number, self._hear)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _hear(self, number: int, _frame: FrameType | None) -> None:
        if number in _ENDING and not (number == _WAKE and self._is_cancelled):
            self.received = self.received or number
        self._stop_if_due()

    def _stop_if_due(self) -> None:
        if self._is_open and (self.received or self._is_cancelled):
            self._is_open = False  # once: what cleans up after the work is left in peace
            raise Stopped(self.received)

    @contextlib.contextmanager
    def interruptible(self) -> Iterator[None]:
        """Let signals and `cancel` interrupt the block.

        Raises:
            Stopped: one of them did.
        """
        self._is_cancelled = False
        try:
            self._is_open = True
            self._stop_if_due()
            yield
        finally:
            self._is_open = False

    def cancel(self) -> None:
        """Interrupt the block from another thread; what waits in the kernel is woken too."""
        self._is_cancelled = True
        if os.name == "posix":
            main = threading.main_thread().ident
            assert main is not None  # noqa: S101 - it has been started
            signal.pthread_kill(main, _WAKE)
        else:
            _thread.interrupt_main(_WAKE)
