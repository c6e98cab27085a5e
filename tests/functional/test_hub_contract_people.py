"""Users, tokens, keys and organizations over REST, row by row of the contract."""

from __future__ import annotations

import base64
import datetime
import hashlib
import sqlite3
import struct
import time
from contextlib import closing

import pytest
import requests

from csgrepo.server import Hub
from tests.functional.rest import Api, said

NEVER = "0001-01-01T00:00:00Z"


def at(seconds: float) -> str:
    when = datetime.datetime.fromtimestamp(time.time() + seconds, datetime.timezone.utc)
    return when.isoformat(timespec="seconds").replace("+00:00", "Z")


def key(seed: int, kind: str = "ssh-ed25519") -> str:
    body = struct.pack(">I", len(kind)) + kind.encode() + struct.pack(">I", 32) + bytes([seed]) * 32
    return f"{kind} {base64.b64encode(body).decode()} wanda@laptop"


def mint(api: Api, name: str, app: str = "git", **body: object) -> dict[str, object]:
    answer = api("POST", f"/api/v1/token/{app}/{name}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def test_a_token_is_made_shown_once_rotated_and_deleted(wanda: Api, stranger: Api, nobody: Api):
    made = mint(wanda, "laptop", permission="all")
    assert made.keys() == {
        "id", "git_id", "name", "token", "user_id", "user", "application", "permission",
        "is_active", "expired_at", "DeletedAt", "ns_uuid", "token_type", "created_at", "updated_at",
    }  # fmt: skip
    assert (made["name"], made["application"], made["expired_at"]) == ("laptop", "git", NEVER)
    value = made["token"]
    assert len(value) == 32
    assert Api(wanda.url, value)("GET", "/csg/api/whoami-v2").json()["name"] == wanda.name
    again = wanda("POST", "/api/v1/token/git/laptop", json={})
    assert again.status_code == 500
    assert again.json()["msg"].startswith("token name duplicated")
    assert "code" not in again.json()
    path = f"/api/v1/user/{wanda.name}/tokens"
    listed = {item["token_name"]: item for item in wanda.get(path, app="git")}
    assert listed["laptop"]["token"] == f"{value[:4]}****"
    assert listed["laptop"]["user_name"] == wanda.name
    assert value not in wanda("GET", path).text
    assert wanda.get(path, app="mirror") is None
    assert said(stranger("GET", path)) == (401, "AUTH-ERR-7")
    assert said(nobody("GET", path)) == (401, "AUTH-ERR-1")
    turned = wanda("PUT", "/api/v1/token/git/laptop").json()["data"]
    assert turned["token"] != value
    assert said(Api(wanda.url, value)("GET", "/api/v1/models")) == (401, "AUTH-ERR-5")
    assert Api(wanda.url, turned["token"])("GET", "/api/v1/models").status_code == 200
    assert wanda("DELETE", "/api/v1/token/git/laptop").json() == {"msg": "OK"}
    assert said(Api(wanda.url, turned["token"])("GET", "/api/v1/models")) == (401, "AUTH-ERR-5")
    for method in ("PUT", "DELETE"):
        gone = wanda(method, "/api/v1/token/git/laptop")
        assert (gone.status_code, gone.json()) == (404, {"msg": "not found"})
    assert said(nobody("POST", "/api/v1/token/git/x", json={})) == (401, "AUTH-ERR-1")


def an_hour_passes(hub: Hub, token: str) -> None:
    """Have a token be an hour older than it is."""
    digest = hashlib.sha256(token.encode()).digest()
    with closing(sqlite3.connect(hub.root / "hub.sqlite3")) as database, database:
        sql = "UPDATE tokens SET expires_at = expires_at - 3600 WHERE digest = ?"
        assert database.execute(sql, (digest,)).rowcount == 1


def test_a_token_ends_for_git_and_not_for_rest(wanda: Api, hub: Hub):
    base = wanda.create("ending", private=True)
    refs = f"{base.replace('/api/v1', '')}.git/info/refs?service=git-upload-pack"
    later = at(3600)
    value = mint(wanda, "later", expired_at=later)["token"]
    assert wanda("GET", f"/api/v1/token/{value}").json()["data"]["expire_at"] == later
    assert Api(wanda.url, value)("GET", refs).status_code == 200
    soon = mint(wanda, "soon", expired_at=at(3600))["token"]
    ending = Api(wanda.url, soon)
    assert ending("GET", refs).status_code == 200
    an_hour_passes(hub, soon)
    assert ending("GET", refs).status_code == 401
    batch = {"operation": "download", "objects": []}
    lfs = f"{base.replace('/api/v1', '')}.git/info/lfs/objects/batch"
    assert ending("POST", lfs, json=batch).status_code == 401
    assert ending.get(base)["private"] is True
    assert ending("GET", f"/api/v1/token/{soon}").status_code == 200


def test_an_end_in_the_past_is_none_and_what_is_no_time_is_refused(wanda: Api):
    for number, past in enumerate(("2020-01-01T00:00:00Z", "2020-01-01T00:00:00.123456789+08:00")):
        assert mint(wanda, f"past{number}", expired_at=past)["expired_at"] == NEVER
    for bad in ("tomorrow", "2030-13-01T00:00:00Z", "2030-01-01", 5, "2030-01-01T00:00:00"):
        answer = wanda("POST", "/api/v1/token/git/bad", json={"expired_at": bad})
        assert said(answer) == (400, "REQ-ERR-1")
    for body in (b"", b"[]", b"{"):
        assert said(wanda("POST", "/api/v1/token/git/bad", data=body)) == (400, "REQ-ERR-1")


def test_what_a_token_is_for_decides_where_it_counts(wanda: Api):
    base = wanda.create("apps", private=True)
    refs = f"{base.replace('/api/v1', '')}.git/info/refs?service=git-upload-pack"
    gateway = mint(wanda, "one", "aigateway")["token"]
    assert gateway.startswith("gk_")
    assert Api(wanda.url, gateway)("GET", base).status_code == 200
    assert Api(wanda.url, gateway)("GET", refs).status_code == 401
    starship = mint(wanda, "one", "starship")["token"]
    assert said(Api(wanda.url, starship)("GET", base)) == (401, "AUTH-ERR-5")
    assert mint(wanda, "one", "csghub")["application"] == "git"
    assert said(wanda("POST", "/api/v1/token/mirror/x", json={})) == (500, "SYS-ERR-1")
    assert said(wanda("POST", "/api/v1/token/other/x", json={})) == (400, "REQ-ERR-6")
    assert said(wanda("POST", "/api/v1/token/git/a%09b", json={})) == (400, "REQ-ERR-6")
    looked = wanda("GET", f"/api/v1/token/{gateway}?app=aigateway").json()["data"]
    assert (looked["id"], looked["application"], looked["token"]) == (0, "aigateway", gateway)
    assert wanda("GET", f"/api/v1/token/{gateway}?app=git").json() == {"msg": "not found"}


def test_ssh_keys_are_a_plain_list_and_every_fault_is_a_500(wanda: Api, stranger: Api, nobody: Api):
    keys, one = f"/api/v1/user/{wanda.name}/ssh_keys", f"/api/v1/user/{wanda.name}/ssh_key"
    seed = 100
    assert wanda("GET", keys).json() == {"msg": "OK", "data": None}
    content = key(seed) + wanda.name
    made = wanda("POST", keys, json={"name": "laptop 笔记本", "content": content})
    assert made.status_code == 200
    row = made.json()["data"]
    assert row["fingerprint_sha256"].startswith("SHA256:")
    assert row.keys() == {
        "id", "git_id", "name", "content", "user_id", "user", "fingerprint_sha256", "DeletedAt",
        "created_at", "updated_at",
    }  # fmt: skip
    listed = wanda("GET", keys).json()
    assert "total" not in listed
    assert [item["content"] for item in listed["data"]] == [content]
    for body, words in [
        ({"name": "laptop 笔记本", "content": key(seed + 1)}, "ssh key name already exists"),
        ({"name": "other", "content": key(seed)}, "ssh key already exists"),
        ({"name": "other", "content": "ssh-ed25519 AAAA"}, "not a public SSH key"),
        ({"name": "other", "content": key(9, "ssh-dss")}, "not a public SSH key"),
        ({"name": "other", "content": key(9).replace("ed25519", "rsa", 1)}, "not a public"),
        ({"name": "other", "content": f"{key(9)}\n{key(8)}"}, "not a public SSH key"),
        ({"name": "other", "content": f'command="x" {key(9)}'}, "not a public SSH key"),
        ({"name": "other"}, "not a public SSH key"),
    ]:
        answer = wanda("POST", keys, json=body)
        assert (answer.status_code, "code" in answer.json()) == (500, False)
        assert words in answer.json()["msg"]
    taken = stranger(
        "POST", f"/api/v1/user/{stranger.name}/ssh_keys", json={"name": "x", "content": key(seed)}
    )
    assert (taken.status_code, taken.json()["msg"]) == (500, "ssh key already exists")
    for other, expected in ((stranger, (401, "AUTH-ERR-7")), (nobody, (401, "AUTH-ERR-1"))):
        assert said(other("GET", keys)) == expected
        assert said(other("POST", keys, json={})) == expected
        assert said(other("DELETE", f"{one}/laptop")) == expected
    assert wanda("DELETE", f"{one}/laptop 笔记本").json() == {"msg": "OK"}
    assert said(wanda("DELETE", f"{one}/laptop 笔记本")) == (500, "SYS-ERR-3")
    assert said(wanda("POST", keys, json={"name": "", "content": key(9)})) == (400, "REQ-ERR-1")


def test_a_profile_is_changed_by_uuid_and_by_its_owner(wanda: Api, stranger, nobody, hub: Hub):
    path = f"/api/v1/user/{wanda.name}"
    number = wanda.get(path)["uuid"]
    facts = {"bio": "训练", "homepage": "https://example.com/w", "avatar": "http://example.com/a"}
    email = f"{wanda.name}@example.com"
    body = {"name": "Wanda W", "email": email, **facts}
    assert wanda("PUT", f"/api/v1/user/{number}", json=body).json() == {"msg": "OK"}
    shown = wanda.get(path)
    assert shown.items() >= {"nickname": "Wanda W", "email": email, **facts}.items()
    by_uuid = nobody("GET", f"/api/v1/user/{number}", params={"type": "uuid"}).json()["data"]
    assert by_uuid["username"] == wanda.name
    assert not {"email", "uuid", "bio", "homepage", "roles", "id"} & by_uuid.keys()
    assert by_uuid["created_at"] == NEVER
    assert by_uuid["namespaces"][0].keys() == {"Path", "Type", "Avatar", "UUID", "NSType", "User"}
    assert said(nobody("GET", f"/api/v1/user/{wanda.name}?type=uuid")) == (404, "SYS-ERR-3")
    change = f"/api/v1/user/{number}"
    assert said(stranger("PUT", change, json={"bio": "x"})) == (403, "AUTH-ERR-2")
    assert said(nobody("PUT", change, json={"bio": "x"})) == (401, "AUTH-ERR-1")
    assert said(wanda("PUT", f"/api/v1/user/{wanda.name}", json={})) == (404, "SYS-ERR-3")
    assert said(wanda("PUT", change, json={"roles": ["admin"]})) == (403, "AUTH-ERR-6")
    assert said(wanda("PUT", change, json={"new_username": "other"})) == (400, "REQ-ERR-0")
    taken = {"email": f"{stranger.name}@LOCALHOST"}
    assert said(wanda("PUT", change, json=taken)) == (400, "USER-ERR-13")
    for bad in (
        {"homepage": "javascript:alert(1)"}, {"avatar": "//x"}, {"email": "no"}, {"email": ""},
        {"email": "a@b\n"}, {"email": "<a@b>"}, {"bio": 5}, {"name": "x" * 100},
    ):  # fmt: skip
        assert said(wanda("PUT", change, json=bad)) == (400, "REQ-ERR-1"), bad
    root = f"root-{wanda.name}"
    admin = Api(hub.url, hub.add_user(root, admin=True), root)
    assert admin("PUT", change, json={"roles": ["admin"]}).status_code == 200
    assert wanda.get(path)["roles"] == ["admin"]
    assert admin("PUT", change, json={"roles": []}).status_code == 200


def test_users_are_searched(wanda: Api, nobody: Api):
    found = wanda("GET", "/api/v1/users", params={"search": wanda.name.upper(), "per": 1}).json()
    assert (found["total"], found["data"][0]["username"]) == (1, wanda.name)
    assert said(nobody("GET", "/api/v1/users")) == (401, "AUTH-ERR-1")
    assert said(wanda("GET", "/api/v1/users", params={"per": 0})) == (400, "REQ-ERR-6")


def test_an_organization_from_its_making_to_its_end(wanda: Api, stranger: Api, nobody: Api):
    name = f"lab-{wanda.name}"
    body = {
        "name": name,
        "nickname": "实验室",
        "homepage": "https://example.com",
        "org_type": "school",
    }
    assert said(nobody("POST", "/api/v1/organizations", json=body)) == (401, "AUTH-ERR-1")
    made = wanda("POST", "/api/v1/organizations", json=body)
    assert made.status_code == 200
    assert (
        made.json()["data"].items() >= {"path": name, "name": "实验室", "verified": False}.items()
    )
    assert said(stranger("POST", "/api/v1/organizations", json=body)) == (400, "USER-ERR-20")
    for taken in (wanda.name, name.upper()):
        answer = stranger("POST", "/api/v1/organizations", json={"name": taken})
        assert said(answer) == (400, "USER-ERR-20")
    path = f"/api/v1/organization/{name}"
    assert nobody("GET", path).json()["data"].get("role") is None
    assert wanda.get(path)["role"] == "admin"
    assert said(nobody("GET", path + "x")) == (404, "SYS-ERR-3")
    for search in (name.upper(), "实验"):
        listed = nobody(
            "GET", "/api/v1/organizations", params={"search": search, "org_type": "school"}
        )
        assert listed.json().keys() == {"msg", "data"}
        found = listed.json()["data"]
        assert name in [item["path"] for item in found["data"]]
        assert found["total"] >= 1
    mine = wanda.get(f"/api/v1/user/{wanda.name}/organizations", role="admin")
    assert ([item["path"] for item in mine["data"]], mine["total"]) == ([name], 1)
    assert wanda.get(f"/api/v1/user/{wanda.name}/organizations", role="read")["data"] == []
    assert wanda.get(f"/api/v1/user/{wanda.name}")["orgs"][0]["path"] == name
    assert said(stranger("PUT", path, json={"nickname": "x"})) == (403, "AUTH-ERR-2")
    assert wanda("PUT", path, json={"nickname": "Lab", "description": "d"}).status_code == 200
    assert wanda.get(path).items() >= {"name": "Lab", "homepage": "https://example.com"}.items()
    assert said(wanda("PUT", path, json={"owner": stranger.name})) == (400, "REQ-ERR-6")
    base = wanda.create("ours", namespace=name)
    assert wanda("DELETE", path).status_code == 409
    assert wanda("DELETE", base).status_code == 200
    assert said(stranger("DELETE", path)) == (403, "AUTH-ERR-2")
    assert wanda("DELETE", path).json() == {"msg": "OK"}
    assert said(wanda("GET", path)) == (404, "SYS-ERR-3")


@pytest.mark.parametrize(
    "body",
    [
        {}, {"name": ""}, {"name": "../x"}, {"name": "a b"}, {"name": "a" * 30}, {"name": 5},
        {"name": "good-one", "nickname": "x" * 30}, {"name": "good-one", "description": "x" * 500},
        {"name": "good-one", "homepage": "h" * 100}, {"name": "good-one", "logo": "data:x"},
    ],
)  # fmt: skip
def test_bad_organizations_are_refused(wanda: Api, body):
    assert said(wanda("POST", "/api/v1/organizations", json=body)) == (400, "REQ-ERR-1")


def test_members_and_their_roles(wanda: Api, stranger: Api, nobody: Api, hub: Hub):
    name = f"crew-{wanda.name}"
    third = f"third-{wanda.name}"
    hub.add_user(third)
    assert wanda("POST", "/api/v1/organizations", json={"name": name[:29]}).status_code == 200
    name = name[:29]
    path = f"/api/v1/organization/{name}/members"
    both = {"users": f"{stranger.name}, {third}", "role": "read"}
    assert said(stranger("POST", path, json=both)) == (403, "AUTH-ERR-2")
    some = {"users": f"{stranger.name},no-such-user", "role": "read"}
    assert said(wanda("POST", path, json=some)) == (404, "SYS-ERR-3")
    assert wanda.get(path)["total"] == 1
    assert wanda("POST", path, json=both).json() == {"msg": "OK"}
    found = stranger.get(path)
    roles = {member["username"]: member["role"] for member in found["data"]}
    assert roles == {wanda.name: "admin", stranger.name: "read", third: "read"}
    assert found["total"] == 3
    outside = nobody("GET", path).json()["data"]["data"]
    assert outside[0].keys() == {"username", "nickname", "uuid", "avatar"}
    assert len(wanda.get(path, per=2, page=2)["data"]) == 1
    assert stranger.get(f"{path}/{stranger.name}") == "read"
    assert said(stranger("GET", f"{path}/{wanda.name}")) == (403, "AUTH-ERR-2")
    assert said(stranger("POST", "/api/v1/models", json={"name": "mm", "namespace": name})) == (
        403,
        "AUTH-ERR-2",
    )
    up = {"old_role": "read", "new_role": "write"}
    assert said(stranger("PUT", f"{path}/{stranger.name}", json=up)) == (403, "AUTH-ERR-2")
    assert wanda("PUT", f"{path}/{stranger.name}", json=up).status_code == 200
    assert said(wanda("PUT", f"{path}/{stranger.name}", json=up)) == (400, "REQ-ERR-6")
    stranger.create("mm", namespace=name)
    down = {"old_role": "admin", "new_role": "read"}
    assert said(wanda("PUT", f"{path}/{wanda.name}", json=down)) == (409, "SYS-ERR-6")
    last = wanda("DELETE", f"{path}/{wanda.name}", json={"role": "admin"})
    assert said(last) == (409, "SYS-ERR-6")
    assert wanda.get(f"{path}/{wanda.name}") == "admin"
    assert wanda("DELETE", f"{path}/{third}", json={"role": "read"}).json() == {"msg": "OK"}
    assert said(wanda("DELETE", f"{path}/{third}", json={"role": "read"})) == (404, "SYS-ERR-3")
    assert stranger("DELETE", f"{path}/{stranger.name}", json={"role": "write"}).status_code == 200
    for method, where in (("POST", path), ("PUT", f"{path}/{wanda.name}")):
        for broken in (b"{", b"", b"[]"):
            assert wanda(method, where, data=broken).status_code == 500
    assert said(wanda("POST", path, json={"users": third, "role": "owner"})) == (400, "REQ-ERR-1")


def test_no_token_reaches_the_record_of_requests(wanda: Api, hub: Hub):
    value = mint(wanda, "secret-one")["token"]
    requests.get(f"{hub.url}/api/v1/token/{value}", timeout=30)
    assert hub.requests.wait_for("GET", r"/api/v1/token/\*+")
    assert not any(value in request.path for request in hub.requests)
