"""Relations, quantized files and mirrors over REST, row by row of the contract."""

from __future__ import annotations

import sqlite3

import pytest

from csgrepo.server import Hub
from tests.functional.rest import Api, b64, said

PLURALS = ["models", "datasets", "spaces", "codes", "skills"]
SOURCE = "https://example.com/models/other/first.git"


def test_a_model_names_its_datasets_and_both_tell(wanda: Api, stranger: Api, nobody: Api):
    model = wanda.create("m1")
    one, two = wanda.create("d1", "datasets"), wanda.create("d2", "datasets", private=True)
    path = f"{model}/relations"
    assert nobody("GET", path).json() == {"msg": "OK", "data": {}}
    names = [base.removeprefix("/api/v1/datasets/") for base in (one, two)]
    assert wanda("PUT", path, json={"datasets": names}).status_code == 200
    assert [item["name"] for item in wanda.get(path)["datasets"]] == ["d1", "d2"]
    assert [item["name"] for item in nobody.get(path)["datasets"]] == ["d1"]
    back = stranger.get(f"{one}/relations")
    assert [item["name"] for item in back["models"]] == ["m1"]
    assert said(nobody("GET", f"{one}/relations")) == (401, "AUTH-ERR-1")
    assert wanda("DELETE", f"{path}/dataset", json={"dataset": names[0]}).json() == {"msg": "OK"}
    assert nobody.get(path) == {}
    assert wanda("POST", f"{path}/dataset", json={"dataset": names[0]}).json() == {"msg": "OK"}
    assert wanda("DELETE", one).status_code == 200
    assert [item["name"] for item in wanda.get(path)["datasets"]] == ["d2"]


def test_who_may_relate_what(wanda: Api, stranger: Api, nobody: Api):
    path = f"{wanda.create('m1')}/relations"
    hidden = stranger.create("d1", "datasets", private=True).removeprefix("/api/v1/datasets/")
    for api, expected in ((stranger, (403, "AUTH-ERR-2")), (nobody, (401, "AUTH-ERR-1"))):
        assert said(api("PUT", path, json={"datasets": []})) == expected
        assert said(api("POST", f"{path}/dataset", json={"dataset": "a/b"})) == expected
    for bad in (None, "a/b", [5], ["a\0/b"], ["a/b"] * 101):
        assert said(wanda("PUT", path, json={"datasets": bad})) == (400, "REQ-ERR-1"), bad
    assert said(wanda("PUT", path, json={"datasets": ["no/such"]})) == (500, "SYS-ERR-3")
    assert said(wanda("PUT", path, json={"datasets": [hidden]})) == (403, "AUTH-ERR-2")


def test_prompts_name_models_and_code_is_asked_too(wanda: Api, nobody: Api):
    wanda.create("m1")
    prompts, code = wanda.create("talk", "prompts"), wanda.create("c1", "codes")
    asked = {"models": [f"{wanda.name}/m1"]}
    assert wanda("PUT", f"{prompts}/relations", json=asked).status_code == 200
    assert [item["name"] for item in nobody.get(f"{prompts}/relations")["models"]] == ["m1"]
    assert nobody.get(f"{code}/relations") == {}


def test_quantized_files_are_those_of_their_format(wanda: Api, stranger: Api):
    base = wanda.create("small", private=True)
    assert wanda.get(f"{base}/quantizations") == []
    for path in ("a-Q4_K_M.gguf", "deep/b.gguf", "c.bin"):
        wanda.put_file(base, path, b"", original_content=b64(path.encode()))
    listed = wanda.get(f"{base}/quantizations")
    assert [(item["path"], item["lfs"]) for item in listed] == [
        ("a-Q4_K_M.gguf", True), ("deep/b.gguf", True),
    ]  # fmt: skip
    assert said(stranger("GET", f"{base}/quantizations")) == (403, "AUTH-ERR-2")


