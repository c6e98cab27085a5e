"""How work is shared out among threads: what order, how many at a time, what is done on errors."""

from __future__ import annotations

import threading
import time

import pytest

from csgrepo.crew import SMALL_BYTES, share_out

LARGE = SMALL_BYTES


class Watch:
    """Counts who is at work at the same time."""

    def __init__(self) -> None:
        self.most = 0
        self._now = 0
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._now -= 1


def spin(seconds: float) -> None:
    """Keep the interpreter for so much of a processor's time."""
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


def test_every_item_is_done_once_and_the_largest_begin_first() -> None:
    sizes = [LARGE + 3, 5, LARGE + 1, 1, 7]

    done = share_out(sizes, lambda size: size * 2, size=int, workers=1, name="work")

    assert [one.item for one in done] == sorted(sizes, reverse=True)
    assert [one.result for one in done] == [2 * one.item for one in done]
    assert not any(one.error for one in done)


def test_nothing_to_do_is_done_at_once() -> None:
    assert share_out([], spin, size=int, workers=8, name="work") == []


def test_large_items_are_done_side_by_side_from_the_beginning() -> None:
    together = threading.Barrier(4, timeout=30)

    done = share_out([LARGE] * 4, lambda _: together.wait(), size=int, workers=4, name="work")

    assert [one.error for one in done] == [None] * 4


def test_small_items_that_keep_the_interpreter_busy_are_left_to_one_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # However little of the machine this test gets, its threads have all of that.
    monkeypatch.setattr(time, "monotonic", time.process_time)
    watch = Watch()

    def do(_: int) -> None:
        with watch:
            spin(0.002)

    share_out([1] * 100, do, size=int, workers=8, name="work")

    assert watch.most == 1


def test_small_items_that_wait_get_as_many_threads_as_there_may_be() -> None:
    watch = Watch()
    enough = threading.Event()

    def do(_: int) -> None:
        with watch:
            if watch.most == 5:
                enough.set()
            enough.wait(0.05)

    share_out([1] * 400, do, size=int, workers=5, name="work")

    assert watch.most == 5


def test_small_items_do_not_wait_until_all_large_ones_are_done() -> None:
    small_done = threading.Event()

    def do(size: int) -> bool:
        if size == 1:
            small_done.set()
        return size < LARGE + 1 or small_done.wait(30)

    done = share_out([LARGE + 1, LARGE + 1, LARGE, 1], do, size=int, workers=3, name="work")

    assert all(one.result for one in done)


def test_an_error_is_kept_with_its_item_and_the_others_are_done() -> None:
    def do(size: int) -> int:
        if size == 2:
            raise ValueError("no")
        return size

    done = {one.item: one for one in share_out([1, 2, 3], do, size=int, workers=2, name="work")}

    assert str(done[2].error) == "no"
    assert (done[1].result, done[3].result) == (1, 3)
    with pytest.raises(ValueError, match="no"):
        _ = done[2].result


def test_an_error_that_stops_lets_no_other_item_begin() -> None:
    def do(size: int) -> int:
        raise ValueError(size)

    done = share_out([3, 2, 1], do, size=int, workers=1, name="work", stops=lambda _: True)

    assert [one.item for one in done] == [3]


@pytest.mark.parametrize("waits", [False, True])
def test_an_interrupt_begins_nothing_more_and_waits_only_if_told_how_to_end(
    monkeypatch: pytest.MonkeyPatch, *, waits: bool
) -> None:
    begun, ended, over = threading.Event(), threading.Event(), threading.Event()
    items: list[int] = []

    def do(size: int) -> None:
        items.append(size)
        begun.set()
        over.wait(30)
        ended.set()

    wait = threading.Event.wait

    def interrupted(self: threading.Event, timeout: float | None = None) -> bool:
        if timeout == 0.05 and begun.is_set():
            raise KeyboardInterrupt
        return wait(self, timeout)

    with monkeypatch.context() as patch:
        patch.setattr(threading.Event, "wait", interrupted)
        break_off = over.set if waits else None
        with pytest.raises(KeyboardInterrupt):
            share_out([1] * 5, do, size=int, workers=1, name="work", break_off=break_off)

    assert ended.is_set() == waits
    over.set()
    assert ended.wait(30)
    assert items == [1]
