"""Several writers on one branch, and repositories that git may not push to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from csgrepo import CommitOperationAdd, CommitOperationDelete, errors
from csgrepo.hub import HubApi
from csgrepo.server import Answer, Hub, Reset, Stall
from tests.functional import uploads
from tests.functional.uploads import Target
from tests.stock import RemoteRepository, StockGit

WEIGHTS = bytes(range(256)) * 50


@pytest.fixture
def target(
    hub: Hub, hub_remote: Callable[..., RemoteRepository], stock_lfs: StockGit
) -> Iterator[Target]:
    made = uploads.target(hub, hub_remote, stock_lfs)
    with made.api:
        yield made
    hub.faults.clear()


def put(target: Target, path: str, content: bytes, **more: object) -> str:
    return target.api.upload_file(
        path_or_fileobj=content, path_in_repo=path, repo_id=target.repo_id, **more
    ).oid


def test_writers_at_once_lose_nothing(target: Target) -> None:
    before, count = target.tree(), target.commits()
    files = {f"w{writer}/{n}.bin": b"%d %d" % (writer, n) for writer in range(4) for n in range(4)}

    with ThreadPoolExecutor(4) as pool:
        oids = set(pool.map(lambda item: put(target, *item), files.items()))

    assert target.tree() == before | files
    assert len(oids) == len(files)
    assert target.commits() == count + len(files)  # one behind the other


def held_up(target: Target, second: Callable[[], object], first: Callable[[], object]) -> object:
    """Begin the second upload, hold it up before its push, do the first, and let go."""
    hold = threading.Event()
    fault = target.hub.faults.add("POST", f"{target.repo_id}.*/git-receive-pack", Stall(event=hold))
    with ThreadPoolExecutor(1) as pool:
        later = pool.submit(second)
        try:
            uploads.until(lambda: fault.hits)
            first()
        finally:
            hold.set()
        return later.result()


def test_whoever_comes_second_goes_on_from_what_the_first_left(target: Target) -> None:
    put(target, "both", b"0")
    before, count = target.tree(), target.commits()

    held_up(
        target,
        lambda: target.api.create_commit(
            target.repo_id,
            [
                CommitOperationAdd("both", b"2"),
                CommitOperationAdd("second.bin", WEIGHTS),
                CommitOperationDelete("README.md"),
            ],
            commit_message="second",
        ),
        lambda: target.api.create_commit(
            target.repo_id,
            [
                CommitOperationAdd("both", b"1"),
                CommitOperationAdd("d/first", b"1"),
                CommitOperationDelete("README.md"),
            ],
            commit_message="first",
        ),
    )

    del before["README.md"]
    assert target.tree() == before | {"both": b"2", "d/first": b"1", "second.bin": WEIGHTS}
    assert target.commits() == count + 2


def test_with_a_parent_whoever_comes_second_is_told(target: Target) -> None:
    head = target.head()
    with pytest.raises(errors.Conflict):
        held_up(
            target,
            lambda: put(target, "second", b"2", parent_commit=head),
            lambda: put(target, "first", b"1"),
        )
    assert target.names() == {".gitattributes", "README.md", "first"}


def test_a_branch_that_others_have_made_meanwhile_is_gone_on_from(target: Target) -> None:
    held_up(
        target,
        lambda: put(target, "second", b"2", revision="dev", create_branch=True),
        lambda: put(target, "first", b"1", revision="dev", create_branch=True),
    )
    assert {"first", "second"} <= target.names("dev")


# --- repositories that git may not push to -------------------------------------------------------

CLOSED = b"001f# service=git-receive-pack\n0000%04x"
WORDS = b"ERR Git operations are not supported in Xnet-enabled repositories"


def closed_to_git(target: Target) -> None:
    """Have the hub refuse pushes as it does for such a repository; fetches go on."""
    answer = Answer(200, body=CLOSED % (len(WORDS) + 4) + WORDS)
    target.hub.faults.add("GET", f"{target.repo_id}.*/info/refs", answer)
    target.hub.faults.add("POST", f"{target.repo_id}.*/git-receive-pack", Answer(500), times=None)


def test_a_repository_closed_to_git_is_written_through_rest(target: Target) -> None:
    put(target, "old/1", b"1")
    put(target, "change.bin", b"2")
    before, count = target.tree(), target.commits()
    closed_to_git(target)

    info = target.api.create_commit(
        target.repo_id,
        [
            CommitOperationAdd("新/w.bin", WEIGHTS),
            CommitOperationAdd("change.bin", b"3"),
            CommitOperationAdd("empty.bin", b""),
            CommitOperationDelete("old/"),
            CommitOperationDelete("README.md"),
        ],
        commit_message="x",
    )

    for name in ("old/1", "README.md"):
        del before[name]
    assert target.tree() == before | {"新/w.bin": WEIGHTS, "change.bin": b"3", "empty.bin": b""}
    assert target.pointers() == {"新/w.bin", "change.bin"}
    assert target.head() == info.oid == info.commits[-1]
    assert len(info.commits) == 3 == target.commits() - count
    assert info.deleted == ("README.md", "old/1")

    target.hub.faults.clear()
    closed_to_git(target)
    again = put(target, "change.bin", b"3")
    assert again == info.oid


def test_a_lost_answer_of_rest_is_looked_up(target: Target) -> None:
    count = target.commits()
    closed_to_git(target)
    fault = target.hub.faults.add("POST", f"{target.repo_id}/commit/", Reset(on="response"))

    assert put(target, "a.bin", WEIGHTS) == target.head()

    assert fault.hits == 1
    assert target.commits() == count + 1


def test_rest_that_drops_a_file_is_found_out(target: Target) -> None:
    closed_to_git(target)
    target.hub.faults.add("POST", f"{target.repo_id}/commit/", Answer(200, body=b'{"msg":"OK"}'))
    with pytest.raises(errors.VerificationFailed, match="a does not hold"):
        put(target, "a", b"1")


def test_who_may_not_write_is_told_so(target: Target, hub: Hub) -> None:
    stranger = hub.add_user(f"stranger-of-{target.remote.username}")
    with HubApi(hub.url, stranger) as api, pytest.raises(errors.Forbidden):
        api.upload_file(path_or_fileobj=b"1", path_in_repo="a", repo_id=target.repo_id)
    with HubApi(hub.url, False) as api, pytest.raises(errors.Unauthorized):
        api.upload_file(path_or_fileobj=b"1", path_in_repo="a", repo_id=target.repo_id)
