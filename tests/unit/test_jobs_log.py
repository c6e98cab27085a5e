from __future__ import annotations

import os
from pathlib import Path

import pytest

from csgrepo.jobs.log import JobLog, read_own, read_said
from csgrepo.redact import Secret

TOKEN = "tok-4f3e2d1c0b9a8877"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "1.log"


def test_log_when_read_then_tells_our_lines_from_what_was_said(path: Path) -> None:
    log = JobLog(path)
    log.say("job 1: push main")
    log.hear("remote: 检查 objects\nremote: 50%\rremote: 100%\r\nno end".encode())
    log.say("done\nreally")
    log.close()
    assert read_said(path) == "remote: 检查 objects\nremote: 50%\nremote: 100%\nno end\n"
    assert [line.split(" | ")[1] for line in read_own(path).splitlines()] == [
        "job 1: push main",
        "done",
        "really",
    ]


def test_log_when_a_line_is_not_ended_then_the_ended_ones_can_be_read(path: Path) -> None:
    log = JobLog(path)
    log.hear(b"one\ntwo\nthr")
    assert read_said(path) == "one\ntwo\n"
    log.hear(b"ee\n")
    assert read_said(path) == "one\ntwo\nthree\n"
    log.close()


def test_log_when_a_secret_comes_in_pieces_then_is_masked(path: Path) -> None:
    secret = Secret(TOKEN)
    log = JobLog(path)
    for letter in f"token {TOKEN}, and again {TOKEN}\n":
        log.hear(letter.encode())
    log.say(f"retrying with {secret.reveal()}")
    log.close()
    assert TOKEN not in path.read_text()
    assert read_said(path) == "token ****, and again ****\n"
    assert "retrying with ****" in read_own(path)


@pytest.mark.parametrize("before", [4090, 4096, 4106, 4116])
def test_log_when_a_line_has_no_end_then_is_written_with_no_secret_cut_in_two(
    path: Path, before: int
) -> None:
    secret = Secret(TOKEN)
    log = JobLog(path)
    text = b"x" * (1024 * 1024 + 1 - before) + TOKEN.encode() + b"y" * (before - len(TOKEN))
    log.hear(text)
    assert path.stat().st_size > 1024 * 1024 - 20_000
    log.close()
    written = path.read_bytes()
    assert written == text.replace(secret.reveal().encode(), b"****") + b"\n"


def test_log_when_long_then_its_end_is_read(path: Path) -> None:
    log = JobLog(path)
    log.hear(b"".join(b"line %d\n" % number for number in range(200_000)))
    log.close()
    said = read_said(path)
    assert said.endswith("line 199998\nline 199999\n")
    assert said.startswith("line 1")
    assert len(said) <= 256 * 1024


def test_log_when_it_cannot_be_written_then_nothing_is_raised(tmp_path: Path) -> None:
    (tmp_path / "logs").touch()
    log = JobLog(tmp_path / "logs" / "1.log")
    log.hear(b"one\n")
    log.say("two")
    log.close()
    assert read_said(tmp_path / "logs" / "1.log") == ""


def test_log_when_the_disk_is_full_then_nothing_is_raised(path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    path.parent.mkdir()
    os.symlink("/dev/full", path)
    log = JobLog(path)
    log.hear(b"one\n")
    log.say("two")
    log.close()


def test_log_when_opened_again_then_goes_on(path: Path) -> None:
    for number in (b"1\n", b"2\n"):
        log = JobLog(path)
        log.hear(number)
        log.close()
    assert read_said(path) == "1\n2\n"
