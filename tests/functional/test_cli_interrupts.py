"""Ctrl-C and requests to end, in real processes: nothing half done, and a rerun ends well."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from csgrepo import HubApi
from csgrepo.progress.label import width
from csgrepo.server import Hub, Stall
from tests import small_parts
from tests.functional.cli import ends_when_told, inside, running
from tests.functional.copies import work_files
from tests.functional.jobs_clone import until
from tests.functional.terminals import Terminal
from tests.small_parts import Place, content
from tests.stock import StockGit

NAME = "权重 final.bin"
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}


@pytest.fixture(scope="module")
def small_hub() -> Iterator[Hub]:
    with small_parts.serving() as hub:
        yield hub


@pytest.fixture
def place(small_hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    made = small_parts.place(small_hub)
    monkeypatch.setenv("CSGHUB_ENDPOINT", small_hub.url)
    monkeypatch.setenv("CSGHUB_TOKEN", made.token)
    yield made
    small_hub.faults.clear()


@pytest.fixture
def data() -> bytes:
    return content(5)


@pytest.fixture
def folder(place: Place, data: bytes, tmp_path: Path) -> Path:
    """A working copy with a large file that is committed and not pushed."""
    made = tmp_path / "work"
    assert inside("clone", f"wanda/{place.name}", str(made), "-q").returncode == 0
    (made / NAME).write_bytes(data)
    inside("commit", "-a", "-m", "weights", "-q", "-C", str(made))
    return made


@contextlib.contextmanager
def stalled(
    place: Place, method: str, path: str, *, on: Literal["request", "response"] = "request"
) -> Iterator[threading.Event]:
    """Have the hub fall silent at the next such request; the event is set when it has come."""
    hold, struck = threading.Event(), threading.Event()
    fault = place.hub.faults.add(method, path, Stall(event=hold, on=on))

    def watch() -> None:
        while not fault.hits and not hold.is_set():
            time.sleep(0.005)
        struck.set()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield struck
    finally:
        hold.set()
        watcher.join()
        place.hub.faults.remove(fault)


def interrupted(
    place: Place,
    method: str,
    path: str,
    *args: str,
    number: int = signal.SIGINT,
    on: Literal["request", "response"] = "request",
) -> tuple[int, str, str]:
    """Run a command until the hub has heard so much of it, then end it."""
    with stalled(place, method, path, on=on) as struck, running(*args) as process:
        assert struck.wait(60)
        assert process.poll() is None, process.communicate()
        out, err = ends_when_told(process, number)
    return process.returncode, out, err


@pytest.mark.parametrize(
    ("method", "path", "number"),
    [("*", "git-upload-pack", signal.SIGINT), ("GET", "^/_objects/", signal.SIGTERM)],
    ids=["history", "content"],
)
def test_clone_when_ended_in_the_middle_then_a_rerun_completes_it(
    place: Place,
    folder: Path,
    data: bytes,
    tmp_path: Path,
    method: str,
    path: str,
    number: signal.Signals,
) -> None:
    assert inside("push", "-q", "-C", str(folder)).returncode == 0
    target = tmp_path / "clones" / "copy"
    line = ("clone", f"wanda/{place.name}", str(target))
    status, out, err = interrupted(place, method, path, *line, number=number)

    assert (status, out) == (CODES[number], ""), err
    assert "Traceback" not in err
    # What is there is nothing at all, or a working copy with a pointer.
    assert not target.exists() or StockGit(target)("status", "--porcelain") == ""
    assert [path for path in target.parent.glob("*") if path != target] == []
    again = inside(*line, "-q")
    assert again.returncode == 0, again.stderr
    assert work_files(target)[NAME] == data
    assert StockGit(target)("status", "--porcelain") == ""
    assert list(target.parent.glob(".*")) == []


@pytest.mark.parametrize(
    ("method", "path", "number"),
    [
        ("PUT", "/_parts/.*/3$", signal.SIGINT),
        ("PUT", "/_parts/.*/3$", signal.SIGTERM),
        ("POST", "/info/lfs/verify$", signal.SIGTERM),
    ],
    ids=["part", "part, asked to end", "verify"],
)
def test_push_when_ended_in_the_middle_then_the_remote_is_as_before_and_a_rerun_completes_it(
    place: Place, folder: Path, data: bytes, method: str, path: str, number: signal.Signals
) -> None:
    before, commit = place.tip(), StockGit(folder)("rev-parse", "HEAD")
    line = ("push", "-C", str(folder))
    status, out, err = interrupted(place, method, path, *line, number=number)

    assert (status, out) == (CODES[number], ""), err
    assert "Traceback" not in err
    assert place.tip() == before
    is_sound(folder)
    again = inside(*line, "-q")
    assert again.returncode == 0, again.stderr
    assert (place.tip(), place.stored(data)) == (commit, data)


def test_push_when_ended_while_git_waits_for_the_answer_then_a_rerun_sends_nothing_again(
    place: Place, folder: Path, data: bytes
) -> None:
    commit = StockGit(folder)("rev-parse", "HEAD")
    line = ("push", "-C", str(folder))
    status, out, err = interrupted(place, "POST", "git-receive-pack$", *line, on="response")

    assert (status, out) == (130, ""), err
    is_sound(folder)
    place.hub.requests.clear()
    again = inside(*line, "-q")
    assert again.returncode == 0, again.stderr
    assert (place.tip(), place.stored(data)) == (commit, data)
    assert place.asked("PUT", "/_parts/") == 0


def is_sound(folder: Path) -> None:
    """Hold a working copy to being clean, whole and unlocked."""
    git = StockGit(folder)
    assert git("status", "--porcelain") == ""
    assert git("fsck", "--no-dangling") == ""
    left = [*(folder / ".git").glob("*.lock"), *(folder / ".git" / "refs").rglob("*.lock")]
    assert not left


def test_add_when_ended_in_the_middle_then_nothing_is_staged_half(
    place: Place, folder: Path, tmp_path: Path
) -> None:
    """A filter of the user's own holds git up while it writes the index."""
    began, hold = tmp_path / "began", tmp_path / "hold"
    hold.touch()
    git = StockGit(folder)
    script = f"touch '{began}'; while test -e '{hold}'; do sleep 0.05; done; cat"
    git("config", "filter.slow.clean", script)
    with (folder / ".gitattributes").open("a") as stream:
        stream.write("*.slow filter=slow\n")
    (folder / "a.slow").write_text("slow")
    (folder / "b.bin").write_bytes(content(3))
    with running("add", "-C", str(folder)) as process:
        while not began.exists():
            assert process.poll() is None, process.communicate()
            time.sleep(0.01)
        out, err = ends_when_told(process)
    hold.unlink()

    assert (process.returncode, out) == (130, ""), err
    assert "Traceback" not in err
    assert not list((folder / ".git").glob("*.lock"))
    assert git("fsck", "--no-dangling") == ""
    again = inside("add", "-q", "-C", str(folder))
    assert again.returncode == 0, again.stderr
    assert "files: 3, in LFS: 1" in again.stdout
    assert inside("commit", "-m", "all", "-q", "-C", str(folder)).returncode == 0
    assert git("status", "--porcelain") == ""


