"""Background pushes on the bars: what the journal tells of another process, as events."""

from __future__ import annotations

import itertools
import time
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from csgrepo.errors import QueueError
from csgrepo.progress import Event
from csgrepo.progress.bars import bars

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from csgrepo.jobs import Command, Progress
    from csgrepo.progress.stream import Phase

__all__ = ["Following", "follow"]

_LOOK_S = 0.2  # between two looks at the journal
_numbers = itertools.count(-1, -1)  # tasks of this process count upwards from 1


def follow(commands: Sequence[Command], timeout_s: float | None = None) -> None:
    """Wait for pushes, and show on the terminal how far they are.

    Args:
        commands: the pushes.
        timeout_s: seconds to wait at most.

    Raises:
        QueueError: some failed; all have ended.
        TimeoutError: some have not ended; they go on.
    """
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    with bars() as show:
        following = Following(show)
        for command in commands:
            while not _ended_soon(command):
                for each in commands:
                    _look(following, each)
                if deadline is not None and time.monotonic() > deadline:
                    raise TimeoutError(f"{command.title} goes on after {timeout_s:g} s")
            _look(following, command)
    if failed := [command for command in commands if command.failed]:
        raise QueueError([f"{command.title}: {command.error}" for command in failed])


def _ended_soon(command: Command) -> bool:
    try:
        command.wait(_LOOK_S)
    except TimeoutError:
        return False
    return True


def _look(following: Following, command: Command) -> None:
    if command.is_done:
        following.end(command.id, failed=command.failed)
    else:
        following.take(command.id, command.progress)


class Following:
    """What was shown of each push so far.

    Args:
        show: gets the events.
    """

    def __init__(self, show: Callable[[Event], object]) -> None:
        self._show = show
        self._last: dict[int, Event] = {}

    def take(self, push: int, progress: Progress) -> None:
        """Show how far a push is; a new phase ends the one before."""
        last = self._last.get(push)
        if not progress.phase or (last and _is_over(last, progress)):
            self.end(push)
            last = None
        if progress.phase:
            self._last[push] = event = Event(
                task=last.task if last else next(_numbers),
                source=f"push {push}",
                phase=cast("Phase", progress.phase),
                item=progress.item,
                state="running" if last else "started",
                done=progress.done,
                total=progress.total,
                unit=progress.unit,
            )
            self._show(event)

    def end(self, push: int, *, failed: bool = False) -> None:
        """Show that a push, or its phase, is over."""
        last = self._last.pop(push, None)
        if last and failed:
            self._show(replace(last, state="failed"))
        elif last:
            self._show(replace(last, state="done", done=max(last.done, last.total or 0)))


def _is_over(last: Event, progress: Progress) -> bool:
    return (last.phase, last.unit) != (progress.phase, progress.unit)
