"""Which files go to LFS by themselves, and which are left as they are."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

import csgrepo
from csgrepo import InvalidInput, Repository
from tests.functional.copies import committed, noise, refs, seed, work_files, write_hook
from tests.stock import StockGit

PICTURE = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0"


@pytest.fixture
def repo(bare_remote, tmp_path: Path) -> Repository:
    remote = bare_remote()
    return Repository(tmp_path / "copy", clone_from=remote.url)


def write(repo: Repository, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        path = Path(repo.local_dir, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def attribute_lines(repo: Repository) -> list[str]:
    path = Path(repo.local_dir, ".gitattributes")
    return path.read_text().splitlines() if path.exists() else []


def is_pointer(content: bytes) -> bool:
    return content.startswith(b"version https://git-lfs.github.com/spec/v1\n")


# -- what nobody changed ---------------------------------------------------------------------------


def test_a_fresh_clone_has_nothing_to_push(git, bare_remote):
    """Right after a clone git cannot tell by times alone that nothing was changed."""
    remote = bare_remote()
    seed(git, remote, {"logo.png": PICTURE, "large.txt": b"x" * 2000, "README.md": b"# hello\n"})
    before = refs(remote.path)
    repo = Repository(git.cwd / "copy", clone_from=remote.url)
    repo.large_file_bytes = 1000
    assert csgrepo.files_to_be_staged(folder=repo.local_dir) == []
    assert repo.auto_track_binary_files() == []
    assert repo.auto_track_large_files() == []
    assert repo.push_to_hub() is None
    assert attribute_lines(repo) == []
    assert refs(remote.path) == before


def test_a_file_that_was_only_touched_stays_in_git(git, bare_remote):
    remote = bare_remote()
    seed(git, remote, {"logo.png": PICTURE})
    repo = Repository(git.cwd / "copy", clone_from=remote.url)
    os.utime(git.cwd / "copy" / "logo.png", (1, 1))
    assert repo.push_to_hub() is None
    assert committed(git.at("copy"))["logo.png"] == PICTURE


def test_an_adopted_folder_changes_no_file_that_is_as_it_was(git, bare_remote, tmp_path):
    remote = bare_remote()
    seed(git, remote, {"logo.png": PICTURE, "a.txt": b"a"})
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "logo.png").write_bytes(PICTURE)
    repo = Repository(tmp_path / "copy", clone_from=remote.url)
    assert csgrepo.files_to_be_staged(folder=repo.local_dir) == []
    assert repo.push_to_hub() is None


def test_files_that_git_keeps_itself_are_not_swept_along(git, bare_remote):
    remote = bare_remote()
    seed(git, remote, {"logo.png": PICTURE})
    repo = Repository(git.cwd / "copy", clone_from=remote.url)
    write(repo, {"new.png": PICTURE + b"\1"})
    repo.push_to_hub()
    files = committed(git.at("copy"))
    assert files["logo.png"] == PICTURE
    assert is_pointer(files["new.png"])
    assert attribute_lines(repo) == ["/new.png filter=lfs diff=lfs merge=lfs -text"]


# -- what is new -----------------------------------------------------------------------------------


def test_text_stays_text_whatever_shares_its_suffix(git, repo):
    write(repo, {"a.dat": b"text\n", "b.dat": noise(), "中文.dat": "文本\n".encode()})
    repo.push_to_hub()
    files = committed(git.at("copy"))
    assert files["a.dat"] == b"text\n"
    assert files["中文.dat"] == "文本\n".encode()
    assert is_pointer(files["b.dat"])


def test_what_was_staged_before_is_tracked_too(git, repo):
    write(repo, {"first.txt": b"x"})
    repo.push_to_hub()
    write(repo, {"weights.bin": noise()})
    git.at("copy")("add", "weights.bin")
    os.utime(repo.local_dir + "/.git/index", (2**31, 2**31))  # nothing looks changed any more
    assert repo.auto_track_binary_files() == ["weights.bin"]
    repo.git_add()
    repo.git_commit()
    assert is_pointer(committed(git.at("copy"))["weights.bin"])
    assert git.at("copy")("status", "--porcelain") == ""


def test_a_push_tracks_what_was_staged_before(git, repo):
    write(repo, {"weights.bin": noise()})
    git.at("copy")("add", "weights.bin")
    os.utime(repo.local_dir + "/.git/index", (2**31, 2**31))
    repo.push_to_hub()
    assert is_pointer(committed(git.at("copy"))["weights.bin"])


def test_only_files_inside_the_pattern_are_tracked(repo):
    write(repo, {"a/x.one": noise(), "b/x.two": noise()})
    assert repo.auto_track_binary_files("a") == ["a/x.one"]
    assert repo.auto_track_binary_files("*.two") == ["b/x.two"]


def test_ignored_files_are_not_tracked(repo):
    write(repo, {".gitignore": b"*.tmp\n", "x.tmp": noise(), "x.bin": noise()})
    assert repo.auto_track_binary_files() == ["x.bin"]


def test_links_are_never_tracked(git, repo):
    write(repo, {"real.bin": noise()})
    Path(repo.local_dir, "link.bin").symlink_to("real.bin")
    repo.push_to_hub()
    assert committed(git.at("copy"))["link.bin"] == b"real.bin"


def test_git_s_own_files_are_not_tracked_however_they_look(git, repo):
    write(repo, {".gitignore": b"\0\1\2\n", "sub/.gitattributes": b"\0\n"})
    assert repo.auto_track_binary_files() == []


def test_a_file_that_a_folder_s_own_attributes_keep_out_is_named(repo):
    write(repo, {"sub/.gitattributes": b"*.bin -filter\n", "sub/x.bin": noise()})
    with pytest.raises(InvalidInput, match=r"sub/x\.bin.*\.gitattributes"):
        repo.auto_track_binary_files()
    assert attribute_lines(repo) == []


def test_a_second_look_finds_nothing_more(repo):
    write(repo, {"x.bin": noise()})
    assert repo.auto_track_binary_files() == ["x.bin"]
    before = attribute_lines(repo)
    assert repo.auto_track_binary_files() == []
    assert attribute_lines(repo) == before


# -- patterns that would take too much -------------------------------------------------------------


@pytest.mark.parametrize("pattern", ["*", ".git*", ".gitattributes", "**"])
def test_git_s_own_files_cannot_be_tracked_by_a_pattern(git, repo, pattern):
    """In LFS they would say nothing: every later clone would take pointers for files."""
    write(repo, {".gitattributes": b"*.bin filter=lfs diff=lfs merge=lfs -text\n"})
    before = work_files(Path(repo.local_dir))
    with pytest.raises(InvalidInput, match=r"\.gitattributes"):
        repo.lfs_track(pattern)
    assert work_files(Path(repo.local_dir)) == before


# -- thousands of files ----------------------------------------------------------------------------


@pytest.fixture
def git_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a git on PATH that writes down each call, and hands it on."""
    import shutil

    log = tmp_path / "git-calls.log"
    real = shutil.which("git")
    write_hook(tmp_path / "counting" / "git", f"echo \"$*\" >> '{log}'\nexec '{real}' \"$@\"\n")
    monkeypatch.setenv("PATH", str(tmp_path / "counting"), prepend=os.pathsep)
    log.touch()
    return log


