"""Background pushes that go well: in order, one at a time, none lost."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest

from csgrepo.jobs import Journal, resume
from tests.functional.jobs_clone import (
    PATIENCE_S,
    WORKER,
    Clone,
    clone_fixture,  # noqa: F401 - gives `clone`
    until,
)


def test_push_when_submitted_then_arrives_with_a_receipt(clone: Clone) -> None:
    command = clone.submit()
    assert command.wait(PATIENCE_S) is command
    assert (command.status, command.is_done, command.failed) == (0, True, False)
    assert command.error == ""
    assert command.receipt is not None
    assert command.receipt.commit == clone.remote_head() == clone.git("rev-parse", "HEAD")
    assert "done: main at file://" in command.stdout
    assert "main -> main" in command.stderr or "[new branch]" in command.stderr
    assert repr(command).startswith(f"[{command.title} command, status code: 0, finished. PID: ")
    assert command.cancel() is False


def test_push_while_it_runs_then_shows_where_it_is(clone: Clone) -> None:
    clone.close_gate()
    command = clone.submit()
    until(lambda: clone.arrived, "the push to arrive")
    progress = until(lambda: command.progress.phase == "push" and command.progress)
    assert (progress.item, progress.unit, progress.fraction) == ("refs/heads/main", "refs", 0.0)
    assert (command.status, command.is_done, command.failed) == (-1, False, False)
    assert "status code: running, in progress." in repr(command)
    assert command._process.poll() is None
    assert "job 1, run 1: push refs/heads/main" in command.stdout
    with pytest.raises(TimeoutError):
        command.wait(0.01)
    clone.open_gate()
    assert command.wait(PATIENCE_S)._process.poll() == 0


def test_properties_while_it_runs_then_answer_at_once(clone: Clone) -> None:
    clone.hook(f'yes line | head -n 100000 >&2; while ! [ -e "{clone.gate}" ]; do sleep 0.02; done')
    command = clone.submit()
    until(lambda: "line" in command.stderr, "the hook's words")
    names = ["title", "status", "is_done", "failed", "stderr", "stdout", "progress", "receipt"]
    for name in [*names, "error"]:
        # At times the machine is busy with others; a property that waits is never so quick.
        until(lambda name=name: _seconds(lambda: getattr(command, name)) < 0.01, name)
    assert not command.is_done
    clone.open_gate()
    command.wait(PATIENCE_S)


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def test_child_when_it_prints_a_mebibyte_then_does_not_block(clone: Clone) -> None:
    clone.hook(
        "head -c 1048576 /dev/zero | tr '\\0' 'x' | fold -w 60 >&2; echo >&2; echo the-end >&2"
    )
    command = clone.submit().wait(PATIENCE_S)
    assert command.status == 0, command.error
    assert "remote: the-end" in command.stderr
    assert command.journal.log_of(command.id).stat().st_size > 1048576


def test_pushes_when_many_are_submitted_then_run_in_order_one_at_a_time(clone: Clone) -> None:
    commits = [clone.commit(str(number)) for number in range(5)]
    clone.hook(
        f'cd "{clone.remote.path}"; mkdir at-work || exit 1; read old new ref;'
        "echo $new >> order; sleep 0.05; rmdir at-work"
    )
    queue = clone.queue()
    commands = [queue.submit(clone.push(commit)) for commit in commits]
    for command in commands:
        assert command.wait(PATIENCE_S).status == 0, command.stderr
    assert (clone.remote.path / "order").read_text().split() == commits
    assert [command.id for command in queue.commands] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("idle_s", [0.0, 0.02])
def test_submit_when_the_worker_is_about_to_leave_then_no_job_is_lost(
    clone: Clone, idle_s: float
) -> None:
    queue = clone.queue(idle_s=idle_s)
    commits = [clone.commit(str(number)) for number in range(20)]
    for number, commit in enumerate(commits):
        command = queue.submit(clone.push(commit))
        if number % 3 == 0:  # now and then the worker has just left, or is leaving
            command.wait(PATIENCE_S)
            time.sleep(0.02 * (number % 7))
    for command in queue.commands:
        assert command.wait(PATIENCE_S).status == 0, command.stderr
    assert clone.remote_head() == commits[-1]


def test_submit_when_several_threads_do_then_one_worker_does_it_all(clone: Clone) -> None:
    clone.close_gate()
    queue = clone.queue()
    commits = [clone.commit(str(number)) for number in range(8)]
    threads = [
        threading.Thread(target=queue.submit, args=[clone.push(commit, f"refs/heads/b{n}")])
        for n, commit in enumerate(commits)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    until(lambda: clone.arrived, "a push to arrive")
    pids = {command._process.pid for command in queue.commands}
    clone.open_gate()
    assert [command.wait(PATIENCE_S).status for command in queue.commands] == [0] * 8
    assert len(pids) == 1
    assert pids == {command._process.pid for command in queue.commands}


def test_push_when_the_remote_refuses_then_fails_with_its_words(clone: Clone) -> None:
    clone.hook("echo 'quota is used up' >&2; exit 1")
    command = clone.submit().wait(PATIENCE_S)
    assert command.failed
    assert command.status > 0
    assert command.receipt is None
    assert "quota is used up" in command.error
    assert "quota is used up" in command.stderr
    assert command.job is not None
    assert command.job.error_type == "PushRejected"
    assert clone.remote_head() == ""


def test_push_when_refused_then_the_next_one_still_runs(clone: Clone) -> None:
    clone.hook(f'[ -e "{clone.gate}" ]')
    queue = clone.queue()
    assert queue.submit(clone.push()).wait(PATIENCE_S).failed
    clone.open_gate()
    assert queue.submit(clone.push()).wait(PATIENCE_S).status == 0


def test_push_when_failed_then_can_be_resumed(clone: Clone) -> None:
    clone.hook(f'[ -e "{clone.gate}" ]')
    first = clone.submit().wait(PATIENCE_S)
    clone.open_gate()
    again = resume(clone.git_dir, clone.folder, WORKER, dict)
    assert [command.id for command in again] == [first.id]
    assert again[0].wait(PATIENCE_S).status == 0
    assert (first.status, first.error) == (0, "")
    assert "job 1, run 2" in first.stdout
    assert resume(clone.git_dir, clone.folder, WORKER, dict) == []


def test_cancel_when_it_waits_then_it_never_runs(clone: Clone) -> None:
    clone.close_gate()
    queue = clone.queue()
    first = queue.submit(clone.push())
    until(lambda: clone.arrived, "the push to arrive")
    second = queue.submit(clone.push(ref="refs/heads/other"))
    assert second.cancel() is True
    assert (second.is_done, second.failed, second.status) == (True, True, 130)
    clone.open_gate()
    assert first.wait(PATIENCE_S).status == 0
    assert clone.remote_head("refs/heads/other") == ""
    assert second.cancel() is False


def test_cancel_when_it_runs_then_git_is_stopped_and_the_next_one_runs(clone: Clone) -> None:
    clone.close_gate()
    queue = clone.queue()
    first = queue.submit(clone.push(ref="refs/heads/other"))
    second = queue.submit(clone.push())
    until(lambda: clone.arrived == 1, "the push to arrive")
    pid = first._process.pid
    assert first.cancel() is True
    assert first.wait(PATIENCE_S).status == 130
    until(lambda: clone.arrived == 2, "the next push to arrive")
    clone.open_gate()
    assert second.wait(PATIENCE_S).status == 0
    assert second._process.pid == pid
    assert clone.remote_head("refs/heads/other") == ""


def test_two_processes_on_one_clone_then_every_push_arrives_in_order(clone: Clone) -> None:
    commits = [clone.commit(str(number)) for number in range(10)]
    clone.hook(
        f'cd "{clone.remote.path}"; mkdir at-work || exit 1; read old new ref;'
        "echo $new >> order; sleep 0.02; rmdir at-work"
    )
    script = f"""
