"""What the files of a repository say of its refs, beside what git says of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from csgrepo.errors import GitError
from csgrepo.git.refs import Refs
from tests.stock import StockGit


@pytest.fixture
def repo(git: StockGit) -> StockGit:
    git("init", "--quiet", "--initial-branch=main", "repo")
    repo = git.at("repo")
    commit(repo)
    repo("branch", "team/side")
    commit(repo)
    return repo


def commit(repo: StockGit) -> None:
    repo("commit", "--quiet", "--allow-empty", "-m", "Next")


def pack(repo: StockGit) -> None:
    repo("pack-refs", "--all")
    assert not (repo.cwd / ".git/refs/heads/main").exists()


def pack_and_move_on(repo: StockGit) -> None:
    pack(repo)
    commit(repo)


def detach(repo: StockGit) -> None:
    repo("checkout", "--quiet", "--detach", "team/side")


def point_elsewhere(repo: StockGit) -> None:
    repo("symbolic-ref", "refs/heads/alias", "refs/heads/main")
    repo("symbolic-ref", "HEAD", "refs/heads/alias")


def begin_anew(repo: StockGit) -> None:
    repo("symbolic-ref", "HEAD", "refs/heads/mai")  # where another begins with the same letters


def tag(repo: StockGit) -> None:
    repo("tag", "main")  # of the branch's own name
    repo("tag", "v1", "team/side")


STATES = [pack, pack_and_move_on, detach, point_elsewhere, begin_anew, tag]


@pytest.mark.parametrize("change", STATES)
def test_refs_are_those_that_git_tells(repo: StockGit, change: Callable[[StockGit], None]) -> None:
    change(repo)
    refs = Refs(repo.cwd)

    names = ("HEAD", "refs/heads/main", "refs/heads/team/side", "refs/heads/none", "refs/tags/v1")
    for name in names:
        told = repo.run("rev-parse", "--verify", "--quiet", name).stdout.decode().strip()
        assert refs.oid(name) == (told or None), name


def test_branches_are_read_without_a_process(
    repo: StockGit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refs = Refs(repo.cwd)
    trace = tmp_path / "trace"
    monkeypatch.setenv("GIT_TRACE2_EVENT", str(trace))

    for change in (commit, pack, pack_and_move_on, detach, begin_anew):
        with monkeypatch.context() as silent:
            silent.delenv("GIT_TRACE2_EVENT")
            change(repo)
        refs.oid()

    assert not trace.exists()


def test_a_branch_that_a_power_cut_emptied_is_not_the_older_one(repo: StockGit) -> None:
    pack_and_move_on(repo)
    (repo.cwd / ".git/refs/heads/main").write_bytes(b"")

    assert repo.run("rev-parse", "--verify", "refs/heads/main").returncode
    with pytest.raises(GitError, match=r"refs/heads/main.* is empty"):
        Refs(repo.cwd).oid("refs/heads/main")


def test_refs_of_another_work_tree_and_of_longer_ids(repo: StockGit, git: StockGit) -> None:
    repo("worktree", "add", "--quiet", "../beside", "team/side")
    pack(repo)
    assert Refs(git.cwd / "beside").oid() == repo("rev-parse", "team/side")

    git("init", "--quiet", "--object-format=sha256", "long")
    long = git.at("long")
    assert Refs(long.cwd).oid() is None
    commit(long)
    assert Refs(long.cwd).oid() == long("rev-parse", "HEAD")
    assert len(long("rev-parse", "HEAD")) == 64
