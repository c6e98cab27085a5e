"""Stock git and git-lfs with csgrepo as their transfer agent."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests

from csgrepo.errors import NotARepository
from csgrepo.git.callback import python_command
from csgrepo.repository import transfer_agent
from csgrepo.server import Answer, Hub, Stall
from tests import small_parts
from tests.answering import Handler, answering, reply, serving
from tests.functional.cli import csgrepo
from tests.functional.jobs_clone import PATIENCE_S, until
from tests.small_parts import Place, content
from tests.stock import RemoteRepository, StockGit


@pytest.fixture(scope="module")
def small_hub() -> Iterator[Hub]:
    with small_parts.serving() as hub:
        yield hub


@pytest.fixture
def place(small_hub: Hub) -> Place:
    return small_parts.place(small_hub)


def cloned(stock: StockGit, remote: RemoteRepository) -> StockGit:
    """Clone with stock git, and hand large files to csgrepo."""
    stock.sign_in(remote)
    stock("clone", "--quiet", remote.url, "work")
    work = stock.at("work")
    transfer_agent.enable(work.cwd)
    work("lfs", "track", "*.bin")
    return work


def committed(work: StockGit, **files: bytes) -> None:
    for name, data in files.items():
        (work.cwd / f"{name}.bin").write_bytes(data)
    work("add", ".")
    work("commit", "--quiet", "-m", "Add weights")


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


# -- stock git push --------------------------------------------------------------------------------


@pytest.mark.parametrize("parts", [12, 101])
def test_stock_git_pushes_in_parts_byte_for_byte(place, stock_lfs, parts):
    data = content(parts)
    work = cloned(stock_lfs, place.remote)
    committed(work, weights=data)

    work("push", "--quiet", "origin", "HEAD:main")

    assert place.stored(data) == data
    assert place.asked("PUT", "/_parts/") == parts
    assert place.asked("PUT", "/info/lfs/objects/") == 0
    assert place.asked("POST", "/complete_multipart") == 1
    assert place.asked("POST", "/info/lfs/verify") == 1
    assert place.tip() == work("rev-parse", "HEAD")


def test_several_files_go_through_several_agents(place, stock_lfs):
    files = {f"w{number}": content(number) for number in range(1, 6)}
    work = cloned(stock_lfs, place.remote)
    committed(work, **files)
    work("push", "--quiet", "origin", "HEAD:main")
    assert all(place.stored(data) == data for data in files.values())
    stock_lfs("clone", "--quiet", "--branch", "main", place.remote.url, "copy")
    assert (stock_lfs.cwd / "copy" / "w5.bin").read_bytes() == files["w5"]


def test_expired_addresses_are_renewed_from_within_git_lfs(place, stock_lfs):
    data = content(12)
    work = cloned(stock_lfs, place.remote)
    committed(work, weights=data)
    fault = place.hub.faults.add("PUT", f"/{place.name}/.*/7$", Answer(403))
    work("push", "--quiet", "origin", "HEAD:main")
    assert fault.hits == 1
    assert place.stored(data) == data


def test_what_the_server_refuses_is_shown_by_git_lfs_and_no_ref_is_pushed(place, stock_lfs):
    work = cloned(stock_lfs, place.remote)
    committed(work, weights=content(3), other=content(2))
    before = place.tip()
    oid = digest((work.cwd / "weights.bin").read_bytes())
    words = Answer(400, body=b'{"msg":"the bucket is closed on Sundays"}')
    place.hub.faults.add("PUT", f"/{place.name}/{oid}/2$", words, times=None)

    pushed = work.run("push", "origin", "HEAD:main")

    said = pushed.stderr.decode()
    assert pushed.returncode != 0
    assert "the bucket is closed on Sundays" in said
    assert "[400]" in said
    assert place.tip() == before
    assert place.token not in said
    # The agent went on with the other object.
    assert place.stored((work.cwd / "other.bin").read_bytes())

    place.hub.faults.clear()
    work("push", "--quiet", "origin", "HEAD:main")
    assert place.tip() == work("rev-parse", "HEAD")


def test_a_completion_that_is_refused_with_200_fails_the_push(place, stock_lfs):
    work = cloned(stock_lfs, place.remote)
    committed(work, weights=content(3))
    before = place.tip()
    answer = Answer(200, body=b'{"msg":"invalid signature"}')
    place.hub.faults.add("POST", "/complete_multipart", answer, times=None)
    pushed = work.run("push", "origin", "HEAD:main")
    assert pushed.returncode != 0
    assert b"invalid signature" in pushed.stderr
    assert place.tip() == before


def test_nothing_of_the_work_tree_is_run_as_csgrepo(place, stock_lfs, tmp_path):
    work = cloned(stock_lfs, place.remote)
    trap = f"open({str(tmp_path / 'sprung')!r}, 'w')\n"
    (work.cwd / "csgrepo").mkdir()
    (work.cwd / "csgrepo" / "__init__.py").write_text(trap)
    for name in ("json", "click", "requests", "runpy"):
        (work.cwd / f"{name}.py").write_text(trap)
    data = content(2)
    committed(work, weights=data)
    work("push", "--quiet", "origin", "HEAD:main")
    assert place.stored(data) == data
    assert not (tmp_path / "sprung").exists()


def test_the_agent_is_found_with_an_empty_path_and_from_a_subfolder(place, stock_lfs):
    data = content(2)
    work = cloned(stock_lfs, place.remote)
    committed(work, weights=data)
    (work.cwd / "sub").mkdir()
    folders = [Path(folder) for folder in os.environ["PATH"].split(os.pathsep)]
    kept = [str(folder) for folder in folders if not (folder / "csgrepo").exists()]
    path = os.pathsep.join(kept)
    work.at("sub")("lfs", "push", "origin", "--all", PATH=path)
    assert place.stored(data) == data
    assert place.asked("PUT", "/_parts/") == 2


def test_token_and_part_addresses_are_not_left_in_the_clone(place, stock_lfs):
    work = cloned(stock_lfs, place.remote)
    committed(work, weights=content(3))
    work("push", "--quiet", "origin", "HEAD:main")
    for path in (work.cwd / ".git").rglob("*"):
        if path.is_file() and "objects" not in path.parts:
            kept = path.read_bytes()
            assert place.token.encode() not in kept
            assert b"uploadId" not in kept


def test_a_server_that_knows_only_basic_still_answers_basic(
    peer_remote: Callable[..., RemoteRepository], stock_lfs: StockGit
) -> None:
    remote = peer_remote()
    data = content(3)
    asked = requests.post(
        f"{remote.url}/info/lfs/objects/batch",
        json={
            "operation": "upload",
            "transfers": ["multipart", "basic"],
            "objects": [{"oid": digest(data), "size": len(data)}],
        },
        headers={"Accept": "application/vnd.git-lfs+json"},
        auth=(remote.username, remote.password),
        timeout=300,
    )
    assert asked.json()["transfer"] == "basic"
    work = cloned(stock_lfs, remote)
    committed(work, weights=data)
    work("push", "--quiet", "origin", "HEAD:main")
    kept = remote.object_path(digest(data))
    assert kept is not None
    assert kept.read_bytes() == data


def test_what_the_agent_says_of_its_progress_is_shown_by_git_lfs(place, stock_lfs, tmp_path):
    data = content(40)
    work = cloned(stock_lfs, place.remote)
    committed(work, weights=data)
    log = tmp_path / "progress"
    work("push", "--quiet", "origin", "HEAD:main", GIT_LFS_PROGRESS=str(log))
    last = log.read_text().splitlines()[-1]
    assert last == f"upload 1/1 {len(data)}/{len(data)} weights.bin"


def test_killed_after_part_27_of_40_the_next_push_sends_the_rest(place, stock_lfs):
    data = content(40)
    work = cloned(stock_lfs, place.remote)
    committed(work, weights=data)
    records = work.cwd / ".git" / "csgrepo" / "uploads"
    hold = threading.Event()
    late = f"/{place.name}/.*/(2[89]|3[0-9]|40)$"
    place.hub.faults.add("PUT", late, Stall(event=hold), times=None)

    def noted() -> int:
        return sum(path.read_bytes().count(b'"etag"') for path in records.glob("*"))

    pushing = subprocess.Popen(
        ["git", "push", "--quiet", "origin", "HEAD:main"], cwd=work.cwd, start_new_session=True
    )
    until(lambda: noted() == 27, "27 parts to arrive")
    os.killpg(pushing.pid, signal.SIGKILL)
    pushing.wait()
    place.hub.faults.clear()
    hold.set()
    assert place.tip() != work("rev-parse", "HEAD")
    place.hub.requests.clear()

    work("push", "--quiet", "origin", "HEAD:main")

    # What was under way when it was killed may have arrived in full, unheard.
    assert set(parts_taken(place)) == set(range(28, 41))
    assert place.asked("POST", "/complete_multipart") == 1
    assert place.stored(data) == data
    assert place.tip() == work("rev-parse", "HEAD")
    assert list(records.iterdir()) == []


def parts_taken(place: Place) -> list[int]:
    return [
        int(request.path.rpartition("/")[2])
        for request in place.hub.requests
        if request.method == "PUT" and f"/{place.name}/" in request.path and request.status == 200
    ]


def test_two_pushes_of_the_same_files_at_once_both_arrive(place, stock_lfs):
    files = {f"w{number}": content(12 + number) for number in range(3)}
    stock_lfs.sign_in(place.remote)
    pushes = []
    for name in ("one", "two"):
        stock_lfs("clone", "--quiet", place.remote.url, name)
        work = stock_lfs.at(name)
        transfer_agent.enable(work.cwd)
        work("lfs", "track", "*.bin")
        committed(work, **files)
        command = ["git", "push", "--quiet", "origin", f"HEAD:refs/heads/{name}"]
        pushes.append(subprocess.Popen(command, cwd=work.cwd, stderr=subprocess.PIPE))
    for pushing in pushes:
        said = pushing.communicate(timeout=300)[1]
        assert pushing.returncode == 0, said.decode()
    assert all(place.stored(data) == data for data in files.values())


# -- downloads -------------------------------------------------------------------------------------


def test_git_lfs_downloads_through_the_agent_where_the_server_says_so(stock_lfs, tmp_path):
    data = content(40)
    stock_lfs("init", "--quiet", "work")
    work = stock_lfs.at("work")
    transfer_agent.enable(work.cwd)
    work("lfs", "track", "*.bin")
    committed(work, weights=data)
    stored = work.cwd / ".git" / "lfs" / "objects"
    for path in stored.rglob(digest(data)):
        path.unlink()
    with answering() as server:
        entry = {"oid": digest(data), "size": len(data)}
        entry["actions"] = {"download": {"href": f"{server.url}/file?sig=f00d"}}
        answer = {"transfer": "multipart", "objects": [entry]}
        batch = reply(200, answer, Content_Type="application/vnd.git-lfs+json")
        file = serving(data)
        server.default = lambda handler: (file if handler.command == "GET" else batch)(handler)
        work("config", "lfs.url", server.url)
        work("lfs", "fetch")
        agents = [asked for asked in server.asked if asked.path.startswith("/file")]
    assert agents[0].headers["user-agent"].startswith("csgrepo/")
    assert next(stored.rglob(digest(data))).read_bytes() == data
    work("lfs", "fsck")


# -- the protocol by hand --------------------------------------------------------------------------


class Talk:
    """An agent, spoken to line by line."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            python_command("csgrepo", "lfs-multipart-upload"),
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

        self.say({"event": "init", "operation": "upload", "remote": "origin", "concurrent": True})
        assert self.hear() == {}

    def __enter__(self) -> Talk:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def say(self, message: object) -> None:
        assert self.process.stdin
        line = message if isinstance(message, bytes) else json.dumps(message).encode()
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()

    def hear(self) -> dict[str, object]:
        assert self.process.stdout
        return json.loads(self.process.stdout.readline())

    def ask(self, message: object) -> tuple[list[dict[str, object]], dict[str, object]]:
        """Return the progress, and what came at its end."""
        self.say(message)
        progress = []
        while (answer := self.hear()).get("event") == "progress":
            progress.append(answer)
        return progress, answer


