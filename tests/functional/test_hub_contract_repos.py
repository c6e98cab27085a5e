"""Repositories made, shown and changed over REST, row by row of the contract."""

from __future__ import annotations

import time

import pytest

from csgrepo.server import Hub
from tests.functional.rest import NEEDED, Api, said
from tests.functional.test_hub_contract_write import bare_of

PLURALS = ["models", "datasets", "spaces", "codes", "mcps", "skills"]


@pytest.mark.parametrize("plural", PLURALS)
def test_what_is_wrong_with_a_creation(wanda: Api, stranger: Api, nobody: Api, hub: Hub, plural):
    needed = NEEDED.get(plural, {})

    def create(api: Api, **body: object) -> tuple[int, str]:
        body = {"namespace": wanda.name, "name": "good", **needed, **body}
        return said(api("POST", f"/api/v1/{plural}", json=body))

    for name in ("1a", "a", "a-", "a--b", "a" * 65, "模型"):
        assert create(wanda, name=name) == (500, "REPO-ERR-1"), name
    assert create(wanda, namespace="no-such-space") == (500, "REPO-ERR-2")
    assert create(stranger) == (403, "AUTH-ERR-2")
    assert create(nobody) == (401, "AUTH-ERR-1")
    silent = f"silent-{wanda.name}"
    mute = Api(hub.url, hub.add_user(silent, ""), silent)
    assert create(mute, namespace=silent) == (500, "USER-ERR-18")
    for bad in (
        {"description": "x" * 1000}, {"license": "x" * 100}, {"private": 1}, {"nickname": 5},
        {"default_branch": "a..b"}, {"license": "a\nb"}, {"description": "\ud800"},
    ):  # fmt: skip
        assert create(wanda, **bad) == (400, "REQ-ERR-1"), bad
    assert create(wanda, description="x" * 999, license="x" * 99) == (200, "")
    taken = 400 if plural in {"models", "datasets"} else 500
    assert create(wanda) == (taken, "SPACE-ERR-1")


def test_which_types_fill_the_namespace_in(wanda: Api):
    for plural in PLURALS:
        answer = wanda("POST", f"/api/v1/{plural}", json={"name": "mine", **NEEDED.get(plural, {})})
        assert said(answer) == ((500, "REPO-ERR-2") if plural == "mcps" else (200, "")), plural


def test_a_dataset_wants_its_type_as_a_number(wanda: Api):
    for value, expected in ((1, 200), ("dataset", 400), (None, 200)):
        answer = wanda(
            "POST", "/api/v1/datasets", json={"name": f"d-{expected}{value}", "type": value}
        )
        assert answer.status_code == expected


def test_a_space_says_what_it_runs_on(wanda: Api):
    for missing in ("sdk", "resource_id", "cluster_id"):
        body = {"name": "app", **NEEDED["spaces"]}
        del body[missing]
        answer = wanda("POST", "/api/v1/spaces", json=body)
        assert (answer.status_code, "code" in answer.json()) == (400, False)
        assert missing in answer.json()["msg"]
    base = wanda.create("app", "spaces", sdk="streamlit", min_replica=1, env='{"KEY": "value"}')
    shown = wanda.get(base)
    assert shown.items() >= {"sdk": "streamlit", "cluster_id": "local", "min_replica": 1}.items()
    assert shown["env"] == '{"KEY": "value"}'
    assert "like_count" in shown
    assert not {"likes", "downloads", "readme"} & shown.keys()
    assert said(Api(wanda.url)("GET", base)) == (401, "AUTH-ERR-1")


def test_a_change_that_leaves_a_models_reports_out_sets_them_back(wanda: Api):
    facts = {"base_model": "a/b", "report_url": "https://example.com", "high_risk_count": 2}
    base = wanda.create("risky", **facts)
    assert wanda.get(base).items() >= {**facts, "medium_risk_count": 0}.items()
    changed = wanda("PUT", base, json={"nickname": "Risky", "medium_risk_count": 1})
    assert changed.status_code == 200
    assert (
        wanda.get(base).items()
        >= {
            "nickname": "Risky",
            "base_model": "a/b",
            "report_url": "",
            "medium_risk_count": 1,
            "high_risk_count": 0,
        }.items()
    )
    for bad in ({"base_model": 5}, {"high_risk_count": "2"}, {"high_risk_count": True},
                {"medium_risk_count": -1}, {"base_model": "\0"}):  # fmt: skip
        assert said(wanda("PUT", base, json=bad)) == (400, "REQ-ERR-1"), bad


