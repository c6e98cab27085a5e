"""Saves faster than a push can go, from the file in the work tree to the bytes on the hub."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import pytest

from csgrepo import InvalidInput, QueueError, Repository
from csgrepo.server import Answer, Stall
from tests.functional.jobs_clone import until

SAVES = 20
SIZE = 64 * 1024


def _content(step: int) -> bytes:
    return step.to_bytes(4, "big") * (SIZE // 4)


def _save(repo: Repository, step: int, **options) -> None:
    """Save a step, and have the training go on writing into the very same file at once."""
    path = Path(repo.local_dir, "模型.bin")
    path.write_bytes(_content(step))
    repo.push_to_hub(f"step {step}", blocking=False, **options)
    with path.open("r+b") as stream:
        stream.write(b"\xff" * SIZE)


@pytest.mark.parametrize("policy", ["all", "latest"])
def test_every_commit_holds_the_bytes_of_its_own_save(
    hub, hub_remote, signed_in, stock_lfs, tmp_path, policy
):
    remote = hub_remote()
    go_on = threading.Event()
    repo = Repository(tmp_path / "work", clone_from=remote.url, push_policy=policy)
    fault = hub.faults.add("*", f"/.*{signed_in.name}/.*receive-pack", Stall(event=go_on))
    try:
        for step in range(SAVES):
            _save(repo, step)
    finally:
        go_on.set()
        hub.faults.remove(fault)
    repo.wait_for_commands(500)

    states = [command.job.state for command in repo.command_queue]
    if policy == "all":
        assert states == ["done"] * SAVES
    else:
        assert states[-1] == "done"
        assert states.count("superseded") >= SAVES - 3
        assert set(states) == {"done", "superseded"}
    assert repo.command_queue[-1].receipt.commit == repo.git_head_hash()
    commits = remote_commits(stock_lfs, remote, tmp_path)
    assert len(commits) == SAVES
    for step, (subject, oid) in enumerate(commits):
        assert subject == f"step {step}"
        assert oid == hashlib.sha256(_content(step)).hexdigest()
        stored = [path for path in remote.objects.rglob(oid) if path.is_file()]
        assert [path.read_bytes() for path in stored] == [_content(step)]
    assert Path(repo.local_dir, "模型.bin").read_bytes() == b"\xff" * SIZE


def remote_commits(git, remote, tmp_path) -> list[tuple[str, str]]:
    """Return the subject of each save on the remote, and the object its file is."""
    bare = git.at(remote.path)
    found = []
    for line in bare("log", "--reverse", "--format=%H %s", "main").splitlines():
        commit, _, subject = line.partition(" ")
        if subject.startswith("step "):
            pointer = bare("show", f"{commit}:模型.bin")
            found.append((subject, pointer.split("sha256:")[1][:64]))
    return found


def test_policy_of_one_call_goes_before_that_of_all(bare_remote, tmp_path):
    repo = Repository(tmp_path / "work", clone_from=bare_remote().url, push_policy="latest")
    _save(repo, 1)
    _save(repo, 2, policy="all")
    assert [command.job.push.policy for command in repo.command_queue] == ["latest", "all"]
    repo.wait_for_commands(500)


@pytest.mark.parametrize("option", ["push_policy", "on_exit"])
def test_what_cannot_be_meant_is_refused(bare_remote, tmp_path, option):
    with pytest.raises(InvalidInput, match=f"{option}='newest' is none of "):
        Repository(tmp_path / "work", clone_from=bare_remote().url, **{option: "newest"})
    assert not (tmp_path / "work").exists()


def test_a_save_whose_successor_fails_is_told_as_a_failure(hub, hub_remote, signed_in, tmp_path):
    repo = Repository(tmp_path / "work", clone_from=hub_remote().url, push_policy="latest")
    go_on = threading.Event()
    stall = hub.faults.add("*", f"/.*{signed_in.name}/.*receive-pack", Stall(event=go_on))
    try:
        _save(repo, 0)
        until(lambda: stall.hits, "the first push to be under way")
        for step in (1, 2):
            _save(repo, step)
        hub.faults.add(
            "POST", f"/.*{signed_in.name}/.*receive-pack", Answer(403, body=b"no"), times=None
        )
    finally:
        go_on.set()
        hub.faults.remove(stall)
    with pytest.raises(QueueError):
        repo.wait_for_commands(500)
    hub.faults.clear()
    failed = {command.id for command in repo.commands_failed}
    assert {command.id for command in repo.command_queue if command.receipt is None} == failed
    assert failed
