"""The HTTP client against servers on loopback that answer oddly on purpose."""

from __future__ import annotations

import contextlib
import email.utils
import io
import json
import logging
import pickle
import platform
import socket
import ssl
import subprocess
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from csgrepo import errors
from csgrepo.http import Http, origin, wire
from csgrepo.http.wire import _send_piece
from csgrepo.redact import Secret
from tests import machine
from tests.answering import (
    AnsweringServer,
    Handler,
    answering,
    hang_up,
    reply,
    serving,
    then_hang_up,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKEN = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def server() -> Iterator[AnsweringServer]:
    with answering() as server:
        yield server


@pytest.fixture
def elsewhere() -> Iterator[AnsweringServer]:
    with answering() as server:
        yield server


@pytest.fixture
def http() -> Iterator[Http]:
    with Http(backoff_s=0.001) as http:
        yield http


def bearer(url: str) -> dict[str, str | Secret]:
    Secret(TOKEN)  # known from now on, wherever it is quoted
    return {"Authorization": Secret(f"Bearer {TOKEN}")}


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port on which nobody listens, and nobody else will meanwhile."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


# --- asking ---------------------------------------------------------------------------------


def test_request_sends_user_agent_query_json_and_secret(
    server: AnsweringServer, http: Http
) -> None:
    answer = http.request(
        "post", f"{server.url}/a", json={"名": 1}, params={"per": 5}, auth=bearer
    ).mapping()

    assert answer == {"msg": "OK"}
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("POST", "/a?per=5")
    assert asked.headers["authorization"] == f"Bearer {TOKEN}"
    assert asked.headers["user-agent"].startswith("csgrepo/")
    assert json.loads(asked.body) == {"名": 1}


def test_request_never_sends_passwords_from_netrc(server: AnsweringServer, http: Http) -> None:
    netrc = Path.home() / ".netrc"
    netrc.write_text("machine 127.0.0.1 login wanda password hunter22\n")
    netrc.chmod(0o600)

    http.request("GET", server.url)

    assert "authorization" not in server.asked[0].headers


def test_request_keeps_no_cookies(server: AnsweringServer, http: Http) -> None:
    server.script.append(reply(200, Set_Cookie="session=1; Path=/"))

    http.request("GET", server.url)
    http.request("GET", server.url)

    assert "cookie" not in server.asked[1].headers


def test_request_from_many_threads_gets_each_its_own_answer(
    server: AnsweringServer, http: Http
) -> None:
    server.default = lambda handler: reply(200, {"path": handler.path})(handler)
    got: dict[int, object] = {}

    def ask(number: int) -> None:
        got[number] = http.request("GET", f"{server.url}/{number}").mapping()["path"]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert got == {number: f"/{number}" for number in range(24)}


@pytest.mark.parametrize("value", ["two\nlines", "carriage\rreturn", "nul\0", "中文令牌"])
def test_header_that_cannot_be_sent_is_refused_without_showing_it(
    server: AnsweringServer, http: Http, value: str
) -> None:
    with pytest.raises(errors.InvalidInput) as caught:
        http.request("GET", server.url, headers={"Authorization": Secret(value)})

    assert value not in "".join(traceback.format_exception(caught.value))
    assert server.asked == []


@pytest.mark.parametrize(
    "url", ["ftp://host/x", "host/x", "http://[::1", "http://h:x/", "file:///x"]
)
def test_address_that_is_not_http_is_invalid_input(http: Http, url: str) -> None:
    with pytest.raises(errors.InvalidInput):
        http.request("GET", url)


def test_origin_knows_default_ports_and_ignores_case() -> None:
    assert origin("https://Hub.Example/x") == origin("https://hub.example:443/")
    assert origin("http://hub.example") != origin("https://hub.example")


# --- redirects ------------------------------------------------------------------------------


def test_redirect_to_another_port_drops_every_secret(
    server: AnsweringServer, elsewhere: AnsweringServer, http: Http
) -> None:
    server.script.append(reply(302, Location=f"{elsewhere.url}/there"))
    secrets = {"X-Api-Key": Secret("key-0123456789"), "Cookie": "a=b", "X-Plain": "kept"}

    http.request("GET", server.url, headers=secrets, auth=bearer)

    sent = elsewhere.asked[0].headers
    assert sent["x-plain"] == "kept"
    assert {"authorization", "cookie", "x-api-key"}.isdisjoint(sent)
    assert "authorization" in server.asked[0].headers


def test_redirect_back_home_does_not_bring_the_secret_back(
    server: AnsweringServer, elsewhere: AnsweringServer, http: Http
) -> None:
    server.script.append(reply(302, Location=f"{elsewhere.url}/there"))
    elsewhere.script.append(reply(302, Location=f"{server.url}/back"))

    http.request("GET", server.url, auth=bearer)

    assert "authorization" not in server.asked[1].headers


def test_redirect_within_the_origin_keeps_the_secret(server: AnsweringServer, http: Http) -> None:
    server.script.append(reply(301, Location="/there"))

    http.request("GET", f"{server.url}/here", auth=bearer)

    assert [asked.path for asked in server.asked] == ["/here", "/there"]
    assert "authorization" in server.asked[1].headers


@pytest.mark.parametrize("status", [307, 308])
def test_post_is_sent_again_where_a_redirect_says_so(
    server: AnsweringServer, http: Http, status: int
) -> None:
    server.script.append(reply(status, Location="/there"))

    http.request("POST", server.url, json={"a": 1})

    assert [(asked.method, asked.body) for asked in server.asked] == [("POST", b'{"a": 1}')] * 2


@pytest.mark.parametrize("status", [301, 302, 303])
def test_post_is_not_turned_into_a_get(server: AnsweringServer, http: Http, status: int) -> None:
    server.script.append(reply(status, Location="/there?sig=s3cr3t"))

    with pytest.raises(errors.HubHTTPError, match="/there") as caught:
        http.request("POST", server.url, json={})

    assert len(server.asked) == 1
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "ftp://x/y", "http://[", "https://h:x/"]
)
def test_redirect_to_something_that_is_not_http_is_refused(
    server: AnsweringServer, http: Http, location: str
) -> None:
    server.script.append(reply(302, Location=location))

    with pytest.raises(errors.HubHTTPError, match="not followed"):
        http.request("GET", server.url)


