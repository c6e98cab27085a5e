"""The embedded hub's uploads in parts, spoken by hand."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
import requests

from csgrepo.errors import InvalidInput
from csgrepo.server import Hub
from tests import small_parts
from tests.ports import steady_port
from tests.small_parts import PART, Place, content


@pytest.fixture(scope="module")
def small_hub() -> Iterator[Hub]:
    with small_parts.serving() as hub:
        yield hub


@pytest.fixture
def place(small_hub: Hub) -> Place:
    return small_parts.place(small_hub)


@dataclass
class Sending:
    """One upload, part by part."""

    place: Place
    data: bytes
    upload_id: str = ""

    @property
    def oid(self) -> str:
        return sha256(self.data).hexdigest()

    def begin(self) -> Sending:
        more = {"upload_id": self.upload_id} if self.upload_id else {}
        answer = self.place.batch("upload", self.oid, len(self.data), **more)
        assert answer.status_code == 200, answer.text
        self.reply = answer.json()
        actions = self.reply["objects"][0]["actions"]
        self.header, self.href = actions["upload"]["header"], actions["upload"]["href"]
        self.verify = actions["verify"]
        return self

    def slice(self, number: int) -> bytes:
        return self.data[(number - 1) * PART : number * PART]

    def put(self, number: int, body: bytes | None = None) -> requests.Response:
        body = self.slice(number) if body is None else body
        return requests.put(self.header[str(number)], data=body, timeout=300)

    def put_all(self) -> list[dict[str, object]]:
        """Send the last part first, and return the list for the completion."""
        numbers = sorted((int(name) for name in self.header if name.isdigit()), reverse=True)
        etags = {number: self.put(number).headers["ETag"] for number in numbers}
        return [{"partNumber": number, "etag": etags[number]} for number in sorted(etags)]

    def complete(self, parts: object, oid: str | None = None) -> requests.Response:
        body = {"oid": oid or self.oid, "parts": parts}
        return requests.post(self.href, json=body, timeout=300)


@pytest.fixture
def sending(place: Place) -> Sending:
    return Sending(place, content(12)).begin()


def test_the_plan_is_laid_down_as_the_contract_has_it(place, sending):
    assert sending.reply["transfer"] == "multipart"
    names = list(sending.header)
    assert names == sorted(names)
    assert names[:4] == ["1", "10", "11", "12"]
    assert names[-1] == "chunk_size"
    assert sending.header["chunk_size"] == str(PART)
    done = urlsplit(sending.href)
    assert done.path == "/api/v1/complete_multipart"
    assert list(parse_qs(done.query)) == ["expiresAt", "objectKey", "signature", "uploadId"]
    query = parse_qs(urlsplit(sending.header["7"]).query)
    assert query["partNumber"] == ["7"]
    assert query["uploadId"] == parse_qs(done.query)["uploadId"]
    assert query["Authorization"] == [f"Bearer {place.token}"]
    assert sending.verify["header"]["Authorization"] == f"Bearer {place.token}"


@pytest.mark.parametrize(
    ("size", "chunk_size", "parts"),
    [
        (0, PART, 0),
        (1, PART, 1),
        (PART, PART, 1),
        (PART + 1, PART, 2),
        (1000 * PART, PART, 1000),
        (1000 * PART + 1, PART + 1, 1000),
        (7_000_000_000, 7_000_000, 1000),
        (2**50 + 1, 1125899906843, 1000),
    ],
)
def test_there_are_never_more_than_a_thousand_parts(place, size, chunk_size, parts):
    answer = place.batch("upload", "ab" * 32, size).json()["objects"][0]
    assert "error" not in answer
    header = answer["actions"]["upload"]["header"]
    assert header.pop("chunk_size") == str(chunk_size)
    assert len(header) == parts


def test_more_than_5_gib_without_parts_is_refused_in_the_contracts_words(place):
    size = 5 * 1024**3 + 1
    answer = place.batch("upload", "ab" * 32, size, transfers=["basic"]).json()
    assert answer["transfer"] == "basic"
    [entry] = answer["objects"]
    words = "Please use csghub-sdk to upload files > 5GB.\n"
    assert entry["error"] == {"code": 422, "message": words}
    assert set(entry["actions"]) == {"upload", "verify"}
    assert place.batch("upload", "ab" * 32, size - 1, transfers=["basic"]).json()["objects"][0].get(
        "error"
    ) is None  # fmt: skip


def test_downloads_are_not_laid_out_in_parts(place):
    answer = place.batch("download", "ab" * 32, 5).json()
    assert "transfer" not in answer


def test_parts_in_any_order_become_the_object_and_it_is_known_once_verified(place, sending):
    done = sending.complete(sending.put_all())
    assert (done.status_code, done.content) == (200, b"")
    assert place.stored(sending.data) == sending.data
    assert not list(place.remote.objects.glob("uploads/*"))
    assert "actions" in place.batch("upload", sending.oid, len(sending.data)).json()["objects"][0]
    verified = requests.post(
        sending.verify["href"],
        json={"oid": sending.oid, "size": len(sending.data)},
        headers=sending.verify["header"],
        timeout=300,
    )
    assert verified.status_code == 200
    again = place.batch("upload", sending.oid, len(sending.data)).json()["objects"][0]
    assert "actions" not in again


def test_an_empty_object_is_completed_without_parts(place):
    empty = Sending(place, b"").begin()
    assert empty.complete([]).content == b""
    assert place.stored(b"") == b""


@pytest.mark.parametrize("spoil", ["signature", "objectKey", "uploadId", "expiresAt"])
def test_a_signature_that_does_not_fit_is_answered_with_200_and_words(place, sending, spoil):
    parts = sending.put_all()
    query = dict(parse_qsl(urlsplit(sending.href).query))
    other = "8Z" if query[spoil].endswith("7Z") else "7Z"  # a time may end like that by itself
    query[spoil] = query[spoil][:-2] + other
    sending.href = f"{sending.href.partition('?')[0]}?{urlencode(query)}"
    done = sending.complete(parts)
    assert (done.status_code, done.json()) == (200, {"msg": "invalid signature"})
    assert place.stored(sending.data) is None


def test_a_signature_that_has_expired_is_answered_the_same_way(place, sending):
    parts = sending.put_all()
    query = dict(parse_qsl(urlsplit(sending.href).query))
    query["expiresAt"] = "2020-01-01T00:00:00Z"
    said = f"{query['objectKey']}:{query['uploadId']}:{query['expiresAt']}"
    query["signature"] = place.hub._backend.signer.seal(said)
    sending.href = f"{sending.href.partition('?')[0]}?{urlencode(query)}"
    assert sending.complete(parts).json() == {"msg": "invalid signature"}


def test_no_query_at_all_is_an_invalid_signature(place):
    done = requests.post(f"{place.hub.url}/api/v1/complete_multipart", json={}, timeout=300)
    assert (done.status_code, done.json()) == (200, {"msg": "invalid signature"})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda parts: parts[:-1], "hash to"),
        (lambda parts: parts[1:], "hash to"),
        (lambda parts: parts[::-1], "ascending order"),
        (lambda parts: [*parts, parts[-1]], "ascending order"),
        (lambda parts: [{**parts[0], "etag": '"0"'}, *parts[1:]], "another ETag"),
        (lambda parts: [{**parts[0], "etag": parts[1]["etag"]}, *parts[1:]], "another ETag"),
        (lambda parts: [{**parts[0], "etag": "../../../x"}, *parts[1:]], "another ETag"),
        (lambda parts: [*parts, {"partNumber": 13, "etag": parts[0]["etag"]}], "another ETag"),
        (lambda parts: [None, *parts], "ascending order"),
        (lambda parts: [{"partNumber": "1", "etag": "x"}], "ascending order"),
        (lambda parts: "all", "REQ-ERR-1"),
        (lambda parts: [], "hash to"),
    ],
)
def test_what_is_not_the_object_is_not_kept(place, sending, change, words):
    done = sending.complete(change(sending.put_all()))
    assert done.status_code == 400
    assert words in done.json()["msg"]
    assert place.stored(sending.data) is None
    assert not list((place.hub.root / "tmp").iterdir())


def test_a_completion_for_another_object_is_refused(place, sending):
    assert sending.complete(sending.put_all(), oid="cd" * 32).status_code == 400


def test_an_upload_is_completed_once(sending):
    parts = sending.put_all()
    assert sending.complete(parts).content == b""
    again = sending.complete(parts)
    assert again.status_code == 404
    assert "does not exist" in again.json()["msg"]


def test_a_part_of_another_length_is_refused(place, sending):
    for body in (b"", sending.slice(1)[:-1], sending.slice(1) + b"x"):
        assert sending.put(1, body).status_code == 400
    assert not list(place.remote.objects.glob("uploads/*/*"))


def test_a_part_address_serves_that_part_and_nothing_else(place, sending):
    url = sending.header["1"]
    for forged in (
        url.replace(f"{sending.oid}/1?", f"{sending.oid}/2?"),
        url.replace("partBytes=4096", "partBytes=4097"),
        url.partition("?")[0],
        url[:-4] + "0000",
    ):
        answer = requests.put(forged, data=sending.slice(1), timeout=300)
        assert answer.status_code == 403, forged
    assert requests.get(url, timeout=300).status_code == 404
    assert sending.put(1).status_code == 200


def test_a_part_that_comes_again_takes_the_place_of_the_first(place, sending):
    sending.put(3, os.urandom(PART))
    parts = sending.put_all()
    assert sending.complete(parts).content == b""
    assert place.stored(sending.data) == sending.data


def test_fresh_addresses_belong_to_the_same_upload(place, sending):
    first = {number: sending.put(number).headers["ETag"] for number in range(1, 7)}
    query = parse_qs(urlsplit(sending.href).query)
    again = Sending(place, sending.data, upload_id=query["uploadId"][0]).begin()
    assert parse_qs(urlsplit(again.href).query)["uploadId"] == query["uploadId"]
    etags = first | {number: again.put(number).headers["ETag"] for number in range(7, 13)}
    parts = [{"partNumber": number, "etag": etag} for number, etag in sorted(etags.items())]
    assert again.complete(parts).content == b""
    assert place.stored(sending.data) == sending.data


def test_the_upload_may_be_named_in_the_query_too(place, sending):
    upload_id = parse_qs(urlsplit(sending.href).query)["uploadId"][0]
    answer = requests.post(
        f"{place.remote.url}/info/lfs/objects/batch?upload_id={upload_id}",
        data=json.dumps(
            {
                "operation": "upload",
                "transfers": ["multipart"],
                "objects": [{"oid": sending.oid, "size": len(sending.data)}],
            }
        ),
        headers={"Authorization": f"Bearer {place.token}"},
        timeout=300,
    ).json()
    assert f"uploadId={upload_id}" in answer["objects"][0]["actions"]["upload"]["href"]


@pytest.mark.parametrize("upload_id", ["../../x", "7", {"a": 1}, "999999-" + "0" * 32])
def test_an_upload_of_another_repository_is_not_gone_on_with(place, upload_id):
    assert place.batch("upload", "ab" * 32, 5, upload_id=upload_id).status_code == 400


def test_parts_may_arrive_at_once(place):
    sending = Sending(place, content(40)).begin()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(sending.put, range(1, 41)))
    parts = [{"partNumber": n, "etag": a.headers["ETag"]} for n, a in enumerate(answers, 1)]
    assert sending.complete(parts).content == b""
    assert place.stored(sending.data) == sending.data


def test_uploads_go_with_their_repository(place, sending):
    parts = sending.put_all()
    gone = requests.delete(
        f"{place.hub.url}/api/v1/models/wanda/{place.name}",
        headers={"Authorization": f"Bearer {place.token}"},
        timeout=300,
    )
    assert gone.status_code == 200
    assert sending.complete(parts).status_code == 404
    assert sending.put(1).status_code == 404
    assert not sending.place.hub.root.joinpath("lfs", sending.header["1"]).exists()


def test_a_restart_keeps_uploads_that_are_young_and_drops_abandoned_ones(tmp_path: Path):
    root = tmp_path / "hub"
    port = steady_port()
    with Hub(root, port=port, min_part_bytes=PART) as hub:
        hub.add_user("wanda")
        where = small_parts.place(hub)
        young, old = Sending(where, content(3)).begin(), Sending(where, content(3)).begin()
        parts = young.put_all()
        old.put(1)
        [folder] = [path.parent for path in root.rglob(f"1-{sha256(old.slice(1)).hexdigest()}")]
    days = 73 * 3600
    os.utime(folder, (time.time() - days, time.time() - days))

    with Hub(root, port=port, min_part_bytes=PART) as hub:
        assert not folder.exists()
        assert young.complete(parts).content == b""
        assert Place(hub, where.name, where.token).stored(young.data) == young.data


def test_parts_must_have_a_length():
    with pytest.raises(InvalidInput, match="at least one byte"):
        Hub(min_part_bytes=0)
