"""How often repositories were downloaded, and more that is told of them."""

from __future__ import annotations

import pytest

from csgrepo.server import Hub
from tests.functional.rest import NEEDED, Api, b64, said
from tests.functional.test_hub_contract_commit import commit, file
from tests.functional.test_hub_contract_mapping import addresses

PLURALS = ["models", "datasets", "codes", "mcps", "skills"]


@pytest.fixture
def chief(hub: Hub, wanda: Api) -> Api:
    """An administrator of the hub."""
    name = f"chief-{wanda.name}"
    return Api(hub.url, hub.add_user(name, admin=True), name)


@pytest.mark.parametrize("plural", PLURALS)
def test_every_way_to_a_file_counts_once(wanda: Api, plural):
    base = wanda.create("read", plural)
    wanda.put_file(base, "w.bin", b"", original_content=b64(b"weights"))
    api, files = addresses(base, "csg")
    assert wanda.get(base)["downloads"] == 0

    for number, (method, path, more) in enumerate([
        ("GET", f"{base}/resolve/README.md?ref=main", {}),
        ("GET", f"{files}/main/README.md", {}),
        ("GET", f"{files}/main/w.bin", {}),
        ("GET", f"{base}/download/README.md", {}),
        ("GET", f"{base.removeprefix('/api/v1')}/raw/README.md", {}),
        ("GET", f"{files}/main/README.md", {"headers": {"Range": "bytes=0-3"}}),
    ], start=1):  # fmt: skip
        assert wanda(method, path, **more).status_code in {200, 206, 302}, path
        assert wanda.get(base)["downloads"] == number, path
    for method, path, more in (
        ("HEAD", f"{files}/main/README.md", {}),
        ("GET", f"{files}/main/README.md", {"headers": {"Range": "bytes=4-"}}),
        ("GET", f"{files}/main/none", {}),
        ("GET", f"{base}/raw/README.md", {}),
    ):
        wanda(method, path, **more)
    assert wanda.get(base)["downloads"] == 6
    assert wanda("GET", api).json()["downloads"] == 6


def test_a_clone_counts_and_asking_for_refs_does_not(wanda: Api, hub: Hub, git):
    base = wanda.create("cloned")
    url = f"{hub.url}/models/{wanda.name}/cloned.git"
    for number, version in enumerate((0, 1, 2), start=1):
        git("-c", f"protocol.version={version}", "ls-remote", url)
        git("-c", f"protocol.version={version}", "clone", "--quiet", url, f"clone-{version}")
        assert wanda.get(base)["downloads"] == number


def test_counts_order_lists_and_outlive_the_hub(tmp_path):
    with Hub(tmp_path) as hub:
        wanda = Api(hub.url, hub.add_user("wanda"), "wanda")
        liked, other = wanda.create("liked"), wanda.create("other")
        for _ in range(3):
            wanda("GET", f"{liked}/resolve/README.md")
        wanda("GET", f"{other}/resolve/README.md")
        found = wanda.get("/api/v1/models", sort="most_download")
        assert [(one["name"], one["downloads"]) for one in found] == [("liked", 3), ("other", 1)]
    with Hub(tmp_path) as hub:
        again = Api(hub.url, hub.add_user("wanda"), "wanda")
        assert again.get(liked)["downloads"] == 3


def test_only_an_administrator_counts_by_hand(wanda: Api, nobody: Api, chief: Api):
    base = wanda.create("told")
    assert said(nobody("PUT", f"{base}/incr_downloads")) == (401, "AUTH-ERR-1")
    assert said(wanda("PUT", f"{base}/incr_downloads")) == (403, "AUTH-ERR-6")
    assert chief("PUT", f"{base}/incr_downloads").json() == {"msg": "OK"}
    assert wanda.get(base)["downloads"] == 1


@pytest.mark.parametrize("plural", ["models", "datasets", "spaces"])
def test_repositories_are_named_by_path(wanda: Api, nobody: Api, plural):
    wanda.create("open", plural)
    wanda.create("hidden", plural, private=True)
    asked = {"paths": [f"{wanda.name}/{name}" for name in ("hidden", "open", "none")]}
    path = f"/api/v1/list/{plural}_by_path"
    named = [one["name"] for one in wanda("POST", path, json=asked).json()["data"]]
    assert named == ["hidden", "open"]
    assert [one["name"] for one in nobody("POST", path, json=asked).json()["data"]] == ["open"]
    for bad in (None, "a/b", [5], ["a/b"] * 501, ["a\0/b"]):
        assert said(nobody("POST", path, json={"paths": bad})) == (400, "REQ-ERR-1"), bad


def test_the_lighter_list_of_models_is_a_list_of_models(wanda: Api):
    wanda.create("light")
    found = wanda.get("/api/v1/models/v2", search=f"{wanda.name}/light")
    assert [one["path"] for one in found] == [f"{wanda.name}/light"]


def test_what_a_spaces_programs_are_told_is_for_those_who_may_write(
    wanda: Api, stranger: Api, hub: Hub
):
    secret = {"env": '{"A": "1"}', "secrets": '{"KEY": "hush"}', "variables": '{"B": "2"}'}
    base = wanda.create("app", "spaces", **secret)
    assert wanda.get(base).items() >= {**secret, "sku": "1"}.items()
    for shown in (stranger("GET", base), stranger("GET", "/api/v1/spaces"),
                  wanda("GET", f"/api/v1/user/{wanda.name}/spaces")):  # fmt: skip
        assert shown.status_code == 200
        assert "hush" not in shown.text
    assert wanda("PUT", base, json={"secrets": "", "resource_id": 2}).status_code == 200
    assert wanda.get(base).items() >= {"secrets": "", "env": secret["env"], "sku": "2"}.items()


def test_lfs_below_the_word_of_rest_fails_for_mcps(wanda: Api):
    wanda.create("tools", "mcps")
    for method, path in (("POST", "objects/batch"), ("GET", "locks"), ("POST", "verify")):
        answer = wanda(method, f"/mcps/{wanda.name}/tools.git/info/lfs/{path}", json={})
        assert said(answer) == (500, "SYS-ERR-3"), path


def test_an_object_is_not_had_by_its_name_alone(wanda: Api):
    base = wanda.create("named")
    commit(wanda, base, file("a", b"a"))
    oid = "0" * 64
    answer = wanda("GET", f"/models/{wanda.name}/named.git/info/lfs/{oid}")
    assert answer.status_code == 400


def test_who_am_i_in_the_words_of_the_skills_client(wanda: Api, nobody: Api):
    told = wanda("GET", "/claw/api/v1/whoami").json()
    assert told == {"user": {"handle": wanda.name, "displayName": wanda.name, "image": ""}}
    assert said(nobody("GET", "/claw/api/v1/whoami")) == (401, "AUTH-ERR-1")


def test_the_kinds_of_hardware_are_those_of_the_resources(wanda: Api, nobody: Api):
    offered = nobody.get("/api/v1/space_resources")
    assert nobody.get("/api/v1/space_resources/hardware_types") == sorted(
        {one["type"] for one in offered}
    )
    assert nobody.get("/api/v1/space_resources/scenarios") == []
    assert NEEDED["spaces"]["resource_id"] in {one["id"] for one in offered}
