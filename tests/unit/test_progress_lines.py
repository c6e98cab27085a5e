from __future__ import annotations

import json
import threading

import pytest

from csgrepo.progress import Reporter
from csgrepo.progress.lines import JsonLines, LogLines, json_lines, log_lines
from csgrepo.progress.stream import Event, _global_listeners


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def event(state: str, done: int = 0, task: int = 1, **facts: object) -> Event:
    known = {"source": "", "phase": "upload", "item": "模型 final.bin", "total": 4_000_000}
    return Event(task, state=state, done=done, **{**known, **facts})  # type: ignore[arg-type]


@pytest.fixture
def said() -> list[str]:
    return []


def test_log_lines_when_work_takes_minutes_then_one_line_every_30_s(said: list[str]) -> None:
    clock = Clock()
    lines = LogLines(said.append, clock)
    lines(event("started"))
    for second in range(1, 100):
        clock.now += 1
        lines(event("running", second * 40_000))
    lines(event("done", 4_000_000))

    assert said == [
        "upload: 模型 final.bin (4.0 MB) started",
        "upload: 1.2 MB of 4.0 MB, 40.0 kB/s, 1 min 10 s left, at 模型 final.bin",
        "upload: 2.4 MB of 4.0 MB, 40.0 kB/s, 40 s left, at 模型 final.bin",
        "upload: 3.6 MB of 4.0 MB, 40.0 kB/s, 10 s left, at 模型 final.bin",
        "upload: 1 done, 4.0 MB in 1 min 39 s",
    ]


def test_log_lines_when_retried_and_failed_then_each_is_said_at_once(said: list[str]) -> None:
    lines = LogLines(said.append, Clock())
    lines(event("started"))
    lines(event("retrying", note="HTTP 503"))
    lines(event("retrying", note="HTTP 503"))
    lines(event("failed", note="TransferError"))

    assert said[1:] == [
        "upload: 模型 final.bin trying again: HTTP 503",
        "upload: 模型 final.bin trying again: HTTP 503",
        "upload: 模型 final.bin failed: TransferError",
    ]


def test_log_lines_when_ten_thousand_short_pieces_then_few_lines_and_a_sum(
    said: list[str],
) -> None:
    clock = Clock()
    lines = LogLines(said.append, clock)
    for number in range(10_000):
        lines(event("started", task=number, total=10))
        clock.now += 0.001
        lines(event("done", 10, task=number, total=10))
    lines.close()

    assert len(said) < 15
    assert said[-1] == "upload: 10000 done, 100.0 kB in 10 s"


def test_log_lines_when_phase_rests_then_the_rest_is_no_work(said: list[str]) -> None:
    clock = Clock()
    lines = LogLines(said.append, clock)
    for task in (1, 2):
        lines(event("started", task=task))
        clock.now += 2
        lines(event("done", 4_000_000, task=task))
        clock.now += 600

    assert said[-1] == "upload: 2 done, 8.0 MB in 4.00 s"


def test_log_lines_when_one_thing_is_counted_then_said_once(said: list[str]) -> None:
    lines = LogLines(said.append, clock := Clock())
    lines(event("started", phase="push", item="refs/heads/main", total=1, unit="refs"))
    clock.now += 2
    lines(event("done", 1, phase="push", item="refs/heads/main", total=1, unit="refs"))

    assert said == ["push: refs/heads/main started", "push: 1 done in 2.00 s"]


def test_log_lines_when_name_holds_escapes_then_they_are_shown_not_sent(said: list[str]) -> None:
    LogLines(said.append, Clock())(event("started", item="a\x1b[2J\nupload: done", note=""))

    assert said == ["upload: a\\x1b[2J\\nupload: done (4.0 MB) started"]


def test_log_lines_when_event_is_overtaken_by_the_end_then_it_is_not_counted(
    said: list[str],
) -> None:
    lines = LogLines(said.append, Clock())
    lines(event("started"))
    lines(event("done", 4_000_000))
    lines(event("running", 3_000_000))
    lines.close()

    assert said[-1] == "upload: 1 done, 4.0 MB in 0.00 s"


def test_json_lines_when_work_is_done_again_then_done_never_goes_down(said: list[str]) -> None:
    lines = JsonLines(said.append)
    for state, done in [("started", 0), ("running", 70), ("running", 30), ("running", 90)]:
        lines(event(state, done))
    lines(event("done", 4_000_000))
    lines(event("running", 95))

    told = [json.loads(line) for line in said]
    assert [fact["done"] for fact in told] == [0, 70, 70, 90, 4_000_000]
    assert told[-1] == {
        "task": 1,
        "source": "",
        "phase": "upload",
        "item": "模型 final.bin",
        "state": "done",
        "done": 4_000_000,
        "total": 4_000_000,
        "unit": "B",
        "note": "",
    }


def test_json_lines_when_name_is_hostile_then_one_line_of_ascii(said: list[str]) -> None:
    name = f"a\n\x1b模{chr(0xDC80)}"
    JsonLines(said.append)(event("started", item=name))

    assert said[0].isascii()
    assert "\n" not in said[0]
    assert json.loads(said[0])["item"] == name


@pytest.mark.parametrize("listening", [log_lines, json_lines])
def test_context_managers_when_body_raises_then_unsubscribed(listening, said: list[str]) -> None:
    before = list(_global_listeners)
    with pytest.raises(KeyError), listening(said.append):
        raise KeyError
    with Reporter().task("push", "main"):
        pass

    assert _global_listeners == before
    assert said == []


def test_json_lines_when_many_threads_report_then_every_line_is_whole(said: list[str]) -> None:
    reporter = Reporter("repo")

    def work(number: int) -> None:
        with reporter.task("hash", f"part-{number}", total=2000) as task:
            for _ in range(2000):
                task.advance(1)

    with json_lines(said.append):
        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    ends = [fact for fact in map(json.loads, said) if fact["state"] == "done"]
    assert sorted(fact["item"] for fact in ends) == [f"part-{number}" for number in range(8)]
    assert all(fact["done"] == 2000 for fact in ends)