def test_redirects_in_a_circle_end(server: AnsweringServer, http: Http) -> None:
    server.default = reply(302, Location="/again")

    with pytest.raises(errors.HubHTTPError, match="redirects in a row"):
        http.request("GET", server.url)

    assert len(server.asked) == 11


# --- asking again ---------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 413, 422])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_refusal_is_asked_for_once(
    server: AnsweringServer, http: Http, method: str, status: int
) -> None:
    server.default = reply(status, {"msg": "no"})

    with pytest.raises(errors.HubHTTPError) as caught:
        http.request(method, server.url)

    assert len(server.asked) == 1
    assert caught.value.status == status


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_get_is_repeated_when_the_failure_may_pass(
    server: AnsweringServer, http: Http, status: int
) -> None:
    server.script.extend([reply(status), reply(status)])

    assert http.request("GET", server.url).status == 200
    assert len(server.asked) == 3


@pytest.mark.parametrize(("status", "attempts"), [(408, 1), (500, 1), (502, 1), (503, 2), (429, 2)])
def test_post_is_repeated_only_when_nothing_was_done(
    server: AnsweringServer, http: Http, status: int, attempts: int
) -> None:
    server.script.append(reply(status))

    if attempts == 1:
        with pytest.raises(errors.HubHTTPError):
            http.request("POST", server.url, json={})
    else:
        http.request("POST", server.url, json={})

    assert len(server.asked) == attempts


def test_500_with_a_code_is_permanent(server: AnsweringServer, http: Http) -> None:
    server.default = reply(500, {"code": "REPO-ERR-1", "msg": "REPO-ERR-1: bad name"})

    with pytest.raises(errors.BadRequest):
        http.request("GET", server.url)

    assert len(server.asked) == 1


def test_retries_are_bounded(server: AnsweringServer) -> None:
    server.default = reply(503)

    with Http(retries=2, backoff_s=0.001) as http, pytest.raises(errors.ServerError):
        http.request("GET", server.url)

    assert len(server.asked) == 3


def test_broken_connection_is_tried_again_for_get_and_reported_for_post(
    server: AnsweringServer, http: Http
) -> None:
    server.script.append(hang_up)
    assert http.request("GET", server.url).status == 200

    server.script.append(hang_up)
    with pytest.raises(errors.HubUnreachable):
        http.request("POST", server.url, json={})
    assert len(server.asked) == 3


def test_post_is_repeated_when_the_connection_was_never_made(
    caplog: pytest.LogCaptureFixture, closed_port: int
) -> None:
    url = f"http://127.0.0.1:{closed_port}/x?sig={TOKEN}"
    with (
        caplog.at_level("INFO"),
        Http(retries=2, backoff_s=0.001) as http,
        pytest.raises(errors.HubUnreachable, match="refused") as caught,
    ):
        http.request("POST", url, json={})

    assert len(caplog.records) == 2
    assert isinstance(caught.value.__cause__, ConnectionRefusedError)
    assert TOKEN not in "".join(traceback.format_exception(caught.value)) + caplog.text


def test_unreachable_names_its_own_cause_while_another_error_is_handled(closed_port: int) -> None:
    with Http(retries=0) as http:
        try:
            Path("something else entirely").read_bytes()
        except FileNotFoundError:
            with pytest.raises(errors.HubUnreachable, match="refused") as caught:
                http.request("GET", f"http://127.0.0.1:{closed_port}/")

    assert isinstance(caught.value.__cause__, ConnectionRefusedError)


def test_silence_is_reported_with_its_length(server: AnsweringServer) -> None:
    silent = threading.Event()
    server.default = lambda handler: silent.wait(60) and None

    with Http(retries=0) as http, pytest.raises(errors.HubUnreachable, match=r"silence for 0\.2 s"):
        http.request("GET", server.url, timeout_s=0.2)

    silent.set()


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_obeyed(server: AnsweringServer, http: Http, form: str) -> None:
    later = datetime.now(timezone.utc) + timedelta(seconds=2)
    wish = "1" if form == "seconds" else email.utils.format_datetime(later, usegmt=True)
    server.script.append(reply(429, Retry_After=wish))
    before = time.monotonic()

    http.request("GET", server.url)

    if form == "seconds":
        assert time.monotonic() - before >= 0.9
    else:
        assert datetime.now(timezone.utc) >= later.replace(microsecond=0)


