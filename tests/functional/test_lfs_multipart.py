"""csgrepo's own pushes, in parts, to a hub that spoils some of them."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from csgrepo import Repository
from csgrepo.errors import HubHTTPError, HubUnreachable, LfsError, TransferError
from csgrepo.http import Http
from csgrepo.lfs.batch import HttpServer
from csgrepo.lfs.pointer import Pointer
from csgrepo.server import Answer, Hub, Reset
from tests import small_parts
from tests.answering import AnsweringServer, Asked, Handler, answering, reply
from tests.functional.jobs_clone import send_home
from tests.small_parts import PART, Place, content

S3_500 = b"<Error><Code>InternalError</Code><Message>We failed.</Message></Error>"


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


def committed(repo: Repository, data: bytes, name: str = "模型 final.bin") -> None:
    Path(repo.local_dir, name).write_bytes(data)
    repo.lfs_track("*.bin")
    repo.git_add()
    repo.git_commit("Add weights")


def refused(repo: Repository, place: Place) -> BaseException:
    """Push, which must fail, and leave the remote as it was."""
    before = place.tip()
    with pytest.raises((TransferError, HubHTTPError, LfsError)) as caught:
        repo.git_push()
    assert place.tip() == before
    assert place.tip() != repo.git_head_hash()
    return caught.value


@pytest.mark.parametrize("parts", [1, 2, 12, 101])
def test_parts_are_put_together_byte_for_byte(place, repo, parts):
    data = content(parts)
    committed(repo, data)

    repo.git_push()

    assert place.stored(data) == data
    assert place.tip() == repo.git_head_hash()
    assert place.asked("PUT", "/_parts/") == parts
    assert place.asked("POST", "/complete_multipart") == 1
    assert repo.verify()
    assert not list(place.remote.objects.glob("uploads/*"))


def test_a_clone_gets_what_was_sent_in_parts(place, repo, tmp_path):
    data = content(12)
    committed(repo, data)
    repo.git_push()
    copy = place.clone(tmp_path / "copy")
    assert Path(copy.local_dir, "模型 final.bin").read_bytes() == data


def test_what_is_there_is_not_sent_again(place, repo):
    committed(repo, content(3))
    repo.git_push()
    sent = place.asked("PUT", "/_parts/")
    Path(repo.local_dir, "模型 final.bin").rename(Path(repo.local_dir, "b.bin"))
    repo.git_add()
    repo.git_commit("Rename")
    repo.git_push()
    assert place.asked("PUT", "/_parts/") == sent


def test_many_files_go_in_parts_at_once(place, repo):
    files = {f"{number}.bin": content(number) for number in range(1, 8)}
    for name, data in files.items():
        Path(repo.local_dir, name).write_bytes(data)
    repo.lfs_track("*.bin")
    repo.push_to_hub("all")
    assert all(place.stored(data) == data for data in files.values())
    assert place.asked("PUT", "/_parts/") == sum(range(1, 8))


REFUSED_COMPLETIONS = [
    (Answer(200, body=b'{"msg":"invalid signature"}'), "invalid signature"),
    (Answer(200, body=b'{"msg":"OK"}'), "OK"),
    (Answer(200, body=b"<html>Sign in</html>"), "HTML page"),
    (Answer(200, body=b" "), "did not put it together"),
    (Answer(204), "204"),
    (Answer(400, body=b'{"msg":"complete multipart upload failed: x"}'), "upload failed: x"),
    (Answer(500, body=b"broken"), "broken"),
    (Reset(on="request"), "no answer"),
]


@pytest.mark.parametrize(("answer", "words"), REFUSED_COMPLETIONS)
def test_a_completion_that_is_no_success_is_a_failure(place, repo, answer, words):
    data = content(3)
    committed(repo, data)
    fault = place.hub.faults.add("POST", "/complete_multipart", answer, times=None)

    with pytest.raises((TransferError, HubHTTPError, HubUnreachable), match=words):
        repo.git_push()
    assert place.tip() != repo.git_head_hash()
    assert place.stored(data) is None
    assert fault.hits <= 3

    place.hub.faults.clear()
    repo.git_push()
    assert place.stored(data) == data
    assert place.tip() == repo.git_head_hash()
    assert place.asked("PUT", "/_parts/") == 3  # its parts were not sent again


@pytest.mark.parametrize(
    "answer", [REFUSED_COMPLETIONS[0][0], REFUSED_COMPLETIONS[6][0], Reset(on="request")]
)
def test_a_completion_that_fails_once_is_asked_for_again(place, repo, answer):
    data = content(3)
    committed(repo, data)
    fault = place.hub.faults.add("POST", "/complete_multipart", answer)
    repo.git_push()
    assert fault.hits == 1
    assert place.stored(data) == data
    assert place.asked("PUT", "/_parts/") == 3


def test_a_completion_whose_answer_is_lost_is_no_failure(place, repo):
    data = content(3)
    committed(repo, data)
    place.hub.faults.add("POST", "/complete_multipart", Reset(on="response"))
    repo.git_push()
    assert place.stored(data) == data
    assert place.tip() == repo.git_head_hash()
    assert place.asked("PUT", "/_parts/") == 3
    assert place.asked("POST", "/complete_multipart") == 1


@pytest.mark.parametrize("body", [b"oops", S3_500])
def test_a_part_that_fails_twice_is_sent_a_third_time(place, repo, body):
    data = content(5)
    committed(repo, data)
    fault = place.hub.faults.add("PUT", f"/{place.name}/.*/3$", Answer(500, body=body), times=2)
    repo.git_push()
    assert fault.hits == 2
    assert place.stored(data) == data
    assert place.asked("PUT", "/_parts/") == 5 + 2


def test_a_part_whose_connection_breaks_is_sent_again(place, repo):
    data = content(5)
    committed(repo, data)
    place.hub.faults.add("PUT", f"/{place.name}/.*/2$", Reset(on="request", after=100))
    repo.git_push()
    assert place.stored(data) == data


def test_a_part_that_is_refused_fails_the_push_in_the_servers_words(place, repo):
    committed(repo, content(40))
    words = b'{"msg":"the bucket is closed on Sundays"}'
    place.hub.faults.add("PUT", f"/{place.name}/.*/2$", Answer(400, body=words), times=None)
    assert "closed on Sundays" in str(refused(repo, place))
    assert place.asked("POST", "/complete_multipart") == 0
    assert place.asked("PUT", "/_parts/") < 40  # the others were not sent to their end


def test_a_part_without_an_etag_fails_the_push(place, repo):
    committed(repo, content(2))
    place.hub.faults.add("PUT", f"/{place.name}/.*/2$", Answer(200), times=None)
    error = refused(repo, place)
    assert "no ETag" in str(error) or "bytes" in str(error)


@pytest.mark.parametrize("at_once", [1, 3])
def test_expired_addresses_are_renewed_once_and_parts_that_arrived_stay(place, repo, at_once):
    data = content(12)
    committed(repo, data)
    expired = Answer(403, body=b"<Error><Code>AccessDenied</Code></Error>")
    for number in (9, 10, 11)[:at_once]:
        place.hub.faults.add("PUT", f"/{place.name}/.*/{number}$", expired)

    repo.git_push()

    assert place.stored(data) == data
    # One for the upload, one to confirm, and one for fresh addresses: those that are refused
    # together ask together.
    assert 3 <= place.asked("POST", "/objects/batch") <= 2 + at_once
    assert place.asked("PUT", "/_parts/") == 12 + at_once


def test_addresses_that_are_refused_when_fresh_fail_the_push(place, repo):
    committed(repo, content(3))
    refusal = Answer(403, body=b'{"msg":"your clock is wrong"}')
    place.hub.faults.add("PUT", f"/{place.name}/.*/2$", refusal, times=None)
    error = refused(repo, place)
    assert "your clock is wrong" in str(error)
    assert "csgrepo login" not in str(error)  # no token would mend it
    assert place.asked("POST", "/objects/batch") == 2


def test_progress_adds_up_to_the_size_whatever_was_sent_twice(place, repo):
    data = content(12)
    committed(repo, data)
    place.hub.faults.add("PUT", f"/{place.name}/.*/3$", Answer(500), times=2)
    place.hub.faults.add("PUT", f"/{place.name}/.*/5$", Answer(403))
    events = []
    stop = repo.reporter.listen(events.append)
    repo.git_push()
    stop()
    last = [event for event in events if event.phase == "upload"][-1]
    assert (last.state, last.done, last.total) == ("done", len(data), len(data))


# -- servers of another mind -----------------------------------------------------------------------


Reply = Callable[[Handler], None]


class Scripted:
    """An LFS server that answers one upload with what a test gives it.

    Attributes:
        batches: the answers to the batch requests, one after the other.
        part: the answer to every part.
        completion: the answer to the completion.
    """

    def __init__(self, server: AnsweringServer, folder: Path) -> None:
        self.server = server
        server.default = self._answer
        self.path = folder / "object"
        self.path.write_bytes(content(2))
        data = self.path.read_bytes()
        self.pointer = Pointer(hashlib.sha256(data).hexdigest(), len(data))
        self.batches = [self.batch()]
        self.part: Reply = reply(200, ETag='"a"')
        self.completion: Reply = reply(200)

    def _answer(self, handler: Handler) -> None:
        if handler.path.startswith("/part/"):
            self.part(handler)
        elif handler.path.startswith("/complete"):
            self.completion(handler)
        else:
            self.batches.pop(0)(handler)

    def batch(self, transfer: str = "multipart", upload_id: str = "u-1") -> Reply:
        query = (
            f"Authorization=Bearer%20s3cr3tt0ken99&X-Amz-Signature=f00dfeed77&uploadId={upload_id}"
        )
        urls = {str(n): f"{self.server.url}/part/{n}?{query}" for n in (1, 2)}
        action = {
            "href": f"{self.server.url}/complete?signature=c0ffee7777&uploadId={upload_id}",
            "header": {"chunk_size": str(PART), **urls},
        }
        facts = {"oid": self.pointer.oid, "size": self.pointer.size}
        objects = [{**facts, "actions": {"upload": action}}]
        return reply(200, {"transfer": transfer, "objects": objects})

    def asked(self, path: str) -> list[Asked]:
        return [asked for asked in self.server.asked if asked.path.startswith(path)]

    def send(self) -> None:
        with Http(retries=1, backoff_s=0) as http:
            server = HttpServer(f"{self.server.url}/lfs", http, lambda url: {})
            for send in server.lacking([self.pointer]).values():
                send(self.path, lambda count: None, lambda why: None)


@pytest.fixture
def scripted(tmp_path: Path) -> Iterator[Scripted]:
    with answering() as server:
        yield Scripted(server, tmp_path)


def test_a_transfer_that_was_not_offered_is_refused(scripted):
    scripted.batches = [scripted.batch(transfer="tus")]
    with pytest.raises(TransferError, match="other than a multipart or basic transfer"):
        scripted.send()


def test_etags_go_back_as_they_came_and_in_order(scripted):
    etags = {"1": '"aaa"', "2": 'W/"bbb"'}
    scripted.part = lambda handler: reply(200, ETag=etags[handler.path[6]])(handler)
    scripted.send()
    [said] = scripted.asked("/complete?")
    assert json.loads(said.body) == {
        "oid": scripted.pointer.oid,
        "parts": [{"partNumber": 1, "etag": '"aaa"'}, {"partNumber": 2, "etag": 'W/"bbb"'}],
    }
    sent = {asked.path[6]: asked.body for asked in scripted.asked("/part/")}
    assert sent["1"] + sent["2"] == scripted.path.read_bytes()
    assert all("authorization" not in asked.headers for asked in scripted.server.asked)


@pytest.mark.parametrize("etag", ["", " ", "x" * 500, 'a"b"c'])
def test_an_etag_that_cannot_be_one_is_refused(scripted, etag):
    scripted.part = reply(200, ETag=etag)
    with pytest.raises(TransferError, match="no ETag"):
        scripted.send()
    assert scripted.asked("/complete") == []


def test_a_server_that_begins_another_upload_instead_is_not_followed(scripted):
    scripted.batches.append(scripted.batch(upload_id="u-2"))
    scripted.part = reply(403)
    with pytest.raises(TransferError, match="began another upload"):
        scripted.send()
    assert json.loads(scripted.asked("/lfs/")[-1].body)["upload_id"] == "u-1"
    assert scripted.asked("/complete") == []


def test_a_server_that_wants_no_parts_any_more_is_not_followed(scripted):
    scripted.batches.append(scripted.batch(transfer="basic"))
    scripted.part = reply(403)
    with pytest.raises(TransferError, match="no fresh addresses"):
        scripted.send()


def test_a_file_that_is_shorter_than_its_object_is_not_sent(scripted):
    scripted.path.write_bytes(b"short")
    with pytest.raises(TransferError, match="has 5 bytes"):
        scripted.send()
    assert scripted.asked("/part/") == []


@pytest.mark.parametrize(
    ("part", "completion"), [(500, 200), (400, 200), (403, 200), (200, 200), (200, 400)]
)
def test_secrets_of_part_addresses_show_nowhere(scripted, caplog, part, completion):
    caplog.set_level(logging.DEBUG)

    def quoting(status: int) -> Reply:
        return lambda handler: reply(status, {"msg": f"no: {handler.path}"}, ETag='"a"')(handler)

    scripted.batches += [scripted.batch() for _ in range(3)]
    scripted.part, scripted.completion = quoting(part), quoting(completion)
    with pytest.raises((TransferError, HubHTTPError), match="no: /") as caught:
        scripted.send()
    shown = "".join(traceback.format_exception(caught.value)) + caplog.text
    shown += repr(caught.value) + str(vars(caught.value))
    assert "/part/1" in caplog.text
    for secret in ("s3cr3tt0ken99", "f00dfeed77", "c0ffee7777"):
        assert secret not in shown


def test_token_and_part_addresses_are_not_left_in_the_clone(place, repo):
    committed(repo, content(12))
    place.hub.faults.add("PUT", f"/{place.name}/.*/3$", Answer(403))
    repo.lfs_enable_largefiles()
    command = repo.git_push(blocking=False)[1].wait(300)
    send_home(command)
    assert place.tip() == repo.git_head_hash()
    needles = [place.token.encode(), b"_parts/", b"uploadId", b"complete_multipart"]
    for path in Path(repo.local_dir, ".git").rglob("*"):
        if path.is_file() and "objects" not in path.parts:
            kept = path.read_bytes()
            assert not [needle for needle in needles if needle in kept], path


# -- memory ----------------------------------------------------------------------------------------

_SEND = """
import sys
from pathlib import Path
from csgrepo.http import Http
from csgrepo.lfs.multipart import Upload
from csgrepo.lfs.parts import Plan
from csgrepo.lfs.pointer import Pointer
from csgrepo.lfs.unfinished import Unfinished

