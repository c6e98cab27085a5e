"""Lock files that a killed process left, locks of living ones, and turns taken at a clone."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from csgrepo import GitError, NothingToCommit, Repository
from csgrepo.git import locks
from csgrepo.jobs import LockTimeout
from csgrepo.repository.layout import WorkTree
from csgrepo.repository.turn import turn
from tests.functional.copies import committed, noise
from tests.processes import held_open
from tests.stock import StockGit

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere locks are left alone")

LOCKS = ["index.lock", "config.lock", "HEAD.lock", "refs/heads/main.lock"]


@pytest.fixture
def folder(git: StockGit) -> Path:
    git("init", "--quiet", "copy")
    (git.cwd / "copy" / "a.txt").write_text("a\n")
    Repository(git.cwd / "copy").git_add()
    Repository(git.cwd / "copy").git_commit("first")
    return git.cwd / "copy"


def save(folder: Path, name: str = "new.bin") -> None:
    """Write settings, index, HEAD and branch, so that every lock stands in the way."""
    repo = Repository(folder, git_user="Wanda", git_email="w@example.com")
    (folder / name).write_bytes(noise())
    repo.git_add(auto_lfs_track=True)
    repo.git_commit(f"add {name}")
    assert name in committed(StockGit(folder))


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_that_is_nobodys_is_taken_over(folder, monkeypatch, name):
    monkeypatch.setattr(locks, "_PATIENCE_S", 0.1)
    (folder / ".git" / name).touch()
    save(folder)
    assert not (folder / ".git" / name).exists()


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_somebody_has_open_is_left_and_its_owner_named(folder, monkeypatch, name):
    monkeypatch.setattr(locks, "_OWNED_PATIENCE_S", 0.1)
    lock = folder / ".git" / name
    lock.touch()
    with held_open(lock) as other, pytest.raises(GitError, match=rf"\(process {other}\)"):
        save(folder)
    assert lock.exists()


def _indexing(folder: Path) -> subprocess.Popen[bytes]:
    """Start a git that holds the index until it has read its input."""
    command = ["git", "update-index", "--index-info"]
    process = subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE)
    while not (folder / ".git" / "index.lock").exists():
        assert process.poll() is None
    return process


def test_a_git_at_work_is_waited_for_and_named(folder, monkeypatch):
    monkeypatch.setattr(locks, "_PATIENCE_S", 0.0)
    monkeypatch.setattr(locks, "_OWNED_PATIENCE_S", 0.3)
    with _indexing(folder) as other:
        with pytest.raises(GitError, match=rf"update-index \(process {other.pid}\)"):
            save(folder)
        assert (folder / ".git" / "index.lock").exists()
        other.stdin.close()
        other.wait()
    save(folder)


def test_a_git_that_was_killed_is_not(folder, monkeypatch):
    monkeypatch.setattr(locks, "_PATIENCE_S", 0.1)
    with _indexing(folder) as other:
        other.kill()
    save(folder)


def test_a_git_in_another_repository_does_not_count(git, folder, monkeypatch):
    git("init", "--quiet", "else")
    monkeypatch.setattr(locks, "_PATIENCE_S", 0.1)
    with _indexing(git.cwd / "else") as other:
        (folder / ".git" / "index.lock").touch()
        save(folder)
        other.kill()


def test_a_push_for_hours_owns_no_index(folder):
    assert locks._is_elsewhere(["/usr/bin/git", "push", "origin"], "/x/.git/index.lock")
    assert locks._is_elsewhere(["git-remote-https", "origin"], "/x/.git/HEAD.lock")
    assert not locks._is_elsewhere(["git", "push"], "/x/.git/refs/remotes/origin/main.lock")
    assert not locks._is_elsewhere(["git", "-C", "x", "commit"], "/x/.git/index.lock")


@pytest.mark.parametrize(
    ("kind", "shared"), [("nfs4", True), ("fuse.sshfs", True), ("ext4", False), ("fuseblk", False)]
)
def test_a_disk_that_other_machines_see_hides_its_locks_owners(kind, shared):
    assert bool(locks._SHARED.fullmatch(kind)) is shared


KILLED = """
import os, signal, sys
from pathlib import Path
from csgrepo.repository.layout import WorkTree
from csgrepo.repository.turn import turn
tree = WorkTree(Path(sys.argv[1]))
with turn(tree, "a save"):
    for name in sys.argv[2:]:
        (tree.git_dir / name).touch()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_left_locked_is_free_at_once(folder, monkeypatch):
    monkeypatch.setattr(locks, "_PATIENCE_S", 1e9)  # nobody waits
    killed = subprocess.run([sys.executable, "-c", KILLED, folder, *LOCKS], check=False)
    assert killed.returncode == -signal.SIGKILL
    save(folder)


HELD = """
import sys
from pathlib import Path
from csgrepo.repository.layout import WorkTree
from csgrepo.repository.turn import turn
with turn(WorkTree(Path(sys.argv[1])), "commit 'step 5'"):
    print(flush=True)
    sys.stdin.read()
"""


def test_two_processes_queue_up_and_the_one_at_work_is_named(folder, monkeypatch):
    monkeypatch.setenv("CSGHUB_LOCK_TIMEOUT", "1")
    command = [sys.executable, "-c", HELD, folder]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        with pytest.raises(LockTimeout, match=rf"commit 'step 5' \(process {other.pid} on"):
            save(folder)
        other.stdin.close()
    save(folder)


def test_threads_queue_up_too(folder, monkeypatch):
    tree, told = WorkTree(folder), []
    monkeypatch.setenv("CSGHUB_LOCK_TIMEOUT", "1")

    def other() -> None:
        try:
            save(folder)
        except LockTimeout as error:
            told.append(str(error))

    with turn(tree, "mine"), turn(tree, "inner"):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert "mine (another thread of this process)" in told[0]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # has threads of the hub
def test_a_forked_child_does_not_hold_what_its_parent_holds(folder, monkeypatch):
    monkeypatch.setenv("CSGHUB_LOCK_TIMEOUT", "1")
    tree = WorkTree(folder)
    with turn(tree, "the parent's"):
        pid = os.fork()
        if pid == 0:
            try:
                with turn(tree, "the child's"):
                    os._exit(0)
            except LockTimeout:
                os._exit(7)
            finally:
                os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7


def test_threads_that_save_at_once_lose_no_commit(folder):
    repo, errors = Repository(folder), list[BaseException]()

    def train(number: int) -> None:
        try:
            for step in range(3):
                (folder / f"{number}-{step}.bin").write_bytes(noise())
                repo.git_add(auto_lfs_track=True)
                with contextlib.suppress(NothingToCommit):  # another thread took it along
                    repo.git_commit(f"{number}: {step}")
        except BaseException as error:  # noqa: BLE001 - told to the test
            errors.append(error)

    threads = [threading.Thread(target=train, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert {f"{n}-{step}.bin" for n in range(4) for step in range(3)} <= set(
        committed(StockGit(folder))
    )
    StockGit(folder)("fsck")
