"""The end of a script that pushes in the background."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from csgrepo.jobs import Journal
from tests.functional.jobs_clone import (
    PATIENCE_S,
    WORKER,
    Clone,
    clone_fixture,  # noqa: F401 - gives `clone`
    until,
)


def _script(clone: Clone, then: str = "", on_exit: str = "warn") -> str:
    place = f"{str(clone.git_dir)!r}, {str(clone.folder)!r}, {WORKER!r}"
    return f"""
import atexit, os, signal, sys
from csgrepo.jobs import Push, Queue
queue = Queue({place}, dict, {on_exit!r})
push = Push("", {clone.remote.url!r}, {clone.commit()!r}, "refs/heads/main", title="push main")
command = queue.submit(push)
del queue
print("submitted", flush=True)
{then}
"""


def _start(*args: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *args],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


def test_script_when_it_ends_while_a_push_runs_then_waits_and_says_so(clone: Clone) -> None:
    clone.close_gate()
    script = _start("-c", _script(clone))
    assert script.stderr is not None
    assert script.stderr.readline() == (
        "csgrepo: waiting for 1 push to finish (push main); "
        "Ctrl-C tells how far they are, twice leaves them to go on alone\n"
    )
    until(lambda: clone.arrived, "the push to arrive")
    assert script.poll() is None
    clone.open_gate()
    _, said = script.communicate(timeout=PATIENCE_S)
    assert (script.returncode, said) == (0, "")
    assert clone.remote_head() == clone.git("rev-parse", "HEAD")


@pytest.mark.parametrize(
    ("then", "status"),
    [
        ("", 0),
        ("sys.exit(3)", 3),
        ("raise RuntimeError('training went wrong')", 1),
        ("sys.excepthook = lambda *_: None; 1 / 0", 1),
        ("del command; import gc; gc.collect()", 0),
    ],
)
def test_script_when_its_push_fails_then_says_so_and_keeps_its_status(
    clone: Clone, tmp_path: Path, then: str, status: int
) -> None:
    clone.hook("echo 'quota is used up' >&2; sleep 0.2; exit 1")
    path = tmp_path / "训练.py"
    path.write_text(_script(clone, then), encoding="utf-8")
    script = _start(path)
    _, said = script.communicate(timeout=PATIENCE_S)
    assert script.returncode == status
    last = said.splitlines()[-1]
    assert last.startswith("csgrepo: job 1 (push main) failed: git push failed with status 1 in ")
    assert "quota is used up" in last
    assert last.endswith(f" - resume with: csgrepo jobs resume '{clone.folder}'")
    assert clone.remote_head() == ""


def test_script_when_its_push_failed_long_before_then_still_says_so(clone: Clone) -> None:
    clone.hook("exit 1")
    script = _start("-c", _script(clone, "command.wait()"))
    _, said = script.communicate(timeout=PATIENCE_S)
    assert [line.split(" (")[0] for line in said.splitlines()] == ["csgrepo: job 1"]


def test_script_when_its_push_was_cancelled_or_done_then_says_nothing(clone: Clone) -> None:
    script = _start("-c", _script(clone, "command.cancel(); command.wait()"))
    _, said = script.communicate(timeout=PATIENCE_S)
    assert (script.returncode, said) == (0, "")


@pytest.mark.parametrize("how", ["sys.stderr.close()", "os.close(2)", "sys.stderr = None"])
def test_script_when_stderr_is_closed_then_waits_all_the_same(clone: Clone, how: str) -> None:
    clone.hook("sleep 0.2; exit 1")
    script = _start("-c", _script(clone, f"{how}; sys.exit(3)"))
    script.communicate(timeout=PATIENCE_S)
    assert script.returncode == 3
    assert [job.state for job in Journal(clone.git_dir).jobs()] == ["failed"]


def test_script_when_interrupted_twice_while_it_waits_then_the_push_goes_on(clone: Clone) -> None:
    clone.close_gate()
    script = _start("-c", _script(clone))
    assert script.stderr is not None
    until(lambda: clone.arrived, "the push to arrive")
    assert script.stderr.readline().startswith("csgrepo: waiting for")
    until(lambda: Journal(clone.git_dir).jobs()[0].progress.phase == "push", "the progress")
    script.send_signal(signal.SIGINT)
    assert script.stderr.readline() == (
        "csgrepo: job 1 (push main): running, push refs/heads/main 0%\n"
    )
    assert script.stderr.readline() == (
        "csgrepo: waiting for 1 push to finish (push main); Ctrl-C leaves them to go on alone\n"
    )
    script.send_signal(signal.SIGINT)
    _, said = script.communicate(timeout=PATIENCE_S)
    assert script.returncode == 0
    assert said == (
        f"csgrepo: not waiting; pushes go on. See them with: csgrepo jobs list '{clone.folder}'\n"
    )
    journal = Journal(clone.git_dir)
    assert [job.state for job in journal.jobs()] == ["running"]
    clone.open_gate()
    until(lambda: [job.state for job in journal.jobs()] == ["done"], "the push to be done")


def test_script_when_told_to_detach_then_does_not_wait(clone: Clone) -> None:
    clone.close_gate()
    script = _start("-c", _script(clone, on_exit="detach"))
    _, said = script.communicate(timeout=PATIENCE_S)
    assert script.returncode == 0
    assert [line.partition(";")[0] for line in said.splitlines()] == ["csgrepo: not waiting"]
    clone.open_gate()
    journal = Journal(clone.git_dir)
    until(lambda: [job.state for job in journal.jobs()] == ["done"], "the push to be done")


@pytest.mark.parametrize(("hook", "status"), [("sleep 0.2; exit 1", 8), ("exit 0", 0)])
def test_script_when_told_to_raise_then_its_status_says_whether_a_push_failed(
    clone: Clone, tmp_path: Path, hook: str, status: int
) -> None:
    clone.hook(hook)
    kept = tmp_path / "kept.txt"
    then = f"""
