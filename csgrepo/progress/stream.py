"""One stream of events that bars, log lines and JSON all listen to.

Work that takes a while says so through a `Reporter`: each piece is a `Task` that starts, advances
and ends. Nothing here prints. Listeners never change what the work does: an exception in one is
logged and the listener dropped.
"""

from __future__ import annotations

import itertools
import logging
import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    Listener = Callable[["Event"], None]

__all__ = ["Event", "Reporter", "Task", "listen"]

_log = logging.getLogger(__name__)

Phase = Literal["hash", "upload", "download", "checkout", "push", "fetch", "verify"]
State = Literal["started", "running", "retrying", "done", "failed"]

_LEAST_INTERVAL_S = 0.1  # between two events of one task that say only "further on"
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Event:
    """Where one piece of work stands.

    Attributes:
        task: a number that is the same in all events of one task.
        source: what the work belongs to, such as the folder of a working copy.
        phase: the kind of work.
        item: what is worked on: a path, an object id, a ref.
        state: where it stands.
        done: how far it is, in ``unit``.
        total: how far it goes, or ``None`` where nobody knows.
        unit: ``"B"`` for bytes, else what is counted.
        note: a few words for a person, such as why it is tried again.
    """

    task: int
    source: str
    phase: Phase
    item: str
    state: State
    done: int = 0
    total: int | None = None
    unit: str = "B"
    note: str = ""


_global_listeners: list[Listener] = []
_lock = threading.Lock()  # guards every list of listeners and every task's event


def listen(listener: Listener) -> Callable[[], None]:
    """Hear of all work in this process; call what is returned to stop.

    Example:
        >>> stop = listen(lambda event: None)
        >>> stop()
    """
    return _subscribe(_global_listeners, listener)


def _subscribe(listeners: list[Listener], listener: Listener) -> Callable[[], None]:
    with _lock:
        listeners.append(listener)

    def stop() -> None:
        with _lock:
            if listener in listeners:
                listeners.remove(listener)

    return stop


class Reporter:
    """Where the work of one source reports.

    Args:
        source: what the work belongs to.
    """

    def __init__(self, source: str = "") -> None:
        self.source = source
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Hear of this source's work only; call what is returned to stop."""
        return _subscribe(self._listeners, listener)

    def task(self, phase: Phase, item: str, total: int | None = None, unit: str = "B") -> Task:
        """Announce a piece of work; use it as a context manager."""
        event = Event(next(_numbers), self.source, phase, item, "started", 0, total, unit)
        return Task(event, self._emit)

    def _emit(self, event: Event) -> None:
        with _lock:
            listeners = [*self._listeners, *_global_listeners]
        for listener in listeners:
            try:
                listener(event)
            except Exception:  # noqa: BLE001 - a bar that fails must not stop a transfer
                _log.warning("a progress listener failed and is no longer called", exc_info=True)
                with _lock:
                    for owners in (self._listeners, _global_listeners):
                        if listener in owners:
                            owners.remove(listener)


class Task:
    """A piece of work under way; safe to advance from several threads.

    Leaving the ``with`` block ends it: done, or failed if an exception is on its way.
    """

    def __init__(self, event: Event, emit: Callable[[Event], None]) -> None:
        self._event = event
        self._emit = emit
        self._told_at = 0.0

    def __enter__(self) -> Task:
        self._emit(self._event)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with _lock:
            note = type(error).__name__ if error else ""
            self._event = replace(self._event, state="failed" if error else "done", note=note)
            event = self._event
        self._emit(event)

    def advance(self, count: int) -> None:
        """Say that this much more is done; a negative count takes back what must be redone."""
        now = time.monotonic()
        with _lock:
            done = max(0, self._event.done + count)
            self._event = replace(self._event, done=done, state="running", note="")
            event = self._event
            if now - self._told_at < _LEAST_INTERVAL_S and done != event.total:
                return
            self._told_at = now
        self._emit(event)

    def retry(self, note: str) -> None:
        """Say that it is tried again, and why."""
        with _lock:
            self._event = replace(self._event, state="retrying", note=note)
            event = self._event
        self._emit(event)