@pytest.fixture
def talk(git: StockGit) -> Iterator[Talk]:
    git("init", "--quiet", "here")
    with Talk(git.cwd / "here") as talk:
        yield talk


def upload(place: Place, path: Path, data: bytes) -> dict[str, object]:
    path.write_bytes(data)
    answer = place.batch("upload", digest(data), len(data)).json()["objects"][0]
    return {
        "event": "upload",
        "oid": digest(data),
        "size": len(data),
        "path": str(path),
        "action": answer["actions"]["upload"],
    }


def test_progress_adds_up_and_the_end_is_said_once(talk, place, tmp_path):
    data = content(12)
    progress, end = talk.ask(upload(place, tmp_path / "object", data))
    assert end == {"event": "complete", "oid": digest(data)}
    assert sum(step["bytesSinceLast"] for step in progress) == len(data)
    assert progress[-1]["bytesSoFar"] == len(data)
    assert place.stored(data) == data


def test_errors_are_answers_and_the_agent_lives_on(talk, place, tmp_path):
    data = content(3)
    good = upload(place, tmp_path / "object", data)
    bad = [
        ({**good, "path": str(tmp_path / "absent")}, "No such file"),
        ({**good, "path": None}, "names no file"),
        ({**good, "size": 5}, "are 1 parts, not 3"),
        ({**good, "size": "many"}, "not the size"),
        ({**good, "oid": "../../etc/passwd"}, "not an object id"),
        ({**good, "action": None}, "cannot be followed"),
        ({**good, "action": {"href": "file:///etc/passwd", "header": {}}}, "no HTTP address"),
        ({**good, "event": "download", "action": None}, "does not offer"),
        ({**good, "event": "download", "action": {"href": "ftp://x"}}, "without an HTTP address"),
    ]
    for message, words in bad:
        _, end = talk.ask(message)
        assert (end["event"], end["oid"]) == ("complete", message["oid"])
        assert words in end["error"]["message"], end
        assert end["error"]["code"] > 0
    for line in (b"no JSON", b"[1]", b'{"event": "dance"}'):
        assert "no such event" in talk.ask(line)[1]["error"]["message"]

    assert talk.ask(good)[1] == {"event": "complete", "oid": digest(data)}
    talk.say({"event": "terminate"})
    out, err = talk.process.communicate(timeout=300)
    assert (talk.process.returncode, out, err) == (0, b"", b"")


