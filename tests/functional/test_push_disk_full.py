"""A disk that fills up amid a save and its push: a clear error, and it goes on later."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from csgrepo import DiskFull, GitError, QueueError, Repository
from csgrepo.server import Hub, Stall
from tests import small_parts
from tests.functional.copies import committed, noise, raised, refs, seed, state
from tests.functional.disks import fill, mounted
from tests.functional.jobs_clone import PATIENCE_S, ROOT, kill, made_clone, until
from tests.stock import RemoteRepository, StockGit

MIB = 1024 * 1024


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "disk") as folder:
        yield folder


@pytest.fixture(scope="module")
def small_hub() -> Iterator[Hub]:
    with small_parts.serving() as hub:
        yield hub


@pytest.fixture
def remote(bare_remote) -> RemoteRepository:
    return bare_remote()


@pytest.fixture
def repo(disk: Path, remote) -> Repository:
    repo = Repository(disk / "copy", clone_from=remote.url)
    Path(repo.local_dir, "a.txt").write_text("a\n")
    repo.push_to_hub("first")
    Path(repo.local_dir, "w.bin").write_bytes(noise(MIB))
    repo.git_add(auto_lfs_track=True)
    repo.git_commit("weights")
    return repo


def test_no_room_to_write_a_background_push_down(disk, repo, remote):
    ballast = fill(disk, 0)
    before = state(Path(repo.local_dir))
    raised((DiskFull, GitError), lambda: repo.git_push(blocking=False))
    assert state(Path(repo.local_dir)) == before
    ballast.unlink()
    repo.git_push(blocking=False)
    repo.wait_for_commands()
    assert refs(remote.path)["refs/heads/main"] == repo.git_head_hash()


def test_no_room_to_merge_with_what_others_pushed(git, disk, repo, remote):
    text = b"".join(noise(8).hex().encode() + b"\n" for _ in range(100_000))
    theirs = seed(git, remote, {"words.txt": text})
    ballast = fill(disk, 16 * 1024)
    before = state(Path(repo.local_dir))
    raised((DiskFull, GitError), repo.git_push)
    after = state(Path(repo.local_dir))
    assert (after.head, after.index, after.files) == (before.head, before.index, before.files)
    assert refs(remote.path)["refs/heads/main"] == theirs
    ballast.unlink()
    repo.git_push()
    assert committed(StockGit(remote.path), "main")["words.txt"] == text


def test_no_room_to_bring_in_what_others_pushed(git, disk, repo, remote):
    """The push is done; the files come with the next command."""
    text = b"x" * (3 * MIB)  # nothing once it is compressed
    seed(git, remote, {"large.txt": text})
    ballast = fill(disk, MIB)
    mine = repo.git_head_hash()
    repo.git_push()
    tip = refs(remote.path)["refs/heads/main"]
    assert StockGit(remote.path)("rev-parse", f"{tip}^1") == mine
    ballast.unlink()
    again = Repository(repo.local_dir)
    again.git_pull()
    assert again.git_head_hash() == tip
    assert Path(repo.local_dir, "large.txt").read_bytes() == text
    assert StockGit(Path(repo.local_dir))("status", "--porcelain") == ""


@pytest.mark.parametrize("prune", [False, True], ids=["keeping", "pruning"])
@pytest.mark.parametrize("leave", [0, 64 * 1024])
def test_no_room_while_a_background_push_is_under_way(disk, small_hub, leave, prune):
    """The disk fills up amid the upload: an end that is true, and what is left to do is done."""
    place = small_parts.place(small_hub)
    repo = place.clone(disk / "background")
    data = small_parts.content(5)
    repo.lfs_track("*.bin")
    Path(repo.local_dir, "w.bin").write_bytes(data)
    hold = threading.Event()
    fault = small_hub.faults.add("PUT", "/_parts/.*/3$", Stall(event=hold))
    _, push = repo.push_to_hub("weights", blocking=False, auto_lfs_prune=prune)
    until(lambda: fault.hits)
    ballast = fill(disk, leave)
    hold.set()
    until(lambda: push.is_done)
    assert push.failed or place.tip() == repo.git_head_hash()
    ballast.unlink()
    if push.failed:
        with pytest.raises(QueueError, match="disk"):
            repo.wait_for_commands()
        (push,) = repo._queue.resume()
    assert push.wait(PATIENCE_S).status == 0, push.error
    assert push.receipt.commit == place.tip() == repo.git_head_hash()
    assert place.stored(data) == data
    assert Path(repo.local_dir, "w.bin").read_bytes() == data


def test_no_room_to_write_down_that_the_worker_died(git, disk, bare_remote, monkeypatch):
    """Nobody is left to carry out what waits, so nobody waits for it; with room it goes on."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    with made_clone(git.at(disk), bare_remote()) as clone:
        clone.close_gate()
        queue = clone.queue()
        running, waiting = queue.submit(clone.push()), queue.submit(clone.push())
        until(lambda: clone.arrived, "the first push to arrive")
        ballast = fill(disk, 0)
        kill(running)
        assert waiting.wait(PATIENCE_S).failed
        assert running.wait(PATIENCE_S).failed
        assert "no space left" in waiting.error
        assert "jobs resume" in waiting.error
        ballast.unlink()
        clone.open_gate()
        for command in queue.resume():
            assert command.wait(PATIENCE_S).status == 0, command.error
        assert [job.state for job in queue.journal.jobs()] == ["done", "done"]
        assert waiting.status == 0
