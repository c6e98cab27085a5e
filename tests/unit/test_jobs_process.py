from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from csgrepo.jobs.process import Process, attend, dismiss, signal_name, status_of


def test_process_when_written_and_read_then_is_the_same() -> None:
    mine = Process.mine()
    assert Process.parse(str(mine)) == mine
    unknown = replace(mine, started="")
    assert Process.parse(str(unknown)) == unknown


def test_process_when_it_runs_or_ended_then_is_known() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        process = Process.of(child.pid)
        assert process.is_alive
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert not process.is_alive  # a zombie, as nobody has asked for its status yet
        assert process.send(signal.SIGTERM) is False
    assert not process.is_alive


def test_process_when_its_number_was_given_to_another_then_is_dead() -> None:
    mine = Process.mine()
    if not mine.started:
        pytest.skip("this system does not tell when a process started")
    earlier = replace(mine, started="1")
    assert not earlier.is_alive
    assert earlier.send(signal.SIGKILL) is False


def test_process_when_of_an_earlier_boot_then_is_dead() -> None:
    mine = Process.mine()
    host, boot, namespace = mine.home.split("/")
    assert not replace(mine, home=f"{host}/{boot[::-1]}/{namespace}").is_alive


def test_process_when_on_another_machine_then_nobody_knows_and_nothing_is_sent() -> None:
    other = replace(Process.mine(), home="elsewhere/boot/pid:[1]")
    assert other.is_alive
    assert not other.is_local
    assert other.send(signal.SIGKILL) is False


def test_process_when_attended_then_counts_as_alive_until_dismissed() -> None:
    ended = replace(Process.mine(), started="1")
    attend(ended)
    assert ended.is_alive
    dismiss(ended)
    assert not ended.is_alive


def test_group_when_stopped_then_all_of_it_is_gone() -> None:
    script = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True)"
    with subprocess.Popen(
        [sys.executable, "-c", f"{script}; input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        process = Process.of(child.pid)
        process.stop_group(0.1)
        assert not process.is_alive
    assert child.returncode == -signal.SIGKILL


def test_status_when_a_signal_ended_it_then_is_what_a_shell_tells() -> None:
    assert (status_of(-9), status_of(0), status_of(3)) == (137, 0, 3)
    assert signal_name(9) == "SIGKILL"
    assert signal_name(1000) == "signal 1000"