def test_the_agent_ends_when_git_lfs_is_gone(talk):
    out, err = talk.process.communicate(timeout=300)
    assert (talk.process.returncode, out, err) == (0, b"", b"")


def test_a_download_arrives_beside_the_store_or_leaves_nothing(talk, tmp_path):
    data = content(300)
    message = {"event": "download", "oid": digest(data), "size": len(data)}
    with answering() as server:
        message["action"] = {"href": f"{server.url}/file", "header": {"Authorization": "Bearer x"}}
        server.default = serving(data)
        progress, end = talk.ask(message)
        assert server.asked[0].headers["authorization"] == "Bearer x"
        server.default = serving(data[:-1] + b"?")
        _, spoiled = talk.ask(message)
        server.default = serving(data[:-1])
        _, short = talk.ask(message)
    path = Path(end["path"])
    assert path.parent == tmp_path / "here" / ".git" / "lfs" / "tmp"
    assert path.read_bytes() == data
    assert sum(step["bytesSinceLast"] for step in progress) == len(data)
    assert "hashes to" in spoiled["error"]["message"]
    assert "bytes" in short["error"]["message"]
    assert list(path.parent.iterdir()) == [path]


@dataclass
class Slow:
    """A file server that sends half of the file, and the rest of it when it is told to."""

    data: bytes
    half_sent: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)

    def __call__(self, handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(self.data)))
        handler.end_headers()
        middle = len(self.data) // 2
        handler.wfile.write(self.data[:middle])
        self.half_sent.set()
        self.go_on.wait(PATIENCE_S)
        with contextlib.suppress(OSError):
            handler.wfile.write(self.data[middle:])


