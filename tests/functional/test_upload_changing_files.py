"""Files that are written to while they are uploaded, and a push that nobody answers."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from csgrepo import errors
from csgrepo.hub import CommitInfo, HubApi
from csgrepo.progress import Event, listen
from csgrepo.server import Hub, Stall
from tests.functional import uploads
from tests.functional.stalls import stall_s
from tests.functional.uploads import Target
from tests.stock import RemoteRepository, StockGit

WEIGHTS = bytes(range(256)) * 5000


@pytest.fixture
def target(
    hub: Hub, hub_remote: Callable[..., RemoteRepository], git: StockGit
) -> Iterator[Target]:
    made = uploads.target(hub, hub_remote, git)
    with made.api:
        yield made
    hub.faults.clear()


def weights(target: Target, content: bytes = WEIGHTS) -> Path | None:
    return target.remote.object_path(hashlib.sha256(content).hexdigest())


def test_a_push_that_stalls_is_given_up_and_done_again(target: Target) -> None:
    def upload(api: HubApi, content: bytes) -> CommitInfo:
        return api.upload_file(path_or_fileobj=content, path_in_repo="a", repo_id=target.repo_id)

    wait_s = stall_s(lambda: upload(target.api, b"1"))
    hold = threading.Event()
    path = f"{target.repo_id}.*/git-receive-pack"
    fault = target.hub.faults.add("POST", path, Stall(event=hold))
    with HubApi(target.hub.url, target.remote.password, timeout=wait_s) as api:
        info = upload(api, b"2")
    hold.set()
    assert fault.hits == 1
    assert target.head() == info.oid


@pytest.mark.parametrize("phase", ["hash", "upload"])
def test_a_file_that_changes_meanwhile_is_named_and_makes_no_commit(
    target: Target, tmp_path: Path, phase: str
) -> None:
    path = tmp_path / "w.bin"
    path.write_bytes(WEIGHTS)
    head = target.head()

    def rewrite(event: Event) -> None:
        if event.phase == phase and event.state == "running":
            path.write_bytes(WEIGHTS[::-1])

    stop = listen(rewrite)
    with pytest.raises(errors.FileChanged, match=r"out/w\.bin"):
        target.api.upload_file(
            path_or_fileobj=path, path_in_repo="out/w.bin", repo_id=target.repo_id
        )
    stop()

    assert target.head() == head
    stored = weights(target)
    assert stored is None or stored.read_bytes() == WEIGHTS
    again = target.api.upload_file(
        path_or_fileobj=path, path_in_repo="out/w.bin", repo_id=target.repo_id
    )
    assert again.oid == target.head()
    stored = weights(target, WEIGHTS[::-1])
    assert stored is not None
    assert stored.read_bytes() == WEIGHTS[::-1]
