"""Uploads in parts that were broken off: the next process sends what is missing, and no more."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from csgrepo import Repository
from csgrepo.errors import HubHTTPError
from csgrepo.progress import Event
from csgrepo.server import Answer, Hub, Stall
from tests import small_parts
from tests.functional.jobs_clone import PATIENCE_S, kill, until
from tests.small_parts import PART, Place, content

PARTS = 40
CLOSED = Answer(400, body=b'{"msg":"the bucket is closed on Sundays"}')


@pytest.fixture(scope="module")
def small_hub() -> Iterator[Hub]:
    with small_parts.serving() as hub:
        yield hub


@pytest.fixture
def place(small_hub: Hub) -> Place:
    return small_parts.place(small_hub)


@pytest.fixture
def repo(place: Place, tmp_path: Path) -> Repository:
    return place.clone(tmp_path / "work")


def committed(repo: Repository, data: bytes, message: str = "Add weights") -> None:
    Path(repo.local_dir, "模型.bin").write_bytes(data)
    repo.lfs_track("*.bin")
    repo.git_add()
    repo.git_commit(message)


def records(repo: Repository) -> list[Path]:
    return list(Path(repo.local_dir, ".git", "csgrepo", "uploads").glob("*"))


def noted(repo: Repository) -> set[int]:
    """The parts that the clone knows to be on the server."""
    [record] = records(repo)
    return noted_whole(record)


def noted_whole(record: Path) -> set[int]:
    lines = [line for line in record.read_bytes().split(b"\n") if line.endswith(b"}")]
    return {json.loads(line)["part"] for line in lines[1:]}


def taken(place: Place) -> list[int]:
    """The parts that the hub has taken, in the order in which they came."""
    return [
        int(request.path.rpartition("/")[2])
        for request in place.hub.requests
        if request.method == "PUT" and f"/{place.name}/" in request.path and request.status == 200
    ]


def broken_off(repo: Repository, place: Place, part: int = 28) -> set[int]:
    """Push, which must fail at that part; return the parts that have arrived."""
    fault = place.hub.faults.add("PUT", f"/{place.name}/.*/{part}$", CLOSED, times=None)
    with pytest.raises(HubHTTPError, match="closed on Sundays"):
        repo.git_push()
    place.hub.faults.remove(fault)
    arrived = noted(repo)
    assert arrived == set(taken(place))
    assert part not in arrived
    place.hub.requests.clear()
    return arrived


def complete(repo: Repository, place: Place, data: bytes) -> bool:
    assert place.stored(data) == data
    assert place.tip() == repo.git_head_hash()
    assert not list(place.remote.objects.glob("uploads/*"))
    return records(repo) == []


def resume(repo: Repository, place: Place) -> None:
    """Open the clone as the next process does: that takes up what was interrupted."""
    again = Repository(repo.local_dir, endpoint=place.hub.url, token=place.token)
    [command] = again.command_queue
    assert command.wait(PATIENCE_S).status == 0
    with contextlib.suppress(ProcessLookupError):  # it has waited long enough
        kill(command, signal.SIGTERM)  # it would wait for more


def killed_while(repo: Repository, place: Place, condition: Callable[[], object]) -> None:
    """Push in the background, and kill the worker once something is so."""
    command = repo.git_push(blocking=False)[1]
    until(condition)
    kill(command)
    assert command.wait(PATIENCE_S).failed


def test_killed_after_part_27_of_40_only_the_rest_is_sent(place, repo):
    data = content(PARTS)
    committed(repo, data)
    hold = threading.Event()
    late = f"/{place.name}/.*/(2[89]|3[0-9]|40)$"
    fault = place.hub.faults.add("PUT", late, Stall(event=hold), times=None)
    killed_while(repo, place, lambda: fault.hits and len(records(repo)) and len(noted(repo)) == 27)
    [upload] = place.remote.objects.glob("uploads/*")
    assert sorted(taken(place)) == list(range(1, 28))
    hold.set()
    # What was held up goes on with what its client had sent: it may even be taken.
    until(lambda: place.asked("PUT", "/_parts/") == 27 + fault.hits, "what was held up to end")
    place.hub.faults.clear()
    place.hub.requests.clear()

    resume(repo, place)

    assert sorted(taken(place)) == list(range(28, 41))
    assert place.asked("POST", "/complete_multipart") == 1
    assert complete(repo, place, data)
    assert not upload.exists()


def test_killed_while_the_parts_are_put_together_nothing_is_sent_again(place, repo):
    data = content(12)
    committed(repo, data)
    hold = threading.Event()
    # The object is made, and nobody is there to hear of it.
    place.hub.faults.add("POST", "/complete_multipart", Stall(event=hold, on="response"))
    killed_while(repo, place, lambda: place.stored(data))
    hold.set()
    place.hub.requests.clear()

    resume(repo, place)

    assert taken(place) == []
    assert complete(repo, place, data)


def test_a_push_that_failed_is_gone_on_with_and_progress_adds_up(place, repo):
    data = content(PARTS)
    committed(repo, data)
    arrived = broken_off(repo, place)
    events: list[Event] = []
    stop = repo.reporter.listen(events.append)
    repo.git_push()
    stop()
    assert sorted([*taken(place), *arrived]) == list(range(1, PARTS + 1))
    assert place.asked("POST", "/objects/batch") == 2  # one to go on, one to confirm
    last = [event for event in events if event.phase == "upload"][-1]
    assert (last.state, last.done, last.total) == ("done", len(data), len(data))
    assert complete(repo, place, data)


def _drop_the_upload(repo: Repository, place: Place) -> None:
    for upload in place.remote.objects.glob("uploads/*"):
        shutil.rmtree(upload)


def _say_404(repo: Repository, place: Place) -> None:
    place.hub.faults.add("PUT", f"/{place.name}/", Answer(404, body=b"<Code>NoSuchUpload</Code>"))


def _rename_the_upload(repo: Repository, place: Place) -> None:
    [record] = records(repo)
    text = record.read_text().replace('"upload_id": "', '"upload_id": "99')
    record.write_text(text)


def _cut_otherwise(repo: Repository, place: Place) -> None:
    [record] = records(repo)
    record.write_text(record.read_text().replace(f'"part_bytes": {PART}', '"part_bytes": 9'))


def _spoil_the_record(repo: Repository, place: Place) -> None:
    [record] = records(repo)
    record.write_bytes(bytes(100))


@pytest.mark.parametrize(
    "lose", [_drop_the_upload, _say_404, _rename_the_upload, _cut_otherwise, _spoil_the_record]
)
def test_an_upload_that_cannot_be_gone_on_with_is_begun_anew(place, repo, lose):
    data = content(12)
    committed(repo, data)
    broken_off(repo, place, part=9)
    lose(repo, place)
    repo.git_push()
    assert set(taken(place)) == set(range(1, 13))
    assert place.stored(data) == data
    assert place.tip() == repo.git_head_hash()
    assert records(repo) == []


def test_a_record_torn_by_a_crash_costs_one_part(place, repo):
    data = content(12)
    committed(repo, data)
    arrived = broken_off(repo, place, part=9)
    [record] = records(repo)
    record.write_bytes(record.read_bytes()[:-5])
    torn = arrived - noted_whole(record)
    assert len(torn) == 1
    repo.git_push()
    assert set(taken(place)) == set(range(1, 13)) - arrived | torn
    assert complete(repo, place, data)


def test_a_record_holds_no_address_and_no_token(place, repo):
    committed(repo, content(12))
    broken_off(repo, place, part=9)
    [record] = records(repo)
    text = record.read_text()
    for secret in (place.token, "http", "ignature", "Authorization", "Bearer"):
        assert secret not in text


def test_what_another_clone_sent_meanwhile_is_not_sent_again(place, repo, tmp_path):
    data = content(12)
    committed(repo, data)
    broken_off(repo, place, part=9)
    other = place.clone(tmp_path / "other")
    committed(other, data, "Theirs")
    other.git_push(upstream="origin other")
    assert place.stored(data) == data
    place.hub.requests.clear()
    repo.git_push()
    assert taken(place) == []
    assert place.tip() == repo.git_head_hash()
    assert records(repo) == []


def test_disk_that_takes_no_record_is_no_reason_not_to_send(place, repo):
    data = content(12)
    committed(repo, data)
    folder = Path(repo.local_dir, ".git", "csgrepo")
    folder.mkdir(exist_ok=True)
    (folder / "uploads").write_text("in the way")
    repo.git_push()
    assert place.stored(data) == data
    assert place.tip() == repo.git_head_hash()