def test_retry_after_beyond_the_deadline_is_told_and_not_waited_for(
    server: AnsweringServer,
) -> None:
    server.default = reply(429, {"msg": "slow down"}, Retry_After="3600")

    with Http(deadline_s=5) as http, pytest.raises(errors.RateLimited) as caught:
        http.request("GET", server.url)

    assert caught.value.retry_after == 3600
    assert len(server.asked) == 1


# --- what an answer means -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (
            401,
            {"code": "AUTH-ERR-5", "msg": "AUTH-ERR-5: Invalid"},
            errors.Unauthorized,
            "AUTH-ERR-5",
        ),
        (401, b"null", errors.Unauthorized, ""),
        (500, {"code": "AUTH-ERR-2", "msg": "no"}, errors.Forbidden, "AUTH-ERR-2"),
        (500, {"error": "AUTH-ERR-2: no"}, errors.Forbidden, "AUTH-ERR-2"),
        (401, {"code": "AUTH-ERR-7", "msg": "not you"}, errors.Forbidden, "AUTH-ERR-7"),
        (404, {"code": "SYS-ERR-3", "msg": "SYS-ERR-3"}, errors.NotFound, "SYS-ERR-3"),
        (500, {"msg": "SYS-ERR-3: no rows"}, errors.NotFound, "SYS-ERR-3"),
        (500, {"msg": "not found"}, errors.NotFound, ""),
        (500, {"code": "REPO-ERR-3", "msg": ""}, errors.NotFound, "REPO-ERR-3"),
        (500, {"code": "GIT-ERR-9", "msg": ""}, errors.NotFound, "GIT-ERR-9"),
        (404, b"404 page not found", errors.NotFound, ""),
        (400, {"code": "SPACE-ERR-1", "msg": "taken"}, errors.Conflict, "SPACE-ERR-1"),
        (500, {"code": "SPACE-ERR-1", "msg": "taken"}, errors.Conflict, "SPACE-ERR-1"),
        (500, {"code": "REPO-ERR-0", "msg": "taken"}, errors.Conflict, "REPO-ERR-0"),
        (409, {"url": "a/b"}, errors.Conflict, ""),
        (400, {"code": "REQ-ERR-10", "msg": "captcha"}, errors.RateLimited, "REQ-ERR-10"),
        (500, {"code": "USER-ERR-18", "msg": ""}, errors.BadRequest, "USER-ERR-18"),
        (400, {"msg": "REQ-ERR-6: per"}, errors.BadRequest, "REQ-ERR-6"),
        (422, {"message": "too large"}, errors.BadRequest, ""),
        (500, {"code": "GIT-ERR-21", "msg": ""}, errors.ServerError, "GIT-ERR-21"),
        (500, b"", errors.ServerError, ""),
        (500, [1], errors.ServerError, ""),
        (500, {"msg": {"a": 1}, "code": 7}, errors.ServerError, ""),
        (403, b"<?xml?><Error><Code>ExpiredToken</Code></Error>", errors.Forbidden, "ExpiredToken"),
        (304, b"", errors.HubHTTPError, ""),
    ],
)
def test_code_decides_before_status(
    server: AnsweringServer, status: int, body: object, kind: type, code: str
) -> None:
    server.default = reply(status, body)

    with Http(retries=0) as http, pytest.raises(errors.HubHTTPError) as caught:
        http.request("GET", server.url, auth=bearer)

    assert type(caught.value) is kind
    assert (caught.value.code, caught.value.status) == (code, status)


@pytest.mark.parametrize(
    ("auth", "kind"), [(bearer, errors.Forbidden), (None, errors.Unauthorized)]
)
def test_denied_without_a_token_asks_for_one(
    server: AnsweringServer, http: Http, auth: object, kind: type
) -> None:
    server.default = reply(403, {"code": "AUTH-ERR-2", "msg": "AUTH-ERR-2: denied"})

    with pytest.raises(errors.HubHTTPError) as caught:
        http.request("GET", server.url, auth=auth)  # type: ignore[arg-type]

    assert type(caught.value) is kind


def test_error_keeps_the_facts_and_hides_the_query(server: AnsweringServer, http: Http) -> None:
    server.default = reply(
        404, {"msg": f"REPO-ERR-3: no \x1b[31m repo for {TOKEN}"}, X_Request_Id="req-1"
    )

    with pytest.raises(errors.NotFound) as caught:
        http.request("GET", f"{server.url}/a", params={"sig": "s3cr3t"}, auth=bearer)

    error = caught.value
    assert (error.request_id, error.url) == ("req-1", f"{server.url}/a")
    assert error.server_message == "no  [31m repo for ****"
    assert "s3cr3t" not in str(error)


@pytest.mark.parametrize(
    "page", [b"<!DOCTYPE html><p>nginx secret", b"\n <html><body>nginx secret"]
)
def test_html_from_a_proxy_is_named_and_never_shown(server: AnsweringServer, page: bytes) -> None:
    server.default = reply(502, page, Content_Type="text/html")

    with Http(retries=0) as http, pytest.raises(errors.ServerError, match="HTML page") as caught:
        http.request("GET", server.url)

    assert "nginx" not in str(caught.value)


