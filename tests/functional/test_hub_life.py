"""The embedded hub's life: start, stop, kill, restart, and what it leaves behind."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
import requests

from csgrepo.errors import InvalidInput
from csgrepo.git.runner import git_version
from csgrepo.server import Hub
from csgrepo.server.http.limits import GIT_PROCESSES
from tests.functional.jobs_clone import until
from tests.stock import StockGit

SERVE = """
import sys
from csgrepo.server import Hub
def tell(hub):
    print(hub.url, hub.add_user("wanda"), flush=True)
Hub(sys.argv[1]).serve_forever(tell)
print("stopped", flush=True)
"""


@contextmanager
def served(root: Path) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """Run a hub in a process of its own."""
    child = subprocess.Popen(
        [sys.executable, "-c", SERVE, root], stdout=subprocess.PIPE, text=True
    )  # fmt: skip
    with child:
        try:
            url, token = child.stdout.readline().split()
            yield child, url, token
        finally:
            child.kill()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def create(url: str, token: str, name: str = "first-model", **more: object) -> None:
    body = {"name": name, **more}
    made = requests.post(f"{url}/api/v1/models", json=body, headers=bearer(token), timeout=30)
    assert made.status_code == 200, made.text


def upload(url: str, token: str, content: bytes, name: str = "first-model") -> str:
    oid = hashlib.sha256(content).hexdigest()
    base = f"{url}/models/wanda/{name}.git/info/lfs"
    put = f"{base}/objects/{oid}/{len(content)}"
    assert requests.put(put, data=content, headers=bearer(token), timeout=30).status_code == 200
    said = {"oid": oid, "size": len(content)}
    done = requests.post(f"{base}/verify", json=said, headers=bearer(token), timeout=30)
    assert done.status_code == 200
    return oid


def download(url: str, token: str, oid: str, size: int) -> requests.Response:
    said = {"operation": "download", "objects": [{"oid": oid, "size": size}]}
    batch = f"{url}/models/wanda/first-model.git/info/lfs/objects/batch"
    found = requests.post(batch, json=said, headers=bearer(token), timeout=30).json()["objects"][0]
    assert "actions" in found, found
    return requests.get(found["actions"]["download"]["href"], timeout=30)


@pytest.fixture
def threads_end(hub: Hub) -> Iterator[None]:
    """Fail a test that leaves a hub's thread behind; the shared hub may have its own."""
    before = set(threading.enumerate())

    def left() -> set[threading.Thread]:
        return set(threading.enumerate()) - before - hub._backend.workers._threads._threads

    yield
    until(lambda: not left(), "the threads to end")


@pytest.mark.usefixtures("threads_end")
def test_a_temporary_hub_leaves_nothing():
    with Hub() as hub:
        root, port = hub.root, hub.port
        token = hub.add_user("wanda")
        create(hub.url, token)
        upload(hub.url, token, b"content")
        assert root.is_dir()
        assert root.stat().st_mode & 0o077 == 0 or os.name != "posix"
    assert not root.exists()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
    with Hub(port=port) as again:
        assert requests.get(f"{again.url}/healthz", timeout=60).status_code == 200


@pytest.mark.usefixtures("threads_end")
def test_it_stops_quickly_with_idle_and_busy_connections_open():
    with Hub() as hub:
        token = hub.add_user("wanda")
        create(hub.url, token)
        with requests.Session() as idle, socket.create_connection(("127.0.0.1", hub.port)) as busy:
            assert idle.get(f"{hub.url}/healthz", timeout=60).status_code == 200
            busy.sendall(
                f"PUT /models/wanda/first-model.git/info/lfs/objects/{'0' * 64}/1000 HTTP/1.1\r\n"
                f"Host: x\r\nAuthorization: Bearer {token}\r\nContent-Length: 1000\r\n"
                "Expect: 100-continue\r\n\r\n".encode()
            )
            assert busy.recv(100).startswith(b"HTTP/1.1 100")
            began = time.monotonic()
            hub.stop()
            assert time.monotonic() - began < 30  # those who are idle may stay for 75 seconds


