"""Repositories of prompts, whose routes are few and their own, row by row of the contract."""

from __future__ import annotations

import pytest

from csgrepo.server import Hub
from tests.functional.rest import Api, said
from tests.stock import StockGit

PROMPT = {"title": "问候 greet", "content": "Say hello to {name}.", "language": "en"}


def make(api: Api, name: str = "talk", **body: object) -> tuple[str, str]:
    """Make a repository; return where its prompts are and where it is shown."""
    base = api.create(name, "prompts", **body)
    return base, base.replace("/prompts/", "/prompts_info/")


def test_a_repository_of_prompts_from_its_making_to_its_end(wanda: Api, nobody: Api, hub: Hub):
    base, info = make(wanda, license="mit")
    shown = nobody.get(info)
    url = f"{hub.url}/prompts/{wanda.name}/talk.git"
    assert shown["repository"]["http_clone_url"] == url
    assert shown.items() >= {"name": "talk", "license": "mit", "downloads": 0}.items()
    assert [one["name"] for one in nobody.get("/api/v1/prompts", search=wanda.name)] == ["talk"]
    mine = nobody("GET", f"/api/v1/user/{wanda.name}/prompts").json()
    assert (mine["message"], mine["total"]) == ("OK", 1)
    assert wanda("PUT", base, json={"nickname": "Talk"}).status_code == 200
    assert nobody.get(info)["nickname"] == "Talk"
    assert nobody.get(base) == []
    assert [one["name"] for one in nobody.get(f"{base}/branches")] == ["main"]
    assert wanda("POST", f"{base}/tags/task", json=["chat"]).status_code == 200
    assert [one["name"] for one in nobody.get(f"{base}/tags")] == ["chat"]
    root = nobody.get(f"{base}/all_files")
    assert [one["path"] for one in root] == [".gitattributes", "README.md"]
    assert wanda("DELETE", base).json() == {"msg": "OK"}
    assert said(nobody("GET", info)) == (404, "SYS-ERR-3")


def test_what_is_wrong_with_a_creation(wanda: Api, stranger: Api):
    path, body = "/api/v1/prompts", {"namespace": wanda.name, "name": "talk"}
    assert said(wanda("POST", path, json={"name": "talk"})) == (500, "REPO-ERR-2")
    assert said(wanda("POST", path, json={**body, "name": "-"})) == (500, "REPO-ERR-1")
    assert said(stranger("POST", path, json=body)) == (403, "AUTH-ERR-2")
    assert said(wanda("POST", path, json={**body, "private": 1})) == (400, "REQ-ERR-1")
    make(wanda)
    assert said(wanda("POST", path, json=body)) == (500, "SPACE-ERR-1")


def test_prompts_are_written_shown_listed_and_deleted(wanda: Api, stranger: Api, nobody: Api):
    base, _ = make(wanda)
    record = f"{base}/prompt/record"
    made = wanda("POST", record, json={**PROMPT, "tags": ["a", "b"]}).json()["data"]
    path = made["file_path"]
    assert path == "问候-greet.jsonl"
    assert made.items() >= {**PROMPT, "tags": ["a", "b"]}.items()
    assert said(wanda("POST", record, json=PROMPT)) == (500, "GIT-ERR-22")
    changed = {**PROMPT, "content": "Wave."}
    assert wanda("PUT", f"{record}/{path}", json=changed).status_code == 200
    shown = nobody.get(f"{base}/prompt/view/{path}")
    assert shown.items() >= {**changed, "file_path": path, "can_write": False}.items()
    (only,) = wanda.get(base)
    assert (only["content"], only["can_write"]) == ("Wave.", True)
    for api, expected in ((stranger, (403, "AUTH-ERR-2")), (nobody, (401, "AUTH-ERR-1"))):
        assert said(api("POST", record, json=PROMPT)) == expected
        assert said(api("DELETE", f"{record}/{path}")) == expected
    assert wanda("DELETE", f"{record}/{path}").json() == {"msg": "OK"}
    assert said(nobody("GET", f"{base}/prompt/view/{path}")) == (404, "GIT-ERR-15")
    assert said(wanda("DELETE", f"{record}/{path}")) == (500, "GIT-ERR-22")


@pytest.mark.parametrize(
    "bad",
    [
        {"title": ""}, {"title": "///"}, {"content": 5}, {"language": None}, {"tags": "a"},
        {"tags": [5]}, {"tags": ["a\n"]}, {"content": "x" * 60_000}, {"title": "a\0"},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_prompt_is_refused(wanda: Api, bad: dict[str, object]):
    base, _ = make(wanda)
    answer = wanda("POST", f"{base}/prompt/record", json={**PROMPT, **bad})
    assert said(answer) == (400, "REQ-ERR-1")
    assert wanda.get(base) == []


@pytest.mark.parametrize("path", ["../up.jsonl", "a/b.jsonl", "README.md", ".git", "%2e%2e%2fx"])
def test_a_hostile_path_is_no_prompt(wanda: Api, path: str):
    base, _ = make(wanda)
    for method in ("PUT", "DELETE"):
        answer = wanda(method, f"{base}/prompt/record/{path}", json=PROMPT)
        assert answer.status_code in {400, 404}
    assert wanda("GET", f"{base}/prompt/view/{path}").status_code == 404


def test_files_that_are_no_prompts_are_left_out(wanda: Api, git: StockGit, hub: Hub):
    base, _ = make(wanda)
    url = f"{hub.url}/prompts/{wanda.name}/talk.git"
    token = wanda.headers["Authorization"].removeprefix("Bearer ")
    git("clone", "--quiet", url.replace("://", f"://{wanda.name}:{token}@"), "work")
    for name, text in {
        "a.jsonl": "{",
        "b.jsonl": "[" * 10_000,
        "c.jsonl": '{"title": "t"}',
    }.items():
        (git.cwd / "work" / name).write_text(text)
    (git.cwd / "work" / "d.jsonl").write_text('{"title": "t", "content": "c", "language": "zh"}')
    git("-C", "work", "add", "--all")
    git("-C", "work", "-c", "user.name=W", "-c", "user.email=w@x", "commit", "--quiet", "-m", "x")
    git("-C", "work", "push", "--quiet")
    assert [one["file_path"] for one in wanda.get(base)] == ["d.jsonl"]


def test_a_private_repository_of_prompts_is_closed(wanda: Api, stranger: Api, nobody: Api):
    base, info = make(wanda, "hidden", private=True)
    for api in (stranger, nobody):
        for path in (base, info, f"{base}/prompt/view/a.jsonl"):
            assert said(api("GET", path)) == (403, "AUTH-ERR-2"), path
    assert wanda.get(base) == []


@pytest.mark.parametrize(
    "path",
    ["tree", "commits", "last_commit", "raw/README.md", "resolve/README.md", "blob/README.md"],
)
def test_what_other_types_have_prompts_have_not(wanda: Api, path: str):
    base, _ = make(wanda)
    answer = wanda("GET", f"{base}/{path}")
    assert (answer.status_code, answer.text) == (404, "404 page not found")
