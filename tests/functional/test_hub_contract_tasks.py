"""Finetune jobs, evaluations, notebooks, serverless models and running spaces, by the contract."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from csgrepo.server import Hub
from csgrepo.server.deploys.deploys import Pace
from tests.functional.rest import Api, said

# In the one nothing gets ahead while a test runs, in the other everything is there at once.
SLOW = Pace(step_s=1000, status_s=0.05, heartbeat_s=0.05)
FAST = Pace(step_s=0, status_s=0.05, heartbeat_s=0.05)

_numbers = itertools.count(1)


@pytest.fixture
def slow() -> Iterator[Hub]:
    with Hub(pace=SLOW) as hub:
        yield hub


@pytest.fixture
def fast() -> Iterator[Hub]:
    with Hub(pace=FAST) as hub:
        yield hub


def someone(hub: Hub, *, admin: bool = False) -> Api:
    name = f"user{next(_numbers)}"
    return Api(hub.url, hub.add_user(name, admin=admin), name)


def events(api: Api, path: str, wanted: int, **query: str) -> list[tuple[str, str]]:
    """Return the first events of a stream that would never end."""
    found: list[tuple[str, str]] = []
    with requests.get(
        api.url + path, params=query, headers=api.headers, stream=True, timeout=30
    ) as answer:
        assert answer.status_code == 200, answer.text
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        name = ""
        for line in answer.iter_lines(decode_unicode=True):
            if line.startswith("event:"):
                name = line.removeprefix("event:")
            elif line.startswith("data:"):
                found.append((name, line.removeprefix("data:")))
                if len(found) == wanted:
                    return found
    raise AssertionError(f"the stream ended after {found}")


def prepared(api: Api) -> dict[str, Any]:
    """Make a model and a dataset, and return what a job or an evaluation of them is asked with."""
    api.create("m1")
    api.create("d1", "datasets")
    return {
        "task_name": "try", "task_desc": "first", "model_id": f"{api.name}/m1",
        "dataset_id": f"{api.name}/d1", "resource_id": 1, "epochs": 3, "learning_rate": 1e-4,
    }  # fmt: skip


TASKS = pytest.mark.parametrize(
    ("path", "listed", "framework", "word"),
    [
        pytest.param("finetunes", "finetune/jobs", 2, "finetune", id="finetunes"),
        pytest.param("evaluations", "evaluations", 4, "evaluation", id="evaluations"),
    ],
)


@TASKS
def test_a_task_is_made_shown_listed_and_deleted(slow: Hub, path, listed, framework, word):
    wanda, stranger, nobody = someone(slow), someone(slow), Api(slow.url)
    asked = {**prepared(wanda), "runtime_framework_id": framework}
    every, mine = f"/api/v1/{path}", f"/api/v1/user/{wanda.name}/{listed}"
    assert wanda("GET", mine).json() == {"message": "OK", "data": None, "total": 0}
    made = wanda("POST", every, json=asked).json()["data"]
    expected = {
        "status": "Pending", "task_type": word, "task_name": "try", "task_desc": "first",
        "username": wanda.name, "repo_ids": [asked["model_id"]], "repo_type": "model",
        "resource_id": 1,
    }  # fmt: skip
    assert made.items() >= expected.items()
    one = f"{every}/{made['id']}"
    assert wanda.get(one) == made
    assert wanda("GET", mine).json() == {"message": "OK", "data": [made], "total": 1}
    assert said(stranger("GET", mine)) == (401, "AUTH-ERR-7")
    for api, refusal in ((stranger, (403, "AUTH-ERR-2")), (nobody, (401, "AUTH-ERR-1"))):
        assert said(api("GET", one)) == said(api("DELETE", one)) == refusal
    assert wanda("DELETE", one).json() == {"msg": "OK"}
    assert said(wanda("GET", one)) == (404, "SYS-ERR-3")
    assert wanda("GET", f"{every}/x").status_code == 400


@TASKS
def test_a_task_comes_to_its_end_by_itself(fast: Hub, path, listed, framework, word):
    wanda = someone(fast)
    asked = {**prepared(wanda), "runtime_framework_id": framework}
    made = wanda("POST", f"/api/v1/{path}", json=asked).json()["data"]
    assert (made["status"], made["task_type"]) == ("Succeeded", word)
    assert wanda("GET", f"/api/v1/user/{wanda.name}/{listed}").json()["data"] == [made]


@TASKS
def test_an_organizations_tasks_are_its_members(slow: Hub, path, listed, framework, word):
    wanda, stranger = someone(slow), someone(slow)
    team = f"team-{wanda.name}"
    slow.add_organization(team, {wanda.name: "write"})
    asked = {**prepared(wanda), "runtime_framework_id": framework}
    asked |= {"namespace": team, "owner_namespace": team}
    made = wanda("POST", f"/api/v1/{path}", json=asked).json()["data"]
    of_team = f"/api/v1/organization/{team}/{listed}"
    assert wanda("GET", of_team).json() == {"msg": "OK", "data": {"data": [made], "total": 1}}
    assert made["task_type"] == word
    assert said(stranger("GET", of_team)) == (403, "AUTH-ERR-2")
    assert said(stranger("POST", f"/api/v1/{path}", json=asked)) == (403, "AUTH-ERR-2")


def test_what_cannot_be_finetuned_is_refused(slow: Hub):
    wanda, stranger = someone(slow), someone(slow)
    asked = {**prepared(wanda), "runtime_framework_id": 2}
    stranger.create("hidden", private=True)
    for change, expected in (
        ({"model_id": None}, (400, "REQ-ERR-1")),
        ({"model_id": "m1"}, (400, "REQ-ERR-1")),
        ({"model_id": 5}, (400, "REQ-ERR-1")),
        ({"dataset_id": ""}, (400, "REQ-ERR-1")),
        ({"resource_id": None}, (400, "REQ-ERR-1")),
        ({"resource_id": "1"}, (400, "REQ-ERR-1")),
        ({"runtime_framework_id": None}, (400, "REQ-ERR-1")),
        ({"learning_rate": "fast"}, (400, "REQ-ERR-1")),
        ({"swift_command": "rm"}, (400, "REQ-ERR-1")),
        ({"epochs": -1}, (400, "REQ-ERR-1")),
        ({"model_id": "no/such"}, (500, "SYS-ERR-3")),
        ({"runtime_framework_id": 1}, (500, "SYS-ERR-3")),
        ({"resource_id": 2}, (500, "TASK-ERR-4")),
        ({"namespace": "no-such-space"}, (403, "AUTH-ERR-2")),
        ({"model_id": f"{stranger.name}/hidden"}, (403, "AUTH-ERR-2")),
    ):
        assert said(wanda("POST", "/api/v1/finetunes", json={**asked, **change})) == expected, (
            change
        )
    assert wanda("GET", f"/api/v1/user/{wanda.name}/finetune/jobs").json()["total"] == 0


def test_a_jobs_log_is_told_at_once_or_without_an_end(slow: Hub):
    wanda = someone(slow)
    asked = {**prepared(wanda), "runtime_framework_id": 2}
    number = wanda("POST", "/api/v1/finetunes", json=asked).json()["data"]["id"]
    path = f"/api/v1/finetunes/{number}/logs"
    assert wanda.get(path).endswith(f"try: created for {wanda.name}\n")
    streamed = events(wanda, path, 2, stream="true", since="10mins")
    assert [name for name, _ in streamed] == ["Container", "Heartbeat"]
    assert said(wanda("GET", path, params={"since": "ever"})) == (400, "REQ-ERR-6")


NOTEBOOK = {"deploy_name": "nb1", "resource_id": 1, "runtime_framework_id": 5}


def test_a_notebook_from_its_start_to_its_end(slow: Hub):
    wanda, stranger, nobody = someone(slow), someone(slow), Api(slow.url)
    every = "/api/v1/notebooks"
    made = wanda("POST", every, json=NOTEBOOK).json()["data"]
    assert made.items() >= {"deploy_name": "nb1", "status": "Pending", "resource_id": "1"}.items()
    one = f"{every}/{made['id']}"
    assert wanda.get(one)["svc_name"] == made["svc_name"]
    mine = wanda("GET", f"/api/v1/user/{wanda.name}/notebooks").json()
    assert ([item["id"] for item in mine["data"]], mine["total"]) == ([made["id"]], 1)
    for api, expected in ((stranger, (403, "AUTH-ERR-2")), (nobody, (401, "AUTH-ERR-1"))):
        for method, path in (("GET", one), ("PUT", f"{one}/stop"), ("DELETE", one),
                             ("GET", f"{one}/status"), ("GET", f"{one}/logs")):  # fmt: skip
            assert said(api(method, path)) == expected, path
    assert said(wanda("POST", every, json=NOTEBOOK)) == (500, "DEPLOY-ERR-0")
    assert said(wanda("PUT", one, json={"resource_id": 1})) == (500, "DEPLOY-ERR-1")
    name, told = events(wanda, f"{one}/status", 1)[0]
    assert (name, json.loads(told)["status"]) == ("status", "Pending")
    assert wanda("PUT", f"{one}/stop").json() == {"msg": "OK"}
    assert wanda.get(one)["status"] == "Stopped"
    assert said(wanda("PUT", one, json={"resource_id": 9})) == (500, "SYS-ERR-3")
    assert wanda("PUT", one, json={"resource_id": 1}).json() == {"msg": "OK"}
    assert wanda("PUT", f"{one}/start").json() == {"msg": "OK"}
    assert wanda.get(one)["status"] == "Pending"
    lines = [text for kind, text in events(wanda, f"{one}/logs", 3) if kind == "Container"]
    assert [line.rpartition(": ")[2] for line in lines] == [
        f"created for {wanda.name}", "stop", "start",
    ]  # fmt: skip
    assert wanda("DELETE", one).json() == {"msg": "OK"}
    assert said(wanda("GET", one)) == (404, "SYS-ERR-3")
    for bad, expected in (({"deploy_name": "-"}, (400, "REQ-ERR-0")),
                          ({"runtime_framework_id": 1}, (500, "SYS-ERR-3")),
                          ({"owner_namespace": stranger.name}, (403, "AUTH-ERR-2"))):  # fmt: skip
        assert said(wanda("POST", every, json={**NOTEBOOK, **bad})) == expected, bad


def test_a_notebook_runs_and_outlives_the_hub(tmp_path):
    with Hub(tmp_path, pace=FAST) as hub:
        wanda = Api(hub.url, hub.add_user("wanda"), "wanda")
        made = wanda("POST", "/api/v1/notebooks", json=NOTEBOOK).json()["data"]
        assert made["status"] == "Running"
        assert made["instances"] == [{"name": f"{made['svc_name']}-0", "status": "Running"}]
    with Hub(tmp_path, pace=FAST) as hub:
        again = Api(hub.url, hub.add_user("wanda"), "wanda")
        assert again.get(f"/api/v1/notebooks/{made['id']}") == made


RUN = {"deploy_name": "for-all", "resource_id": 1, "runtime_framework_id": 1, "min_replica": 1,
       "max_replica": 1, "secure_level": 1}  # fmt: skip


def test_a_serverless_model_is_handled_by_administrators_and_seen_by_all(fast: Hub):
    wanda, chief, nobody = someone(fast), someone(fast, admin=True), Api(fast.url)
    every = f"{wanda.create('shared')}/serverless"
    assert nobody("GET", every).json() == {"msg": "OK", "data": None}
    assert said(wanda("POST", every, json=RUN)) == (403, "AUTH-ERR-6")
    assert said(nobody("POST", every, json=RUN)) == (401, "AUTH-ERR-1")
    number = chief("POST", every, json=RUN).json()["data"]["deploy_id"]
    one = f"{every}/{number}"
    seen = nobody.get(every)
    found = [seen[name] for name in ("status", "type", "endpoint", "proxy_endpoint")]
    assert found == ["Running", 3, "", ""]
    address = chief.get(one)["endpoint"]
    answer = requests.post(address, json={"inputs": "hello"}, timeout=30)
    assert answer.json() == [{"generated_text": "hello"}]
    assert said(chief("PUT", one, json={"max_replica": 2})) == (500, "DEPLOY-ERR-1")
    assert json.loads(events(chief, f"{one}/status", 1)[0][1])["status"] == "Running"
    assert "for-all" in chief.get(f"{one}/logs/last")
    assert events(chief, f"{one}/logs", 1)[0][0] == "Container"
    for method, path in (("GET", one), ("PUT", f"{one}/stop"), ("GET", f"{one}/logs/last")):
        assert said(wanda(method, path)) == (403, "AUTH-ERR-6")
    assert chief("PUT", f"{one}/stop").json() == {"msg": "OK"}
    assert nobody.get(every)["status"] == "Stopped"
    assert chief("PUT", one, json={"max_replica": 2}).json() == {"msg": "OK"}
    assert chief("PUT", f"{one}/start").json() == {"msg": "OK"}
    listed = f"/api/v1/user/{chief.name}/run/serverless"
    assert [item["deploy_id"] for item in chief("GET", listed).json()["data"]] == [number]
    assert said(wanda("GET", listed)) == (403, "AUTH-ERR-6")
    assert chief("DELETE", every).json() == {"msg": "OK"}
    assert nobody("GET", every).json() == {"msg": "OK", "data": None}


def test_a_space_runs_once_it_has_what_is_run(fast: Hub):
    wanda, stranger, nobody = someone(fast), someone(fast), Api(fast.url)
    base = wanda.create("app", "spaces")
    assert wanda.get(base)["status"] == "NoAppFile"
    assert said(wanda("POST", f"{base}/run")) == (400, "TASK-ERR-0")
    assert said(stranger("POST", f"{base}/run")) == (403, "AUTH-ERR-2")
    assert said(nobody("POST", f"{base}/run")) == (401, "AUTH-ERR-1")
    wanda.put_file(base, "app.py", b"print()")
    assert wanda.get(base)["status"] == ""
    assert said(wanda("GET", f"{base}/logs")) == (404, "SYS-ERR-3")
    assert wanda("POST", f"{base}/run").json() == {"msg": "OK"}
    shown = wanda.get(base)
    assert shown["status"] == "Running"
    assert shown["svc_name"]
    assert events(nobody, f"{base}/status", 2) == [("status", "Running")] * 2
    assert events(wanda, f"{base}/logs", 1)[0][0] == "Container"
    running = wanda("GET", f"/api/v1/user/{wanda.name}/run/space").json()
    assert (running["total"], running["data"][0]["deploy_id"]) == (1, shown["deploy_id"])
    assert nobody("POST", f"{base}/wakeup").json() == {"msg": "OK"}
    assert said(stranger("POST", f"{base}/stop")) == (403, "AUTH-ERR-2")
    assert wanda("POST", f"{base}/stop").json() == {"msg": "OK"}
    assert wanda.get(base)["status"] == "Stopped"
    assert wanda("POST", f"{base}/run").json() == {"msg": "OK"}
    assert wanda.get(base)["status"] == "Running"


def test_what_a_space_is_run_by_follows_from_its_kind(fast: Hub):
    wanda = someone(fast)
    for sdk, path, without in (
        ("nginx", "nginx.conf", "NoNGINXConf"), ("docker", "Dockerfile", "NoAppFile"),
    ):  # fmt: skip
        base = wanda.create(sdk, "spaces", sdk=sdk)
        assert wanda.get(base)["status"] == without
        wanda.put_file(base, path, b"x")
        assert wanda.get(base)["status"] == ""


def test_a_private_spaces_streams_are_closed(fast: Hub):
    wanda, stranger, nobody = someone(fast), someone(fast), Api(fast.url)
    base = wanda.create("hidden", "spaces", private=True)
    for path in ("status", "logs"):
        assert said(stranger("GET", f"{base}/{path}")) == (403, "AUTH-ERR-2")
        assert said(nobody("GET", f"{base}/{path}")) == (500, "AUTH-ERR-2")
