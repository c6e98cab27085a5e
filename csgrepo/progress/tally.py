"""What the pieces of one phase come to together, for listeners that show one line per phase."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from csgrepo.progress.stream import Event

__all__ = ["Tallies", "Tally"]

_ENDS = frozenset({"done", "failed"})


class Tally:
    """The sum over all pieces of one phase; not safe to use from two threads at once.

    Attributes:
        phase: the kind of work.
        unit: what is counted; ``"B"`` for bytes.
        done: how far all pieces are together.
        item: what was moved last.
        note: why something is tried again, or ``""``.
        finished: how many pieces came to a good end.
        failed: how many did not.
    """

    def __init__(self, phase: str, unit: str) -> None:
        self.phase = phase
        self.unit = unit
        self.done = 0
        self.item = ""
        self.note = ""
        self.finished = 0
        self.failed = 0
        self._ended_done = 0
        self._active: dict[int, Event] = {}

    @property
    def active(self) -> int:
        """How many pieces are under way."""
        return len(self._active)

    @property
    def total(self) -> int | None:
        """How far it goes, or ``None`` while nobody knows."""
        total = self._ended_done
        for event in self._active.values():
            if event.total is None:
                return None
            total += max(event.total, event.done)
        return total

    def take(self, event: Event) -> None:
        """Count one more event of this phase."""
        before = self._active.pop(event.task, None)
        self.done += event.done - (before.done if before else 0)
        self.item = event.item
        self.note = event.note if event.state == "retrying" else ""
        if event.state not in _ENDS:
            self._active[event.task] = event
            return
        self._ended_done += event.done
        self.finished += event.state == "done"
        self.failed += event.state == "failed"


class Tallies:
    """The tallies of all phases under way, in the order in which they began."""

    def __init__(self) -> None:
        self._by_kind: dict[tuple[str, str], Tally] = {}
        self._ended: set[int] = set()

    def take(self, event: Event) -> Tally | None:
        """Count an event, and return its phase; ``None`` for one overtaken by its task's end.

        Events leave their task outside any lock, so that "further on" from one thread may arrive
        after "done" from another.
        """
        if event.task in self._ended:
            return None
        if event.state in _ENDS:
            self._ended.add(event.task)
        tally = self._by_kind.setdefault((event.phase, event.unit), Tally(event.phase, event.unit))
        tally.take(event)
        return tally

    def __iter__(self) -> Iterator[Tally]:
        return iter(tuple(self._by_kind.values()))
