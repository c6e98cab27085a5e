"""Trees, files, commits and sizes over REST, row by row of the contract."""

from __future__ import annotations

import base64
import hashlib
import time

import pytest

from csgrepo.server import Hub
from tests.functional.rest import Api, b64, said
from tests.functional.test_hub_contract_commit import commit, file
from tests.functional.test_hub_contract_write import change

FILE_KEYS = {
    "name", "type", "size", "commit", "path", "mode", "sha", "url", "content", "lfs", "lfs_sha256",
    "lfs_pointer_size", "lfs_relative_path", "last_commit_sha",
}  # fmt: skip


def test_a_blob_comes_with_its_content_unless_it_is_long_or_no_text(wanda: Api, nobody: Api):
    base = wanda.create("blobs")
    files = {
        "text.md": "# 文本\n".encode(), "edge.txt": b"a" * 900_000, "long.txt": b"a" * 900_001,
        "binary": b"\xff\xfe", "nul.txt": b"a\0b", "empty.txt": b"",
    }  # fmt: skip
    assert commit(wanda, base, *(file(*item) for item in files.items())).status_code == 200
    preview = {"long.txt": 1, "binary": 2, "nul.txt": 2}
    for name, content in files.items():
        shown = nobody("GET", f"{base}/blob/{name}").json()["data"]
        assert shown.keys() >= FILE_KEYS
        assert shown.get("preview_code") == preview.get(name)
        assert base64.b64decode(shown["content"]) == (b"" if name in preview else content)
        assert (shown["size"], shown["path"], shown["lfs"]) == (len(content), name, False)
        assert shown["commit"]["id"] == shown["last_commit_sha"] != ""
    assert said(nobody("GET", f"{base}/blob/no")) == (404, "GIT-ERR-15")
    assert said(nobody("GET", f"{base}/blob/text.md", params={"ref": "no"})) == (404, "GIT-ERR-6")


def test_download_sends_files_and_names_the_address_of_objects(wanda: Api, nobody: Api):
    base = wanda.create("older")
    wanda.put_file(base, "目录/a.txt", b"plain")
    wanda.put_file(base, "w.bin", b"", original_content=b64(b"weights"))
    plain = nobody("GET", f"{base}/download/目录/a.txt")
    assert plain.content == b"plain"
    assert plain.headers["Content-Disposition"] == 'attachment; filename="a.txt"'
    assert plain.headers["Content-Type"] == "application/octet-stream"
    shown = {entry["name"]: entry for entry in wanda.get(f"{base}/tree")}["w.bin"]
    oid = hashlib.sha256(b"weights").hexdigest()
    assert shown["lfs_relative_path"] == f"{oid[:2]}/{oid[2:4]}/{oid[4:]}"
    assert (shown["lfs_sha256"], shown["size"]) == (oid, 7)
    params = {"lfs": "true", "save_as": "model.bin"}
    address = nobody("GET", f"{base}/download/{shown['lfs_relative_path']}", params=params).json()
    sent = Api("")("GET", address["data"])
    assert sent.content == b"weights"
    assert sent.headers["Content-Disposition"] == 'attachment; filename="model.bin"'
    for path in ("w.bin", "../../hub.sqlite3", "0" * 64):
        gone = nobody("GET", f"{base}/download/{path}", params=params)
        assert gone.status_code == 404
    assert nobody("GET", f"{base}/download/no").status_code == 404


def test_all_files_is_the_root_of_main_and_no_more_than_a_hundred(wanda: Api, hub, git):
    base = wanda.create("all")
    assert (
        commit(wanda, base, *(file(f"f{n:03}") for n in range(110)), file("d/x")).status_code == 200
    )
    first = wanda.get(f"{base}/all_files")
    assert len(first) == 100
    assert [entry["name"] for entry in first[:3]] == [".gitattributes", "README.md", "d"]
    assert (first[2]["type"], first[2]["commit"]["id"]) == ("dir", "")
    assert len(wanda.get(f"{base}/all_files", cursor=100)) == 13
    assert wanda.get(f"{base}/all_files", cursor=200) is None
    assert said(wanda("GET", f"{base}/all_files?cursor={'9' * 5000}")) == (400, "REQ-ERR-6")
    other = wanda.create("elsewhere", default_branch="trunk")
    assert said(wanda("GET", f"{other}/all_files")) == (500, "GIT-ERR-15")
    assert wanda("GET", f"{other}/resolve/README.md").status_code == 404
    assert wanda("GET", f"{other}/resolve/README.md?ref=trunk").status_code == 200
    spaces = wanda.create("none", "spaces")
    assert wanda("GET", f"{spaces}/all_files").text == "404 page not found"


def test_tree_pages_follow_the_cursor_to_an_empty_one(wanda: Api, nobody: Api):
    base = wanda.create("pages")
    names = [f"f{n:02}" for n in range(25)]
    assert commit(wanda, base, *(file(f"dir/{name}") for name in names)).status_code == 200
    seen, cursor = [], ""
    while True:
        params = {"limit": 10, "cursor": cursor}
        page = nobody("GET", f"{base}/refs/main/tree/dir", params=params).json()["data"]
        assert page.keys() == {"Files", "Cursor"}
        seen += [entry["name"] for entry in page["Files"]]
        cursor = page["Cursor"]
        if not cursor:
            break
    assert seen == names
    for bad in (
        "limit=0",
        "limit=10001",
        "limit=x",
        "cursor=-1",
        f"cursor={'9' * 5000}",
        "limit=٣",
    ):
        assert said(nobody("GET", f"{base}/refs/main/tree/?{bad}")) == (400, "REQ-ERR-6")
    assert nobody("GET", f"{base}/refs/main/tree/?limit=10000").status_code == 200
    slashed = nobody("GET", f"{base}/refs/feature%2Fx/tree/")
    assert slashed.status_code in {200, 404}
    assert slashed.content in {b"", b"404 page not found"}


