"""Several versions of a model behind one inference deploy, and their shares of the traffic."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from csgrepo.server import Hub
from csgrepo.server.deploys.deploys import Pace
from csgrepo.server.deploys.revisions import shares
from tests.functional.test_hub_deploys import Client, refused

AT_ONCE = Pace(step_s=0, sleep_s=300, status_s=0.1, heartbeat_s=0.1)


@pytest.fixture
def at_once() -> Iterator[Hub]:
    with Hub(pace=AT_ONCE) as hub:
        yield hub


class Served:
    """A model with three commits, and a deploy of it."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.client = Client(hub)
        self.model = self.client.model()
        self.commits = [self.last_commit()]
        for number in range(2):
            body = {"message": "More", "branch": "main", "content": base64.b64encode(b"x").decode()}
            made = self.client("POST", f"{self.model}/raw/{number}.txt", json=body)
            assert made.status_code == 200
            self.commits.append(self.last_commit())
        self.number = self.client.deploy(self.model, max_replica=3)
        self.path = f"{self.model}/run/versions/{self.number}"

    def last_commit(self) -> str:
        return self.client("GET", f"{self.model}/last_commit").json()["data"]["id"]

    def add(self, commit: str, **more: object) -> requests.Response:
        return self.client("POST", self.path, json={"commit_id": commit, **more})

    def share(self, **percents: int) -> requests.Response:
        asked = [
            {"commit_id": self.commits[int(name[1:])], "traffic_percent": percent}
            for name, percent in percents.items()
        ]
        return self.client("PUT", f"{self.path}/traffic", json=asked)

    def listed(self) -> list[dict[str, Any]]:
        return self.client("GET", self.path).json()["data"]

    def percents(self) -> dict[int, int]:
        return {self.commits.index(one["commit"]): one["traffic_percent"] for one in self.listed()}


@pytest.fixture
def served(at_once: Hub) -> Served:
    return Served(at_once)


def test_a_deploy_begins_with_one_version_that_has_all_the_traffic(served):
    (one,) = served.listed()
    assert one.pop("create_time").endswith("Z")
    assert one == {
        "commit": served.commits[2],
        "revision_name": f"revision-{served.number}-{served.commits[2][:10]}",
        "traffic_percent": 100,
        "is_ready": True,
        "message": "",
        "reason": "",
    }


def test_versions_come_get_their_shares_and_go(served):
    assert served.add(served.commits[0], traffic_percent=30).json() == {"msg": "OK"}
    assert served.add(served.commits[1]).json() == {"msg": "OK"}
    assert served.percents() == {2: 70, 0: 30, 1: 0}
    assert served.share(c1=100).json() == {"msg": "OK"}
    assert served.percents() == {2: 0, 0: 0, 1: 100}
    gone = served.client("DELETE", f"{served.path}/{served.commits[2]}")
    assert gone.json() == {"msg": "OK"}
    assert served.percents() == {0: 0, 1: 100}


def test_questions_go_to_versions_by_their_shares(served):
    assert served.add(served.commits[0], traffic_percent=25).status_code == 200
    endpoint = served.client.shown(served.model, served.number)["endpoint"]
    for _ in range(100):
        asked = requests.post(
            endpoint, json={"inputs": "a"}, headers=served.client.headers, timeout=30
        )
        assert asked.json() == [{"generated_text": "a"}]
    url = f"{served.hub.url}/api/v1{served.model}/run/{served.number}/logs"
    seen: Counter[str] = Counter()
    with requests.get(url, headers=served.client.headers, stream=True, timeout=30) as lines:
        for line in lines.iter_lines(decode_unicode=True):
            if " by " in line:
                seen[line.rpartition(" by ")[2].strip('"')] += 1
            if seen.total() == 100:
                break
    assert sorted(seen.values()) == [25, 75]


def test_what_does_not_fit_is_refused(served):
    add, first = served.add, served.commits[0]
    for answer, status, code in (
        (add(served.commits[2]), 500, "RUNNER-ERR-2"),
        (add(""), 400, "SERVERLESS-ERR-6"),
        (add("main"), 400, "SERVERLESS-ERR-8"),
        (add("0" * 40), 400, "SERVERLESS-ERR-8"),
        (add(first, traffic_percent=101), 400, "SERVERLESS-ERR-5"),
        (served.share(c0=100), 500, "SERVERLESS-ERR-4"),
        (served.share(c2=99), 400, "SERVERLESS-ERR-7"),
        (served.client("PUT", f"{served.path}/traffic", json={}), 400, "REQ-ERR-1"),
        (served.client("DELETE", f"{served.path}/{first}"), 500, "SERVERLESS-ERR-4"),
        (served.client("DELETE", f"{served.path}/{served.commits[2]}"), 500, "RUNNER-ERR-4"),
    ):
        assert refused(answer) == (status, code)
    other = Client(served.hub, "other")
    assert refused(other("GET", served.path)) == (403, "AUTH-ERR-2")
    assert refused(other("POST", served.path, json={"commit_id": first})) == (403, "AUTH-ERR-2")
    for commit in served.commits[:2]:
        assert add(commit).status_code == 200
    assert refused(served.client("POST", f"{served.model}/run/versions/999", json={})) == (
        404,
        "SYS-ERR-3",
    )
    assert served.client("PUT", f"{served.model}/run/{served.number}/stop").status_code == 200
    assert refused(add(first)) == (500, "SERVERLESS-ERR-2")
    assert refused(served.share(c2=100)) == (500, "RUNNER-ERR-3")


def test_there_are_no_more_versions_than_replicas(served):
    small = served.client.deploy(served.model, deploy_name="small", max_replica=1)
    served.path = f"{served.model}/run/versions/{small}"
    assert refused(served.add(served.commits[0])) == (500, "RUNNER-ERR-0")


def test_an_administrator_sees_a_serverless_version(at_once, served):
    chief = Client(at_once, "chief")
    at_once.add_user("chief", admin=True)
    number = chief.deploy(served.model, "serverless", deploy_name="shared")
    one = f"{served.model}/serverless/{number}/versions"
    seen = chief("GET", f"{one}/{served.commits[2]}").json()["data"]
    assert (seen["commit"], seen["traffic_percent"]) == (served.commits[2], 100)
    assert refused(chief("GET", f"{one}/{'0' * 40}")) == (500, "SERVERLESS-ERR-4")
    assert refused(served.client("GET", f"{one}/{served.commits[2]}")) == (403, "AUTH-ERR-6")


def test_shares_always_add_up():
    assert shares({"a": 100}, "b", 100) == {"a": 0, "b": 100}
    assert shares({"a": 34, "b": 33, "c": 33}, "d", 70) == {"a": 0, "b": 0, "c": 30, "d": 70}
    assert shares({"a": 100}, "b", 0) == {"a": 100, "b": 0}