def test_a_download_that_was_killed_is_gone_on_with(talk, tmp_path):
    data = os.urandom(4 * 2**20)
    incomplete = tmp_path / "here" / ".git" / "lfs" / "incomplete"
    with answering() as server:
        server.default = slow = Slow(data)
        action = {"href": f"{server.url}/file", "header": {"Authorization": "Bearer x"}}
        message = {"event": "download", "oid": digest(data), "size": len(data), "action": action}
        talk.say(message)
        until(lambda: sum(path.stat().st_size for path in incomplete.glob("*")) > 2**20)
        talk.process.kill()
        talk.process.wait()
        [part] = incomplete.iterdir()
        kept = part.stat().st_size
        server.default = serving(data)

        with Talk(tmp_path / "here") as again:
            progress, end = again.ask(message)
        slow.go_on.set()

        assert server.asked[-1].headers["range"] == f"bytes={kept}-"
    assert Path(end["path"]).read_bytes() == data
    assert sum(step["bytesSinceLast"] for step in progress) == len(data)
    assert list(incomplete.iterdir()) == []


@pytest.mark.parametrize("left", [b"spoiled" * 9, bytes(500_000)])
def test_what_a_crash_left_in_a_download_is_not_trusted(talk, tmp_path, left):
    data = content(100)
    incomplete = tmp_path / "here" / ".git" / "lfs" / "incomplete"
    incomplete.mkdir(parents=True)
    (incomplete / f"csgrepo-{digest(data)}.part").write_bytes(left)
    with answering() as server:
        server.default = serving(data)
        action = {"href": f"{server.url}/file"}
        message = {"event": "download", "oid": digest(data), "size": len(data), "action": action}
        progress, end = talk.ask(message)
    assert Path(end["path"]).read_bytes() == data
    assert progress[-1]["bytesSoFar"] == len(data)