def test_download_when_ended_in_the_middle_then_a_rerun_completes_it(
    place: Place, folder: Path, data: bytes, tmp_path: Path
) -> None:
    inside("push", "-q", "-C", str(folder))
    target = tmp_path / "out"
    line = ("download", f"wanda/{place.name}", "--local-dir", str(target))
    status, out, err = interrupted(place, "GET", "^/_objects/", *line, number=signal.SIGTERM)

    assert (status, out) == (143, ""), err
    assert "Traceback" not in err
    assert not (target / NAME).exists()
    again = inside(*line, "-q")
    assert again.returncode == 0, again.stderr
    assert (target / NAME).read_bytes() == data


def test_upload_when_ended_in_the_middle_then_nothing_is_committed_and_a_rerun_is(
    place: Place, data: bytes, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / NAME).write_bytes(data)
    before = place.tip()
    line = ("upload", f"wanda/{place.name}", str(tmp_path / "out"))
    status, out, err = interrupted(place, "PUT", "/_parts/.*/3$", *line)

    assert (status, out) == (130, ""), err
    assert "Traceback" not in err
    assert place.tip() == before
    again = inside(*line, "-q")
    assert again.returncode == 0, again.stderr
    assert place.stored(data) == data
    with HubApi() as api:
        assert NAME in api.list_repo_files(f"wanda/{place.name}")


# A terminal


def test_bars_when_the_terminal_is_resized_and_ctrl_c_is_typed_then_lines_fit_and_all_ends_well(
    place: Place, folder: Path, data: bytes
) -> None:
    with (
        stalled(place, "PUT", "/_parts/.*/3$") as struck,
        Terminal("push", "-C", str(folder), columns=100) as terminal,
    ):
        assert struck.wait(60)
        until(lambda: place.asked("PUT", "/_parts/") == 4, "all parts but one")
        terminal.read_until(r"upload .*%.*\|.*B/s.*<.*\]")
        terminal.resize(60)
        terminal.type(b"\x03")
        terminal.read_until(r"\^C")  # what came before was drawn before
        terminal.forget_until("^C")
        code = terminal.wait()

    assert code == 130, terminal.text
    assert re.search(r"csgrepo: interrupted\r\n$", terminal.text)
    assert all(width(line.rstrip()) < 60 for line in terminal.lines()), terminal.lines()
    assert "Traceback" not in terminal.text
    assert StockGit(folder)("status", "--porcelain") == ""
    again = inside("push", "-q", "-C", str(folder))
    assert again.returncode == 0, again.stderr
    assert place.stored(data) == data


def test_bars_when_all_goes_well_then_they_end_full_and_the_result_follows(
    place: Place, folder: Path
) -> None:
    with Terminal("push", "-C", str(folder), columns=120) as terminal:
        code = terminal.wait()

    assert code == 0, terminal.text
    for phase in ("upload", "push", "verify"):
        assert re.search(rf"{phase} +100%.*1 done", terminal.text), terminal.text
    assert terminal.lines()[-1].startswith(f"{os.environ['CSGHUB_ENDPOINT']}/models/wanda/")


def test_delete_when_asked_on_a_terminal_then_only_yes_deletes(place: Place, folder: Path) -> None:
    inside("push", "-q", "-C", str(folder))
    inside("tag", "add", "v1", "--remote", "origin", "-C", str(folder))
    line = ("tag", "delete", "v1", "--remote", "origin", "-C", str(folder))
    codes = []
    for answer in (b"n\n", b"y\n"):
        with Terminal(*line) as terminal:
            terminal.read_until(r"delete the tag v1 on origin\?")
            terminal.type(answer)
            codes.append(terminal.wait())

    assert codes == [1, 0]
    assert not (place.remote.path / "refs" / "tags" / "v1").exists()
    assert StockGit(folder)("tag", "--list") == ""
