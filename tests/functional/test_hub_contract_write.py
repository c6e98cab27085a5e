"""Files written one by one over REST, row by row of the contract."""

from __future__ import annotations

import hashlib

import pytest
import requests

from csgrepo.server import Hub
from tests.functional.rest import Api, b64, said
from tests.stock import StockGit

PLURALS = ["models", "datasets", "spaces", "codes", "mcps", "skills"]
EMPTY = hashlib.sha256(b"").hexdigest()


def bare_of(hub: Hub, git: StockGit, base: str) -> StockGit:
    _, _, _, plural, *path = base.split("/")
    return git.at(hub.git_dir("/".join(path), plural))


def change(message: str = "Change", branch: str = "main", **more: object) -> dict[str, object]:
    return {"message": message, "branch": branch, **more}


@pytest.mark.parametrize("plural", PLURALS)
def test_create_update_rename_delete_are_a_commit_each(wanda: Api, hub, git, plural):
    base = wanda.create("one", plural)
    bare = bare_of(hub, git, base)
    path = f"{base}/raw/目录/a b.txt"
    asked = [
        ("POST", path, change("Add <it>", content=b64(b"one\n"))),
        ("PUT", path, change("Change it", content=b64(b"two\n"))),
        ("PUT", f"{base}/raw/c.txt", change("Move it", origin_path="目录/a b.txt")),
    ]
    for method, where, body in asked:
        answer = wanda(method, where, json=body)
        assert (answer.status_code, answer.json()) == (200, {"msg": "OK", "data": {}})
    assert bare("show", "main:c.txt") == "two"
    gone = wanda("DELETE", f"{base}/raw/c.txt", json=change("Drop it"))
    assert gone.json() == {"msg": "OK", "data": {}}
    assert bare("ls-tree", "-r", "--name-only", "main").split() == [".gitattributes", "README.md"]
    log = bare("log", "--format=%s|%an|%ae|%cn", "--max-count=4", "main").split("\n")
    name, mail = wanda.name, f"{wanda.name}@localhost"
    assert log == [
        f"Drop it|{name}|{mail}|one",
        f"Move it|{name}|{mail}|{name}",
        f"Change it|{name}|{mail}|{name}",
        f"Add <it>|{name}|{mail}|{name}",
    ]
    if plural != "datasets":
        listed = wanda.get(f"{base}/commits")["commits"]
        assert listed[3]["message"] == "Add &lt;it&gt;"


def test_what_does_not_fit_the_branch_is_refused_and_changes_nothing(wanda: Api, hub, git):
    base = wanda.create("fit")
    bare = bare_of(hub, git, base)
    before = bare("rev-parse", "main")
    content = b64(b"x")
    for method, path, body in [
        ("POST", "README.md", change(content=content)),
        ("POST", "README.md/below", change(content=content)),
        ("PUT", "missing.txt", change(content=content)),
        ("PUT", "new.txt", change(origin_path="missing.txt")),
        ("PUT", "README.md", change(origin_path=".gitattributes")),
        ("DELETE", "missing.txt", change()),
        ("DELETE", "README.md", change(branch="nowhere")),
        ("POST", "a.txt", change(content=content, branch="")),
        ("POST", "a.txt", change(content=content, new_branch="b", branch="nowhere")),
        ("POST", "a.txt", change(content=content, new_branch="-x")),
        ("POST", "a.txt", change(content=content, branch="a..b")),
        ("POST", "a.txt", change(content=content, branch="HEAD")),
    ]:
        answer = wanda(method, f"{base}/raw/{path}", json=body)
        assert said(answer) == (500, "GIT-ERR-22"), (method, path)
        assert answer.json()["context"]["reason"]
    assert bare("for-each-ref", "--format=%(objectname) %(refname)") == f"{before} refs/heads/main"


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b'{"branch": 1}', b'{"message": []}'])
def test_a_body_that_is_none_is_a_bad_request(wanda: Api, body):
    base = wanda.create("bodies")
    for method in ("POST", "PUT", "DELETE"):
        answer = wanda(method, f"{base}/raw/README.md", data=body)
        assert said(answer) == (400, "REQ-ERR-1")
    for content in ("not base64!", "YQ", 5):
        answer = wanda("POST", f"{base}/raw/new.txt", json=change(content=content))
        assert said(answer) == (400, "REQ-ERR-1")


def test_who_may_write_and_what_the_others_are_told(wanda: Api, stranger: Api, nobody: Api):
    base = wanda.create("mine")
    hidden = wanda.create("hidden", private=True)
    for repository in (base, hidden):
        path = f"{repository}/raw/README.md"
        for method, code in (
            ("POST", "AUTH-ERR-0"),
            ("PUT", "AUTH-ERR-2"),
            ("DELETE", "AUTH-ERR-2"),
        ):
            assert said(stranger(method, path, json=change())) == (500, code)
            assert said(nobody(method, path, json=change())) == (401, "AUTH-ERR-1")
    missing = base.replace("/mine", "/missing")
    assert said(nobody("POST", f"{missing}/raw/a", json=change())) == (404, "SYS-ERR-3")


