"""Freeing disk: an object goes only if nothing here needs it and the server confirms it."""

from __future__ import annotations

from pathlib import Path

import pytest

from csgrepo import Repository
from csgrepo.server import Answer
from tests.functional.copies import noise, pointer_to
from tests.stock import StockGit


@pytest.fixture
def repo(hub_remote, signed_in, tmp_path: Path) -> Repository:
    return Repository(tmp_path / "copy", clone_from=hub_remote().url)


@pytest.fixture
def folder(repo: Repository) -> Path:
    return Path(repo.local_dir)


def oid(content: bytes) -> str:
    return pointer_to(content).split("sha256:")[1][:64]


def kept(folder: Path) -> set[str]:
    return {p.name for p in (folder / ".git" / "lfs" / "objects").rglob("*") if p.is_file()}


def save(repo: Repository, content: bytes) -> None:
    Path(repo.local_dir, "w.bin").write_bytes(content)
    repo.git_add(auto_lfs_track=True)


@pytest.mark.parametrize("recent", [False, True])
def test_what_is_staged_stays(repo, folder, recent):
    content = noise()
    save(repo, content)
    repo.lfs_prune(recent=recent)
    assert kept(folder) == {oid(content)}


@pytest.mark.parametrize("recent", [False, True])
def test_what_was_not_pushed_stays(repo, folder, recent):
    contents = [noise(), noise()]
    for number, content in enumerate(contents):
        save(repo, content)
        repo.git_commit(str(number))
    repo.lfs_prune(recent=recent)
    assert kept(folder) == {oid(content) for content in contents}
    assert repo.git_push() == repo.git_head_commit_url()


@pytest.mark.parametrize("recent", [False, True])
def test_what_is_in_a_stash_or_an_orphan_commit_stays(repo, folder, recent):
    pushed, stashed, orphaned = noise(), noise(), noise()
    save(repo, pushed)
    repo.push_to_hub()
    save(repo, orphaned)
    repo.git_commit("orphan")
    plain = StockGit(folder)
    plain("reset", "--quiet", "--hard", "HEAD^")
    save(repo, stashed)
    plain("stash", "--quiet")
    repo.lfs_prune(recent=recent)
    assert kept(folder) == {oid(pushed), oid(stashed), oid(orphaned)}
    plain("stash", "pop", "--quiet")
    assert (folder / "w.bin").read_bytes() == stashed


def test_only_what_the_server_confirms_goes(hub, repo, folder):
    contents = [noise() for _ in range(3)]
    for content in contents:
        save(repo, content)
        repo.push_to_hub()
    lost, safe, current = (oid(content) for content in contents)
    name = "/".join(repo.git_remote_url().removesuffix(".git").split("/")[-2:])
    hub.lfs_path(name, lost).unlink()
    assert repo.lfs_prune() == len(contents[1])
    assert kept(folder) == {lost, current}
    assert safe not in kept(folder)


@pytest.mark.parametrize("status", [403, 404])
def test_a_server_that_does_not_say_frees_nothing(hub, repo, folder, status):
    for _ in range(2):
        save(repo, noise())
        repo.push_to_hub()
    before = kept(folder)
    name = "/".join(repo.git_remote_url().removesuffix(".git").split("/")[-2:])
    fault = hub.faults.add("POST", f"{name}.*/objects/batch", Answer(status), times=None)
    try:
        with pytest.raises(OSError, match=str(status)):
            repo.lfs_prune()
    finally:
        hub.faults.remove(fault)
    assert kept(folder) == before


def test_a_push_is_done_though_pruning_after_it_fails(hub, repo, folder, caplog):
    save(repo, noise())
    repo.push_to_hub()
    save(repo, noise())
    repo.git_commit("second")
    name = "/".join(repo.git_remote_url().removesuffix(".git").split("/")[-2:])
    # The push itself asks twice: what is lacking, and what has arrived.
    fault = hub.faults.add("POST", f"{name}.*/objects/batch", Answer(403), skip=2, times=None)
    try:
        assert repo.git_push(auto_lfs_prune=True) == repo.git_head_commit_url()
    finally:
        hub.faults.remove(fault)
    assert fault.hits
    assert len(kept(folder)) == 2
    assert "could not be removed" in caplog.text
