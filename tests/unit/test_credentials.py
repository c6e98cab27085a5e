"""Secrets reach the places they are meant for, and no others."""

from __future__ import annotations

import base64
import logging
import os
import stat
import subprocess
import sys
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from csgrepo import config, errors
from csgrepo.credentials import Credentials, delete_token, read_token, save_token
from csgrepo.credentials import account as account_of
from csgrepo.credentials.token_file import _warn_once
from csgrepo.git.runner import Git
from csgrepo.http import Http
from csgrepo.hub import HubApi
from csgrepo.redact import Secret, redact
from csgrepo.repo_id import Remote, parse_remote
from tests.answering import AnsweringServer, answering, reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Account as HubUser
    from tests.stock import RemoteRepository, StockGit

HUB = "https://hub.example"
TOKEN = "0123456789abcdef0123456789abcdef"
OTHER = "fedcba9876543210fedcba9876543210"
CONTENT = bytes(range(256)) * 1000


@pytest.fixture
def server() -> Iterator[AnsweringServer]:
    with answering() as server:
        yield server


@pytest.fixture
def elsewhere() -> Iterator[AnsweringServer]:
    with answering() as server:
        yield server


def bearer(token: str) -> dict[str, Secret]:
    return {"Authorization": Secret(f"Bearer {token}")}


def basic(user: str, password: str) -> dict[str, Secret]:
    coded = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": Secret(f"Basic {coded}")}


def remote(url: str) -> Remote:
    return parse_remote(url, endpoint=HUB)


# --- whose token ----------------------------------------------------------------------------


def test_token_comes_from_the_argument_then_the_environment_then_the_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    proof = Credentials(HUB)
    assert proof.token is None
    save_token("from-the-file", HUB)
    assert proof.token == Secret("from-the-file")
    monkeypatch.setenv("CSGHUB_TOKEN", "from-the-environment")
    assert proof.token == Secret("from-the-environment")
    assert Credentials(HUB, TOKEN).token == Secret(TOKEN)


@pytest.mark.parametrize("token", [False, None])
def test_nobody_in_particular_sends_nothing(
    monkeypatch: pytest.MonkeyPatch, token: bool | None
) -> None:
    monkeypatch.setenv("CSGHUB_TOKEN", TOKEN)

    assert Credentials(HUB, token).authorization(f"{HUB}/api/v1/models") == {}


@pytest.mark.parametrize("token", ["", "  ", "a\nb", "a b", "a\0b", "令牌", "a\rb"])
def test_token_that_cannot_be_sent_is_refused_without_showing_it(token: str) -> None:
    with pytest.raises(errors.InvalidInput) as caught:
        Credentials(HUB, token)

    assert not token.strip() or token not in str(caught.value)


def test_token_loses_the_newline_of_the_file_it_was_pasted_from() -> None:
    assert Credentials(HUB, f" {TOKEN}\n").token == Secret(TOKEN)


def test_credentials_show_no_token_anywhere() -> None:
    proof = Credentials(HUB, TOKEN, also=[remote(f"https://wanda:{OTHER}@git.example/a.git")])

    shown = f"{proof!r} {proof} {proof.git_config(remote('wanda/bert'))!r}"
    assert TOKEN not in shown
    assert OTHER not in shown
    assert redact(f"{TOKEN} {OTHER}") == "**** ****"


# --- which places ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("https://hub.example/api/v1/models", True),
        ("https://HUB.example:443/x", True),
        ("http://hub.example/x", False),
        ("https://hub.example:444/x", False),
        ("https://hub.example.evil.com/x", False),
        ("https://evil.com/https://hub.example/", False),
        ("https://hub.example@evil.com/", False),
        ("https://sub.hub.example/x", False),
    ],
)
def test_token_goes_to_the_hub_and_nowhere_else(url: str, sent: bool) -> None:
    assert Credentials(HUB, TOKEN).authorization(url) == (bearer(TOKEN) if sent else {})


