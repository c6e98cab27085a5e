"""Mirrors: where the hub is away, silent, or lacks something, the next host goes on.

The hub's second name stands for a mirror: another place, with the same content.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from csgrepo import (
    DigestMismatch,
    HubUnreachable,
    InvalidInput,
    NotFound,
    Unauthorized,
    file_download,
    snapshot_download,
)
from csgrepo.config import settings
from csgrepo.credentials import save_token
from csgrepo.download.part import BLOCK
from csgrepo.integrations.filesystem import CsgFileSystem
from csgrepo.server import Answer, Corrupt, Stall
from tests.answering import AnsweringServer, answering, reply
from tests.functional.copies import noise, work_files
from tests.functional.downloads import LARGE, Shelf, bodies, sent_bytes, shelf
from tests.functional.stalls import stall_s

__all__ = ["shelf"]

NOBODY = "http://127.0.0.1:9"  # the port where everything is thrown away; nothing listens there


@pytest.fixture
def mirror(shelf: Shelf) -> str:
    return shelf.hub.url.replace("127.0.0.1", "localhost")


@pytest.fixture
def other() -> Iterator[AnsweringServer]:
    with answering() as server:
        server.default = reply(404, {"code": "REPO-ERR-3", "msg": "not here"})
        yield server


@pytest.fixture(params=[False, True], ids=["git", "lfs"])
def content(shelf: Shelf, request: pytest.FixtureRequest) -> bytes:
    content = noise(LARGE)
    shelf.put({"w.bin": content}, lfs=request.param)
    return content


def fetched_s(shelf: Shelf, folder: Path) -> int:
    """Return what is a stall, and forget that the file was fetched to know it."""
    there = {"cache_dir": folder / "another cache"}
    wait_s = stall_s(lambda: file_download(shelf.id, "w.bin", **there))
    shelf.asked(size=LARGE)
    return wait_s


def test_hub_that_is_away_is_passed_over_and_the_mirror_gets_no_token(shelf, mirror) -> None:
    shelf.put({"a.bin": b"a", "b.bin": b"b"})

    folder = snapshot_download(shelf.id, endpoint=NOBODY, mirrors=[NOBODY, mirror], token="t" * 32)

    assert work_files(Path(folder)).items() >= {("a.bin", b"a"), ("b.bin", b"b")}
    asked = shelf.asked(files=4)
    assert len(bodies(asked)) == 4
    assert not any(request.authorized for request in asked)


def test_mirrors_of_the_environment_are_those_of_its_hub(shelf, mirror, monkeypatch) -> None:
    shelf.put({"a.bin": b"a"})
    monkeypatch.setenv("CSGHUB_MIRRORS", f"{NOBODY}/, {mirror}")
    assert settings().mirrors == (NOBODY, mirror)
    with pytest.raises(HubUnreachable):
        file_download(shelf.id, "a.bin", endpoint=NOBODY)

    monkeypatch.setenv("CSGHUB_ENDPOINT", NOBODY)
    assert Path(file_download(shelf.id, "a.bin")).read_bytes() == b"a"
    fs = CsgFileSystem(skip_instance_cache=True)
    assert fs.cat_file(f"{shelf.id}/a.bin") == b"a"
    with pytest.raises(HubUnreachable):
        file_download(shelf.id, "README.md", mirrors=[])


def test_file_that_the_hub_lacks_comes_from_the_mirror_at_the_same_commit(
    shelf, mirror, content
) -> None:
    commit = shelf.put({"beside.txt": b"kept"})
    fault = shelf.hub.faults.add("GET", r"/resolve/.*w\.bin", Answer(404))

    folder = snapshot_download(shelf.id, mirrors=[mirror])

    assert fault.hits == 1
    assert Path(folder).name == commit
    assert Path(folder, "w.bin").read_bytes() == content
    at = {request.path.split("/resolve/")[1].split("/")[0]
          for request in bodies(shelf.asked(files=4)) if "/resolve/" in request.path}  # fmt: skip
    assert at == {commit}


def test_host_that_falls_silent_is_left_and_the_next_goes_on_where_it_stopped(
    shelf, mirror, content, tmp_path, monkeypatch
) -> None:
    monkeypatch.setenv("CSGHUB_STALL_TIMEOUT", str(fetched_s(shelf, tmp_path)))
    came = 5 * BLOCK
    fault = shelf.hub.faults.add("GET", shelf.body, Stall(on="response", after=came))

    path = file_download(shelf.id, "w.bin", mirrors=[mirror])

    assert fault.hits == 1
    assert Path(path).read_bytes() == content
    whole = [r for r in bodies(shelf.asked(size=LARGE - came)) if r.body_bytes_sent]
    assert sent_bytes(whole) in {LARGE, LARGE - came}  # the silent answer has not ended yet


def test_host_that_falls_silent_is_asked_again_where_there_is_no_other(
    shelf, content, tmp_path, monkeypatch
) -> None:
    monkeypatch.setenv("CSGHUB_STALL_TIMEOUT", str(fetched_s(shelf, tmp_path)))
    fault = shelf.hub.faults.add("GET", shelf.body, Stall(on="response", after=5 * BLOCK))

    assert Path(file_download(shelf.id, "w.bin")).read_bytes() == content
    assert fault.hits == 1


def test_bytes_of_a_mirror_are_held_against_the_digest(shelf, other, tmp_path) -> None:
    shelf.put({"s.bin": b"right"})
    shelf.hub.faults.add("GET", shelf.body, Answer(404), times=None)
    other.default = reply(200, b"wrong")

    with pytest.raises(NotFound):  # the hub's own word; the mirror's bytes are not even mentioned
        file_download(shelf.id, "s.bin", mirrors=[other.url], cache_dir=tmp_path)

    assert any("/s.bin" in asked.path for asked in other.asked)
    assert not [path for path in tmp_path.rglob("blobs/*") if path.is_file()]


def test_hub_that_sends_wrong_bytes_is_passed_over(shelf, mirror) -> None:
    shelf.put({"s.bin": b"right"})
    fault = shelf.hub.faults.add("GET", shelf.body, Corrupt(1), times=2)  # and once more to be sure

    assert Path(file_download(shelf.id, "s.bin", mirrors=[mirror])).read_bytes() == b"right"
    assert fault.hits == 2
    shelf.hub.faults.add("GET", shelf.body, Corrupt(1), times=None)
    with pytest.raises(DigestMismatch):
        file_download(shelf.id, "s.bin", mirrors=[mirror], force_download=True)


def test_mirror_gets_its_own_token_and_nothing_of_the_hubs(shelf, other) -> None:
    token = "a" * 32
    save_token(token, other.url)

    with pytest.raises(NotFound):
        snapshot_download(
            f"{shelf.id}-x", mirrors=[other.url], headers={"X-Own": "1"}, cookies={"c": "1"}
        )
    with pytest.raises(NotFound):
        snapshot_download(f"{shelf.id}-x", mirrors=[other.url], token=False)

    assert [asked.headers.get("authorization") for asked in other.asked] == [
        f"Bearer {token}",
        None,
    ]
    assert not any({"x-own", "cookie"} & asked.headers.keys() for asked in other.asked)


def test_token_that_names_no_hub_stays_the_hubs(other, monkeypatch) -> None:
    """As the hub's own client keeps it; whoever is asked first must not get it for being first."""
    token = "a" * 32
    path = settings().token_path
    path.parent.mkdir(parents=True)
    path.write_text(f"{token}\n")
    monkeypatch.delenv("CSGHUB_TOKEN", raising=False)

    with pytest.raises((NotFound, HubUnreachable)):
        snapshot_download("wanda/none", endpoint=NOBODY, mirrors=[other.url])

    assert [asked.headers.get("authorization") for asked in other.asked] == [None]
    assert path.read_text() == f"{NOBODY} {token}\n"


def test_refusal_of_the_hubs_token_is_told_and_not_worked_around(shelf, mirror) -> None:
    shelf.put({"s.bin": b"right"})
    fault = shelf.hub.faults.add("GET", "last_commit", Answer(401), times=None)

    with pytest.raises(Unauthorized):
        file_download(shelf.id, "s.bin", mirrors=[mirror])
    assert fault.hits == 1


def test_address_that_is_none_is_refused_before_anything_is_asked(shelf) -> None:
    with pytest.raises(InvalidInput):
        file_download(shelf.id, "s.bin", mirrors=["ftp://mirror.example"])
    assert shelf.asked() == []
