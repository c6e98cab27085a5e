"""What is read through the mapping routes, row by row of the contract."""

from __future__ import annotations

import hashlib
import re

import pytest

from tests.functional.rest import Api, b64, said
from tests.functional.test_hub_contract_commit import blob_id, commit, file

INFIX = {
    "models": "", "datasets": "datasets/", "spaces": "spaces/", "codes": "codes/", "mcps": "mcps/",
    "skills": "skills/",
}  # fmt: skip
PREFIXES = ["csg", "hf", "ms"]


def addresses(base: str, prefix: str) -> tuple[str, str]:
    """Return where a repository is described, and what its files' addresses begin with."""
    _, _, _, plural, namespace, name = base.split("/")
    api = f"/{prefix}/api/{plural}/{namespace}/{name}"
    return api, f"/{prefix}/{INFIX[plural]}{namespace}/{name}/resolve"


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_model_is_described_with_commit_and_files(wanda: Api, nobody: Api, prefix):
    base = wanda.create("described")
    wanda.put_file(base, "目录/w.bin", b"", original_content=b64(b"weights"))
    assert wanda("POST", f"{base}/tags/task", json=["chat"]).status_code == 200
    api, _ = addresses(base, prefix)
    shown = nobody("GET", f"{api}/revision/main").json()
    assert shown == nobody("GET", api).json()
    assert shown["id"] == f"{wanda.name}/described"
    assert shown["sha"] == wanda.get(f"{base}/last_commit")["id"]
    assert shown["tags"] == ["chat"]
    assert not {"msg", "data", "createdAt"} & shown.keys()
    assert {"created_at", "last_modified", "private", "downloads", "likes", "author"} <= {*shown}
    assert shown["siblings"] == [
        {"rfilename": name} for name in (".gitattributes", "README.md", "目录/w.bin")
    ]
    detailed = nobody("GET", f"{api}/revision/main?blobs=true").json()["siblings"]
    oid = hashlib.sha256(b"weights").hexdigest()
    pointer = wanda.get(f"{base}/raw/目录/w.bin").encode()
    assert detailed[2] == {
        "rfilename": "目录/w.bin",
        "blobId": blob_id(pointer),
        "size": 7,
        "lfs": {"sha256": oid, "size": 7, "pointerSize": len(pointer)},
    }
    readme = wanda("GET", f"{base}/resolve/README.md").content
    plain = {"rfilename": "README.md", "blobId": blob_id(readme), "size": len(readme)}
    assert detailed[1] == plain
    commit_id = shown["sha"]
    assert nobody("GET", f"{api}/revision/{commit_id}").json()["sha"] == commit_id


@pytest.mark.parametrize("plural", [name for name in INFIX if name != "models"])
def test_others_are_described_with_their_branch_for_a_commit(wanda: Api, nobody: Api, plural):
    base = wanda.create("others", plural, default_branch="trunk")
    api, _ = addresses(base, "csg")
    shown = nobody("GET", f"{api}?blobs=true").json()
    assert shown["sha"] == "trunk"
    assert shown["siblings"] == [{"rfilename": ".gitattributes"}, {"rfilename": "README.md"}]
    assert "created_at" not in shown


@pytest.mark.parametrize("plural", INFIX)
def test_what_cannot_be_described(wanda: Api, stranger: Api, nobody: Api, plural):
    base = wanda.create("secret", plural, private=True)
    api, _ = addresses(base, "hf")
    if plural == "models":
        assert said(nobody("GET", f"{api}x")) == (500, "SYS-ERR-3")
        denied = (500, "AUTH-ERR-0"), (500, "AUTH-ERR-0")
    else:
        missing = nobody("GET", f"{api}x")
        assert (missing.status_code, missing.json()) == (404, {"msg": "not found"})
        denied = (500, "AUTH-ERR-1"), (500, "AUTH-ERR-2")
    assert (said(nobody("GET", api)), said(stranger("GET", api))) == denied
    assert wanda("GET", f"{api}/revision/no-such-branch").status_code == 500
    assert wanda("GET", api).json()["private"] is True


