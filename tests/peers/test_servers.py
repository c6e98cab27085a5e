"""The servers the other tests rely on, tried with the clients they were made for."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable

import pytest
import requests

from tests.stock import RemoteRepository, StockGit

MIB = 1024 * 1024
OID = hashlib.sha256(b"abc").hexdigest()


@pytest.fixture
def pushed(any_remote: Callable[..., RemoteRepository], stock_lfs: StockGit) -> RemoteRepository:
    """A remote with a 12 MiB file that stock git-lfs pushed, `weights.bin`."""
    remote = any_remote()
    stock_lfs.sign_in(remote)
    stock_lfs("clone", "--quiet", remote.url, "work")
    work = stock_lfs.at("work")
    (work.cwd / "weights.bin").write_bytes(os.urandom(12 * MIB))
    work("lfs", "track", "*.bin")
    work("add", ".")
    work("commit", "--quiet", "-m", "Add weights")
    work("push", "--quiet", "origin", "HEAD:main")
    return remote


def test_large_file_pushed_by_stock_git_lfs_is_cloned_byte_for_byte(
    pushed: RemoteRepository, stock_lfs: StockGit
) -> None:
    stock_lfs("clone", "--quiet", "--branch", "main", pushed.url, "copy")

    original = (stock_lfs.cwd / "work" / "weights.bin").read_bytes()
    assert len(original) == 12 * MIB
    assert (stock_lfs.cwd / "copy" / "weights.bin").read_bytes() == original
    assert "version https://git-lfs" in stock_lfs.at("copy")("show", "HEAD:weights.bin")
    stock_lfs.at("copy")("lfs", "fsck")


def test_large_file_pushed_by_stock_git_lfs_is_in_the_remotes_object_folder(
    pushed: RemoteRepository, stock_lfs: StockGit
) -> None:
    original = (stock_lfs.cwd / "work" / "weights.bin").read_bytes()

    kept = pushed.object_path(hashlib.sha256(original).hexdigest())

    assert kept is not None
    assert kept.read_bytes() == original


def test_peer_when_asked_without_the_password_wants_one(
    peer_remote: Callable[..., RemoteRepository], git: StockGit
) -> None:
    remote = peer_remote()
    git("init", "--quiet", ".")
    git("commit", "--quiet", "--allow-empty", "-m", "Begin")

    for args in (("ls-remote", remote.url), ("push", remote.url, "HEAD:main")):
        refused = git.run(*args)
        assert refused.returncode == 128
        assert b"could not read Username" in refused.stderr


def ask_for_upload(remote: RemoteRepository, *, signed: bool) -> requests.Response:
    return requests.post(
        f"{remote.url}/info/lfs/objects/batch",
        json={"operation": "upload", "transfers": ["basic"], "objects": [{"oid": OID, "size": 3}]},
        headers={
            "Accept": "application/vnd.git-lfs+json",
            "Content-Type": "application/vnd.git-lfs+json",
        },
        auth=(remote.username, remote.password) if signed else None,
        timeout=300,
    )


def test_giftless_answers_a_batch_with_signed_actions_that_are_checked(
    peer_remote: Callable[..., RemoteRepository],
) -> None:
    remote = peer_remote()
    assert ask_for_upload(remote, signed=False).status_code == 401

    answer = ask_for_upload(remote, signed=True)

    assert answer.status_code == 200
    [asked] = answer.json()["objects"]
    assert asked["authenticated"] is True
    upload = asked["actions"]["upload"]
    assert upload["href"].startswith(remote.url)
    forged = {"Authorization": upload["header"]["Authorization"][:-4] + "AAAA"}
    for headers, status in (({}, 401), (forged, 401), (upload["header"], 200)):
        done = requests.put(upload["href"], data=b"abc", headers=headers, timeout=300)
        assert done.status_code == status
    kept = remote.object_path(OID)
    assert kept is not None
    assert kept.read_bytes() == b"abc"
