"""Addresses of files, and files from any address."""

from __future__ import annotations

import hashlib
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
from tests.answering import answering, reply, serving, then_hang_up
from tests.functional.downloads import Shelf, shelf

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
    monkeypatch.setattr("time.sleep", lambda _: None)  # the client waits between its attempts

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
    monkeypatch.setenv("CSGHUB_OFFLINE", "1")
    with pytest.raises(NotCached):
        http_get(f"{server.url}/x", local_dir=tmp_path)
