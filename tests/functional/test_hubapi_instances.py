"""Models at work and notebooks through `api.instances` and `api.finetunes`."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from csgrepo import errors
from csgrepo.hub import HubApi, InferenceApi, Instance
from csgrepo.server import Hub
from tests.answering import answering, reply

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def api(quick: Hub, request: pytest.FixtureRequest) -> Iterator[HubApi]:
    name = f"user-{abs(hash(request.node.name))}"
    with HubApi(quick.url, quick.add_user(name)) as api:
        api.create_repo("bert")
        yield api


def model(api: HubApi) -> str:
    return f"{api.whoami().name}/bert"


def running(api: HubApi, name: str = "bert-1", **more: object) -> Instance:
    made = api.instances.create(model(api), name, resource_id=1, framework_id=1, **more)
    return api.instances.wait_until_running(made, timeout=60)


def test_what_a_model_can_run_on_and_with(api: HubApi) -> None:
    free = list(api.instances.resources(available=True))

    assert [resource.id for resource in free] == [1]
    assert free[0].hardware["memory"] == "4Gi"
    assert api.instances.resources(resource_type="gpu").total == 1
    assert "echo" in [found.name for found in api.instances.frameworks(model(api))]
    assert [found.name for found in api.finetunes.frameworks(model(api))] == ["notebook"]


def test_model_is_set_to_work_scaled_and_deleted(api: HubApi) -> None:
    instance = running(api, env={"A": "1"}, engine_args={"max": 5}, min_replica=0)

    assert (instance.model_id, instance.name, instance.status) == (model(api), "bert-1", "Running")
    assert instance.endpoint
    assert [found.id for found in api.instances.list()] == [instance.id]
    assert [found.id for found in api.instances.list(model(api))] == [instance.id]
    with pytest.raises(errors.Conflict):
        api.instances.create(model(api), "bert-1", resource_id=1, framework_id=1)
    with pytest.raises(errors.Conflict):
        api.instances.scale(instance, min_replica=1, max_replica=2)
    api.instances.stop(instance)
    scaled = api.instances.scale(instance, min_replica=1, max_replica=2)
    assert (scaled.status, scaled.min_replica, scaled.max_replica) == ("Stopped", 1, 2)
    with pytest.raises(errors.InstanceFailed) as caught:
        api.instances.wait_until_running(instance)
    assert caught.value.status == "Stopped"
    api.instances.start(instance)
    assert len(api.instances.wait_until_running(instance, timeout=60).replicas) == 1
    api.instances.wake_up(instance)
    api.instances.delete(instance)
    api.instances.delete(instance, missing_ok=True)
    with pytest.raises(errors.NotFound):
        api.instances.delete(instance)
    assert list(api.instances.list()) == []


def test_model_that_crashes_says_why(api: HubApi) -> None:
    made = api.instances.create(model(api), "bert-1", resource_id=1, framework_id=3)

    with pytest.raises(errors.InstanceFailed, match="exited with code 1") as caught:
        api.instances.wait_until_running(made, timeout=60)

    assert (caught.value.status, caught.value.reason) == ("RuntimeError", "CrashLoopBackOff")


def test_waiting_ends_when_the_time_is_up() -> None:
    pending = {"deploy_id": 7, "status": "Pending", "model_id": "wanda/bert", "deploy_name": "b"}
    with answering() as server, HubApi(server.url, "t" * 32) as api:
        server.default = reply(200, {"msg": "OK", "data": pending})
        instance = api.instances.get("wanda/bert", 7)
        for timeout in (0.3, 3, 30):  # the more the busier the machine is
            with pytest.raises(errors.NotRunning, match=f"Pending after {timeout}"):
                api.instances.wait_until_running(instance, timeout=timeout)
            if len(server.asked) >= 3:
                return
    pytest.fail("it was asked once or not at all")


@pytest.mark.parametrize(
    "bad",
    [
        {"name": "-x"},
        {"name": "bert-1", "min_replica": 2},
        {"name": "bert-1", "max_replica": 0},
        {"name": "bert-1", "min_replica": -1},
    ],
)
def test_instance_nobody_could_mean_is_not_asked_for(bad: dict[str, object]) -> None:
    with HubApi("http://127.0.0.1:9", False) as api, pytest.raises(errors.InvalidInput):
        api.instances.create("wanda/bert", resource_id=1, framework_id=1, **bad)


def test_resource_that_is_not_free(api: HubApi) -> None:
    with pytest.raises(errors.ServerError, match="TASK-ERR-4"):
        api.instances.create(model(api), "bert-1", resource_id=2, framework_id=1)
    with pytest.raises(errors.NotFound):
        api.instances.create(model(api), "bert-1", resource_id=99, framework_id=1)


def test_logs_go_on_until_they_are_closed(api: HubApi) -> None:
    instance = running(api)
    seen, ready = [], threading.Event()

    def read() -> None:
        with api.instances.logs(instance, since="10mins") as logs:
            streams.append(logs)
            for line in logs:
                seen.append(line)
                ready.set()

    streams: list = []
    reader = threading.Thread(target=read)
    reader.start()
    api.instances.wake_up(instance)  # is said in the logs
    assert ready.wait(60)
    streams[0].close()
    reader.join(60)

    assert not reader.is_alive()
    assert any("bert-1" in line for line in seen)


def test_logs_of_nothing(api: HubApi) -> None:
    instance = running(api)
    with pytest.raises(errors.InvalidInput):
        api.instances.logs(instance, since="2hours")
    api.instances.delete(instance)
    with pytest.raises(errors.NotFound):
        api.instances.logs(instance)


def test_stream_of_logs_that_ends_or_fails() -> None:
    shown = {"deploy_id": 7, "status": "Running", "model_id": "wanda/bert"}
    stream = {"Content_Type": "text/event-stream"}
    body = "event:Container\r\ndata:一\r\ndata:two\r\n\r\nevent:Heartbeat\ndata:x\n\n".encode()
    with answering() as server, HubApi(server.url, "t" * 32) as api:
        server.script.append(reply(200, {"msg": "OK", "data": shown}))
        instance = api.instances.get("wanda/bert", 7)
        server.script.append(reply(200, body, **stream))
        assert list(api.instances.logs(instance)) == ["一", "two"]
        server.script.append(reply(200, body + b"event:error\ndata:gone\n\n", **stream))
        logs = api.instances.logs(instance)
        assert [next(logs), next(logs)] == ["一", "two"]
        with pytest.raises(errors.HubError, match="gone"):
            next(logs)
        server.script.append(reply(200, b"<html>", Content_Type="text/html"))
        with pytest.raises(errors.HubHTTPError):
            api.instances.logs(instance)


def test_notebook_is_opened_awaited_heard_and_closed(api: HubApi) -> None:
    made = api.finetunes.create(model(api), "tune-1", resource_id=1, framework_id=2)

    now = api.finetunes.wait_until_running(made, timeout=60)

    assert [found.id for found in api.finetunes.list()] == [now.id]
    assert list(api.instances.list()) == []
    with api.finetunes.logs(now) as logs:
        api.finetunes.stop(now)
        assert any("stop" in line for line in logs if "stop" in line) or next(logs, None) is None
    api.finetunes.start(now)
    api.finetunes.delete(now)
    with pytest.raises(errors.NotFound):
        api.finetunes.get(model(api), now.id)


def test_finetune_job_on_the_hub(api: HubApi) -> None:
    dataset = api.create_repo("reviews", repo_type="dataset").repo_id
    made = api.finetunes.create_job(
        "tune", model_id=model(api), dataset_id=dataset, resource_id=1, framework_id=2, epochs=3
    )

    assert made.name == "tune"
    assert [job.id for job in api.finetunes.list_jobs()] == [made.id]
    assert api.finetunes.get_job(made.id).repos
    with api.finetunes.job_logs(made.id) as logs:
        assert next(logs)
    api.finetunes.delete_job(made.id)
    api.finetunes.delete_job(made.id, missing_ok=True)
    with pytest.raises(errors.NotFound):
        api.finetunes.get_job(made.id)


def test_finetune_job_is_asked_for_listed_heard_and_deleted() -> None:
    job = {"id": 3, "task_name": "tune", "status": "Running", "repo_ids": ["wanda/bert"]}
    with answering() as server, HubApi(server.url, "t" * 32) as api:
        server.default = reply(200, {"msg": "OK", "data": job})
        made = api.finetunes.create_job(
            "tune", model_id="wanda/bert", dataset_id="wanda/data", resource_id=1, framework_id=2
        )
        assert (made.id, made.name, made.status, made.repos) == (
            3,
            "tune",
            "Running",
            ("wanda/bert",),
        )
        assert api.finetunes.get_job(3) == made
        server.script.append(reply(200, b"data: x\n\n", Content_Type="text/event-stream"))
        assert list(api.finetunes.job_logs(3, since="1day")) == ["x"]
        api.finetunes.delete_job(3)
        server.script.extend([reply(200, {"name": "wanda"}), reply(200, {"msg": "OK", "data": {}})])
        server.script.append(reply(200, {"message": "OK", "data": [job], "total": 1}))
        assert list(api.finetunes.list_jobs()) == [made]
        for bad in ({"method": "dpo"}, {"epochs": 0}, {"learning_rate": 0}, {"model_id": "x"}):
            with pytest.raises(errors.InvalidInput):
                api.finetunes.create_job(
                    "tune",
                    **{
                        "model_id": "wanda/bert",
                        "dataset_id": "wanda/data",
                        "resource_id": 1,
                        "framework_id": 2,
                        **bad,
                    },
                )
    paths = [f"{asked.method} {asked.path}" for asked in server.asked]
    assert paths[0] == "POST /api/v1/finetunes"
    assert "GET /api/v1/finetunes/3/logs?since=1day&stream=true" in paths


# --- asking a model --------------------------------------------------------------------------


def inference(api: HubApi, **more: object) -> InferenceApi:
    return InferenceApi(model(api), token=api.token, endpoint=api.endpoint, **more)


def test_model_is_asked(api: HubApi) -> None:
    running(api)
    with inference(api) as ask:
        assert ask("the goal [MASK]") == [{"generated_text": "the goal [MASK]"}]
        assert ask(["a", "b"])[1] == [{"generated_text": "b"}]
        assert ask("one two three", {"max_new_tokens": 2}) == [{"generated_text": "one two "}]
        assert list(ask.generate("one two")) == ["one ", "two"]
        assert ask.task == "text-generation"
        answer = ask.chat("你好 world")
        assert answer["choices"][0]["message"]["content"] == "你好 world"
        talk = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "a b c"}]
        assert "".join(ask.chat(talk, stream=True, max_tokens=2)) == "a b "
        assert ask.complete("x y")["choices"][0]["text"] == "x y"
        assert list(ask.complete("x y", stream=True)) == ["x ", "y"]
        with pytest.raises(errors.HubHTTPError, match="above 0"):
            ask("x", {"max_new_tokens": 0})
        with pytest.raises(errors.HubHTTPError):
            ask.chat([])


def test_tasks_want_their_own_inputs(api: HubApi) -> None:
    running(api)
    with inference(api, task="question-answering") as ask:
        question = {"question": "What's my name?", "context": "My name is Clara."}
        assert ask(question)["inputs"] == question
        with pytest.raises(errors.InvalidInput, match="context, question"):
            ask("Clara?")
    with inference(api, task="zero-shot-classification") as ask:
        labels = {"candidate_labels": ["refund", "legal"]}
        assert ask({"text": "x"}, labels)["parameters"] == labels
        with pytest.raises(errors.InvalidInput):
            ask()
    with pytest.raises(errors.InvalidInput, match="fill-mask"):
        inference(api, task="guessing")
    with inference(api, task="image-classification") as ask, pytest.raises(errors.InvalidInput):
        ask("no picture")


def test_model_that_does_not_run_is_named_with_its_state(api: HubApi) -> None:
    with inference(api) as ask:
        with pytest.raises(errors.NotRunning, match=r"api\.instances\.create"):
            ask("x")
        instance = running(api)
        assert ask("x")
        api.instances.stop(instance)
    with inference(api) as ask, pytest.raises(errors.NotRunning, match="bert-1 is Stopped"):
        ask("x")
    with (
        InferenceApi(model(api), token=False, endpoint=api.endpoint) as nobody,
        pytest.raises(errors.Unauthorized),
    ):
        nobody("x")


def listed(url: str, **more: object) -> object:
    one = {"deploy_id": 1, "status": "Running", "model_id": "wanda/bert", "proxy_endpoint": url}
    return reply(200, {"msg": "OK", "data": [{**one, **more}]})


def test_token_does_not_follow_the_hub_to_an_instance_elsewhere() -> None:
    with answering() as hub, answering() as elsewhere:
        elsewhere.default = reply(200, {"ok": True})
        hub.default = listed(elsewhere.url, private=True)
        with (
            InferenceApi("wanda/bert", token="t" * 32, endpoint=hub.url) as ask,
            pytest.raises(errors.HubError, match="instance_url"),
        ):
            ask("x")
        assert elsewhere.asked == []
        hub.default = listed(elsewhere.url, private=False)
        with InferenceApi("wanda/bert", token="t" * 32, endpoint=hub.url) as ask:
            assert ask("x") == {"ok": True}
        assert "authorization" not in elsewhere.asked[0].headers
        with InferenceApi(
            "wanda/bert", token="t" * 32, endpoint=hub.url, instance_url=elsewhere.url
        ) as ask:
            assert ask("x") == {"ok": True}
        assert elsewhere.asked[1].headers["authorization"] == f"Bearer {'t' * 32}"


@pytest.mark.parametrize(
    ("url", "endpoint", "trusted"),
    [
        ("https://x.hub.example", "https://hub.example", True),
        ("https://hub.example/ep", "https://hub.example", True),
        ("https://x.space.opencsg.com", "https://hub.opencsg.com", True),
        ("http://x.hub.example", "https://hub.example", False),
        ("https://evilhub.example", "https://hub.example", False),
        ("https://hub.example.evil", "https://hub.example", False),
        ("https://hub.example:444", "https://hub.example", False),
        ("https://evil/.hub.example", "https://hub.example", False),
        ("https://x.hub.example@evil", "https://hub.example", False),
        ("https://x.127.0.0.1", "http://127.0.0.1:80", False),
    ],
)
def test_hosts_that_may_have_the_token(url: str, endpoint: str, *, trusted: bool) -> None:
    from csgrepo.hub.inference import _is_under

    assert _is_under(url, endpoint) is trusted


def test_answer_that_breaks_off_is_no_answer() -> None:
    piece = b'data: {"choices":[{"delta":{"content":"half"},"finish_reason":null}]}\n\n'

    def stream(body: bytes) -> object:
        return reply(200, body, Content_Type="text/event-stream")

    with (
        answering() as model_server,
        InferenceApi(
            "wanda/bert", token=False, endpoint=model_server.url, instance_url=model_server.url
        ) as ask,
    ):
        for body in (
            piece,
            piece + b"data: {nonsense\n\n",
            piece + b'data: {"error":"oom"}\n\n',
        ):
            model_server.script.append(stream(body))
            pieces = ask.chat("x", stream=True)
            assert next(pieces) == "half"
            with pytest.raises(errors.HubError):
                next(pieces)
        model_server.script.append(reply(200, b"\x89PNG", Content_Type="image/png"))
        assert ask(data=b"a picture") == b"\x89PNG"
        assert model_server.asked[-1].body == b"a picture"
