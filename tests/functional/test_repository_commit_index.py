"""A commit is what the index says: no file is read again for it, and hooks have their say."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from csgrepo import NothingToCommit, Repository
from csgrepo.lfs import hooks
from tests.stock import StockGit


@pytest.fixture
def repo(git: StockGit, tmp_path: Path) -> Repository:
    git("init", "--quiet", tmp_path / "work")
    repo = Repository(tmp_path / "work")
    repo.lfs_track("*.bin")
    return repo


def _hook(repo: Repository, name: str, script: str) -> None:
    hook = Path(repo.local_dir) / ".git" / "hooks" / name
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\n{script}\n")
    hook.chmod(0o755)


def _filters_started(trace: Path) -> list[str]:
    events = [json.loads(line) for line in trace.read_text().splitlines()]
    children = [" ".join(event["argv"]) for event in events if event["event"] == "child_start"]
    return [child for child in children if "filter" in child]


def test_a_file_written_this_very_second_is_not_read_again_for_the_commit(
    repo: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work, trace = Path(repo.local_dir), tmp_path / "trace"
    (work / "notes.txt").write_text("first")
    repo.git_add()
    repo.git_commit("first")
    for number in range(3):  # one of them is within the second of its add, whatever the clock says
        (work / "模型.bin").write_bytes(os.urandom(200_000))
        (work / "notes.txt").write_text(str(number))
        monkeypatch.setenv("GIT_TRACE2_EVENT", str(trace))
        repo.git_add()
        repo.git_commit(f"step {number}")
        monkeypatch.delenv("GIT_TRACE2_EVENT")
    assert _filters_started(trace) == []


def test_an_edit_right_after_the_commit_is_noticed(repo: Repository, git: StockGit) -> None:
    work = Path(repo.local_dir)
    content = os.urandom(50_000)
    (work / "model.bin").write_bytes(content)
    repo.git_add()
    repo.git_commit("first")
    (work / "model.bin").write_bytes(bytes(reversed(content)))
    assert not repo.is_repo_clean()
    repo.git_add()
    repo.git_commit("second")
    assert git.at(work)("rev-list", "--count", "HEAD").strip() == "2"
    assert list((work / ".git" / "csgrepo" / "tmp").iterdir()) == []


def test_a_hook_that_stages_a_file_has_it_in_the_commit_and_in_the_index(
    repo: Repository, git: StockGit
) -> None:
    _hook(repo, "pre-commit", "echo made > made.txt && git add made.txt")
    work = Path(repo.local_dir)
    (work / "model.bin").write_bytes(b"weights")
    repo.git_add()
    repo.git_commit("with a hook")
    assert "made.txt" in git.at(work)("ls-tree", "--name-only", "HEAD").split("\n")
    assert git.at(work)("status", "--porcelain") == ""


def test_a_hook_that_refuses_leaves_everything_staged(repo: Repository, git: StockGit) -> None:
    _hook(repo, "commit-msg", "echo 'no ticket number' >&2; exit 1")
    work = Path(repo.local_dir)
    (work / "model.bin").write_bytes(b"weights")
    repo.git_add()
    with pytest.raises(OSError, match="no ticket number"):
        repo.git_commit("refused")
    assert "A  model.bin" in git.at(work)("status", "--porcelain")


def test_a_second_commit_without_changes_says_so(repo: Repository) -> None:
    repo.git_add()
    repo.git_commit("first")
    with pytest.raises(NothingToCommit, match="nothing to commit"):
        repo.git_commit("again")


@pytest.mark.parametrize("name", ["pre-push", "post-commit", "post-checkout", "post-merge"])
def test_stock_hooks_are_known_for_what_they_are(
    stock_lfs: StockGit, tmp_path: Path, name: str
) -> None:
    stock_lfs("init", "--quiet", tmp_path / "stock")
    stock_lfs.at(tmp_path / "stock")("lfs", "install", "--local")
    text = (tmp_path / "stock" / ".git" / "hooks" / name).read_text()
    assert hooks.is_plain_lfs_hook(text)
    assert not hooks.is_plain_lfs_hook(text + "\n./lint --all\n")
