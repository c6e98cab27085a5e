"""Faults switched on by an admin's call, seen from the client's side."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator

import pytest
import requests

from csgrepo.server import Hub

README = b"\n---\nlicense: mit\n---\n\t"


@pytest.fixture(scope="module")
def operated() -> Iterator[Hub]:
    with Hub(admin=True) as hub:
        yield hub


@pytest.fixture
def token(operated: Hub) -> Iterator[str]:
    """Wanda's token, and a repository of hers; no fault is left afterwards."""
    token = operated.add_user("wanda")
    body = {"name": "first", "license": "mit"}
    headers = bearer(token)
    made = requests.post(f"{operated.url}/api/v1/models", json=body, headers=headers, timeout=30)
    assert made.status_code in {200, 400}, made.text
    yield token
    operated.faults.clear()


@pytest.fixture
def order(operated: Hub) -> Callable[..., requests.Response]:
    """Switch a fault on through the admin's call: `order("drop", path="/objects/")`."""

    def call(effect: str, method: str = "GET", path: str = "/wanda/first", **more: object):
        body = {"effect": effect, "method": method, "path": path, **more}
        return admin(operated, "POST", "", json=body)

    return call


def bearer(token: str | None) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def admin(hub: Hub, method: str, path: str, **more: object) -> requests.Response:
    url = f"{hub.url}/_admin/faults{path}"
    return requests.request(method, url, headers=bearer(hub.admin_token), timeout=30, **more)


def readme(hub: Hub) -> str:
    return f"{hub.url}/csg/wanda/first/resolve/main/README.md"


def test_without_an_admin_there_are_no_such_calls(hub: Hub, account):
    for method in ("GET", "POST", "DELETE"):
        answer = requests.request(
            method, f"{hub.url}/_admin/faults", headers=bearer(account.token), timeout=30
        )
        assert answer.status_code == 404
    assert hub.admin_token is None


def test_only_the_admins_token_is_let_in(operated: Hub, token):
    for headers in ({}, bearer(token), bearer(""), bearer("é"), {"Authorization": "Bearer"}):
        answer = requests.post(
            f"{operated.url}/_admin/faults", json={}, headers=headers, timeout=30
        )
        assert (answer.status_code, answer.json()["code"]) == (401, "AUTH-ERR-5")
    assert operated.faults.all() == []


def test_faults_are_listed_with_their_hits_and_removed(operated: Hub, token, order):
    first = order("error", status=502, times=2).json()["data"]
    second = order("rate-limit", path="/nowhere/").json()["data"]
    assert first["id"] != second["id"]
    assert requests.get(readme(operated), timeout=30).status_code == 502
    listed = admin(operated, "GET", "").json()["data"]
    assert [(fault["id"], fault["hits"]) for fault in listed] == [
        (first["id"], 1),
        (second["id"], 0),
    ]
    assert listed[0]["effect"]["status"] == 502
    assert admin(operated, "DELETE", f"/{first['id']}").json() == {"msg": "OK"}
    assert admin(operated, "DELETE", f"/{first['id']}").status_code == 404
    assert requests.get(readme(operated), timeout=30).content == README
    assert admin(operated, "DELETE", "").status_code == 200
    assert admin(operated, "GET", "").json()["data"] == []


def test_a_fault_that_strikes_everything_spares_the_call_that_ends_it(operated: Hub, token, order):
    order("error", method="*", path=".", times=None)
    assert requests.get(f"{operated.url}/healthz", timeout=30).status_code == 503
    assert admin(operated, "DELETE", "").status_code == 200
    assert requests.get(f"{operated.url}/healthz", timeout=30).status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"effect": "unheard-of"},
        {},
        {"effect": "drop", "path": "("},
        {"effect": "drop", "times": 0},
        {"effect": "drop", "skip": True},
        {"effect": "error", "status": 200},
        {"effect": "delay", "seconds": "long"},
        {"effect": "reset", "on": "tuesday"},
        {"effect": "redirect", "to": "javascript:alert(1)"},
        {"effect": "redirect", "to": "http://a/\r\nX: y"},
        {"effect": "answer", "content_type": "a\r\nb: c"},
    ],
)
def test_a_wrong_order_is_refused_and_switches_nothing_on(operated: Hub, wrong):
    answer = admin(operated, "POST", "", json=wrong)
    assert answer.status_code == 400
    assert "must be" in answer.json()["msg"] or "regular expression" in answer.json()["msg"]
    assert operated.faults.all() == []


