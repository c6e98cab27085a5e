"""`.gitattributes` in every state people leave it in: understood as git does, and never damaged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import csgrepo
from csgrepo import InvalidInput, Repository
from tests.functional.copies import committed, noise, pointer_to, raised, state, work_files
from tests.stock import StockGit

FIXTURES = Path(__file__).parents[2] / "fixtures" / "attributes"
FILES = sorted(path.name for path in FIXTURES.glob("*.gitattributes"))
EXPECTED = json.loads((FIXTURES / "expected.json").read_text("utf-8"))


@pytest.fixture
def repo(bare_remote, tmp_path: Path) -> Repository:
    return Repository(tmp_path / "copy", clone_from=bare_remote().url)


@pytest.fixture
def folder(repo: Repository) -> Path:
    return Path(repo.local_dir)


def expected(name: str) -> dict[str, str]:
    return {
        entry["path"]: entry["filter"]
        for entry in EXPECTED
        if entry["file"] == name and entry["path"] != "weights"  # a folder in the same file
    }


@pytest.mark.parametrize("name", FILES)
def test_files_go_where_git_says(repo, folder, name):
    (folder / ".gitattributes").write_bytes((FIXTURES / name).read_bytes())
    content = noise()
    for path in expected(name):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    for path, value in expected(name).items():
        assert csgrepo.is_tracked_with_lfs(folder / path) == (value == "lfs"), path
    repo.git_add()
    repo.git_commit("as they are")
    files = committed(StockGit(folder))
    assert {path: files[path] for path in expected(name)} == {
        path: pointer_to(content).encode() if value == "lfs" else content
        for path, value in expected(name).items()
    }
    assert files[".gitattributes"] == (FIXTURES / name).read_bytes()


@pytest.mark.parametrize("name", FILES)
def test_lines_are_added_and_nothing_else_is_touched(repo, folder, name):
    before = (FIXTURES / name).read_bytes()
    (folder / ".gitattributes").write_bytes(before)
    (folder / "new [1].weights").write_bytes(noise())
    repo.auto_track_binary_files()
    repo.lfs_track("*.extra")
    after = (folder / ".gitattributes").read_bytes()
    assert after.startswith(before)
    assert csgrepo.is_tracked_with_lfs(folder / "new [1].weights")
    assert csgrepo.is_tracked_with_lfs(folder / "x.extra")
    repo.lfs_untrack(["*.extra", "*.weights"])
    left = (folder / ".gitattributes").read_bytes()
    assert left in {before, before + b"\n", before + b"\r\n"}


@pytest.mark.parametrize("name", FILES)
def test_everything_is_pushed_and_cloned_all_the_same(repo, folder, name, tmp_path):
    (folder / ".gitattributes").write_bytes((FIXTURES / name).read_bytes())
    files = {"w.bin": noise(), "new.weights": noise(), "a.txt": b"a\n", "模型.pt": noise()}
    for path, content in files.items():
        (folder / path).write_bytes(content)
    repo.push_to_hub()
    Repository(tmp_path / "there", clone_from=repo.git_remote_url())
    assert work_files(tmp_path / "there").items() >= files.items()


@pytest.mark.parametrize("kind", ["link", "dangling link", "folder"])
def test_what_git_does_not_read(repo, folder, kind):
    path = folder / ".gitattributes"
    if kind == "folder":
        path.mkdir()
        (path / "inner").write_text("x")
    else:
        path.symlink_to("elsewhere")
    if kind == "link":
        (folder / "elsewhere").write_text("*.bin filter=lfs\n")
    (folder / "w.bin").write_bytes(noise())
    before = state(folder)
    for call in (
        lambda: repo.lfs_track("*.bin"),
        lambda: repo.lfs_untrack("*.bin"),
        repo.auto_track_binary_files,
        lambda: repo.git_add(auto_lfs_track=True),
        repo.push_to_hub,
    ):
        error = raised(InvalidInput, call)
        assert ".gitattributes" in str(error)
        assert "make it a file" in str(error)
        assert state(folder) == before


def test_a_path_too_long_for_git_s_attributes(repo, folder):
    long = "/".join(["w[1] " * 40] * 12) + ".odd name"
    (folder / long).parent.mkdir(parents=True)
    (folder / long).write_bytes(noise())
    before = state(folder)
    error = raised(InvalidInput, repo.auto_track_binary_files)
    assert "too long" in str(error)
    assert state(folder) == before


def test_a_large_file_s_line_is_committed_with_it(repo, folder):
    """A pointer without the line that says what it is would be taken for a file."""
    (folder / "w.odd").write_bytes(noise())
    repo.lfs_track("*.odd")
    repo.git_add("w.odd")
    repo.git_commit("weights")
    assert set(committed(StockGit(folder))) == {".gitattributes", "w.odd"}


def test_files_move_into_lfs_and_out_of_it(repo, folder):
    content = noise()
    (folder / "w.odd").write_bytes(content)
    repo.git_add()
    repo.git_commit("in git")
    assert committed(StockGit(folder))["w.odd"] == content
    repo.lfs_track("*.odd")
    assert not repo.is_repo_clean()
    repo.git_add()
    repo.git_commit("in LFS")
    assert committed(StockGit(folder))["w.odd"] == pointer_to(content).encode()
    repo.lfs_untrack("*.odd")
    repo.git_add()
    repo.git_commit("in git again")
    assert committed(StockGit(folder))["w.odd"] == content
    assert StockGit(folder)("status", "--porcelain") == ""
    assert (folder / "w.odd").read_bytes() == content


def test_attributes_of_a_folder_below_count(repo, folder):
    (folder / "sub").mkdir()
    (folder / "sub" / ".gitattributes").write_text("*.pth filter=lfs diff=lfs merge=lfs -text\n")
    content = noise()
    (folder / "sub" / "w.pth").write_bytes(content)
    (folder / "w.pth").write_bytes(content)
    repo.git_add()
    repo.git_commit("both")
    files = committed(StockGit(folder))
    assert files["sub/w.pth"] == pointer_to(content).encode()
    assert files["w.pth"] == content
