"""Addresses that a server gave for a while, and the while is over: fresh ones are asked for."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from csgrepo.errors import HubHTTPError, LfsError
from csgrepo.http import Http
from csgrepo.lfs.batch import HttpServer
from csgrepo.lfs.pointer import Pointer
from csgrepo.lfs.reply import Reply
from csgrepo.server import Answer
from tests import small_parts
from tests.answering import AnsweringServer, Handler, answering, reply, serving, then_hang_up

DATA = os.urandom(3 * 2**20)
POINTER = Pointer(hashlib.sha256(DATA).hexdigest(), len(DATA))
EXPIRED = reply(403, b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message>")


class Store:
    """An LFS server whose addresses are signed, and counted.

    Attributes:
        refused: the numbers of the addresses that have expired.
        ends: what is said of the end of each address, by its number.
        verify_ends: what is said instead of the end of a verification.
        signed: whether they say so in a query.
        there: whether the object is known already, by the number of the question.
    """

    def __init__(self, server: AnsweringServer) -> None:
        self.server = server
        self.refused: set[int] = set()
        self.ends: dict[int, dict[str, object]] = {}
        self.verify_ends: dict[int, dict[str, object]] = {}
        self.signed = True
        self.there: set[int] = set()
        self.errors: set[int] = set()
        self.questions = 0
        server.default = self._answer

    def _answer(self, handler: Handler) -> None:
        if handler.path.endswith("/objects/batch"):
            self._offer(handler)
        elif int(re.findall(r"[0-9]+", handler.path)[0]) in self.refused:
            EXPIRED(handler)
        elif handler.command == "GET":
            serving(DATA)(handler)
        else:
            reply(200)(handler)

    def _offer(self, handler: Handler) -> None:
        self.questions += 1
        number = self.questions
        asked = json.loads(self.server.asked[-1].body)
        entry: dict[str, object] = {"oid": POINTER.oid, "size": POINTER.size}
        if number in self.errors:
            entry["error"] = {"code": 422, "message": "too late"}
        elif number not in self.there:
            end = self.ends.get(number, {})
            query = "?X-Amz-Signature=f00dfeed77" if self.signed else ""
            names = ("upload", "verify") if asked["operation"] == "upload" else ("download",)
            entry["actions"] = {
                name: {"href": f"{self.server.url}/{name}/{number}{query}", **end} for name in names
            }
            entry["actions"].get("verify", {}).update(self.verify_ends.get(number, {}))
        reply(200, {"transfer": "basic", "objects": [entry]})(handler)

    def asked(self) -> list[str]:
        """What was asked of the addresses, as ``upload/1``."""
        asked = [entry.path.partition("?")[0].strip("/") for entry in self.server.asked]
        return [path for path in asked if "batch" not in path]


@pytest.fixture
def store() -> Iterator[Store]:
    with answering() as server:
        yield Store(server)


@pytest.fixture
def remote(store: Store) -> Iterator[HttpServer]:
    with Http(retries=1, backoff_s=0) as http:
        yield HttpServer(store.server.url, http, lambda url: {})


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "object"
    path.write_bytes(DATA)
    return path


def sent(remote: HttpServer, source: Path) -> tuple[list[int], list[str]]:
    counts: list[int] = []
    retries: list[str] = []
    remote.lacking([POINTER])[POINTER](source, counts.append, retries.append)
    return counts, retries


def fetched(remote: HttpServer) -> tuple[bytes, list[int]]:
    target, counts = io.BytesIO(), []
    fetch = remote.offered([POINTER])[POINTER]
    assert not isinstance(fetch, LfsError)
    oid, size = fetch(target, counts.append)
    assert (oid, size) == (POINTER.oid, POINTER.size)
    return target.getvalue(), counts


def past(seconds: float) -> str:
    return (datetime.now(timezone.utc) - timedelta(seconds=seconds)).isoformat()


# -- uploads ---------------------------------------------------------------------------------------


def test_an_address_that_expired_in_the_queue_is_renewed_once(store, remote, source):
    store.refused = {1}
    counts, retries = sent(remote, source)
    assert store.asked() == ["upload/1", "upload/2", "verify/2"]
    assert sum(counts) == len(DATA)
    assert len(retries) == 1
    assert "f00dfeed77" not in retries[0]
    assert [e.body for e in store.server.asked if e.path.startswith("/upload/2")] == [DATA]


def test_a_refusal_of_the_fresh_address_too_is_the_answer(store, remote, source):
    store.refused = {1, 2}
    with pytest.raises(HubHTTPError, match="Request has expired") as caught:
        sent(remote, source)
    assert store.asked() == ["upload/1", "upload/2"]
    assert "f00dfeed77" not in str(caught.value)


def test_a_refusal_of_an_address_that_cannot_expire_is_final_at_once(store, remote, source):
    store.signed = False
    store.refused = {1}
    with pytest.raises(HubHTTPError):
        sent(remote, source)
    assert store.asked() == ["upload/1"]


@pytest.mark.parametrize("end", [{"expires_at": past(1)}, {"expires_in": -1}])
def test_an_address_that_is_known_to_have_expired_is_not_tried(store, remote, source, end):
    store.ends = {1: end}
    sent(remote, source)
    assert store.asked() == ["upload/2", "verify/2"]


def test_what_somebody_else_sent_meanwhile_is_not_sent_again(store, remote, source):
    store.ends, store.there = {1: {"expires_in": -1}}, {2}
    counts, _ = sent(remote, source)
    assert store.asked() == []
    assert sum(counts) == len(DATA)


def test_a_server_that_refuses_a_fresh_address_says_why(store, remote, source):
    store.refused, store.errors = {1}, {2}
    with pytest.raises(LfsError, match="too late"):
        sent(remote, source)
    assert store.asked() == ["upload/1"]


def test_a_verification_that_expired_during_the_upload_is_asked_for_anew(store, remote, source):
    # The address for the upload is still good.
    store.verify_ends = {1: {"expires_in": -1}}
    sent(remote, source)
    assert store.asked() == ["upload/1", "verify/2"]


# -- downloads -------------------------------------------------------------------------------------


def test_a_download_address_that_expired_is_renewed(store, remote):
    store.refused = {1}
    assert fetched(remote)[0] == DATA
    assert store.asked() == ["download/1", "download/2"]


def test_a_download_goes_on_behind_what_came_before_the_address_expired(store, remote):
    half = then_hang_up(reply(200, DATA[: 2 * 2**20], Content_Length=str(len(DATA))))
    batch = store.server.default
    store.refused = {1}
    store.server.script.extend([batch, half])
    data, counts = fetched(remote)
    assert data == DATA
    assert store.asked() == ["download/1", "download/1", "download/2"]
    assert store.server.asked[-1].headers["range"] == f"bytes={2 * 2**20}-"
    assert sum(counts) == len(DATA)


def test_a_download_address_known_to_have_expired_is_not_tried(store, remote):
    store.ends = {1: {"expires_at": past(1)}}
    assert fetched(remote)[0] == DATA
    assert store.asked() == ["download/2"]


def test_a_download_that_is_refused_when_fresh_fails(store, remote):
    store.refused = {1, 2}
    with pytest.raises(HubHTTPError):
        fetched(remote)
    assert store.asked() == ["download/1", "download/2"]


def test_a_clone_survives_an_address_that_has_expired(tmp_path):
    with small_parts.serving() as hub:
        place = small_parts.place(hub)
        repo = place.clone(tmp_path / "one")
        Path(repo.local_dir, "weights.bin").write_bytes(DATA)
        repo.lfs_track("*.bin")
        repo.git_add()
        repo.git_commit("Add weights")
        repo.git_push()
        fault = hub.faults.add("GET", f"/{place.name}.*{POINTER.oid}", Answer(403))
        place.clone(tmp_path / "two")
    assert fault.hits == 1
    assert (tmp_path / "two" / "weights.bin").read_bytes() == DATA


# -- what a server may say of an end ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "stale"),
    [
        ({}, False),
        ({"expires_in": 3600, "expires_at": "2001-01-01T00:00:00Z"}, False),
        ({"expires_in": 5}, True),  # it would not be valid when the request gets there
        ({"expires_in": 0, "expires_at": "0001-01-01T00:00:00Z"}, False),
        ({"expires_at": "2001-01-01T00:00:00.123456789Z"}, True),
        ({"expires_at": "2001-01-01T08:00:00+08:00"}, True),
        ({"expires_at": "2001-01-01T08:00:00"}, True),
        ({"expires_at": "2999-01-01T00:00:00Z"}, False),
        ({"expires_at": "next week"}, False),
        ({"expires_at": 7}, False),
        ({"expires_in": "soon"}, False),
    ],
)
def test_the_end_of_an_action_is_read_as_the_specification_has_it(fields, stale):
    reply = Reply("basic", {"upload": {"href": "http://x", **fields}}, at=time.time())
    assert reply.is_stale("upload") is stale
    assert not reply.is_stale("verify")