@pytest.mark.parametrize("plural", [*PLURALS, "prompts"])
def test_a_mirror_is_kept_shown_changed_and_forgotten(wanda: Api, stranger, nobody, plural):
    path = f"{wanda.create('copy', plural)}/mirror"
    for method in ("GET", "PUT", "DELETE"):
        assert said(wanda(method, path, json={"source_url": SOURCE})) == (500, "SYS-ERR-3")
    assert said(wanda("POST", f"{path}/sync")) == (500, "SYS-ERR-3")
    made = wanda("POST", path, json={"source_url": SOURCE, "mirror_source_id": 2})
    expected = {
        "source_url": SOURCE, "source_repo_path": "models/other/first", "mirror_source_id": 2,
        "local_repo_path": f"{wanda.name}/copy", "status": "queued", "progress": 0,
    }  # fmt: skip
    assert made.json()["data"].items() >= expected.items()
    assert said(wanda("POST", path, json={"source_url": SOURCE})) == (409, "MIRROR-ERR-0")
    assert wanda("POST", f"{path}/sync").json() == {"msg": "OK"}
    assert wanda("PUT", path, json={"source_url": f"{SOURCE}x"}).status_code == 200
    assert wanda.get(path)["source_url"] == f"{SOURCE}x"
    for api, refusal in ((stranger, (403, "AUTH-ERR-2")), (nobody, (401, "AUTH-ERR-1"))):
        for method, where in (("POST", path), ("PUT", path), ("DELETE", path),
                              ("POST", f"{path}/sync")):  # fmt: skip
            assert said(api(method, where, json={"source_url": SOURCE})) == refusal
    assert wanda("DELETE", path).json() == {"msg": "OK"}
    assert said(wanda("GET", path)) == (500, "SYS-ERR-3")


def test_what_is_no_source_is_refused(wanda: Api):
    path = f"{wanda.create('copy')}/mirror"
    for bad, expected in (
        ({}, (400, "REQ-ERR-1")),
        ({"source_url": "file:///etc"}, (400, "REQ-ERR-1")),
        ({"source_url": "ext::sh -c x"}, (400, "REQ-ERR-1")),
        ({"source_url": "https://a/\n"}, (400, "REQ-ERR-1")),
        ({"source_url": 5}, (400, "REQ-ERR-1")),
        ({"source_url": SOURCE, "mirror_source_id": "x"}, (400, "REQ-ERR-1")),
        ({"source_url": SOURCE, "username": "wanda"}, (400, "MIRROR-ERR-5")),
        ({"source_url": "https://wanda:pass@example.com/a"}, (400, "MIRROR-ERR-5")),
    ):
        assert said(wanda("POST", path, json=bad)) == expected, bad


def test_what_a_source_is_opened_with_is_not_kept(tmp_path):
    with Hub(tmp_path) as hub:
        wanda = Api(hub.url, hub.add_user("wanda"), "wanda")
        path = f"{wanda.create('copy')}/mirror"
        asked = {"source_url": SOURCE, "username": "wanda", "access_token": "hush-hush"}
        made = wanda("POST", path, json=asked)
        assert made.status_code == 200
        assert "hush-hush" not in made.text + wanda("GET", path).text
    with sqlite3.connect(tmp_path / "hub.sqlite3") as database:
        assert "hush-hush" not in "\n".join(database.iterdump())


def test_no_mirror_of_an_mcp_is_made_by_hand(wanda: Api):
    path = f"{wanda.create('tools', 'mcps')}/mirror"
    answer = wanda("POST", path, json={"source_url": SOURCE})
    assert (answer.status_code, answer.text) == (404, "404 page not found")
    assert said(wanda("GET", path)) == (500, "SYS-ERR-3")


def test_a_mirror_of_the_public_hub_is_for_its_namespaces(wanda: Api, hub: Hub):
    mine = wanda.create("mine")
    assert said(wanda("POST", f"{mine}/mirror_from_saas")) == (400, "REQ-ERR-0")
    space = f"CSG_{wanda.name}"
    hub.add_organization(space, {wanda.name: "admin"})
    path = f"{wanda.create('copy', namespace=space)}/mirror_from_saas"
    assert said(wanda("GET", f"{path}/status")) == (500, "SYS-ERR-3")
    answer = wanda("POST", path)
    assert (answer.status_code, answer.json()["msg"]) == (202, "Accepted")
    made = answer.json()["data"]
    assert made["source_repo_path"] == f"models/{wanda.name}/copy"
    state = wanda.get(f"{path}/status", task_id=made["mirror_task_id"])
    assert (state["status"], state["terminal"], state["mirror_id"]) == ("queued", False, made["id"])
    assert said(wanda("GET", f"{path}/status", params={"task_id": 10**9})) == (404, "SYS-ERR-3")
