"""On a terminal: prompts, what is hidden, confirmation, colours, width, Ctrl-C."""

from __future__ import annotations

import re
import signal
import threading
import time
from pathlib import Path

import pytest

from csgrepo import HubApi
from csgrepo.progress.label import width
from csgrepo.server import Hub, Stall
from tests.conftest import Account
from tests.functional.terminal import Terminal

COLOR = "\x1b[3"


@pytest.fixture
def bert(signed_in: Account) -> str:
    name = f"{signed_in.name}/bert"
    with HubApi() as api:
        api.create_repo(name)
    return name


class Awaited(threading.Event):
    """An event that tells when somebody has begun to wait for it."""

    def __init__(self) -> None:
        super().__init__()
        self.awaited = threading.Event()

    def is_set(self) -> bool:
        self.awaited.set()
        return super().is_set()


def exists(repo_id: str) -> bool:
    with HubApi() as api:
        return api.repo_exists(repo_id)


def test_login_hides_what_is_typed_and_can_be_left_with_ctrl_c(
    account: Account, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CSGHUB_ENDPOINT", account.endpoint)
    with Terminal("login", CSGHUB_LANG="zh") as left:
        left.see("访问令牌")
        left.type("half a tok\x03")
        code = left.end()
    assert (code, "已中断" in left.shown, "half" in left.shown) == (130, True, False)
    assert not (home / ".csghub").exists()

    with Terminal("login") as terminal:
        terminal.see("Access token")
        terminal.type(f"{account.token}\n")
        terminal.see(f"signed in as {account.name}")
        assert terminal.end() == 0
    assert account.token not in terminal.shown


def test_login_when_input_ends_then_nothing_is_kept(account: Account, home: Path) -> None:
    with Terminal("login", "-e", account.endpoint) as terminal:
        terminal.see("Access token")
        terminal.type("\x04")
        assert terminal.end() == 1

    assert "nothing was done" in terminal.shown
    assert not (home / ".csghub").exists()


def test_repo_create_asks_for_the_name_that_is_missing(signed_in: Account) -> None:
    with Terminal("repo", "create") as terminal:
        terminal.see("Name of the repository")
        terminal.type("asked\n")
        assert terminal.end() == 0

    assert exists(f"{signed_in.name}/asked")


@pytest.mark.parametrize(
    ("answer", "code", "stays"),
    [("n\n", 1, True), ("\n", 1, True), ("yes\n", 0, False), ("\x03", 130, True)],
    ids=["no", "nothing", "yes", "ctrl-c"],
)
def test_repo_delete_asks_first(bert: str, answer: str, code: int, stays: bool) -> None:
    with Terminal("repo", "delete", bert) as terminal:
        terminal.see("[y/N]")
        assert bert in terminal.shown
        terminal.type(answer)
        assert terminal.end() == code

    assert exists(bert) is stays


def test_repo_delete_asks_nothing_about_what_is_not_there(bert: str) -> None:
    with Terminal("repo", "delete", f"{bert}2") as terminal:
        assert terminal.end() == 4

    assert "[y/N]" not in terminal.shown
    assert f"Did you mean {bert}?" in terminal.shown


@pytest.mark.parametrize("columns", [40, 60])
def test_table_fits_the_terminal(bert: str, columns: int) -> None:
    with HubApi() as api:
        api.create_repo("a-repository-with-a-name-that-no-narrow-terminal-could-ever-show")
    with Terminal("repo", "list", columns=columns, CSGHUB_LANG="zh") as terminal:
        assert terminal.end() == 0

    assert terminal.widest <= columns
    assert "…" in terminal.shown
    assert "名称" in terminal.shown


@pytest.mark.parametrize("args", [("--help",), ("hub", "serve", "--help"), ("repo", "--help")])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_help_fits_the_terminal(args: tuple[str, ...], language: str) -> None:
    with Terminal(*args, columns=50, CSGHUB_LANG=language) as terminal:
        assert terminal.end() == 0

    assert terminal.widest <= 50


def test_command_line_when_left_at_once_then_130(signed_in: Account, hub: Hub) -> None:
    go_on = threading.Event()
    fault = hub.faults.add("GET", f"/user/{signed_in.name}/models", Stall(event=go_on))
    try:
        with Terminal("repo", "list") as terminal:
            while not fault.hits:
                time.sleep(0.01)
            terminal.type("\x03")
            assert terminal.end() == 128 + signal.SIGINT
    finally:
        go_on.set()
        hub.faults.remove(fault)

    assert "Traceback" not in terminal.shown
    assert "interrupted" in terminal.shown


def test_bars_fit_the_terminal_when_it_shrinks_and_ctrl_c_leaves_nothing_half_done(
    bert: str, hub: Hub, tmp_path: Path
) -> None:
    with HubApi() as api:
        api.upload_file(
            path_or_fileobj=b"\0weights" * 700_000, path_in_repo="模型 final.bin", repo_id=bert
        )
    target = tmp_path / "out"
    held, go_on = Awaited(), Awaited()
    for event in (held, go_on):
        stall = Stall(event=event, on="response", after=2_000_000)
        hub.faults.add("GET", f"_objects/.*{bert}", stall)
    args = ("download", bert, "--local-dir", str(target))
    try:
        with Terminal(*args) as left:
            left.see("% |")
            assert held.awaited.wait(60)
            left.type("\x03")
            assert left.end() == 128 + signal.SIGINT
        is_whole = (target / "模型 final.bin").exists()
        with Terminal(*args, columns=100) as terminal:
            terminal.see("% |")
            assert go_on.awaited.wait(60)
            terminal.resize(50)
            terminal.type("~")
            terminal.see("~")  # what came before was drawn before
            before = terminal.shown.index("~")
            go_on.set()
            assert terminal.end() == 0
    finally:
        held.set()
        go_on.set()
        hub.faults.clear()

    assert "Traceback" not in left.shown
    assert not is_whole
    bars = [line for line in re.split(r"[\r\n]+", terminal.shown[before:]) if "%" in line]
    assert "100%" in bars[-1]
    assert max(width(line.rstrip()) for line in bars) <= 50  # blanks wipe the longer line out
    assert (target / "模型 final.bin").read_bytes() == b"\0weights" * 700_000
