"""Thousands of small files: the index that stock git would write, their contents in one pack."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from csgrepo import InvalidInput, Repository
from csgrepo.git.settings import GitSettings
from csgrepo.lfs import attributes
from csgrepo.progress import Reporter
from csgrepo.repository import changes, small_files, staging
from csgrepo.repository.layout import WorkTree
from tests.peers import samples
from tests.stock import StockGit

COUNT = 1200
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:%b\nsize 12345\n" % (b"ab" * 32)
ODD = {
    "-rf": b"minus\n",
    "a b/#c !d.txt": b"odd\n",
    "子/模型 [1].txt": "你好\n".encode(),
    "new\nline\t": b"odd\n",
    "empty": b"",
    "no end": b"no newline at the end",
    "windows.txt": b"one\r\ntwo\r\n",
    "keyword.txt": b"$Id$\n",
    "utf16.txt": "words\n".encode("utf-16"),
    "almost.txt": POINTER + b"and words\n",
    "long.txt": b"0123456789abcde\n" * 70_000,
    "control.txt": bytes(range(256)),
}


@pytest.fixture
def work(git: StockGit) -> StockGit:
    git("init", "--quiet", "work")
    return git.at("work")


def write(folder: Path, word: str = "first") -> None:
    many = {f"d{i % 9}/{i:04}.txt": f"{word} {i % 1000}\n".encode() for i in range(COUNT)}
    samples.write(folder, many | ODD)
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    if not (folder / "link").is_symlink():
        (folder / "link").symlink_to("-rf")


def stock_tree(work: StockGit) -> str:
    """Return the tree that stock git makes of the files."""
    beside = {"GIT_INDEX_FILE": str(work.cwd / ".git" / "beside")}
    work("add", "--all", **beside)
    return work("write-tree", **beside)


def packs(work: StockGit) -> int:
    return len(list((work.cwd / ".git" / "objects" / "pack").glob("*.pack")))


SETTINGS = {
    "as git comes": ({}, "", 1),
    "no line speaks of text": ({}, "* -text\n", 1),
    "line ends by setting": ({"core.autocrlf": "input"}, "", 0),
    "line ends by attribute": ({}, "windows.txt text\n", 1),
    "line ends where it looks like text": ({}, "* text=auto\n", 0),
    "an older attribute": ({}, "windows.txt crlf=input\n", 1),
    "keywords": ({}, "*.txt ident\n", 0),
    "encodings": ({}, "utf16.txt text working-tree-encoding=UTF-16\n", 1),
    "a filter of the user's": ({"filter.up.clean": "tr a-z A-Z"}, "d1/** filter=up\n", 1),
    "a filter that nobody has": ({}, "d1/** filter=none\n", 1),
    "no executable bits": ({"core.fileMode": "false"}, "", 1),
    "an index in two files": ({"core.splitIndex": "true"}, "", 1),
    "an index of version 4": ({"index.version": "4"}, "", 1),
    "packs of thousands are taken apart": ({"fastimport.unpackLimit": "5000"}, "", 0),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_the_index_is_the_one_that_stock_git_writes(work: StockGit, name: str) -> None:
    settings, lines, expected = SETTINGS[name]
    for key, value in settings.items():
        work("config", key, value)
    (work.cwd / ".gitattributes").write_text(lines)
    write(work.cwd)

    Repository(work.cwd).git_add()

    assert packs(work) == expected
    assert work("write-tree") == stock_tree(work)
    assert work("ls-files", "--others", "--modified", "--exclude-standard") == ""
    assert "pack: 0" in work("count-objects", "-v") or expected
    assert work("fsck", "--strict", "--no-dangling", "--connectivity-only") == ""


def test_a_repository_with_sha256_ids_gets_the_same(git: StockGit) -> None:
    git("init", "--quiet", "--object-format=sha256", "work")
    work = git.at("work")
    write(work.cwd)

    Repository(work.cwd).git_add()

    assert (packs(work), work("write-tree")) == (1, stock_tree(work))


def test_changed_deleted_and_new_files_are_staged_together(work: StockGit) -> None:
    repo = Repository(work.cwd)
    write(work.cwd)
    repo.git_add()
    repo.git_commit("First")
    write(work.cwd, "second")
    for number in range(0, 90, 9):
        (work.cwd / "d0" / f"{number:04}.txt").unlink()
    (work.cwd / "empty").unlink()
    (work.cwd / "empty").mkdir()  # a folder where a file was
    (work.cwd / "empty" / "file").write_text("new\n")
    (work.cwd / "link").unlink()
    (work.cwd / "link").write_text("a file where a link was\n")

    repo.git_add()
    repo.git_commit("Second")

    assert work("rev-parse", "HEAD^{tree}") == stock_tree(work)
    assert work("status", "--porcelain") == ""
    assert work("fsck", "--strict") == ""


def test_large_files_among_them_go_to_lfs(work: StockGit) -> None:
    write(work.cwd)
    content = samples.content("weights", 50_000)
    samples.write(work.cwd, {"w.bin": content, "v.bin": content})

    Repository(work.cwd).git_add(auto_lfs_track=True)

    pointer = work("show", ":w.bin")
    assert pointer.startswith("version https://git-lfs.github.com/spec/v1\n")
    assert work("show", ":v.bin") == pointer
    assert packs(work) == 1


def test_a_pointer_among_them_is_refused_and_the_index_is_as_it_was(work: StockGit) -> None:
    write(work.cwd)
    (work.cwd / "d3" / "stray.txt").write_bytes(POINTER)

    with pytest.raises(InvalidInput, match=r"d3/stray\.txt is only an LFS pointer"):
        Repository(work.cwd).git_add()

    assert work("ls-files") == ""


def vanish(path: Path) -> None:
    path.unlink()


def grow(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"more\n")


def rewrite(path: Path) -> None:
    before = path.stat()
    path.write_bytes(b"x" * before.st_size)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def become_a_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("1000.txt")


def become_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize("change", [vanish, grow, rewrite, become_a_link, become_a_pipe])
def test_a_file_that_changes_after_the_look_is_left_to_git(
    work: StockGit, change: Callable[[Path], None]
) -> None:
    write(work.cwd)
    tree = WorkTree(work.cwd)
    found = changes.find(tree)
    change(work.cwd / "d1" / "0001.txt")

    packed = small_files.pack(tree, found.candidates, (), GitSettings.of(tree.git))

    assert len(packed) > COUNT
    assert "d1/0001.txt" not in packed


def test_a_file_that_is_gone_after_the_look_is_not_committed(work: StockGit) -> None:
    write(work.cwd)
    tree = WorkTree(work.cwd)
    found = changes.find(tree)
    vanish(work.cwd / "d1" / "0001.txt")
    grow(work.cwd / "d1" / "0010.txt")

    staging.stage(tree, found, Reporter(str(work.cwd)))

    assert packs(work) == 1
    assert work("write-tree") == stock_tree(work)


def test_files_that_may_be_as_they_were_are_not_packed_again(work: StockGit) -> None:
    write(work.cwd)
    Repository(work.cwd).git_add()
    os.utime(work.cwd / ".git" / "index", ns=(0, 0))  # now git takes no entry at its word
    (work.cwd / "new.txt").write_text("new\n")

    Repository(work.cwd).git_add()

    assert packs(work) == 1
    assert work("write-tree") == stock_tree(work)


def test_fewer_files_are_added_by_git_itself(work: StockGit) -> None:
    samples.write(work.cwd, {f"{i}.txt": f"{i}\n".encode() for i in range(300)})

    Repository(work.cwd).git_add()

    assert packs(work) == 0
    assert work("write-tree") == stock_tree(work)


def test_kinds_of_files_are_told_apart_as_git_tells_them(work: StockGit) -> None:
    (work.cwd / ".gitattributes").write_text(
        "*.bin filter=lfs -text\n*.txt text\n*.md -text\n*.sh eol=lf\n*.c ident\n*.h -ident\n"
        "*.xml working-tree-encoding=UTF-16\n*.enc filter=crypt\n*.plain -filter\n*.raw binary\n"
    )
    names = ["a.bin", "a.txt", "a.md", "a.sh", "a.c", "a.h", "a.xml", "a.enc", "a.plain", "a.raw"]

    kinds = attributes.kinds(WorkTree(work.cwd).git, [*names, "other"])

    assert kinds.large == {"a.bin"}
    assert kinds.converted == {"a.txt", "a.sh", "a.c", "a.xml", "a.enc"}
    assert attributes.kinds(WorkTree(work.cwd).git, []).large == set()