def test_it_listens_on_loopback_and_may_be_started_twice():
    hub = Hub()
    with pytest.raises(InvalidInput, match="not running"):
        _ = hub.url
    hub.stop()
    for _ in range(2):
        assert hub.start() is hub.start()
        assert hub.url == f"http://127.0.0.1:{hub.port}"
        hub.stop()


def test_two_hubs_cannot_share_a_folder_or_a_port(tmp_path):
    with Hub(tmp_path / "root") as hub:
        with pytest.raises(InvalidInput, match="another hub is using"):
            Hub(tmp_path / "root").start()
        with pytest.raises(InvalidInput, match="cannot listen"):
            Hub(tmp_path / "other", port=hub.port).start()
    with Hub(tmp_path / "root"):
        pass


def test_a_folder_of_a_later_version_is_left_alone(tmp_path):
    import sqlite3

    with Hub(tmp_path):
        pass
    with sqlite3.connect(tmp_path / "hub.sqlite3") as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(InvalidInput, match="later csgrepo"):
        Hub(tmp_path).start()


def test_everything_survives_a_restart(tmp_path, stock_lfs: StockGit):
    content = os.urandom(500_000)
    with Hub(tmp_path / "root") as hub:
        token = hub.add_user("wanda")
        create(hub.url, token, private=True, license="mit")
        address = hub.url.replace("://", f"://wanda:{token}@")
        stock_lfs("clone", "--quiet", f"{address}/models/wanda/first-model.git", "work")
        work = stock_lfs.at("work")
        (work.cwd / "w.bin").write_bytes(content)
        work("add", "--all")
        work("commit", "--quiet", "--message", "weights")
        work("push", "--quiet")
    with Hub(tmp_path / "root") as hub:
        address = hub.url.replace("://", f"://wanda:{token}@")
        stock_lfs("clone", "--quiet", f"{address}/models/wanda/first-model.git", "again")
        assert (stock_lfs.cwd / "again/w.bin").read_bytes() == content
        shown = requests.get(f"{hub.url}/api/v1/models/wanda/first-model", headers=bearer(token),
                             timeout=30).json()["data"]  # fmt: skip
        assert (shown["private"], shown["license"]) == (True, "mit")
        assert hub.add_user("wanda") != token


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_kill_9_in_the_middle_of_an_upload_leaves_no_object(tmp_path):
    root = tmp_path / "root"
    done, half = os.urandom(300_000), os.urandom(8_000_000)
    oid = hashlib.sha256(half).hexdigest()
    with served(root) as (child, url, token):
        create(url, token)
        kept = upload(url, token, done)

        def body() -> Iterator[bytes]:
            yield half[:5_000_000]
            deadline = time.monotonic() + 60
            while not any(part.stat().st_size > 1_000_000 for part in (root / "tmp").iterdir()):
                assert time.monotonic() < deadline, "nothing arrives"
                threading.Event().wait(0.01)
            child.send_signal(signal.SIGKILL)
            child.wait(60)
            yield half[5_000_000:]

        put = f"{url}/models/wanda/first-model.git/info/lfs/objects/{oid}/{len(half)}"
        with pytest.raises(requests.exceptions.ConnectionError):
            requests.put(put, data=body(), headers=bearer(token), timeout=30)
    assert list((root / "tmp").iterdir())  # what the killed hub had to leave
    with Hub(root) as hub:
        assert list((root / "tmp").iterdir()) == []
        assert not list(root.rglob(oid))
        assert download(hub.url, token, kept, len(done)).content == done
        assert upload(hub.url, token, half) == oid


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_kill_9_after_a_push_keeps_the_push(tmp_path, git: StockGit):
    root = tmp_path / "root"
    with served(root) as (child, url, token):
        create(url, token)
        address = url.replace("://", f"://wanda:{token}@")
        git("clone", "--quiet", f"{address}/models/wanda/first-model.git", "work")
        work = git.at("work")
        work("commit", "--quiet", "--allow-empty", "--message", "kept")
        work("push", "--quiet")
        child.kill()
        child.wait(60)
    with Hub(root) as hub:
        bare = git.at(hub.git_dir("wanda/first-model"))
        assert bare("rev-parse", "main") == work("rev-parse", "HEAD")
        bare("fsck", "--strict")


