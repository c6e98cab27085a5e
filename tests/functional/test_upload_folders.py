"""`upload_folder`: a folder's files in a repository, and what is there besides left alone."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import csgrepo
from csgrepo import errors
from csgrepo.hub.commits.folder import files_in
from csgrepo.hub.commits.git_route import GitRoute
from csgrepo.lfs import hashes
from csgrepo.progress import Event, listen
from csgrepo.server import Hub
from tests import machine
from tests.functional import uploads
from tests.functional.uploads import Target, folder
from tests.stock import RemoteRepository, StockGit

WEIGHTS = bytes(range(256)) * 5000


@pytest.fixture
def target(
    hub: Hub, hub_remote: Callable[..., RemoteRepository], stock_lfs: StockGit
) -> Iterator[Target]:
    made = uploads.target(hub, hub_remote, stock_lfs)
    with made.api:
        yield made


def test_a_folder_is_added_to_what_is_there(target: Target, tmp_path: Path) -> None:
    before = target.tree()
    files = {"模型.bin": WEIGHTS, "a/b c/说明.md": b"x", "empty": b"", "a/[1]*.txt": b"y"}

    info = target.api.upload_folder(
        repo_id=target.repo_id, folder_path=folder(tmp_path / "out", files), path_in_repo="运行/1"
    )

    put = {f"运行/1/{name}": content for name, content in files.items()}
    assert target.tree() == before | put
    assert info.added == tuple(sorted(put))
    assert target.pointers() == {"运行/1/模型.bin"}


def test_many_files_become_several_commits_and_a_rerun_costs_no_body(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GitRoute, "files_per_commit", 40)
    files = {f"d{number % 7}/f{number}.txt": b"%d" % number for number in range(100)}
    out = folder(tmp_path / "out", files)
    before, count = target.tree(), target.commits()

    info = target.api.upload_folder(
        repo_id=target.repo_id, folder_path=out, commit_message="All of it"
    )

    assert target.tree() == before | files
    assert target.commits() == count + 3 == count + len(info.commits)
    said = target.git.at(target.remote.path)("log", "-3", "--reverse", "--format=%s", "main")
    assert said.splitlines() == [f"All of it (part {number} of 3)" for number in (1, 2, 3)]

    target.hub.requests.clear()
    again = target.api.upload_folder(repo_id=target.repo_id, folder_path=out)
    assert len(again.unchanged) == 100
    assert again.commits == ()
    assert [path.rpartition("/")[2] for path in target.asked("POST")] == [
        "git-upload-pack",
        again.oid,  # of preupload
    ]


def test_what_is_ignored_is_not_uploaded(target: Target, tmp_path: Path) -> None:
    target.api.upload_file(
        path_or_fileobj=b"*.remote\n", path_in_repo=".gitignore", repo_id=target.repo_id
    )
    before = target.tree()
    files = {
        "a/.gitignore": b"secret\n!kept.log\n/anchored/\n",
        "a/secret": b"key",
        "a/anchored/x": b"x",
        "a/b/anchored/x": b"x",
        "a/kept.log": b"x",
        "drop.tmp": b"x",
        "logs/1": b"x",
        "of.remote": b"x",
        ".git/config": b"[core]",
        "sub/.git/config": b"[core]",
        "stays": b"x",
    }

    info = target.api.upload_folder(
        repo_id=target.repo_id,
        folder_path=folder(tmp_path / "out", files),
        ignore_patterns=["*.tmp", "logs/"],
    )

    kept = ("a/.gitignore", "a/b/anchored/x", "a/kept.log", "stays")
    assert target.tree() == before | {name: files[name] for name in kept}
    assert info.ignored == ("a/anchored/x", "a/secret", "of.remote")


def test_only_what_is_allowed_is_uploaded(target: Target, tmp_path: Path) -> None:
    out = folder(tmp_path / "out", {"a.json": b"1", "b/c.json": b"2", "b/c.txt": b"3"})
    info = target.api.upload_folder(
        repo_id=target.repo_id, folder_path=out, allow_patterns="*.json"
    )
    assert info.added == ("a.json", "b/c.json")


def test_delete_patterns_take_away_what_is_not_uploaded(target: Target, tmp_path: Path) -> None:
    old = {"run/1.bin": WEIGHTS, "run/2.bin": b"2", "run/keep.txt": b"3", "other/1.bin": b"4"}
    target.api.upload_folder(repo_id=target.repo_id, folder_path=folder(tmp_path / "old", old))
    before = target.tree()
    new = folder(tmp_path / "new", {"2.bin": b"2", "3.bin": b"5"})

    info = target.api.upload_folder(
        repo_id=target.repo_id,
        folder_path=new,
        path_in_repo="run",
        delete_patterns=["*.bin", ".gitattributes"],
    )

    del before["run/1.bin"]
    assert target.tree() == before | {"run/3.bin": b"5"}
    assert (info.added, info.deleted) == (("run/3.bin",), ("run/1.bin",))
    assert info.unchanged == ("run/2.bin",)


@pytest.mark.skipif(os.name == "nt", reason="links need a right of their own there")
def test_links_are_not_followed_out_of_the_folder(target: Target, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"key")
    folder(tmp_path / "outside", {"x": b"x"})
    out = folder(tmp_path / "out", {"real": b"1", ".git/x": b"x"})
    for name, goal in {
        "inside": "real",
        "to-secret": "../secret",
        "to-folder": "../outside",
        "to-nothing": "none",
        "in-circles": "in-circles",
        "to-git": ".git/x",
    }.items():
        (out / name).symlink_to(goal)

    info = target.api.upload_folder(repo_id=target.repo_id, folder_path=out)

    assert info.added == ("inside", "real")
    assert target.tree()["inside"] == b"1"


@pytest.mark.skipif(os.name == "nt", reason="no such files there")
def test_pipes_and_sockets_are_left_out_and_named(
    target: Target, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    out = folder(tmp_path / "out", {"real": b"1"})
    os.mkfifo(out / "pipe")
    os.mknod(out / "socket", stat.S_IFSOCK | 0o600)
    (out / "link").symlink_to("pipe")

    info = target.api.upload_folder(repo_id=target.repo_id, folder_path=out)

    assert info.added == ("real",)
    said = [record.getMessage() for record in caplog.records if "not uploaded" in record.msg]
    assert [line.removeprefix(f"not uploaded from {out}: ") for line in said] == [
        "1 links out of it, to folders or to nothing, such as link",
        "2 pipes, sockets or devices, such as pipe",
    ]
    caplog.clear()
    patterns = ["pipe", "soc*", "link"]
    target.api.upload_folder(repo_id=target.repo_id, folder_path=out, ignore_patterns=patterns)
    assert "not uploaded" not in caplog.text
    with pytest.raises(errors.InvalidInput, match="a pipe, a socket or a device"):
        target.api.upload_file(
            path_or_fileobj=out / "pipe", path_in_repo="x", repo_id=target.repo_id
        )


@pytest.mark.skipif(os.name == "nt", reason="no file may be executed there, or every one")
def test_a_program_is_one_in_every_clone(target: Target, tmp_path: Path) -> None:
    out = folder(tmp_path / "out", {"run.sh": b"#!/bin/sh\n", "a/large.bin": WEIGHTS, "x": b"1"})
    for name in ("run.sh", "a/large.bin"):
        (out / name).chmod(0o755)

    target.api.upload_folder(repo_id=target.repo_id, folder_path=out)
    target.git.sign_in(target.remote)
    target.git("clone", "--quiet", target.remote.url, "clone")
    clone = target.git.cwd / "clone"
    programs = {"run.sh", "a/large.bin"}
    assert {name for name in (*programs, "x") if os.access(clone / name, os.X_OK)} == programs
    assert (clone / "a/large.bin").read_bytes() == WEIGHTS

    (out / "run.sh").write_bytes(b"#!/bin/sh\ntrue\n")
    (out / "run.sh").chmod(0o644)  # a copy may have lost it: one that is there stays
    target.api.upload_folder(repo_id=target.repo_id, folder_path=out)
    listed = target.git.at(target.remote.path)("ls-tree", "main", "run.sh")
    assert listed.startswith("100755 ")


def test_two_stars_stand_for_any_folders_or_none(tmp_path: Path) -> None:
    names = [".env", "a/.env", "a/b/.env", "a/b/x.tmp", "a/x.tmp", "keep", "a/keep.env"]
    out = folder(tmp_path / "out", dict.fromkeys(names, b"1"))
    assert set(files_in(out, None, ["**/.env", "a/**/*.tmp"])) == {"keep", "a/keep.env"}
    assert set(files_in(out, "**/*.tmp", None)) == {"a/b/x.tmp", "a/x.tmp"}


@pytest.mark.skipif(os.name == "nt", reason="permissions are others there")
def test_a_folder_that_cannot_be_read_is_named_and_may_be_left_out(tmp_path: Path) -> None:
    script = """