import sys
from csgrepo.jobs import Push, Queue
queue = Queue({str(clone.git_dir)!r}, "there", {WORKER!r}, dict)
for line in sys.stdin:
    queue.submit(Push("", {clone.remote.url!r}, line.strip(), "refs/heads/main"))
    print("submitted", flush=True)
"""
    other = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    queue = clone.queue()
    assert other.stdin is not None
    assert other.stdout is not None
    with other:
        for mine, theirs in zip(commits[::2], commits[1::2], strict=True):
            queue.submit(clone.push(mine))
            other.stdin.write(f"{theirs}\n")
            other.stdin.flush()
            assert other.stdout.readline() == "submitted\n"
        other.stdin.close()
    assert other.returncode == 0
    jobs = Journal(clone.git_dir).jobs()
    assert [(job.id, job.state) for job in jobs] == [(n, "done") for n in range(1, 11)] or [
        command.wait(PATIENCE_S).status for command in queue.commands
    ] == [0] * 5
    assert (clone.remote.path / "order").read_text().split() == commits


def test_clone_when_removed_and_made_again_then_pushes_are_written_to_the_new_one(
    clone: Clone,
) -> None:
    queue = clone.queue()
    first = queue.submit(clone.push()).wait(PATIENCE_S)
    moved = clone.folder.with_name("old")
    clone.folder.rename(moved)
    clone.git.cwd.mkdir()
    clone.git("clone", "--quiet", clone.remote.url, ".")
    second = queue.submit(clone.push())
    assert second.wait(PATIENCE_S).status == 0
    assert second.id == 1
    assert first.status == 0  # what was seen to be done stays so


def test_worker_when_its_clone_is_removed_then_leaves(clone: Clone) -> None:
    command = clone.submit(idle_s=600).wait(PATIENCE_S)
    pid = command._process.pid
    clone.folder.rename(clone.folder.with_name("gone"))
    until(lambda: not _runs(pid), "the worker to leave")


def _runs(pid: int | None) -> bool:
    from csgrepo.jobs.process import Process

    return pid is not None and Process.of(pid).started != ""


def test_queue_when_nothing_was_pushed_then_no_file_is_made(clone: Clone) -> None:
    queue = clone.queue()
    assert queue.commands == []
    assert queue.resume() == []
    assert queue.journal.jobs() == []
    assert not (clone.git_dir / "csgrepo").exists()