@pytest.mark.skipif(git_version() < (2, 36), reason="git tells it from 2.36 on")
def test_commits_and_refs_are_on_the_disk_before_success_is_told(
    tmp_path, git: StockGit, monkeypatch
):
    """A power cut cannot be had here; git tells what it has flushed."""
    told = tmp_path / "told"
    told.mkdir()
    with Hub() as hub:
        token = hub.add_user("wanda")
        create(hub.url, token)
        address = hub.url.replace("://", f"://wanda:{token}@")
        git("clone", "--quiet", f"{address}/models/wanda/first-model.git", "work")
        git.at("work")("commit", "--quiet", "--allow-empty", "--message", "kept")
        monkeypatch.setenv("GIT_TRACE2_EVENT", str(told))
        git.at("work")("push", "--quiet")
    flushed = set()
    for path in told.iterdir():
        events = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        names = {event.get("name") for event in events if event["event"] == "cmd_name"}
        if any(event.get("key") == "fsync/hardware-flush" for event in events):
            flushed |= names
    assert {"receive-pack", "unpack-objects"} <= flushed


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_serve_forever_cleanly(tmp_path, number):
    with served(tmp_path / "root") as (child, url, _):
        child.send_signal(number)
        assert child.wait(60) == 0
        assert child.stdout.read() == "stopped\n"
        with pytest.raises(requests.exceptions.ConnectionError):
            requests.get(f"{url}/healthz", timeout=60)


def wait_for_end(connection: socket.socket) -> None:
    """Return once the hub has hung up; after the socket's timeout fail."""
    with suppress(ConnectionError):
        while connection.recv(1000):  # git begins its answer at once
            pass


def test_clients_that_fall_silent_do_not_keep_git_from_the_others(tmp_path, git: StockGit):
    with Hub(silence_s=1) as hub, ExitStack() as connections:
        create(hub.url, hub.add_user("wanda"))
        begun = (
            "POST /models/wanda/first-model.git/git-upload-pack HTTP/1.1\r\nHost: localhost\r\n"
            "Content-Type: application/x-git-upload-pack-request\r\nContent-Length: 100\r\n\r\n0011"
        )
        for _ in range(GIT_PROCESSES):
            silent = socket.create_connection(("127.0.0.1", hub.port), timeout=60)
            connections.enter_context(silent)
            silent.sendall(begun.encode())
        assert "refs/heads/main" in git("ls-remote", f"{hub.url}/models/wanda/first-model.git")
        wait_for_end(silent)


def test_connections_that_ask_nothing_are_closed():
    with Hub(silence_s=0.5) as hub, ExitStack() as connections:
        for said in (b"", b"GET /healthz HTTP/1.1\r\nHost: local"):
            idle = socket.create_connection(("127.0.0.1", hub.port), timeout=60)
            connections.enter_context(idle)
            idle.sendall(said)
            wait_for_end(idle)


def test_leftovers_of_deleted_repositories_are_swept(tmp_path):
    with Hub(tmp_path) as hub:
        token = hub.add_user("wanda")
        create(hub.url, token)
        upload(hub.url, token, b"content")
        number = hub.git_dir("wanda/first-model").stem
        shutil.copytree(tmp_path / "git" / f"{number}.git", tmp_path / "git" / "77.git")
        (tmp_path / "lfs" / "77").mkdir()
    with Hub(tmp_path) as hub:
        assert [path.name for path in (tmp_path / "git").iterdir()] == [f"{number}.git"]
        assert [path.name for path in (tmp_path / "lfs").iterdir()] == [number]
        gone = requests.delete(f"{hub.url}/api/v1/models/wanda/first-model",
                               headers=bearer(token), timeout=30)  # fmt: skip
        assert gone.status_code == 200
        assert list((tmp_path / "git").iterdir()) == list((tmp_path / "lfs").iterdir()) == []
        create(hub.url, token)
        assert hub.git_dir("wanda/first-model").stem != number  # numbers are never used again