def test_a_new_branch_starts_from_the_branch_and_without_one_from_nothing(wanda: Api, hub, git):
    base = wanda.create("branches")
    bare = bare_of(hub, git, base)
    wanda.put_file(base, "a.txt", b"a", new_branch="from-main")
    assert bare("rev-parse", "from-main~1") == bare("rev-parse", "main")
    wanda.put_file(base, "a.txt", b"a", new_branch="feature/deep")
    body = {"message": "Begin", "content": b64(b"b"), "new_branch": "fresh"}
    assert wanda("POST", f"{base}/raw/b.txt", json=body).status_code == 200
    assert bare("rev-list", "--count", "fresh") == "1"
    assert bare("ls-tree", "--name-only", "fresh") == "b.txt"
    shown = sorted(branch["name"] for branch in wanda.get(f"{base}/branches"))
    assert shown == ["deep", "fresh", "from-main", "main"]
    taken = wanda("POST", f"{base}/raw/c.txt", json=change(content="", new_branch="from-main"))
    assert said(taken) == (500, "GIT-ERR-22")
    ignored = wanda("PUT", f"{base}/raw/README.md", json=change(content="", new_branch="other"))
    assert ignored.status_code == 200
    assert "other" not in bare("branch", "--list")


def test_a_name_kept_in_lfs_takes_original_content_and_throws_content_away(wanda: Api, hub):
    base = wanda.create("large")
    for name, original, oid in [
        ("w.bin", b"\0weights", hashlib.sha256(b"\0weights").hexdigest()),
        ("deep/Upper.BIN", b"x", hashlib.sha256(b"x").hexdigest()),
        ("silent.bin", None, EMPTY),
    ]:
        more = {} if original is None else {"original_content": b64(original)}
        wanda.put_file(base, name, b"thrown away", **more)
        pointer = wanda.get(f"{base}/raw/{name}")
        size = len(original or b"")
        assert pointer.splitlines() == [
            "version https://git-lfs.github.com/spec/v1",
            f"oid sha256:{oid}",
            f"size {size}",
        ]
        repo = "/".join(base.split("/")[-2:])
        assert hub.lfs_path(repo, oid).read_bytes() == (original or b"")
        resolved = wanda("GET", f"{base}/resolve/{name}", allow_redirects=True)
        assert resolved.content == (original or b"")
    wanda.put_file(base, "saved_model/deep/plain", b"a pattern with a slash never matches")
    assert wanda.get(f"{base}/raw/saved_model/deep/plain").startswith("a pattern")
    moved = change(origin_path="w.bin")
    assert wanda("PUT", f"{base}/raw/moved.bin", json=moved).status_code == 200
    assert wanda("GET", f"{base}/resolve/moved.bin", allow_redirects=True).content == b"\0weights"


def test_the_limit_is_counted_in_base64_and_not_for_lfs(wanda: Api):
    base = wanda.create("limits")
    over = b"0" * (20 * 1024 * 1024 // 4 * 3 + 1)
    answer = wanda("POST", f"{base}/raw/big.txt", json=change(content=b64(over)))
    assert (answer.status_code, "code" in answer.json()) == (500, False)
    wanda.put_file(base, "just.txt", over[:-1])
    body = change(content="", original_content=b64(over))
    assert wanda("POST", f"{base}/raw/big.bin", json=body).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "..%2fx", "a/..%2f..%2fx", "%2fetc/passwd", "a%2f%2fb", "a/", "./a", ".git/config",
        "sub/.GIT/hooks/x", "git~1/x", ".g%E2%80%8Cit/x", "a%5cb", "a%00b", "a%09b", "%c3" * 200,
    ],
)  # fmt: skip
def test_hostile_paths_are_refused(wanda: Api, hub, git, path):
    base = wanda.create("hostile")
    bare = bare_of(hub, git, base)
    before = bare("rev-parse", "main")
    with requests.Session() as session:
        request = requests.Request("POST", wanda.url, json=change(content=b64(b"x")))
        prepared = request.prepare()
        prepared.headers.update(wanda.headers)
        prepared.url = f"{wanda.url}{base}/raw/{path}"  # as written: requests would tidy it
        answer = session.send(prepared, timeout=60)
    assert said(answer) == (500, "GIT-ERR-22")
    assert bare("rev-parse", "main") == before
    assert "fatal" not in bare("fsck", "--strict")


def test_other_methods_are_unknown(wanda: Api):
    base = wanda.create("methods")
    for method in ("PATCH", "TRACE", "OPTIONS", "X" * 30):
        answer = wanda(method, f"{base}/raw/README.md", json=change())
        assert (answer.status_code, answer.text) == (404, "404 page not found")
