from __future__ import annotations

import sys

import pytest

from csgrepo.server.http.record import Request
from csgrepo.server.operation.memory import Trimmer

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs glibc")


def request(sent: int = 0) -> Request:
    return Request("GET", "/", 200, 0, sent, authorized=False)


@pytest.mark.parametrize(("times", "sent"), [(200, 0), (4, 8 * 1024 * 1024)])
def test_memory_is_given_back_after_many_requests_or_bytes(times: int, sent: int) -> None:
    begun = []
    trimmer = Trimmer(begun.append)

    for _ in range(times - 1):
        trimmer.count(request(sent))
    assert begun == []
    trimmer.count(request(sent))

    assert len(begun) == 1
    assert begun[0]() in {0, 1}  # what malloc_trim(3) says


def test_memory_is_not_given_back_again_at_once() -> None:
    begun = []
    trimmer = Trimmer(begun.append)

    for _ in range(5):
        trimmer.count(request(1 << 40))

    assert len(begun) == 1