def test_public_hub_has_two_addresses() -> None:
    proof = Credentials("https://hub.opencsg.com", TOKEN)

    assert proof.authorization("https://opencsg.com/models/a/b.git") == bearer(TOKEN)
    assert proof.authorization("https://hub.opencsg.com/api/v1/models") == bearer(TOKEN)
    assert proof.authorization("http://opencsg.com/models/a/b.git") == {}
    keys = [key for key, _ in proof.git_config(parse_remote("a/bb", endpoint=proof.endpoint))]
    assert "http.https://opencsg.com/.extraHeader" in keys


@pytest.mark.parametrize(
    "query", ["X-Amz-Signature=1", "a=b&signature=x", "Signature=x&Expires=1", "sig="]
)
def test_signed_address_gets_no_second_proof(query: str) -> None:
    assert Credentials(HUB, TOKEN).authorization(f"{HUB}/objects/1?{query}") == {}


def test_passed_token_goes_to_the_host_of_the_clone_too() -> None:
    proof = Credentials(HUB, TOKEN, also=[remote("https://wanda@git.example/a/b.git")])

    assert proof.authorization("https://git.example/a/b.git/info/lfs") == basic("wanda", TOKEN)
    assert proof.authorization("https://git.example:8443/a/b.git") == {}


def test_token_of_the_environment_stays_with_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CSGHUB_TOKEN", TOKEN)
    proof = Credentials(HUB, also=[remote("https://git.example/a/b.git")])

    assert proof.authorization("https://git.example/a/b.git") == {}
    assert proof.git_config(remote("https://git.example/a/b.git")) == []


def test_token_that_was_found_before_stays_with_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CSGHUB_TOKEN", OTHER)
    proof = Credentials(HUB, also=[remote("https://git.example/a/b.git")], found=Secret(TOKEN))

    assert proof.authorization(f"{HUB}/x") == bearer(TOKEN)
    assert proof.authorization("https://git.example/a/b.git") == {}


def test_token_that_login_kept_for_the_host_of_the_clone_goes_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CSGHUB_TOKEN", TOKEN)
    save_token(OTHER, "https://git.example")
    there = "https://git.example/models/a/b.git"
    proof = Credentials(HUB, also=[remote(there)])

    assert proof.authorization(f"{there}/info/lfs/objects/batch") == bearer(OTHER)
    assert dict(proof.git_config(remote(there)))["http.https://git.example/.extraHeader"]
    assert proof.authorization(f"{HUB}/x") == bearer(TOKEN)
    # What a hub's answers point to is no place that the user named.
    assert Credentials(HUB).authorization(there) == {}
    assert Credentials(HUB, None, also=[remote(there)]).authorization(there) == {}


def test_password_of_an_address_goes_to_its_host_and_beats_the_token() -> None:
    proof = Credentials(HUB, TOKEN, also=[remote(f"https://wanda:{OTHER}@git.example/a.git")])

    assert proof.authorization("https://git.example/a.git") == basic("wanda", OTHER)
    assert proof.authorization(f"{HUB}/x") == bearer(TOKEN)


def test_password_of_an_address_on_the_hub_is_its_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CSGHUB_TOKEN", TOKEN)
    proof = Credentials(HUB, also=[remote(f"{HUB.replace('//', f'//wanda:{OTHER}@')}/models/a/bb")])

    assert proof.authorization(f"{HUB}/api") == bearer(OTHER)


# --- what git is told -----------------------------------------------------------------------


@pytest.mark.parametrize("url", ["ssh://git@hub.example/a/b.git", "file:///srv/a.git", "./a"])
def test_git_needs_no_settings_where_it_does_not_speak_http(url: str) -> None:
    assert Credentials(HUB, TOKEN).git_config(remote(url)) == []


