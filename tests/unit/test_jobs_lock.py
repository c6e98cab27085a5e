from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from csgrepo.errors import GitError
from csgrepo.jobs import LockTimeout, PushLock


def _holder(git_dir: Path) -> subprocess.Popen[str]:
    """Start a process that holds the lock; return once it does."""
    script = f"""
import sys
from csgrepo.jobs import PushLock
with PushLock({str(git_dir)!r}).hold("push 主 by hand"):
    print("held", flush=True)
    sys.stdin.read()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_lock_when_another_process_holds_it_then_says_who(tmp_path: Path) -> None:
    lock = PushLock(tmp_path)
    with _holder(tmp_path) as other:
        with pytest.raises(LockTimeout) as caught, lock.hold("mine", 0.01):
            pytest.fail("it is held")
        other.stdin.close()  # type: ignore[union-attr]
    assert isinstance(caught.value, GitError)
    assert isinstance(caught.value, TimeoutError)
    assert f"push 主 by hand (process {other.pid} on " in str(caught.value)
    assert caught.value.path == str(lock.path)
    with lock.hold("mine", 0):
        assert f"mine (process {os.getpid()}" in lock.holder
    assert lock.holder == ""


def test_lock_when_its_holder_is_killed_then_is_free(tmp_path: Path) -> None:
    with _holder(tmp_path) as other:
        other.kill()
    with PushLock(tmp_path).hold("mine", 5):
        pass


def test_lock_when_awaited_then_is_had_once_it_is_free(tmp_path: Path) -> None:
    order: list[str] = []
    waiting = threading.Event()

    def second() -> None:
        waiting.set()
        with PushLock(tmp_path).hold("second"):
            order.append("second")

    thread = threading.Thread(target=second)
    with PushLock(tmp_path).hold("first"):
        thread.start()
        waiting.wait()
        with pytest.raises(LockTimeout), PushLock(tmp_path).hold("third", 0):
            order.append("third")
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_lock_when_the_block_raises_then_is_free(tmp_path: Path) -> None:
    lock = PushLock(tmp_path)
    with pytest.raises(ValueError, match="inside"), lock.hold("mine"):
        raise ValueError("inside")
    with lock.hold("mine", 0):
        pass


def test_lock_when_its_folder_cannot_be_made_then_says_so(tmp_path: Path) -> None:
    (tmp_path / "csgrepo").touch()
    with pytest.raises(GitError, match="can be written"), PushLock(tmp_path).hold("mine", 0):
        pytest.fail("there is no place for it")


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells which process is stopped")
def test_lock_when_its_holder_is_stopped_then_those_who_wait_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("csgrepo.jobs.lock._LOOK_S", 0.05)
    lock = PushLock(tmp_path)
    with _holder(tmp_path) as other:
        assert lock.hindrance == ""
        os.kill(other.pid, signal.SIGSTOP)
        try:
            with pytest.raises(LockTimeout, match=f"kill -CONT {other.pid}"), lock.hold("mine"):
                pytest.fail("it is held")
            assert f"process {other.pid}" in lock.hindrance
        finally:
            os.kill(other.pid, signal.SIGCONT)
        other.stdin.close()  # type: ignore[union-attr]
    assert "push 主 by hand" in caplog.text
    with lock.hold("mine"):
        assert lock.hindrance == ""
