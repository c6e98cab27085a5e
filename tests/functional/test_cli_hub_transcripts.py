"""``csgrepo hub`` as programs read it, and what each kind of failure ends with."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from csgrepo.server import Answer, Hub
from tests.functional.cli import as_json, check, ends_when_told, inside, running


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Hub]:
    """A hub of the test's own, with a user."""
    with Hub(tmp_path / "模型 hub") as hub:
        hub.add_user("wanda")
        yield hub


def store(hub: Hub, token: str, content: bytes) -> Path:
    """Make a repository with an LFS object, and return the hub's file of it."""
    headers = {"Authorization": f"Bearer {token}"}
    made = requests.post(
        f"{hub.url}/api/v1/models", json={"name": "bert"}, headers=headers, timeout=30
    )
    assert made.status_code == 200, made.text
    oid = hashlib.sha256(content).hexdigest()
    body = {"operation": "upload", "objects": [{"oid": oid, "size": len(content)}]}
    url = f"{hub.url}/models/wanda/bert.git/info/lfs/objects/batch"
    (found,) = requests.post(url, json=body, headers=headers, timeout=30).json()["objects"]
    upload = found["actions"]["upload"]
    sent = requests.put(upload["href"], data=content, headers=upload.get("header", {}), timeout=30)
    assert sent.status_code == 200, sent.text
    return hub.lfs_path("wanda/bert", oid)


def test_serve_when_json_then_its_address_in_a_line(tmp_path: Path) -> None:
    root = tmp_path / "hub"
    with running("hub", "serve", "--root", str(root), "--json") as process:
        assert process.stdout
        told = json.loads(process.stdout.readline())
        check(told, "hub-serve")
        status = as_json("hub", "status", "--root", str(root))
        rest, _ = ends_when_told(process)

    assert (status["url"], status["pid"]) == (told["url"], process.pid)
    assert (process.returncode, rest) == (0, "")


def test_accounts_when_json_then_what_was_made_and_no_more(own: Hub) -> None:
    root = ("--root", str(own.root))
    before = time.time()
    user = as_json("hub", "user", "add", "peter", "--email", "peter@hub.test", *root)
    made = as_json("hub", "token", "create", "peter", "ci 笔记本", "--days", "2", *root)
    listed = as_json("hub", "token", "list", "peter", *root)
    gone = as_json("hub", "token", "revoke", "peter", "ci 笔记本", *root)

    assert user["user"] == "peter"
    assert made == {"user": "peter", "name": "ci 笔记本", "token": made["token"]}
    assert [one["hint"] for one in listed] == [user["token"][:4], made["token"][:4]]
    assert listed[1]["expires_at"] >= before + 2 * 86400
    assert made["token"] not in json.dumps(listed)
    assert gone == {"user": "peter", "name": "ci 笔记本"}
    assert [one["name"] for one in as_json("hub", "token", "list", "peter", *root)] == [
        listed[0]["name"]
    ]


def test_status_when_json_then_numbers_and_code_by_state(own: Hub) -> None:
    root = ("--root", str(own.root))
    whole = as_json("hub", "status", *root)
    fault = own.faults.add("GET", "/healthz", Answer(503), times=None)
    silent = as_json("hub", "status", *root, code=6)
    own.faults.remove(fault)
    url = own.url
    own.stop()
    ended = as_json("hub", "status", *root, code=1)

    assert (whole["running"], whole["answers"], whole["url"]) == (True, True, url)
    assert whole["inventory"]["users"] == 1
    assert (silent["running"], silent["answers"], silent["pid"]) == (True, False, os.getpid())
    assert (ended["running"], ended["answers"], ended["pid"]) == (False, False, None)


def test_backup_when_json_then_what_it_holds_and_what_it_lacks(own: Hub, tmp_path: Path) -> None:
    content = os.urandom(1000)
    stored = store(own, own.add_user("wanda"), content)
    root = ("--root", str(own.root))
    whole = as_json("hub", "backup", str(tmp_path / "one"), *root)
    stored.write_bytes(bytes(1000))
    damaged = as_json("hub", "backup", str(tmp_path / "two"), *root, code=7)

    assert whole == {
        "folder": str(tmp_path / "one"),
        "repositories": 1,
        "objects": 1,
        "object_bytes": 1000,
        "elsewhere": "",
        "problems": [],
    }
    assert len(damaged["problems"]) == 1
    assert stored.name in damaged["problems"][0]


def test_hub_when_a_line_or_the_folder_is_wrong_then_2_and_nothing_is_made(
    own: Hub, tmp_path: Path
) -> None:
    root, nothing = ("--root", str(own.root)), ("--root", str(tmp_path / "nothing"))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").touch()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        lines = [
            (("serve", "--port", port), port),
            (("serve", *root), "another hub is using"),
            (("serve", "--port", "many"), "--port"),
            (("user", "add", "bad name", *root), "bad name"),
            (("user", "add", "wanda"), "--root"),
            (("token", "create", "nobody", "ci", *root), "'nobody'"),
            (("token", "create", "wanda", "ci", "--days", "0", *root), "--days"),
            (("token", "create", "wanda", "ci", *nothing), "not a hub's folder"),
            (("token", "list", "nobody", *root), "'nobody'"),
            (("token", "list", "wanda", *nothing), "not a hub's folder"),
            (("token", "revoke", "wanda", "none", *root), "'none'"),
            (("token", "revoke", "wanda", "none", *nothing), "not a hub's folder"),
            (("status", *nothing), "not a hub's folder"),
            (("status",), "--root"),
            (("backup", str(tmp_path / "copy"), *nothing), "not a hub's folder"),
            (("backup", str(tmp_path / "full"), *root), "full"),
            (("backup", *root), "TARGET"),
        ]
        for words, said in lines:
            done = inside("hub", *words, "--json")
            assert (done.returncode, done.stdout) == (2, ""), (words, done.stderr)
            assert said in done.stderr, words
    assert sorted(path.name for path in (tmp_path / "full").iterdir()) == ["mine.txt"]
    assert not (tmp_path / "nothing").exists()
    assert not (tmp_path / "copy").exists()
    assert as_json("hub", "status", *root)["inventory"]["users"] == 1