def test_git_gets_the_header_for_the_hub_only() -> None:
    settings = dict(Credentials(HUB, TOKEN).git_config(remote("wanda/bert")))

    assert settings == {
        "http.https://hub.example/.extraHeader": Secret(f"Authorization: Bearer {TOKEN}"),
        "http.https://hub.example/.followRedirects": "false",
        "credential.https://hub.example/.helper": "",
    }


def test_git_proves_who_is_asking_without_a_trace(server: AnsweringServer, tmp_path: Path) -> None:
    server.default = reply(404)
    proof = Credentials(server.url, TOKEN)
    there = parse_remote("wanda/bert", endpoint=server.url)
    seen: list[list[str]] = []

    def look(process: subprocess.Popen[bytes]) -> None:
        assert isinstance(process.args, list)
        seen.append(process.args)

    with pytest.raises(errors.RemoteNotFound) as caught:
        Git(tmp_path, config=proof.git_config(there)).run("ls-remote", there.url, on_start=look)

    assert server.asked[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert TOKEN not in "".join(traceback.format_exception(caught.value)) + str(seen)


@pytest.mark.parametrize("kind", ["hub token", "password in the address"])
def test_git_never_carries_the_secret_to_where_a_redirect_leads(
    server: AnsweringServer, elsewhere: AnsweringServer, tmp_path: Path, kind: str
) -> None:
    """Git would follow, and then send the header to the new host with each request but the first.

    The new host answers like a git server, so that there is such a request.
    """
    server.default = lambda handler: reply(302, Location=elsewhere.url + handler.path)(handler)
    elsewhere.default = reply(
        200,
        b"001e# service=git-upload-pack\n0000000eversion 2\n000cls-refs\n0000",
        Content_Type="application/x-git-upload-pack-advertisement",
    )
    if kind == "hub token":
        there = parse_remote("wanda/bert", endpoint=server.url)
        proof = Credentials(server.url, TOKEN)
    else:
        there = remote(f"{server.url.replace('//', f'//wanda:{TOKEN}@')}/a.git")
        proof = Credentials(HUB, also=[there])

    with pytest.raises(errors.CommandFailed):
        Git(tmp_path, config=proof.git_config(there)).run("ls-remote", there.url)

    assert "authorization" in server.asked[0].headers
    assert [asked for asked in elsewhere.asked if "authorization" in asked.headers] == []


def test_stock_git_lfs_sends_the_header_and_keeps_it_from_other_hosts(
    server: AnsweringServer, elsewhere: AnsweringServer, stock_lfs: StockGit, tmp_path: Path
) -> None:
    server.default = lambda handler: reply(307, Location=elsewhere.url + handler.path)(handler)
    elsewhere.default = reply(403, {"message": "no"})
    stock_lfs("init", "-q", "work")
    work = stock_lfs.at("work")
    work("lfs", "track", "*.bin")
    (tmp_path / "work" / "a.bin").write_bytes(b"x" * 1000)
    work("add", ".")
    work("commit", "-qm", "one")
    there = parse_remote("wanda/bert", endpoint=server.url)
    work("remote", "add", "origin", there.url)
    git = Git(tmp_path / "work", config=Credentials(server.url, TOKEN).git_config(there))

    with pytest.raises(errors.GitError):
        git.run("lfs", "push", "--all", "origin")

    sent = {asked.headers.get("authorization") for asked in server.asked}
    assert sent == {f"Bearer {TOKEN}"}
    assert elsewhere.asked
    assert [asked for asked in elsewhere.asked if "authorization" in asked.headers] == []


def test_stock_git_and_git_lfs_push_and_clone_with_it(
    account: HubUser, stock_lfs: StockGit, tmp_path: Path
) -> None:
    with HubApi(account.endpoint, account.token) as api:
        url = api.create_repo("bert", private=True)
    proof = Credentials(account.endpoint, account.token)
    there = parse_remote(url.repo_id, endpoint=account.endpoint)
    git = Git(tmp_path, config=proof.git_config(there))

    git.run("clone", "--quiet", there.url, "one")
    (tmp_path / "one" / "模型 1.bin").write_bytes(CONTENT)
    stock_lfs.at("one")("lfs", "track", "*.bin")
    stock_lfs.at("one")("add", ".")
    stock_lfs.at("one")("commit", "--quiet", "-m", "one")
    Git(tmp_path / "one", config=proof.git_config(there)).run("push", "--quiet", "origin", "main")
    git.run("clone", "--quiet", there.url, "two")

    assert (tmp_path / "two" / "模型 1.bin").read_bytes() == CONTENT
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path for path in files if account.token.encode() in path.read_bytes()] == []


