from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Account
from tests.functional.cli import as_json, csgrepo, inside


@pytest.fixture
def endpoint(account: Account, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("CSGHUB_ENDPOINT", account.endpoint)
    return account.endpoint


@pytest.fixture
def kept(home: Path) -> Path:
    return home / ".csghub" / "token"


@pytest.mark.usefixtures("endpoint")
@pytest.mark.parametrize("by", ["option", "stdin"])
def test_login_when_token_is_good_then_kept_for_the_next_command(
    account: Account, kept: Path, by: str
) -> None:
    args = ("login", "--token", account.token) if by == "option" else ("login",)
    done = csgrepo(*args, stdin="" if by == "option" else f"{account.token}\n")

    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == f"signed in as {account.name}\n"
    assert kept.read_text().split()[-1] == account.token
    assert kept.stat().st_mode & 0o777 == 0o600
    assert csgrepo("whoami").stdout == f"{account.name}\n"
    assert json.loads(csgrepo("whoami", "--json").stdout)["name"] == account.name


@pytest.mark.usefixtures("endpoint")
def test_login_when_on_a_terminal_then_asks_without_showing_the_token(
    account: Account, kept: Path
) -> None:
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "csgrepo", "login"],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    shown = b""
    try:
        while b"Access token:" not in shown:
            shown += os.read(master, 4096)
        os.write(master, f"{account.token}\n".encode())
        while b"signed in" not in shown:
            shown += os.read(master, 4096)
        assert process.wait(100) == 0
    finally:
        process.kill()
        process.wait()
        os.close(master)

    assert account.token.encode() not in shown
    assert kept.read_text().split()[-1] == account.token


@pytest.mark.usefixtures("endpoint")
def test_login_when_token_is_wrong_then_3_and_what_was_kept_stays(
    account: Account, kept: Path
) -> None:
    csgrepo("login", stdin=account.token)
    done = csgrepo("login", stdin="0123456789abcdef0123456789abcdef\n")

    assert done.returncode == 3
    assert "csgrepo login" in done.stderr
    assert "0123456789abcdef" not in done.stderr
    assert kept.read_text().split()[-1] == account.token


@pytest.mark.usefixtures("endpoint")
def test_login_when_there_is_neither_terminal_nor_token_then_said_and_2(kept: Path) -> None:
    done = csgrepo("login", stdin="")

    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert not kept.exists()


def test_login_and_logout_when_the_environment_has_a_token_then_say_that_it_goes_first(
    account: Account, kept: Path
) -> None:
    line = ("--endpoint", account.endpoint)
    into = inside("login", *line, stdin=f"{account.token}\n", CSGHUB_TOKEN="f" * 32)
    out = inside("logout", *line, CSGHUB_TOKEN="f" * 32)

    assert (into.returncode, out.returncode, kept.exists()) == (0, 0, False)
    assert "CSGHUB_TOKEN is set in the environment, and goes before" in into.stderr
    assert "CSGHUB_TOKEN is set in the environment, and goes on" in out.stderr


@pytest.mark.usefixtures("endpoint")
def test_logout_when_signed_in_then_forgotten(account: Account, kept: Path) -> None:
    csgrepo("login", stdin=account.token)
    first, second = csgrepo("logout"), csgrepo("logout")

    assert (first.returncode, first.stderr) == (0, "signed out\n")
    assert (second.returncode, second.stderr) == (0, "no token was kept\n")
    assert not kept.exists()
    assert csgrepo("whoami").returncode == 3


def test_whoami_when_hub_does_not_answer_then_6(signed_in: Account) -> None:
    done = csgrepo("whoami", CSGHUB_ENDPOINT="http://127.0.0.1:9")

    assert done.returncode == 6
    assert "http://127.0.0.1:9" in done.stderr
    assert signed_in.token not in done.stderr


def test_whoami_when_reader_is_gone_then_quiet(signed_in: Account) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "csgrepo", "whoami"],
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
        text=True,
    )
    os.close(writing)

    assert signed_in.name not in done.stderr
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize("flag", ["-t", "-k", "--token"])
def test_login_when_endpoint_is_named_then_kept_for_that_hub_alone(
    account: Account, kept: Path, flag: str
) -> None:
    done = inside("login", flag, account.token, "--endpoint", account.endpoint)

    assert (done.returncode, done.stderr) == (0, f"signed in as {account.name}\n")
    assert inside("whoami", "-e", account.endpoint).stdout == f"{account.name}\n"
    assert account.endpoint in kept.read_text()
    other = account.endpoint.replace("127.0.0.1", "localhost")  # the same hub, by another name
    assert inside("whoami", "-e", other).returncode == 3
    assert inside("logout", "all").returncode == 2
    assert inside("login", flag, account.token, "-e", "http://127.0.0.1:9").returncode == 6
    assert as_json("logout", "-e", account.endpoint) == {"was_kept": True}
    assert as_json("logout", "-e", account.endpoint) == {"was_kept": False}


def test_login_when_token_comes_through_a_pipe_then_json_says_who(
    account: Account, endpoint: str
) -> None:
    done = inside("login", "--token-stdin", "--json", stdin=f"{account.token}\nignored\n")

    assert json.loads(done.stdout)["name"] == account.name
    assert account.token not in done.stdout + done.stderr
    assert as_json("whoami")["name"] == account.name
    assert as_json("whoami", "-k", account.token)["name"] == account.name


@pytest.mark.usefixtures("endpoint")
def test_login_when_there_is_no_keyring_then_said_and_nothing_is_kept(
    account: Account, kept: Path
) -> None:
    done = inside("login", "-k", account.token, "--keyring")

    assert done.returncode != 0
    assert "keyring" in done.stderr
    assert account.token not in done.stderr
    assert not kept.exists()


@pytest.mark.usefixtures("endpoint")
def test_account_when_locale_is_chinese_then_spoken_to_in_it(account: Account) -> None:
    signed_in = inside("login", stdin=account.token, LANG="zh_CN.UTF-8")
    wrong = inside("whoami", "-k", "0123456789abcdef0123456789abcdef", LANG="zh_CN.UTF-8")
    signed_out = inside("logout", LANG="zh_CN.UTF-8")

    assert signed_in.stderr == f"已登录：{account.name}\n"
    assert wrong.returncode == 3
    assert wrong.stderr.splitlines()[-1] == "没有令牌、令牌无效，或令牌没有此权限。"
    assert signed_out.stderr == "已退出登录\n"


def test_words_when_the_encoding_has_no_chinese_then_english() -> None:
    done = csgrepo("logout", LANG="zh_CN.UTF-8", PYTHONIOENCODING="ascii")

    assert done.stderr == "no token was kept\n"
