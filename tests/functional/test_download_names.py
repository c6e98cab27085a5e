"""Names and addresses that a hostile server sends: refused before anything is written."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from csgrepo import (
    HubHTTPError,
    NotFound,
    TransferError,
    UnsafePath,
    file_download,
    snapshot_download,
)
from tests.answering import Answer, AnsweringServer, answering, reply
from tests.functional.copies import work_files

COMMIT = "c0ffee" + "0" * 34
BODY = b"hostile"
BLOB = hashlib.sha1(b"blob 7\0hostile").hexdigest()


@pytest.fixture
def server():
    with answering() as server:
        yield server


def hub_with(server: AnsweringServer, rows: object) -> None:
    """Have a hub answer with a commit, and with these files in it."""

    def answer(handler: object) -> None:
        path = handler.path
        if "last_commit" in path:
            said = reply(200, {"msg": "OK", "data": {"id": COMMIT}})
        elif "/revision/" in path:
            said = reply(200, {"id": "wanda/bert", "sha": COMMIT, "siblings": rows})
        else:
            said = reply(200, BODY)
        said(handler)

    server.default = answer


def row(name: object, **more: object) -> dict[str, object]:
    return {"rfilename": name, "size": 7, "blobId": BLOB, **more}


def fetch(server: AnsweringServer, tmp_path: Path, **more: object) -> str:
    return snapshot_download(
        "wanda/bert", endpoint=server.url, token=False, cache_dir=tmp_path / "cache", **more
    )


NAMES = [
    "../x", "a/../../x", "/x", "/etc/passwd", "C:\\x", "C:/x", "c:x", "\\\\host\\share", "\\x",
    "a/..\\..\\x", "..\\x", ".git/hooks/x", "a/.GIT/config", ".git\u200c/x", "git~1/config",
    ".git./config", "a//x", "./x", "a/./x", "", "a\0b", "x/", "\ud800", "x\udcff", "x" * 256,
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("local", [False, True], ids=["cache", "folder"])
def test_name_that_leads_outside_is_refused_before_any_write(server, tmp_path, name, local):
    hub_with(server, [row("good.txt"), row(name)])
    more = {"local_dir": tmp_path / "plain"} if local else {}

    with pytest.raises(UnsafePath):
        fetch(server, tmp_path, **more)

    assert not any(BODY in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert not (tmp_path / "plain").exists()
    assert not any("resolve" in asked.path for asked in server.asked)


@pytest.mark.parametrize("names", [["a", "a/b"], ["a/b/c", "a"], ["same", "same"]])
def test_file_that_is_a_folder_for_another_is_refused(server, tmp_path, names) -> None:
    hub_with(server, [row(name) for name in names])

    with pytest.raises(UnsafePath):
        fetch(server, tmp_path)

    assert not list(tmp_path.rglob("snapshots"))


def test_link_in_the_users_folder_is_not_followed(server, tmp_path) -> None:
    hub_with(server, [row("out/x.txt")])
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "out").symlink_to(outside)

    with pytest.raises(UnsafePath, match="link"):
        fetch(server, tmp_path, local_dir=tmp_path / "plain")

    assert not list(outside.iterdir())


@pytest.mark.parametrize(
    "bad",
    [
        {"blobId": "../../x"},
        {"blobId": BLOB.upper()},
        {"blobId": None},
        {"size": -1},
        {"size": "7"},
        {"size": True},
        {"lfs": {"sha256": "../x", "size": 7}},
        {"rfilename": 7},
    ],
)
def test_file_that_is_described_wrongly_is_an_error(server, tmp_path, bad) -> None:
    hub_with(server, [row("a.txt", **bad)])

    with pytest.raises(HubHTTPError):
        fetch(server, tmp_path)

    assert not list(tmp_path.rglob("blobs/*"))


@pytest.mark.parametrize("rows", ["text", 5, [1], [["a"]], {"a": 1}, {}, "", 0, False])
def test_list_of_files_that_is_none_is_an_error(server, tmp_path, rows) -> None:
    hub_with(server, rows)

    with pytest.raises(HubHTTPError):
        fetch(server, tmp_path)


def test_description_without_its_list_of_files_is_no_empty_repository(server, tmp_path) -> None:
    server.script.append(reply(200, {"msg": "OK", "data": {"id": COMMIT}}))
    server.default = reply(200, {"id": "wanda/bert", "sha": COMMIT})

    with pytest.raises(HubHTTPError, match="siblings"):
        fetch(server, tmp_path)


def entry(path: str, kind: str = "file") -> dict[str, object]:
    return {"path": path, "type": kind, "size": 7, "sha": BLOB, "lfs": False}


@pytest.mark.parametrize(
    ("inner", "why"),
    [
        (b"", "no valid JSON"),
        ({"msg": "OK", "data": None}, "Files"),
        ({"msg": "OK", "data": {"Files": None, "Cursor": ""}}, "nothing in the folder"),
        ({"msg": "SYS-ERR-1: out of order", "code": "SYS-ERR-1"}, "out of order"),
        ({"msg": "OK", "data": {"Files": [entry("a/x")], "Cursor": "next"}}, "circles"),
        ({"msg": "OK", "data": {"Files": [entry("b/x")], "Cursor": ""}}, "not in the folder"),
        ({"msg": "OK", "data": {"Files": [entry("a/", "dir")], "Cursor": ""}}, "not in the folder"),
    ],
    ids=["no body", "no data", "no entries", "refusal", "circles", "elsewhere", "itself"],
)
def test_folder_of_which_the_list_is_wrong_is_not_left_out(server, tmp_path, inner, why) -> None:
    listed = {"msg": "OK", "data": {"Files": [entry("a", "dir"), entry("b")], "Cursor": ""}}

    def answer(handler: object) -> None:
        path = handler.path.split("?")[0]
        if "last_commit" in path:
            reply(200, {"msg": "OK", "data": {"id": COMMIT}})(handler)
        else:
            reply(200, listed if path.endswith("/tree/") else inner)(handler)

    server.default = answer

    with pytest.raises(HubHTTPError, match=why):
        fetch(server, tmp_path, repo_type="code")


def test_login_page_in_place_of_a_file_is_called_one(server, tmp_path) -> None:
    hub_with(server, [row("a.txt"), row("w.bin", size=3 * 1024 * 1024)])
    told = server.default

    def answer(handler: object) -> None:
        page = reply(200, b"<html>log in</html>", Content_Type="text/html; charset=utf-8")
        (page if "/resolve/" in handler.path else told)(handler)

    server.default = answer

    for name in ("a.txt", "w.bin"):
        with pytest.raises(TransferError, match="web page"):
            fetch(server, tmp_path, allow_patterns=name)


@pytest.mark.parametrize("commit", ["../../x", "main", 5, None, ""])
def test_commit_that_is_none_is_an_error(server, tmp_path, commit) -> None:
    server.default = reply(200, {"msg": "OK", "data": {"id": commit}})

    with pytest.raises((HubHTTPError, NotFound)):
        fetch(server, tmp_path)


@pytest.mark.parametrize("name", ["../x", "/x", "C:\\x", ".git/config"])
def test_name_the_caller_gives_is_judged_alike(server, tmp_path, name) -> None:
    with pytest.raises(UnsafePath):
        file_download("wanda/bert", name, endpoint=server.url, cache_dir=tmp_path / "cache")

    assert server.asked == []


def elsewhere(address: str) -> Answer:
    return reply(302, b"", Location=address)


def test_redirect_to_another_host_gets_no_token_headers_or_cookies(server, tmp_path) -> None:
    with answering() as store:
        store.default = reply(200, BODY)
        hub_with(server, [row("a.txt")])
        usual = server.default

        def answer(handler: object) -> None:
            target = elsewhere(f"{store.url}/signed") if "/resolve/" in handler.path else usual
            target(handler)

        server.default = answer
        folder = snapshot_download(
            "wanda/bert",
            endpoint=server.url,
            token="0123456789abcdef0123456789abcdef",
            headers={"X-Own": "only for the hub"},
            cookies={"session": "kept apart"},
            cache_dir=tmp_path / "cache",
        )

        assert work_files(Path(folder)) == {"a.txt": BODY}
        for asked in server.asked:
            assert asked.headers["authorization"].startswith("Bearer ")
            assert asked.headers["x-own"] == "only for the hub"
            assert asked.headers["cookie"] == "session=kept apart"
        (told,) = store.asked
        assert not {"authorization", "x-own", "cookie"} & told.headers.keys()
