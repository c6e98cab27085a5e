"""Machines without git-lfs, with a HOME that cannot be written, or without git."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from csgrepo import GitNotFound, Repository
from tests.functional.copies import committed, noise, pointer_to, raised, refs, work_files
from tests.stock import StockGit

WHO = {"git_user": "Wanda", "git_email": "wanda@example.com"}


@pytest.mark.usefixtures("no_git_lfs", "read_only_home")
def test_everything_without_git_lfs_and_with_a_read_only_home(hub_remote, signed_in, tmp_path):
    remote = hub_remote()
    one = Repository(tmp_path / "one", clone_from=remote.url, **WHO)
    first, second = noise(), noise()
    one.lfs_track("*.odd")
    (tmp_path / "one" / "模型 w.odd").write_bytes(first)
    assert one.push_to_hub() == one.git_head_commit_url()
    one.git_checkout("dev", create_branch_ok=True)
    (tmp_path / "one" / "模型 w.odd").write_bytes(second)
    with one.commit("later", blocking=False):
        pass
    one.wait_for_commands()
    two = Repository(tmp_path / "two", clone_from=remote.url, **WHO)
    assert (tmp_path / "two" / "模型 w.odd").read_bytes() == first
    two.git_checkout("dev")
    assert (tmp_path / "two" / "模型 w.odd").read_bytes() == second
    two.git_pull(lfs=True)
    two.git_checkout("main")
    assert (tmp_path / "two" / "模型 w.odd").read_bytes() == first
    assert two.is_repo_clean()
    assert two.verify()


@pytest.fixture
def clone(no_git_lfs, hub_remote, signed_in, tmp_path):
    """A clone made without git-lfs, and the remote it came from."""
    remote = hub_remote()
    repo = Repository(tmp_path / "copy", clone_from=remote.url, **WHO)
    repo.git_credential_helper_store()
    repo.lfs_track("*.odd")
    repo.push_to_hub()
    return repo, remote


def test_plain_git_goes_through_csgrepo_s_filter_and_hook(clone, tmp_path):
    repo, remote = clone
    plain, content = StockGit(tmp_path / "copy"), noise(200_000)
    (tmp_path / "copy" / "w 中.odd").write_bytes(content)
    plain("add", "-A")
    plain("commit", "--quiet", "-m", "by plain git")
    assert committed(plain)["w 中.odd"] == pointer_to(content).encode()
    plain("push", "--quiet")
    oid = pointer_to(content).split("sha256:")[1][:64]
    assert remote.object_path(oid).read_bytes() == content
    assert refs(remote.path)["refs/heads/main"] == repo.git_head_hash()
    plain("checkout", "--quiet", "HEAD^")
    assert not (tmp_path / "copy" / "w 中.odd").exists()
    plain("checkout", "--quiet", "main")
    assert (tmp_path / "copy" / "w 中.odd").read_bytes() == content
    assert plain("status", "--porcelain") == ""


def test_a_plain_push_whose_objects_do_not_arrive_sends_no_commit(clone, tmp_path):
    _, remote = clone
    plain, content = StockGit(tmp_path / "copy"), noise()
    (tmp_path / "copy" / "w.odd").write_bytes(content)
    plain("add", "-A")
    plain("commit", "--quiet", "-m", "lost")
    oid = pointer_to(content).split("sha256:")[1][:64]
    next((tmp_path / "copy" / ".git" / "lfs" / "objects").rglob(oid)).unlink()
    before = refs(remote.path)
    done = plain.run("push", "--quiet")
    assert done.returncode != 0
    assert b"w.odd" in done.stderr
    assert refs(remote.path) == before


def test_stock_git_lfs_takes_over(clone, git, tmp_path, monkeypatch):
    """What was made without git-lfs is an ordinary LFS repository on a machine that has it."""
    repo, remote = clone
    contents = {"a.odd": noise(), "b [1].odd": noise()}
    for name, content in contents.items():
        (tmp_path / "copy" / name).write_bytes(content)
    repo.push_to_hub()
    with monkeypatch.context() as patch:
        path = [part for part in os.environ["PATH"].split(os.pathsep) if "no-git-lfs" not in part]
        patch.setenv("PATH", os.pathsep.join([*path, *os.defpath.split(os.pathsep)]))
        patch.delenv("GIT_EXEC_PATH", raising=False)
        if git.run("lfs", "version").returncode:
            pytest.skip("git-lfs is not installed")
        git("lfs", "install", "--skip-repo")
        git.sign_in(remote)
        git("clone", "--quiet", remote.url, "stock")
        stock = git.at("stock")
        assert work_files(tmp_path / "stock").items() >= contents.items()
        stock("lfs", "fsck")
        stock("fsck")
        assert stock("status", "--porcelain") == ""
        git.at("copy")("lfs", "fsck")


@pytest.mark.usefixtures("no_git")
@pytest.mark.parametrize("clone_from", [None, "file:///absent.git"])
def test_without_git_there_is_one_clear_line(tmp_path, clone_from):
    (tmp_path / "copy" / ".git").mkdir(parents=True)
    error = raised(GitNotFound, lambda: Repository(tmp_path / "copy", clone_from=clone_from))
    assert "git is not installed" in str(error)
    assert "https://git-scm.com/downloads" in str(error)
    assert "\n" not in str(error)
    assert isinstance(error, OSError)
    assert list(Path(tmp_path, "copy").iterdir()) == [tmp_path / "copy" / ".git"]
