"""Uploads that were begun: what is kept of them, and what is made of damaged files."""

from __future__ import annotations

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from csgrepo.lfs.parts import Plan
from csgrepo.lfs.pointer import Pointer
from csgrepo.lfs.unfinished import Unfinished

POINTER = Pointer("ab" * 32, 250)
HEAD = {"v": 1, "upload_id": "u-1", "part_bytes": 100}


def plan(upload_id: str = "u-1", parts: int = 3, chunk: int = 100) -> Plan:
    pointer = Pointer(POINTER.oid, (parts - 1) * chunk + 50)
    urls = {str(n): f"https://store/{n}?X-Amz-Signature=f00d" for n in range(1, parts + 1)}
    href = f"https://hub/complete?signature=beef&uploadId={upload_id}"
    return Plan.read(pointer, {"href": href, "header": {"chunk_size": str(chunk), **urls}})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "uploads").mkdir()
    return tmp_path / "uploads"


def kept(folder: Path) -> Path:
    [path] = folder.iterdir()
    return path


def test_what_was_added_is_found_by_another_process(folder):
    record = Unfinished(folder / "new", "https://hub/lfs").begin(plan())
    record.add(3, '"c"')
    record.add(1, 'W/"a"')
    found = Unfinished(folder / "new", "https://hub/lfs").find(POINTER)
    assert found is not None
    assert (found.upload_id, found.etags) == ("u-1", {1: 'W/"a"', 3: '"c"'})
    assert found.fits(plan())
    assert not found.fits(plan("u-2"))
    assert not found.fits(plan(chunk=60))
    text = kept(folder / "new").read_text()
    assert not [word for word in ("https", "f00d", "beef") if word in text]


def test_servers_and_objects_are_kept_apart(folder):
    mine, other = (Unfinished(folder, f"https://{host}/lfs") for host in ("a", "b"))
    mine.begin(plan())
    assert mine.oids() == {POINTER.oid}
    assert other.oids() == set()
    assert other.find(POINTER) is None
    assert mine.find(Pointer("cd" * 32, 250)) is None


def test_what_is_forgotten_leaves_nothing(folder):
    unfinished = Unfinished(folder, "s")
    unfinished.begin(plan()).forget()
    assert list(folder.iterdir()) == []
    again = unfinished.begin(plan())
    kept(folder).unlink()  # another process completed it
    again.add(1, '"a"')
    again.add(2, '"b"')
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("begun", [plan(parts=1), plan(upload_id="")])
def test_nothing_is_kept_where_nothing_could_be_gone_on_with(folder, begun):
    Unfinished(folder, "s").begin(begun).add(1, '"a"')
    assert list(folder.iterdir()) == []


def test_without_a_folder_nothing_is_kept():
    unfinished = Unfinished(None, "s")
    record = unfinished.begin(plan())
    record.add(1, '"a"')
    assert record.etags == {1: '"a"'}
    assert (unfinished.find(POINTER), unfinished.oids()) == (None, set())


@pytest.mark.parametrize(
    "head",
    [
        {},
        {**HEAD, "v": 2},
        {**HEAD, "upload_id": ""},
        {**HEAD, "upload_id": 5},
        {**HEAD, "upload_id": "a\nb"},
        {**HEAD, "part_bytes": 0},
        {**HEAD, "part_bytes": "100"},
        [],
        "text",
    ],
)
def test_a_file_that_makes_no_sense_is_removed(folder, head):
    unfinished = Unfinished(folder, "s")
    unfinished.begin(plan())
    kept(folder).write_text(json.dumps(head))
    assert unfinished.find(POINTER) is None
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    "line",
    [
        b'{"part": 2, "et',
        b"\0\0\0\0",
        b'{"part": "2", "etag": "x"}',
        b'{"part": 2, "etag": "a b"}',
        b"[]",
        b"[" * 100_000,
    ],
)
def test_a_line_that_makes_no_sense_spoils_no_other(folder, line):
    unfinished = Unfinished(folder, "s")
    unfinished.begin(plan()).add(1, '"a"')
    with kept(folder).open("ab") as stream:
        stream.write(b"\n" + line)
    found = unfinished.find(POINTER)
    assert found is not None
    found.add(3, '"c"')
    again = unfinished.find(POINTER)
    assert again is not None
    assert again.etags == {1: '"a"', 3: '"c"'}


def test_of_two_that_begin_at_once_one_keeps_the_file(folder):
    records = [Unfinished(folder, "s").begin(plan(parts=200)) for _ in range(2)]
    with ThreadPoolExecutor(4) as pool:
        for number in range(1, 201):
            pool.submit(records[number % 2].add, number, f'"{number}"')
    found = Unfinished(folder, "s").find(POINTER)
    assert found is not None
    assert sorted(found.etags) == [n for n in range(1, 201) if n % 2 == 0]


def test_uploads_that_no_server_remembers_are_removed(folder):
    unfinished = Unfinished(folder, "s")
    unfinished.begin(plan())
    long_ago = time.time() - 15 * 24 * 3600
    os.utime(kept(folder), (long_ago, long_ago))
    assert unfinished.oids() == set()
    assert list(folder.iterdir()) == []
