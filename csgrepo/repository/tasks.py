"""Tasks of an event loop: they share a thread, so a thread's lock does not keep them apart."""

from __future__ import annotations

import contextlib
import sys
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from csgrepo.errors import GitError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["OneTask"]

# What the running task, or one that started it, is inside of.
_entered: ContextVar[tuple[OneTask, ...]] = ContextVar("csgrepo_entered", default=())


class OneTask:
    """What one task at a time may be inside of; its lock is held by the thread of them all.

    A task that finds another inside cannot wait for it: the other goes on only if this one lets the
    loop run.
    """

    def __init__(self) -> None:
        self._task: Any = None
        self._what = ""
        self._depth = 0

    @contextlib.contextmanager
    def inside(self, what: str) -> Iterator[None]:
        """Be inside for the length of the block, which may be nested.

        Args:
            what: what for, shown to others.

        Raises:
            GitError: another task is.
        """
        mine = _current_task()
        if self._depth and self not in _entered.get() and self._is_anothers(mine):
            raise GitError(
                f"{what} came amid {self._what} of another task of this thread, and the two would "
                "mix. Run each in a thread of its own (asyncio.to_thread), or await nothing else "
                "inside commit()."
            )
        if not self._depth:
            self._task, self._what = mine, what
        self._depth += 1
        before = _entered.get()
        _entered.set((*before, self))
        try:
            yield
        finally:
            _entered.set(before)
            self._depth -= 1
            if not self._depth:
                self._task = None

    def _is_anothers(self, mine: Any) -> bool:
        return self._task not in {None, mine} and mine is not None and not self._task.done()


def _current_task() -> Any:
    asyncio = sys.modules.get("asyncio")
    try:
        return asyncio.current_task() if asyncio else None
    except RuntimeError:  # no loop runs in this thread
        return None