@pytest.mark.parametrize("body", [b"<html>sign in</html>", b"", b"not json", b"[" * 100_000, b"[]"])
def test_success_that_is_not_an_object_is_an_error(
    server: AnsweringServer, http: Http, body: bytes
) -> None:
    server.default = reply(200, body)

    with pytest.raises(errors.HubHTTPError):
        http.request("GET", server.url).mapping()


def test_refusal_of_endless_length_is_read_in_part(server: AnsweringServer, http: Http) -> None:
    server.default = reply(400, b"x" * 5_000_000)

    with pytest.raises(errors.BadRequest) as caught:
        http.request("GET", server.url, stream=True)

    assert len(str(caught.value)) < 2000


@pytest.mark.parametrize("how", ["pieces", "content"])
def test_streamed_answer_cut_off_is_our_own_error(server: AnsweringServer, how: str) -> None:
    server.default = then_hang_up(reply(200, b"short", Content_Length="1000"))
    url = f"{server.url}/?sig={TOKEN}"

    with (
        Http(retries=0) as http,
        http.request("GET", url, stream=True) as answer,
        pytest.raises(errors.TransferError, match="cut off") as caught,
    ):
        list(answer.pieces()) if how == "pieces" else answer.content

    assert TOKEN not in "".join(traceback.format_exception(caught.value))
    assert type(pickle.loads(pickle.dumps(caught.value))) is errors.TransferError


