"""Bytes that came wrong, were cut off or rotted on the disk never pass for the file."""

from __future__ import annotations

import contextlib
import hashlib
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from csgrepo import DigestMismatch, DiskFull, NotFound, file_download, snapshot_download
from csgrepo.download import fleet
from csgrepo.download import ranges as mover
from csgrepo.download.part import BLOCK
from csgrepo.http import Response
from csgrepo.progress import Event, listen
from csgrepo.server import Answer, Corrupt, Reset, Truncate
from csgrepo.server.http import downloads as hub_downloads
from tests.answering import answering, reply
from tests.functional.copies import noise
from tests.functional.disks import mounted
from tests.functional.downloads import LARGE, Shelf, bodies, sent_bytes, shelf

__all__ = ["shelf"]


def parts(cache: Path, suffix: str) -> list[Path]:
    return sorted(cache.rglob(f"parts/*{suffix}"))


@pytest.fixture(params=[False, True], ids=["git", "lfs"])
def content(shelf: Shelf, request: pytest.FixtureRequest) -> bytes:
    """A large file, `w.bin`, on the hub."""
    content = noise(LARGE)
    shelf.put({"w.bin": content}, lfs=request.param)
    return content


def interrupted(shelf: Shelf, cache: Path, after: int) -> None:
    """Begin a download that is cut off for good after so many bytes."""
    shelf.hub.faults.add("GET", shelf.body, Truncate(after))
    shelf.hub.faults.add("GET", shelf.body, Answer(404), times=None)
    with pytest.raises(NotFound):
        file_download(shelf.id, "w.bin", cache_dir=cache)
    shelf.hub.faults.clear()
    shelf.asked(files=1)