def test_no_token_is_kept_logged_or_recorded(tmp_path, stock_lfs: StockGit, caplog):
    caplog.set_level(logging.DEBUG)
    with Hub(tmp_path / "root") as hub:
        token = hub.add_user("wanda")
        create(hub.url, token, private=True)
        address = hub.url.replace("://", f"://wanda:{token}@")
        stock_lfs("clone", "--quiet", f"{address}/models/wanda/first-model.git", "work")
        work = stock_lfs.at("work")
        (work.cwd / "w.bin").write_bytes(b"x" * 1000)
        work("add", "--all")
        work("commit", "--quiet", "--message", "weights")
        work("push", "--quiet")
        requests.get(f"{hub.url}/api/v1/token/{token}", timeout=60)
        requests.get(f"{hub.url}/api/v1/token/{token}x", timeout=60)
        requests.get(f"{hub.url}/{token}?token={token}", timeout=60)
        oid = hashlib.sha256(b"x" * 1000).hexdigest()
        signed = download(hub.url, token, oid, 1000).url
        recorded = repr(list(hub.requests))
        root_files = [path for path in hub.root.rglob("*") if path.is_file()]
        assert len(root_files) > 10
        for path in root_files:
            assert token.encode() not in path.read_bytes(), path
    ours = (record for record in caplog.records if not record.name.startswith("urllib3"))
    logged = "\n".join(record.getMessage() for record in ours)
    secrets = (token, signed.rpartition("sig=")[2])
    assert "first-model" in recorded
    assert "/_objects/models/wanda/first-model" in logged
    for secret in secrets:
        assert secret not in recorded
        assert secret not in logged


def test_nothing_is_written_outside_the_root(tmp_path, git: StockGit):
    outside = {path: path.stat().st_mtime_ns for path in Path(os.environ["HOME"]).rglob("*")}
    with Hub(tmp_path / "root") as hub:
        token = hub.add_user("wanda")
        create(hub.url, token)
        requests.get(f"{hub.url}/api/v1/models/wanda/first-model/tree", timeout=30)
        git("ls-remote", f"{hub.url}/models/wanda/first-model.git")
    after = {path: path.stat().st_mtime_ns for path in Path(os.environ["HOME"]).rglob("*")}
    assert after == outside
    assert {path.name for path in (tmp_path / "root").iterdir()} == {
        "git", "hooks", "hub.lock", "hub.sqlite3", "lfs", "tmp"
    }  # fmt: skip


def test_requests_are_recorded(hub, account):
    body = b'{"name": "noted"}'
    made = requests.post(f"{hub.url}/api/v1/models", data=body, timeout=30,
                         headers=bearer(account.token))  # fmt: skip
    path = f"/models/{account.name}/noted"
    requests.get(hub.url + path + "?secret=1", timeout=30)
    seen = hub.requests.wait_for("GET", f"^{path}$")
    assert (seen.status, seen.authorized, seen.body_bytes_received) == (200, False, 0)
    posts = [r for r in hub.requests if r.method == "POST" and r.body_bytes_received == len(body)]
    assert posts[-1].authorized
    assert posts[-1].body_bytes_sent == len(made.content)
    assert hub.requests.wait_for("GET", "no such path", 0.01) is None


def test_an_unforeseen_failure_is_answered_and_logged(caplog):
    with Hub() as hub:
        token = hub.add_user("wanda")
        create(hub.url, token)
        shutil.rmtree(hub.git_dir("wanda/first-model"))
        answer = requests.get(f"{hub.url}/api/v1/models/wanda/first-model/branches", timeout=30)
        assert (answer.status_code, answer.json()["code"]) == (500, "SYS-ERR-0")
        assert requests.get(f"{hub.url}/healthz", timeout=60).status_code == 200
    assert "branches failed" in caplog.text
