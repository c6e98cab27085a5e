"""A large file that was read once is not read again; one that changed always is."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from csgrepo import Repository
from csgrepo.errors import FileChanged
from csgrepo.lfs.hashes import Hashes
from csgrepo.lfs.pointer import Pointer
from csgrepo.lfs.store import Store
from tests.functional import copies
from tests.stock import RemoteRepository, StockGit

SIZE = 1 << 20
OLD_S = 10


class Read:
    """Which files the store was asked to read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.names: list[str] = []
        real = Store.add

        def add(store: Store, source: Path, name: str, *rest: object) -> object:
            self.names.append(name)
            return real(store, source, name, *rest)  # type: ignore[arg-type]

        monkeypatch.setattr(Store, "add", add)

    def take(self) -> list[str]:
        names, self.names = sorted(self.names), []
        return names


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Read:
    # A change of status is always of this moment: let these files count as settled all the same.
    monkeypatch.setattr("csgrepo.lfs.hashes._COARSEST_CLOCK_S", 0)
    return Read(monkeypatch)


@pytest.fixture
def repo(bare_remote: Callable[..., RemoteRepository], tmp_path: Path) -> Repository:
    repo = Repository(tmp_path / "work", clone_from=bare_remote().url)
    repo.lfs_track("*.bin")
    return repo


def make(repo: Repository, *names: str) -> None:
    for name in names:
        Path(repo.local_dir, name).write_bytes(copies.noise(SIZE))


def test_add_when_the_index_was_lost_reads_no_file_again(repo: Repository, read: Read) -> None:
    make(repo, "a.bin", "b.bin")
    repo.git_add()
    assert read.take() == ["a.bin", "b.bin"]
    git = StockGit(Path(repo.local_dir))
    staged = git("ls-files", "-s")
    git("rm", "--cached", "-r", "-q", ".")

    repo.git_add()

    assert read.take() == []
    assert git("ls-files", "-s") == staged
    repo.git_commit("Add")
    content = Path(repo.local_dir, "a.bin").read_bytes()
    assert git("cat-file", "blob", "HEAD:a.bin") + "\n" == copies.pointer_to(content)


def test_add_when_another_file_failed_reads_only_that_one_again(
    repo: Repository, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(repo, "a.bin", "b.bin")
    real = Store.add

    def changing(store: Store, source: Path, name: str, *rest: object) -> object:
        if name == "b.bin":
            raise FileChanged(name, "it was rewritten")
        return real(store, source, name, *rest)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Store, "add", changing)
        with pytest.raises(FileChanged):
            repo.git_add()
    read.take()

    repo.git_add()

    assert "b.bin" in read.take()
    assert StockGit(Path(repo.local_dir))("status", "--porcelain").count("A  ") == 3


def test_add_when_a_file_was_rewritten_at_equal_length_reads_it(
    repo: Repository, read: Read
) -> None:
    make(repo, "a.bin")
    repo.git_add()
    read.take()
    make(repo, "a.bin")

    repo.git_add()

    assert read.take() == ["a.bin"]
    content = Path(repo.local_dir, "a.bin").read_bytes()
    staged = StockGit(Path(repo.local_dir))("cat-file", "blob", ":a.bin")
    assert hashlib.sha256(content).hexdigest() in staged


def test_add_when_the_object_is_gone_reads_the_file(repo: Repository, read: Read) -> None:
    make(repo, "a.bin")
    repo.git_add()
    git = StockGit(Path(repo.local_dir))
    git("rm", "--cached", "-q", "a.bin")
    (stored,) = [p for p in Path(repo.local_dir, ".git/lfs/objects").rglob("*") if p.is_file()]
    stored.unlink()
    read.take()

    repo.git_add()

    assert read.take() == ["a.bin"]
    assert stored.read_bytes() == Path(repo.local_dir, "a.bin").read_bytes()


def test_add_when_the_cache_is_damaged_reads_the_file(repo: Repository, read: Read) -> None:
    make(repo, "a.bin")
    repo.git_add()
    cache = Path(repo.local_dir, ".git/csgrepo/hashes")
    cache.write_bytes(b"\xff\0" + cache.read_bytes()[:-10])
    StockGit(Path(repo.local_dir))("rm", "--cached", "-q", "a.bin")
    read.take()

    repo.git_add()

    assert read.take() == ["a.bin"]


def test_hashes_when_a_file_was_written_to_a_moment_before_note_nothing(tmp_path: Path) -> None:
    file = tmp_path / "a.bin"
    file.write_bytes(bytes(SIZE))
    pointer = Pointer("0" * 64, SIZE)
    hashes = Hashes(tmp_path / "hashes")
    stat = file.stat()

    hashes.note(stat, pointer, stat.st_ctime + 1.0)
    hashes.save()

    assert hashes.of(stat) is None
    hashes.note(stat, pointer, stat.st_ctime + OLD_S)
    hashes.save()
    assert Hashes(tmp_path / "hashes").of(stat) == pointer
    os.utime(file, ns=(time.time_ns(), stat.st_mtime_ns + 1))
    assert Hashes(tmp_path / "hashes").of(file.stat()) is None


def test_worker_when_it_pushes_leaves_the_processor_to_the_training(
    repo: Repository, tmp_path: Path
) -> None:
    bare = Path(repo.git_remote_url().removeprefix("file://"))
    copies.write_hook(bare / "hooks" / "pre-receive", f"nice > '{tmp_path}/niceness'\n")
    make(repo, "a.bin")

    repo.push_to_hub("Save", blocking=False)
    repo.wait_for_commands()

    assert int((tmp_path / "niceness").read_text()) >= min(os.nice(0) + 10, 19)