def test_flipped_byte_on_the_wire_is_found_and_mended(shelf: Shelf, content: bytes) -> None:
    fault = shelf.hub.faults.add("GET", shelf.body, Corrupt(LARGE // 2))

    path = file_download(shelf.id, "w.bin")

    assert fault.hits == 1
    assert Path(path).read_bytes() == content


def test_flipped_byte_in_a_small_file_is_found_and_mended(shelf: Shelf) -> None:
    shelf.put({"s.txt": b"small file"})
    fault = shelf.hub.faults.add("GET", shelf.body, Corrupt(3))

    assert Path(file_download(shelf.id, "s.txt")).read_bytes() == b"small file"
    assert fault.hits == 1


@pytest.mark.parametrize("size", [10, LARGE])
def test_bytes_that_are_always_wrong_never_appear(shelf: Shelf, tmp_path: Path, size) -> None:
    shelf.put({"w.bin": noise(size)}, lfs=True)
    shelf.hub.faults.add("GET", shelf.body, Corrupt(5), times=None)
    cache = tmp_path / "cache"

    with pytest.raises(DigestMismatch, match=r"w\.bin"):
        snapshot_download(shelf.id, cache_dir=cache)

    assert not list(cache.rglob("w.bin"))
    assert not parts(cache, ".part")
    assert all(path.stat().st_size != size for path in cache.rglob("blobs/*"))


def test_interrupted_file_goes_on_where_it_was(shelf: Shelf, tmp_path: Path, content) -> None:
    interrupted(shelf, tmp_path / "cache", 5 * BLOCK + 100)

    path = file_download(shelf.id, "w.bin", cache_dir=tmp_path / "cache")

    assert Path(path).read_bytes() == content
    assert sent_bytes(shelf.asked(size=LARGE - 5 * BLOCK)) == LARGE - 5 * BLOCK


def test_byte_that_rotted_in_a_part_costs_its_block_only(shelf: Shelf, tmp_path, content) -> None:
    cache = tmp_path / "cache"
    interrupted(shelf, cache, 8 * BLOCK)
    (part,) = parts(cache, ".part")
    with part.open("r+b") as file:
        file.seek(2 * BLOCK + 7)
        file.write(bytes([content[2 * BLOCK + 7] ^ 1]))

    path = file_download(shelf.id, "w.bin", cache_dir=cache)

    assert Path(path).read_bytes() == content
    assert sent_bytes(shelf.asked(size=LARGE - 7 * BLOCK)) == LARGE - 7 * BLOCK


def rotting(part: Path, at: int, when: int) -> Callable[[Event], None]:
    """Flip a byte on the disk once so many bytes are there."""
    left = [when]

    def rot(event: Event) -> None:
        if left and event.done >= left[0]:
            left.clear()
            with part.open("r+b") as file:
                file.seek(at)
                (byte,) = file.read(1)
                file.seek(at)
                file.write(bytes([byte ^ 1]))

    return rot


def test_byte_that_rots_while_the_rest_comes_costs_its_block_only(shelf, tmp_path, content) -> None:
    cache = tmp_path / "cache"
    interrupted(shelf, cache, 8 * BLOCK)
    (part,), (records,) = parts(cache, ".part"), parts(cache, ".blocks")
    known = records.read_bytes()
    header = known.index(b"\n") + 1
    records.write_bytes(known[:header] + known[header + 12 :])  # the first block is to come again

    # What the disk has is told before the first byte comes, and nothing can be hashed till then.
    with contextlib.ExitStack() as until_it_came:
        until_it_came.callback(listen(rotting(part, 5 * BLOCK + 7, 7 * BLOCK)))
        path = file_download(shelf.id, "w.bin", cache_dir=cache)

    assert Path(path).read_bytes() == content
    expected = LARGE - 7 * BLOCK + BLOCK
    assert sent_bytes(shelf.asked(size=expected)) == expected


RANGE = 32 * BLOCK  # what is fetched again at once


@pytest.fixture
def ranges(shelf: Shelf) -> bytes:
    """A file of four such ranges, `w.bin`, on the hub."""
    content = noise(4 * RANGE)
    shelf.put({"w.bin": content}, lfs=True)
    return content


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The bytes that were taken off the wire; what the hub sent may still be in the sockets."""
    taken: list[int] = []
    pieces = Response.pieces

    def counted(response: Response) -> Iterator[bytes]:
        for piece in pieces(response):
            taken.append(len(piece))
            yield piece

    monkeypatch.setattr(Response, "pieces", counted)
    return taken


def test_flipped_byte_on_the_wire_costs_its_range_where_the_server_tells_digests(
    shelf: Shelf, ranges: bytes, read: list[int]
) -> None:
    shelf.hub.faults.add("GET", shelf.body, Corrupt(2 * RANGE + 5))

    path = file_download(shelf.id, "w.bin")

    assert Path(path).read_bytes() == ranges
    assert sum(read) - len(ranges) == RANGE


def test_flipped_byte_on_the_wire_costs_the_ranges_up_to_it_where_it_tells_none(
    shelf: Shelf, ranges: bytes, read: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_downloads, "_WANTED_DIGEST", re.compile("(?!)"))
    shelf.hub.faults.add("GET", shelf.body, Corrupt(RANGE + 5))

    path = file_download(shelf.id, "w.bin")

    assert Path(path).read_bytes() == ranges
    assert sum(read) - len(ranges) == 2 * RANGE


def test_file_that_the_server_itself_has_wrong_is_not_fetched_twice(
    shelf: Shelf, ranges: bytes, read: list[int]
) -> None:
    (stored,) = (
        path
        for path in shelf.hub.root.glob("lfs/*/*/*/*")
        if path.stat().st_size == len(ranges) and path.read_bytes() == ranges
    )
    with stored.open("r+b") as file:
        file.seek(RANGE)
        file.write(bytes([ranges[RANGE] ^ 1]))

    with pytest.raises(DigestMismatch):
        file_download(shelf.id, "w.bin")

    assert sum(read) == len(ranges)


@pytest.mark.parametrize("harm", ["empty part", "no part", "no records", "torn record", "junk"])
def test_part_in_any_state_is_recovered_from(shelf: Shelf, tmp_path, content, harm) -> None:
    cache = tmp_path / "cache"
    interrupted(shelf, cache, 6 * BLOCK)
    (part,), (records,) = parts(cache, ".part"), parts(cache, ".blocks")
    if harm == "empty part":
        part.write_bytes(b"")
    elif harm == "no part":
        part.unlink()
    elif harm == "no records":
        records.unlink()
    elif harm == "torn record":
        records.write_bytes(records.read_bytes()[:-5])
    else:
        records.write_bytes(records.read_bytes() + b"\xff" * 12)

    path = file_download(shelf.id, "w.bin", cache_dir=cache)

    assert Path(path).read_bytes() == content
    assert not parts(cache, ".part")
    assert not parts(cache, ".blocks")


@pytest.mark.parametrize(
    "effect",
    [Reset("response", 70_000), Truncate(2 * BLOCK + 1), Answer(503, {"Retry-After": "0"})],
)
def test_passing_trouble_is_not_noticed_by_the_caller(shelf: Shelf, content, effect) -> None:
    fault = shelf.hub.faults.add("GET", shelf.body, effect, times=2)

    assert Path(file_download(shelf.id, "w.bin")).read_bytes() == content
    assert fault.hits == 2


@pytest.mark.parametrize("status", [401, 403, 404])
def test_refusal_of_a_body_is_asked_once(shelf: Shelf, content, status) -> None:
    fault = shelf.hub.faults.add("GET", shelf.body, Answer(status), times=None)

    with pytest.raises(OSError, match=str(status)):
        snapshot_download(shelf.id, allow_patterns="w.bin")

    assert fault.hits == 1


def test_one_bad_file_does_not_keep_the_others_away(shelf: Shelf) -> None:
    shelf.put({f"{n}.txt": str(n).encode() for n in range(6)})
    shelf.hub.faults.add("GET", rf"/{shelf.name}/resolve/.*/3\.txt", Answer(404), times=None)
    with pytest.raises(OSError, match=r"3\.txt"):
        snapshot_download(shelf.id, allow_patterns="*.txt")
    shelf.hub.faults.clear()
    shelf.asked(files=5)

    snapshot_download(shelf.id, allow_patterns="*.txt")

    assert [Path(request.path).name for request in bodies(shelf.asked(files=1))] == ["3.txt"]


def test_disk_is_asked_for_room_before_anything_is_fetched(shelf: Shelf, tmp_path) -> None:
    shelf.put({"w.bin": noise(LARGE), "x.bin": noise(LARGE)}, lfs=True)
    with mounted(tmp_path / "disk", "size=4m") as disk:
        with pytest.raises(DiskFull, match="bytes are to come"):
            snapshot_download(shelf.id, cache_dir=disk)
        assert bodies(shelf.asked()) == []


KILLED = """\
import os, sys, threading
from csgrepo import file_download
from csgrepo.progress import listen

stop_at = int(sys.argv[2])

def end(event):
    if event.done >= stop_at and event.state == "running":
        os._exit(9)

if stop_at:
    listen(end)
print(file_download(sys.argv[1], "w.bin", cache_dir=sys.argv[3]))
"""


def test_killed_again_and_again_costs_little_more_than_the_file(shelf: Shelf, tmp_path) -> None:
    size = 16 * BLOCK + 5
    content = noise(size)
    shelf.put({"w.bin": content}, lfs=True)

    def run(stop_at: int) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", KILLED, shelf.id, str(stop_at), str(tmp_path / "cache")],
            capture_output=True,
            text=True,
            check=False,
        )

    for stop_at in (BLOCK, 6 * BLOCK, 11 * BLOCK):
        assert run(stop_at).returncode == 9
        assert not list((tmp_path / "cache").rglob("w.bin"))
    done = run(0)

    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).read_bytes() == content


def test_many_processes_at_once_fetch_a_file_once(shelf: Shelf, tmp_path, content) -> None:
    command = [sys.executable, "-c", KILLED, shelf.id, "0", str(tmp_path / "cache")]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    said = [process.communicate()[0].strip() for process in running]

    assert [process.returncode for process in running] == [0, 0, 0]
    assert len(set(said)) == 1
    assert Path(said[0]).read_bytes() == content
    assert sent_bytes(shelf.asked(size=LARGE)) == LARGE


def test_system_without_positioned_writes_gets_every_byte(shelf, content, monkeypatch) -> None:
    """Windows has none: the blocks of all threads go through one position."""
    monkeypatch.delattr("os.pwrite")
    monkeypatch.delattr("os.pread")

    assert Path(file_download(shelf.id, "w.bin")).read_bytes() == content


def test_server_that_knows_no_ranges_sends_the_file_few_times(tmp_path, monkeypatch) -> None:
    content = noise(LARGE)  # thirteen blocks
    monkeypatch.setattr(mover, "_BLOCKS_PER_RANGE", 1)
    monkeypatch.setattr(fleet, "_MOST_RANGES", 2)
    blob = hashlib.sha1(b"blob %d\0" % LARGE + content).hexdigest()
    with answering() as server:
        server.default = reply(200, content, ETag=f'"{blob}"')

        path = file_download(
            "wanda/bert", "w.bin", revision="c0ffee" + "0" * 34, endpoint=server.url, token=False
        )

        assert Path(path).read_bytes() == content
        # The description, one or two ranges on each of two connections, and then all of it.
        assert len(server.asked) <= 6