@pytest.mark.parametrize("plural", PLURALS)
def test_who_may_see_change_and_delete(wanda: Api, stranger: Api, nobody: Api, plural):
    base = wanda.create("mine", plural)
    hidden = wanda.create("hidden", plural, private=True)
    assert said(stranger("GET", hidden)) == (403, "AUTH-ERR-2")
    lone = (401, "AUTH-ERR-1") if plural == "spaces" else (403, "AUTH-ERR-2")
    assert said(nobody("GET", hidden)) == lone
    for method in ("PUT", "DELETE"):
        assert said(stranger(method, base, json={"nickname": "x"})) == (403, "AUTH-ERR-2")
        assert said(nobody(method, base, json={"nickname": "x"})) == (401, "AUTH-ERR-1")
        assert said(nobody(method, f"{base}x", json={})) == (404, "SYS-ERR-3")
    assert wanda("DELETE", base).json() == {"msg": "OK"}
    assert said(wanda("GET", base)) == (404, "SYS-ERR-3")


def test_names_are_the_same_in_capitals(wanda: Api):
    base = wanda.create("Mixed.Case")
    assert wanda.get(base.replace("Mixed.Case", "mixed.case"))["name"] == "Mixed.Case"


def test_the_first_commit_has_what_the_contract_says(wanda: Api, hub, git):
    for plural in PLURALS:
        base = wanda.create("first", plural, license="mit", default_branch="trunk")
        bare = bare_of(hub, git, base)
        assert bare("symbolic-ref", "HEAD") == "refs/heads/trunk"
        assert bare("log", "--format=%s", "trunk") == "initial commit"
        files = bare("ls-tree", "--name-only", "trunk").split("\n")
        assert files == [".gitattributes", "README.md"]
        assert bare("cat-file", "blob", "trunk:README.md") == "\n---\nlicense: mit\n---\n\t"


def test_a_page_has_fifty_and_at_most_a_hundred(wanda: Api, hub, git):
    base = wanda.create("long")
    bare = bare_of(hub, git, base)
    stream = "".join(
        f"commit refs/heads/main\ncommitter A <a@b> {number} +0000\ndata 1\nx\n"
        + ("from refs/heads/main^0\n" if number == 1 else "")
        for number in range(1, 121)
    )
    bare("fast-import", "--quiet", stdin=stream.encode())
    first = wanda.get(f"{base}/commits")
    assert (len(first["commits"]), first["total"], first["page_count"]) == (50, 121, 3)
    assert len(wanda.get(f"{base}/commits", per=100, page=2)["commits"]) == 21
    assert wanda.get(f"{base}/commits", page=4)["commits"] == []
    for bad in ("per=101", "per=0", "page=0", "per=x", f"page={'9' * 5000}", "per=-1", "per=1e1"):
        refused = wanda("GET", f"{base}/commits?{bad}")
        assert refused.status_code == 400
        assert "code" not in refused.json()
        assert said(wanda("GET", f"/api/v1/models?{bad}")) == (400, "REQ-ERR-6")


def test_more_is_told_of_many_at_once(wanda: Api, stranger: Api):
    base, hidden = wanda.create("open"), wanda.create("hidden", private=True)
    assert wanda("POST", f"{base}/tags/task", json=["chat"]).status_code == 200
    numbers = [wanda.get(path)["repository_id"] for path in (base, hidden)]
    deadline = time.monotonic() + 60
    while wanda("GET", f"{base}/size/main").status_code == 404:
        assert time.monotonic() < deadline
    asked = {"repo_ids": [*numbers, 2**40]}
    told = wanda("POST", "/api/v1/repos/extra", json=asked).json()["data"]
    assert [item["repo_id"] for item in told] == numbers
    assert told[0]["size"] == told[0]["last_commit_size"] > 0
    assert [tag["name"] for tag in told[0]["tags"]] == ["chat"]
    seen = stranger("POST", "/api/v1/repos/extra", json=asked).json()["data"]
    assert [item["repo_id"] for item in seen] == numbers[:1]
    for bad in (None, ["1"], [True], [-1], [2**70], [1] * 501):
        answer = wanda("POST", "/api/v1/repos/extra", json={"repo_ids": bad})
        assert said(answer) == (400, "REQ-ERR-1"), bad
