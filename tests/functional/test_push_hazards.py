"""Pushes to a hub that has a bad day: gone on with or a typed error, never a false success."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from csgrepo import Repository
from csgrepo.errors import (
    CsgRepoError,
    HubHTTPError,
    HubUnreachable,
    PushRejected,
    RateLimited,
    RemoteUnreachable,
)
from csgrepo.server import Answer, Fault, Hub, Reset, Stall, Swallow, Truncate
from tests import small_parts
from tests.functional.jobs_clone import PATIENCE_S, send_home, until
from tests.ports import steady_port
from tests.small_parts import PART, Place, content
from tests.stock import StockGit

BATCH = ("POST", "/objects/batch$")
PART_3 = ("PUT", "/_parts/.*/3$")
COMPLETION = ("POST", "/complete_multipart$")
VERIFY = ("POST", "/info/lfs/verify$")
STEPS = {"batch": BATCH, "part": PART_3, "completion": COMPLETION, "verify": VERIFY}


@pytest.fixture(scope="module")
def small_hub() -> Iterator[Hub]:
    with small_parts.serving() as hub:
        yield hub


@pytest.fixture
def place(small_hub: Hub) -> Iterator[Place]:
    yield small_parts.place(small_hub)
    small_hub.faults.clear()


@pytest.fixture
def data() -> bytes:
    return content(5)


@pytest.fixture
def repo(place: Place, data: bytes, tmp_path: Path) -> Repository:
    repo = place.clone(tmp_path / "work")
    Path(repo.local_dir, "权重 final.bin").write_bytes(data)
    repo.lfs_track("*.bin")
    repo.git_add()
    repo.git_commit("Add weights")
    return repo


def strike(place: Place, step: str, effect: object, *, times: int | None = 1) -> Fault:
    method, path = STEPS[step]
    return place.hub.faults.add(method, path, effect, times=times)


def arrived(place: Place, repo: Repository, data: bytes) -> bool:
    return place.stored(data) == data and place.tip() == repo.git_head_hash()


PASSING = [
    *[(step, Answer(429, {"Retry-After": "0"})) for step in STEPS],
    ("part", Answer(503)),
    *[(step, Reset(on="request")) for step in STEPS],
    *[(step, Reset(on="response")) for step in STEPS],
    ("part", Answer(500, body=b"<Error><Code>InternalError</Code></Error>")),
    ("part", Reset(on="request", after=PART // 2)),
    ("completion", Answer(500)),
    ("completion", Swallow()),  # says that it is done, and has done nothing
]


def _said(value: object) -> str:
    return value if isinstance(value, str) else type(value).__name__


@pytest.mark.parametrize(("step", "effect"), PASSING, ids=_said)
def test_what_passes_is_survived(place, repo, data, step, effect):
    fault = strike(place, step, effect)
    repo.git_push()
    assert fault.hits == 1
    assert arrived(place, repo, data)
    sent = sum(
        request.body_bytes_received
        for request in place.hub.requests
        if request.method == "PUT" and f"/{place.name}/" in request.path
    )
    assert sent <= len(data) + (len(data) if isinstance(effect, Swallow) else PART)


@pytest.mark.parametrize("step", ["batch", "part", "verify"])
def test_an_answer_that_stalls_is_given_up_and_asked_for_again(
    place, repo, data, step, monkeypatch
):
    monkeypatch.setenv("CSGHUB_STALL_TIMEOUT", "2")
    hold = threading.Event()
    fault = strike(place, step, Stall(event=hold))
    events = []
    stop = repo.reporter.listen(events.append)
    try:
        repo.git_push()
    finally:
        hold.set()
        stop()
    assert fault.hits == 1
    assert arrived(place, repo, data)
    if step == "part":
        notes = [event.note for event in events if event.state == "retrying"]
        assert any("silence" in note for note in notes), notes


def test_an_answer_cut_short_is_never_taken_for_a_whole_one(place, repo, data):
    strike(place, "batch", Truncate(after=100))
    try:
        repo.git_push()
    except CsgRepoError:
        assert place.tip() != repo.git_head_hash()
        repo.git_push()
    assert arrived(place, repo, data)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
@pytest.mark.parametrize("step", ["batch", "part"])
def test_what_does_not_pass_fails_at_once_and_nothing_refers_to_it(place, repo, data, step, status):
    before = place.tip()
    fault = strike(place, step, Answer(status, body=b'{"msg":"no"}'), times=None)
    with pytest.raises(CsgRepoError):
        repo.git_push()
    # The addresses of parts expire, which is 403: they are asked for anew, once.
    assert fault.hits == (2 if (step, status) == ("part", 403) else 1)
    assert place.tip() == before
    place.hub.faults.clear()
    repo.git_push()
    assert arrived(place, repo, data)


LASTING = [
    ("batch", Answer(500, body=b"broken"), HubHTTPError),
    ("batch", Answer(429, {"Retry-After": "100000"}), RateLimited),
    ("part", Answer(503, {"Retry-After": "100000"}), HubHTTPError),
    ("verify", Answer(400, body=b'{"msg":"size differs"}'), CsgRepoError),
    ("completion", Reset(on="request"), HubUnreachable),
    ("completion", Swallow(), CsgRepoError),
]


@pytest.mark.parametrize(("step", "effect", "kind"), LASTING, ids=_said)
def test_what_lasts_is_a_typed_error_and_the_next_push_goes_on(
    place, repo, data, step, effect, kind
):
    before = place.tip()
    strike(place, step, effect, times=None)
    with pytest.raises(kind):
        repo.git_push()
    assert place.tip() == before
    place.hub.faults.clear()
    repo.git_push()
    assert arrived(place, repo, data)


def test_what_could_not_be_verified_is_verified_by_the_next_push_and_not_sent_again(
    place, repo, data
):
    strike(place, "verify", Answer(500), times=None)
    with pytest.raises(HubHTTPError):
        repo.git_push()
    place.hub.faults.clear()
    place.hub.requests.clear()
    repo.git_push()
    assert place.asked("PUT", "/_parts/") == 0
    assert arrived(place, repo, data)


def test_what_is_lost_after_it_was_confirmed_is_sent_once_more(place, repo, data):
    # The hub says of the parts and of the object that it has them, and drops them.
    strike(place, "completion", Swallow())
    strike(place, "verify", Swallow(body=b"null"))
    repo.git_push()
    assert arrived(place, repo, data)
    assert repo.verify()


@pytest.mark.parametrize("branch", ["main", "run-7"])
def test_what_a_push_without_lfs_has_left_behind_is_sent_by_the_next(
    bare_remote, data, tmp_path, branch
):
    remote = bare_remote()
    folder = tmp_path / "clone"
    repo = Repository(folder, clone_from=remote.url)
    repo.lfs_track("*.bin")
    (folder / "w.bin").write_bytes(data)
    repo.git_add()
    repo.git_commit("Add weights")
    StockGit(folder)("push", "--quiet", "--no-verify", "origin", "main")
    repo.git_checkout(branch, create_branch_ok=True)
    assert not repo.verify()
    (folder / "notes.txt").write_text("notes")
    repo.push_to_hub("Add notes")
    assert repo.verify()
    Repository(tmp_path / "other", clone_from=remote.url, revision=branch)
    assert (tmp_path / "other" / "w.bin").read_bytes() == data


def test_what_an_own_push_has_brought_is_not_asked_for_again(place, repo):
    repo.git_push()
    place.hub.requests.clear()
    Path(repo.local_dir, "notes.txt").write_text("notes")
    repo.push_to_hub("Add notes")
    assert place.asked(*BATCH) == 0


def test_what_is_lost_again_and_again_is_no_success(place, repo, data):
    before = place.tip()
    strike(place, "completion", Swallow(), times=None)
    strike(place, "verify", Swallow(body=b"null"), times=None)
    with pytest.raises(PushRejected, match="not found"):
        repo.git_push()
    assert place.tip() == before
    place.hub.faults.clear()
    repo.git_push()
    assert arrived(place, repo, data)


def test_hub_that_goes_away_and_comes_back_is_waited_for_in_the_background(tmp_path, data):
    port = steady_port()
    with small_parts.serving(tmp_path / "hub", port) as hub:
        place = small_parts.place(hub)
        repo = place.clone(tmp_path / "work")
        Path(repo.local_dir, "a.bin").write_bytes(data)
        repo.lfs_track("*.bin")
        repo.git_add()
        repo.git_commit("Add weights")
        hold = threading.Event()
        fault = hub.faults.add("PUT", "/_parts/.*/3$", Stall(event=hold))
        command = repo.git_push(blocking=False)[1]
        until(lambda: fault.hits, "the push to be under way")
        hub.stop()
        hold.set()
    until(lambda: command.progress.tries, "the push to find nobody there")
    with small_parts.serving(tmp_path / "hub", port) as hub:
        assert command.wait(PATIENCE_S).status == 0, command.stderr
        again = Place(hub, place.name, place.token)
        assert arrived(again, repo, data)
    send_home(command)


def test_hub_that_is_away_is_reported_promptly_to_who_waits(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    with small_parts.serving(port=steady_port()) as hub:
        repo = small_parts.place(hub).clone(tmp_path / "work")
        Path(repo.local_dir, "a.txt").write_text("a")
        repo.git_add()
        repo.git_commit("Add")
    with pytest.raises(RemoteUnreachable, match="Check the address"):
        repo.git_push()
    assert "trying again" not in caplog.text
