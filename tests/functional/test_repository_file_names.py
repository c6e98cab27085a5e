"""File names that break command lines, patterns and encodings, from the first add to the last."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

import pytest

import csgrepo
from csgrepo import Repository
from tests.functional.copies import committed, noise, pointer_to, work_files
from tests.stock import StockGit

NAMES = {
    "space": "my big model.data",
    "spaces at the ends": " x ",
    "both quotes": """it's "best".data""",
    "brackets": "w[1].data",
    "star": "w*.data",
    "question mark": "w?.data",
    "leading hash": "#1.data",
    "leading bang": "!important.data",
    "leading dash": "-rf.data",
    "leading dashes": "--all",
    "leading colon": ":(exclude)x.data",
    "leading tilde": "~root",
    "backslash": "back\\slash.data",
    "escaped": 'x\\*\\".data',
    "tab": "tab\there.data",
    "newline": "new\nline.data",
    "carriage return": "carriage\rreturn\r.data",
    "bell and escape": "\x07\x1b[31m.data",
    "delete": "\x7f.data",
    "Chinese": "模型 最终版.数据",
    "emoji": "🚀👩‍🚀.data",
    "right to left": "\u200f\u0646\u0645\u0648\u0630\u062c\u200e.data",
    "full-width": "ｆｕｌｌ．ｄａｔａ",
    "not UTF-8": os.fsdecode(b"caf\xe9.data"),
    "attribute words": "x filter=lfs -text",
    "macro": "[attr]binary",
    "dollar": "$HOME `id` $(id).data",
    "percent": "100%s%0a.data",
    "braces": "{a,b}.data",
    "semicolon": "a;b&c|d.data",
    "equals": "a=b.data",
    "255 bytes": "n" * 250 + ".data",
    "255 bytes of Chinese": "模" * 83 + "a.data"[:6],
    "looks quoted": '"quoted"',
    "nothing but dots": "...",
    "lock": "x.lock",
}
DECOMPOSED, COMPOSED = "e\u0301te\u0301.data", "\u00e9t\u00e9.data"
FOLDERS = ["plain", "with space", "w[1]*", "-dash", "#hash", "中文/🚀", 'tab\t"quote"']

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows allows few of these names")


@pytest.fixture
def repo(bare_remote, tmp_path: Path) -> Repository:
    repo = Repository(tmp_path / "copy", clone_from=bare_remote().url)
    # A text file of the same suffix: no line for the suffix will do, every name needs its own.
    for suffix in ("data", "lock"):
        Path(repo.local_dir, f"text.{suffix}").write_text("text\n")
    repo.large_file_bytes = 2000
    return repo