def test_pieces_are_small_where_they_come_slowly(server: AnsweringServer, http: Http) -> None:
    """What has come of a piece is lost with the connection; and people want to see it come."""
    content = bytes(range(256)) * 3000

    def slowly(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        for start in range(0, len(content), 65536):
            handler.wfile.write(content[start : start + 65536])
            time.sleep(0.05)

    server.default = slowly
    with http.request("GET", server.url, stream=True) as answer:
        pieces = list(answer.pieces())

    assert b"".join(pieces) == content
    assert max(map(len, pieces)) == 256 * 1024


_FAULTS = """
import itertools, resource, sys, time
from csgrepo import files
from csgrepo.http import Http

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

class Uneven:
    "Takes a while now and then, so that pieces wait in line, and then none does."

    def write(self, piece):
        if next(counted) % 16 == 0:
            time.sleep(0.02)

counted = itertools.count()
with Http() as http, http.request("GET", sys.argv[1], stream=True) as answer:
    with files.HashedSink(Uneven()) as sink:
        before = faults()
        for piece in answer.pieces():
            sink.write(piece)
        print(sink.size, faults() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is another one")
def test_pieces_come_into_memory_that_is_there(server: AnsweringServer) -> None:
    """A page fault costs as much as copying the page, and one piece is as good as another."""
    block = bytes(1024 * 1024)

    def much(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(256 * len(block)))
        handler.end_headers()
        for _ in range(256):
            handler.wfile.write(block)

    server.default = much
    child = subprocess.run(
        [sys.executable, "-c", _FAULTS, server.url], capture_output=True, check=True, text=True
    )

    received, faults = map(int, child.stdout.split())
    assert received == 256 * len(block)
    assert faults < 3000


# --- downloads ------------------------------------------------------------------------------

CONTENT = bytes(range(256)) * 16384  # 4 MiB


def test_download_writes_all_and_counts(server: AnsweringServer, http: Http) -> None:
    server.default = serving(CONTENT)
    sink, counts = io.BytesIO(), []

    size = http.download(server.url, sink, expected_size=len(CONTENT), on_bytes=counts.append)

    assert sink.getvalue() == CONTENT
    assert size == sum(counts) == len(CONTENT)
    assert server.asked[0].headers["accept-encoding"] == "identity"


def test_download_goes_on_at_the_byte_asked_for(server: AnsweringServer, http: Http) -> None:
    server.default = serving(CONTENT)
    sink, counts = io.BytesIO(), []

    http.download(server.url, sink, start=1000, expected_size=len(CONTENT), on_bytes=counts.append)

    assert sink.getvalue() == CONTENT[1000:]
    assert sum(counts) == len(CONTENT) - 1000
    assert server.asked[0].headers["range"] == "bytes=1000-"


@pytest.mark.parametrize("at", [0, 1, 1024 * 1024, 3_000_000])
def test_download_cut_off_is_resumed(server: AnsweringServer, http: Http, at: int) -> None:
    length = str(len(CONTENT))
    server.script.append(then_hang_up(reply(200, CONTENT[:at], Content_Length=length, ETag='"e"')))
    server.default = serving(CONTENT, etag='"e"')
    sink, counts = io.BytesIO(), []

    http.download(server.url, sink, on_bytes=counts.append)

    assert sink.getvalue() == CONTENT
    assert sum(counts) == len(CONTENT)
    resumed = int(server.asked[1].headers.get("range", "bytes=0-")[6:-1])
    assert at - 256 * 1024 < resumed <= at


def test_download_starts_over_when_the_file_changed_meanwhile(
    server: AnsweringServer, http: Http
) -> None:
    old = b"o" * len(CONTENT)
    length = str(len(CONTENT))
    server.script.append(
        then_hang_up(reply(200, old[:3_000_000], Content_Length=length, ETag='"old"'))
    )
    server.default = serving(CONTENT, etag='"new"')
    sink, counts = io.BytesIO(), []

    http.download(
        server.url, sink, on_bytes=counts.append, on_restart=lambda: (sink.seek(0), sink.truncate())
    )

    assert sink.getvalue() == CONTENT
    assert sum(counts) == len(CONTENT)


@pytest.mark.parametrize("shape", ["no ranges", "other range", "unsatisfiable"])
def test_download_that_cannot_go_on_starts_over_and_says_so(
    server: AnsweringServer, http: Http, shape: str
) -> None:
    server.default = serving(CONTENT, ranges=shape != "no ranges")
    if shape == "other range":
        where = f"bytes 0-{len(CONTENT) - 1}/{len(CONTENT)}"
        server.script.append(reply(206, CONTENT, Content_Range=where))
    if shape == "unsatisfiable":
        server.script.append(reply(416))
    sink, restarts = io.BytesIO(b"wrong"), []

    def restart() -> None:
        restarts.append(sink.seek(0))
        sink.truncate()

    sink.seek(5)
    http.download(server.url, sink, start=5, on_restart=restart)

    assert sink.getvalue() == CONTENT
    assert restarts == [0]


def test_download_that_cannot_go_on_is_an_error_for_a_sink_that_cannot_restart(
    server: AnsweringServer, http: Http
) -> None:
    server.default = serving(CONTENT, ranges=False)

    with pytest.raises(errors.TransferError, match="from the beginning"):
        http.download(server.url, io.BytesIO(), start=5)


@pytest.mark.parametrize("size", [len(CONTENT) - 1, len(CONTENT) + 1])
@pytest.mark.parametrize("start", [0, 10])
def test_download_of_another_size_is_refused_before_a_byte_is_written(
    server: AnsweringServer, http: Http, size: int, start: int
) -> None:
    server.default = serving(CONTENT)
    sink = io.BytesIO()

    with pytest.raises(errors.TransferError, match=f"{size} were expected"):
        http.download(server.url, sink, expected_size=size, start=start)

    assert sink.getvalue() == b""
    assert len(server.asked) == 1


def test_download_always_cut_off_is_an_error_and_bounded(server: AnsweringServer) -> None:
    part, length = CONTENT[:600_000], str(len(CONTENT))
    server.default = then_hang_up(reply(200, part, Content_Length=length))

    with (
        Http(retries=2, backoff_s=0.001) as http,
        pytest.raises(errors.TransferError, match=rf"cut off after \d+ of {length}"),
    ):
        http.download(server.url, io.BytesIO(), on_restart=lambda: None)

    assert len(server.asked) == 3  # the first got somewhere, two more got no further


def test_download_on_a_bad_line_ends_as_long_as_it_gets_further(server: AnsweringServer) -> None:
    def some_more(handler: Handler) -> None:
        start = int(handler.headers.get("Range", "bytes=0-")[6:-1])
        length = len(CONTENT) - start
        where = f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"
        part = CONTENT[start : start + 400_000]
        then_hang_up(reply(206, part, Content_Range=where, Content_Length=str(length)))(handler)

    length = str(len(CONTENT))
    server.script.append(then_hang_up(reply(200, CONTENT[:400_000], Content_Length=length)))
    server.default = some_more
    sink = io.BytesIO()

    with Http(retries=1, backoff_s=0.001) as http:
        http.download(server.url, sink)

    assert sink.getvalue() == CONTENT


def test_download_that_stalls_is_an_error(server: AnsweringServer) -> None:
    over = threading.Event()

    def stall(handler: Handler) -> None:
        reply(200, b"x" * 10, Content_Length="1000")(handler)
        handler.wfile.flush()
        over.wait(60)

    server.default = stall
    for timeout in (0.2, 2, 20):  # the more the busier the machine is
        with (
            Http(retries=0) as http,
            pytest.raises((errors.TransferError, errors.HubUnreachable)) as caught,
        ):
            http.download(server.url, io.BytesIO(), stall_timeout_s=timeout)
        if caught.type is errors.TransferError:  # else it had no time to begin
            break
    over.set()

    assert "silent" in str(caught.value)


@pytest.mark.parametrize("cut", [False, True])
def test_download_in_chunks_is_whole_only_with_the_last_chunk(
    server: AnsweringServer, cut: bool
) -> None:
    body = b"5\r\nhello\r\n" + (b"" if cut else b"0\r\n\r\n")
    server.default = then_hang_up(reply(200, body, Transfer_Encoding="chunked"))
    sink = io.BytesIO()

    with Http(retries=0) as http:
        if cut:
            with pytest.raises(errors.TransferError, match="cut off"):
                http.download(server.url, sink)
        else:
            assert http.download(server.url, sink) == 5

    assert sink.getvalue() == b"hello"


def test_download_of_unknown_length_is_refused(server: AnsweringServer, http: Http) -> None:
    def endless(handler: Handler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello")
        handler.close_connection = True

    server.default = endless
    with pytest.raises(errors.TransferError, match="how long"):
        http.download(server.url, io.BytesIO())


def test_download_longer_than_announced_is_refused(server: AnsweringServer, http: Http) -> None:
    server.default = reply(200, b"6\r\nhello!\r\n0\r\n\r\n", Transfer_Encoding="chunked")

    with pytest.raises(errors.TransferError, match="more than the 5"):
        http.download(server.url, io.BytesIO(), expected_size=5)


def test_download_compressed_on_the_way_is_refused(server: AnsweringServer, http: Http) -> None:
    server.default = reply(200, b"\x1f\x8b", Content_Encoding="gzip")

    with pytest.raises(errors.TransferError, match="compressed"):
        http.download(server.url, io.BytesIO())


def test_download_of_an_empty_file(server: AnsweringServer, http: Http) -> None:
    server.default = reply(200)

    assert http.download(server.url, io.BytesIO(), expected_size=0) == 0


def test_download_keeps_the_secret_from_the_object_store(
    server: AnsweringServer, elsewhere: AnsweringServer, http: Http
) -> None:
    server.default = reply(302, Location=f"{elsewhere.url}/o?sig=x")
    elsewhere.default = serving(CONTENT)
    sink = io.BytesIO()

    http.download(server.url, sink, auth=bearer)

    assert sink.getvalue() == CONTENT
    assert "authorization" not in elsewhere.asked[0].headers


def test_full_disk_under_a_download_is_not_taken_for_the_network(
    server: AnsweringServer, http: Http
) -> None:
    server.default = serving(CONTENT)

    class Full:
        def write(self, piece: bytes) -> None:
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        http.download(server.url, Full())
    assert len(server.asked) == 1


# --- TLS and proxies ------------------------------------------------------------------------


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A key and a self-signed certificate for 127.0.0.1, in one file."""
    if not machine.have("openssl"):
        machine.lacking("openssl is not installed")
    path = tmp_path / "certificate.pem"
    command = "openssl req -x509 -nodes -days 2 -newkey rsa:2048 -subj /CN=127.0.0.1"
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(path), "-out", f"{path}.crt"]
    subprocess.run([*command.split(), *names], check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + Path(f"{path}.crt").read_bytes())
    return path


