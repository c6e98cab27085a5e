"""The server's plan for the parts of an upload: what is followed, and what is refused."""

from __future__ import annotations

import random

import pytest

from csgrepo.errors import TransferError
from csgrepo.lfs.parts import Plan
from csgrepo.lfs.pointer import Pointer
from csgrepo.redact import redact

CHUNK = 10
DONE = "https://hub.example/api/v1/complete_multipart?signature=abc&uploadId=u-1"


def pointer(size: int) -> Pointer:
    return Pointer("ab" * 32, size)


def header(count: int) -> dict[str, str]:
    urls = {str(n): f"https://s3.example/key?partNumber={n}" for n in range(1, count + 1)}
    return {"chunk_size": str(CHUNK), **urls}


def plan(size: int, fields: object, href: object = DONE) -> Plan:
    return Plan.read(pointer(size), {"href": href, "header": fields})


@pytest.mark.parametrize("count", [1, 2, 9, 10, 12, 101, 1000])
@pytest.mark.parametrize("order", ["text", "shuffled"])
def test_parts_are_ordered_by_number_whatever_order_they_come_in(count, order):
    names = sorted(header(count))
    if order == "shuffled":
        random.Random(count).shuffle(names)
    size = (count - 1) * CHUNK + 3

    parts = plan(size, {name: header(count)[name] for name in names}).parts

    assert [part.number for part in parts] == list(range(1, count + 1))
    assert [part.start for part in parts] == list(range(0, size, CHUNK))
    assert [part.size for part in parts] == [CHUNK] * (count - 1) + [3]
    assert all(part.url.endswith(f"={part.number}") for part in parts)


def test_a_last_part_may_be_full():
    assert [part.size for part in plan(3 * CHUNK, header(3)).parts] == [CHUNK] * 3


def test_padded_numbers_are_numbers():
    padded = {"chunk_size": "10", "0002": "https://s3.example/2", "0001": "https://s3.example/1"}
    assert [part.url[-1] for part in plan(20, padded).parts] == ["1", "2"]


def test_an_empty_object_has_no_parts():
    assert plan(0, {"chunk_size": "10"}).parts == ()


@pytest.mark.parametrize(
    ("size", "changes", "words"),
    [
        (35, {"2": None}, "part 2 of 4 is missing"),
        (35, {"1": None}, "part 1 of 4 is missing"),
        (35, {"5": "https://s3.example/5"}, "are 4 parts, not 5"),
        (35, {"4": None}, "are 4 parts, not 3"),
        (35, {"0": "https://s3.example/0"}, "'0' is not the number"),
        (35, {"-1": "https://s3.example/0"}, "not the number"),
        (35, {"1.0": "https://s3.example/0"}, "not the number"),
        (35, {" 1": "https://s3.example/0"}, "not the number"),
        (35, {"１": "https://s3.example/0"}, "not the number"),
        (35, {"9" * 5000: "https://s3.example/0"}, "not the number"),
        (35, {"Authorization": "Bearer x"}, "not the number"),
        (35, {"01": "https://s3.example/0"}, "part 1 is there twice"),
        (35, {"999999999": "https://s3.example/0"}, "part 5 of 999999999 is missing"),
        (35, {"2": "https://s3.example/key?partNumber=1"}, "the same address"),
        (35, {"2": "ftp://s3.example/2"}, "part 2 has no HTTP address"),
        (35, {"2": "file:///etc/passwd"}, "part 2 has no HTTP address"),
        (35, {"2": "https://"}, "part 2 has no HTTP address"),
        (35, {"2": "https://s3.example:port/"}, "part 2 has no HTTP address"),
        (35, {"2": "https://s3.example/\r\nX: y"}, "part 2 has no HTTP address"),
        (35, {"2": 7}, "part 2 has no HTTP address"),
        (35, {"chunk_size": None}, "the chunk_size is None"),
        (35, {"chunk_size": 10}, "the chunk_size is 10"),
        (35, {"chunk_size": "0"}, "the chunk_size is '0'"),
        (35, {"chunk_size": "-10"}, "the chunk_size is '-10'"),
        (35, {"chunk_size": "1e1"}, "the chunk_size is"),
        (35, {"chunk_size": "8"}, "are 5 parts, not 4"),
        (35, {"chunk_size": "12"}, "are 3 parts, not 4"),
        (35, {"chunk_size": "9" * 19}, "are 1 parts, not 4"),
        (0, {}, "are 0 parts, not 4"),
    ],
)
def test_a_plan_that_does_not_cover_the_object_once_is_refused(size, changes, words):
    fields = {name: value for name, value in {**header(4), **changes}.items() if value is not None}
    with pytest.raises(TransferError, match=words):
        plan(size, fields)


@pytest.mark.parametrize(
    "action",
    [None, [], "x", {}, {"href": DONE}, {"href": DONE, "header": ["1"]}, {"header": header(4)}],
)
def test_something_else_than_a_plan_is_refused(action):
    with pytest.raises(TransferError, match="cannot be followed"):
        Plan.read(pointer(35), action)


def test_addresses_never_show():
    secret = "s3cr3t-t0ken-0123456789"
    urls = {
        str(n): f"https://s3.example/k?n={n}&Authorization=Bearer%20{secret}&X-Amz-Signature=f00d"
        for n in (1, 2)
    }
    good = plan(20, {"chunk_size": "10", **urls})
    assert secret not in repr(good)
    assert "f00d" not in repr(good)
    assert "uploadId" not in repr(good)
    assert secret not in redact(f"the server says {secret}")
    with pytest.raises(TransferError) as caught:
        plan(20, {"chunk_size": "10", "1": urls["1"], "2": f"ftp{urls['2']}"})
    assert "Authorization" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_plan_continues_only_the_same_upload_of_the_same_shape():
    first = plan(35, header(4))
    assert first.upload_id == "u-1"
    assert plan(35, {k: v + "&again" if k != "chunk_size" else v for k, v in header(4).items()},
                DONE.replace("abc", "def")).continues(first)  # fmt: skip
    assert not plan(35, header(4), DONE.replace("u-1", "u-2")).continues(first)
    assert not plan(35, {**header(4), "chunk_size": "9"}).continues(first)
    assert plan(35, header(4), "https://hub.example/complete").upload_id == ""
