from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from csgrepo import HubApi, Repository
from csgrepo.jobs import Command
from csgrepo.server import Answer, Hub, Stall
from tests.conftest import Account
from tests.functional.cli import csgrepo, inside, running
from tests.functional.jobs_clone import until

NAME = "模型 final.bin"


@pytest.fixture
def repo(signed_in: Account, tmp_path: Path) -> Repository:
    repo_id = f"{signed_in.name}/model"
    with HubApi() as api:
        api.create_repo(repo_id)
    return Repository(tmp_path / "my work", clone_from=repo_id)


def push(repo: Repository, content: bytes = b"\0weights") -> Command:
    Path(repo.local_dir, NAME).write_bytes(content)
    repo.push_to_hub(commit_message="Step 1", blocking=False)
    return repo.command_queue[-1]


@pytest.fixture
def refused(repo: Repository, hub: Hub, signed_in: Account) -> Iterator[Command]:
    hub.faults.add(
        "POST", f"/{signed_in.name}/.*git-receive-pack", Answer(403, body=b"frozen"), times=None
    )
    yield push(repo).wait(60)
    hub.faults.clear()


def test_jobs_list_when_there_are_none_then_empty(repo: Repository) -> None:
    done = csgrepo("jobs", "list", repo.local_dir)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "no background pushes\n")
    assert json.loads(csgrepo("jobs", "list", "--json", repo.local_dir).stdout) == []


def test_jobs_list_when_a_push_is_done_then_shown_for_people_and_programs(
    repo: Repository,
) -> None:
    command = push(repo).wait(60)
    (Path(repo.local_dir) / "sub").mkdir()
    done = csgrepo("jobs", "list", str(Path(repo.local_dir, "sub")))
    listed = json.loads(csgrepo("jobs", "list", "--json", repo.local_dir).stdout)

    heads, line = done.stdout.splitlines()
    assert heads.split() == ["ID", "STATE", "AGE", "PUSH"]
    assert re.fullmatch(r"1 +done +\S.* ago  push .*", line)
    assert [(job["id"], job["state"], job["status"]) for job in listed] == [(1, "done", 0)]
    assert listed[0]["receipt"]["commit"] == listed[0]["push"]["commit"] == repo.git_head_hash()
    assert command.receipt.verified_at.isoformat() == listed[0]["receipt"]["verified_at"]


def test_jobs_show_when_a_push_failed_then_says_why_and_where_the_log_is(
    repo: Repository, refused: Command, signed_in: Account
) -> None:
    done = csgrepo("jobs", "show", "1", repo.local_dir)

    assert refused.failed
    assert done.returncode == 0
    assert re.search(r"^state +failed$", done.stdout, re.MULTILINE)
    assert re.search(r"^error +.*403", done.stdout, re.MULTILINE)
    assert "or give --token" in done.stdout
    log = re.search(r"^log +(.*)$", done.stdout, re.MULTILINE)[1]
    assert os.path.exists(log)
    assert signed_in.token not in done.stdout
    facts = json.loads(csgrepo("jobs", "show", "1", repo.local_dir, "--json").stdout)
    assert (facts["id"], facts["state"]) == (1, "failed")
    assert "403" in facts["error"]


def test_jobs_resume_when_number_is_unknown_then_2(repo: Repository) -> None:
    done = inside("jobs", "resume", repo.local_dir, "--number", "9")

    assert (done.returncode, "no push number 9" in done.stderr) == (2, True)


def test_jobs_show_when_number_is_unknown_then_2(repo: Repository) -> None:
    done = csgrepo("jobs", "show", "4711", repo.local_dir)

    assert done.returncode == 2
    assert "csgrepo jobs list" in done.stderr


def test_jobs_resume_when_the_cause_is_gone_then_verified(
    repo: Repository, refused: Command, hub: Hub, signed_in: Account
) -> None:
    again = csgrepo("jobs", "resume", repo.local_dir)
    hub.faults.clear()
    done = csgrepo("jobs", "resume", repo.local_dir)

    assert again.returncode == 8, again.stderr
    assert "403" in again.stderr
    assert done.returncode == 0, done.stderr
    assert repo.git_head_hash() in done.stdout
    assert refused.receipt.commit == repo.git_head_hash()
    assert csgrepo("jobs", "resume", repo.local_dir).stderr == "nothing to resume\n"
    assert json.loads(csgrepo("jobs", "resume", repo.local_dir, "--json").stdout) == []
    assert signed_in.token not in again.stderr + done.stderr


def test_jobs_wait_when_a_push_goes_on_then_returns_at_its_end(
    repo: Repository, hub: Hub, signed_in: Account
) -> None:
    go_on = threading.Event()
    fault = hub.faults.add("*", f"/{signed_in.name}/.*receive-pack", Stall(event=go_on))
    command = push(repo)
    try:
        early = csgrepo("jobs", "wait", repo.local_dir, "--timeout", "0.5")
        with running("jobs", "wait", repo.local_dir) as process:
            go_on.set()
            process.communicate(timeout=60)
    finally:
        go_on.set()
        hub.faults.remove(fault)

    assert (early.returncode, early.stdout) == (1, "")
    assert "goes on after 0.5 s" in early.stderr
    assert process.returncode == 0
    assert command.status == 0
    assert csgrepo("jobs", "wait", repo.local_dir).returncode == 0
    assert csgrepo("jobs", "wait", repo.local_dir, "--json").returncode == 0


def test_jobs_retry_when_for_people_then_the_commit_that_arrived(
    repo: Repository, refused: Command, hub: Hub
) -> None:
    hub.faults.clear()
    done = csgrepo("jobs", "retry", "1", repo.local_dir)

    assert done.returncode == 0, done.stderr
    assert repo.git_head_hash() in done.stdout
    assert refused.receipt.commit == repo.git_head_hash()