@pytest.mark.parametrize("plural", INFIX)
@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_file_by_get_and_head(wanda: Api, nobody: Api, plural, prefix):
    base = wanda.create("files", plural)
    wanda.put_file(base, "w.bin", b"", original_content=b64(b"weights"))
    wanda.put_file(base, "a b.txt", b"plain")
    _, at = addresses(base, prefix)
    pointer = wanda.get(f"{base}/raw/w.bin").encode()
    for name, content, blob in (
        ("a b.txt", b"plain", blob_id(b"plain")),
        ("w.bin", b"weights", blob_id(pointer)),
    ):
        head = nobody("HEAD", f"{at}/main/{name}")
        assert head.status_code == 200
        assert head.headers["Content-Length"] == str(len(content))
        assert head.headers["ETag"] == f'"{blob}"'
        assert head.headers["Accept-Ranges"] == "bytes"
        assert re.fullmatch("[0-9a-f]{40}", head.headers["X-Repo-Commit"])
        assert not {"X-Linked-Size", "X-Linked-Etag", "Location"} & head.headers.keys()
        assert nobody("GET", f"{at}/main/{name}", allow_redirects=True).content == content
    moved = nobody("GET", f"{at}/main/w.bin")
    assert (moved.status_code, moved.headers["Accept-Ranges"]) == (302, "bytes")
    assert "sig=" in moved.headers["Location"]
    plain = nobody("GET", f"{at}/main/a b.txt")
    assert "ETag" not in plain.headers
    assert "X-Repo-Commit" not in plain.headers
    for ref, name, head_status in (("no", "a b.txt", 500), ("main", "no", 404)):
        assert nobody("GET", f"{at}/{ref}/{name}").json() == {"msg": "not found"}
        assert nobody("HEAD", f"{at}/{ref}/{name}").status_code == head_status


def test_ranges_of_a_file(wanda: Api, nobody: Api):
    base = wanda.create("ranges")
    wanda.put_file(base, "ten.txt", b"0123456789")
    _, at = addresses(base, "csg")
    tag = f'"{blob_id(b"0123456789")}"'
    for asked, status, content in [
        ("bytes=2-4", 206, b"234"), ("bytes=7-", 206, b"789"), ("bytes=-2", 206, b"89"),
        ("bytes=0-1,4-5", 200, b"0123456789"), ("bytes=10-", 416, b""),
        ("lines=1", 200, b"0123456789"),
    ]:  # fmt: skip
        for path in (f"{at}/main/ten.txt", f"{base}/resolve/ten.txt"):
            answer = nobody("GET", path, headers={"Range": asked})
            assert (answer.status_code, answer.content) == (status, content), asked
            if status == 416:
                assert answer.headers["Content-Range"] == "bytes */10"
    same = nobody("GET", f"{at}/main/ten.txt", headers={"Range": "bytes=1-1", "If-Range": tag})
    assert (same.status_code, same.content, same.headers["ETag"]) == (206, b"1", tag)
    other = nobody("GET", f"{at}/main/ten.txt", headers={"Range": "bytes=1-1", "If-Range": '"x"'})
    assert (other.status_code, len(other.content)) == (200, 10)


@pytest.mark.parametrize("plural", ["models", "datasets"])
def test_a_tree_one_folder_or_all_files(wanda: Api, stranger: Api, nobody: Api, plural):
    base = wanda.create("tree", plural)
    assert commit(wanda, base, file("dir/deep/a.txt", b"abc"), file("b.txt")).status_code == 200
    api, _ = addresses(base, "hf")
    root = nobody("GET", f"{api}/tree/main").json()
    assert [(item["type"], item["path"]) for item in root] == [
        ("file", ".gitattributes"), ("file", "README.md"), ("file", "b.txt"), ("dir", "dir"),
    ]  # fmt: skip
    every = nobody("GET", f"{api}/tree/main?recursive=true").json()
    assert [item["path"] for item in every] == [
        ".gitattributes", "README.md", "b.txt", "dir/deep/a.txt",
    ]  # fmt: skip
    assert every[3] == {
        "type": "file", "path": "dir/deep/a.txt", "size": 3, "oid": blob_id(b"abc"),
    }  # fmt: skip
    below = nobody("GET", f"{api}/tree/main/dir?recursive=true").json()
    assert [item["path"] for item in below] == ["dir/deep/a.txt"]
    assert said(nobody("GET", f"{api}/tree/no")) == (500, "GIT-ERR-6")
    assert said(nobody("GET", f"{api}x/tree/main")) == (500, "SYS-ERR-3")
    hidden = wanda.create("hidden", plural, private=True)
    api, _ = addresses(hidden, "hf")
    for other in (stranger, nobody):
        assert said(other("GET", f"{api}/tree/main")) == (403, "AUTH-ERR-0")


@pytest.mark.parametrize("plural", INFIX)
def test_a_private_file_is_closed(wanda: Api, stranger: Api, nobody: Api, plural):
    base = wanda.create("closed", plural, private=True)
    _, at = addresses(base, "ms")
    path = f"{at}/main/README.md"
    assert said(nobody("GET", path)) == (401, "AUTH-ERR-1")
    assert said(stranger("GET", path)) == (403, "AUTH-ERR-2")
    assert nobody("HEAD", path).status_code == 401
    assert stranger("HEAD", path).status_code == 403
    assert wanda("GET", path).status_code == 200


def test_a_bad_header_is_refused_where_none_is_needed(wanda: Api):
    base = wanda.create("open")
    api, at = addresses(base, "hf")
    wrong = Api(wanda.url, "0" * 32)
    for path in (api, f"{api}/tree/main", f"{at}/main/README.md"):
        assert said(wrong("GET", path)) == (401, "AUTH-ERR-5")