def test_refused_token_leaves_what_the_users_helper_holds(
    server: AnsweringServer, git: StockGit, home: Path, tmp_path: Path
) -> None:
    server.default = reply(401, WWW_Authenticate="Basic realm=x")
    place = server.url.removeprefix("http://")
    store = home / ".git-credentials"
    store.write_text(f"http://wanda:{OTHER}@{place}\n")
    git("config", "--global", "credential.helper", "store")
    there = parse_remote("wanda/bert", endpoint=server.url)

    with pytest.raises(errors.AuthenticationFailed):
        Git(tmp_path, config=Credentials(server.url, TOKEN).git_config(there)).run(
            "ls-remote", there.url
        )

    assert OTHER in store.read_text()


# --- git's own helpers ----------------------------------------------------------------------


@pytest.fixture
def stored(git: StockGit, home: Path) -> Path:
    """The file of git's `store` helper, holding a password for git.example."""
    path = home / ".git-credentials"
    path.write_text(f"https://wanda:{OTHER}@git.example\n")
    git("config", "--global", "credential.helper", "store")
    return path


def test_other_host_gets_what_gits_helpers_hold(stored: Path) -> None:
    proof = Credentials(HUB, TOKEN)

    assert proof.authorization("https://git.example/a.git") == basic("wanda", OTHER)
    assert proof.authorization("https://unknown.example/a.git") == {}


def test_hub_gets_what_gits_helpers_hold_where_there_is_no_token(stored: Path) -> None:
    assert Credentials("https://git.example").authorization("https://git.example/api") == basic(
        "wanda", OTHER
    )
    assert Credentials("https://git.example", False).authorization("https://git.example/") == {}


def test_helpers_are_asked_for_the_user_of_the_address(stored: Path) -> None:
    stored.write_text(stored.read_text() + f"https://maria:{TOKEN}@git.example\n")
    proof = Credentials(HUB, also=[remote("https://maria@git.example/a.git")])

    assert proof.authorization("https://git.example/a.git") == basic("maria", TOKEN)
    assert proof.git_config(remote("https://maria@git.example/a.git")) == [
        ("credential.https://git.example/.username", "maria")
    ]


def test_helpers_of_the_working_copy_count(git: StockGit, stored: Path, tmp_path: Path) -> None:
    git("config", "--global", "--unset", "credential.helper")
    git("init", "-q", "work")
    git.at("work")("config", "credential.helper", "store")

    url = "https://git.example/a.git"
    assert Credentials(HUB, folder=tmp_path / "work").authorization(url) == basic("wanda", OTHER)
    assert Credentials(HUB).authorization(url) == {}