def test_logs_tree_has_the_last_commit_of_each_entry(wanda: Api, nobody: Api):
    base = wanda.create("logs")
    wanda.put_file(base, "dir/a.txt", b"a")
    wanda.put_file(base, "dir/b.txt", b"b")
    data = nobody("GET", f"{base}/refs/main/logs_tree/dir").json()["data"]
    assert [(item["name"], item["path"], item["message"]) for item in data["Commits"]] == [
        ("a.txt", "dir/a.txt", "Add dir/a.txt"),
        ("b.txt", "dir/b.txt", "Add dir/b.txt"),
    ]
    root = nobody("GET", f"{base}/refs/main/logs_tree/?limit=1&offset=1").json()["data"]["Commits"]
    assert [item["name"] for item in root] == ["README.md"]
    assert said(nobody("GET", f"{base}/refs/main/logs_tree/?limit=101")) == (400, "REQ-ERR-6")
    assert said(nobody("GET", f"{base}/refs/no/logs_tree/")) == (500, "GIT-ERR-6")


def test_a_diff_names_the_paths_between_two_commits(wanda: Api, nobody: Api):
    base = wanda.create("diffs")
    left = wanda.get(f"{base}/last_commit")["id"]
    assert commit(wanda, base, file("目录/new.txt"), file("README.md", b"x")).status_code == 200
    assert wanda("DELETE", f"{base}/raw/.gitattributes", json=change()).status_code == 200
    query = {"left_commit_id": left, "right_commit_id": "main"}
    assert wanda.get(f"{base}/diff", **query) == [
        {"added": ["目录/new.txt"], "removed": [".gitattributes"], "modified": ["README.md"]}
    ]
    same = nobody("GET", f"{base}/diff", params={**query, "right_commit_id": left}).json()["data"]
    assert same == [{"added": [], "removed": [], "modified": []}]
    for bad in ("no", "", "--stat", "main:README.md"):
        params = {**query, "left_commit_id": bad}
        assert said(nobody("GET", f"{base}/diff", params=params)) == (500, "GIT-ERR-6")


def test_a_size_is_not_found_until_it_has_been_measured(wanda: Api, nobody: Api):
    base = wanda.create("sizes")
    wanda.put_file(base, "w.bin", b"", original_content=b64(b"w" * 5000))
    wanda.put_file(base, "a.txt", b"a" * 10)
    assert wanda("PUT", f"{base}/raw/a.txt", json=change(content=b64(b"a" * 7))).status_code == 200
    first = nobody("GET", f"{base}/size/main")
    assert (first.status_code, first.json()) == (404, {"msg": "not found"})
    deadline = time.monotonic() + 60
    while (answer := nobody("GET", f"{base}/size/main")).status_code == 404:
        assert time.monotonic() < deadline
    found = answer.json()["data"]
    fixed = sum(entry["size"] for entry in wanda.get(f"{base}/tree") if entry["name"][0] in ".R")
    assert found == {"total_size": fixed + 5017, "last_commit_size": fixed + 5007}
    assert nobody("GET", f"{base}/size/nowhere").json() == {"msg": "not found"}


def test_all_of_these_are_closed_where_the_repository_is(wanda: Api, stranger: Api, nobody: Api):
    base = wanda.create("closed", private=True)
    for path, expected in {
        "tree": (403, "AUTH-ERR-2"), "refs/main/tree/": (403, "AUTH-ERR-2"),
        "refs/main/logs_tree/": (403, "AUTH-ERR-2"), "last_commit": (403, "AUTH-ERR-2"),
        "size/main": (403, "AUTH-ERR-2"), "all_files": (403, "AUTH-ERR-2"),
        "branches": (500, "AUTH-ERR-2"), "raw/README.md": (500, "AUTH-ERR-2"),
        "blob/README.md": (500, "AUTH-ERR-2"), "download/README.md": (500, "AUTH-ERR-2"),
        "download/x?lfs=true": (500, "AUTH-ERR-2"), "commit/main": (500, "AUTH-ERR-2"),
        "diff?left_commit_id=main&right_commit_id=main": (500, "AUTH-ERR-2"),
        "commits": (500, "AUTH-ERR-0"), "resolve/README.md": (403, "AUTH-ERR-2"),
    }.items():  # fmt: skip
        assert said(stranger("GET", f"{base}/{path}")) == expected, path
        lone = {"all_files": (500, "SYS-ERR-3"), "resolve/README.md": (401, "AUTH-ERR-1")}
        assert said(nobody("GET", f"{base}/{path}")) == lone.get(path, expected), path


@pytest.mark.parametrize(
    ("path", "needs_login"),
    [
        ("branches", True), ("tree", True), ("refs/main/tree/", True),
        ("refs/main/logs_tree/", True),
        ("commits", True), ("commit/main", True), ("diff?left_commit_id=main", True),
        ("all_files", True), ("raw/README.md", True), ("download/README.md", True),
        ("resolve/README.md", True), ("last_commit", False), ("blob/README.md", False),
        ("size/main", False), ("", False),
    ],
)  # fmt: skip
def test_datasets_want_a_login_where_the_contract_says(hub: Hub, wanda, nobody, path, needs_login):
    base = wanda.create("public", "datasets")
    answer = nobody("GET", f"{base}/{path}" if path else base)
    assert (answer.status_code == 401) is needs_login, answer.text
