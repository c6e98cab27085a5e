"""Commits of many files over REST and the mapping routes, row by row of the contract."""

from __future__ import annotations

import hashlib
import json
import subprocess

import pytest
import requests

from csgrepo.server import Hub
from tests.functional.rest import Api, b64, said
from tests.stock import StockGit

LIMIT = 20 * 1024 * 1024


def blob_id(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0%s" % (len(content), content)).hexdigest()


def bare_of(hub: Hub, git: StockGit, base: str) -> StockGit:
    _, _, _, plural, *path = base.split("/")
    return git.at(hub.git_dir("/".join(path), plural))


def file(path: str, content: bytes = b"", action: str = "create") -> dict[str, str]:
    return {"path": path, "action": action, "content": b64(content)}


def commit(api: Api, base: str, *files: object, branch: str = "main") -> requests.Response:
    body = {"message": "Many", "files": list(files)}
    return api("POST", f"{base}/commit/{branch}", json=body)


def lines(
    api: Api, base: str, *items: tuple[str, object], branch: str = "main"
) -> requests.Response:
    told = "\n".join(json.dumps({"key": key, "value": value}) for key, value in items)
    mapped = base.replace("/api/v1/", "/hf/api/")
    return api("POST", f"{mapped}/commit/{branch}", data=told.encode())


def upload(api: Api, base: str, content: bytes) -> str:
    oid = hashlib.sha256(content).hexdigest()
    lfs = f"{base.replace('/api/v1', '')}.git/info/lfs"
    put = api("PUT", f"{lfs}/objects/{oid}/{len(content)}", data=content)
    assert put.status_code == 200
    said_to = {"oid": oid, "size": len(content)}
    assert api("POST", f"{lfs}/verify", json=said_to).status_code == 200
    return oid


def preupload(api: Api, base: str, *files: tuple[str, int]) -> list[dict[str, object]]:
    body = {"files": [{"path": path, "size": size, "sample": ""} for path, size in files]}
    answer = api("POST", f"{base}/preupload/main", json=body)
    assert answer.status_code == 200, answer.text
    mapped = base.replace("/api/v1/", "/csg/api/")
    bare = api("POST", f"{mapped}/preupload/main", json=body)
    if "/models/" in base:
        assert bare.json() == {"files": answer.json()["data"]["files"]}
    return answer.json()["data"]["files"]


def test_preupload_tells_how_to_send_and_what_is_there(wanda: Api):
    base = wanda.create("ask")
    wanda.put_file(base, "w.bin", b"", original_content=b64(b"weights"))
    wanda.put_file(base, "dir/small.txt", b"small")
    oid = hashlib.sha256(b"weights").hexdigest()
    answers = preupload(
        wanda, base, ("w.bin", 7), ("dir/small.txt", 5), ("new.txt", 1), ("NEW.BIN", 1), ("dir", 1),
        ("huge.txt", LIMIT + 1), ("edge.txt", LIMIT), ("saved_model/a/b", 1),
    )  # fmt: skip
    assert [(a["path"], a["uploadMode"], a["oid"], a["isDir"]) for a in answers] == [
        ("w.bin", "lfs", oid, False),
        ("dir/small.txt", "regular", blob_id(b"small"), False),
        ("new.txt", "regular", "", False),
        ("NEW.BIN", "lfs", "", False),
        ("dir", "regular", "", True),
        ("huge.txt", "lfs", "", False),
        ("edge.txt", "regular", "", False),
        ("saved_model/a/b", "regular", "", False),
    ]
    assert not any(answer["shouldIgnore"] for answer in answers)


def test_preupload_reads_gitignore_as_git_does(wanda: Api):
    base = wanda.create("ignoring")
    rules = "*.log\n!keep.log\n/build/\n目录/*.tmp\nliteral\\*\n"
    wanda.put_file(base, ".gitignore", rules.encode())
    wanda.put_file(base, "tracked.log.txt", b"")
    paths = {
        "a.log": True, "deep/b.log": True, "keep.log": False, "build/x": True,
        "deep/build/x": False, "目录/a.tmp": True, "a.tmp": False, "literal*": True,
        "literalx": False, ":(top)a.log": True, "-x": False,
    }  # fmt: skip
    answers = preupload(wanda, base, *((path, 1) for path in paths))
    assert {a["path"]: a["shouldIgnore"] for a in answers} == paths


def test_preupload_refuses_what_it_must(wanda: Api, stranger: Api, nobody: Api):
    base = wanda.create("refusing")
    good = {"files": [{"path": "a", "size": 1}]}
    assert said(stranger("POST", f"{base}/preupload/main", json=good)) == (500, "AUTH-ERR-2")
    assert said(nobody("POST", f"{base}/preupload/main", json=good)) == (401, "AUTH-ERR-1")
    mapped = base.replace("/api/v1/", "/hf/api/")
    assert said(nobody("POST", f"{mapped}/preupload/main", json=good)) == (500, "AUTH-ERR-2")
    assert said(wanda("POST", f"{base}/preupload/no", json=good)) == (500, "GIT-ERR-6")
    for files in (None, [5], [{"path": 1}], [{"path": "a", "size": "1"}], [{"path": "../a"}],
                  [{"path": "/etc/x"}], [{"path": "a\0b"}], [{"path": "\ud800"}]):  # fmt: skip
        assert said(wanda("POST", f"{base}/preupload/main", json={"files": files})) == (
            400,
            "REQ-ERR-1",
        )


def test_on_mcps_the_guard_is_missing_and_permission_says_no(wanda: Api, nobody: Api):
    base = wanda.create("guarded", "mcps")
    good = {"files": [{"path": "a", "size": 1}]}
    assert said(nobody("POST", f"{base}/preupload/main", json=good)) == (500, "AUTH-ERR-2")
    answer = commit(nobody, base, file("a"))
    assert answer.status_code == 500
    assert answer.json()["error"].startswith("AUTH-ERR-2")


@pytest.mark.parametrize("plural", ["models", "datasets", "codes", "spaces", "mcps", "skills"])
def test_a_commit_of_many_files_tells_no_id(wanda: Api, hub, git, plural):
    base = wanda.create("many", plural)
    oid = upload(wanda, base.replace("/mcps/", "/mcpservers/"), b"large content")
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize 13\n"
    answer = commit(
        wanda,
        base,
        file("目录/a.txt", b"a"),
        file("README.md", b"new"),
        file("w.bin", pointer.encode()),
    )
    assert (answer.status_code, answer.json()) == (200, {"msg": "OK"})
    bare = bare_of(hub, git, base)
    assert bare("show", "main:目录/a.txt") == "a"
    assert bare("show", "main:README.md") == "new"
    assert bare("log", "-1", "--format=%s %an", "main") == f"Many {wanda.name}"
    last = wanda.get(f"{base}/last_commit")["id"]
    assert last == bare("rev-parse", "main")
    assert wanda("GET", f"{base}/resolve/w.bin", allow_redirects=True).content == b"large content"


def test_deleting_a_file_by_a_commit_empties_it(wanda: Api, hub, git):
    base = wanda.create("quirk")
    bare = bare_of(hub, git, base)
    assert commit(wanda, base, file("README.md", action="delete")).json() == {"msg": "OK"}
    assert bare("cat-file", "-s", "main:README.md") == "0"
    wanda.put_file(base, "other.txt", b"other")
    gone = lines(
        wanda, base, ("header", {"summary": "Drop"}), ("deletedFile", {"path": "other.txt"})
    )
    assert gone.json() == {"commitUrl": base.removeprefix("/api/v1/models/"), "commitOid": ""}
    assert bare("cat-file", "-s", "main:other.txt") == "0"
    wanda.put_file(base, "dir/a.txt", b"a")
    before = bare("rev-parse", "main")
    for path in ("dir", "dir/"):
        folder = lines(wanda, base, ("deletedFolder", {"path": path}))
        assert folder.status_code == 500
        assert "there is no file" in folder.json()["error"]
    assert bare("rev-parse", "main") == before


def test_what_a_commit_cannot_do_is_a_500_with_an_error(
    wanda: Api, stranger: Api, nobody: Api, hub, git
):
    base = wanda.create("cannot")
    bare = bare_of(hub, git, base)
    before = bare("rev-parse", "main")
    missing = "a" * 64
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{missing}\nsize 5\n"
    for files, word in [
        ([file("x", action="move")], "action"),
        ([file("missing", action="update")], "no file"),
        ([file("missing", action="delete")], "no file"),
        ([file("new"), file("new")], "exists already"),
        ([file("README.md/x")], "below a file"),
        ([file("../x")], "cannot be the path"),
        ([file("ok"), file("a\nb")], "cannot be the path"),
        ([file("ok"), file("sub/.g\u200cit/config")], "not allowed"),
        ([file("\ud800")], "not text"),
        ([{"path": "x", "action": "create", "content": "!"}], "Base64"),
        ([file("big.txt", b"0" * (LIMIT + 1))], "too large"),
        ([file("ok"), file("w.bin", pointer.encode())], missing),
    ]:
        answer = commit(wanda, base, *files)
        assert answer.status_code == 500
        assert answer.json().keys() == {"error"}
        assert word in answer.json()["error"]
    for branch in ("nowhere", "HEAD", before):
        assert commit(wanda, base, file("x"), branch=branch).status_code == 500
    denied = commit(stranger, base, file("x"))
    assert (denied.status_code, denied.json()["error"][:10]) == (500, "AUTH-ERR-2")
    assert said(commit(nobody, base, file("x"))) == (401, "AUTH-ERR-1")
    assert bare("rev-parse", "main") == before
    batch = {"operation": "upload", "objects": [{"oid": missing, "size": 5}]}
    lfs = f"{base.replace('/api/v1', '')}.git/info/lfs/objects/batch"
    assert "actions" in wanda("POST", lfs, json=batch).json()["objects"][0]
    for body in (
        b"",
        b"{",
        b"[]",
        b'{"files": 1}',
        b'{"files": [1]}',
        b'{"message": 1, "files": []}',
    ):
        answer = wanda("POST", f"{base}/commit/main", data=body)
        assert said(answer) == (400, "REQ-ERR-1")


@pytest.mark.parametrize(
    ("plural", "prefix"), [("models", "hf"), ("datasets", "csg"), ("models", "ms")]
)
def test_a_commit_line_by_line(wanda: Api, hub, git, plural, prefix):
    base = wanda.create("lines", plural)
    bare = bare_of(hub, git, base)
    oid = upload(wanda, base, b"large content")
    answer = lines(
        wanda,
        base,
        ("header", {"summary": "Sum", "description": "Described"}),
        ("file", {"path": "a b.txt", "content": b64(b"\xff\0"), "encoding": "base64"}),
        ("file", {"path": "plain.txt", "content": "文", "encoding": "utf-8"}),
        ("lfsFile", {"path": "w.bin", "algo": "sha256", "oid": oid, "size": 13}),
    )
    path = base.removeprefix(f"/api/v1/{plural}/")
    assert (answer.status_code, answer.json()) == (200, {"commitUrl": path, "commitOid": ""})
    assert bare("log", "-1", "--format=%B", "main").strip() == "Sum\n\nDescribed"
    raw = subprocess.check_output(["git", "-C", bare.cwd, "cat-file", "blob", "main:a b.txt"])
    assert raw == b"\xff\0"
    assert bare("show", "main:plain.txt") == "文"
    mapped = f"/{prefix}/{'' if plural == 'models' else 'datasets/'}{path}/resolve/main/w.bin"
    assert wanda("GET", mapped, allow_redirects=True).content == b"large content"
    assert lines(wanda, base, ("file", {"path": "c", "content": ""})).status_code == 200
    assert bare("log", "-1", "--format=%s", "main") == "initial commit"


def test_bad_lines_are_refused(wanda: Api, nobody: Api, hub, git):
    base = wanda.create("badlines")
    before = bare_of(hub, git, base)("rev-parse", "main")
    mapped = f"{base.replace('/api/v1/', '/hf/api/')}/commit/main"
    for body in (
        b"{", b"[]", b'{"key": "file"}', b'{"key": "file", "value": 5}',
        b'{"key": [], "value": {}}',
        b'{"key": "copyFile", "value": {"path": "a"}}', b'{"key": "file", "value": {"path": 5}}',
        b'{"key": "file", "value": {"path": "a", "content": "", "encoding": "rot13"}}',
        b'{"key": "lfsFile", "value": {"path": "a", "oid": "../x", "size": 1}}',
        b'{"key": "lfsFile", "value": {"path": "a", "oid": "' + b"0" * 64 + b'", "size": -1}}',
        b'{"key": "header", "value": {"summary": 5}}', b"[" * 100_000,
        b'{"key": "header", "value": {"summary": "' + b"x" * LIMIT + b'"}}',
    ):  # fmt: skip
        answer = wanda("POST", mapped, data=body)
        assert answer.status_code == 400, body[:100]
        assert "msg" in answer.json()
    denied = nobody("POST", mapped, data=b"")
    assert (denied.status_code, denied.json()["error"][:10]) == (500, "AUTH-ERR-2")
    assert nobody("POST", mapped.replace("badlines", "none"), data=b"").status_code == 404
    assert bare_of(hub, git, base)("rev-parse", "main") == before


def test_mapping_creates_for_the_caller_and_tells_of_conflicts(wanda: Api, nobody: Api):
    for kind, plural in ((None, "models"), ("model", "models"), ("dataset", "datasets")):
        name = f"made-{kind}"
        body = {"name": name, "organization": "other", "private": True}
        body |= {"type": kind} if kind else {}
        made = wanda("POST", "/hf/api/repos/create", json=body)
        assert made.status_code == 200
        assert made.json()["url"] == f"{wanda.name}/{name}"
        assert wanda.get(f"/api/v1/{plural}/{wanda.name}/{name}")["private"] is True
        again = wanda("POST", "/csg/api/repos/create", json=body)
        assert (again.status_code, again.json()) == (409, {"url": f"{wanda.name}/{name}"})
    assert (
        wanda("POST", "/hf/api/repos/create", json={"name": "a1", "type": "space"}).status_code
        == 400
    )
    assert said(nobody("POST", "/ms/api/repos/create", json={"name": "a1"})) == (401, "AUTH-ERR-1")


@pytest.mark.parametrize(
    ("content", "status"),
    [
        ("# Plain", 200), ("", 200), ("---\nlicense: mit\ntags: [a, b]\n---\n# T", 200),
        ("---\na: [\n---\n", 400), ("---\n- list\n---\n", 400), ("---\nnever: ended", 400),
        ("---\n" + "[" * 5000 + "\n---\n", 400), ("---\n" + "a" * 70_000 + ": 1\n---\n", 400),
        ("---\n\x01\n---\n", 400),
    ],
)  # fmt: skip
def test_front_matter_is_looked_through_before_a_commit(wanda: Api, nobody: Api, content, status):
    body = {"content": content, "repo_type": "model", "repoType": "model"}
    answer = wanda("POST", "/hf/api/validate-yaml", json=body)
    assert answer.status_code == status, answer.text
    if status == 200:
        assert answer.json() == {}
    else:
        assert answer.json()["errors"][0]["message"]
    assert said(nobody("POST", "/csg/api/validate-yaml", json=body)) == (401, "AUTH-ERR-1")


def test_front_matter_that_multiplies_costs_nothing(wanda: Api):
    levels = [f"a{n}: &a{n}\n  <<: [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 200)]
    content = "---\na0: &a0 {k: v}\n" + "".join(levels) + "---\n"
    assert wanda("POST", "/hf/api/validate-yaml", json={"content": content}).json() == {}


def test_one_path_of_a_dataset_is_described(wanda: Api, nobody: Api):
    base = wanda.create("paths", "datasets")
    wanda.put_file(base, "dir/a.txt", b"abc")
    mapped = base.replace("/api/v1/", "/hf/api/")
    for path, expected in [
        ("dir/a.txt", [{"type": "file", "path": "dir/a.txt", "size": 3, "oid": blob_id(b"abc")}]),
        ("no", []),
        ("..", []),
    ]:
        form = {"paths": [path], "expand": "True"}
        assert wanda("POST", f"{mapped}/paths-info/main", data=form).json() == expected
    folder = wanda("POST", f"{mapped}/paths-info/main", data={"paths": "dir"}).json()
    assert [(item["type"], item["path"]) for item in folder] == [("dir", "dir")]
    two = wanda("POST", f"{mapped}/paths-info/main", data={"paths": ["a", "b"]})
    assert said(two) == (400, "REQ-ERR-6")
    assert said(wanda("POST", f"{mapped}/paths-info/no", data={"paths": "a"})) == (500, "GIT-ERR-6")
    sorry = nobody("GET", f"{mapped}/resolve/main/.huggingface.yaml")
    assert (sorry.status_code, sorry.json()["error"][:5]) == (200, "Sorry")


@pytest.mark.parametrize("suffix", ["", ".git"])
@pytest.mark.parametrize("plural", ["models", "datasets"])
def test_the_mapping_routes_take_lfs_and_name_the_real_addresses(wanda: Api, plural, suffix):
    base = wanda.create("mapped-lfs", plural)
    path = base.removeprefix(f"/api/v1/{plural}/")
    oid = hashlib.sha256(b"x").hexdigest()
    infix = "" if plural == "models" else "datasets/"
    lfs = f"/hf/{infix}{path}{suffix}/info/lfs"
    body = {"operation": "upload", "objects": [{"oid": oid, "size": 1}], "transfers": ["basic"]}
    action = wanda("POST", f"{lfs}/objects/batch", json=body).json()["objects"][0]["actions"][
        "upload"
    ]
    assert action["href"] == f"{wanda.url}/{plural}/{path}.git/info/lfs/objects/{oid}/1"
    assert requests.put(action["href"], data=b"x", headers=action["header"], timeout=30).ok
    verify = f"{lfs}/verify" if plural == "models" else f"{lfs}/objects/verify"
    assert wanda("POST", verify, json={"oid": oid, "size": 1}).status_code == 200
