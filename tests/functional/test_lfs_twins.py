"""A large object that is written twice as it arrives: both right, or the second not there."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest

from csgrepo import Repository, files
from csgrepo.errors import DigestMismatch
from csgrepo.lfs.pointer import Pointer
from csgrepo.lfs.store import Store
from tests.functional import copies, disks
from tests.stock import RemoteRepository, StockGit

CONTENT = os.urandom(300_000)
POINTER = Pointer(hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))


def arriving(*attempts: bytes) -> Callable[[BinaryIO], tuple[str, int]]:
    """Return what writes one attempt after the other, starting anew each time."""

    def write(target: BinaryIO) -> tuple[str, int]:
        with files.HashedSink(target) as sink:
            for number, attempt in enumerate(attempts):
                if number:
                    sink.restart()
                for start in range(0, len(attempt), 70_000):
                    sink.write(attempt[start : start + 70_000])
        return sink.oid, sink.size

    return write


def test_put_when_a_twin_is_wanted_writes_both(tmp_path: Path) -> None:
    stored = Store(tmp_path / "lfs").put(POINTER, arriving(CONTENT), tmp_path / "twin")

    assert stored.read_bytes() == CONTENT
    assert (tmp_path / "twin").read_bytes() == CONTENT


def test_put_when_the_transfer_begins_anew_has_nothing_of_the_first_attempt_in_either(
    tmp_path: Path,
) -> None:
    longer = b"x" * (len(CONTENT) + 10)

    stored = Store(tmp_path / "lfs").put(POINTER, arriving(longer, CONTENT), tmp_path / "twin")

    assert stored.read_bytes() == CONTENT
    assert (tmp_path / "twin").read_bytes() == CONTENT


def test_put_when_the_digest_is_wrong_keeps_neither(tmp_path: Path) -> None:
    with pytest.raises(DigestMismatch):
        Store(tmp_path / "lfs").put(POINTER, arriving(b"x" * len(CONTENT)), tmp_path / "twin")

    assert [path for path in (tmp_path / "lfs").rglob("*") if path.is_file()] == []
    assert not (tmp_path / "twin").exists()


def test_put_when_only_the_twin_has_no_room_keeps_the_object(tmp_path: Path) -> None:
    with disks.mounted(tmp_path / "small") as disk:
        disks.fill(disk, 100_000)

        stored = Store(tmp_path / "lfs").put(POINTER, arriving(CONTENT), disk / "twin")

        assert stored.read_bytes() == CONTENT
        assert not (disk / "twin").exists()


def test_put_when_the_twin_cannot_be_made_keeps_the_object(tmp_path: Path) -> None:
    stored = Store(tmp_path / "lfs").put(POINTER, arriving(CONTENT), tmp_path / "no" / "twin")

    assert stored.read_bytes() == CONTENT


def test_put_when_the_content_is_written_past_it_keeps_the_object_and_no_twin(
    tmp_path: Path,
) -> None:
    def write(target: BinaryIO) -> tuple[str, int]:
        os.pwrite(target.fileno(), CONTENT, 0)
        return POINTER.oid, POINTER.size

    stored = Store(tmp_path / "lfs").put(POINTER, write, tmp_path / "twin")

    assert stored.read_bytes() == CONTENT
    assert not (tmp_path / "twin").exists()


def test_clone_when_one_object_outweighs_all_others_leaves_two_independent_whole_copies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bare_remote: Callable[..., RemoteRepository]
) -> None:
    monkeypatch.setattr("csgrepo.repository.content._WORTH_A_TWIN_BYTES", 1000)
    remote = bare_remote()
    stock = StockGit(tmp_path)
    small = copies.noise(500)
    pointers = copies.with_lfs(remote, {"model.bin": CONTENT, "small.bin": small})
    attributes = {".gitattributes": b"*.bin filter=lfs diff=lfs merge=lfs -text\n"}
    copies.seed(stock, remote, attributes | pointers)

    Repository(tmp_path / "clone", clone_from=remote.url)

    clone = tmp_path / "clone"
    stored = Store(clone / ".git" / "lfs").path(POINTER.oid)
    assert (clone / "model.bin").read_bytes() == stored.read_bytes() == CONTENT
    assert (clone / "small.bin").read_bytes() == small
    assert stock.at("clone")("status", "--porcelain") == ""
    assert list((clone / ".git" / "csgrepo" / "tmp").iterdir()) == []
    with (clone / "model.bin").open("r+b") as stream:
        stream.write(b"rewritten in place")
    assert stored.read_bytes() == CONTENT
