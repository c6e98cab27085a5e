"""File systems that share blocks: the copy takes no disk, and nothing is read but the file."""

from __future__ import annotations

import hashlib
import mmap
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from csgrepo import FileChanged, Repository, files
from tests.functional import disks
from tests.functional.copies import committed, noise, pointer_to, raised, state
from tests.functional.test_repository_changing_files import (
    CHANGES,
    rewrite_in_place,
    when_hashing,
)
from tests.stock import StockGit

SIZE = 24 << 20

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="XFS and Btrfs are Linux's")


@pytest.fixture(params=["xfs", "btrfs"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    with disks.sharing_blocks(tmp_path / "disk", request.param) as disk:
        yield disk


@pytest.fixture
def repo(bare_remote, disk: Path) -> Repository:
    repo = Repository(disk / "copy", clone_from=bare_remote().url)
    repo.lfs_track("*.bin")
    repo.push_to_hub("first")
    return repo


@pytest.fixture
def folder(repo: Repository) -> Path:
    return Path(repo.local_dir)


def read_from_disk() -> int:
    """Return how many bytes this process had fetched from a disk."""
    for line in Path("/proc/self/io").read_text().splitlines():
        if line.startswith("read_bytes:"):
            return int(line.split()[1])
    raise AssertionError("the kernel does not count")


def free(disk: Path) -> int:
    os.sync()
    facts = os.statvfs(disk)
    return facts.f_bavail * facts.f_frsize


def test_an_add_takes_no_disk_and_reads_what_is_in_memory(repo, folder, disk, tmp_path):
    """The clone of the file would have to come from the disk, every byte of it."""
    content = noise(SIZE)
    (folder / "w.bin").write_bytes(content)
    room, fetched = free(disk), read_from_disk()
    repo.git_add()
    assert read_from_disk() - fetched < SIZE // 4
    assert room - free(disk) < SIZE // 4
    repo.git_commit("step 1")
    rewrite_in_place(folder / "w.bin")
    repo.git_push()
    assert committed(StockGit(folder))["w.bin"] == pointer_to(content).encode()
    Repository(tmp_path / "there", clone_from=repo.git_remote_url())
    assert (tmp_path / "there" / "w.bin").read_bytes() == content


def test_a_clone_takes_the_disk_of_one_copy(repo, folder, disk):
    (folder / "w.bin").write_bytes(noise(SIZE))
    repo.push_to_hub("step 1")
    room = free(disk)
    there = Repository(disk / "there", clone_from=repo.git_remote_url())
    assert room - free(disk) < SIZE * 5 // 4
    assert (Path(there.local_dir) / "w.bin").read_bytes() == (folder / "w.bin").read_bytes()
    assert StockGit(Path(there.local_dir))("status", "--porcelain") == ""


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_file_that_changes_while_it_is_read(repo, folder, change):
    (folder / "w.bin").write_bytes(noise(SIZE))
    before = state(folder)
    when_hashing(repo, "w.bin", lambda: change(folder / "w.bin"))
    assert raised(FileChanged, repo.git_add).path == "w.bin"
    after = state(folder)
    assert (after.head, after.refs, after.index) == (before.head, before.refs, before.index)
    assert not (folder / ".git" / "lfs" / "objects").exists()


@pytest.mark.parametrize("dirty", [False, True], ids=["clean", "dirty"])
def test_a_mapped_file_that_is_written_while_it_is_read(repo, folder, dirty):
    """Such writes are dated when a page is first touched; sharing the blocks makes that again."""
    (folder / "w.bin").write_bytes(noise(SIZE))
    with (folder / "w.bin").open("r+b") as stream, mmap.mmap(stream.fileno(), SIZE) as view:
        if dirty:
            view[-6:] = b"step 1"

        def write() -> None:
            view[-6:] = b"step 2"

        when_hashing(repo, "w.bin", write)
        assert raised(FileChanged, repo.git_add).path == "w.bin"
        assert not (folder / ".git" / "lfs" / "objects").exists()
        repo.git_add()
        repo.git_commit("again")
    content = (folder / "w.bin").read_bytes()
    assert content.endswith(b"step 2")
    assert committed(StockGit(folder))["w.bin"] == pointer_to(content).encode()


def test_what_is_stored_has_the_digest_of_its_name_however_it_is_written(repo, folder):
    """A process that never stops writing: an add fails, or has kept what it says."""
    path = folder / "w.bin"
    path.write_bytes(noise(SIZE))
    program = (
        "import mmap, os, sys, time\n"
        "stream = open(sys.argv[1], 'r+b')\n"
        "view = mmap.mmap(stream.fileno(), 0)\n"
        "print('on', flush=True)\n"
        "while True:\n"
        "    for at in range(0, len(view), 1 << 18):\n"
        "        view[at : at + 8] = os.urandom(8)\n"
        "    stream.seek(0); stream.write(os.urandom(4096)); stream.flush()\n"
        "    time.sleep(0.05)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, path], stdout=subprocess.PIPE) as writer:
        try:
            assert writer.stdout.readline() == b"on\n"
            for _ in range(10):
                try:
                    repo.git_add()
                except FileChanged:
                    continue
        finally:
            writer.kill()
    repo.git_add()
    stored = [path for path in (folder / ".git" / "lfs" / "objects").rglob("*") if path.is_file()]
    assert stored
    for found in stored:
        assert hashlib.sha256(found.read_bytes()).hexdigest() == found.name


def test_file_systems_that_date_every_write(disk, tmp_path):
    (disk / "here").write_bytes(b"weights")
    with (disk / "here").open("rb") as stream:
        assert files.dates_every_write(stream)
    (tmp_path / "memory").mkdir()
    with disks.mounted(tmp_path / "memory") as memory:
        (memory / "there").write_bytes(b"weights")
        with (memory / "there").open("rb") as stream:
            assert not files.dates_every_write(stream)