import sys
from pathlib import Path
from csgrepo import InvalidInput
from csgrepo.hub.commits.folder import files_in
for ignore in ("closed/", "*", "other"):
    try:
        print(list(files_in(Path(sys.argv[1]), None, ignore)))
    except InvalidInput as error:
        print(error)
"""
    out = folder(tmp_path / "out", {"closed/secret": b"1", "open": b"2"})
    (out / "closed").chmod(0)

    ended = machine.as_ordinary_user(script, out)

    (out / "closed").chmod(0o755)
    left_out, nothing, refused = ended.stdout.splitlines()
    assert (left_out, nothing) == ("['open']", "[]")
    assert refused.startswith(f"{out}/closed cannot be read (Permission denied)")
    assert refused.endswith("leave it out with the ignore pattern closed/")


def test_repository_and_branch_are_made_where_asked(target: Target, tmp_path: Path) -> None:
    out = folder(tmp_path / "out", {"a": b"1"})
    name = f"{target.remote.username}/fresh"
    with pytest.raises(errors.NotFound):
        target.api.upload_folder(repo_id=name, folder_path=out)

    info = csgrepo.upload_folder(
        repo_id=name,
        folder_path=out,
        revision="dev",
        create_repo=True,
        private=True,
        create_branch=True,
        endpoint=target.hub.url,
        token=target.remote.password,
    )

    assert info.branch == "dev"
    assert target.api.repo_info(name).private
    assert "a" in target.api.list_repo_files(name, revision="dev")
    assert "a" not in target.api.list_repo_files(name)


def test_a_file_too_large_for_git_is_named_in_the_attributes_that_come_along(
    target: Target, tmp_path: Path
) -> None:
    rules = b"*.txt text eol=lf\n"
    out = folder(tmp_path / "out", {".gitattributes": rules, "大.dat": bytes(21 * 1024 * 1024)})

    target.api.upload_folder(repo_id=target.repo_id, folder_path=out)

    tree = target.tree()
    assert tree["大.dat"] == bytes(21 * 1024 * 1024)
    assert target.pointers() == {"大.dat"}
    assert (
        tree[".gitattributes"] == rules + "/大.dat filter=lfs diff=lfs merge=lfs -text\n".encode()
    )
    again = target.api.upload_folder(repo_id=target.repo_id, folder_path=out)
    assert again.is_empty


def test_a_large_file_that_was_read_before_is_not_read_again(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hashes, "_COARSEST_CLOCK_S", 0)  # or the test would have to wait
    size = 21 * 1024 * 1024
    out = folder(tmp_path / "out", {"a.bin": bytes(size), "b.txt": b"1"})
    read: list[Event] = []
    stop = listen(read.append)

    def bytes_read() -> int:
        target.api.upload_folder(repo_id=target.repo_id, folder_path=out)
        ends = [event.done for event in read if (event.phase, event.state) == ("hash", "done")]
        read.clear()
        return sum(ends)

    assert bytes_read() == size + 1
    assert bytes_read() == 1
    os.utime(out / "a.bin", (1, 1))
    assert bytes_read() == size + 1
    (out / "a.bin").write_bytes(bytes(size - 1) + b"1")
    assert bytes_read() == size + 1
    stop()
    assert target.tree()["a.bin"] == bytes(size - 1) + b"1"
