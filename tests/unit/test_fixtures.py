"""The machine the tests run on is what the fixtures say."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tests import machine, processes
from tests.stock import StockGit


def test_home_and_temporary_folder_are_the_tests_own(home: Path, tmp_path: Path) -> None:
    assert Path.home() == home == tmp_path / "home"
    assert Path(tempfile.gettempdir()) == tmp_path / "tmp"
    assert Path(os.environ["GIT_CONFIG_GLOBAL"]) == home / ".gitconfig"


def test_nothing_of_the_users_settings_is_left(git: StockGit) -> None:
    listed = git("config", "--list", "--show-scope").splitlines()

    assert {line.split("\t")[0] for line in listed} == {"global"}
    assert git("config", "user.name") == "Wanda"
    allowed = {"GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM"}
    kept = {name for name in os.environ if name.startswith(("GIT_", "CSG", "HF_", "SLURM_"))}
    assert kept == allowed


def test_isolation_removes_what_a_user_or_a_cluster_may_have_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["CSGHUB_TOKEN", "CSG_TOKEN", "HF_TOKEN", "RANK", "LOCAL_RANK", "WORLD_SIZE"]
    names += ["SLURM_PROCID", "GIT_DIR", "https_proxy", "ALL_PROXY", "SSH_AUTH_SOCK", "LC_ALL"]
    for name in names:
        monkeypatch.setenv(name, "1")
    with pytest.MonkeyPatch.context() as patch:
        machine.isolate(patch, tmp_path / "inner")
        assert not [name for name in names if name in os.environ]
    assert all(os.environ[name] == "1" for name in names)


def test_stock_git_lfs_is_there_where_it_was_asked_for(stock_lfs: StockGit) -> None:
    assert stock_lfs("lfs", "version").startswith("git-lfs/")
    assert stock_lfs("config", "filter.lfs.required") == "true"


def test_git_lfs_is_not_found_where_it_was_taken_away(no_git_lfs: None, git: StockGit) -> None:
    assert shutil.which("git-lfs") is None
    refused = git.run("lfs", "version")
    assert refused.returncode == 1
    assert b"'lfs' is not a git command" in refused.stderr
    assert shutil.which("git")
    assert shutil.which("sh")


def test_git_is_not_found_where_it_was_taken_away(no_git: None) -> None:
    assert shutil.which("git") is None
    assert shutil.which("sh")


def test_read_only_home_cannot_be_written(read_only_home: Path, git: StockGit) -> None:
    assert Path.home() == read_only_home
    for attempt in ((read_only_home / "x").touch, (read_only_home / "x").mkdir):
        with pytest.raises(OSError, match=r"Permission denied|not permitted|Read-only"):
            attempt()
    refused = git.run("config", "--global", "user.name", "Wanda")
    assert refused.returncode != 0


@pytest.mark.skipif(sys.platform != "linux", reason="processes are found through /proc")
@pytest.mark.parametrize("options", [{}, {"start_new_session": True}], ids=["child", "daemon"])
def test_process_left_behind_is_found_and_ended(
    options: dict[str, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "PATIENCE_S", 0.1)
    # The shell ends at once, so that nothing ties the sleeper to this process but its mark.
    with subprocess.Popen(
        ["sh", "-c", "sleep 300 & echo $!"], stdout=subprocess.PIPE, **options
    ) as shell:
        assert shell.stdout
        pid = int(shell.stdout.readline())
    # While it turns into the sleeper it shows neither its name nor its mark.
    while not Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"sleep"):
        time.sleep(0.01)

    left = processes.left_behind(os.environ[machine.MARK])

    assert list(left) == [pid]
    assert processes.wait_for_end(pid, 60)


@pytest.mark.skipif(sys.platform != "linux", reason="processes are found through /proc")
def test_process_that_ends_in_a_while_is_waited_for() -> None:
    with subprocess.Popen(["sh", "-c", "sleep 0.3 & exit"]):
        pass

    assert processes.left_behind(os.environ[machine.MARK]) == {}


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is another thing there")
def test_children_hear_ctrl_c_where_a_shell_had_this_process_ignore_it() -> None:
    question = "import signal; print(signal.getsignal(signal.SIGINT))"
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        machine.let_children_hear()
        asked = subprocess.run([sys.executable, "-c", question], capture_output=True, check=True)
    finally:
        signal.signal(signal.SIGINT, before)

    assert b"default_int_handler" in asked.stdout
