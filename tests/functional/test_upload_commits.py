"""`create_commit`: what a branch holds afterwards, as stock git and git-lfs see it."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from csgrepo import CommitOperationAdd, CommitOperationDelete, errors
from csgrepo.server import Hub
from tests.functional import uploads
from tests.functional.uploads import Target
from tests.stock import RemoteRepository, StockGit

WEIGHTS = bytes(range(256)) * 5000


@pytest.fixture
def target(
    hub: Hub, hub_remote: Callable[..., RemoteRepository], stock_lfs: StockGit
) -> Iterator[Target]:
    made = uploads.target(hub, hub_remote, stock_lfs)
    with made.api:
        yield made


def add(files: dict[str, bytes]) -> list[CommitOperationAdd]:
    return [CommitOperationAdd(path, content) for path, content in files.items()]


def test_the_tree_is_what_was_there_and_what_is_new(target: Target, tmp_path: Path) -> None:
    before = target.tree()
    files = {"模型/权重.bin": WEIGHTS, "config.json": b"{}\n", "a/b/c/说明 书.md": b"x\n", "e": b""}
    (tmp_path / "weights").write_bytes(WEIGHTS)

    info = target.api.create_commit(
        target.repo_id,
        [
            CommitOperationAdd("模型/权重.bin", tmp_path / "weights"),
            CommitOperationAdd("config.json", io.BytesIO(b"{}\n")),
            *add({"a/b/c/说明 书.md": b"x\n", "e": b""}),
        ],
        commit_message="Add <all> & more",
        commit_description="first line\n\nsecond line",
    )

    assert target.tree() == before | files
    assert target.pointers() == {"模型/权重.bin"}
    assert info.oid == target.head() == info.commits[0]
    assert info.url == f"{target.hub.url}/models/{target.repo_id}/commit/{info.oid}"
    assert (info.added, info.updated, info.deleted) == (tuple(sorted(files)), (), ())
    assert (info.objects_sent, info.bytes_sent) == (1, len(WEIGHTS))
    body = target.git.at(target.remote.path)("log", "-1", "--format=%an|%B", "main")
    assert body.strip() == (
        f"{target.remote.username}|Add <all> & more\n\nfirst line\n\nsecond line"
    )


def test_adding_changing_and_deleting_is_one_commit(target: Target) -> None:
    old = {"d/one": b"1", "d/e/two": b"2", "keep": b"3", "change": b"4", "go.bin": WEIGHTS}
    target.api.create_commit(target.repo_id, add(old), commit_message="old")
    before, count = target.tree(), target.commits()

    info = target.api.create_commit(
        target.repo_id,
        [
            *add({"change": b"5", "new": b"6"}),
            CommitOperationDelete("d/"),
            CommitOperationDelete("go.bin"),
        ],
        commit_message="new",
    )

    for name in ("d/one", "d/e/two", "go.bin"):
        del before[name]
    assert target.tree() == before | {"change": b"5", "new": b"6"}
    assert target.commits() == count + 1
    assert (info.added, info.updated) == (("new",), ("change",))
    assert info.deleted == ("d/e/two", "d/one", "go.bin")


def test_the_same_again_makes_no_commit_and_sends_nothing(target: Target) -> None:
    files = add({"w.bin": WEIGHTS, "a/b": b"text"})
    first = target.api.create_commit(target.repo_id, files, commit_message="once")
    target.hub.requests.clear()

    again = target.api.create_commit(target.repo_id, files, commit_message="twice")

    assert (again.oid, again.commits, again.is_empty) == (first.oid, (), True)
    assert again.unchanged == ("a/b", "w.bin")
    assert "no commit was made" in str(again)
    assert target.head() == first.oid
    assert not target.asked("PUT")
    assert not target.asked(part="objects/batch")
    assert not target.asked("POST", "git-receive-pack")


def test_dry_run_tells_everything_and_changes_nothing(target: Target) -> None:
    target.api.create_commit(target.repo_id, add({"a": b"1", "b": b"2"}), commit_message="x")
    head = target.head()
    operations = [
        *add({"a": b"9", "b": b"2", "c.bin": WEIGHTS}),
        CommitOperationDelete("README.md"),
    ]

    info = target.api.create_commit(target.repo_id, operations, commit_message="y", dry_run=True)

    assert (info.added, info.updated, info.unchanged) == (("c.bin",), ("a",), ("b",))
    assert (info.deleted, info.oid, info.dry_run) == (("README.md",), head, True)
    assert target.head() == head
    assert not target.asked("PUT")


def test_a_parent_that_is_not_the_branch_is_a_conflict(target: Target) -> None:
    old = target.head()
    new = target.api.create_commit(
        target.repo_id, add({"a": b"1"}), commit_message="x", parent_commit=old
    )
    with pytest.raises(errors.Conflict, match=new.oid):
        target.api.create_commit(
            target.repo_id, add({"b": b"1"}), commit_message="x", parent_commit=old
        )
    assert target.head() == new.oid


@pytest.mark.parametrize(
    "name",
    ["../x", "a/../../x", "/etc/passwd", ".git/config", "a/.GIT/hooks/x", "a\\..\\b", "", "a//b"],
)
def test_hostile_names_are_refused_before_anything_is_sent(target: Target, name: str) -> None:
    target.hub.requests.clear()
    with pytest.raises(errors.UnsafePath):
        target.api.upload_file(path_or_fileobj=b"x", path_in_repo=name, repo_id=target.repo_id)
    assert not target.asked()


def test_what_is_not_there_cannot_be_deleted(target: Target) -> None:
    with pytest.raises(errors.NotFound, match=r"no file 'none\.bin'"):
        target.api.delete_file("none.bin", target.repo_id)
    with pytest.raises(errors.NotFound, match=r"no folder 'README\.md'"):
        target.api.delete_folder("README.md", target.repo_id)


def test_attributes_of_the_same_commit_decide_what_lfs_keeps(target: Target) -> None:
    rules = b"big/** filter=lfs diff=lfs merge=lfs -text\n*.bin -filter\n"
    files = {".gitattributes": rules, "big/deep/x": WEIGHTS, "raw.bin": b"\0raw", "B.BIN": b"\0up"}

    target.api.create_commit(target.repo_id, add(files), commit_message="x")

    assert target.pointers() == {"big/deep/x"}
    assert target.tree() | files == target.tree()


def test_a_name_that_only_the_hub_takes_for_large_gets_a_line(target: Target) -> None:
    before = target.tree()

    info = target.api.create_commit(target.repo_id, add({"x/B.BIN": WEIGHTS}), commit_message="x")

    after = target.tree()
    assert target.pointers() == {"x/B.BIN"}
    assert after["x/B.BIN"] == WEIGHTS
    added = after[".gitattributes"].removeprefix(before[".gitattributes"])
    assert added == b"*.BIN filter=lfs diff=lfs merge=lfs -text\n"
    assert info.updated == (".gitattributes",)


def test_a_new_branch_begins_at_the_default_one(target: Target) -> None:
    with pytest.raises(errors.NotFound, match="create_branch=True"):
        target.api.create_commit(
            target.repo_id, add({"a": b"1"}), commit_message="x", revision="feature/新"
        )
    info = target.api.create_commit(
        target.repo_id,
        add({"a": b"1"}),
        commit_message="x",
        revision="feature/新",
        create_branch=True,
    )
    assert target.tree("feature/新") == target.tree() | {"a": b"1"}
    assert info.branch == "feature/新"
