"""A token is kept once the hub has said whose it is, and never asked for on a terminal."""

from __future__ import annotations

import contextlib
import io
import logging
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from csgrepo import config, errors
from csgrepo.hub import HubApi, login, logout, whoami
from csgrepo.redact import Secret

if TYPE_CHECKING:
    from tests.conftest import Account


@pytest.fixture
def at_hub(account: Account, monkeypatch: pytest.MonkeyPatch) -> Account:
    """A user of the hub that the environment names; nobody is signed in."""
    monkeypatch.setenv("CSGHUB_ENDPOINT", account.endpoint)
    return account


def test_login_keeps_the_token_for_later(at_hub: Account) -> None:
    who = login(at_hub.token)

    assert who.name == at_hub.name
    assert whoami() == who
    assert HubApi().create_repo("bert").repo_id == f"{at_hub.name}/bert"
    assert config.settings().token_path.read_text() == f"{at_hub.endpoint} {at_hub.token}\n"


def test_login_at_another_address_than_the_environments(account: Account) -> None:
    assert login(Secret(account.token), endpoint=f"{account.endpoint}/").name == account.name


def test_login_with_a_wrong_token_keeps_what_was_kept(at_hub: Account) -> None:
    login(at_hub.token)

    with pytest.raises(errors.Unauthorized):
        login("f" * 32)

    assert whoami().name == at_hub.name


@pytest.mark.parametrize("token", ["", " ", "a b", "a\nb"])
def test_login_refuses_what_cannot_be_a_token(at_hub: Account, token: str) -> None:
    with pytest.raises(errors.InvalidInput):
        login(token)

    assert not config.settings().token_path.exists()


def test_login_never_asks(at_hub: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    class Untouched(io.StringIO):
        def readline(self, *args: object) -> str:
            raise AssertionError("standard input was read")

    monkeypatch.setattr("sys.stdin", Untouched())

    with pytest.raises(errors.InvalidInput, match="csgrepo login"):
        login()


def test_login_reads_standard_input_when_told_to(
    at_hub: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{at_hub.token}\nmore\n"))

    assert login(from_stdin=True).name == at_hub.name


def test_login_asks_on_a_terminal_when_told_to(
    at_hub: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr(
        "getpass.getpass", lambda words: at_hub.token if at_hub.endpoint in words else ""
    )

    assert login(prompt=True).name == at_hub.name
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(errors.InvalidInput, match="no terminal"):
        login(prompt=True)


def test_hubs_side_by_side(at_hub: Account) -> None:
    other = at_hub.endpoint.replace("127.0.0.1", "localhost")  # another host, by its name
    login(at_hub.token)

    with pytest.raises(errors.Unauthorized):
        whoami(endpoint=other)
    login(at_hub.token, endpoint=other)
    assert whoami(endpoint=other).name == at_hub.name
    assert logout(endpoint=other) is True
    assert whoami().name == at_hub.name


def test_two_that_log_in_at_once_to_two_hubs_keep_both_tokens(at_hub: Account) -> None:
    hubs = [at_hub.endpoint, at_hub.endpoint.replace("127.0.0.1", "localhost")]
    program = (
        "import sys; from csgrepo import login; input(); login(sys.argv[1], endpoint=sys.argv[2])"
    )
    with contextlib.ExitStack() as stack:
        started = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", program, at_hub.token, hub], stdin=subprocess.PIPE
                )
            )
            for hub in hubs
        ]
        for process in started:
            process.stdin.write(b"\n")
            process.stdin.close()
        assert [process.wait(60) for process in started] == [0, 0]

    assert [whoami(endpoint=hub).name for hub in hubs] == [at_hub.name] * 2


def test_login_says_that_the_environment_wins(
    at_hub: Account, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("CSGHUB_TOKEN", "e" * 32)

    with caplog.at_level(logging.DEBUG):
        login(at_hub.token)
        logout()

    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 2
    assert at_hub.token not in caplog.text
    assert "e" * 32 not in caplog.text


def test_login_where_nothing_can_be_kept(at_hub: Account, read_only_home: Path) -> None:
    with pytest.raises(errors.CsgRepoError, match="CSGHUB_TOKEN") as caught:
        login(at_hub.token)

    assert at_hub.token not in str(caught.value)


def test_logout_forgets(at_hub: Account) -> None:
    login(at_hub.token)

    assert logout() is True
    assert logout() is False
    with pytest.raises(errors.Unauthorized):
        whoami()


def test_whoami_of_a_token_that_is_passed(at_hub: Account, account: Account) -> None:
    assert whoami(account.token).name == account.name
    assert whoami(account.token, endpoint=account.endpoint).email


def test_whoami_where_no_hub_is() -> None:
    with pytest.raises(errors.InvalidInput):
        whoami("t" * 32, endpoint="ftp://hub.example")
