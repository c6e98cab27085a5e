"""What a working copy looks like: nothing is changed by looking, nothing is left out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from csgrepo import NotARepository, Repository
from csgrepo.repository.inquiry import find_root
from csgrepo.repository.overview import Change, PushCount
from csgrepo.server import Answer, Hub
from tests.conftest import Account
from tests.functional.copies import LARGE, noise, state
from tests.stock import StockGit

NAME = "模型 final.bin"


@pytest.fixture
def repo(hub_remote, signed_in, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    monkeypatch.setenv("CSGHUB_LARGE_FILE_BYTES", str(LARGE))
    return Repository(tmp_path / "my copy", clone_from=hub_remote().url)


@pytest.fixture
def folder(repo: Repository) -> Path:
    return Path(repo.local_dir)


def test_status_when_nothing_was_done_then_clean(repo, folder):
    found = repo.status()

    assert found.is_clean
    assert (found.folder, found.branch, found.upstream) == (str(folder), "main", "origin/main")
    assert (found.commit, found.ahead, found.behind) == (repo.git_head_hash(), 0, 0)
    assert (found.staged, found.unstaged, found.unlisted, found.pointers) == ((), (), (), ())
    assert found.pushes == PushCount()


def test_status_when_files_changed_then_each_with_state_and_size(repo, folder):
    (folder / NAME).write_bytes(noise())
    (folder / "a\nb.txt").write_text("text")
    (folder / "gone.txt").write_text("gone")
    repo.git_add(auto_lfs_track=True)
    repo.git_commit("first")
    (folder / NAME).write_bytes(noise())  # the same length
    (folder / "gone.txt").unlink()
    (folder / "new.bin").write_bytes(noise(100))
    (folder / "large.txt").write_text("x" * LARGE)
    (folder / "a\nb.txt").touch()  # newer, and the same
    found = repo.status()

    assert found.ahead == 1
    assert found.staged == ()
    assert found.unstaged == (
        Change("gone.txt", "deleted", False, 0),
        Change("large.txt", "new", False, LARGE),
        Change("new.bin", "new", True, 100),
        Change(NAME, "changed", True, LARGE),
    )
    assert found.unlisted == ("large.txt",)


def test_status_when_staged_then_listed_as_the_commit_would_have_it(repo, folder):
    (folder / NAME).write_bytes(noise())
    (folder / "README.md").unlink()
    repo.git_add(auto_lfs_track=True)
    found = repo.status()

    assert found.unstaged == ()
    assert found.staged == (
        Change("README.md", "deleted", False, 0),
        Change(NAME, "new", True, LARGE),
    )


def test_status_when_content_is_missing_then_pointers_are_named(repo, folder, tmp_path):
    (folder / NAME).write_bytes(noise())
    repo.push_to_hub("weights")
    bare = Repository(tmp_path / "bare", clone_from=repo.git_remote_url(), skip_lfs_files=True)

    assert [(file.path, file.size) for file in bare.status().pointers] == [(NAME, LARGE)]
    assert bare.status().is_clean


def test_status_when_nothing_is_committed_then_told_all_the_same(git: StockGit):
    git("init", "--quiet", "empty")
    (git.cwd / "empty" / "a.txt").write_text("a")
    repo = Repository(git.cwd / "empty")
    before = repo.status()
    repo.git_add()

    assert (before.commit, before.upstream, before.branch) == (None, None, "main")
    assert before.unstaged == repo.status().staged == (Change("a.txt", "new", False, 1),)


def test_status_when_both_sides_went_on_then_ahead_and_behind(repo, folder, tmp_path):
    other = Repository(tmp_path / "other", clone_from=repo.git_remote_url())
    for number in range(2):
        Path(other.local_dir, "theirs").write_text(str(number))
        other.push_to_hub(f"theirs {number}")
    (folder / "mine").write_text("mine")
    repo.git_add()
    repo.git_commit("mine")
    StockGit(folder)("fetch", "--quiet")

    assert (repo.status().ahead, repo.status().behind) == (1, 2)


def test_status_when_a_push_failed_then_counted_and_nothing_is_changed(
    repo, folder, hub: Hub, signed_in: Account
):
    (folder / NAME).write_bytes(noise())
    fault = hub.faults.add("POST", f"/{signed_in.name}/.*receive-pack", Answer(403), times=None)
    try:
        _, command = repo.push_to_hub("weights", blocking=False)
        command.wait(300)
    finally:
        hub.faults.remove(fault)
    before = state(folder)

    assert repo.status().pushes == PushCount(failed=1)
    assert state(folder) == before


def test_status_when_head_is_detached_then_no_branch(repo, folder):
    repo.git_checkout(repo.git_head_hash())

    assert (repo.status().branch, repo.status().upstream) == (None, None)


def test_find_root_when_below_it_then_the_root(repo, folder):
    (folder / "a" / "b").mkdir(parents=True)

    assert find_root(folder / "a" / "b") == find_root(folder) == folder


def test_find_root_when_in_no_copy_then_says_so(tmp_path):
    with pytest.raises(NotARepository, match="not inside a working copy"):
        find_root(tmp_path)
    with pytest.raises(NotARepository, match="no folder"):
        find_root(tmp_path / "none")


def test_list_tags_when_there_are_both_kinds_then_each_with_its_commit(repo):
    commit = repo.git_head_hash()
    repo.add_tag("v2", message="第二\n\nmore")
    repo.add_tag("v1")

    assert [(t.name, t.commit, t.message) for t in repo.list_tags()] == [
        ("v1", commit, ""),
        ("v2", commit, "第二"),
    ]


def test_lfs_patterns_when_tracked_then_as_they_stand_in_the_file(repo):
    repo.lfs_track(["*.abc", "my model.bin"])

    assert repo.lfs_patterns()[-2:] == ["*.abc", "my[[:space:]]model.bin"]


def test_prune_when_only_asked_then_everything_stays(repo, folder):
    for number in range(2):
        (folder / "w.bin").write_bytes(noise())
        repo.push_to_hub(f"step {number}")
    objects = folder / ".git" / "lfs" / "objects"
    before = sorted(os.listdir(objects))

    assert repo.lfs_prune(recent=True, dry_run=True) == LARGE
    assert sorted(os.listdir(objects)) == before
    assert repo.lfs_prune(recent=True) == LARGE
    assert repo.lfs_prune(recent=True, dry_run=True) == 0
