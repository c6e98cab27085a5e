"""Files that change, move or vanish while they are added: noticed, and nothing half staged."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from csgrepo import FileChanged, InvalidInput, Repository
from tests.functional.copies import committed, noise, pointer_to, raised, state, work_files
from tests.stock import StockGit

SIZE = 3_000_000


@pytest.fixture
def repo(bare_remote, tmp_path: Path) -> Repository:
    repo = Repository(tmp_path / "copy", clone_from=bare_remote().url)
    (tmp_path / "copy" / "a.txt").write_text("a\n")
    repo.lfs_track("*.bin")
    repo.push_to_hub("first")
    return repo


@pytest.fixture
def folder(repo: Repository) -> Path:
    return Path(repo.local_dir)


def when_hashing(repo: Repository, name: str, act: Callable[[], object]) -> None:
    """Do something once, right after the first bytes of a file were read."""
    done = threading.Event()

    def hear(event: object) -> None:
        if event.phase == "hash" and event.item == name and event.done and not done.is_set():
            done.set()
            act()

    repo.reporter.listen(hear)


def grow(path: Path) -> None:
    with path.open("ab") as stream:
        stream.write(b"more")


def shrink(path: Path) -> None:
    os.truncate(path, 10)


def rewrite_in_place(path: Path) -> None:
    with path.open("r+b") as stream:
        stream.write(b"step 2")


def rewrite_and_hide(path: Path) -> None:
    """Rewrite in place and put the time of change back, as a careless tool may."""
    before = path.stat()
    rewrite_in_place(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace(path: Path) -> None:
    other = path.with_name("other.tmp")
    other.write_bytes(noise(SIZE))
    other.replace(path)


def make_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def make_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("a.txt")


CHANGES = [grow, shrink, rewrite_in_place, rewrite_and_hide, replace, Path.unlink, make_folder]


@pytest.mark.parametrize("change", [*CHANGES, make_link], ids=lambda change: change.__name__)
def test_a_file_that_changes_while_it_is_read(repo, folder, change):
    (folder / "w.bin").write_bytes(noise(SIZE))
    (folder / "b.txt").write_text("b\n")
    before = state(folder)
    when_hashing(repo, "w.bin", lambda: change(folder / "w.bin"))
    error = raised(FileChanged, repo.git_add)
    assert error.path == "w.bin"
    assert "w.bin" in str(error)
    assert "add it again" in str(error)
    after = state(folder)
    assert (after.head, after.refs, after.index) == (before.head, before.refs, before.index)
    assert not (folder / ".git" / "lfs" / "objects").exists()
    repo.git_add()
    repo.git_commit("again")
    assert repo.git_push() == repo.git_head_commit_url()
    assert StockGit(folder)("status", "--porcelain") == ""


def test_the_other_files_of_a_failed_add_are_not_read_twice(repo, folder):
    """What was read into the store stays there; the next add finds it."""
    contents = {f"{n}.bin": noise(SIZE) for n in range(4)}
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    when_hashing(repo, "2.bin", lambda: grow(folder / "2.bin"))
    raised(FileChanged, repo.git_add)
    repo.push_to_hub()
    files = committed(StockGit(folder))
    contents["2.bin"] += b"more"
    assert {name: files[name] for name in contents} == {
        name: pointer_to(content).encode() for name, content in contents.items()
    }


def test_what_is_written_right_after_the_add_is_another_change(repo, folder):
    """In the same second, at equal length: neither lost, nor taken for what was added."""
    for step in range(5):
        first, second = noise(5000), noise(5000)
        (folder / "w.bin").write_bytes(first)
        repo.git_add()
        (folder / "w.bin").write_bytes(second)
        repo.git_commit(f"first {step}")
        assert committed(StockGit(folder))["w.bin"] == pointer_to(first).encode()
        assert not repo.is_repo_clean()
        assert StockGit(folder)("status", "--porcelain") == " M w.bin"
        repo.git_add()
        repo.git_commit(f"second {step}")
        assert committed(StockGit(folder))["w.bin"] == pointer_to(second).encode()
        assert repo.is_repo_clean()
    repo.git_push()


def test_rewriting_a_file_in_place_leaves_what_was_stored(repo, folder, tmp_path):
    content = noise(SIZE)
    (folder / "w.bin").write_bytes(content)
    repo.git_add()
    repo.git_commit("step 1")
    rewrite_in_place(folder / "w.bin")
    repo.git_push()
    Repository(tmp_path / "there", clone_from=repo.git_remote_url())
    assert (tmp_path / "there" / "w.bin").read_bytes() == content


def test_two_writes_within_one_tick_of_the_clock(repo, folder):
    """The system may note the same time for both, only the first being over when reading begins."""
    (folder / "w.bin").write_bytes(noise(SIZE))

    def hear(event: object) -> None:
        if event.phase == "hash" and event.state == "started":
            rewrite_in_place(folder / "w.bin")

    repo.reporter.listen(hear)
    when_hashing(repo, "w.bin", lambda: (folder / "w.bin").write_bytes(noise(SIZE)))
    raised(FileChanged, repo.git_add)


def test_a_small_file_that_vanished_is_not_added(repo, folder):
    (folder / "gone.txt").write_text("gone")
    (folder / "w.bin").write_bytes(noise(SIZE))
    when_hashing(repo, "w.bin", (folder / "gone.txt").unlink)
    repo.git_add()
    repo.git_commit("without it")
    assert set(committed(StockGit(folder))) == {".gitattributes", "a.txt", "w.bin"}


def test_two_adds_at_once_in_one_folder(repo, folder):
    contents = {f"{n}.bin": noise(50_000) for n in range(8)}
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    other = Repository(folder)
    errors: list[BaseException] = []

    def add(one: Repository, names: list[str]) -> None:
        try:
            for name in names:
                one.git_add(name)
        except BaseException as error:  # noqa: BLE001 - told to the test
            errors.append(error)

    names = list(contents)
    threads = [
        threading.Thread(target=add, args=(repo, names[:4])),
        threading.Thread(target=add, args=(other, names[4:])),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    repo.git_commit("both")
    files = committed(StockGit(folder))
    assert {name: files[name] for name in contents} == {
        name: pointer_to(content).encode() for name, content in contents.items()
    }
    assert StockGit(folder)("status", "--porcelain") == ""


# -- pointers --------------------------------------------------------------------------------------


def test_a_pointer_under_a_name_that_is_not_in_lfs(repo, folder):
    """It would be committed as if it were the weights, and be loaded as such."""
    (folder / "weights.safetensors").write_text(pointer_to(noise()))
    before = state(folder)
    for call in (repo.git_add, lambda: repo.git_add("weights.safetensors"), repo.push_to_hub):
        error = raised(InvalidInput, call)
        assert "weights.safetensors" in str(error)
        assert "pointer" in str(error)
        assert state(folder).index == before.index
    assert work_files(folder) == before.files


def test_a_pointer_of_which_nobody_has_the_content(repo, folder):
    (folder / "lost.bin").write_text(pointer_to(noise()))
    repo.git_add()
    repo.git_commit("a pointer")
    before = repo.git_head_hash()
    error = raised(OSError, repo.git_push)
    assert "lost.bin" in str(error)
    assert "neither here nor on" in str(error)
    assert repo.git_head_hash() == before
    assert [file.path for file in repo.pointers()] == ["lost.bin"]
    found = repo.verify(remote=False)
    assert not found
    assert "lost.bin is still a pointer" in str(found)


def test_files_that_merely_look_like_pointers_are_files(repo, folder):
    text = b"version https://git-lfs.github.com/spec/v1\nis how a pointer begins\n" * 3
    (folder / "about.txt").write_bytes(text)
    (folder / "about.bin").write_bytes(text)
    repo.push_to_hub()
    files = committed(StockGit(folder))
    assert files["about.txt"] == text
    assert files["about.bin"] == pointer_to(text).encode()


@pytest.mark.parametrize("content", [b"", b"\n", b"x", b"\0"], ids=["empty", "newline", "x", "NUL"])
def test_tiny_files_in_lfs(repo, folder, tmp_path, content):
    (folder / "tiny.bin").write_bytes(content)
    repo.push_to_hub()
    Repository(tmp_path / "there", clone_from=repo.git_remote_url())
    assert (tmp_path / "there" / "tiny.bin").read_bytes() == content
    assert StockGit(folder)("status", "--porcelain") == ""
    assert repo.verify()
