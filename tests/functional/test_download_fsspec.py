"""``csg://``: repositories as a file system that is read in parts."""

from __future__ import annotations

import gzip
import hashlib
import pickle
from importlib.metadata import entry_points

import fsspec
import pytest

from csgrepo import HubHTTPError, snapshot_download
from csgrepo.integrations.filesystem import CsgFileSystem
from csgrepo.server import Truncate
from tests import machine
from tests.answering import Handler, answering, reply
from tests.functional.copies import noise
from tests.functional.downloads import LARGE, Shelf, sent_bytes, shelf

__all__ = ["shelf"]


@pytest.fixture
def fs(signed_in):
    """The file system, and not one of an earlier test."""
    return CsgFileSystem(endpoint=signed_in.endpoint, skip_instance_cache=True)


def test_fsspec_knows_it_by_name() -> None:
    if not entry_points(group="fsspec.specs", name="csg"):
        machine.lacking("this checkout was installed before it had the entry point")

    assert fsspec.get_filesystem_class("csg") is CsgFileSystem


@pytest.fixture(params=[False, True], ids=["git", "lfs"])
def content(shelf: Shelf, request: pytest.FixtureRequest) -> bytes:
    content = noise(LARGE)
    shelf.put({"目录/w.bin": content}, lfs=request.param)
    return content


def test_part_of_a_file_is_all_that_is_fetched(fs, shelf: Shelf, content: bytes) -> None:
    path = f"csg://{shelf.id}/目录/w.bin"

    assert fs.cat_file(path, 1000, 1100) == content[1000:1100]
    assert fs.cat_file(path, -7) == content[-7:]
    assert sent_bytes(shelf.asked(size=107)) == 107
    with fs.open(path, block_size=4096, cache_type="none") as file:
        file.seek(LARGE - 10)
        assert file.read() == content[-10:]
        assert file.read() == b""
    assert sent_bytes(shelf.asked(size=10)) == 10
    assert fs.cat_file(path) == content


def test_cut_off_part_is_gone_on_with(fs, shelf: Shelf, content: bytes) -> None:
    fault = shelf.hub.faults.add("GET", shelf.body, Truncate(300_000))

    assert fs.cat_file(f"{shelf.id}/目录/w.bin", 5, 2_000_000) == content[5:2_000_000]
    assert fault.hits == 1


def test_folders_are_listed_and_described(fs, shelf: Shelf) -> None:
    shelf.put({"a/b/c.txt": b"c", "a/d.txt": b"dd", "e.txt": b""})
    root = f"models/{shelf.id}@main"

    assert fs.ls(f"csg://{root}/a", detail=False) == [f"{root}/a/b", f"{root}/a/d.txt"]
    assert fs.info(f"{root}/a/d.txt") | {"ETag": ""} == {
        "name": f"{root}/a/d.txt", "size": 2, "type": "file", "ETag": ""
    }  # fmt: skip
    assert fs.isdir(root)
    assert fs.isdir(f"{root}/a/b")
    assert fs.glob(f"{root}/**/*.txt") == [f"{root}/{p}" for p in ("a/b/c.txt", "a/d.txt", "e.txt")]
    assert fs.find(f"{root}/a") == [f"{root}/a/b/c.txt", f"{root}/a/d.txt"]
    assert fs.cat_file(f"{root}/e.txt") == b""
    for missing in (f"{root}/none.txt", f"{root}/a/none", f"models/{shelf.id}-x/a", "models/only"):
        assert not fs.exists(missing)
        with pytest.raises(FileNotFoundError):
            fs.info(missing)


def test_revision_is_one_state_until_it_is_asked_for_again(fs, shelf: Shelf) -> None:
    shelf.put({"w.txt": b"old"}, branch="feature/x")
    path = f"{shelf.id}@feature%2Fx/w.txt"
    assert fs.cat_file(path) == b"old"

    shelf.put({"w.txt": b"new"}, branch="feature/x")

    assert fs.cat_file(path) == b"old"
    with fs.open(path) as file:
        fs.invalidate_cache()
        assert file.read() == b"old"
    assert fs.cat_file(path) == b"new"


def test_what_the_cache_has_is_read_from_there_even_offline(shelf: Shelf, signed_in) -> None:
    shelf.put({"w.txt": b"cached"})
    snapshot_download(shelf.id)
    shelf.asked(files=3)

    offline = CsgFileSystem(local_files_only=True, skip_instance_cache=True)

    assert offline.cat_file(f"{shelf.id}/w.txt", 1, 3) == b"ac"
    assert shelf.asked() == []


def test_file_system_travels_between_processes(fs, shelf: Shelf) -> None:
    shelf.put({"w.txt": b"there"})
    fs.ls(shelf.id)

    assert pickle.loads(pickle.dumps(fs)).cat_file(f"{shelf.id}/w.txt") == b"there"


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (206, {"Content_Range": "bytes 2-4/9999"}),
        (206, {"Content_Range": "bytes 3-5/4000"}),
        (206, {}),
        (206, {"Content_Range": "bytes 2-4/4000", "Content_Encoding": "gzip"}),
        (200, {"Content_Encoding": "gzip"}),
    ],
    ids=["another length", "another range", "no range", "compressed range", "compressed"],
)
def test_part_of_something_else_is_not_read(status: int, headers: dict[str, str]) -> None:
    content = noise(4000)
    blob = hashlib.sha1(b"blob 4000\0" + content).hexdigest()
    with answering() as server:

        def answer(handler: Handler) -> None:
            if "last_commit" in handler.path:
                reply(200, {"msg": "OK", "data": {"id": "a" * 40}})(handler)
            elif "/revision/" in handler.path:
                row = {"rfilename": "a.bin", "size": 4000, "blobId": blob}
                reply(200, {"sha": "a" * 40, "siblings": [row]})(handler)
            elif handler.command == "HEAD":
                reply(200, content, ETag=f'"{blob}"')(handler)
            else:
                body = gzip.compress(content) if "Content_Encoding" in headers else b"xyz"
                reply(status, body, **headers)(handler)

        server.default = answer
        fs = CsgFileSystem(endpoint=server.url, token=False, skip_instance_cache=True)

        with pytest.raises((OSError, HubHTTPError)):
            fs.cat_file("csg://wanda/bert/a.bin", 2, 5)
