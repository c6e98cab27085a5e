"""Threads that share out work of many sizes: as many as help, and no more.

Large items wait for the network, the disk and the hash, none of which needs the interpreter. Small
ones take the interpreter most of their time, which threads can only pass to and fro: one thread
alone is faster than many then, unless it waits for a distant server.
"""

from __future__ import annotations

import collections
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["SMALL_BYTES", "Done", "share_out"]

SMALL_BYTES = 1024 * 1024
_LOOK_EVERY_S = 0.05
_MOST_BUSY = 1.2  # of the interpreter's time; what threads want beyond it they take from each other

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Done(Generic[_Item, _Result]):
    """What has come of an item: a result, or what was raised."""

    item: _Item
    error: BaseException | None
    _result: _Result | None = None

    @property
    def result(self) -> _Result:
        """What came of it.

        Raises:
            BaseException: what was raised instead.
        """
        if self.error:
            raise self.error
        return cast("_Result", self._result)


def share_out(
    items: Iterable[_Item],
    do: Callable[[_Item], _Result],
    *,
    size: Callable[[_Item], int],
    workers: int,
    name: str,
    stops: Callable[[BaseException], bool] = lambda _: False,
    break_off: Callable[[], object] | None = None,
) -> list[Done[_Item, _Result]]:
    """Do one thing to each item, the largest first, and return what came of each that was begun.

    Args:
        items: what there is to do.
        do: does one, in any thread.
        size: an item's size in bytes.
        workers: the most threads at a time.
        name: what the threads are called.
        stops: whether an error means that no other item is to be begun.
        break_off: called if this thread is interrupted while it waits. No other item is begun then
            in any case; if this is given, those that were are waited for.

    Example:
        >>> done = share_out(["ab", "c"], str.upper, size=len, workers=8, name="shout")
        >>> [one.result for one in done]
        ['AB', 'C']
    """
    crew = _Crew(items, do, size, stops)
    try:
        for _ in range(max(1, min(workers, crew.count_large()))):
            crew.grow(name)
        while not crew.is_idle.wait(_LOOK_EVERY_S):
            if crew.has_room(workers):
                crew.grow(name)
    except BaseException:
        crew.stop()
        if break_off:
            break_off()
            crew.is_idle.wait()
        raise
    return crew.done


class _Crew(Generic[_Item, _Result]):
    """Threads, what waits for them, and what they have done."""

    def __init__(
        self,
        items: Iterable[_Item],
        do: Callable[[_Item], _Result],
        size: Callable[[_Item], int],
        stops: Callable[[BaseException], bool],
    ) -> None:
        self.done: list[Done[_Item, _Result]] = []
        self.is_idle = threading.Event()
        self._do = do
        self._size = size
        self._stops = stops
        self._lock = threading.Lock()  # guards all below
        self._waiting = collections.deque(sorted(items, key=size, reverse=True))
        self._running = 0
        self._at_small = 0  # threads that do what is small, and how many may
        self._may_do_small = 1
        self._busy_s = 0.0  # what those had of a processor
        self._looked = (time.monotonic(), 0.0)

    def count_large(self) -> int:
        return sum(1 for item in self._waiting if self._is_large(item))

    def grow(self, name: str) -> None:
        """Start one more thread."""
        with self._lock:
            self._running += 1
        threading.Thread(target=self._run, name=name).start()

    def stop(self) -> None:
        """Let no other item be begun."""
        with self._lock:
            self._waiting.clear()

    def has_room(self, workers: int) -> bool:
        """Tell whether one more thread would help, having the interpreter most of its time."""
        now_s = time.monotonic()
        with self._lock:
            (then_s, busy_before_s), self._looked = self._looked, (now_s, self._busy_s)
            if not self._waiting or self._running >= workers:
                return False
            if self._at_small == self._may_do_small:
                busy = (self._busy_s - busy_before_s) / (now_s - then_s)
                if busy * (self._at_small + 1) > _MOST_BUSY * self._at_small:
                    return False
                self._may_do_small += 1
            return True

    def _is_large(self, item: _Item) -> bool:
        return self._size(item) >= SMALL_BYTES

    def _run(self) -> None:
        while (item := self._next()) is not None:
            began_s = time.thread_time()
            self._act(item[0])
            if not self._is_large(item[0]):
                with self._lock:
                    self._at_small -= 1
                    self._busy_s += time.thread_time() - began_s

    def _next(self) -> tuple[_Item] | None:
        with self._lock:
            if self._waiting:
                is_large = self._is_large(self._waiting[0])
                if is_large or self._at_small < self._may_do_small:
                    self._at_small += not is_large
                    return (self._waiting.popleft(),)
            self._running -= 1
            if not self._running:
                self.is_idle.set()
            return None

    def _act(self, item: _Item) -> None:
        try:
            self.done.append(Done(item, None, self._do(item)))
        except BaseException as error:  # noqa: BLE001 - whoever waits is told
            self.done.append(Done(item, error))
            if self._stops(error):
                self.stop()
