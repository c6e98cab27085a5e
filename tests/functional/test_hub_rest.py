"""The embedded hub's REST interface, held against the contract."""

from __future__ import annotations

import base64
import re

import pytest
import requests

from csgrepo.server import Hub
from tests.conftest import Account
from tests.functional.rest import NEEDED

PLURALS = ["models", "datasets", "spaces", "codes", "mcps", "skills"]


class Api:
    """REST, asked with one token or none."""

    def __init__(self, url: str, token: str = "") -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def __call__(self, method: str, path: str, **more: object) -> requests.Response:
        headers = {**self._headers, **more.pop("headers", {})}
        more.setdefault("allow_redirects", False)
        return requests.request(method, self._url + path, headers=headers, timeout=30, **more)

    def create(self, plural: str = "models", **body: object) -> requests.Response:
        return self("POST", f"/api/v1/{plural}", json={**NEEDED.get(plural, {}), **body})


@pytest.fixture
def api(account: Account) -> Api:
    return Api(account.endpoint, account.token)


@pytest.fixture
def anonymous(account: Account) -> Api:
    return Api(account.endpoint)


def said(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")


def test_health_version_and_unknown_routes(anonymous):
    assert (anonymous("GET", "/healthz").status_code, anonymous("GET", "/healthz").text) == (
        200,
        "",
    )
    assert anonymous("GET", "/api/v1/version").json()["data"]["version"]
    unknown = anonymous("GET", "/api/v1/no/such/route/at/all")
    assert (unknown.status_code, unknown.text) == (404, "404 page not found")
    assert re.fullmatch("[0-9a-f]{32}", unknown.headers["X-Request-Id"])


@pytest.mark.parametrize("prefix", ["csg", "hf", "ms"])
def test_whoami_names_the_caller(api, anonymous, account, prefix):
    assert api("GET", f"/{prefix}/api/whoami-v2").json() == {
        "name": account.name,
        "email": "",
        "auth": {"accessToken": {"displayName": account.name, "role": "write"}, "type": "Bearer"},
    }
    assert said(anonymous("GET", f"/{prefix}/api/whoami-v2")) == (401, "AUTH-ERR-1")


@pytest.mark.parametrize(
    "header",
    ["Bearer " + "0" * 32, "Bearer", "Basic !!", "OAuth x", "Basic " + "YTpi", "\u00fcber x"],
)
def test_a_header_that_names_nobody_is_refused_even_where_none_is_needed(anonymous, header):
    answer = anonymous("GET", "/api/v1/models", headers={"Authorization": header.encode("latin-1")})
    assert said(answer) == (401, "AUTH-ERR-5")


def test_basic_credentials_must_belong_together(anonymous, account, hub):
    other = hub.add_user(f"other-{account.name}")
    for token, status in ((account.token, 200), (other, 401)):
        pair = base64.b64encode(f"{account.name}:{token}".encode()).decode()
        answer = anonymous("GET", "/api/v1/models", headers={"Authorization": f"Basic {pair}"})
        assert answer.status_code == status


def test_a_token_tells_its_owner(anonymous, account, hub):
    found = anonymous("GET", f"/api/v1/token/{account.token}").json()["data"]
    assert (found["user_name"], found["token"]) == (account.name, account.token)
    unknown = anonymous("GET", f"/api/v1/token/{'0' * 32}")
    assert (unknown.status_code, unknown.json()) == (404, {"msg": "not found"})
    assert hub.add_user(account.name) != account.token


def test_profiles_show_the_email_to_their_owner_only(api, anonymous, account, hub):
    path = f"/api/v1/user/{account.name}"
    assert api("GET", path).json()["data"]["email"] == f"{account.name}@localhost"
    seen = anonymous("GET", path).json()["data"]
    assert seen["username"] == account.name
    assert "email" not in seen
    assert said(anonymous("GET", "/api/v1/user/nobody-here")) == (404, "SYS-ERR-3")


@pytest.mark.parametrize("plural", PLURALS)
def test_create_show_update_list_delete(api, account, plural):
    body = {
        "namespace": account.name,
        "name": "one.two-three",
        "description": "说明",
        "license": "mit",
    }
    created = api.create(plural, **body)
    assert created.status_code == 200
    path = f"/api/v1/{plural}/{account.name}/one.two-three"
    shown = api("GET", path).json()["data"]
    git_plural = "mcpservers" if plural == "mcps" else plural
    clone_url = f"{account.endpoint}/{git_plural}/{account.name}/one.two-three.git"
    assert shown["repository"]["http_clone_url"] == clone_url
    assert (shown["description"], shown["license"], shown["can_write"]) == ("说明", "mit", True)
    assert shown["path"] == f"{account.name}/one.two-three"
    readme = api("GET", f"{path}/raw/README.md").json()["data"]
    assert readme == "\n---\nlicense: mit\n---\n\t"
    assert api("PUT", path, json={"description": "b", "private": True}).status_code == 200
    assert api("GET", path).json()["data"]["description"] == "b"
    assert Api(account.endpoint)("GET", path).status_code in {401, 403}
    again = api.create(plural, **{**body, "name": "ONE.two-THREE"})
    assert said(again) == (400 if plural in {"models", "datasets"} else 500, "SPACE-ERR-1")
    found = api("GET", f"/api/v1/{plural}", params={"search": account.name.upper()}).json()
    assert [item["name"] for item in found["data"]] == ["one.two-three"]
    assert found["total"] == 1
    assert api("DELETE", path).json() == {"msg": "OK"}
    assert said(api("GET", path)) == (404, "SYS-ERR-3")
    assert api("GET", f"/api/v1/{plural}", params={"search": account.name}).json() == {
        "msg": "OK",
        "data": [],
    }


@pytest.mark.parametrize(
    "name",
    ["a", "1a", "a-", "a--b", "a__b", "a..b", "a b", "..", "a/b", "", "a" * 65, "模型", "a\0b"],
)
def test_a_bad_name_is_refused(api, name):
    status, code = said(api.create(name=name))
    assert (status, code) in {(500, "REPO-ERR-1"), (400, "REQ-ERR-1")}


def test_create_tells_what_is_wrong(api, anonymous, account, hub):
    assert said(anonymous.create(name="good")) == (401, "AUTH-ERR-1")
    assert said(api.create(name="good", namespace="no-such-space")) == (500, "REPO-ERR-2")
    other = f"other-{account.name}"
    stranger = Api(hub.url, hub.add_user(other))
    assert said(stranger.create(name="good", namespace=account.name)) == (403, "AUTH-ERR-2")
    silent = f"silent-{account.name}"
    assert said(Api(hub.url, hub.add_user(silent, "")).create(name="good")) == (500, "USER-ERR-18")
    assert said(api.create("datasets", name="good", type="dataset")) == (400, "REQ-ERR-1")
    assert said(api.create(name="good", private="yes")) == (400, "REQ-ERR-1")
    assert said(api("POST", "/api/v1/models", data=b"{")) == (400, "REQ-ERR-1")
    assert said(api("POST", "/api/v1/models", data=b"[1]")) == (400, "REQ-ERR-1")
    assert said(api("POST", "/api/v1/models", data=b"[" * 100_000)) == (400, "REQ-ERR-1")
    assert said(api("GET", f"/api/v1/models/{account.name}/good")) == (404, "SYS-ERR-3")


@pytest.mark.parametrize(
    "query", ["per=0", "per=101", "per=x", "page=0", "sort=best", "source=moon"]
)
def test_bad_paging_and_sorting_are_refused(anonymous, query):
    assert said(anonymous("GET", f"/api/v1/models?{query}")) == (400, "REQ-ERR-6")


def test_pages_do_not_overlap(api, account):
    for number in range(5):
        assert api.create("codes", name=f"code{number}").status_code == 200
    seen = []
    for page in (1, 2, 3):
        params = {"search": account.name, "per": 2, "page": page}
        answer = api("GET", "/api/v1/codes", params=params).json()
        assert answer["total"] == 5
        seen += [item["name"] for item in answer["data"]]
    assert sorted(seen) == [f"code{number}" for number in range(5)]


def test_a_missing_repository_is_told_before_the_login(anonymous, account):
    answer = anonymous("DELETE", f"/api/v1/models/{account.name}/missing")
    assert said(answer) == (404, "SYS-ERR-3")
    assert answer.json()["context"]["path"] == f"{account.name}/missing"


def test_private_repositories_are_closed_to_others(api, anonymous, account, hub):
    assert api.create(name="hidden", private=True).status_code == 200
    stranger = Api(hub.url, hub.add_user(f"stranger-{account.name}"))
    base = f"/api/v1/models/{account.name}/hidden"
    for other in (anonymous, stranger):
        for path, expected in {
            "": (403, "AUTH-ERR-2"),
            "/tree": (403, "AUTH-ERR-2"),
            "/refs/main/tree/": (403, "AUTH-ERR-2"),
            "/last_commit": (403, "AUTH-ERR-2"),
            "/branches": (500, "AUTH-ERR-2"),
            "/raw/README.md": (500, "AUTH-ERR-2"),
            "/commit/main": (500, "AUTH-ERR-2"),
            "/commits": (500, "AUTH-ERR-0"),
        }.items():
            assert said(other("GET", base + path)) == expected, path
        assert other("GET", f"/models/{account.name}/hidden").status_code == 404
        mapped = f"/csg/{account.name}/hidden/resolve/main/README.md"
        assert other("GET", mapped).status_code in {401, 403}
        assert other("HEAD", mapped).status_code in {401, 403}
        params = {"search": account.name}
        assert "total" not in other("GET", "/api/v1/models", params=params).json()
    assert said(anonymous("GET", base + "/resolve/README.md")) == (401, "AUTH-ERR-1")
    assert said(stranger("GET", base + "/resolve/README.md")) == (403, "AUTH-ERR-2")
    for method in ("PUT", "DELETE"):
        assert said(stranger(method, base, json={"private": False})) == (403, "AUTH-ERR-2")
        assert said(anonymous(method, base, json={})) == (401, "AUTH-ERR-1")


def test_datasets_want_a_login_for_what_is_in_them(api, anonymous, account):
    assert api.create("datasets", name="texts").status_code == 200
    base = f"/api/v1/datasets/{account.name}/texts"
    assert anonymous("GET", base).status_code == 200
    assert said(anonymous("GET", base + "/branches")) == (401, "AUTH-ERR-1")
    assert api("GET", base + "/branches").json()["data"][0]["name"] == "main"


def test_trees_and_files_as_the_contract_shows_them(api, anonymous, account):
    assert api.create(name="tree", license="mit").status_code == 200
    base = f"/api/v1/models/{account.name}/tree"
    entries = anonymous("GET", base + "/tree").json()["data"]
    assert [(e["name"], e["type"], e["mode"]) for e in entries] == [
        (".gitattributes", "file", "33188"),
        ("README.md", "file", "33188"),
    ]
    assert entries[0]["commit"]["message"] == "initial commit"
    v2 = anonymous("GET", base + "/refs/main/tree/").json()["data"]
    assert ([e["path"] for e in v2["Files"]], v2["Cursor"]) == (
        [".gitattributes", "README.md"],
        "",
    )
    paged = anonymous("GET", base + "/refs/main/tree/", params={"limit": 1}).json()["data"]
    assert (len(paged["Files"]), paged["Cursor"]) == (1, "1")
    for path in ("/refs/main/tree/nowhere", "/refs/nowhere/tree/"):
        empty = anonymous("GET", base + path)
        assert (empty.status_code, empty.content) == (200, b"")
    assert anonymous("GET", base + "/refs/main/tree").status_code == 301
    assert said(anonymous("GET", base + "/tree", params={"ref": "no"})) == (500, "GIT-ERR-6")
    assert said(anonymous("GET", base + "/tree", params={"path": "no"})) == (500, "GIT-ERR-15")
    assert anonymous("GET", base + "/raw/no").json() == {"msg": "not found"}
    missing = anonymous("GET", base + "/last_commit", params={"ref": "no"})
    assert (missing.status_code, missing.json()["data"]["id"]) == (200, "")
    listed = anonymous("GET", base + "/commits").json()["data"]
    assert (listed["total"], listed["page_count"], len(listed["commits"])) == (1, 1, 1)
    bad = anonymous("GET", base + "/commits", params={"per": 0})
    assert (bad.status_code, "code" in bad.json()) == (400, False)
    detail = anonymous("GET", f"{base}/commit/{listed['commits'][0]['id']}").json()["data"]
    assert detail["files"] == [".gitattributes", "README.md"]
    assert b"+license: mit" in base64.b64decode(detail["diff"])
    assert said(anonymous("GET", base + "/commit/" + "0" * 40)) == (404, "GIT-ERR-6")


def test_resolve_serves_ranges_and_names(api, anonymous, account):
    assert api.create(name="files", license="mit").status_code == 200
    path = f"/api/v1/models/{account.name}/files/resolve/README.md"
    whole = anonymous("GET", path)
    assert whole.content == b"\n---\nlicense: mit\n---\n\t"
    assert whole.headers["Content-Disposition"] == 'attachment; filename="README.md"'
    part = anonymous("GET", path, headers={"Range": "bytes=5-11"})
    assert (part.status_code, part.content) == (206, b"license")
    head = anonymous("HEAD", f"/csg/{account.name}/files/resolve/main/README.md")
    commit = anonymous("GET", f"/api/v1/models/{account.name}/files/last_commit").json()["data"][
        "id"
    ]
    assert head.headers["Content-Length"] == str(len(whole.content))
    assert head.headers["X-Repo-Commit"] == commit
    assert re.fullmatch('"[0-9a-f]{40}"', head.headers["ETag"])
    bad_ref = anonymous("HEAD", f"/csg/{account.name}/files/resolve/no/README.md")
    assert bad_ref.status_code == 500
    assert anonymous("GET", f"/csg/{account.name}/files/resolve/no/README.md").status_code == 404


def test_mapping_describes_models_and_others_in_their_ways(api, anonymous, account):
    assert api.create(name="mapped").status_code == 200
    assert api.create("datasets", name="mapped").status_code == 200
    model = anonymous("GET", f"/hf/api/models/{account.name}/mapped/revision/main").json()
    assert re.fullmatch("[0-9a-f]{40}", model["sha"])
    assert [s["rfilename"] for s in model["siblings"]] == [".gitattributes", "README.md"]
    dataset = anonymous("GET", f"/csg/api/datasets/{account.name}/mapped").json()
    assert dataset["sha"] == "main"
    listed = anonymous("GET", f"/csg/api/models/{account.name}/mapped/tree/main").json()
    assert [(e["type"], e["path"]) for e in listed] == [
        ("file", ".gitattributes"),
        ("file", "README.md"),
    ]
    assert said(anonymous("GET", f"/csg/api/models/{account.name}/no-such")) == (500, "SYS-ERR-3")
    gone = anonymous("GET", f"/csg/api/datasets/{account.name}/no-such")
    assert (gone.status_code, gone.json()) == (404, {"msg": "not found"})


def test_a_default_branch_can_be_changed_to_one_that_exists(api, account, hub, git):
    assert api.create(name="branchy").status_code == 200
    bare = git.at(hub.git_dir(f"{account.name}/branchy"))
    bare("branch", "next", "main")
    path = f"/api/v1/models/{account.name}/branchy"
    assert said(api("PUT", path, json={"default_branch": "nowhere"})) == (400, "REQ-ERR-6")
    assert api("PUT", path, json={"default_branch": "next"}).status_code == 200
    assert bare("symbolic-ref", "HEAD") == "refs/heads/next"


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/models/../../etc/passwd",
        "/api/v1/models/%2e%2e/%2e%2e/tree",
        "/models/..%2f..%2f/x.git/info/refs?service=git-upload-pack",
        "/models/%00/%00.git/info/refs?service=git-upload-pack",
        "/csg/a/b/resolve/main/%2e%2e/%2e%2e/hub.sqlite3",
        "/_objects/models/a/b/..%2f..%2fhub.sqlite3",
        "/models/a/b.git/config",
        "/models/a/b.git/HEAD",
        "/models/a/b.git/objects/info/packs",
    ],
)
def test_hostile_paths_lead_nowhere(anonymous, account, path):
    with requests.Session() as session:
        request = requests.Request("GET", account.endpoint).prepare()
        request.url = account.endpoint + path  # as written: requests would tidy it
        answer = session.send(request, timeout=30, allow_redirects=False)
    assert answer.status_code in {403, 404, 500}
    assert b"SQLite" not in answer.content
    assert answer.status_code != 500 or answer.json()["code"] == "SYS-ERR-3"