def test_helpers_that_would_prompt_do_not(
    git: StockGit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = tmp_path / "asked"
    program = tmp_path / "askpass"
    program.write_text(f"#!/bin/sh\ntouch '{asked}'\necho wanda\n")
    program.chmod(0o755)
    for name in ("GIT_ASKPASS", "SSH_ASKPASS"):
        monkeypatch.setenv(name, str(program))
    git("config", "--global", "core.askPass", str(program))

    assert Credentials(HUB).authorization("https://git.example/a.git") == {}
    assert not asked.exists()


@pytest.mark.parametrize(
    "url",
    ["https://git.example/a\nhost=evil", "https://git.example/a\0b", "https://git.exam\nple/"],
)
def test_address_that_would_end_its_line_is_refused(url: str) -> None:
    with pytest.raises(errors.InvalidInput):
        Credentials(HUB).authorization(url)


def test_user_name_that_would_end_its_line_is_refused() -> None:
    there = remote("https://wanda%0Ahost=evil.example@git.example/a.git")

    with pytest.raises(errors.InvalidInput):
        Credentials(HUB, also=[there]).authorization("https://git.example/a.git")


def test_without_git_there_are_no_helpers(no_git: None) -> None:
    assert Credentials(HUB).authorization("https://git.example/a.git") == {}


def test_helpers_serve_a_host_that_wants_a_password(
    peer_remote: Callable[..., RemoteRepository], git: StockGit
) -> None:
    there = peer_remote()
    git.sign_in(there)
    proof = Credentials(HUB)

    with Http() as http:
        answer = http.request(
            "POST",
            f"{there.url}/info/lfs/objects/batch",
            json={"operation": "upload", "transfers": ["basic"], "objects": []},
            headers={"Accept": "application/vnd.git-lfs+json"},
            auth=proof.authorization,
            idempotent=True,
            ok=range(200, 500),
        )

    assert answer.status not in {401, 403}


# --- the token file -------------------------------------------------------------------------


def test_token_file_is_private_and_whole() -> None:
    path = save_token(Secret(TOKEN), HUB)

    assert path == config.settings().token_path
    assert path.read_text() == f"{HUB} {TOKEN}\n"
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert {entry.name for entry in path.parent.iterdir()} == {path.name, ".token.lock"}
    assert (path.parent / ".token.lock").read_bytes() == b""


def test_token_file_replaces_and_deletes() -> None:
    save_token(OTHER)
    save_token(TOKEN)

    assert read_token() == Secret(TOKEN)
    assert delete_token() is True
    assert read_token() is None
    assert delete_token() is False


def test_each_hub_has_a_token_of_its_own() -> None:
    save_token(TOKEN, HUB)
    save_token(OTHER, "http://127.0.0.1:8080/")

    assert read_token(f"{HUB}/") == Secret(TOKEN)
    assert read_token("http://127.0.0.1:8080") == Secret(OTHER)
    for other in ("https://other.example", "http://hub.example", "https://hub.example:444"):
        assert read_token(other) is None
        assert Credentials(other).authorization(f"{other}/api/v1/models") == {}
    assert delete_token("http://127.0.0.1:8080") is True
    assert read_token(HUB) == Secret(TOKEN)


def test_hubs_that_are_logged_in_to_at_once_lose_no_line() -> None:
    hubs = [f"http://127.0.0.1:{port}" for port in range(8000, 8020)]
    with ThreadPoolExecutor(len(hubs)) as pool:
        list(pool.map(lambda hub: save_token(f"{TOKEN}{hub[-2:]}", hub), hubs))

    assert {hub: read_token(hub) for hub in hubs} == {hub: Secret(TOKEN + hub[-2:]) for hub in hubs}

    with ThreadPoolExecutor(len(hubs)) as pool:
        assert all(pool.map(delete_token, hubs[1:]))
    assert [hub for hub in hubs if read_token(hub)] == hubs[:1]


def test_token_alone_in_the_file_goes_to_one_hub_though_many_ask_at_once() -> None:
    path = config.settings().token_path
    path.parent.mkdir(parents=True)
    path.write_text(f"{TOKEN}\n")
    hubs = [f"http://127.0.0.1:{port}" for port in range(8000, 8020)]
    with ThreadPoolExecutor(len(hubs)) as pool:
        found = list(pool.map(read_token, hubs))

    (hub,) = [hub for hub, token in zip(hubs, found, strict=True) if token]
    assert path.read_text() == f"{hub} {TOKEN}\n"


def test_token_file_is_whole_whenever_its_writer_is_killed() -> None:
    """And the next to log in neither waits for the dead nor leaves their tokens lying about."""
    path = save_token(OTHER, HUB)
    program = (
        "import itertools; from csgrepo.credentials import save_token\n"
        "print(flush=True)\n"
        "for n in itertools.count(): save_token(f't{n}', 'http://127.0.0.1:8080')"
    )
    for _ in range(5):
        with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as writer:
            assert writer.stdout
            writer.stdout.readline()
            until = path.stat().st_ino
            while path.stat().st_ino == until:
                time.sleep(0.001)
            writer.kill()
        assert read_token(HUB) == Secret(OTHER)
        assert read_token("http://127.0.0.1:8080")
    (path.parent / ".token.0123456789ab.tmp").write_text(f"{HUB} {TOKEN}\n")  # half a login

    save_token(TOKEN, HUB)

    assert {entry.name for entry in path.parent.iterdir()} == {path.name, ".token.lock"}


def test_public_hub_is_one_place_at_both_of_its_addresses() -> None:
    save_token(TOKEN, "https://opencsg.com")

    assert read_token("https://hub.opencsg.com") == Secret(TOKEN)


def test_token_alone_in_the_file_goes_to_the_first_hub_that_is_asked_and_to_no_other() -> None:
    config.settings().token_path.parent.mkdir(parents=True)
    config.settings().token_path.write_text(f"{TOKEN}\n")

    assert Credentials(HUB).token == Secret(TOKEN)
    assert Credentials("https://other.example").token is None
    assert config.settings().token_path.read_text() == f"{HUB} {TOKEN}\n"
    assert Credentials(HUB).token == Secret(TOKEN)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="needs permissions that hold")
