"""The keys of namespaces over REST, and what they open."""

from __future__ import annotations

import re

import pytest
import requests

from csgrepo.server import Hub
from tests.functional.rest import Api, said
from tests.functional.test_hub_contract_revisions import at_once
from tests.functional.test_hub_deploys import Client

__all__ = ["at_once"]


def keys_of(api: Api, namespace: str = "") -> str:
    """Return where the keys of a namespace are."""
    base = api.create(f"in-{namespace or api.name}", namespace=namespace or api.name)
    return f"/api/v1/namespaces/{api.get(base)['namespace']['UUID']}/apikeys"


def test_a_key_from_its_making_to_its_end(wanda: Api, nobody: Api):
    path = keys_of(wanda)
    assert wanda("GET", path).json() == {"msg": "OK", "data": None}
    asked = {"name": "模型 key", "permission": "read", "expired_at": "2999-01-01T00:00:00Z",
             "quota_type": "monthly", "quota": 5}  # fmt: skip
    made = wanda("POST", path, json=asked).json()["data"]
    value = made["token"]
    assert re.fullmatch("gk_[0-9a-f]{32}", value)
    expected = {"token_name": "模型 key", "application": "aigateway", "permission": "read",
                "user_name": wanda.name, "expire_at": "2999-01-01T00:00:00Z", "token_type": "",
                "quota_type": "monthly", "quota": 5, "usage": 0}  # fmt: skip
    assert made.items() >= expected.items()
    assert path.split("/")[4] == made["ns_uuid"]

    (listed,) = wanda.get(path)
    assert listed == {**made, "token": f"{value[:4]}****"}
    assert wanda.get(f"/api/v1/user/{wanda.name}/tokens", app="aigateway") is None
    assert Api(wanda.url, value)("GET", "/csg/api/whoami-v2").json()["name"] == wanda.name

    one = f"{path}/{made['id']}"
    changed = wanda("PUT", one, json={"name": "other", "quota": 7}).json()["data"]
    assert (changed["token_name"], changed["quota"], changed["quota_type"]) == (
        "other", 7, "monthly")  # fmt: skip
    assert changed["token"] == listed["token"]
    assert wanda("DELETE", one).json() == {"msg": "OK"}
    assert said(wanda("DELETE", one)) == (404, "")
    assert said(Api(wanda.url, value)("GET", "/csg/api/whoami-v2")) == (401, "AUTH-ERR-5")
    assert said(nobody("GET", path)) == (401, "AUTH-ERR-1")


def test_every_namespace_has_a_builtin_key(wanda: Api):
    path = keys_of(wanda)
    first = wanda.get(f"{path}/builtin")
    assert (first["token_type"], len(first["token"])) == ("builtin", 35)
    again = wanda.get(f"{path}/builtin")
    assert (again["id"], again["token"]) == (first["id"], f"{first['token'][:4]}****")
    fresh = wanda("PUT", f"{path}/builtin/refresh").json()["data"]
    assert fresh["id"] == first["id"]
    assert fresh["token"] != first["token"]
    assert Api(wanda.url, fresh["token"])("GET", "/csg/api/whoami-v2").status_code == 200
    assert Api(wanda.url, first["token"])("GET", "/csg/api/whoami-v2").status_code == 401
    assert said(wanda("DELETE", f"{path}/{first['id']}")) == (400, "REQ-ERR-0")


def test_what_a_key_may_not_be(wanda: Api):
    path = keys_of(wanda)
    number = wanda("POST", path, json={"name": "key"}).json()["data"]["id"]
    for body, status, code in (
        ({}, 400, "REQ-ERR-6"),
        ({"name": "a\nb"}, 400, "REQ-ERR-6"),
        ({"name": "key"}, 500, ""),
        ({"name": "other", "expired_at": "soon"}, 400, "REQ-ERR-1"),
        ({"name": "other", "quota": "much"}, 400, "REQ-ERR-1"),
        ({"name": "other", "quota_type": 5}, 400, "REQ-ERR-1"),
    ):
        assert said(wanda("POST", path, json=body)) == (status, code)
    wanda("POST", path, json={"name": "second"})
    assert said(wanda("PUT", f"{path}/{number}", json={"name": "second"})) == (500, "")
    assert said(wanda("PUT", f"{path}/word", json={})) == (400, "REQ-ERR-6")
    missing = "/api/v1/namespaces/00000000-0000-0000-0000-000000000000/apikeys"
    assert said(wanda("GET", missing)) == (404, "SYS-ERR-3")


@pytest.mark.parametrize("role", ["read", "write"])
def test_an_organizations_keys_are_for_those_who_look_after_it(
    wanda: Api, stranger: Api, hub: Hub, role
):
    team = f"team-{wanda.name}"
    hub.add_organization(team, {wanda.name: "admin", stranger.name: role})
    path = keys_of(wanda, team)
    assert wanda("POST", path, json={"name": "ours"}).status_code == 200
    assert [key["token_name"] for key in wanda.get(path)] == ["ours"]
    for method, where in (("GET", path), ("POST", path), ("GET", f"{path}/builtin"),
                          ("PUT", f"{path}/builtin/refresh")):  # fmt: skip
        assert said(stranger(method, where, json={"name": "x"})) == (403, "AUTH-ERR-2")


def test_a_key_asks_models_and_opens_no_repository(at_once: Hub):
    client = Client(at_once)
    model = client.model(private=True)
    number = client.deploy(model)
    api = Api(at_once.url, client.token, client.name)
    key = api("POST", keys_of(api), json={"name": "asks"}).json()["data"]["token"]
    endpoint = client.shown(model, number)["endpoint"]
    headers = {"Authorization": f"Bearer {key}"}
    asked = requests.post(endpoint, json={"inputs": "hi"}, headers=headers, timeout=30)
    assert asked.json() == [{"generated_text": "hi"}]
    refs = f"{at_once.url}{model}.git/info/refs?service=git-upload-pack"
    assert requests.get(refs, headers=headers, timeout=30).status_code == 401
    kept = [path.read_bytes() for path in at_once.root.rglob("*") if path.is_file()]
    assert not any(key.encode() in content for content in kept)