def write(repo: Repository, name: str, content: bytes) -> None:
    path = Path(repo.local_dir, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def filters(folder: str | Path, names: list[str]) -> dict[str, str]:
    """What stock git's attributes say of these names."""
    question = b"".join(os.fsencode(name) + b"\0" for name in names)
    answer = StockGit(Path(folder)).run("check-attr", "-z", "--stdin", "filter", stdin=question)
    fields = [os.fsdecode(field) for field in answer.stdout.split(b"\0")]
    return dict(zip(fields[:-1:3], fields[2::3], strict=True))


def objects(repo: Repository) -> dict[str, int]:
    """The objects in the remote's store, and when each was written."""
    folder = Path(repo.git_remote_url().removeprefix("file://"), "lfs", "objects")
    return {path.name: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_name_lives_through_everything(git, repo, tmp_path, name):
    here = StockGit(Path(repo.local_dir))
    large, small, deep = noise(3000), b"small text\n", f"sub [d]/{name}"
    write(repo, name, large)
    write(repo, deep, small)

    # tracked: the large one, by a pattern that means it alone
    assert repo.auto_track_large_files() == [name]
    assert csgrepo.is_tracked_with_lfs(Path(repo.local_dir, name))
    assert filters(repo.local_dir, [name, deep, f"x{name}", "text.data"]) == {
        name: "lfs",
        deep: "unspecified",
        f"x{name}": "unspecified",
        "text.data": "unspecified",
    }

    # committed by name: one a pointer, the other itself
    repo.git_add(name)
    repo.git_add(deep)
    repo.git_add()
    repo.git_commit("both")
    assert committed(here)[name] == pointer_to(large).encode()
    assert committed(here)[deep] == small
    assert here("status", "--porcelain", "-z") == ""

    # pushed, and cloned elsewhere
    repo.git_push()
    there = Repository(tmp_path / "there", clone_from=repo.git_remote_url())
    assert work_files(tmp_path / "there") == work_files(Path(repo.local_dir))
    assert there.is_repo_clean()
    sent = objects(repo)
    assert list(sent) == [hashlib.sha256(large).hexdigest()]

    # renamed: the same object, not sent again
    moved = f"moved/{name}"
    Path(repo.local_dir, "moved").mkdir()
    Path(repo.local_dir, name).rename(Path(repo.local_dir, moved))
    assert repo.list_deleted_files() == [name]
    repo.push_to_hub("rename")
    assert committed(here)[moved] == pointer_to(large).encode()
    assert name not in committed(here)
    assert objects(repo) == sent

    # changed, at equal length
    other = noise(3000)
    write(repo, moved, other)
    repo.git_add(moved)
    repo.git_commit("change")
    repo.git_push()
    assert committed(here)[moved] == pointer_to(other).encode()
    there.git_pull()
    assert work_files(tmp_path / "there") == work_files(Path(repo.local_dir))

    # deleted by name
    Path(repo.local_dir, moved).unlink()
    Path(repo.local_dir, deep).unlink()
    assert sorted(repo.list_deleted_files()) == sorted([moved, deep])
    repo.git_add(moved)
    repo.git_add(deep)
    repo.git_commit("delete")
    repo.git_push()
    assert {moved, deep} & set(committed(here)) == set()
    there.git_pull()
    assert work_files(tmp_path / "there") == work_files(Path(repo.local_dir))
    assert repo.is_repo_clean()


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_tracking_by_file_name_means_that_file_alone(repo, name):
    repo.lfs_track(name, filename=True)
    neighbours = [f"x{name}", f"{name}x", name.replace("*", "x").replace("?", "x") + "y", "w1.data"]
    answer = filters(repo.local_dir, [name, *neighbours])
    assert answer.pop(name) == "lfs"
    assert set(answer.values()) == {"unspecified"}
    repo.lfs_untrack(name)
    assert filters(repo.local_dir, [name]) == {name: "unspecified"}


@pytest.mark.parametrize("key", ["brackets", "star", "question mark", "leading colon", "backslash"])
def test_a_deleted_file_is_added_by_its_name_and_no_other(git, repo, key):
    name, neighbour = NAMES[key], "w1.data"
    write(repo, name, b"1\n")
    write(repo, neighbour, b"1\n")
    repo.push_to_hub()
    Path(repo.local_dir, name).unlink()
    write(repo, neighbour, b"changed\n")
    repo.git_add(name)
    staged = StockGit(Path(repo.local_dir))("diff", "--cached", "--name-status", "-z")
    assert staged == f"D\0{name}\0"


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS takes both spellings for one name")
def test_two_spellings_of_one_word_are_two_files(git, repo, tmp_path):
    one, two = noise(3000), noise(3000)
    write(repo, DECOMPOSED, one)
    write(repo, COMPOSED, two)
    repo.push_to_hub()
    files = committed(StockGit(Path(repo.local_dir)))
    assert files[DECOMPOSED] == pointer_to(one).encode()
    assert files[COMPOSED] == pointer_to(two).encode()
    Repository(tmp_path / "there", clone_from=repo.git_remote_url())
    assert work_files(tmp_path / "there") == work_files(Path(repo.local_dir))
    Path(repo.local_dir, DECOMPOSED).unlink()
    repo.git_add(DECOMPOSED)
    assert repo.list_deleted_files() == [DECOMPOSED]


def all_files() -> dict[str, bytes]:
    files = {name: noise(3000) for name in [*NAMES.values(), DECOMPOSED, COMPOSED]}
    for number, folder in enumerate(FOLDERS):
        # Not the same names: git-lfs 3.3 takes "/name" for any file of that name, in fsck.
        files |= {f"{folder}/{name[:-1]}z": b"text %d\n" % number for name in NAMES.values()}
        files[f"{folder}/weights w.data"] = noise(3000)
    return files


def test_all_at_once_over_http_and_into_stock_hands(
    hub, hub_remote, stock_lfs, tmp_path, signed_in
):
    remote = hub_remote()
    repo = Repository(tmp_path / "copy", clone_from=remote.url)
    repo.large_file_bytes = 2000
    files = all_files()
    for name, content in files.items():
        write(repo, name, content)
    repo.push_to_hub("all")
    stock = StockGit(Path(repo.local_dir))
    tree = committed(stock)
    wrong = {
        name
        for name, content in files.items()
        if tree[name] != (pointer_to(content).encode() if len(content) == 3000 else content)
    }
    assert not wrong
    assert stock("status", "--porcelain", "-z") == ""
    stock("lfs", "fsck")

    stock_lfs.sign_in(remote)
    stock_lfs("clone", "--quiet", remote.url, "stock")
    there = work_files(tmp_path / "stock")
    assert {name for name, content in files.items() if there.get(name) != content} == set()
    stock_lfs.at("stock")("fsck")
    stock_lfs.at("stock")("lfs", "fsck")
    assert stock_lfs.at("stock")("status", "--porcelain", "-z") == ""


def test_a_renamed_object_is_not_asked_for_twice(hub, hub_remote, tmp_path, signed_in):
    remote = hub_remote()
    repo = Repository(tmp_path / "copy", clone_from=remote.url)
    names = [name for name in NAMES.values() if len(os.fsencode(name)) < 240]
    for name in names:
        write(repo, name, noise(3000))
    repo.push_to_hub("first")
    for name in names:
        Path(repo.local_dir, name).rename(Path(repo.local_dir, f"2 {name}"))
    start = len(hub.requests)
    repo.push_to_hub("renamed")
    sent = [request for request in hub.requests[start:] if request.method == "PUT"]
    assert sent == []


def test_attributes_of_stock_git_lfs_are_read_and_kept(stock_lfs, repo, tmp_path):
    """Names as `git lfs track --filename` writes them are the same names to csgrepo."""
    stock = stock_lfs.at("copy")
    names = [NAMES["space"], NAMES["brackets"], NAMES["Chinese"], NAMES["star"]]
    for name in names:
        stock("lfs", "track", "--filename", name)
        write(repo, name, noise(3000))
    before = Path(repo.local_dir, ".gitattributes").read_bytes()
    assert repo.auto_track_large_files() == []
    repo.push_to_hub()
    assert Path(repo.local_dir, ".gitattributes").read_bytes() == before
    tree = committed(stock)
    assert all(tree[name].startswith(b"version https://git-lfs") for name in names)


ODD_FOLDERS = ["my models", "w[1] 'x' \"y\"", "中文 🚀", "-dash", "a\nb", "$HOME %TEMP% ~", "a:b"]


@pytest.mark.parametrize("name", [*ODD_FOLDERS, "n" * 255])
def test_the_folder_itself_may_have_any_name(git, bare_remote, tmp_path, name):
    remote = bare_remote()
    repo = Repository(tmp_path / name, clone_from=remote.url)
    write(repo, "weights.bin", noise())
    assert repo.push_to_hub() == repo.git_head_commit_url()
    Path(tmp_path, "in").mkdir()
    again = Repository(tmp_path / "in" / name, clone_from=remote.url)
    assert work_files(Path(again.local_dir)) == work_files(Path(repo.local_dir))
    StockGit(Path(repo.local_dir))("status", "--porcelain")


@pytest.mark.parametrize("name", ODD_FOLDERS)
def test_a_folder_of_any_name_is_adopted(git, bare_remote, tmp_path, name):
    remote = bare_remote()
    first = Repository(tmp_path / "first", clone_from=remote.url)
    write(first, "theirs [1]\n.bin", noise())
    first.push_to_hub()
    (tmp_path / name).mkdir()
    (tmp_path / name / "mine").write_text("mine")
    repo = Repository(tmp_path / name, clone_from=remote.url)
    repo.push_to_hub()
    first.git_pull()
    assert work_files(Path(repo.local_dir)) == work_files(Path(first.local_dir))
