"""Saves that come faster than they can be pushed."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from csgrepo.jobs import Command, Journal, Policy
from tests.functional.jobs_clone import (
    PATIENCE_S,
    Clone,
    clone_fixture,  # noqa: F401 - gives `clone`
    until,
)


def _saves(clone: Clone, count: int, policy: Policy) -> list[Command]:
    """Hand in so many pushes while the first is under way."""
    queue = clone.queue()
    commands = [queue.submit(clone.push(policy=policy))]
    until(lambda: clone.arrived, "the first push to arrive")
    return commands + [queue.submit(clone.push(policy=policy)) for _ in range(count - 1)]


def _states(clone: Clone) -> list[str]:
    return [job.state for job in Journal(clone.git_dir).jobs()]


def test_latest_when_saves_pile_up_then_one_push_carries_them_all(clone: Clone) -> None:
    clone.close_gate()
    commands = _saves(clone, 20, "latest")
    assert _states(clone) == ["running", *["superseded"] * 18, "waiting"]
    assert {command.job.successor for command in commands[1:-1]} == {commands[-1].id}
    assert not any(command.is_done for command in commands)  # none of it is there yet

    clone.open_gate()
    assert [command.wait(PATIENCE_S).status for command in commands] == [0] * 20
    assert clone.arrived == 2
    assert clone.remote_head() == clone.git("rev-parse", "HEAD")
    on_remote = clone.git("rev-list", "HEAD").split()
    for command in commands:
        assert command.job.push.commit in on_remote
        assert command.receipt == commands[0 if command is commands[0] else -1].receipt
    assert _states(clone) == ["done", *["superseded"] * 18, "done"]


def test_all_when_saves_pile_up_then_each_is_pushed(clone: Clone) -> None:
    clone.close_gate()
    commands = _saves(clone, 20, "all")
    clone.open_gate()
    assert [command.wait(PATIENCE_S).status for command in commands] == [0] * 20
    assert clone.arrived == 20
    assert _states(clone) == ["done"] * 20
    assert [c.receipt.commit for c in commands] == [c.job.push.commit for c in commands]


def test_latest_when_its_successor_fails_then_the_superseded_ones_say_so(clone: Clone) -> None:
    clone.close_gate()
    commands = _saves(clone, 3, "latest")
    clone.hook("echo 'quota is used up' >&2; exit 1")
    clone.open_gate()
    first, second, third = [command.wait(PATIENCE_S) for command in commands]
    assert (first.failed, second.failed, third.failed) == (False, True, True)
    assert second.error.startswith("superseded by job 3, which ended without success: ")
    assert "quota is used up" in second.error
    assert second.receipt is None
    assert second.job.state == "superseded"


def test_latest_when_history_was_rewritten_then_nothing_is_superseded(clone: Clone) -> None:
    clone.close_gate()
    queue = clone.queue()
    queue.submit(clone.push())
    until(lambda: clone.arrived, "the push to arrive")
    base = clone.git("rev-parse", "HEAD")
    waiting = queue.submit(clone.push(policy="latest"))
    clone.git("reset", "--quiet", "--hard", base)
    queue.submit(clone.push(clone.commit("another line"), policy="latest"))
    assert waiting.job.state == "waiting"
    clone.open_gate()


@pytest.mark.parametrize(
    ("older", "newer", "ref"),
    [
        ("all", "latest", "refs/heads/main"),
        ("latest", "all", "refs/heads/main"),
        ("latest", "latest", "refs/heads/other"),
    ],
)
def test_waiting_push_when_not_both_are_latest_on_one_branch_then_stays(
    clone: Clone, older: Policy, newer: Policy, ref: str
) -> None:
    clone.close_gate()
    queue = clone.queue()
    queue.submit(clone.push())
    waiting = queue.submit(clone.push(policy=older))
    queue.submit(clone.push(policy=newer, ref=ref))
    assert waiting.job.state == "waiting"
    clone.open_gate()


def test_latest_when_it_takes_over_then_does_what_the_others_were_to_do(clone: Clone) -> None:
    clone.close_gate()
    queue = clone.queue()
    queue.submit(clone.push())
    until(lambda: clone.arrived, "the push to arrive")
    queue.submit(clone.push(policy="latest", set_upstream="main", auto_lfs_prune=True))
    last = queue.submit(clone.push(policy="latest"))
    assert (last.job.push.set_upstream, last.job.push.auto_lfs_prune) == ("main", True)
    clone.open_gate()


def test_superseded_push_when_cancelled_then_its_successor_goes_on(clone: Clone) -> None:
    clone.close_gate()
    _, second, third = _saves(clone, 3, "latest")
    assert second.cancel() is False
    second._process.terminate()
    clone.open_gate()
    assert third.wait(PATIENCE_S).status == second.status == 0


def test_two_credentials_on_one_clone_then_each_push_uses_its_own(clone: Clone) -> None:
    clone.close_gate()
    one, other = clone.queue(token="token-of-one"), clone.queue(token="token-of-other")
    first = one.submit(clone.push())
    second = other.submit(clone.push(policy="latest"))
    third = one.submit(clone.push(policy="latest"))
    clone.open_gate()
    assert [c.wait(PATIENCE_S).status for c in (first, second, third)] == [0, 0, 0]
    assert first._process.pid == third._process.pid != second._process.pid


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts open files in /proc")
def test_push_when_done_then_the_journal_is_not_held_open(clone: Clone) -> None:
    command = clone.submit()
    command.wait(PATIENCE_S)
    assert not [name for name in _open_files() if str(clone.git_dir) in name]
    assert command.status == 0
    assert not [name for name in _open_files() if str(clone.git_dir) in name]


def _open_files() -> list[str]:
    found = []
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # another thread has closed it
            found.append(os.readlink(entry))
    return found


def test_finished_pushes_when_there_are_many_then_the_oldest_are_forgotten(clone: Clone) -> None:
    command = clone.submit().wait(PATIENCE_S)
    journal = Journal(clone.git_dir)
    with closing(sqlite3.connect(journal.database.path)) as rows, rows:
        rows.execute("UPDATE jobs SET ended = 1000")
        names = "created, push, state, status, submitter_pid, owner, ended"
        for state in ("done", "superseded", "failed"):
            rows.executemany(
                f"INSERT INTO jobs ({names}) SELECT created, push, ?, status, submitter_pid, owner,"
                " ended FROM jobs WHERE id = 1",
                [(state,)] * 150,
            )
    assert journal.log_of(1).exists()
    clone.queue().submit(clone.push()).wait(PATIENCE_S)
    assert len(journal.jobs("failed")) == 150  # they could still be resumed
    assert len(journal.jobs("done", "superseded")) <= 202
    assert journal.get(1) is None
    assert not journal.log_of(1).exists()
    assert command.status == 0  # what was seen to be done stays so
