"""What an operator can see of the hub: its access log and its metrics."""

from __future__ import annotations

import contextlib
import json
import re
import socket

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from csgrepo.errors import InvalidInput
from csgrepo.server import Answer, Hub, Truncate


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def create(hub: Hub, token: str, name: str, **more: object) -> None:
    body = {"name": name, **more}
    made = requests.post(f"{hub.url}/api/v1/models", json=body, headers=bearer(token), timeout=30)
    assert made.status_code == 200


def test_every_request_is_one_line_of_json_without_secrets(tmp_path, git):
    log = tmp_path / "访问.log"
    with Hub(access_log=log) as hub:
        token = hub.add_user("wanda")
        create(hub, token, "first", private=True)
        marked = requests.get(f"{hub.url}/模型\n?token={token}&sig=unseen", timeout=30)
        address = hub.url.replace("://", f"://wanda:{token}@")
        git("ls-remote", f"{address}/models/wanda/first.git")
        assert hub.requests.wait_for("GET", "info/refs")
    lines = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    assert [line["method"] for line in lines[:2]] == ["POST", "GET"]
    assert (lines[0]["path"], lines[0]["user"]) == ("/api/v1/models", "wanda")
    assert (lines[0]["bytes_in"], lines[0]["client"]) == (34, "127.0.0.1")
    assert lines[0]["seconds"] > 0
    assert (lines[1]["path"], lines[1]["user"]) == ("/模型?", None)
    assert lines[1]["request_id"] == marked.headers["X-Request-Id"]
    assert lines[-1]["user"] == "wanda"
    assert token not in log.read_text("utf-8")
    assert "unseen" not in log.read_text("utf-8")


def test_the_access_log_goes_on_after_it_was_moved_away(tmp_path):
    log, old = tmp_path / "log", tmp_path / "log.1"
    with Hub(access_log=log) as hub:
        requests.get(f"{hub.url}/healthz", timeout=30)
        assert hub.requests.wait_for("GET", "/healthz")
        log.rename(old)
        requests.get(f"{hub.url}/metrics", timeout=30)
        assert hub.requests.wait_for("GET", "/metrics")
    assert json.loads(old.read_text())["path"] == "/healthz"
    assert json.loads(log.read_text())["path"] == "/metrics"


def waiting(client: socket.socket) -> bytes:
    """Return what has come and was not read yet."""
    with contextlib.suppress(BlockingIOError):
        return client.recv(1 << 20, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    return b""


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("path", "effect"),
    [
        ("/healthz", None),
        ("/nowhere", None),
        ("/models/{model}.git/info/refs?service=git-upload-pack", None),
        ("/models/{model}/resolve/main/README.md", None),
        ("/healthz", Answer(503, body=b"later")),
        ("/api/v1/models/{model}", Truncate(10)),
    ],
)
def test_a_request_is_recorded_before_its_client_sees_the_end(
    hub, account, monkeypatch, method, path, effect
):
    """Or whoever has the answer and looks at once would not find it."""
    create(hub, account.token, "first", readme="hello")
    path = path.format(model=f"{account.name}/first")
    hub.requests.clear()
    fault = hub.faults.add(method, path, effect) if effect else None
    seen: list[bytes] = []
    with socket.create_connection(("127.0.0.1", hub.port)) as client:
        told = [lambda _: seen.append(waiting(client)), *hub._backend.on_request]
        monkeypatch.setattr(hub._backend, "on_request", told)
        head = f"{method} {path} HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n"
        client.sendall(head.encode())
        assert hub.requests.wait_for(method, re.escape(path.partition("?")[0]), 60)
        with client.makefile("rb") as answer:
            arrived = answer.read()
    assert len(hub.requests) == 1
    assert arrived.startswith(b"HTTP/1.1 ")
    assert len(seen) == 1
    assert arrived.startswith(seen[0])
    if isinstance(effect, Truncate) and method == "GET":
        assert seen == [arrived]  # and only now the connection breaks off
    else:
        assert len(seen[0]) < len(arrived)
    if fault:
        hub.faults.remove(fault)


def test_a_request_that_was_answered_is_running_no_more():
    """Git itself may still be ending then."""
    with Hub() as hub:
        create(hub, hub.add_user("wanda"), "first")
        refs = f"{hub.url}/models/wanda/first.git/info/refs?service=git-upload-pack"
        for number in range(1, 21):
            assert requests.get(refs, timeout=60).status_code == 200
            assert samples(hub)["csgrepo_hub_requests_running",] == 1, number  # the one that asks


def samples(hub: Hub) -> dict[tuple[str, ...], float]:
    """Return the metrics: name and labels to value."""
    answer = requests.get(f"{hub.url}/metrics", timeout=30)
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_metrics_count_requests_bytes_and_what_is_held(git):
    with Hub() as hub:
        token = hub.add_user("wanda")
        hub.add_organization("lab")
        create(hub, token, "first")
        requests.get(f"{hub.url}/api/v1/models/wanda/nothing", timeout=30)
        requests.request("BREW", f"{hub.url}/anything/else", timeout=30)
        git("ls-remote", f"{hub.url}/models/wanda/first.git")
        assert hub.requests.wait_for("GET", "info/refs")
        found = samples(hub)
    total = "csgrepo_hub_requests_total"
    assert found[total, "rest", "POST", "200"] == 1
    assert found[total, "rest", "GET", "404"] == 1
    assert found[total, "pages", "other", "404"] == 1
    assert found[total, "git", "GET", "200"] == 1
    assert found["csgrepo_hub_request_seconds_count", "rest"] == 2
    assert found["csgrepo_hub_body_bytes_total", "rest", "in"] == 17
    assert found["csgrepo_hub_repositories", "model"] == 1
    assert found["csgrepo_hub_repositories", "dataset"] == 0
    assert found["csgrepo_hub_users",] == found["csgrepo_hub_organizations",] == 1
    assert found["csgrepo_hub_requests_running",] == 1  # this one


def test_the_address_for_clients_may_be_another_than_the_one_listened_on(tmp_path):
    with Hub(tmp_path, url="https://hub.example.com/") as hub:
        token = hub.add_user("wanda")
        own = f"http://127.0.0.1:{hub.port}"
        made = requests.post(
            f"{own}/api/v1/models", json={"name": "first"}, headers=bearer(token), timeout=30
        ).json()["data"]
        cloned = made["repository"]["http_clone_url"]
        assert cloned == "https://hub.example.com/models/wanda/first.git"
    for wrong in ("hub.example.com", "ftp://hub", "https://me:secret@hub"):
        with pytest.raises(InvalidInput, match="no address") as caught:
            Hub(url=wrong)
        assert "secret" not in str(caught.value)
