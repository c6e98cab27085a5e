"""Collections over REST: repositories that somebody put together."""

from __future__ import annotations

import pytest

from csgrepo.server import Hub
from tests.functional.rest import Api, said


def make(api: Api, name: str = "best", **body: object) -> tuple[str, dict[str, object]]:
    """Make a collection; return its path and what is said of it."""
    made = api("POST", "/api/v1/collections", json={"name": name, **body})
    assert made.status_code == 200, made.text
    return f"/api/v1/collections/{made.json()['data']['id']}", made.json()["data"]


def number_of(api: Api, base: str) -> int:
    return api.get(base)["repository_id"]


def held(api: Api, path: str) -> list[tuple[str, str]]:
    return [(one["path"], one["remark"]) for one in api.get(path)["repositories"]]


def test_a_collection_from_its_making_to_its_end(wanda: Api, nobody: Api):
    path, made = make(wanda, description="最好的", theme="blue")
    wanted = {"name": "best", "nickname": "best", "namespace": wanda.name, "theme": "blue",
              "username": wanda.name, "description": "最好的", "private": False, "likes": 0,
              "can_write": True, "can_manage": True, "user_likes": False,
              "repositories": []}  # fmt: skip
    assert made.items() >= wanted.items()
    assert nobody.get(path).items() >= {"can_write": False, "can_manage": False}.items()
    changed = wanda("PUT", path, json={"nickname": "Best of", "private": True}).json()["data"]
    assert (changed["nickname"], changed["private"], changed["theme"]) == ("Best of", True, "blue")
    assert said(nobody("GET", path)) == (403, "AUTH-ERR-2")
    assert wanda("DELETE", path).json() == {"msg": "OK"}
    assert said(wanda("GET", path)) == (404, "SYS-ERR-3")


def test_repositories_come_with_remarks_and_go_without_harm(wanda: Api, stranger: Api):
    path, _ = make(wanda)
    bases = [wanda.create("one"), wanda.create("two", "datasets")]
    hidden = wanda.create("hidden", private=True)
    numbers = [number_of(wanda, base) for base in (*bases, hidden)]
    body = {"repo_ids": numbers, "remarks": {str(numbers[0]): "首选"}}
    assert wanda("POST", f"{path}/repos", json=body).status_code == 200
    name = wanda.name
    public = [(f"{name}/one", "首选"), (f"{name}/two", "")]
    assert held(wanda, path) == [*public, (f"{name}/hidden", "")]
    assert held(stranger, path) == public

    three = number_of(wanda, wanda.create("three"))
    again = {"repo_ids": [three, numbers[0]]}
    assert said(wanda("POST", f"{path}/repos", json=again)) == (500, "COLL-ERR-0")
    assert len(held(wanda, path)) == 3  # all of them or none
    assert wanda("PUT", f"{path}/repos/{numbers[1]}", json={"remark": "data"}).status_code == 200
    assert held(stranger, path)[1] == (f"{name}/two", "data")
    gone = wanda("DELETE", f"{path}/repos", json={"repo_ids": numbers[:1]})
    assert gone.status_code == 200
    assert held(stranger, path) == [(f"{name}/two", "data")]
    assert wanda("DELETE", bases[1]).status_code == 200
    assert held(stranger, path) == []
    assert wanda.get(bases[0])["name"] == "one"


def test_lists_of_collections(wanda: Api, stranger: Api, nobody: Api, hub: Hub):
    team = f"team-{wanda.name}"
    hub.add_organization(team, {wanda.name: "admin"})
    own = f"own-{wanda.name}"
    path, _ = make(wanda, own)
    make(wanda, f"hidden-{own}", private=True)
    make(wanda, f"shared-{own}", namespace=team)

    def names(api: Api, where: str) -> tuple[list[str], int]:
        answer = api("GET", where, params={"search": own.upper()}).json()
        return sorted(one["name"] for one in answer.get("data") or []), answer.get("total", 0)

    everything = "/api/v1/collections"
    assert names(nobody, everything) == ([own, f"shared-{own}"], 2)
    assert names(wanda, everything) == ([f"hidden-{own}", own, f"shared-{own}"], 3)
    assert names(nobody, f"/api/v1/user/{wanda.name}/collections") == ([own], 1)
    assert names(nobody, f"/api/v1/organization/{team}/collections") == ([f"shared-{own}"], 1)
    assert said(nobody("GET", f"/api/v1/user/{team}/collections")) == (404, "SYS-ERR-3")

    likes = f"/api/v1/user/{stranger.name}/likes/collections"
    number = path.rpartition("/")[2]
    assert said(nobody("GET", likes)) == (401, "AUTH-ERR-1")
    assert stranger("GET", likes).json() == {"message": "OK", "data": None, "total": 0}
    for _ in range(2):
        assert stranger("PUT", f"{likes}/{number}").json() == {"msg": "OK"}
    assert names(stranger, likes) == ([own], 1)
    assert (stranger.get(path)["likes"], stranger.get(path)["user_likes"]) == (1, True)
    assert stranger("DELETE", f"{likes}/{number}").json() == {"msg": "OK"}
    assert stranger.get(path)["likes"] == 0


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"name": "-"}, 400, "REQ-ERR-6"),
        ({}, 400, "REQ-ERR-6"),
        ({"name": "good", "namespace": "no-such"}, 500, "REPO-ERR-2"),
        ({"name": "good", "private": 1}, 400, "REQ-ERR-1"),
        ({"name": "BEST"}, 500, "SYS-ERR-4"),
    ],
)
def test_what_a_collection_may_not_be(wanda: Api, stranger: Api, nobody: Api, body, status, code):
    path, _ = make(wanda)
    assert said(wanda("POST", "/api/v1/collections", json=body)) == (status, code)
    taken = {"name": "good", "namespace": wanda.name}
    assert said(stranger("POST", "/api/v1/collections", json=taken)) == (403, "AUTH-ERR-2")
    assert said(nobody("POST", "/api/v1/collections", json=taken)) == (401, "AUTH-ERR-1")
    hidden = number_of(stranger, stranger.create("hidden", private=True))
    assert said(wanda("POST", f"{path}/repos", json={"repo_ids": [hidden]})) == (404, "SYS-ERR-3")
    for wrong in ({}, {"repo_ids": "x"}, {"repo_ids": [True]}, {"repo_ids": [], "remarks": [1]}):
        assert said(wanda("POST", f"{path}/repos", json=wrong)) == (400, "REQ-ERR-1")
    for method, where in (("PUT", path), ("POST", f"{path}/repos"), ("DELETE", path)):
        assert said(stranger(method, where, json={})) == (403, "AUTH-ERR-2")
