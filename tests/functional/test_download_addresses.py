"""Addresses of files, and files from any address."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import requests

from csgrepo import (
    InvalidInput,
    NotCached,
    NotFound,
    TransferError,
    UnsafePath,
    file_url,
    http_get,
)
from csgrepo.download.part import BLOCK
from tests.answering import AnsweringServer, Handler, answering, reply, serving, then_hang_up
from tests.functional.downloads import Shelf, shelf
from tests.functional.jobs_clone import until

__all__ = ["shelf"]

TOKEN = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def server():
    with answering() as server:
        yield server


def test_address_of_a_file_serves_its_bytes(shelf: Shelf, signed_in, tmp_path) -> None:
    shelf.put({"目录/a b.txt": b"text"})
    shelf.put({"目录/a b.txt": b"branch"}, branch="feature/x")

    url = file_url(shelf.id, "a b.txt", subfolder="目录")
    assert requests.get(url, timeout=30).content == b"text"
    assert Path(http_get(url, local_dir=tmp_path)).read_bytes() == b"text"
    on_branch = file_url(shelf.id, "目录/a b.txt", revision="feature/x")
    assert requests.get(on_branch, timeout=30).content == b"branch"


def test_hub_tells_the_digest_of_what_it_sends_where_that_is_wanted(shelf: Shelf) -> None:
    shelf.put({"a.txt": b"0123456789"})
    url = file_url(shelf.id, "a.txt", endpoint=shelf.hub.url)

    def told(wanted: str, **headers: str) -> str | None:
        answer = requests.get(url, headers={"Want-Content-Digest": wanted, **headers}, timeout=30)
        return answer.headers.get("Content-Digest")

    part = base64.b64encode(hashlib.sha256(b"2345").digest()).decode()
    whole = base64.b64encode(hashlib.sha256(b"0123456789").digest()).decode()
    assert told("sha-512=3, sha-256=10", Range="bytes=2-5") == f"sha-256=:{part}:"
    assert told("sha-256=1") == f"sha-256=:{whole}:"
    assert told("sha-256=0") is None
    assert told("sha-512=10") is None


def test_addresses_of_all_types() -> None:
    def url(kind: str) -> str:
        return file_url("w/bert", "a.txt", repo_type=kind, endpoint="https://hub.example/")

    assert url("model") == "https://hub.example/csg/w/bert/resolve/main/a.txt"
    assert url("mcp") == "https://hub.example/csg/mcps/w/bert/resolve/main/a.txt"
    with pytest.raises(UnsafePath):
        file_url("w/bert", "../x")
    with pytest.raises(InvalidInput):
        file_url("w/bert", "x", revision="-x")


def test_token_reaches_its_own_host_and_no_other(server, tmp_path) -> None:
    with answering() as other:
        other.default = reply(200, b"bytes")
        server.default = reply(302, b"", Location=f"{other.url}/there")

        path = http_get(f"{server.url}/x.bin", token=TOKEN, local_dir=tmp_path, cookies={"a": "b"})

        assert Path(path).read_bytes() == b"bytes"
        assert server.asked[0].headers["authorization"] == f"Bearer {TOKEN}"
        assert not {"authorization", "cookie"} & other.asked[0].headers.keys()


def test_token_of_the_hub_stays_at_home(server, tmp_path, signed_in) -> None:
    server.default = reply(200, b"bytes")

    http_get(f"{server.url}/x.bin", local_dir=tmp_path)

    assert "authorization" not in server.asked[0].headers


def test_file_that_ends_early_never_appears(server, tmp_path, monkeypatch) -> None:
    server.default = then_hang_up(reply(200, b"half", Content_Length="8"))
    monkeypatch.setattr("csgrepo.http.ending.rest", lambda _: False)  # between its attempts

    with pytest.raises(TransferError):
        http_get(f"{server.url}/x.bin", local_dir=tmp_path / "new")

    assert not list((tmp_path / "new").iterdir())


def test_broken_connection_is_gone_on_with(server, tmp_path) -> None:
    content = bytes(range(256)) * 4096
    whole = serving(content, etag='"e"')
    half = len(content) // 2
    server.script.append(
        then_hang_up(reply(200, content[:half], Content_Length=str(len(content)), ETag='"e"'))
    )
    server.default = whole

    path = http_get(f"{server.url}/d/x%20y.bin", local_dir=tmp_path)

    assert Path(path).name == "x y.bin"
    assert hashlib.sha256(Path(path).read_bytes()).digest() == hashlib.sha256(content).digest()


def test_what_cannot_be_fetched(server, tmp_path, monkeypatch) -> None:
    server.default = reply(404)
    with pytest.raises(NotFound):
        http_get(f"{server.url}/x", local_dir=tmp_path)
    for url, name in ((f"{server.url}/", None), ("ftp://host/x", None), ("/x", "x")):
        with pytest.raises(InvalidInput):
            http_get(url, local_dir=tmp_path, file_name=name)
    with pytest.raises(UnsafePath):
        http_get(f"{server.url}/..%2Fx", local_dir=tmp_path, file_name="../x")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InvalidInput, match="is a folder"):
        http_get(f"{server.url}/folder", local_dir=tmp_path)
    monkeypatch.setenv("CSGHUB_OFFLINE", "1")
    with pytest.raises(NotCached):
        http_get(f"{server.url}/x", local_dir=tmp_path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "mine"


CONTENT = bytes(range(256)) * 3072  # three blocks


def cut_off_for_good(server: AnsweringServer, folder: Path, after: int, etag: str) -> None:
    """Have a download end behind so many bytes."""
    length = str(len(CONTENT))
    headers = {"ETag": etag} if etag else {}
    server.script.append(
        then_hang_up(reply(200, CONTENT[:after], Content_Length=length, **headers))
    )
    server.default = reply(404)
    with pytest.raises(NotFound):
        http_get(f"{server.url}/x.bin?signature=1", local_dir=folder)
    assert not (folder / "x.bin").exists()
    server.asked.clear()


def test_next_call_goes_on_where_the_last_one_ended(server, folder) -> None:
    cut_off_for_good(server, folder, 2 * BLOCK + 100, '"e"')
    server.default = serving(CONTENT, etag='"e"')

    path = Path(http_get(f"{server.url}/x.bin?signature=2", local_dir=folder))

    assert path.read_bytes() == CONTENT
    (asked,) = server.asked
    assert (asked.headers["range"], asked.headers["if-range"]) == (f"bytes={2 * BLOCK}-", '"e"')
    assert [path.name for path in folder.iterdir()] == ["x.bin"]


def test_file_that_changed_meanwhile_is_fetched_from_its_beginning(server, folder) -> None:
    cut_off_for_good(server, folder, 2 * BLOCK, '"old"')
    new = CONTENT[::-1] + b"longer"
    server.default = serving(new, etag='"new"')

    assert Path(http_get(f"{server.url}/x.bin", local_dir=folder)).read_bytes() == new


@pytest.mark.parametrize(
    ("etag", "content"),
    [('"other"', CONTENT[::-1]), ('"e"', CONTENT[::-1] + b"longer")],
    ids=["tag", "length"],
)
def test_range_of_another_file_is_not_joined_to_what_is_here(server, folder, etag, content) -> None:
    """From a server that sends the range that was asked for, whatever the condition."""
    cut_off_for_good(server, folder, 2 * BLOCK, '"e"')

    def careless(handler: Handler) -> None:
        del handler.headers["If-Range"]
        handler.headers["If-Range"] = etag
        serving(content, etag=etag)(handler)

    server.default = careless

    assert Path(http_get(f"{server.url}/x.bin", local_dir=folder)).read_bytes() == content


def test_part_with_a_byte_that_rotted_is_taken_up_to_its_block(server, folder) -> None:
    cut_off_for_good(server, folder, 2 * BLOCK, '"e"')
    (part,) = folder.glob(".*.part")
    part.write_bytes(CONTENT[: BLOCK + 9] + b"\xff" + CONTENT[BLOCK + 10 : 2 * BLOCK])
    server.default = serving(CONTENT, etag='"e"')

    assert Path(http_get(f"{server.url}/x.bin", local_dir=folder)).read_bytes() == CONTENT
    assert server.asked[0].headers["range"] == f"bytes={BLOCK}-"


@pytest.mark.parametrize("harm", ["no part", "no note", "torn note", "junk"])
def test_part_in_any_state_ends_in_the_right_bytes(server, folder, harm) -> None:
    cut_off_for_good(server, folder, 2 * BLOCK + 1, '"e"')
    (part,), (note,) = folder.glob(".*.part"), folder.glob(".*.note")
    if harm == "no part":
        part.unlink()
    elif harm == "no note":
        note.unlink()
    elif harm == "torn note":
        note.write_bytes(note.read_bytes()[:-3])
    else:
        note.write_bytes(b"[1]\n" + note.read_bytes())
    server.default = serving(CONTENT, etag='"e"')

    assert Path(http_get(f"{server.url}/x.bin", local_dir=folder)).read_bytes() == CONTENT
    assert [path.name for path in folder.iterdir()] == ["x.bin"]


OLD, NEW = "Wed, 21 Oct 2015 07:28:00 GMT", "Thu, 22 Oct 2015 07:28:00 GMT"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {}),
        ({"ETag": 'W/"1"'}, {"ETag": 'W/"2"'}),
        ({"Last_Modified": OLD}, {"Last_Modified": NEW}),
        ({"ETag": '"1"'}, {}),
        ({}, {"ETag": '"2"'}),
    ],
    ids=["no word of it", "weak tag", "time", "tag is gone", "tag came"],
)
def test_file_that_changed_while_it_came_is_not_joined_from_both(
    server, folder, before, after
) -> None:
    new, length = CONTENT[::-1], str(len(CONTENT))
    cut = BLOCK + 100
    server.script.append(then_hang_up(reply(200, CONTENT[:cut], Content_Length=length, **before)))

    def careless(handler: Handler) -> None:  # it sends any range, whatever the condition
        wanted = handler.headers.get("Range")
        if not wanted:
            return reply(200, new, **after)(handler)
        start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        where = f"bytes {start}-{len(new) - 1}/{len(new)}"
        return reply(206, new[start:], Content_Range=where, **after)(handler)

    server.default = careless

    assert Path(http_get(f"{server.url}/x.bin", local_dir=folder)).read_bytes() == new


def test_file_whose_time_stays_is_gone_on_with(server, folder) -> None:
    length = str(len(CONTENT))
    server.script.append(
        then_hang_up(reply(200, CONTENT[:BLOCK], Content_Length=length, Last_Modified=OLD))
    )
    where = f"bytes {BLOCK}-{len(CONTENT) - 1}/{len(CONTENT)}"
    server.script.append(reply(206, CONTENT[BLOCK:], Content_Range=where, Last_Modified=OLD))

    assert Path(http_get(f"{server.url}/x.bin", local_dir=folder)).read_bytes() == CONTENT
    assert server.asked[1].headers["range"] == f"bytes={BLOCK}-"


@pytest.mark.parametrize("etag", ["", 'W/"e"'], ids=["no tag", "weak tag"])
def test_nothing_is_kept_of_a_file_that_could_change_unnoticed(server, folder, etag) -> None:
    cut_off_for_good(server, folder, 2 * BLOCK, etag)

    assert list(folder.iterdir()) == []


FETCH = "import sys; from csgrepo import http_get; http_get(sys.argv[1], local_dir=sys.argv[2])"


def test_killed_download_is_gone_on_with(server, folder) -> None:
    killed = threading.Event()

    def stops_in_the_middle(handler: Handler) -> None:
        then_hang_up(
            reply(200, CONTENT[: 2 * BLOCK], Content_Length=str(len(CONTENT)), ETag='"e"')
        )(handler)
        killed.wait(60)

    server.script.append(stops_in_the_middle)
    server.default = serving(CONTENT, etag='"e"')
    folder.mkdir()
    command = [sys.executable, "-c", FETCH, f"{server.url}/x.bin", str(folder)]
    with subprocess.Popen(command) as child:
        until(lambda: any(len(note.read_bytes()) > 24 for note in folder.glob(".*.note")))
        child.kill()
    killed.set()
    assert not (folder / "x.bin").exists()

    assert Path(http_get(f"{server.url}/x.bin", local_dir=folder)).read_bytes() == CONTENT
    assert int(server.asked[-1].headers["range"].strip("bytes=-")) >= BLOCK
