"""The cache from the command line: listed, verified, made smaller."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from csgrepo import file_download, snapshot_download
from csgrepo.cli import main
from csgrepo.config import settings
from tests.functional.cli import as_json, inside
from tests.functional.copies import noise
from tests.functional.downloads import LARGE, Shelf, bodies, shelf

__all__ = ["shelf"]


def trees() -> list[Path]:
    return sorted(settings().cache.rglob("trees/*.json"))


def blobs() -> set[bytes]:
    return {path.read_bytes() for path in settings().cache.rglob("blobs/*")}


def age(commit: str, seconds: float) -> None:
    (path,) = (path for path in trees() if path.stem == commit)
    then = time.time() - seconds
    os.utime(path, (then, then))


def test_list_tells_commits_sizes_and_names(shelf: Shelf, capsys) -> None:
    commit = shelf.put({"a.bin": noise(LARGE)}, lfs=True)
    snapshot_download(shelf.id, revision="main")

    (repo,) = as_json("cache", "list")
    (revision,) = repo["revisions"]
    assert (repo["id"], repo["repo_type"]) == (shelf.id, "models")
    assert (revision["commit"], revision["names"]) == (commit, ["main"])
    assert revision["size_bytes"] > LARGE
    assert main(["cache", "list"]) == 0
    assert "3.1 MB" in capsys.readouterr().out


def test_verify_finds_what_rotted_and_lets_it_be_fetched_again(shelf: Shelf, capsys) -> None:
    shelf.put({"a.bin": noise(LARGE), "b.txt": b"b"}, lfs=True)
    folder = Path(snapshot_download(shelf.id))
    right = (folder / "a.bin").read_bytes()
    assert main(["cache", "verify"]) == 0
    with (folder / "a.bin").resolve().open("r+b") as file:
        file.seek(LARGE // 2)
        file.write(bytes([right[LARGE // 2] ^ 1]))
    capsys.readouterr()

    assert main(["cache", "verify", "--remove"]) == 1
    assert "a.bin: its bytes have changed; removed" in capsys.readouterr().out
    assert main(["cache", "verify"]) == 0
    assert Path(file_download(shelf.id, "a.bin")).read_bytes() == right


def test_prune_by_age_keeps_what_other_commits_need(shelf: Shelf, capsys) -> None:
    old = shelf.put({"kept.txt": b"kept", "w.txt": b"old"})
    snapshot_download(shelf.id, allow_patterns="*.txt", revision=old)
    new = shelf.put({"w.txt": b"new"})
    snapshot_download(shelf.id, allow_patterns="*.txt")
    age(old, 90 * 86400)
    shelf.asked(files=3)

    assert main(["cache", "prune", "--older-than", "30d", "--dry-run"]) == 0
    assert blobs() == {b"kept", b"old", b"new"}
    assert main(["cache", "prune", "--older-than", "30d"]) == 0

    assert f"removed models/{shelf.id} {old[:12]}" in capsys.readouterr().out
    assert blobs() == {b"kept", b"new"}
    assert [path.stem for path in trees()] == [new]
    assert Path(snapshot_download(shelf.id), "kept.txt").read_bytes() == b"kept"
    assert "kept.txt" not in {Path(request.path).name for request in bodies(shelf.asked())}


def test_prune_by_size_removes_what_was_used_longest_ago(shelf: Shelf) -> None:
    commits = []
    for number in range(3):
        content = bytes([number]) * 100_000
        commits.append(shelf.put({"w.txt": content}))
        snapshot_download(shelf.id, allow_patterns="w.txt")
    for number, commit in enumerate(commits):
        age(commit, 1000 * (3 - number))
    age(commits[0], 5)  # the first was used last

    assert main(["cache", "prune", "--keep", "250K"]) == 0

    assert {content[:1] for content in blobs()} == {b"\0", b"\2"}


def test_verify_and_prune_when_json_then_what_was_found_and_what_went(shelf: Shelf) -> None:
    commit = shelf.put({"a.bin": noise(2000), "b.txt": b"b"})
    folder = Path(snapshot_download(shelf.id, revision=commit, allow_patterns=["a.bin", "b.txt"]))
    named = {"repo": shelf.id, "repo_type": "models"}
    whole, sound = as_json("cache", "verify"), inside("cache", "verify")
    (folder / "b.txt").resolve().write_bytes(b"c")
    damaged = as_json("cache", "verify", code=1)
    dry = as_json("cache", "prune", "--keep", "0", "--dry-run")
    gone = as_json("cache", "prune", "--keep", "0")

    assert whole == {"files": 2, "damaged": []}
    assert sound.stderr == "2 files read, 0 damaged\n"
    assert sound.stdout == ""
    (found,) = damaged["damaged"]
    assert found == {**named, "path": "b.txt", "problem": found["problem"], "removed": False}
    (fact,) = gone
    assert fact == {**named, "commit": commit, "size_bytes": fact["size_bytes"], "removed": True}
    assert dry == [{**fact, "removed": False}]
    assert as_json("cache", "prune", "--keep", "0") == []
    assert trees() == []


def test_cache_when_there_is_none_then_empty_and_not_made(tmp_path: Path) -> None:
    where = ("--cache-dir", str(tmp_path / "none"))

    assert as_json("cache", "list", *where) == []
    assert as_json("cache", "verify", *where) == {"files": 0, "damaged": []}
    assert as_json("cache", "prune", "--older-than", "1d", *where) == []
    assert inside("cache", "list", *where).stderr == "the cache is empty\n"
    assert inside("cache", "prune", "--older-than", "1d", *where).stderr == "nothing to remove\n"
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("words", [["list"], ["verify"], ["prune", "--keep", "1G"]])
def test_cache_when_its_folder_is_a_file_then_2(words: list[str], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = inside("cache", *words, "--cache-dir", str(tmp_path / "file"), "--json")

    assert (done.returncode, done.stdout) == (2, "")
    assert "--cache-dir" in done.stderr


@pytest.mark.parametrize("words", [[], ["--keep", "much"], ["--older-than", "5y"]])
def test_prune_without_a_measure_is_refused(words: list[str]) -> None:
    assert main(["cache", "prune", *words]) == 2
