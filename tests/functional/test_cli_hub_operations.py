"""``csgrepo hub`` for those who run one: tokens, status, backup, and where to point what."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import threading
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from csgrepo.server import Hub
from tests.functional.cli import csgrepo, ends_when_told, running
from tests.stock import StockGit


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def create(hub: Hub, token: str, name: str = "first", **more: object) -> None:
    body = {"name": name, **more}
    made = requests.post(f"{hub.url}/api/v1/models", json=body, headers=bearer(token), timeout=30)
    assert made.status_code == 200, made.text


def knows(hub: Hub, token: str) -> bool:
    url = f"{hub.url}/csg/api/whoami-v2"
    return requests.get(url, headers=bearer(token), timeout=30).status_code == 200


def test_tokens_are_made_listed_and_revoked_while_the_hub_runs(tmp_path: Path) -> None:
    with Hub(tmp_path / "hub") as hub:
        hub.add_user("wanda")
        root = ("--root", str(hub.root))
        token = csgrepo("hub", "token", "create", "wanda", "laptop 笔记本", *root).stdout.strip()
        short = csgrepo("hub", "token", "create", "wanda", "ci", "--days", "7", *root)
        assert knows(hub, token)
        assert knows(hub, short.stdout.strip())
        again = csgrepo("hub", "token", "create", "wanda", "ci", *root)
        assert (again.returncode, again.stdout) == (2, "")
        assert "'ci'" in again.stderr
        listed = csgrepo("hub", "token", "list", "wanda", *root).stdout
        told = [
            json.loads(line)
            for line in csgrepo("hub", "token", "list", "wanda", "--json", *root).stdout.split("\n")
            if line
        ]
        gone = csgrepo("hub", "token", "revoke", "wanda", "laptop 笔记本", *root)
        assert (gone.returncode, gone.stdout) == (0, "")
        assert not knows(hub, token)
        assert csgrepo("hub", "token", "revoke", "wanda", "laptop 笔记本", *root).returncode == 2
    assert [item["name"] for item in told][1:] == ["laptop 笔记本", "ci"]
    assert told[1]["expires_at"] is None
    assert 7 * 86400 - 300 < told[2]["expires_at"] - told[2]["created_at"] <= 7 * 86400
    assert f"laptop 笔记本\t{token[:4]}..." in listed
    assert token not in listed + json.dumps(told)


def test_an_administrator_is_made_and_unmade(tmp_path: Path) -> None:
    root = ("--root", str(tmp_path / "hub"))

    def roles(*options: str) -> list[str]:
        token = csgrepo("hub", "user", "add", "wanda", *root, *options).stdout.strip()
        answer = requests.get(
            f"{hub.url}/api/v1/user/wanda",
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
        )
        return answer.json()["data"]["roles"]

    with Hub(tmp_path / "hub") as hub:
        told = [roles(), roles("--admin"), roles(), roles("--no-admin")]

    assert told == [[], ["admin"], ["admin"], []]


def test_what_is_no_hub_or_no_user_is_said_and_nothing_is_made(tmp_path: Path) -> None:
    nothing = tmp_path / "nothing"
    for command in (
        ("token", "list", "wanda"),
        ("token", "create", "wanda", "x"),
        ("status",),
        ("backup", str(tmp_path / "copy")),
    ):
        done = csgrepo("hub", *command, "--root", str(nothing))
        assert (done.returncode, "not a hub's folder" in done.stderr) == (2, True)
    assert not nothing.exists()
    assert not (tmp_path / "copy").exists()
    with Hub(tmp_path / "hub") as hub:
        done = csgrepo("hub", "token", "list", "nobody", "--root", str(hub.root))
    assert (done.returncode, "'nobody'" in done.stderr) == (2, True)


@pytest.mark.parametrize("command", ["serve", "token list wanda", "status", "backup copy"])
def test_a_damaged_database_is_said_to_be_one_and_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "hub"
    folder.mkdir()
    damaged = os.urandom(5000)
    (folder / "hub.sqlite3").write_bytes(damaged)

    done = csgrepo("hub", *command.split(), "--root", "hub")

    assert (done.returncode, done.stdout) == (2, "")
    assert "hub.sqlite3 is damaged, or is no hub's database" in done.stderr
    assert "Traceback" not in done.stderr
    assert (folder / "hub.sqlite3").read_bytes() == damaged
    assert [path.name for path in tmp_path.iterdir() if "copy" in path.name] == []


def test_status_when_running_then_address_and_numbers(tmp_path: Path) -> None:
    with Hub(tmp_path / "hub") as hub:
        create(hub, hub.add_user("wanda"))
        told = csgrepo("hub", "status", "--root", str(hub.root))
        facts = json.loads(csgrepo("hub", "status", "--json", "--root", str(hub.root)).stdout)
        assert (facts["url"], facts["pid"], facts["answers"]) == (hub.url, os.getpid(), True)
    assert told.returncode == 0
    assert f"running at {facts['url']}" in told.stdout
    assert "1 model" in told.stdout
    assert facts["inventory"]["repositories"]["model"] == facts["inventory"]["users"] == 1


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_status_when_the_hub_was_killed_then_not_running_and_1(tmp_path: Path) -> None:
    root = str(tmp_path / "hub")
    with running("hub", "serve", "--root", root) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        process.wait(60)
        told = csgrepo("hub", "status", "--root", root)
    assert told.returncode == 1
    assert "not running" in told.stdout


def test_status_when_the_hub_does_not_answer_then_6(tmp_path: Path) -> None:
    from csgrepo.server import Answer

    with Hub(tmp_path / "hub") as hub:
        hub.faults.add("GET", "/healthz", Answer(503))
        told = csgrepo("hub", "status", "--root", str(hub.root))
    assert told.returncode == 6
    assert "does not answer" in told.stdout


def test_serve_says_where_to_point_each_program(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    with running(
        "hub", "serve", "--faults", "--access-log", str(log), "--url", "http://hub.test"
    ) as process:
        assert process.stdout.readline() == "http://hub.test\n"
        _, told = ends_when_told(process)
    for part in (
        "CSGHUB_ENDPOINT=http://hub.test",
        "git clone http://hub.test/models/",
        "CSGHUB_DOMAIN=http://hub.test",
        "HF_ENDPOINT=http://hub.test/hf",
        "HF_HUB_DISABLE_XET=1",  # the hub has no routes for it, as CSGHub has none
        "csgrepo hub user add NAME --root",
        "http://hub.test/_admin/faults",
        "Authorization: Bearer ",
    ):
        assert part in told
    assert log.exists()


def test_serve_with_faults_when_told_to_by_its_own_directions(tmp_path: Path) -> None:
    with running("hub", "serve", "--faults") as process:
        url = process.stdout.readline().strip()
        while "Bearer" not in (line := process.stderr.readline()):
            assert line, "it said nothing of an admin token"
        header = line.partition("'")[2].partition("'")[0]
        name, _, value = header.partition(": ")
        order = urllib.request.Request(
            f"{url}/_admin/faults",
            data=b'{"effect": "rate-limit", "path": "/healthz"}',
            headers={name: value},
        )
        with urllib.request.urlopen(order, timeout=30) as answer:
            assert answer.status == 200
        with pytest.raises(urllib.error.HTTPError, match="429"):
            urllib.request.urlopen(f"{url}/healthz", timeout=30)
        ends_when_told(process)


def push(hub: Hub, token: str, git: StockGit, content: bytes, name: str = "first") -> str:
    """Push a large file and a small one with stock git-lfs; return the commit."""
    create(hub, token, name, private=True)
    address = hub.url.replace("://", f"://wanda:{token}@")
    git("clone", "--quiet", f"{address}/models/wanda/{name}.git", f"work-{name}")
    work = git.at(f"work-{name}")
    (work.cwd / "模型.bin").write_bytes(content)
    (work.cwd / "note.txt").write_text("small")
    work("add", "--all")
    work("commit", "--quiet", "--message", "weights")
    work("push", "--quiet")
    work("push", "--quiet", "origin", "main:dev/branch")
    return work("rev-parse", "HEAD")


def test_a_backup_of_a_running_hub_is_served_with_everything(tmp_path, stock_lfs: StockGit):
    content = os.urandom(300_000)
    copy = tmp_path / "备份 copy"
    with Hub(tmp_path / "hub") as hub:
        token = hub.add_user("wanda")
        commit = push(hub, token, stock_lfs, content)
        create(hub, token, "second", description="with words")
        told = csgrepo("hub", "backup", str(copy), "--root", str(hub.root))
        assert hub.requests  # still at work
        create(hub, token, "later")
    assert (told.returncode, told.stderr) == (0, "")
    assert "2 repositories, 1 LFS objects" in told.stdout
    shutil.rmtree(tmp_path / "hub")
    with Hub(copy) as hub:
        address = hub.url.replace("://", f"://wanda:{token}@")
        stock_lfs("clone", "--quiet", f"{address}/models/wanda/first.git", "again")
        again = stock_lfs.at("again")
        assert (again.cwd / "模型.bin").read_bytes() == content
        assert again("rev-parse", "HEAD") == again("rev-parse", "origin/dev/branch") == commit
        models = f"{hub.url}/api/v1/models"
        shown = requests.get(f"{models}/wanda/second", headers=bearer(token), timeout=30)
        assert shown.json()["data"]["description"] == "with words"
        gone = requests.get(f"{models}/wanda/later", headers=bearer(token), timeout=30)
        assert gone.status_code == 404
        (again.cwd / "more.txt").write_text("the copy takes pushes")
        again("add", "--all")
        again("commit", "--quiet", "--message", "more")
        again("push", "--quiet")


def test_a_backup_taken_while_pushes_come_in_is_sound(tmp_path, stock_lfs: StockGit):
    from csgrepo.server.operation.backup import back_up

    stop = threading.Event()
    with Hub(tmp_path / "hub") as hub:
        token = hub.add_user("wanda")
        push(hub, token, stock_lfs, b"begin")
        work = stock_lfs.at("work-first")
        pushed = threading.Semaphore(0)

        def keep_pushing() -> None:
            number = 0
            while not stop.is_set():
                number += 1
                (work.cwd / "模型.bin").write_bytes(b"%d" % number * 1000)
                work("commit", "--quiet", "--all", "--message", f"{number}")
                work("push", "--quiet")
                pushed.release()

        pushing = threading.Thread(target=keep_pushing)
        pushing.start()
        try:
            assert pushed.acquire(timeout=300)
            made = [back_up(hub.root, tmp_path / f"copy{number}") for number in range(2)]
        finally:
            stop.set()
            pushing.join(300)
    for backup in made:
        assert backup.problems == []
        with Hub(backup.folder) as hub:
            address = hub.url.replace("://", f"://wanda:{token}@")
            name = f"from-{backup.folder.name}"
            stock_lfs("clone", "--quiet", f"{address}/models/wanda/first.git", name)
            stock_lfs.at(name)("lfs", "fsck")


@pytest.mark.skipif(os.name == "nt", reason="needs a named pipe")
def test_a_repository_deleted_while_it_is_copied_is_left_out(tmp_path, stock_lfs: StockGit):
    from csgrepo.server.operation.backup import back_up

    with Hub(tmp_path / "hub") as hub, ThreadPoolExecutor(1) as pool:
        token = hub.add_user("wanda")
        push(hub, token, stock_lfs, b"stays")
        create(hub, token, "second")
        number = hub.git_dir("wanda/second").stem
        empty = hashlib.sha256(b"").hexdigest()
        first = hub.root / "lfs" / number / empty[:2] / empty[2:4] / empty
        first.parent.mkdir(parents=True)
        os.mkfifo(first)  # the copy waits here, after the commits and before the next object
        later = hub.root / "lfs" / number / "ff" / "ff" / ("f" * 64)
        later.parent.mkdir(parents=True)
        later.write_bytes(b"gone by then")

        copying = pool.submit(back_up, hub.root, tmp_path / "copy")
        with first.open("wb"):
            gone = requests.delete(
                f"{hub.url}/api/v1/models/wanda/second", headers=bearer(token), timeout=30
            )
            assert gone.status_code == 200
        made = copying.result(60)

    assert (made.problems, made.repositories, made.objects) == ([], 1, 1)
    assert not (made.folder / "git" / f"{number}.git").exists()
    assert not (made.folder / "lfs" / number).exists()
    with Hub(made.folder) as hub:
        shown = [
            requests.get(
                f"{hub.url}/api/v1/models/wanda/{name}", headers=bearer(token), timeout=30
            ).status_code
            for name in ("first", "second")
        ]
    assert shown == [200, 404]


def test_a_damaged_object_is_named_and_the_rest_is_saved(tmp_path, stock_lfs: StockGit):
    good, bad = os.urandom(1000), os.urandom(2000)
    with Hub(tmp_path / "hub") as hub:
        token = hub.add_user("wanda")
        push(hub, token, stock_lfs, good)
        push(hub, token, stock_lfs, bad, "second")
        oid = hashlib.sha256(bad).hexdigest()
        path = hub.lfs_path("wanda/second", oid)
        path.write_bytes(bytes(2000))
        told = csgrepo("hub", "backup", str(tmp_path / "copy"), "--root", str(hub.root))
    assert told.returncode == 7
    assert f"not in the copy: model wanda/second: the bytes of LFS object {oid}" in told.stderr
    with Hub(tmp_path / "copy") as hub:
        assert hub.lfs_path("wanda/first", hashlib.sha256(good).hexdigest()).read_bytes() == good
        assert not hub.lfs_path("wanda/second", oid).exists()
        # The hub asks for the missing object again, so that the next push mends it.
        body = {"operation": "upload", "objects": [{"oid": oid, "size": 2000}]}
        batch = requests.post(
            f"{hub.url}/models/wanda/second.git/info/lfs/objects/batch",
            json=body,
            headers=bearer(token),
            timeout=30,
        )
        assert "upload" in batch.json()["objects"][0]["actions"]


def test_a_broken_repository_is_named_and_the_rest_is_saved(tmp_path, stock_lfs: StockGit):
    with Hub(tmp_path / "hub") as hub:
        token = hub.add_user("wanda")
        push(hub, token, stock_lfs, b"good")
        push(hub, token, stock_lfs, b"bad", "second")
        for path in hub.git_dir("wanda/second").glob("objects/??/*"):
            path.unlink()
        for path in hub.git_dir("wanda/second").glob("objects/pack/*.pack"):
            path.unlink()
        told = csgrepo("hub", "backup", str(tmp_path / "copy"), "--root", str(hub.root))
    assert told.returncode == 7
    assert "not in the copy: model wanda/second" in told.stderr
    assert "1 repositories" in told.stdout


@pytest.mark.parametrize("there", ["file", "full folder"])
def test_a_backup_never_overwrites(tmp_path: Path, there: str) -> None:
    target = tmp_path / "copy"
    if there == "file":
        target.write_text("precious")
    else:
        target.mkdir()
        (target / "precious").touch()
    with Hub(tmp_path / "hub") as hub:
        done = csgrepo("hub", "backup", str(target), "--root", str(hub.root))
    assert done.returncode == 2
    assert "choose another" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir() if "part" in path.name) == []
    assert target.is_file() or [path.name for path in target.iterdir()] == ["precious"]


@pytest.mark.skipif(os.name != "posix", reason="permission bits")
def test_a_backup_is_for_its_owners_eyes_only(tmp_path: Path) -> None:
    with Hub(tmp_path / "hub") as hub:
        hub.add_user("wanda")
        assert csgrepo("hub", "backup", str(tmp_path / "copy"), "--root", str(hub.root))
    assert (tmp_path / "copy").stat().st_mode & 0o077 == 0
    assert (tmp_path / "copy/hub.sqlite3").stat().st_mode & 0o077 == 0