kept = open({str(kept)!r}, "w")
kept.write("not yet written out")
atexit.register(print, "other handlers run too")
print("the last line", end="")
"""
    script = _start("-c", _script(clone, then, on_exit="raise"))
    output, said = script.communicate(timeout=PATIENCE_S)
    assert script.returncode == status
    assert ("failed" in said) is bool(status)
    assert "the last line" in output
    assert "other handlers run too" in output
    assert kept.read_text() == "not yet written out"


def test_script_when_told_to_raise_and_left_behind_then_is_no_success(clone: Clone) -> None:
    clone.close_gate()
    script = _start("-c", _script(clone, on_exit="raise"))
    assert script.stderr is not None
    until(lambda: clone.arrived, "the push to arrive")
    for _ in range(2):
        while not script.stderr.readline().startswith("csgrepo: waiting for"):
            pass
        script.send_signal(signal.SIGINT)
    script.communicate(timeout=PATIENCE_S)
    assert script.returncode == 130


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells which process is stopped")
def test_script_when_its_worker_is_stopped_then_says_which_and_how_it_goes_on(
    clone: Clone,
) -> None:
    clone.close_gate()
    script = _start("-c", _script(clone))
    assert script.stderr is not None
    until(lambda: clone.arrived, "the push to arrive")
    (job,) = Journal(clone.git_dir).jobs()
    assert job.worker_pid is not None
    os.kill(job.worker_pid, signal.SIGSTOP)
    try:
        assert script.stderr.readline().startswith("csgrepo: waiting for")
        said = script.stderr.readline()
        assert f"kill -CONT {job.worker_pid}" in said
        assert said.startswith("csgrepo: job 1 waits for its worker")
    finally:
        os.kill(job.worker_pid, signal.SIGCONT)
    clone.open_gate()
    assert script.communicate(timeout=PATIENCE_S)[1] == ""


def test_script_when_its_worker_is_killed_while_it_waits_then_ends(clone: Clone) -> None:
    clone.close_gate()
    script = _start("-c", _script(clone))
    until(lambda: clone.arrived, "the push to arrive")
    assert script.stderr is not None
    script.stderr.readline()
    (job,) = Journal(clone.git_dir).jobs()
    assert job.worker_pid is not None
    os.kill(job.worker_pid, signal.SIGKILL)
    _, said = script.communicate(timeout=PATIENCE_S)
    assert "failed: Worker was killed by SIGKILL - resume with: csgrepo jobs resume" in said


def test_script_when_it_forks_then_only_the_parent_waits(clone: Clone) -> None:
    clone.close_gate()
    then = """
child = os.fork()
if child == 0:
    sys.exit(5)
print("child", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
    script = _start("-c", _script(clone, then))
    assert script.stdout is not None
    assert script.stdout.readline() == "submitted\n"
    assert script.stdout.readline() == "child 5\n"
    assert script.stderr is not None
    assert "waiting for" in script.stderr.readline()
    clone.open_gate()
    _, said = script.communicate(timeout=PATIENCE_S)
    assert said == ""
    assert [job.state for job in Journal(clone.git_dir).jobs()] == ["done"]


def _in_a_child(clone: Clone, on_exit: str, then: str = "") -> str:
    body = _script(clone, then, on_exit).strip().replace("\n", "\n    ")
    return f"""
import multiprocessing, sys
def train():
    {body}
child = multiprocessing.get_context("fork").Process(target=train)
child.start()
child.join()
print("status", child.exitcode)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is forked there")
def test_forked_child_when_it_ends_while_a_push_runs_then_waits_for_it(clone: Clone) -> None:
    clone.close_gate()
    script = _start("-c", _in_a_child(clone, "warn"))
    until(lambda: clone.arrived, "the push to arrive")
    assert script.stdout is not None
    assert script.stdout.readline() == "submitted\n"
    assert script.stderr is not None
    assert "waiting for 1 push to finish" in script.stderr.readline()
    clone.open_gate()
    printed, said = script.communicate(timeout=PATIENCE_S)
    assert (printed, said) == ("status 0\n", "")
    assert clone.remote_head() == clone.git("rev-parse", "HEAD")


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is forked there")
@pytest.mark.parametrize(("then", "status"), [("", 8), ("raise RuntimeError('went wrong')", 1)])
def test_forked_child_when_its_push_fails_then_says_so(
    clone: Clone, then: str, status: int
) -> None:
    clone.hook("echo 'quota is used up' >&2; exit 1")
    script = _start("-c", _in_a_child(clone, "raise", then))
    printed, said = script.communicate(timeout=PATIENCE_S)
    assert printed == f"submitted\nstatus {status}\n"
    assert said.count("failed: ") == 1
    assert "quota is used up" in said
    assert ("went wrong" in said) == bool(then)