def test_mounted_token_is_for_the_hub_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "mounted"
    folder.mkdir()
    (folder / "token").write_text(TOKEN)
    (folder / "token").chmod(0o400)
    folder.chmod(0o500)
    monkeypatch.setenv("CSGHUB_TOKEN_PATH", str(folder / "token"))
    monkeypatch.setenv("CSGHUB_ENDPOINT", HUB)

    assert read_token(HUB) == Secret(TOKEN)
    assert read_token("https://other.example") is None
    folder.chmod(0o700)


def test_new_token_takes_the_place_of_one_that_named_no_hub() -> None:
    path = save_token(OTHER, HUB)
    path.write_text(f"{OTHER}\n")

    save_token(TOKEN, "https://other.example")

    assert OTHER not in path.read_text()
    assert read_token(HUB) is None


class Keyring:
    """A keyring's three functions, kept in a dictionary."""

    def __init__(self) -> None:
        self.held: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, place: str) -> str | None:
        return self.held.get((service, place))

    def set_password(self, service: str, place: str, token: str) -> None:
        self.held[service, place] = token

    def delete_password(self, service: str, place: str) -> None:
        del self.held[service, place]


def test_keyring_holds_the_token_where_that_was_wished(monkeypatch: pytest.MonkeyPatch) -> None:
    keyring = Keyring()
    monkeypatch.setitem(sys.modules, "keyring", keyring)

    path = save_token(TOKEN, HUB, in_keyring=True)

    assert TOKEN not in path.read_text()
    assert keyring.held == {("csgrepo", HUB): TOKEN}
    assert Credentials(HUB).token == Secret(TOKEN)
    assert Credentials("https://other.example").token is None
    assert delete_token(HUB) is True
    assert keyring.held == {}


