"""The embedded hub's faults, seen from the client's side."""

from __future__ import annotations

import hashlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait

import pytest
import requests

from csgrepo.server import Answer, Corrupt, Hub, Reset, Stall, Truncate
from tests.conftest import Account
from tests.functional.jobs_clone import until

README = b"\n---\nlicense: mit\n---\n\t"


@pytest.fixture
def file(hub: Hub, account: Account) -> str:
    """The address of a file, in a repository of this test's own."""
    headers = {"Authorization": f"Bearer {account.token}"}
    body = {"name": "spoiled", "license": "mit"}
    made = requests.post(f"{hub.url}/api/v1/models", json=body, headers=headers, timeout=30)
    assert made.status_code == 200
    return f"{hub.url}/csg/{account.name}/spoiled/resolve/main/README.md"


@pytest.fixture
def mine(account: Account) -> str:
    return f"/{account.name}/spoiled/"


def test_an_answer_comes_so_many_times_and_then_the_real_one(hub, file, mine):
    fault = hub.faults.add("GET", mine, Answer(429, {"Retry-After": "7"}, b"slow"), times=2)
    answers = [requests.get(file, timeout=60) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [429, 429, 200]
    assert (answers[0].headers["Retry-After"], answers[0].content) == ("7", b"slow")
    assert answers[2].content == README
    assert fault.hits == 2
    assert hub.requests.wait_for("GET", mine).status == 429


def test_others_and_later_requests_are_not_struck(hub, file, mine):
    hub.faults.add("PUT", mine, Answer(500))
    hub.faults.add("GET", "/somebody/else/", Answer(500))
    fault = hub.faults.add("GET", mine, Answer(503), skip=1, times=None)
    assert [requests.get(file, timeout=60).status_code for _ in range(3)] == [200, 503, 503]
    hub.faults.remove(fault)
    assert requests.get(file, timeout=60).status_code == 200


@pytest.mark.parametrize("after", [0, 5])
def test_a_reset_answer_is_lost_or_cut(hub, file, mine, after):
    hub.faults.add("GET", mine, Reset(after=after))
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        requests.get(file, timeout=60)
    seen = hub.requests.wait_for("GET", mine)
    assert (seen.status, seen.body_bytes_sent) == ((200, 5) if after else (0, 0))
    assert requests.get(file, timeout=60).content == README


def upload(hub: Hub, account: Account, content: bytes) -> tuple[str, dict[str, str]]:
    oid = hashlib.sha256(content).hexdigest()
    base = f"{hub.url}/models/{account.name}/spoiled.git/info/lfs/objects"
    return f"{base}/{oid}/{len(content)}", {"Authorization": f"Bearer {account.token}"}


def test_a_reset_request_is_not_carried_out_but_a_lost_answer_is(hub, account, file):
    content = bytes(3_000_000)
    url, headers = upload(hub, account, content)
    stored = hub.lfs_path(f"{account.name}/spoiled", hashlib.sha256(content).hexdigest())
    pattern = f"/{account.name}/spoiled.git/"
    hub.faults.add("PUT", pattern, Reset(on="request", after=1_000_000))
    with pytest.raises(requests.ConnectionError):
        requests.put(url, data=content, headers=headers, timeout=60)
    assert hub.requests.wait_for("PUT", pattern).status == 0
    assert not stored.exists()
    hub.faults.add("PUT", pattern, Reset(on="response"))
    with pytest.raises(requests.ConnectionError):
        requests.put(url, data=content, headers=headers, timeout=60)
    assert stored.read_bytes() == content


def test_a_truncated_body_is_announced_whole(hub, file, mine):
    hub.faults.add("GET", mine, Truncate(7))
    with requests.get(file, stream=True, timeout=60) as answer:
        assert answer.headers["Content-Length"] == str(len(README))
        assert answer.raw.read(7) == README[:7]
        with pytest.raises(Exception, match=r"[Ii]ncomplete"):
            answer.raw.read()


def test_a_truncation_is_no_failure_of_the_hub(hub, file, mine, caplog):
    hub.faults.add("GET", mine, Truncate(7))
    with requests.get(file, stream=True, timeout=60) as answer:
        assert answer.raw.read(7) == README[:7]
    hub.requests.wait_for("GET", mine)
    assert requests.get(file, timeout=60).content == README
    assert not [record for record in caplog.records if record.exc_info]


def test_a_corrupt_body_differs_in_one_bit(hub, file, mine):
    hub.faults.add("GET", mine, Corrupt(3))
    content = requests.get(file, timeout=60).content
    assert len(content) == len(README)
    assert [at for at, (a, b) in enumerate(zip(content, README, strict=True)) if a != b] == [3]


@pytest.mark.parametrize("stall", [("request", 0), ("response", 0), ("response", 4)])
def test_a_stall_ends_with_its_event(hub, file, mine, stall):
    on, after = stall
    event = threading.Event()
    hub.faults.add("GET", mine, Stall(event=event, on=on, after=after))
    arrived: list[bytes] = []

    def read() -> None:
        with requests.get(file, stream=True, timeout=60) as answer:
            if after:
                arrived.append(answer.raw.read(after))
            arrived.append(answer.raw.read())

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read)
        try:
            until(lambda: len(arrived) == bool(after))
            assert wait([reading], 0.3).not_done
            assert arrived == ([README[:after]] if after else [])
        finally:
            event.set()
        reading.result(60)
    assert b"".join(arrived) == README


def test_a_stall_of_seconds_ends_by_itself(hub, file, mine):
    hub.faults.add("GET", mine, Stall(seconds=0.2))
    began = time.monotonic()
    assert requests.get(file, timeout=60).content == README
    assert time.monotonic() - began >= 0.2


def test_a_stalled_hub_stops_all_the_same():
    with Hub() as hub:
        fault = hub.faults.add("*", ".", Stall(), times=None)
        with pytest.raises(requests.exceptions.ReadTimeout):
            requests.get(f"{hub.url}/healthz", timeout=0.2)
        with ThreadPoolExecutor(1) as pool:
            client = pool.submit(requests.get, f"{hub.url}/healthz", timeout=60)
            until(lambda: fault.hits == 2)
            hub.stop()  # the stall has no end
            assert isinstance(client.exception(60), requests.exceptions.ConnectionError)


def test_signed_downloads_of_a_repository_can_be_struck(hub, account, file, mine):
    content = b"x" * 5000
    url, headers = upload(hub, account, content)
    assert requests.put(url, data=content, headers=headers, timeout=60).status_code == 200
    oid = hashlib.sha256(content).hexdigest()
    said = {"operation": "download", "objects": [{"oid": oid, "size": 5000}]}
    batch = url.rpartition("/objects/")[0] + "/objects/batch"
    found = requests.post(batch, json=said, timeout=60).json()["objects"][0]
    hub.faults.add("GET", f"^/_objects/models{mine}", Corrupt(4999))
    spoiled = requests.get(found["actions"]["download"]["href"], timeout=60).content
    assert (spoiled[:-1], len(spoiled)) == (content[:-1], 5000)
    assert spoiled != content
