"""`csgrepo upload --every`: a folder that grows, until Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from csgrepo import HubApi
from csgrepo.server import Answer, Hub, Stall
from tests.conftest import Account
from tests.functional.cli import check, ends_when_told, inside, running
from tests.functional.jobs_clone import until

A_WHILE = "1000"  # minutes: nothing is uploaded but at first and at last


@pytest.fixture
def name(signed_in: Account) -> str:
    return f"{signed_in.name}/run"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    made = tmp_path / "输出"
    made.mkdir()
    write(made / "a.txt")
    return made


def write(path: Path) -> None:
    """Write a file that looks as if its writer had left it a while ago."""
    path.write_text(path.name)
    os.utime(path, (time.time() - 60,) * 2)


def uploaded(name: str) -> set[str]:
    with HubApi() as api:
        return {path for path in api.list_repo_files(name) if path.endswith(".txt")}


def hear(process: subprocess.Popen[str], text: str) -> None:
    """Read what it tells until it says this."""
    assert process.stderr
    while text not in (line := process.stderr.readline()):
        assert line, f"it ended without {text!r}"


def test_folder_is_uploaded_as_it_grows_and_the_rest_at_ctrl_c(name: str, out: Path) -> None:
    line = ("upload", name, str(out), "--every", "0.005", "--private", "--json")
    with running(*line) as process:
        hear(process, "uploaded files: 1, now at ")
        hear(process, "uploading every 0.005 minutes")
        write(out / "b.txt")
        hear(process, "uploaded files: 1, now at ")
        assert uploaded(name) == {"a.txt", "b.txt"}
        (out / "half [1].txt").write_text("is being written")
        printed, told = ends_when_told(process)

    assert process.returncode == 0, told
    check(json.loads(printed), "upload")
    assert "uploading the rest" in told
    assert uploaded(name) == {"a.txt", "b.txt", "half [1].txt"}


def test_upload_when_asked_to_end_then_the_rest_is_uploaded_and_143(name: str, out: Path) -> None:
    with running("upload", name, str(out), "--every", A_WHILE) as process:
        hear(process, "Ctrl-C ends it")
        (out / "last.txt").write_text("at the end")
        printed, told = ends_when_told(process, signal.SIGTERM)

    assert (process.returncode, printed) == (143, ""), told
    assert uploaded(name) == {"a.txt", "last.txt"}


def test_upload_when_the_rest_is_refused_then_6_and_said(name: str, out: Path, hub: Hub) -> None:
    with running("upload", name, str(out), "--every", A_WHILE) as process:
        hear(process, "Ctrl-C ends it")
        (out / "last.txt").write_text("at the end")
        no = Answer(400, body=b'{"error":"closed on Sundays"}')
        fault = hub.faults.add("POST", f"/{name}.git/git-receive-pack", no, times=None)
        try:
            printed, told = ends_when_told(process)
        finally:
            hub.faults.remove(fault)

    assert (process.returncode, printed) == (6, ""), told
    assert "closed on Sundays" in told
    assert uploaded(name) == {"a.txt"}


def test_upload_when_ctrl_c_comes_twice_then_130_and_the_rest_is_uploaded_all_the_same(
    name: str, out: Path, hub: Hub
) -> None:
    go_on = threading.Event()
    with running("upload", name, str(out), "--every", A_WHILE) as process:
        hear(process, "Ctrl-C ends it")
        (out / "last.txt").write_text("at the end")
        fault = hub.faults.add("POST", f"/{name}.git/git-receive-pack", Stall(event=go_on))
        try:
            process.send_signal(signal.SIGINT)
            until(lambda: fault.hits)
            process.send_signal(signal.SIGINT)
            code = process.wait(100)
        finally:
            go_on.set()
            hub.faults.remove(fault)
        printed, told = process.communicate(timeout=100)  # once the other process ends, too

    assert (code, printed) == (130, ""), told
    assert "in the background" in told
    assert uploaded(name) == {"a.txt", "last.txt"}


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["out/a.txt"], 2, "--every is for a folder"),
        (["out", "--delete", "*"], 2, "--every is for a folder"),
        (["out", "--dry-run"], 2, "--every is for a folder"),
        (["out", "--every", "0"], 2, "--every"),
        (["out", "-k", "0" * 32], 3, "401"),
        (["out", "-e", "http://127.0.0.1:9"], 6, "127.0.0.1:9"),
    ],
)
def test_upload_when_it_cannot_work_then_ends_at_once_as_without(
    name: str,
    out: Path,
    words: list[str],
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out.rename(out.with_name("out"))
    monkeypatch.chdir(out.parent)
    done = inside("upload", name, "--every", A_WHILE, *words)

    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert said in done.stderr
