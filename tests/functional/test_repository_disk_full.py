"""A full disk: one clear error, nothing lost, and the same call works once there is room."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from csgrepo import DiskFull, GitError, Repository
from tests.functional.copies import noise, raised, refs, seed, state, with_lfs, work_files
from tests.functional.disks import fill, mounted
from tests.stock import RemoteRepository, StockGit

MIB = 1024 * 1024
ATTRIBUTES = b"*.bin filter=lfs diff=lfs merge=lfs -text\n"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "disk") as folder:
        yield folder


@pytest.fixture
def remote(bare_remote) -> RemoteRepository:
    return bare_remote()


@pytest.fixture
def repo(disk: Path, remote) -> Repository:
    repo = Repository(disk / "copy", clone_from=remote.url)
    Path(repo.local_dir, "a.txt").write_text("a\n")
    repo.push_to_hub("first")
    return repo


def unfinished(folder: Path) -> list[str]:
    """What a command left half done: temporary files, and locks."""
    files = (path for path in folder.rglob("*") if path.is_file())
    marks = (".tmp", "index.lock", "config.lock")
    return [str(p) for p in files if p.name.endswith(marks) or p.parent.name == "tmp"]


def test_no_room_for_the_copy_of_a_large_file(disk, repo):
    folder = Path(repo.local_dir)
    (folder / "w.bin").write_bytes(noise(2 * MIB))
    ballast = fill(disk, MIB)
    before = state(folder)
    error = raised(DiskFull, lambda: repo.git_add(auto_lfs_track=True))
    assert str(disk) in str(error)
    assert "free some room" in str(error)
    after = state(folder)
    assert (after.head, after.refs, after.index) == (before.head, before.refs, before.index)
    assert after.files.items() >= before.files.items()
    assert unfinished(folder) == []
    ballast.unlink()
    assert repo.push_to_hub() == repo.git_head_commit_url()


def test_no_room_for_the_pack_of_many_small_files(disk, repo):
    folder = Path(repo.local_dir)
    for number in range(1100):
        (folder / f"{number}.txt").write_bytes(noise(600).hex().encode())
    ballast = fill(disk, 64 * 1024)
    before = state(folder)
    error = raised(DiskFull, repo.git_add)
    assert str(disk) in str(error)
    assert state(folder) == before
    assert unfinished(folder) == []
    assert list(folder.glob(".git/fast_import_crash_*")) == []
    ballast.unlink()
    assert repo.push_to_hub() == repo.git_head_commit_url()


def test_no_room_for_a_file_that_git_keeps_itself(disk, repo):
    folder = Path(repo.local_dir)
    (folder / "words.txt").write_text("".join(f"{noise(8).hex()}\n" for _ in range(60_000)))
    ballast = fill(disk, 64 * 1024)
    before = state(folder)
    raised(DiskFull, repo.git_add)
    assert state(folder) == before
    assert unfinished(folder) == []
    ballast.unlink()
    assert repo.push_to_hub() == repo.git_head_commit_url()


@pytest.mark.parametrize("leave", [0, 4096])
def test_no_room_at_all(disk, repo, leave):
    """Whatever is tried first fails, and each says why."""
    folder = Path(repo.local_dir)
    (folder / "w.bin").write_bytes(noise(MIB))
    (folder / "b.txt").write_text("b" * 5000)
    (folder / "a.txt").write_text("changed\n")
    StockGit(folder)("add", "a.txt")
    ballast = fill(disk, leave)
    before = state(folder)
    calls = {
        "add": repo.git_add,
        "add and track": lambda: repo.git_add(auto_lfs_track=True),
        "add one": lambda: repo.git_add("w.bin"),
        "track": lambda: repo.lfs_track([f"*.{n}" for n in range(1000)]),
        "commit": lambda: repo.git_commit("no room"),
        "tag": lambda: repo.add_tag("v1", "message"),
        "branch": lambda: repo.git_checkout("dev", create_branch_ok=True),
        "name": lambda: repo.git_config_username_and_email("x" * 5000, "y" * 5000),
        "all": repo.push_to_hub,
    }
    problems = {}
    for name, call in calls.items():
        try:
            call()
        except DiskFull:
            continue
        except BaseException as error:  # noqa: BLE001 - collected
            problems[name] = repr(error)
        else:
            problems[name] = "went through"
    ballast.unlink()
    small = {"add", "tag", "branch", "name"} if leave else set()  # a few kilobytes may do
    assert {name: what for name, what in problems.items() if name not in small} == {}
    assert state(folder).files == before.files
    assert state(folder).refs["refs/heads/main"] == before.refs["refs/heads/main"]
    repo.git_checkout("main")
    assert repo.push_to_hub() == repo.git_head_commit_url()
    StockGit(folder)("fsck")


def test_no_room_for_a_clone(disk, git, remote, tmp_path):
    text = b"".join(noise(8).hex().encode() + b"\n" for _ in range(200_000))
    seed(git, remote, {"words.txt": text})
    ballast = fill(disk, MIB)
    error = raised(DiskFull, lambda: Repository(disk / "copy", clone_from=remote.url))
    assert str(disk / "copy") in str(error) or str(disk) in str(error)
    assert [path.name for path in disk.iterdir()] == ["ballast"]
    ballast.unlink()
    fill(disk, 7 * MIB)
    Repository(disk / "copy", clone_from=remote.url)
    assert (disk / "copy" / "words.txt").read_bytes() == text


def test_no_room_for_the_content_of_a_clone(disk, git, remote):
    contents = {f"{n}.bin": noise(MIB) for n in range(3)}
    seed(git, remote, {".gitattributes": ATTRIBUTES, **with_lfs(remote, contents)})
    ballast = fill(disk, 3 * MIB)
    raised(DiskFull, lambda: Repository(disk / "copy", clone_from=remote.url))
    there = work_files(disk / "copy")
    pointers = with_lfs(remote, contents)
    assert all(there[name] in {contents[name], pointers[name]} for name in contents)
    assert unfinished(disk / "copy") == []
    ballast.unlink()
    repo = Repository(disk / "copy", clone_from=remote.url)
    assert work_files(disk / "copy").items() >= contents.items()
    assert repo.is_repo_clean()
    assert StockGit(disk / "copy")("status", "--porcelain") == ""


def test_no_room_to_adopt_a_folder(disk, git, remote):
    text = b"".join(noise(8).hex().encode() + b"\n" for _ in range(200_000))
    seed(git, remote, {"words.txt": text})
    (disk / "out").mkdir()
    (disk / "out" / "mine.txt").write_text("mine")
    ballast = fill(disk, MIB)
    raised(DiskFull, lambda: Repository(disk / "out", clone_from=remote.url))
    assert work_files(disk / "out") == {"mine.txt": b"mine"}
    assert [path.name for path in (disk / "out").iterdir()] == ["mine.txt"]
    ballast.unlink()
    Repository(disk / "out", clone_from=remote.url)
    assert work_files(disk / "out") == {"mine.txt": b"mine", "words.txt": text}


def test_no_room_on_the_remote(tmp_path, git, disk, bare_remote):
    git("init", "--quiet", "--bare", disk / "remote.git")
    repo = Repository(tmp_path / "copy", clone_from=(disk / "remote.git").as_uri())
    folder = Path(repo.local_dir)
    (folder / "w.bin").write_bytes(noise(2 * MIB))
    repo.git_add(auto_lfs_track=True)
    repo.git_commit("large")
    ballast = fill(disk, MIB)
    before = state(folder)
    error = raised(GitError, repo.git_push)
    assert str(disk) in str(error)
    assert refs(disk / "remote.git") == {}
    assert state(folder) == before
    assert unfinished(disk / "remote.git") == []
    ballast.unlink()
    assert repo.git_push() == repo.git_head_commit_url()


def test_no_inodes_left(tmp_path, remote):
    with mounted(tmp_path / "few", "size=8m,nr_inodes=120") as disk:
        repo = Repository(disk / "copy", clone_from=remote.url)
        folder = Path(repo.local_dir)
        (folder / "w.bin").write_bytes(noise())
        made = []
        try:
            while True:
                path = disk / f"ballast-{len(made)}"
                path.touch()
                made.append(path)
        except OSError:
            pass
        before = state(folder)
        raised(DiskFull, lambda: repo.git_add("w.bin"))
        raised(DiskFull, lambda: repo.git_add(auto_lfs_track=True))
        assert state(folder) == before
        for path in made:
            path.unlink()
        assert repo.push_to_hub() == repo.git_head_commit_url()
