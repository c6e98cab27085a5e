"""The event stream as text: lines for a log file, and JSON for a program."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import threading
import time
from typing import TYPE_CHECKING

from csgrepo.progress.label import duration, printable, size
from csgrepo.progress.stream import listen
from csgrepo.progress.tally import Tallies

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from csgrepo.progress.stream import Event
    from csgrepo.progress.tally import Tally

__all__ = ["JsonLines", "LogLines", "json_lines", "log_lines"]

EVERY_S = 30.0
_LEAST_GAP_S = 1.0  # between two lines of one phase that are no news of failure


class _Phase:
    """What was said about one phase, and what is still to be said."""

    def __init__(self, began_at: float) -> None:
        self.began_at = began_at
        self.rested_at = began_at
        self.said_at = float("-inf")
        self.owed = False

    def worked_s(self, tally: Tally, now: float) -> float:
        return (now if tally.active else self.rested_at) - self.began_at


class LogLines:
    """Say in few lines how each phase goes: at its start, every 30 seconds, at its end.

    Every retry and every failure gets a line of its own at once. A phase made of many short
    pieces says no more than a line a second, and its sum when the listener is closed.

    Args:
        write: called with each line, without a newline; one call at a time.
        clock: seconds, as `time.monotonic` counts them.
    """

    def __init__(
        self, write: Callable[[str], object], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._write = write
        self._clock = clock
        self._lock = threading.Lock()  # guards all below, and keeps lines whole
        self._tallies = Tallies()
        self._phases: dict[Tally, _Phase] = {}
        self._closed = False

    def __call__(self, event: Event) -> None:
        """Take one event."""
        with self._lock:
            tally = None if self._closed else self._tallies.take(event)
            if tally is None:
                return
            now = self._clock()
            phase = self._phases.setdefault(tally, _Phase(now))
            if event.state == "started" and tally.active == 1:
                phase.began_at += now - phase.rested_at  # the rest is no part of the work
            if not tally.active:
                phase.rested_at = now
            if event.state in {"retrying", "failed"}:
                self._say(phase, now, _trouble(event))
            elif event.state == "started":
                self._say_if_calm(phase, now, _start(tally, event))
            elif not tally.active or now - phase.said_at >= EVERY_S:
                self._say_if_calm(phase, now, _sum(tally, phase.worked_s(tally, now)))

    def close(self) -> None:
        """Say what is still owed, and nothing from now on."""
        with self._lock:
            self._closed = True
            for tally, phase in self._phases.items():
                if phase.owed:
                    self._write(_sum(tally, phase.worked_s(tally, self._clock())))

    def _say_if_calm(self, phase: _Phase, now: float, line: str) -> None:
        if now - phase.said_at >= _LEAST_GAP_S:
            self._say(phase, now, line)
        else:
            phase.owed = True

    def _say(self, phase: _Phase, now: float, line: str) -> None:
        phase.said_at = now
        phase.owed = False
        self._write(line)


def _start(tally: Tally, event: Event) -> str:
    # Of things that are counted, one goes without saying.
    much = f" ({size(tally.total, tally.unit)})" if tally.total and tally.total > 1 else ""
    return f"{event.phase}: {printable(event.item)}{much} started"


def _trouble(event: Event) -> str:
    what = "trying again" if event.state == "retrying" else "failed"
    why = f": {printable(event.note)}" if event.note else ""
    return f"{event.phase}: {printable(event.item)} {what}{why}"


def _sum(tally: Tally, elapsed_s: float) -> str:
    amount = size(tally.done, tally.unit)
    if tally.active:
        amount = f"{amount} of {size(tally.total, tally.unit)}" if tally.total else amount
        return f"{tally.phase}: {amount}{_pace(tally, elapsed_s)}, at {printable(tally.item)}"
    ended = f"{tally.finished} done" + (f", {tally.failed} failed" if tally.failed else "")
    is_told = tally.unit != "B" and tally.done == tally.finished
    return f"{tally.phase}: {ended}{'' if is_told else f', {amount}'} in {duration(elapsed_s)}"


def _pace(tally: Tally, elapsed_s: float) -> str:
    if elapsed_s <= 0 or tally.done <= 0:
        return ""
    rate = tally.done / elapsed_s
    left = f", {duration((tally.total - tally.done) / rate)} left" if tally.total else ""
    return f", {size(rate, tally.unit)}/s{left}"


class JsonLines:
    """Write every event as one JSON object on one line of ASCII.

    The keys are those of `csgrepo.progress.Event`: ``task`` (a number, the same for all events of
    one piece of work), ``source``, ``phase``, ``item``, ``state`` (``started``, ``running``,
    ``retrying``, ``done``, ``failed``), ``done`` and ``total`` in ``unit`` (``total`` may be
    ``null``), and ``note``. Within one task ``done`` never goes down, even where work is done
    again, and nothing follows its end.

    Args:
        write: called with each line, without a newline; one call at a time.
    """

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write
        self._lock = threading.Lock()  # guards all below, and keeps lines whole
        self._furthest: dict[int, int] = {}
        self._ended: set[int] = set()
        self._closed = False

    def __call__(self, event: Event) -> None:
        """Take one event."""
        with self._lock:
            if self._closed or event.task in self._ended:
                return
            done = max(event.done, self._furthest.get(event.task, 0))
            self._furthest[event.task] = done
            if event.state in {"done", "failed"}:
                self._ended.add(event.task)
                del self._furthest[event.task]
            self._write(json.dumps(dataclasses.asdict(event) | {"done": done}))

    def close(self) -> None:
        """Write nothing from now on."""
        with self._lock:
            self._closed = True


@contextlib.contextmanager
def log_lines(write: Callable[[str], object]) -> Iterator[None]:
    """Say in log lines how all work in this process goes while the block runs.

    Example:
        >>> with log_lines(print):
        ...     pass
    """
    with _heard_by(LogLines(write)):
        yield


@contextlib.contextmanager
def json_lines(write: Callable[[str], object]) -> Iterator[None]:
    """Write all events of this process as JSON while the block runs."""
    with _heard_by(JsonLines(write)):
        yield


@contextlib.contextmanager
def _heard_by(listener: LogLines | JsonLines) -> Iterator[None]:
    stop = listen(listener)
    try:
        yield
    finally:
        stop()
        listener.close()