def test_two_agents_that_fetch_the_same_object_do_not_share_a_file(talk, tmp_path):
    data = os.urandom(4 * 2**20)
    with answering() as server:
        server.default = slow = Slow(data)
        action = {"href": f"{server.url}/file"}
        message = {"event": "download", "oid": digest(data), "size": len(data), "action": action}
        talk.say(message)
        assert slow.half_sent.wait(PATIENCE_S)
        server.default = serving(data)
        with Talk(tmp_path / "here") as other:
            _, theirs = other.ask(message)
        slow.go_on.set()
        while (ours := talk.hear())["event"] == "progress":
            pass
    assert ours["path"] != theirs["path"]
    assert Path(ours["path"]).read_bytes() == Path(theirs["path"]).read_bytes() == data
    assert list((tmp_path / "here" / ".git" / "lfs" / "incomplete").iterdir()) == []


def test_an_agent_that_is_interrupted_says_no_more_than_that(talk, place, tmp_path):
    hold = threading.Event()
    fault = place.hub.faults.add("PUT", f"/{place.name}/", Stall(event=hold), times=None)
    talk.say(upload(place, tmp_path / "object", content(2)))
    until(lambda: fault.hits == 2)
    talk.process.send_signal(signal.SIGINT)
    out, err = talk.process.communicate(timeout=PATIENCE_S)
    hold.set()
    assert (talk.process.returncode, err.strip()) == (130, b"csgrepo: interrupted")
    assert b"complete" not in out


# -- the settings ----------------------------------------------------------------------------------


def test_the_command_writes_to_that_clone_only(git, home):
    git("init", "--quiet", "模型 1")
    before = git.run("config", "--global", "--list").stdout
    done = csgrepo("lfs-enable-largefiles", str(git.cwd / "模型 1"))
    assert done.returncode == 0, done.stderr
    work = git.at("模型 1")
    section = "lfs.customtransfer.multipart"
    assert work("config", "--local", f"{section}.path") == sys.executable
    assert work("config", "--local", f"{section}.args").endswith(" lfs-multipart-upload")
    assert work("config", "--local", f"{section}.concurrent") == "true"
    assert git.run("config", "--global", "--list").stdout == before
    csgrepo("lfs-enable-largefiles", str(work.cwd))  # twice is as good as once
    assert work("config", "--local", "--get-all", f"{section}.path") == sys.executable


def test_a_folder_that_is_no_repository_is_refused(tmp_path):
    (tmp_path / "plain").mkdir()
    with pytest.raises(NotARepository):
        transfer_agent.enable(tmp_path / "plain")
    done = csgrepo("lfs-enable-largefiles", str(tmp_path / "plain"))
    assert done.returncode == 2
    assert "not a Git repository" in done.stderr