@pytest.mark.parametrize(
    "words", [("list",), ("show", "1"), ("log", "1"), ("wait",), ("cancel", "1"), ("retry", "1")]
)
def test_jobs_when_folder_is_no_working_copy_then_2(words: tuple[str, ...], tmp_path: Path) -> None:
    done = inside("jobs", *words, str(tmp_path), "--json")

    assert (done.returncode, done.stdout) == (2, "")
    assert "not a git repository" in done.stderr


def test_jobs_retry_when_a_push_was_cancelled_then_verified(
    repo: Repository, hub: Hub, signed_in: Account
) -> None:
    go_on = threading.Event()
    fault = hub.faults.add("*", f"/{signed_in.name}/.*receive-pack", Stall(event=go_on))
    command = push(repo)
    try:
        early = csgrepo("jobs", "retry", "1", repo.local_dir)
        cancelled = csgrepo("jobs", "cancel", "1", repo.local_dir)
        again = csgrepo("jobs", "cancel", "1", repo.local_dir)
    finally:
        go_on.set()
        hub.faults.remove(fault)
    state = command.job.state
    resumed = csgrepo("jobs", "resume", repo.local_dir)
    done = csgrepo("jobs", "retry", "1", repo.local_dir, "--json")

    assert early.returncode == 2
    assert "nothing to retry" in early.stderr
    assert (cancelled.returncode, state) == (0, "cancelled"), cancelled.stderr
    assert "csgrepo jobs retry 1" in cancelled.stderr
    assert again.returncode == 2
    assert "is cancelled" in again.stderr
    assert resumed.stderr == "nothing to resume\n"  # what was cancelled stays so until asked for
    assert done.returncode == 0, done.stderr
    (job,) = json.loads(done.stdout)
    assert (job["state"], job["receipt"]["commit"]) == ("done", repo.git_head_hash())
    assert command.status == 0
    assert csgrepo("jobs", "retry", "1", repo.local_dir).returncode == 2
    assert csgrepo("jobs", "cancel", "1", repo.local_dir).returncode == 2


def test_jobs_cancel_when_it_waits_then_json_says_so(
    repo: Repository, hub: Hub, signed_in: Account
) -> None:
    go_on = threading.Event()
    fault = hub.faults.add("*", f"/{signed_in.name}/.*receive-pack", Stall(event=go_on))
    try:
        first, second = push(repo), push(repo, b"\0later")
        done = csgrepo("jobs", "cancel", "2", repo.local_dir, "--json")
    finally:
        go_on.set()
        hub.faults.remove(fault)

    facts = json.loads(done.stdout)
    assert (done.returncode, facts["id"], facts["state"]) == (0, 2, "cancelled")
    assert first.wait(60).status == 0
    assert second.status == 130


def test_jobs_resume_when_it_fails_again_then_json_comes_out_all_the_same(
    repo: Repository, refused: Command
) -> None:
    done = csgrepo("jobs", "resume", repo.local_dir, "--json")

    assert refused.failed
    assert done.returncode == 8
    (job,) = json.loads(done.stdout)
    assert (job["state"], job["runs"]) == ("failed", 2)
    assert "403" in job["error"]


def test_jobs_log_when_a_push_failed_then_has_what_was_said(
    repo: Repository, refused: Command, signed_in: Account
) -> None:
    done = csgrepo("jobs", "log", "1", repo.local_dir)
    said = json.loads(csgrepo("jobs", "log", "1", repo.local_dir, "--json").stdout)

    assert refused.failed
    assert done.returncode == 0, done.stderr
    assert "job 1, run 1: push" in done.stdout
    assert "failed: " in done.stdout
    assert "403" in said["stderr"]
    assert "job 1, run 1" in said["stdout"]
    assert signed_in.token not in done.stdout
    assert csgrepo("jobs", "log", "2", repo.local_dir).returncode == 2


def test_jobs_log_when_followed_then_goes_on_until_the_push_ends(
    repo: Repository, hub: Hub, signed_in: Account
) -> None:
    go_on = threading.Event()
    fault = hub.faults.add("*", f"/{signed_in.name}/.*receive-pack", Stall(event=go_on))
    push(repo)
    try:
        with running("jobs", "log", "1", repo.local_dir, "--follow") as process:
            assert "job 1, run 1" in process.stdout.readline()
            go_on.set()
            rest, _ = process.communicate(timeout=60)
    finally:
        go_on.set()
        hub.faults.remove(fault)

    assert process.returncode == 0
    assert rest.splitlines()[-1].split(" | ")[1].startswith("done: ")


def test_jobs_when_a_push_is_superseded_then_its_successor_is_named(
    repo: Repository, hub: Hub, signed_in: Account
) -> None:
    go_on = threading.Event()
    fault = hub.faults.add("*", f"/{signed_in.name}/.*receive-pack", Stall(event=go_on))
    try:
        commands = [push(repo)]
        until(lambda: commands[0].job.state == "running", "the first push to begin")
        repo.push_policy = "latest"
        commands += [push(repo, bytes([0, number])) for number in range(2)]
        listed = csgrepo("jobs", "list", repo.local_dir).stdout.splitlines()
        shown = csgrepo("jobs", "show", "2", repo.local_dir).stdout
    finally:
        go_on.set()
        hub.faults.remove(fault)
    commands[-1].wait(60)

    assert re.fullmatch(r"2 +superseded .*\(carried by push 3\)", listed[2])
    assert re.search(r"^carried by +push 3;", shown, re.MULTILINE)
