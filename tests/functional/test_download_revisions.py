"""A revision is what the hub says it is now; content that is here is not fetched again."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

import pytest

import csgrepo
from csgrepo import NotCached, NotFound, file_download, snapshot_download
from csgrepo.http import ending
from csgrepo.server import Hub
from tests.answering import Handler, answering, reply
from tests.functional.copies import noise, work_files
from tests.functional.disks import mounted, read_only
from tests.functional.downloads import LARGE, Shelf, bodies, shelf
from tests.functional.rest import Api
from tests.stock import StockGit

__all__ = ["shelf"]

KINDS = ["model", "dataset", "space", "code", "mcp", "skill"]


def read(path: str) -> bytes:
    return Path(path).read_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_snapshot_of_each_type_has_every_byte(hub_remote, hub, git, signed_in, kind) -> None:
    shelf = Shelf(hub, git, hub_remote(kind=csgrepo.RepoType(kind).rest_plural))
    large, small = {"目录/模型 [1].bin": noise(LARGE)}, {"a/b c.txt": b"text", "empty": b""}
    shelf.put(large, lfs=True)
    shelf.put(small)

    folder = Path(snapshot_download(shelf.id, repo_type=kind))

    assert {"README.md", ".gitattributes"} <= {path.name for path in folder.iterdir()}
    for path, content in (large | small).items():
        assert (folder / path).read_bytes() == content
        assert read(file_download(shelf.id, path, repo_type=kind)) == content


@pytest.mark.parametrize("lfs", [False, True], ids=["git", "lfs"])
def test_moved_branch_gives_the_new_bytes_and_unchanged_files_cost_no_body(shelf: Shelf, lfs):
    kept = {"kept.bin": noise(LARGE)}
    shelf.put(kept, lfs=lfs)
    shelf.put({"w.bin": b"first"})
    before = snapshot_download(shelf.id)
    assert read(file_download(shelf.id, "w.bin")) == b"first"
    shelf.asked(files=4)

    shelf.put({"w.bin": b"second"})
    after = snapshot_download(shelf.id)

    assert [Path(request.path).name for request in bodies(shelf.asked(files=1))] == ["w.bin"]
    assert (Path(before, "w.bin").read_bytes(), read(f"{after}/w.bin")) == (b"first", b"second")
    assert read(f"{after}/kept.bin") == kept["kept.bin"]
    assert read(file_download(shelf.id, "w.bin")) == b"second"
    assert bodies(shelf.asked()) == []


def test_second_snapshot_of_an_unchanged_repository_costs_one_request(shelf: Shelf) -> None:
    shelf.put({f"folder-{n % 7}/{n}.txt": str(n).encode() for n in range(60)})
    first = snapshot_download(shelf.id)
    shelf.asked(files=62)

    assert snapshot_download(shelf.id) == first

    assert [request.path.rpartition("/")[2] for request in shelf.asked()] == ["last_commit"]


def test_names_that_begin_alike_are_never_mixed_up(shelf: Shelf) -> None:
    names = ["v1", "v10", "v1.0", "v"]
    for name in names:
        shelf.tag(name, shelf.put({"w.bin": name.encode()}))

    for name in [*names, *reversed(names)]:
        assert read(file_download(shelf.id, "w.bin", revision=name)) == name.encode()
        assert read(snapshot_download(shelf.id, revision=name) + "/w.bin") == name.encode()


def test_tag_that_moved_is_seen(shelf: Shelf) -> None:
    shelf.tag("v1", shelf.put({"w.bin": b"old"}))
    assert read(file_download(shelf.id, "w.bin", revision="v1")) == b"old"

    shelf.tag("v1", shelf.put({"w.bin": b"new"}))

    assert read(file_download(shelf.id, "w.bin", revision="v1")) == b"new"


def test_branch_with_a_slash_and_a_commit_are_revisions_too(shelf: Shelf) -> None:
    commit = shelf.put({"w.bin": b"on a branch"}, branch="feature/x")

    assert read(file_download(shelf.id, "w.bin", revision="feature/x")) == b"on a branch"
    assert read(file_download(shelf.id, "w.bin", revision=commit)) == b"on a branch"


def test_unknown_revision_file_or_repository_is_not_found(shelf: Shelf) -> None:
    for call in (
        lambda: file_download(shelf.id, "w.bin", revision="no-such"),
        lambda: file_download(shelf.id, "no-such.bin"),
        lambda: snapshot_download(f"{shelf.id}-x"),
        lambda: snapshot_download(shelf.id, revision="a" * 40),
    ):
        with pytest.raises(NotFound):
            call()


def test_patterns_choose_files(shelf: Shelf) -> None:
    shelf.put({"a.json": b"1", "b.bin": b"2", "sub/c.json": b"3", "sub/d.txt": b"4"})

    def chosen(**patterns: object) -> set[str]:
        return set(snapshot_download(shelf.id, dry_run=True, **patterns).files)

    assert chosen(allow_patterns="*.json") == {"a.json", "sub/c.json"}
    assert chosen(allow_patterns=["sub/"], ignore_patterns=["*.txt"]) == {"sub/c.json"}
    assert chosen(allow_patterns=[]) == set()
    assert "a.json" not in chosen(ignore_patterns="*.json")


def test_dry_run_tells_what_is_missing_and_fetches_nothing(shelf: Shelf) -> None:
    shelf.put({"a.bin": b"here", "b.bin": b"missing"})
    file_download(shelf.id, "a.bin")
    shelf.asked(files=1)

    plan = snapshot_download(shelf.id, allow_patterns="*.bin", dry_run=True)

    assert (plan.missing, plan.missing_bytes) == (("b.bin",), 7)
    assert plan.files == {"a.bin": 4, "b.bin": 7}
    assert not Path(plan.path, "b.bin").exists()
    assert bodies(shelf.asked()) == []


def test_offline_serves_what_is_there_and_says_what_is_not(shelf: Shelf, monkeypatch) -> None:
    shelf.put({"a.bin": b"here", "b.bin": b"not"})
    folder = snapshot_download(shelf.id, allow_patterns="a.bin")
    shelf.asked(files=1)

    monkeypatch.setenv("CSGHUB_OFFLINE", "1")
    assert snapshot_download(shelf.id, allow_patterns="a.bin") == folder
    assert read(file_download(shelf.id, "a.bin")) == b"here"
    monkeypatch.delenv("CSGHUB_OFFLINE")
    with pytest.raises(NotCached) as missing:
        snapshot_download(shelf.id, allow_patterns="*.bin", local_files_only=True)
    assert missing.value.missing == ("b.bin",)
    for call in (
        lambda: file_download(shelf.id, "b.bin", local_files_only=True),
        lambda: file_download(shelf.id, "a.bin", revision="dev", local_files_only=True),
        lambda: snapshot_download(f"{shelf.id}-x", local_files_only=True),
    ):
        with pytest.raises(NotCached):
            call()

    assert shelf.asked() == []


def test_cache_that_may_only_be_read_serves_what_it_has(shelf: Shelf, tmp_path: Path) -> None:
    shelf.put({"a.bin": b"here"})
    shelf.tag("later", shelf.put({"b.bin": b"not"}))
    with contextlib.ExitStack() as stack:
        cache = tmp_path / "cache"
        if os.geteuid() == 0:  # who may write everywhere but where nobody may
            stack.enter_context(mounted(cache))
        folder = snapshot_download(shelf.id, cache_dir=cache, allow_patterns="a.bin")
        stack.enter_context(read_only(cache))

        assert snapshot_download(shelf.id, cache_dir=cache, allow_patterns="a.bin") == folder
        assert read(file_download(shelf.id, "a.bin", cache_dir=cache)) == b"here"
        assert read(file_download(shelf.id, "a.bin", cache_dir=cache, revision="later")) == b"here"
        with pytest.raises(OSError, match=r"[Rr]ead-only|[Pp]ermission"):
            file_download(shelf.id, "b.bin", cache_dir=cache)


def test_forced_download_fetches_what_is_there(shelf: Shelf) -> None:
    shelf.put({"a.bin": noise(LARGE)}, lfs=True)
    path = Path(file_download(shelf.id, "a.bin"))
    right = path.read_bytes()
    path.resolve().write_bytes(bytes(LARGE))  # somebody wrote through the link

    assert read(file_download(shelf.id, "a.bin", force_download=True)) == right


def test_two_hubs_with_the_same_name_have_their_own_caches(shelf: Shelf, account) -> None:
    with Hub() as other:
        token = other.add_user(account.name)
        api = Api(other.url, token, account.name)
        api.put_file(api.create(shelf.name), "w.txt", b"theirs")
        shelf.put({"w.txt": b"ours"})

        ours = file_download(shelf.id, "w.txt")
        theirs = file_download(shelf.id, "w.txt", endpoint=other.url, token=token)

    assert (read(ours), read(theirs)) == (b"ours", b"theirs")


def test_two_hubs_below_one_address_have_their_own_caches(tmp_path: Path) -> None:
    heads = {"/a": "a" * 40, "/b": "b" * 40}
    with answering() as server:

        def answer(handler: Handler) -> None:
            head = heads[handler.path[:2]]
            if "last_commit" in handler.path:
                reply(200, {"msg": "OK", "data": {"id": head}})(handler)
            else:
                reply(200, {"sha": head, "siblings": None})(handler)

        server.default = answer
        places = {
            prefix: snapshot_download("wanda/bert", endpoint=f"{server.url}{prefix}", token=False)
            for prefix in heads
        }
        server.default = reply(500)
        offline = {
            prefix: snapshot_download(
                "wanda/bert", endpoint=f"{server.url}{prefix}/", local_files_only=True
            )
            for prefix in heads
        }

    assert offline == places
    assert {Path(place).name for place in places.values()} == set(heads.values())


def test_where_links_do_not_work_files_are_copies(shelf: Shelf, monkeypatch) -> None:
    shelf.put({"a.bin": noise(LARGE), "sub/b.txt": b"b"})

    def refused(*_: object) -> None:
        raise OSError(errno.EPERM, "a required privilege is not held by the client")

    monkeypatch.setattr(Path, "symlink_to", refused)
    folder = Path(snapshot_download(shelf.id))
    shelf.asked(files=4)

    assert not any(path.is_symlink() for path in folder.rglob("*"))
    assert (folder / "sub/b.txt").read_bytes() == b"b"
    assert read(file_download(shelf.id, "a.bin")) == read(f"{folder}/a.bin")
    assert snapshot_download(shelf.id) == str(folder)
    assert bodies(shelf.asked()) == []


def test_file_that_somebody_put_in_the_place_of_a_link_is_not_served(shelf: Shelf) -> None:
    shelf.put({"a.txt": b"right"})
    path = Path(file_download(shelf.id, "a.txt"))
    assert path.is_symlink()
    path.unlink()
    path.write_bytes(b"wrong")  # as editors do, that write anew and rename

    assert read(file_download(shelf.id, "a.txt", local_files_only=True)) == b"right"


@pytest.mark.parametrize("kind", ["model", "dataset", "code"])
def test_repositories_bound_in_are_left_out(hub_remote, hub, git, signed_in, kind: str) -> None:
    shelf = Shelf(hub, git, hub_remote(kind=csgrepo.RepoType(kind).rest_plural))
    first = shelf.put({"a.txt": b"a", "empty": b""})
    bare = StockGit(shelf.remote.path)
    listed = bare("ls-tree", first) + f"\n160000 commit {'1' * 40}\tbound"
    tree = bare("mktree", "--missing", stdin=listed.encode())
    bare("update-ref", "refs/heads/main", bare("commit-tree", "-p", first, "-m", "bound", tree))

    folder = snapshot_download(shelf.id, repo_type=kind)

    assert work_files(Path(folder)) == work_files(
        Path(snapshot_download(shelf.id, repo_type=kind, revision=first))
    )


def test_commit_that_there_is_not_is_not_found(shelf: Shelf, monkeypatch) -> None:
    monkeypatch.setattr(ending, "rest", lambda _: False)
    shelf.put({"a.txt": b"a"})

    with pytest.raises(NotFound):
        file_download(shelf.id, "a.txt", revision="0" * 40)
    with pytest.raises(NotFound):
        snapshot_download(shelf.id, revision="0" * 40)


def test_empty_file_that_the_hub_keeps_as_a_large_one_is_taken(shelf: Shelf, account) -> None:
    """Content sent for such a name without its original is stored so: the contract's quirk."""
    api = Api(account.endpoint, account.token, account.name)
    api.put_file(f"/api/v1/models/{shelf.id}", "w.bin", b"")

    assert read(file_download(shelf.id, "w.bin")) == b""
    assert read(snapshot_download(shelf.id) + "/w.bin") == b""


def test_snapshot_leaves_nothing_but_the_files_below_its_folder(shelf: Shelf) -> None:
    shelf.put({"a.bin": noise(LARGE), "b.txt": b"b"})

    folder = Path(snapshot_download(shelf.id, allow_patterns=["*.bin", "*.txt"]))

    assert set(work_files(folder)) == {"a.bin", "b.txt"}