def test_rate_limit_says_when_to_come_back(operated: Hub, token, order):
    order("rate-limit", retry_after=7)
    answer = requests.get(readme(operated), timeout=30)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
    assert answer.json() == {"error": "rate limit exceeded"}


def test_error_is_a_page_of_html(operated: Hub, token, order):
    order("error", status=504)
    answer = requests.get(readme(operated), timeout=30)
    assert (answer.status_code, answer.headers["Content-Type"]) == (504, "text/html")
    assert answer.text.startswith("<html>")


def test_expired_is_what_an_object_store_says(operated: Hub, token, order):
    order("expired")
    answer = requests.get(readme(operated), timeout=30)
    assert answer.status_code == 403
    assert "<Message>Request has expired</Message>" in answer.text


@pytest.mark.parametrize(("by", "expected"), [(-5, README[:-5]), (3, README + b"\0\0\0")])
def test_wrong_length_is_in_order_for_http(operated: Hub, token, order, by, expected):
    order("wrong-length", by=by)
    answer = requests.get(readme(operated), timeout=30)
    assert (answer.status_code, answer.content) == (200, expected)
    assert answer.headers["Content-Length"] == str(len(expected))
    order("wrong-length", method="HEAD", by=by)
    head = requests.head(readme(operated), timeout=30)
    assert head.headers["Content-Length"] == str(len(expected))


def test_redirect_leads_to_the_same_path_of_the_other_host(operated: Hub, token, order):
    order("redirect", to="http://localhost:1", status=307)
    answer = requests.get(f"{readme(operated)}?a=%20b", timeout=30, allow_redirects=False)
    assert answer.status_code == 307
    assert answer.headers["Location"] == (
        "http://localhost:1/csg/wanda/first/resolve/main/README.md?a=%20b"
    )


def test_null_data_does_the_work_and_hides_the_answer(operated: Hub, token, order):
    order("null-data", method="POST", path="^/api/v1/datasets$")
    url = f"{operated.url}/api/v1/datasets"
    made = requests.post(url, json={"name": "hidden"}, headers=bearer(token), timeout=30)
    assert (made.status_code, made.json()) == (200, {"msg": "OK", "data": None})
    shown = requests.get(f"{url}/wanda/hidden", headers=bearer(token), timeout=30)
    assert shown.json()["data"]["name"] == "hidden"
    order("null-data")
    assert requests.get(readme(operated), timeout=30).content == README  # no envelope there


def test_drop_takes_an_object_in_and_keeps_nothing(operated: Hub, token, order):
    content = bytes(200_000)
    oid = hashlib.sha256(content).hexdigest()
    base = f"{operated.url}/models/wanda/first.git/info/lfs"
    order("drop", method="PUT", path="/objects/")
    put = requests.put(
        f"{base}/objects/{oid}/{len(content)}", data=content, headers=bearer(token), timeout=30
    )
    assert (put.status_code, put.content) == (200, b"")
    said = json.dumps({"oid": oid, "size": len(content)})
    verified = requests.post(f"{base}/verify", data=said, headers=bearer(token), timeout=30)
    assert verified.status_code == 400
    assert not operated.lfs_path("wanda/first", oid).exists()


def test_delay_flip_truncate_and_reset_can_be_ordered(operated: Hub, token, order):
    order("delay", seconds=0.1)
    order("flip", at=2)
    order("truncate", after=4)
    order("reset")
    assert requests.get(readme(operated), timeout=30).content == README
    flipped = requests.get(readme(operated), timeout=30).content
    assert [at for at, byte in enumerate(flipped) if byte != README[at]] == [2]
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        requests.get(readme(operated), timeout=30)
    with pytest.raises(requests.ConnectionError):
        requests.get(readme(operated), timeout=30)
    order("stall", after=0)
    with pytest.raises(requests.exceptions.ReadTimeout):
        requests.get(readme(operated), timeout=0.3)
    order("answer", status=418, body="short and stout")
    assert requests.get(readme(operated), timeout=30).text == "short and stout"
