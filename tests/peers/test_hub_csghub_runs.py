"""csghub-sdk 0.9.3 lists, starts and stops what runs on the embedded hub."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import requests

from csgrepo.server import Answer, Hub
from tests.conftest import Account
from tests.peers.hub_user import HubUser, need
from tests.stock import StockGit

DEPLOY = {"resource_id": 1, "min_replica": 1, "max_replica": 1}
TYPES = {"inference": 1, "finetune": 2}
PATHS = {"inference": "run", "finetune": "finetune"}

both = pytest.mark.parametrize("what", ["inference", "finetune"])


@pytest.fixture
def user(hub: Hub, account: Account, git: StockGit, tmp_path: Path) -> HubUser:
    need("csghub-sdk")
    variables = {
        "CSGHUB_DOMAIN": hub.url,
        "CSGHUB_TOKEN": account.token,
        "CSGHUB_HOME": str(tmp_path / "csghub"),
    }
    return HubUser(hub, account.name, account.token, git, variables)


def asked(user: HubUser, method: str, path: str, **more: Any) -> Any:
    headers = {"Authorization": f"Bearer {user.token}"}
    url = f"{user.hub.url}/api/v1{path}"
    answer = requests.request(method, url, headers=headers, timeout=300, **more)
    assert answer.status_code == 200, answer.text
    return answer.json().get("data")


def deploy(user: HubUser, repo_id: str, what: str, name: str) -> int:
    offered = f"/models/{repo_id}/runtime_framework?deploy_type={TYPES[what]}"
    framework = asked(user, "GET", offered)[0]["id"]
    body = {**DEPLOY, "deploy_name": name, "runtime_framework_id": framework}
    return asked(user, "POST", f"/models/{repo_id}/{PATHS[what]}", json=body)["deploy_id"]


def status(user: HubUser, what: str, number: int) -> str:
    """Return the state of an instance as the hub's list for its user has it."""
    lists = {"inference": "run/model?deploy_type=1", "finetune": "finetune/instances"}
    found = asked(user, "GET", f"/user/{user.name}/{lists[what]}")
    return next(item["status"] for item in found if item["deploy_id"] == number)


def csghub(user: HubUser, *command: str, fails: bool = False) -> str:
    done = user.run("csghub-cli", *command)
    assert bool(done.returncode) is fails, done.stdout + done.stderr
    return done.stdout


def rows(table: str) -> list[list[str]]:
    """Return the words of each line below the head and the rule."""
    return [line.split() for line in table.splitlines()[2:]]


@both
def test_list_of_nobody_is_empty(user: HubUser, what: str) -> None:
    assert rows(csghub(user, what, "list", "-u", user.name)) == []


@both
def test_list_shows_what_there_is(user: HubUser, what: str) -> None:
    repo_id = user.create()
    numbers = [deploy(user, repo_id, what, f"talker-{name}") for name in "ab"]

    listed = rows(csghub(user, what, "list", "-u", user.name))

    assert sorted(row[:3] for row in listed) == sorted(
        [str(number), f"talker-{name}", repo_id] for number, name in zip(numbers, "ab", strict=True)
    )
    assert all(len(row) == 4 for row in listed)  # one word tells the state


@both
def test_list_is_limited(user: HubUser, what: str) -> None:
    repo_id = user.create()
    for name in "abc":
        deploy(user, repo_id, what, f"talker-{name}")

    assert len(rows(csghub(user, what, "list", "-u", user.name, "--limit", "2"))) == 2


@both
def test_list_of_another_is_refused(user: HubUser, what: str) -> None:
    other = f"{user.name}-b"
    user.hub.add_user(other)
    csghub(user, what, "list", "-u", other, fails=True)


@both
def test_instance_is_stopped_and_started(user: HubUser, what: str) -> None:
    repo_id = user.create()
    number = deploy(user, repo_id, what, "talker")

    said = csghub(user, what, "stop", repo_id, str(number))
    assert said.strip() == "{'msg': 'OK'}"
    assert status(user, what, number) == "Stopped"

    said = csghub(user, what, "start", repo_id, str(number))
    assert said.strip() == "{'msg': 'OK'}"
    assert status(user, what, number) != "Stopped"


@both
def test_functions_do_what_the_command_does(user: HubUser, what: str) -> None:
    repo_id = user.create()
    number = deploy(user, repo_id, what, "talker")
    code = f"from pycsghub.cmd import {what}\nresult = {what}.stop(**asked)"

    user.python(code, id=number, model=repo_id, token=user.token, endpoint=user.hub.url)

    assert status(user, what, number) == "Stopped"


@both
def test_fault_of_the_sdk_a_refusal_looks_like_success(user: HubUser, what: str) -> None:
    """It prints what the hub says to `stop`, and never looks at the status."""
    repo_id = user.create()
    number = deploy(user, repo_id, what, "talker")
    path = f"{repo_id}/{PATHS[what]}/{number}/stop"
    user.hub.faults.add("PUT", path, Answer(500, body=b'{"msg": "no"}'))

    csghub(user, what, "stop", repo_id, str(number))

    assert status(user, what, number) != "Stopped"