def test_ten_thousand_files_take_few_processes_and_few_lines(git, repo, git_calls):
    suffixes = ("bin", "pt", "safetensors", "npy")
    odd = ["no suffix", "w[1].x y", "模型"]
    texts = {f"text/{n % 100}/{n}.txt": b"words %d\n" % n for n in range(9700)}
    binaries = {f"data/{n}.{suffixes[n % 4]}": b"\0%d" % n for n in range(297)}
    write(repo, texts | binaries | dict.fromkeys(odd, b"\0odd"))
    git_calls.write_text("")
    found = repo.auto_track_binary_files()
    calls = git_calls.read_text().splitlines()
    assert found == sorted([*binaries, *odd])
    assert len(calls) <= 6, calls
    lines = attribute_lines(repo)
    assert len(lines) == len(suffixes) + len(odd)
    assert all(re.fullmatch(r"\S+ filter=lfs diff=lfs merge=lfs -text", line) for line in lines)
    names = "\0".join([*texts, *binaries, *odd]).encode() + b"\0"
    answer = StockGit(Path(repo.local_dir))("check-attr", "-z", "--stdin", "filter", stdin=names)
    fields = answer.split("\0")
    filtered = {
        name for name, value in zip(fields[::3], fields[2::3], strict=False) if value == "lfs"
    }
    assert filtered == set(found)


def test_ten_thousand_files_are_added_by_few_processes(git, repo, git_calls):
    files = {f"d{n % 100}/{n}.txt": b"%d" % n for n in range(9700)}
    files |= {f"w/{n}.bin": b"\0%d" % n for n in range(300)}
    write(repo, files)
    git_calls.write_text("")
    repo.git_add(auto_lfs_track=True)
    assert len(git_calls.read_text().splitlines()) <= 12
    repo.git_commit()
    assert git.at("copy")("status", "--porcelain") == ""
    assert len(committed_names(git)) == 10_001


def committed_names(git: StockGit) -> list[str]:
    return git.at("copy")("ls-tree", "-r", "--name-only", "HEAD").splitlines()