@pytest.mark.parametrize(
    "file", ["../README.md", "..%2fREADME.md", ".git/config", "%00", "*", ":/", "-l"]
)
def test_hostile_file_names_are_not_found(api, anonymous, account, file):
    assert api.create(name="plain").status_code == 200
    for base in (
        f"/api/v1/models/{account.name}/plain/raw/",
        f"/api/v1/models/{account.name}/plain/resolve/",
        f"/csg/{account.name}/plain/resolve/main/",
    ):
        with requests.Session() as session:
            request = requests.Request("GET", account.endpoint).prepare()
            request.url = account.endpoint + base + file
            assert session.send(request, timeout=30).status_code == 404


@pytest.mark.parametrize(
    "ref", ["--all", "main..main", "main:README.md", "@{-1}", "HEAD^{x}", "%00"]
)
def test_hostile_refs_are_no_commits(api, anonymous, account, ref):
    assert api.create(name="refs").status_code == 200
    base = f"/api/v1/models/{account.name}/refs"
    found = anonymous("GET", f"{base}/last_commit?ref={ref}")
    assert (found.status_code, found.json()["data"]["id"]) == (200, "")
    assert anonymous("GET", f"{base}/refs/{ref}/tree/").content == b""


def test_organizations_share_repositories(api, account, hub: Hub):
    team, mate = f"team-{account.name}", f"mate-{account.name}"
    mates = Api(hub.url, hub.add_user(mate))
    hub.add_organization(team, {account.name: "admin", mate: "read"})
    assert api.create(name="ours", namespace=team, private=True).status_code == 200
    assert said(mates.create(name="mine", namespace=team)) == (403, "AUTH-ERR-2")
    shown = mates("GET", f"/api/v1/models/{team}/ours").json()["data"]
    assert (shown["can_write"], shown["private"]) == (False, True)