url, path, chunk = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
size = path.stat().st_size
urls = {str(n): f"{url}/part/{n}" for n in range(1, -(-size // chunk) + 1)}
action = {"href": f"{url}/complete?uploadId=u", "header": {"chunk_size": str(chunk), **urls}}
moved = []
with Http() as http:
    plan = Plan.read(Pointer("ab" * 32, size), action)
    Upload(http, plan, Unfinished(None, url).begin(plan), path, moved.append).run()
assert sum(moved) == size
status = Path("/proc/self/status").read_text()
print(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))
"""


class Swallowing(BaseHTTPRequestHandler):
    """Takes parts and forgets them."""

    protocol_version = "HTTP/1.1"
    swallowed = 0
    lock = threading.Lock()

    def log_message(self, *args: object) -> None:
        pass

    def do_PUT(self) -> None:
        left = int(self.headers["Content-Length"])
        with Swallowing.lock:
            Swallowing.swallowed += left
        while left:
            left -= len(self.rfile.read(min(left, 1 << 20)))
        self._done({"ETag": '"x"'})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._done({})

    def _done(self, headers: dict[str, str]) -> None:
        self.send_response(200)
        for name, value in {**headers, "Content-Length": "0"}.items():
            self.send_header(name, value)
        self.end_headers()


@pytest.mark.skipif(sys.platform != "linux", reason="what a process used at most is in /proc")
def test_memory_stays_bounded_however_large_the_object(tmp_path):
    size = 1 << 30
    path = tmp_path / "sparse"
    with path.open("wb") as stream:
        stream.truncate(size)
    with ThreadingHTTPServer(("127.0.0.1", 0), Swallowing) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            url = f"http://127.0.0.1:{server.server_port}"
            chunk = 50 * 1024 * 1024
            sent = subprocess.run(
                [sys.executable, "-c", _SEND, url, path, str(chunk)],
                env=os.environ,
                capture_output=True,
                check=False,
                timeout=300,
                text=True,
            )
        finally:
            server.shutdown()
            thread.join()
    assert sent.returncode == 0, sent.stderr
    assert Swallowing.swallowed == size
    assert int(sent.stdout) < 80 * 1024  # KiB
