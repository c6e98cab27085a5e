"""Lists, likes, topics and transfers over REST, row by row of the contract."""

from __future__ import annotations

import pytest

from csgrepo.server import Hub
from tests.functional.rest import Api, said

PLURALS = ["models", "datasets", "spaces", "codes", "mcps", "skills"]


def names(answer: object) -> list[str]:
    return [item["name"] for item in answer.json()["data"] or []]


def number_of(api: Api, base: str) -> int:
    return api.get(base)["repository_id"]


@pytest.mark.parametrize("plural", PLURALS)
def test_a_users_list_has_the_other_envelope(wanda: Api, stranger: Api, nobody: Api, plural):
    path = f"/api/v1/user/{wanda.name}/{plural}"
    assert nobody("GET", path).json() == {"message": "OK", "data": None, "total": 0}
    wanda.create("open", plural)
    wanda.create("hidden", plural, private=True)
    mine = wanda("GET", path)
    assert (names(mine), mine.json()["total"]) == (["hidden", "open"], 2)
    for other in (stranger, nobody):
        answer = other("GET", path)
        assert answer.json().keys() == {"message", "data", "total"}
        assert (names(answer), answer.json()["total"]) == (["open"], 1)
    assert names(wanda("GET", path, params={"search": "HID"})) == ["hidden"]
    assert names(wanda("GET", path, params={"per": 1, "page": 2})) == ["open"]
    assert said(wanda("GET", path, params={"per": 101})) == (400, "REQ-ERR-6")
    assert said(nobody("GET", f"/api/v1/user/no-such-user/{plural}")) == (404, "SYS-ERR-3")


@pytest.mark.parametrize("plural", PLURALS)
def test_an_organizations_list(wanda: Api, stranger: Api, nobody: Api, hub: Hub, plural):
    team = f"team-{wanda.name}"
    hub.add_organization(team, {wanda.name: "read", stranger.name: "write"})
    path = f"/api/v1/organization/{team}/{plural}"
    stranger.create("ours", plural, namespace=team, private=True)
    for member in (wanda, stranger):
        body = member("GET", path).json()
        if plural == "mcps":
            assert body["msg"] == "OK"
            body = body["data"]
        else:
            assert body["message"] == "OK"
        assert ([item["name"] for item in body["data"]], body["total"]) == (["ours"], 1)
    body = nobody("GET", path).json()
    inner = body["data"] if plural == "mcps" else body
    assert (inner["data"], inner["total"]) == (None, 0)
    assert said(nobody("GET", f"/api/v1/organization/{wanda.name}/{plural}")) == (404, "SYS-ERR-3")


@pytest.mark.parametrize("plural", PLURALS)
def test_likes_count_for_the_caller_whoever_the_path_names(wanda: Api, stranger, nobody, plural):
    base = wanda.create("liked", plural)
    number = number_of(wanda, base)
    key = "like_count" if plural == "spaces" else "likes"
    for _ in range(2):
        done = stranger("PUT", f"/api/v1/user/{wanda.name}/likes/{number}")
        assert (done.status_code, done.json()) == (200, {"msg": "OK"})
    shown = stranger.get(base)
    assert (shown[key], shown["user_likes"]) == (1, True)
    assert wanda.get(base)["user_likes"] is False
    of_stranger = f"/api/v1/user/{stranger.name}/likes/{plural}"
    listed = wanda("GET", of_stranger).json()
    assert (listed["message"], listed["total"], listed["data"][0]["name"]) == ("OK", 1, "liked")
    empty = wanda("GET", f"/api/v1/user/{wanda.name}/likes/{plural}").json()
    assert empty == {"message": "OK", "data": None, "total": 0}
    assert stranger("DELETE", f"/api/v1/user/any/likes/{number}").json() == {"msg": "OK"}
    assert wanda.get(base)[key] == 0
    assert said(nobody("GET", of_stranger)) == (401, "AUTH-ERR-1")
    assert said(nobody("PUT", f"/api/v1/user/any/likes/{number}")) == (401, "AUTH-ERR-1")


def test_a_like_wants_a_repository_that_may_be_seen(wanda: Api, stranger: Api):
    hidden = number_of(wanda, wanda.create("hidden", private=True))
    assert said(stranger("PUT", f"/api/v1/user/x/likes/{hidden}")) == (403, "AUTH-ERR-2")
    for number in ("abc", "-1", "9" * 30, "٣"):
        assert stranger("PUT", f"/api/v1/user/x/likes/{number}").status_code == 500
    assert said(stranger("DELETE", "/api/v1/user/x/likes/999999999")) == (500, "SYS-ERR-3")
    assert wanda("PUT", f"/api/v1/user/x/likes/{hidden}").status_code == 200
    seen = stranger("GET", f"/api/v1/user/{wanda.name}/likes/models").json()
    assert seen["total"] == 0


