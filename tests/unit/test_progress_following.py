from __future__ import annotations

from csgrepo.cli.following import Following
from csgrepo.jobs import Progress
from csgrepo.progress.stream import Event
from csgrepo.progress.tally import Tallies


def test_following_when_a_push_goes_through_its_phases_then_events_tell_the_same() -> None:
    events: list[Event] = []
    following = Following(events.append)
    following.take(1, Progress())
    following.take(1, Progress("upload", "a.bin", 10, 40))
    following.take(1, Progress("upload", "模型.bin", 30, 60))
    following.take(2, Progress("upload", "b.bin", 5, 5))
    following.take(1, Progress("push", "refs/heads/main", 0, 1, "refs"))
    following.end(1)
    following.end(2, failed=True)
    following.end(3)

    told = [(event.source, event.phase, event.state, event.done, event.total) for event in events]
    assert told == [
        ("push 1", "upload", "started", 10, 40),
        ("push 1", "upload", "running", 30, 60),
        ("push 2", "upload", "started", 5, 5),
        ("push 1", "upload", "done", 60, 60),
        ("push 1", "push", "started", 0, 1),
        ("push 1", "push", "done", 1, 1),
        ("push 2", "upload", "failed", 5, 5),
    ]
    tallies = Tallies()
    assert all(tallies.take(event) for event in events)
    assert [(tally.done, tally.active) for tally in tallies] == [(65, 0), (1, 0)]