def test_keyring_that_cannot_hold_it_leaves_no_line(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing(Keyring):
        def set_password(self, service: str, place: str, token: str) -> None:
            raise RuntimeError(f"no backend for {token}")

    class Forgetting(Keyring):
        def set_password(self, service: str, place: str, token: str) -> None:
            pass

    for keyring, words in ((Refusing(), "RuntimeError"), (Forgetting(), "give back")):
        monkeypatch.setitem(sys.modules, "keyring", keyring)
        with pytest.raises(errors.CsgRepoError, match=words) as caught:
            save_token(TOKEN, HUB, in_keyring=True)
        assert TOKEN not in "".join(traceback.format_exception(caught.value))
        assert read_token(HUB) is None


def test_keyring_that_is_not_installed_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)

    with pytest.raises(errors.CsgRepoError, match="package `keyring`"):
        save_token(TOKEN, HUB, in_keyring=True)


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX")
def test_token_file_that_others_can_read_is_warned_about_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    _warn_once.cache_clear()
    save_token(TOKEN).chmod(0o644)

    with caplog.at_level(logging.WARNING):
        assert read_token() == Secret(TOKEN)
        read_token()

    (record,) = caplog.records
    assert "chmod 600" in record.getMessage()
    assert TOKEN not in caplog.text


@pytest.mark.parametrize(
    "content", [b"", b" \n", b"two words", b"a\nb", b"\xff\xfe\x00", b"<html>\n"]
)
def test_token_file_with_something_else_in_it(content: bytes) -> None:
    path = save_token(TOKEN)
    path.write_bytes(content)

    if not content.strip():
        assert read_token() is None
    elif content == b"<html>\n":
        assert read_token() == Secret("<html>")
    else:
        with pytest.raises(errors.InvalidInput, match="token file"):
            read_token()


def test_token_file_in_a_home_that_cannot_be_written(read_only_home: Path) -> None:
    assert read_token() is None
    assert delete_token() is False
    with pytest.raises(errors.CsgRepoError, match="CSGHUB_TOKEN") as caught:
        save_token(TOKEN)

    assert isinstance(caught.value.__cause__, OSError)
    assert TOKEN not in str(caught.value)


# --- whose token it is ----------------------------------------------------------------------


def test_account_is_told_with_the_address_where_the_hub_knows_it(server: AnsweringServer) -> None:
    profile = {"username": "wanda", "email": "w@example.com", "nickname": "万达", "orgs": None}
    server.script.extend(
        [
            reply(200, {"name": "wanda", "email": "", "auth": {}}),
            reply(200, {"msg": "OK", "data": {**profile, "orgs": [{"path": "lab"}, 1, {}]}}),
        ]
    )

    who = account_of(Credentials(server.url, TOKEN))

    assert (who.name, who.email, who.nickname) == ("wanda", "w@example.com", "万达")
    assert who.organizations == ("lab",)
    assert [asked.path for asked in server.asked] == ["/csg/api/whoami-v2", "/api/v1/user/wanda"]


@pytest.mark.parametrize(
    "profile",
    [{"msg": "OK", "data": None}, {"msg": "OK"}, {"msg": "REPO-ERR-3: no"}, [1], b"<html>"],
)
def test_account_without_a_profile_has_no_address(server: AnsweringServer, profile: object) -> None:
    server.script.extend([reply(200, {"name": "wanda"}), reply(200, profile)])

    assert account_of(Credentials(server.url, TOKEN)).email == ""


def test_account_name_is_quoted_in_the_next_address(server: AnsweringServer) -> None:
    server.script.append(reply(200, {"name": "../../x?y"}))

    account_of(Credentials(server.url, TOKEN))

    assert server.asked[1].path == "/api/v1/user/..%2F..%2Fx%3Fy"


@pytest.mark.parametrize("answer", [{}, {"name": ""}, {"name": 7}, {"name": "a\nb"}, {"msg": "OK"}])
def test_account_without_a_name_is_an_error(server: AnsweringServer, answer: object) -> None:
    server.default = reply(200, answer)

    with pytest.raises(errors.HubHTTPError, match="without a name"):
        account_of(Credentials(server.url, TOKEN))


def test_password_in_the_hubs_address_is_refused_and_not_shown() -> None:
    with pytest.raises(errors.InvalidInput, match="CSGHUB_TOKEN") as caught:
        Credentials("https://wanda:s3cr3t-token@hub.example")

    assert "s3cr3t-token" not in str(caught.value)
