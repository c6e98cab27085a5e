from __future__ import annotations

import json
import signal
import socket
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.functional.cli import csgrepo, ends_when_told, inside, running


def whoami(url: str, token: str) -> str:
    request = urllib.request.Request(
        f"{url}/csg/api/whoami-v2", headers={"Authorization": f"Bearer {token}"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)["name"]


def is_free(url: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", urlsplit(url).port)) != 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
def test_hub_serve_when_told_to_end_then_port_free_and_folder_gone(
    number: signal.Signals, code: int, tmp_path: Path
) -> None:
    with running("hub", "serve") as process:
        url = process.stdout.readline().strip()
        assert not is_free(url)
        rest, told = ends_when_told(process, number)

    assert process.returncode == code
    assert (rest, "Traceback" in told) == ("", False)
    assert is_free(url)
    assert list((tmp_path / "tmp").iterdir()) == []


def test_hub_user_add_when_hub_is_up_then_token_works_at_once_and_after_a_restart(
    tmp_path: Path,
) -> None:
    root = str(tmp_path / "模型 hub")
    with running("hub", "serve", "--root", root) as process:
        url = process.stdout.readline().strip()
        added = csgrepo("hub", "user", "add", "wanda", "--root", root)
        token = added.stdout.strip()
        assert whoami(url, token) == "wanda"
        ends_when_told(process)
    with running("hub", "serve", "--root", root) as process:
        url = process.stdout.readline().strip()
        assert whoami(url, token) == "wanda"
        ends_when_told(process)

    assert added.stdout == f"{token}\n"
    assert len(token) == 32


def test_hub_serve_when_folder_is_in_use_then_said_and_2(tmp_path: Path) -> None:
    root = str(tmp_path / "hub")
    with running("hub", "serve", "--root", root) as process:
        process.stdout.readline()
        done = csgrepo("hub", "serve", "--root", root)
        ends_when_told(process)

    assert done.returncode == 2
    assert "another hub is using" in done.stderr


def test_hub_serve_when_there_is_no_such_port_then_2() -> None:
    done = inside("hub", "serve", "--port", "99999")

    assert (done.returncode, "--port is wrong" in done.stderr) == (2, True)


def test_hub_serve_when_port_is_taken_then_said_and_2() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = csgrepo("hub", "serve", "--port", str(port))

    assert done.returncode == 2
    assert f"port {port}" in done.stderr
