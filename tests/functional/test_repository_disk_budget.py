"""What a working copy takes on the disk while checkpoints come and go."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from csgrepo import DiskBudgetExceeded, QueueError, Repository
from csgrepo.repository.budget import usage
from csgrepo.server import Answer
from tests.functional.copies import noise, pointer_to

MIB = 1024 * 1024
SAVES, KEPT = 30, 2


class Peak:
    """The most that a folder takes while the block lasts, looked at all the time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.most = 0
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def _watch(self) -> None:
        while not self._is_over.wait(0.005):
            self.most = max(self.most, usage(self.folder))

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()


def test_thirty_saves_stay_within_the_budget(hub_remote, signed_in, stock_lfs, tmp_path):
    remote = hub_remote()
    folder = tmp_path / "work"
    # Two kept, one new, a copy of each for LFS or on its way: the 30 saves together take 60 MiB.
    budget = 8 * MIB
    repo = Repository(folder, clone_from=remote.url, disk_budget=budget, push_policy="latest")
    last = b""
    with Peak(folder) as peak:
        for step in range(SAVES):
            last = noise(MIB)
            (folder / f"step-{step}.bin").write_bytes(last)
            (folder / f"step-{step - KEPT}.bin").unlink(missing_ok=True)
            repo.push_to_hub(f"step {step}", blocking=False, auto_lfs_prune=True)
        repo.wait_for_commands(500)
    assert KEPT * MIB < peak.most <= budget
    assert repo.verify()
    assert repo.command_queue[-1].receipt.commit == repo.git_head_hash()
    assert len([path for path in remote.objects.rglob("*") if path.is_file()]) == SAVES
    stock_lfs("clone", "--quiet", remote.signed_url, "fresh")
    assert (tmp_path / "fresh" / f"step-{SAVES - 1}.bin").read_bytes() == last


def test_a_save_beyond_the_budget_fails_before_anything_is_written(hub_remote, tmp_path, signed_in):
    repo = Repository(tmp_path / "work", clone_from=hub_remote().url, disk_budget="3MiB")
    head = repo.git_head_hash()
    Path(repo.local_dir, "w.bin").write_bytes(noise(2 * MIB))
    before = usage(repo.local_dir)
    with pytest.raises(DiskBudgetExceeded, match="raise disk_budget"):
        repo.push_to_hub("too much", blocking=False)
    assert usage(repo.local_dir) - before < MIB // 4
    assert repo.git_head_hash() == head
    assert repo.command_queue == []

    repo.disk_budget = 10 * MIB
    assert repo.push_to_hub("enough").endswith(repo.git_head_hash())


@pytest.fixture
def repo(hub_remote, signed_in, tmp_path: Path) -> Repository:
    return Repository(tmp_path / "work", clone_from=hub_remote().url, delete_local="after_verified")


@pytest.fixture
def folder(repo: Repository) -> Path:
    return Path(repo.local_dir)


def kept(folder: Path) -> set[str]:
    return {p.name for p in (folder / ".git" / "lfs" / "objects").rglob("*") if p.is_file()}


def oid(content: bytes) -> str:
    return pointer_to(content).split("sha256:")[1][:64]


@pytest.mark.parametrize("blocking", [True, False])
def test_files_become_pointers_once_the_remote_was_seen_to_have_them(repo, folder, git, blocking):
    content = noise()
    for step in range(2):
        (folder / f"模型 {step}.bin").write_bytes(content + bytes([step]))
        repo.push_to_hub(f"step {step}", blocking=blocking)
        repo.wait_for_commands(500)
        assert (folder / f"模型 {step}.bin").read_text() == pointer_to(content + bytes([step]))
    assert kept(folder) == set()
    assert repo.is_repo_clean()
    assert git.at(folder)("status", "--porcelain") == ""
    with repo.commit("step 2"):  # what was left to the remote stays there
        (folder / "more.bin").write_bytes(content + b"more")
    assert {file.path for file in repo.pointers()} == {"模型 0.bin", "模型 1.bin", "more.bin"}
    assert Repository(folder, delete_local="after_verified").verify(remote=False).problems

    repo.git_pull(lfs=True)
    assert (folder / "模型 1.bin").read_bytes() == content + b"\1"
    assert repo.verify()


def test_nothing_goes_while_the_push_fails(hub, repo, folder):
    content = noise()
    (folder / "w.bin").write_bytes(content)
    name = "/".join(repo.git_remote_url().removesuffix(".git").split("/")[-2:])
    fault = hub.faults.add("POST", f"{name}.*receive-pack", Answer(403), times=None)
    try:
        repo.push_to_hub(blocking=False)
        with pytest.raises(QueueError):
            repo.wait_for_commands(500)
    finally:
        hub.faults.remove(fault)
    assert (folder / "w.bin").read_bytes() == content
    assert kept(folder) == {oid(content)}


def test_nothing_goes_while_the_server_lacks_an_object(hub, repo, folder):
    content = noise()
    (folder / "w.bin").write_bytes(content)
    name = "/".join(repo.git_remote_url().removesuffix(".git").split("/")[-2:])
    lost = {"oid": oid(content), "size": len(content), "error": {"code": 404, "message": "gone"}}
    body = json.dumps({"transfer": "basic", "objects": [lost]}).encode()
    # It is asked what it lacks, then what has arrived, and once more after that was sent again.
    batch = f"{name}.*/objects/batch"
    fault = hub.faults.add("POST", batch, Answer(200, {}, body), times=None, skip=1)
    try:
        repo.push_to_hub(blocking=False)
        with pytest.raises(QueueError, match="gone"):
            repo.wait_for_commands(500)
    finally:
        hub.faults.remove(fault)
    assert fault.hits
    assert (folder / "w.bin").read_bytes() == content
    assert kept(folder) == {oid(content)}

    (again,) = Repository(folder, delete_local="after_verified")._queue.resume()
    assert again.wait(300).status == 0, again.error
    assert (folder / "w.bin").read_text() == pointer_to(content)


def test_a_file_that_training_has_rewritten_stays(hub, repo, folder):
    first, second = noise(), noise()
    (folder / "w.bin").write_bytes(first)
    (folder / "done.bin").write_bytes(first + b"done")
    repo.push_to_hub("first", blocking=False)
    (folder / "w.bin").write_bytes(second)
    repo.wait_for_commands(500)
    assert (folder / "w.bin").read_bytes() == second
    assert (folder / "done.bin").read_text() == pointer_to(first + b"done")
    repo.push_to_hub("second")
    assert (folder / "w.bin").read_text() == pointer_to(second)
