"""Workers that are killed, that cannot start, that do not stop: no push ends unseen."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from csgrepo.jobs import Journal, resume
from csgrepo.jobs.process import Process
from tests.functional.jobs_clone import (
    PATIENCE_S,
    WORKER,
    Clone,
    clone_fixture,  # noqa: F401 - gives `clone`
    kill,
    until,
)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_worker_when_killed_then_its_push_failed_by_that_signal(
    clone: Clone, number: signal.Signals
) -> None:
    clone.close_gate()
    command = clone.submit()
    until(lambda: clone.arrived, "the push to arrive")
    kill(command, number)
    command.wait(PATIENCE_S)
    assert (command.failed, command.is_done, command.status) == (True, True, 128 + number)
    resume_it = f"resume with csgrepo jobs resume '{clone.folder}'"
    assert command.error == f"Worker was killed by {number.name}; {resume_it}"
    assert command.error in command.stderr
    assert command.job is not None
    assert command.job.state == "interrupted"
    assert command.receipt is None


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_worker_when_killed_before_it_began_then_the_push_failed(
    clone: Clone, number: signal.Signals
) -> None:
    clone.close_gate()  # or a worker could be done before a test that was held up goes on
    command = clone.submit()
    kill(command, number)  # Python takes far longer to start
    assert command.wait(PATIENCE_S).status == 128 + number


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_worker_when_killed_then_git_does_not_go_on_without_it(
    clone: Clone, number: signal.Signals
) -> None:
    clone.hook(
        f'echo $$ > "{clone.remote.path}/pid"; echo x >> "{clone.remote.path}/arrived"\n'
        f'while ! [ -e "{clone.gate}" ]; do sleep 0.02; done'
    )
    command = clone.submit()
    until(lambda: clone.arrived, "the push to arrive")
    hook = Process.of(int((clone.remote.path / "pid").read_text()))
    kill(command, number)
    until(lambda: not hook.is_alive, "the hook to be ended with git")
    assert command.wait(PATIENCE_S).failed


def test_worker_when_killed_then_the_next_resumes_and_finishes(clone: Clone) -> None:
    clone.close_gate()
    queue = clone.queue()
    command = queue.submit(clone.push())
    until(lambda: clone.arrived, "the push to arrive")
    first = kill(command)
    assert command.wait(PATIENCE_S).failed
    clone.open_gate()
    (again,) = queue.resume()
    assert again.wait(PATIENCE_S).status == 0
    assert again._process.pid != first
    assert (command.status, command.error) == (0, "")
    assert again.job is not None
    assert again.job.runs == 2
    assert clone.remote_head() == again.job.push.commit


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_worker_when_killed_then_pushes_behind_it_are_carried_out(
    clone: Clone, number: signal.Signals
) -> None:
    clone.close_gate()
    queue = clone.queue()
    first = queue.submit(clone.push())
    others = [queue.submit(clone.push()) for _ in range(3)]
    until(lambda: clone.arrived, "the push to arrive")
    clone.hook("exit 0")
    kill(first, number)
    assert first.wait(PATIENCE_S).status == 128 + number
    assert [other.wait(PATIENCE_S).status for other in others] == [0, 0, 0]


def test_process_when_told_to_kill_then_ends_its_own_push_only(clone: Clone) -> None:
    clone.close_gate()
    queue = clone.queue()
    first, second, third = (queue.submit(clone.push()) for _ in range(3))
    until(lambda: clone.arrived, "the push to arrive")
    third._process.kill()
    assert third.wait(PATIENCE_S).status == 130
    assert not first.is_done
    clone.hook("exit 0")
    first._process.terminate()
    assert first.wait(PATIENCE_S).status == 143
    assert second.wait(PATIENCE_S).status == 0
    second._process.kill()
    assert second.status == 0


def test_worker_when_it_cannot_start_then_every_push_failed_and_says_why(clone: Clone) -> None:
    queue = clone.queue(exit_at_start=7)
    commands = [queue.submit(clone.push()) for _ in range(3)]
    for command in commands:
        assert command.wait(PATIENCE_S).status == 7
        assert "Worker ended with status 7" in command.error
        assert str(queue.journal.worker_log) in command.error


def test_secrets_when_they_cannot_be_had_then_nothing_is_submitted(clone: Clone) -> None:
    queue = clone.queue()
    queue._secrets = lambda: {}["no such token"]
    with pytest.raises(KeyError):
        queue.submit(clone.push())
    assert queue.journal.jobs() == []


def test_job_when_it_does_not_stop_then_its_worker_ends_without_it(clone: Clone) -> None:
    command = clone.submit(does_not_stop=True, grace_s=0.2)
    until((clone.git_dir / "holding-on").exists, "the job to run")
    kill(command, signal.SIGTERM)
    assert command.wait(PATIENCE_S).status == 143


def test_job_when_it_does_not_stop_then_can_be_cancelled(clone: Clone) -> None:
    command = clone.submit(does_not_stop=True, grace_s=0.2)
    until((clone.git_dir / "holding-on").exists, "the job to run")
    assert command.cancel()
    assert command.wait(PATIENCE_S).status == 130


def test_job_when_it_takes_longer_than_it_may_then_fails_and_is_gone_on_with(clone: Clone) -> None:
    clone.close_gate()
    command = clone.submit(deadline_s=0.5)
    assert command.wait(PATIENCE_S).status == 124
    assert "longer than 0.5 s (CSGHUB_PUSH_DEADLINE)" in command.error
    assert clone.remote_head() == ""
    clone.open_gate()
    (again,) = clone.queue().resume()
    assert again.wait(PATIENCE_S).status == 0
    assert clone.remote_head() == clone.git("rev-parse", "HEAD")


def test_job_when_it_is_overdue_and_does_not_stop_then_its_worker_ends_without_it(
    clone: Clone,
) -> None:
    command = clone.submit(does_not_stop=True, grace_s=0.2, deadline_s=0.5)
    assert command.wait(PATIENCE_S).status == 124


def test_submitter_when_killed_then_its_worker_finishes(clone: Clone) -> None:
    clone.close_gate()
    submitter = _submit_elsewhere(clone, 1)
    until(lambda: clone.arrived, "the push to arrive")
    submitter.kill()
    submitter.wait()
    clone.open_gate()
    journal = Journal(clone.git_dir)
    until(lambda: [job.state for job in journal.jobs()] == ["done"], "the push to be done")


def test_submitter_and_worker_when_both_killed_then_another_process_sees_it_and_resumes(
    clone: Clone,
) -> None:
    clone.close_gate()
    submitter = _submit_elsewhere(clone, 3)
    until(lambda: clone.arrived, "the push to arrive")
    journal = Journal(clone.git_dir)
    (running,) = journal.jobs("running")
    submitter.kill()
    submitter.wait()
    assert running.worker_pid is not None
    os.kill(running.worker_pid, signal.SIGKILL)
    until(lambda: not journal.jobs("running", "waiting"), "all to be seen as interrupted")
    assert [(job.state, job.status) for job in journal.jobs()] == [
        ("interrupted", 137),
        ("interrupted", 1),
        ("interrupted", 1),
    ]
    clone.open_gate()
    commands = resume(clone.git_dir, clone.folder, WORKER, dict, failed=False)
    assert [command.wait(PATIENCE_S).status for command in commands] == [0, 0, 0]
    assert clone.remote_head() == commands[-1].job.push.commit  # type: ignore[union-attr]


def _submit_elsewhere(clone: Clone, count: int) -> subprocess.Popen[str]:
    """Submit pushes from a process that stays; return it once it has."""
    commits = [clone.commit(str(number)) for number in range(count)]
    script = f"""
import time
from csgrepo.jobs import Push, Queue
queue = Queue({str(clone.git_dir)!r}, "there", {WORKER!r}, dict)
for commit in {commits!r}:
    queue.submit(Push("", {clone.remote.url!r}, commit, "refs/heads/main"))
print("submitted", flush=True)
time.sleep(600)
"""
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.readline() == "submitted\n"
    return process
