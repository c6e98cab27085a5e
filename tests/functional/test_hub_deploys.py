"""Deploys: their states, the streams that tell of them, and the model that answers."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from csgrepo.server import Hub
from csgrepo.server.deploys.deploys import Pace

QUICK = Pace(step_s=0.15, sleep_s=300, status_s=0.1, heartbeat_s=0.1)
ASKED = {
    "deploy_name": "talker",
    "resource_id": 1,
    "runtime_framework_id": 1,
    "min_replica": 1,
    "max_replica": 2,
}


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


class Client:
    """A user of the hub, with a model."""

    def __init__(self, hub: Hub, name: str = "wanda") -> None:
        self.hub = hub
        self.name = name
        self.token = hub.add_user(name)
        self.headers = {"Authorization": f"Bearer {self.token}"}

    def __call__(self, method: str, path: str, **more: Any) -> requests.Response:
        url = f"{self.hub.url}/api/v1{path}"
        return requests.request(method, url, headers=self.headers, timeout=30, **more)

    def model(self, name: str = "first", **more: object) -> str:
        made = self("POST", "/models", json={"name": name, **more})
        assert made.status_code == 200, made.text
        return f"/models/{self.name}/{name}"

    def deploy(self, model: str, kind: str = "run", **more: object) -> int:
        made = self("POST", f"{model}/{kind}", json={**ASKED, **more})
        assert made.status_code == 200, made.text
        return made.json()["data"]["deploy_id"]

    def shown(self, model: str, number: int) -> dict[str, Any]:
        return self("GET", f"{model}/run/{number}").json()["data"]

    def until(self, model: str, number: int, state: str) -> dict[str, Any]:
        deadline = time.monotonic() + 60
        while (found := self.shown(model, number))["status"] != state:
            assert time.monotonic() < deadline, found["status"]
            time.sleep(0.02)  # the state follows from the time alone: there is no event to wait on
        return found


@pytest.fixture
def quick() -> Iterator[Hub]:
    with Hub(pace=QUICK) as hub:
        yield hub


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def halted(clock: Clock) -> Iterator[Client]:
    """A user of a hub on which deploys get on as the clock does, by a state a second."""
    with Hub(pace=Pace(step_s=1, sleep_s=300, clock=clock)) as hub:
        yield Client(hub)


@pytest.fixture
def wanda(quick: Hub) -> Client:
    return Client(quick)


def refused(answer: requests.Response) -> tuple[int, str | None]:
    return answer.status_code, answer.json().get("code")


def test_a_deploy_goes_through_its_states(halted, clock):
    wanda = halted
    model = wanda.model()
    number = wanda.deploy(model)
    found = wanda.shown(model, number)
    assert (found["status"], found["deploy_name"], found["model_id"]) == (
        "Pending",
        "talker",
        "wanda/first",
    )
    assert (found["private"], found["Sandbox"], found["type"]) == (True, {}, 1)
    assert "instances" not in found
    clock.now += 1
    assert wanda.shown(model, number)["status"] == "Deploying"
    clock.now += 1
    found = wanda.shown(model, number)
    assert found["status"] == "Running"
    assert found["instances"] == [{"name": f"{found['svc_name']}-0", "status": "Running"}]
    assert found["actual_replica"] == 1
    assert wanda("PUT", f"{model}/run/{number}/stop").json() == {"msg": "OK"}
    assert wanda.shown(model, number)["status"] == "Stopped"
    assert wanda("PUT", f"{model}/run/{number}/start").json() == {"msg": "OK"}
    assert wanda.shown(model, number)["status"] == "Pending"
    assert wanda("DELETE", f"{model}/run/{number}").json() == {"msg": "OK"}
    assert refused(wanda("GET", f"{model}/run/{number}")) == (404, "SYS-ERR-3")


def test_a_framework_that_crashes_tells_why(wanda):
    model = wanda.model()
    number = wanda.deploy(model, runtime_framework_id=3)
    found = wanda.until(model, number, "RuntimeError")
    assert found["reason"] == "CrashLoopBackOff"
    asked = requests.post(
        found["endpoint"], json={"inputs": "a"}, headers=wanda.headers, timeout=30
    )
    assert asked.status_code == 503


def test_a_deploy_is_what_it_was_after_a_restart(tmp_path):
    with Hub(tmp_path, pace=QUICK) as hub:
        wanda = Client(hub)
        model = wanda.model()
        kept, stopped = wanda.deploy(model), wanda.deploy(model, deploy_name="other")
        wanda("PUT", f"{model}/run/{stopped}/stop")
    with Hub(tmp_path, pace=QUICK) as hub:
        wanda = Client(hub)
        wanda.until(model, kept, "Running")
        assert wanda.shown(model, stopped)["status"] == "Stopped"


def test_a_deploy_without_replicas_sleeps_and_is_woken(halted, clock):
    model = halted.model()
    number = halted.deploy(model, min_replica=0)
    clock.now += 300
    assert halted.shown(model, number)["status"] == "Running"
    clock.now += 1
    found = halted.shown(model, number)
    assert found["status"] == "Sleeping"
    asked = {"json": {"inputs": "awake?"}, "headers": halted.headers, "timeout": 60}
    answer = requests.post(found["endpoint"], **asked)
    assert answer.json() == [{"generated_text": "awake?"}]
    assert halted.shown(model, number)["status"] == "Running"
    clock.now += 301
    assert halted.shown(model, number)["status"] == "Sleeping"
    assert halted("PUT", f"{model}/run/{number}/wakeup").json() == {"msg": "OK"}
    assert halted.shown(model, number)["status"] == "Running"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"deploy_name": "-bad"}, (400, "REQ-ERR-0")),
        ({"deploy_name": None}, (400, "REQ-ERR-0")),
        ({"engine_args": "{"}, (400, "REQ-ERR-0")),
        ({"min_replica": 3}, (400, "REQ-ERR-1")),
        ({"max_replica": "two"}, (400, "REQ-ERR-1")),
        ({"resource_id": 77}, (500, "SYS-ERR-3")),
        ({"resource_id": 2}, (500, "TASK-ERR-4")),
        ({"runtime_framework_id": 2}, (500, "SYS-ERR-3")),
        ({"revision": "nowhere"}, (500, "GIT-ERR-6")),
        ({"owner_namespace": "zoe"}, (403, "AUTH-ERR-2")),
    ],
)
def test_what_cannot_be_deployed_is_refused(wanda, change, expected):
    wanda.hub.add_user("zoe")
    model = wanda.model()
    assert refused(wanda("POST", f"{model}/run", json={**ASKED, **change})) == expected
    assert wanda("GET", f"{model}/run").json()["data"] is None


def test_names_are_unique_and_a_running_deploy_is_not_changed(wanda):
    model = wanda.model()
    number = wanda.deploy(model)
    assert refused(wanda("POST", f"{model}/run", json=ASKED)) == (500, "DEPLOY-ERR-0")
    change = {"max_replica": 5, "env": '{"A": "b"}'}
    assert refused(wanda("PUT", f"{model}/run/{number}", json=change)) == (500, "DEPLOY-ERR-1")
    wanda("PUT", f"{model}/run/{number}/stop")
    assert wanda("PUT", f"{model}/run/{number}", json=change).json() == {"msg": "OK"}
    found = wanda.shown(model, number)
    assert (found["max_replica"], found["env"], found["deploy_name"]) == (5, '{"A": "b"}', "talker")
    assert refused(wanda("GET", f"{model}/run/x")) == (400, "REQ-ERR-6")


def test_lists_are_the_callers_own(wanda, quick):
    zoe = Client(quick, "zoe")
    model = wanda.model()
    first, second = wanda.deploy(model), wanda.deploy(model, deploy_name="second")
    notebook = wanda.deploy(model, "finetune", runtime_framework_id=2)
    listed = wanda("GET", "/user/wanda/run/model?deploy_type=1&per=1").json()
    assert (listed["message"], listed["total"]) == ("OK", 2)
    assert [item["deploy_id"] for item in listed["data"]] == [second]
    listed = wanda("GET", "/user/wanda/finetune/instances").json()
    assert [item["deploy_id"] for item in listed["data"]] == [notebook]
    assert zoe("GET", "/user/zoe/run/model").json() == {"message": "OK", "data": None, "total": 0}
    assert refused(zoe("GET", "/user/wanda/run/model")) == (401, "AUTH-ERR-7")
    assert wanda("GET", "/user/wanda/run/space").json()["data"] is None
    assert refused(wanda("GET", "/user/wanda/run/code")) == (400, "REQ-ERR-6")
    assert refused(zoe("GET", f"{model}/run/{first}")) == (403, "AUTH-ERR-2")
    assert refused(zoe("PUT", f"{model}/run/{first}/stop")) == (403, "AUTH-ERR-2")
    assert zoe("GET", f"{model}/run").json()["data"] is None
    anonymous = requests.get(f"{quick.url}/api/v1{model}/run", timeout=30)
    assert refused(anonymous) == (401, "AUTH-ERR-1")


def test_an_organizations_members_share_its_deploys(wanda, quick):
    zoe, yan = Client(quick, "zoe"), Client(quick, "yan")
    quick.add_organization("lab", {"wanda": "write", "zoe": "read"})
    model = wanda.model()
    number = wanda.deploy(model, owner_namespace="lab")
    assert zoe.shown(model, number)["owner_namespace"] == "lab"
    assert refused(zoe("PUT", f"{model}/run/{number}/stop")) == (403, "AUTH-ERR-2")
    assert refused(yan("GET", f"{model}/run/{number}")) == (403, "AUTH-ERR-2")
    listed = zoe("GET", "/organization/lab/run/model").json()["data"]
    assert ([item["deploy_id"] for item in listed["data"]], listed["total"]) == ([number], 1)
    listed = zoe("GET", "/organization/lab/finetune/instances").json()
    assert listed == {"msg": "OK", "data": {"data": None, "total": 0}}
    assert refused(yan("GET", "/organization/lab/run/model")) == (403, "AUTH-ERR-2")
    assert refused(yan("GET", "/organization/none/run/model")) == (404, "SYS-ERR-3")


def test_notebooks_for_finetuning(halted, clock):
    wanda = halted
    model = wanda.model()
    number = wanda.deploy(model, "finetune", runtime_framework_id=2, max_replica=9, secure_level=1)
    clock.now += 2
    found = wanda.shown(model, number)
    assert found["status"] == "Running"
    assert (found["type"], found["max_replica"], found["secure_level"]) == (2, 1, 2)
    assert "endpoint" not in found
    for deed, state in (("stop", "Stopped"), ("start", "Pending")):
        assert wanda("PUT", f"{model}/finetune/{number}/{deed}").json() == {"msg": "OK"}
        assert wanda.shown(model, number)["status"] == state
    assert refused(wanda("PUT", f"{model}/run/{number}/stop")) == (404, "SYS-ERR-3")
    assert wanda("DELETE", f"{model}/finetune/{number}").status_code == 200


def test_deleting_the_model_ends_its_deploys(wanda):
    model = wanda.model()
    endpoint = wanda.shown(model, wanda.deploy(model))["endpoint"]
    wanda("DELETE", model)
    asked = requests.post(endpoint, json={"inputs": "a"}, headers=wanda.headers, timeout=30)
    assert asked.status_code == 404
    assert wanda("GET", "/user/wanda/run/model").json()["data"] is None


def events(answer: requests.Response) -> Iterator[tuple[str, str]]:
    """Yield name and data of the events of a stream as they come."""
    name, data = "", []
    for line in answer.iter_lines(chunk_size=1, decode_unicode=True):
        key, _, value = line.partition(":")
        if key == "event":
            name = value
        elif key == "data":
            data.append(value.removeprefix(" "))
        elif not line:
            yield name, "\n".join(data)
            name, data = "", []


def test_the_status_stream_follows_the_deploy_and_never_ends(wanda):
    model = wanda.model()
    number = wanda.deploy(model)
    with wanda("GET", f"{model}/run/{number}/status", stream=True) as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        states = []
        for name, data in events(answer):
            assert name == "status"
            states.append(json.loads(data)["status"])
            if states[-1] == "Running" and len(states) > 2:
                wanda("PUT", f"{model}/run/{number}/stop")
            if states[-1] == "Stopped":
                break
        assert list(dict.fromkeys(states))[-2:] == ["Running", "Stopped"]
    wanda("DELETE", f"{model}/run/{number}")


def test_the_log_stream_goes_on_with_what_is_said(wanda):
    model = wanda.model()
    number = wanda.deploy(model)
    endpoint = wanda.until(model, number, "Running")["endpoint"]
    with wanda("GET", f"{model}/run/{number}/logs?since=10mins", stream=True) as answer:
        told = events(answer)
        assert "created for wanda" in next(told)[1]
        requests.post(endpoint, json={"inputs": "hello"}, headers=wanda.headers, timeout=30)
        seen = []
        while not any(" 200" in data for name, data in seen if name == "Container"):
            seen.append(next(told))
        assert {name for name, _ in seen} <= {"Container", "Heartbeat"}
        while next(told)[0] != "Heartbeat":
            pass
    assert refused(wanda("GET", f"{model}/run/{number}/logs?since=ever")) == (400, "REQ-ERR-6")


def test_streams_end_when_the_client_leaves(wanda, quick):
    model = wanda.model()
    number = wanda.deploy(model)
    open_streams = quick._backend.streams
    with wanda("GET", f"{model}/run/{number}/logs", stream=True) as answer:
        told = events(answer)
        next(told)
        assert len(open_streams) == 1
        told.close()
    # The hub enters a request that had no end in its record once it has let go of it.
    assert quick.requests.wait_for("GET", "/logs$", 60)
    assert len(open_streams) == 0


def test_streams_end_in_order_when_the_hub_stops():
    with Hub(pace=Pace(status_s=3600, heartbeat_s=3600)) as hub:
        wanda = Client(hub)
        model = wanda.model()
        number = wanda.deploy(model)
        opened = [
            wanda("GET", f"{model}/run/{number}/{path}", stream=True) for path in ("status", "logs")
        ]
        ended: list[list[tuple[str, str]]] = []
        readers = [
            threading.Thread(target=lambda answer=answer: ended.append(list(events(answer))))
            for answer in opened
        ]
        for reader in readers:
            reader.start()
        hub.stop()  # or it would take an hour
        for reader in readers:
            reader.join(60)
    assert len(ended) == 2  # read to their ends, without a broken connection


def test_the_model_answers_inputs(wanda):
    model = wanda.model()
    endpoint = wanda.until(model, wanda.deploy(model), "Running")["endpoint"]

    def ask(**body: object) -> requests.Response:
        return requests.post(endpoint, json=body, headers=wanda.headers, timeout=30)

    assert ask(inputs="你好 world").json() == [{"generated_text": "你好 world"}]
    short = {"max_new_tokens": 2}
    assert ask(inputs="one two three", parameters=short).json() == [{"generated_text": "one two "}]
    assert ask(inputs="one two three", params=short).json() == [{"generated_text": "one two "}]
    assert ask(inputs=["a", "b"]).json() == [[{"generated_text": "a"}], [{"generated_text": "b"}]]
    question = {"question": "Who?", "context": "I."}
    assert ask(inputs=question).json() == {"inputs": question, "parameters": {}}
    assert [ask(inputs=3).status_code, ask(inputs="a", params=[1]).status_code] == [422, 422]
    assert ask(inputs="a", params={"max_new_tokens": 0}).status_code == 422
    with requests.post(endpoint, json={"inputs": "one two", "stream": True}, stream=True,
                       headers=wanda.headers, timeout=30) as answer:  # fmt: skip
        told = [json.loads(data) for _, data in events(answer)]
    assert [item["token"]["text"] for item in told] == ["one ", "two"]
    assert [item["generated_text"] for item in told] == [None, "one two"]


def test_the_model_chats(wanda):
    model = wanda.model()
    endpoint = wanda.until(model, wanda.deploy(model), "Running")["endpoint"]
    messages = [
        {"role": "system", "content": "be kind"},
        {"role": "user", "content": [{"type": "text", "text": "say 这个 back"}]},
    ]

    def ask(path: str, **body: object) -> requests.Response:
        return requests.post(f"{endpoint}{path}", json=body, headers=wanda.headers, timeout=30)

    said = ask("/v1/chat/completions", model="wanda/first", messages=messages).json()
    assert said["choices"][0]["message"] == {"role": "assistant", "content": "say 这个 back"}
    assert said["choices"][0]["finish_reason"] == "stop"
    assert said["usage"] == {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}
    said = ask("/v1/chat/completions", messages=messages, max_tokens=1).json()
    assert said["choices"][0]["message"]["content"] == "say "
    assert said["choices"][0]["finish_reason"] == "length"
    said = ask("/v1/completions", prompt="once upon").json()
    assert said["choices"][0]["text"] == "once upon"
    listed = requests.get(f"{endpoint}/v1/models", headers=wanda.headers, timeout=30).json()
    assert [item["id"] for item in listed["data"]] == ["wanda/first"]
    said = ask("/v1/chat/completions", model="made up", messages=messages)
    assert (said.status_code, said.json()["model"]) == (200, "wanda/first")
    assert ask("/v1/chat/completions", messages=[]).status_code == 400
    assert ask("/v1/chat/completions", messages=[{"role": "user"}]).status_code == 400


def test_the_model_chats_word_by_word(wanda):
    model = wanda.model()
    endpoint = wanda.until(model, wanda.deploy(model), "Running")["endpoint"]
    body = {
        "messages": [{"role": "user", "content": "one two"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    with requests.post(f"{endpoint}/v1/chat/completions", json=body, stream=True,
                       headers=wanda.headers, timeout=30) as answer:  # fmt: skip
        told = [data for _, data in events(answer)]
    assert told.pop() == "[DONE]"
    chunks = [json.loads(data) for data in told]
    assert chunks.pop()["usage"]["completion_tokens"] == 2
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert deltas[0] == {"role": "assistant", "content": ""}
    assert "".join(delta.get("content", "") for delta in deltas) == "one two"
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks][-2:] == [None, "stop"]


def test_an_endpoint_is_private_unless_made_public(wanda, quick):
    zoe = Client(quick, "zoe")
    model = wanda.model()
    private = wanda.until(model, wanda.deploy(model), "Running")["endpoint"]
    number = wanda.deploy(model, deploy_name="open", secure_level=1)
    public = wanda.until(model, number, "Running")["endpoint"]
    body = {"inputs": "a"}
    assert requests.post(private, json=body, timeout=30).status_code == 401
    assert requests.post(private, json=body, headers=zoe.headers, timeout=30).status_code == 403
    assert requests.post(public, json=body, timeout=30).status_code == 200
    wanda("PUT", f"{model}/run/{number}/stop")
    stopped = requests.post(public, json=body, timeout=30)
    assert (stopped.status_code, stopped.json()["error"]["code"]) == (503, "not_running")
    unknown = f"{quick.url}/_endpoints/nobody"
    assert requests.post(unknown, json=body, timeout=30).status_code == 404


def test_resources_clusters_and_frameworks_are_offered(wanda, quick):
    model = wanda.model(private=True)
    listed = requests.get(f"{quick.url}/api/v1/space_resources", timeout=30).json()
    assert [item["type"] for item in listed["data"]] == ["cpu", "gpu"]
    assert listed["total"] == 2
    assert json.loads(listed["data"][0]["resources"])["memory"] == "4Gi"
    path = "/space_resources?resource_type=cpu&is_available=true&cluster_id=x&cluster_id=local"
    assert [item["id"] for item in wanda("GET", path).json()["data"]] == [1]
    assert wanda("GET", "/space_resources?cluster_id=x").json()["data"] == []
    assert refused(wanda("GET", "/space_resources?per=101")) == (400, "REQ-ERR-6")
    clusters = wanda("GET", "/cluster").json()["data"]
    assert [cluster["cluster_id"] for cluster in clusters] == ["local"]
    assert wanda("GET", "/cluster/local").json()["data"] == clusters[0]
    assert refused(wanda("GET", "/cluster/other")) == (404, "SYS-ERR-3")
    found = wanda("GET", f"{model}/runtime_framework?deploy_type=1").json()["data"]
    assert [item["frame_name"] for item in found] == ["echo", "crash"]
    found = wanda("GET", f"{model}/runtime_framework_v2?deploy_type=2").json()["data"]
    assert [item["frame_name"] for item in found] == ["notebook"]
    assert len(wanda("GET", "/runtime_framework").json()["data"]) == 5
    assert len(wanda("GET", "/models/runtime_framework?deploy_type=1").json()["data"]) == 2
    anonymous = requests.get(f"{quick.url}/api/v1{model}/runtime_framework", timeout=30)
    assert anonymous.status_code == 403


def test_a_client_of_inference_servers_that_others_wrote_talks_with_the_model(wanda):
    hub = pytest.importorskip("huggingface_hub")
    model = wanda.model()
    endpoint = wanda.until(model, wanda.deploy(model), "Running")["endpoint"]
    client = hub.InferenceClient(base_url=f"{endpoint}/v1", api_key=wanda.token)
    messages = [{"role": "user", "content": "hello 世界"}]
    assert client.chat_completion(messages).choices[0].message.content == "hello 世界"
    told = client.chat_completion(messages, stream=True)
    assert "".join(part.choices[0].delta.content or "" for part in told) == "hello 世界"
    client = hub.InferenceClient(model=endpoint, token=wanda.token)
    assert client.text_generation("one two three", max_new_tokens=2) == "one two "
    assert list(client.text_generation("one two", stream=True)) == ["one ", "two"]