@pytest.mark.parametrize("plural", PLURALS)
def test_topics_are_replaced_a_category_at_a_time(wanda: Api, stranger: Api, nobody: Api, plural):
    base = wanda.create("topics", plural)
    assert wanda.get(f"{base}/tags") is None
    for category, sent in {"task": ["b", "a", "a"], "license": ["mit"]}.items():
        done = wanda("POST", f"{base}/tags/{category}", json=sent)
        assert (done.status_code, done.json()) == (200, {"msg": "OK"})
    found = wanda.get(f"{base}/tags")
    assert [(tag["category"], tag["name"]) for tag in found] == [
        ("license", "mit"),
        ("task", "a"),
        ("task", "b"),
    ]
    assert found[0].keys() == {
        "id", "name", "category", "group", "built_in", "scope", "show_name", "i18n_key",
        "created_at", "updated_at",
    }  # fmt: skip
    assert [tag["name"] for tag in wanda.get(base)["tags"]] == ["mit", "a", "b"]
    assert wanda("POST", f"{base}/tags/task", json=[]).status_code == 200
    assert [tag["name"] for tag in wanda.get(f"{base}/tags")] == ["mit"]
    login = plural == "datasets"
    assert (nobody("GET", f"{base}/tags").status_code == 401) is login
    for body in ({"a": 1}, [1], [""], ["x" * 201], ["a\n"], ["x"] * 101, "x"):
        assert said(wanda("POST", f"{base}/tags/task", json=body)) == (400, "REQ-ERR-1")
    assert said(wanda("POST", f"{base}/tags/a%20b", json=[])) == (400, "REQ-ERR-6")
    assert said(stranger("POST", f"{base}/tags/task", json=[])) == (403, "AUTH-ERR-2")
    assert said(nobody("POST", f"{base}/tags/task", json=[])) == (401, "AUTH-ERR-1")


def test_lists_filter_by_topics_search_and_source_and_sort(wanda: Api, stranger: Api):
    topics = {"one": {"task": ["chat"]}, "two": {"task": ["chat"], "language": ["zh"]}, "three": {}}
    for name, categories in topics.items():
        base = wanda.create(name, "codes", nickname=f"nick {wanda.name}")
        for category, sent in categories.items():
            assert wanda("POST", f"{base}/tags/{category}", json=sent).status_code == 200

    def found(**query: object) -> list[str]:
        return names(wanda("GET", "/api/v1/codes", params={"search": wanda.name, **query}))

    assert sorted(found()) == ["one", "three", "two"]
    assert sorted(found(tag_category="task", tag_name="chat", tag_group="")) == ["one", "two"]
    both = {"tag_category": ["task", "language"], "tag_name": ["chat", "zh"], "tag_group": ["", ""]}
    assert found(**both) == ["two"]
    assert sorted(found(task_tag="chat")) == ["one", "two"]
    assert found(task_tag="chat", language_tag="zh") == ["two"]
    assert found(tag_category="task", tag_name="chat", tag_group="some") == []
    assert found(tag_category="task", tag_name="' OR 1=1 --") == []
    assert found(source="huggingface") == []
    assert sorted(found(source="local")) == ["one", "three", "two"]
    number = number_of(wanda, f"/api/v1/codes/{wanda.name}/one")
    assert stranger("PUT", f"/api/v1/user/x/likes/{number}").status_code == 200
    for sort in ("most_favorite", "trending"):
        assert found(sort=sort)[0] == "one"
    assert wanda("PUT", f"/api/v1/codes/{wanda.name}/three", json={}).status_code == 200
    assert found()[0] == found(sort="recently_update")[0] == "three"
    for sort in ("most_download", "most_star"):
        assert sorted(found(sort=sort)) == ["one", "three", "two"]
    mine = f"/api/v1/user/{wanda.name}/codes"
    assert names(wanda("GET", mine, params={"task_tag": "chat", "language_tag": "zh"})) == ["two"]
    many = {"tag_category": ["a"] * 21, "tag_name": ["b"] * 21}
    assert said(wanda("GET", "/api/v1/codes", params=many)) == (400, "REQ-ERR-6")


