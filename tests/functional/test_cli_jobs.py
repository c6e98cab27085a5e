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
from tests.functional.cli import csgrepo, running

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

    assert re.fullmatch(r" +1  done +\S+ s ago  push .*\n", done.stdout)
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
    log = re.search(r"^log +(.*)$", done.stdout, re.MULTILINE)[1]
    assert os.path.exists(log)
    assert signed_in.token not in done.stdout


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


def test_jobs_when_folder_is_no_working_copy_then_2(tmp_path: Path) -> None:
    done = csgrepo("jobs", "list", str(tmp_path))

    assert done.returncode == 2
    assert "not a git repository" in done.stderr