@pytest.fixture
def tls_server(server: AnsweringServer, certificate: Path) -> AnsweringServer:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.url = server.url.replace("http", "https")
    return server


def test_certificate_nobody_vouches_for_is_refused_at_once(
    tls_server: AnsweringServer, http: Http, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"), pytest.raises(errors.HubUnreachable, match=r"(?i)certificate"):
        http.request("GET", tls_server.url)

    assert caplog.records == []
    assert tls_server.asked == []


def test_tls_carries_files_both_ways(
    tls_server: AnsweringServer, http: Http, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", f"{certificate}.crt")
    tls_server.script.append(serving(CONTENT))
    sink = io.BytesIO()
    source = certificate.with_name("content")
    source.write_bytes(CONTENT)

    http.download(tls_server.url, sink, auth=bearer)
    http.upload("PUT", tls_server.url, source, len(CONTENT), auth=bearer)

    assert sink.getvalue() == tls_server.asked[1].body == CONTENT


def test_redirect_from_https_to_http_is_refused(
    tls_server: AnsweringServer,
    elsewhere: AnsweringServer,
    http: Http,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", f"{certificate}.crt")
    tls_server.default = reply(302, Location=elsewhere.url)

    with pytest.raises(errors.HubHTTPError, match="https to http"):
        http.request("GET", tls_server.url)

    assert elsewhere.asked == []


def test_proxy_of_the_environment_is_used(
    server: AnsweringServer, http: Http, monkeypatch: pytest.MonkeyPatch, big: Path
) -> None:
    monkeypatch.setenv("http_proxy", server.url.replace("//", "//wanda:hunter22@"))

    http.request("GET", "http://hub.example/x")
    http.upload("PUT", "http://hub.example/y", big, big.stat().st_size)

    assert [asked.path for asked in server.asked] == [
        "http://hub.example/x",
        "http://hub.example/y",
    ]
    assert server.asked[0].headers["proxy-authorization"].startswith("Basic ")
    assert server.asked[1].body == big.read_bytes()


def test_proxy_that_comes_and_goes_in_the_environment_is_heeded_at_once(
    server: AnsweringServer,
    elsewhere: AnsweringServer,
    http: Http,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    http.request("GET", f"{server.url}/1")
    monkeypatch.setenv("HTTP_PROXY", elsewhere.url)
    http.request("GET", f"{server.url}/2")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    http.request("GET", f"{server.url}/3")

    assert [asked.path for asked in server.asked] == ["/1", "/3"]
    assert [asked.path for asked in elsewhere.asked] == [f"{server.url}/2"]


def test_proxy_that_does_not_answer_is_reported_without_its_password(
    monkeypatch: pytest.MonkeyPatch, closed_port: int
) -> None:
    monkeypatch.setenv("http_proxy", f"http://wanda:{TOKEN}@127.0.0.1:{closed_port}")

    with (
        Http(retries=1, backoff_s=0.001) as http,
        pytest.raises(errors.HubUnreachable, match="refused") as caught,
    ):
        http.request("GET", "http://hub.example/x")

    assert TOKEN not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "proxy",
    [
        f"http://wanda:{TOKEN}/x@127.0.0.1:8080",
        f"http://wanda:p@127.0.0.1:{TOKEN}",
        f"http://wanda:{TOKEN}@",
        f"http://wanda:{TOKEN}[@127.0.0.1:8080",
        f"http://wanda:80/{TOKEN}@127.0.0.1:8080",
        f"wanda:{TOKEN}@127.0.0.1:8080",
    ],
)
def test_proxy_that_cannot_be_one_is_refused_without_its_password(
    proxy: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("https_proxy", proxy)

    with Http() as http, pytest.raises(errors.InvalidInput, match="HTTPS_PROXY") as caught:
        http.request("GET", "https://hub.example/x")

    assert TOKEN not in "".join(traceback.format_exception(caught.value)) + caplog.text


def test_proxy_that_refuses_is_named_and_asked_once(
    server: AnsweringServer, http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.default = reply(407)
    monkeypatch.setenv("https_proxy", server.url.replace("//", f"//wanda:{TOKEN}@"))

    with pytest.raises(errors.HubUnreachable, match=r"the proxy: .*407") as caught:
        http.request("GET", "https://hub.example/x")

    assert len(server.asked) == 1
    assert TOKEN not in "".join(traceback.format_exception(caught.value))


def test_socks_proxy_is_used(http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("socks")
    said = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

    def answer(listener: socket.socket) -> None:
        with listener.accept()[0] as connection:
            connection.recv(100)
            connection.sendall(b"\x05\x00")  # nobody has to log in
            connection.recv(300)
            connection.sendall(b"\x05\x00\x00\x01" + bytes(6))  # connected
            asked.append(connection.recv(1000))
            connection.sendall(said)

    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer, args=(listener,), daemon=True)
        thread.start()
        monkeypatch.setenv("http_proxy", f"socks5h://127.0.0.1:{listener.getsockname()[1]}")

        assert http.request("GET", "http://hub.example/x").mapping() == {}
        thread.join(60)
    assert asked[0].startswith(b"GET /x HTTP/1.1")


def test_redirect_in_plain_utf8_is_followed_to_that_name(server: AnsweringServer, http: Http):
    moved = "/模型.bin".encode().decode("latin-1")  # goes out as the bytes of UTF-8
    server.script.append(reply(302, Location=moved))

    http.request("GET", f"{server.url}/x")

    assert server.asked[1].path == "/%E6%A8%A1%E5%9E%8B.bin"


def test_answer_without_end_is_left(
    server: AnsweringServer, http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "LONGEST_ANSWER", 1 << 20)
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"

    def without_end(handler: Handler) -> None:
        reply(200, Transfer_Encoding="chunked")(handler)
        with contextlib.suppress(OSError):
            for _ in range(1000):
                handler.wfile.write(chunk)
        handler.close_connection = True

    server.default = without_end

    with pytest.raises(errors.TransferError, match="more than 1 MiB"):
        http.request("GET", f"{server.url}/x")


# --- uploads --------------------------------------------------------------------------------


@pytest.fixture
def big(tmp_path: Path) -> Path:
    path = tmp_path / "模型 final.bin"
    path.write_bytes(CONTENT + b"tail")
    return path


def test_upload_announces_its_length_and_counts(
    server: AnsweringServer, http: Http, big: Path
) -> None:
    size, counts = big.stat().st_size, []

    http.upload("PUT", server.url, big, size, auth=bearer, on_bytes=counts.append)

    (asked,) = server.asked
    assert asked.body == big.read_bytes()
    assert asked.headers["content-length"] == str(size)
    assert "transfer-encoding" not in asked.headers
    assert (sum(counts), max(counts)) == (size, 1024 * 1024)


def test_upload_of_an_empty_file(server: AnsweringServer, http: Http, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch()

    http.upload("PUT", server.url, empty, 0)

    assert server.asked[0].headers["content-length"] == "0"
    assert "transfer-encoding" not in server.asked[0].headers


def test_upload_is_sent_from_its_beginning_again_and_counted_once(
    server: AnsweringServer, http: Http, big: Path
) -> None:
    server.script.extend([reply(503), hang_up])
    size, counts = big.stat().st_size, []

    http.upload("PUT", server.url, big, size, on_bytes=counts.append)

    assert [asked.body for asked in server.asked] == [big.read_bytes()] * 3
    assert sum(counts) == size
    assert counts.count(-size) == 2


def test_upload_of_a_part(server: AnsweringServer, http: Http, big: Path) -> None:
    def opened() -> io.BufferedReader:
        stream = big.open("rb")
        stream.seek(1000)
        return stream

    http.upload("PUT", server.url, opened, 2000)

    assert server.asked[0].body == big.read_bytes()[1000:3000]


def test_upload_follows_307_with_the_body_and_without_the_secret(
    server: AnsweringServer, elsewhere: AnsweringServer, http: Http, big: Path
) -> None:
    server.script.append(reply(307, Location=f"{elsewhere.url}/o"))

    http.upload("PUT", server.url, big, big.stat().st_size, auth=bearer)

    assert elsewhere.asked[0].body == big.read_bytes()
    assert "authorization" not in elsewhere.asked[0].headers


def test_upload_of_a_file_that_shrank_fails_at_once(
    server: AnsweringServer, http: Http, big: Path
) -> None:
    size = big.stat().st_size

    with pytest.raises(errors.TransferError, match="changed meanwhile"):
        http.upload("PUT", server.url, big, size + 1)

    assert len(server.asked) <= 1


def test_upload_that_was_cut_short_by_the_server_is_no_success(
    server: AnsweringServer, http: Http, tmp_path: Path
) -> None:
    size = 64 * 1024 * 1024  # more than the buffers of a loopback connection hold
    path = tmp_path / "large"
    with path.open("wb") as stream:
        stream.truncate(size)

    def early(handler: Handler) -> None:
        then_hang_up(reply(200, {"msg": "OK"}))(handler)

    early.reads_body = False  # type: ignore[attr-defined]
    server.default = early

    with pytest.raises((errors.TransferError, errors.HubUnreachable)):
        http.upload("PUT", server.url, path, size)


def test_upload_that_the_callback_stops_raises_what_it_raised(
    server: AnsweringServer, http: Http, big: Path
) -> None:
    def cancel(count: int) -> None:
        raise InterruptedError("cancelled")

    with pytest.raises(InterruptedError, match="cancelled"):
        http.upload("PUT", server.url, big, big.stat().st_size, on_bytes=cancel)

    assert len(server.asked) <= 1


def test_upload_to_a_server_that_stops_reading_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as stream:
        stream.truncate(64 * 1024 * 1024)

    with socket.create_server(("127.0.0.1", 0)) as deaf, Http(retries=0) as http:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/"
        with pytest.raises(errors.HubUnreachable, match="silence"):
            http.upload("PUT", url, path, path.stat().st_size, stall_timeout_s=0.3)


def test_piece_on_a_slow_line_is_not_taken_for_a_stall() -> None:
    """The piece takes longer than the timeout, but bytes move all the time.

    On a busy machine they may rest for longer than they should; then all goes slower.
    """
    for timeout in (0.3, 3, 30):
        with contextlib.suppress(TimeoutError):
            send_slowly(timeout)
            return
    pytest.fail("it was taken for a stall")


def send_slowly(timeout: float) -> None:
    near, far = socket.socketpair()
    near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
    near.settimeout(timeout)
    piece = bytes(range(256)) * 4096
    got = bytearray()

    def read_slowly() -> None:
        while len(got) < len(piece) and (some := far.recv(32768)):
            got.extend(some)
            time.sleep(timeout / 15)

    with far, ThreadPoolExecutor(1) as pool, near:
        reading = pool.submit(read_slowly)
        before = time.monotonic()
        _send_piece(SimpleNamespace(sock=near), memoryview(piece), pytest.fail)
        reading.result()

    assert time.monotonic() - before > timeout
    assert got == piece


def waits_of(caplog: pytest.LogCaptureFixture) -> int:
    return sum("trying again" in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize(("patient", "times"), [(False, 2), (True, 9)])
def test_address_where_nobody_ever_answered_is_given_up_soon_unless_nobody_waits(
    caplog: pytest.LogCaptureFixture, closed_port: int, patient: bool, times: int
) -> None:
    caplog.set_level("INFO")
    with (
        Http(backoff_s=0.001, patient=patient) as http,
        pytest.raises(errors.HubUnreachable),
    ):
        http.request("GET", f"http://127.0.0.1:{closed_port}/")
    assert waits_of(caplog) == times


def test_server_that_answered_before_is_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    with Http(backoff_s=0.001, retries=5) as http:
        with answering() as server:
            server.default = then_hang_up(reply(200))
            http.request("GET", server.url)
            url = server.url
        with pytest.raises(errors.HubUnreachable):
            http.request("GET", url)
    assert waits_of(caplog) == 5


def test_upload_whose_answer_is_lost_is_asked_after_and_not_sent_again(
    server: AnsweringServer, http: Http, big: Path
) -> None:
    class There(Exception):
        pass

    def ask() -> None:
        raise There

    server.default = hang_up
    said: list[str] = []
    with pytest.raises(There):
        http.upload(
            "PUT", server.url, big, len(CONTENT) + 4, on_unanswered=ask, on_retry=said.append
        )
    assert len(server.asked) == 1
    assert said == []


@pytest.mark.parametrize("status", [500, 503])
def test_upload_that_was_refused_is_not_asked_after(
    server: AnsweringServer, http: Http, big: Path, status: int
) -> None:
    server.script.append(reply(status))
    said: list[str] = []
    http.upload(
        "PUT",
        server.url,
        big,
        len(CONTENT) + 4,
        on_unanswered=lambda: pytest.fail("it said no"),
        on_retry=said.append,
        repeat_500=True,
    )
    assert len(server.asked) == 2
    assert len(said) == 1


def test_download_says_why_it_is_asked_for_again(server: AnsweringServer, http: Http) -> None:
    server.script.append(hang_up)
    server.default = serving(CONTENT)
    said: list[str] = []
    http.download(server.url, io.BytesIO(), on_retry=said.append)
    assert len(said) == 1
    assert "no answer" in said[0]


def test_waits_between_attempts_double_up_to_a_bound(
    monkeypatch: pytest.MonkeyPatch, closed_port: int
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("csgrepo.http.ending.rest", slept.append)
    with Http(patient=True) as http, pytest.raises(errors.HubUnreachable):
        http.request("GET", f"http://127.0.0.1:{closed_port}/")
    bounds = [min(0.25 * 2**n, 30.0) for n in range(9)]
    assert all(b <= wait <= 1.25 * b for wait, b in zip(slept, bounds, strict=True))
    assert sum(slept) > 60  # a hub that is away for a minute is waited for