@pytest.mark.parametrize("plural", ["models", "datasets", "codes", "mcps", "skills"])
def test_a_transfer_moves_all_of_a_repository(wanda: Api, stranger: Api, hub: Hub, plural):
    team = f"team-{wanda.name}"
    hub.add_organization(team, {wanda.name: "write", stranger.name: "read"})
    base = wanda.create("moving", plural)
    wanda.put_file(base, "w.bin", b"", original_content="d2VpZ2h0cw==")
    assert wanda("POST", f"{base}/transfer", json={"new_namespace": team}).json() == {"msg": "OK"}
    assert said(wanda("GET", base)) == (404, "SYS-ERR-3")
    moved = f"/api/v1/{plural}/{team}/moving"
    assert wanda.get(moved)["path"] == f"{team}/moving"
    got = wanda("GET", f"{moved}/resolve/w.bin", allow_redirects=True)
    assert got.content == b"weights"
    assert said(stranger("POST", f"{moved}/transfer", json={"new_namespace": stranger.name})) == (
        403,
        "AUTH-ERR-14",
    )


def test_what_a_transfer_is_told(wanda: Api, stranger: Api, nobody: Api, hub: Hub):
    team = f"team-{wanda.name}"
    hub.add_organization(team, {wanda.name: "write"})
    base = wanda.create("told")
    wanda.create("told", namespace=team)

    def ask(api: Api, **body: object) -> tuple[int, str]:
        return said(api("POST", f"{base}/transfer", json=body))

    assert ask(wanda, new_namespace=team) == (400, "REQ-ERR-15")
    assert ask(wanda, new_namespace=wanda.name) == (400, "REQ-ERR-14")
    assert ask(wanda, new_namespace="no-such-space") == (400, "REQ-ERR-13")
    assert ask(wanda) == (400, "REQ-ERR-13")
    assert ask(wanda, new_namespace=5) == (400, "REQ-ERR-1")
    assert ask(wanda, new_namespace=stranger.name) == (403, "AUTH-ERR-15")
    assert ask(stranger, new_namespace=stranger.name) == (403, "AUTH-ERR-14")
    assert ask(nobody, new_namespace=stranger.name) == (401, "AUTH-ERR-1")
    space = wanda.create("space", "spaces")
    answer = wanda("POST", f"{space}/transfer", json={"new_namespace": team})
    assert answer.text == "404 page not found"


def test_in_an_organization_only_an_administrator_of_the_hub_hides_repositories(wanda: Api, hub):
    team = f"team-{wanda.name}"
    hub.add_organization(team, {wanda.name: "admin"})
    base = wanda.create("shown", namespace=team)
    assert said(wanda("PUT", base, json={"private": True})) == (403, "AUTH-ERR-2")
    assert wanda("PUT", base, json={"description": "still mine"}).status_code == 200
    root = f"root-{wanda.name}"
    admin = Api(hub.url, hub.add_user(root, admin=True), root)
    assert admin("PUT", base, json={"private": True}).status_code == 200
    own = wanda.create("own", private=True)
    assert admin.get(own)["can_manage"] is True
    assert "own" in names(admin("GET", f"/api/v1/user/{wanda.name}/models"))


def test_spaces_are_listed_by_what_they_are_made_for(wanda: Api):
    wanda.create("one", "spaces", sdk="gradio")
    wanda.create("two", "spaces", sdk="streamlit", template='"sdk": "gradio"')
    mine = f"/api/v1/user/{wanda.name}/spaces"
    assert names(wanda("GET", mine, params={"sdk": "gradio"})) == ["one"]
    assert names(wanda("GET", mine, params={"sdk": "streamlit"})) == ["two"]
    assert names(wanda("GET", mine, params={"sdk": 'x" OR "1'})) == []


def test_the_topics_there_are(wanda: Api, stranger: Api, nobody: Api):
    own = f"topic-{wanda.name}"
    models = [wanda.create("one"), wanda.create("two")]
    hidden = wanda.create("hidden", private=True)
    data = wanda.create("data", "datasets")
    for base in (*models, data):
        assert wanda("POST", f"{base}/tags/task", json=[own]).status_code == 200
    wanda("POST", f"{hidden}/tags/framework", json=[f"{own}-secret"])

    def found(api: Api, **query: object) -> list[tuple[str, str, str]]:
        tags = api.get("/api/v1/tags", search=own.upper(), **query) or []
        return [(tag["scope"], tag["category"], tag["name"]) for tag in tags]

    secret = ("model", "framework", f"{own}-secret")
    assert found(nobody) == [("dataset", "task", own), ("model", "task", own)]
    assert found(wanda) == [("dataset", "task", own), secret, ("model", "task", own)]
    assert found(stranger, scope="model") == [("model", "task", own)]
    assert found(wanda, category="framework") == [secret]
    assert found(wanda, built_in="true") == []
    assert said(wanda("GET", "/api/v1/tags", params={"scope": "word"})) == (400, "REQ-ERR-6")
    known = nobody.get("/api/v1/tags/categories")
    assert ("model", "task") in {(one["scope"], one["name"]) for one in known}
