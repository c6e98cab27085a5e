"""`csgrepo doctor`: every fault by its code, nothing changed, and never for long."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import socket
import ssl
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from pathlib import Path

import pytest

from csgrepo import HubApi, Repository
from csgrepo.credentials import save_token
from csgrepo.doctor import CODES, Report, examine, subject_of
from csgrepo.doctor.examination import WITHIN_S
from csgrepo.server import Answer, Hub
from tests.answering import answering, reply
from tests.conftest import Account
from tests.functional import disks
from tests.functional.cli import as_json, check, csgrepo, inside
from tests.functional.jobs_clone import until
from tests.machine import have
from tests.processes import wait_for_end
from tests.stock import RemoteRepository, StockGit

MakeRemote = Callable[..., RemoteRepository]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin in a folder that belongs to no working copy."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def clone(hub_remote: MakeRemote, signed_in: Account, tmp_path: Path) -> Repository:
    """A working copy of a repository on the hub, in which all is well."""
    return Repository(tmp_path / "work", clone_from=hub_remote().url)


@pytest.fixture
def private_hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub for one test, to be broken; the environment names it and a user of it."""
    with Hub() as hub:
        monkeypatch.setenv("CSGHUB_ENDPOINT", hub.url)
        monkeypatch.setenv("CSGHUB_TOKEN", hub.add_user("wanda"))
        yield hub


def found(*args: str) -> dict[str, str]:
    """Run the command; return the message of each code but those of the programs here."""
    done = inside("doctor", "--json", "--timeout", "60", *args)  # the machine may be busy
    report = json.loads(done.stdout)
    check(report, "doctor")
    assert done.returncode == report["exit_code"]
    told = {finding["code"]: finding["message"] for finding in report["findings"]}
    errors = [code for code in told if CODES[code].severity == "error"]
    assert report["exit_code"] == (CODES[min(errors)].exit_code if errors else 0)
    return {code: words for code, words in told.items() if code not in {"CSG104", "CSG105"}}


def program(folder: Path, name: str, text: str) -> Path:
    """Put a program first on PATH, in place of one that somebody may have."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return folder


def contents(*folders: Path) -> dict[str, tuple[int, int, bytes]]:
    """Return everything below the folders: kind, time of change, and bytes."""
    seen = {}
    for path in (path for folder in folders for path in [folder, *folder.rglob("*")]):
        facts = path.lstat()
        data = path.read_bytes() if stat.S_ISREG(facts.st_mode) else b""
        seen[str(path)] = (facts.st_mode, facts.st_mtime_ns, data)
    return seen


# -- where all is well -----------------------------------------------------------------------------


def test_doctor_when_all_is_well_then_says_so_of_each_thing(clone: Repository) -> None:
    done = csgrepo("doctor", "--timeout", "60", clone.local_dir)

    assert done.returncode == 0, done.stdout
    for said in ("2.", "answers", "would take one", "uploads in parts", "on main"):
        assert said in done.stdout, done.stdout
    assert " of user" in done.stdout
    assert done.stderr.strip().endswith(" s")


def test_doctor_when_it_looks_then_nothing_changes_here_or_on_the_hub(
    private_hub: Hub, tmp_path: Path, home: Path
) -> None:
    HubApi().create_repo("wanda/model")
    script = """
from pathlib import Path
from csgrepo import Repository
repo = Repository("work", clone_from="wanda/model")
Path("work/w.bin").write_bytes(bytes(1000))
repo.lfs_track("*.bin")
repo.push_to_hub("one", blocking=False)
repo.wait_for_commands(500)
"""
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True, timeout=100)
    # Whoever was the last to use the journal tidies up; not in the middle of it.
    state = tmp_path / "work" / ".git" / "csgrepo"
    until(lambda: not (state / "journal.db-wal").exists(), "the worker to let go of the journal")
    (home / ".csghub").mkdir()
    (home / ".csghub" / "token").write_text(f"{os.environ['CSGHUB_TOKEN']}\n")
    (tmp_path / "work" / "w.bin").write_bytes(b"\1" * 1000)  # a status would refresh the index
    asked = len(private_hub.requests)
    places = (tmp_path / "work", home, private_hub.root / "lfs", private_hub.root / "repositories")
    before = contents(*(place for place in places if place.exists()))

    done = csgrepo("doctor", "--json", "--timeout", "60", str(tmp_path / "work"), CSGHUB_TOKEN="")

    report = json.loads(done.stdout)
    assert report["healthy"], report["findings"]
    assert contents(*(place for place in places if place.exists())) == before
    new = list(private_hub.requests)[asked:]
    assert len(new) >= 5
    assert {request.method for request in new} <= {"GET", "POST"}
    assert {r.path for r in new if r.method == "POST"} == {
        "/models/wanda/model.git/info/lfs/objects/batch"
    }


def test_doctor_when_chinese_is_spoken_then_names_the_findings_in_chinese(
    signed_in: Account,
) -> None:
    done = inside("doctor", "--timeout", "60", f"{signed_in.name}/nothing", CSGHUB_LANG="zh")

    assert done.returncode == 4
    assert "错误 CSG501 没有这个仓库" in done.stdout
    assert "解决办法：csgrepo repo create" in done.stdout


def test_preflight_when_called_then_finds_what_the_command_finds(clone: Repository) -> None:
    report = clone.preflight(need="1000TB")

    assert not report
    assert isinstance(report, Report)
    assert "CSG202" in report.codes
    assert list(found("--need", "1000TB", clone.local_dir)) == ["CSG202"]
    assert until(clone.preflight)  # a busy machine may need more than it may take


def test_env_when_a_token_is_known_then_names_where_from_and_not_what(signed_in: Account) -> None:
    proxy = "http://me:sesame-in-the-proxy@127.0.0.1:1"
    facts = as_json("env", http_proxy=proxy)
    people = inside("env", http_proxy=proxy)

    assert facts["settings"]["token"] == "CSGHUB_TOKEN"
    assert facts["settings"]["endpoint"] == signed_in.endpoint
    assert facts["settings"]["proxy"] == "http://127.0.0.1:1"
    assert facts["versions"]["git"].startswith("2.")
    for text in (json.dumps(facts), people.stdout):
        assert signed_in.token not in text
        assert "sesame" not in text
    assert "git-lfs" in people.stdout


# -- programs --------------------------------------------------------------------------------------


def test_doctor_when_git_is_missing_then_csg101(no_git: None, tmp_path: Path) -> None:
    assert "CSG101" in found()


def test_doctor_when_git_is_too_old_then_csg102(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = program(tmp_path / "old", "git", 'echo "git version 2.20.1"')
    monkeypatch.setenv("PATH", str(old), prepend=os.pathsep)

    assert "2.20.1" in found()["CSG102"]


@pytest.mark.parametrize(
    ("version", "words"),
    [("2.11.0", "stash"), ("3.4.0", "staged"), ("3.7.0", "symbolic links"), ("3.7.1", "")],
)
def test_doctor_when_git_lfs_is_known_to_lose_data_then_csg105(
    version: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = program(tmp_path / "old", "git-lfs", f'echo "git-lfs/{version} (GitHub; linux)"')
    monkeypatch.setenv("PATH", str(old), prepend=os.pathsep)

    report = json.loads(
        inside("doctor", "--json", "--timeout", "60", CSGHUB_ENDPOINT="http://127.0.0.1:1").stdout
    )

    told = [f["message"] for f in report["findings"] if f["code"] == "CSG105"]
    assert [words in text for text in told] == ([True] if words else [])


def test_doctor_when_git_lfs_is_missing_then_csg104_and_no_error(
    no_git_lfs: None, clone: Repository
) -> None:
    report = until(clone.preflight)

    assert "CSG104" in report.codes
    assert report.exit_code == 0


def test_doctor_when_nobody_commits_then_csg106(
    clone: Repository, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / ".gitconfig").write_text("[init]\n\tdefaultBranch = main\n")

    assert found(clone.local_dir) == {}  # a commit asks the hub
    monkeypatch.delenv("CSGHUB_TOKEN")
    assert "CSG106" in found(clone.local_dir)


# -- disk ------------------------------------------------------------------------------------------


def test_doctor_when_the_disk_is_full_then_csg201(
    hub_remote: MakeRemote, signed_in: Account, tmp_path: Path
) -> None:
    with disks.mounted(tmp_path / "disk") as disk:
        Repository(disk / "work", clone_from=hub_remote().url)
        disks.fill(disk, leave=0)

        assert list(found(str(disk / "work"))) == ["CSG201"]


# -- network ---------------------------------------------------------------------------------------


def test_doctor_when_nothing_listens_then_csg301_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("CSGHUB_ENDPOINT", f"http://127.0.0.1:{taken.getsockname()[1]}")
        monkeypatch.setenv("CSGHUB_TOKEN", "0123456789abcdef0123456789abcdef")

        done = json.loads(inside("doctor", "--json", "--timeout", "60", "wanda/model").stdout)

    codes = [finding["code"] for finding in done["findings"]]
    assert codes.count("CSG301") == 1
    assert done["exit_code"] == 6


def test_doctor_when_the_hub_swallows_everything_then_csg302_in_time() -> None:
    """A black hole: connections are taken, and nothing ever comes back."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as hole:
        endpoint = f"http://127.0.0.1:{hole.getsockname()[1]}"
        began = time.monotonic()
        report = examine(subject_of("wanda/model", endpoint), endpoint=endpoint, token="0" * 32)
        took = time.monotonic() - began

    assert "CSG302" in report.codes
    assert report.exit_code == 6
    assert WITHIN_S <= 5
    assert report.seconds <= took < 60  # not held up by threads that still wait


def test_doctor_when_a_proxy_refuses_then_csg303(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CSGHUB_ENDPOINT", "https://hub.example")
    with answering() as proxy:
        proxy.default = reply(403, b"not through here")
        monkeypatch.setenv("https_proxy", proxy.url.replace("//", "//me:sesame@"))
        told = found()

    assert "403" in told["CSG303"]
    assert "sesame" not in told["CSG303"]


def test_doctor_when_the_proxy_is_gone_then_csg303(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CSGHUB_ENDPOINT", "http://hub.example")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{taken.getsockname()[1]}")

        assert "CSG303" in found()


@pytest.mark.parametrize("key", ["http.proxy", "http.{hub}.proxy"])
def test_doctor_when_gits_own_proxy_is_gone_then_csg303(
    clone: Repository, git: StockGit, account: Account, key: str
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        proxy = f"me:sesame@127.0.0.1:{taken.getsockname()[1]}"
        git.at(clone.local_dir)("config", key.format(hub=account.endpoint), proxy)
        told = found(clone.local_dir)

    assert "http.proxy" in told["CSG303"]
    assert "sesame" not in told["CSG303"]


def test_doctor_when_gits_own_proxy_answers_then_all_is_well(
    clone: Repository, git: StockGit, account: Account
) -> None:
    git.at(clone.local_dir)("config", "http.proxy", account.endpoint)
    git.at(clone.local_dir)("config", "http.https://elsewhere.example.proxy", "127.0.0.1:1")

    assert found(clone.local_dir) == {}


def test_doctor_when_the_port_speaks_no_tls_then_csg301(account: Account) -> None:
    address = account.endpoint.replace("http://", "https://")

    assert "does not speak TLS" in found(f"{address}/models/a/bb.git")["CSG301"]


@contextlib.contextmanager
def self_signed(folder: Path) -> Iterator[str]:
    """A server whose certificate nobody vouches for."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", key, "-out", certificate),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            pass  # a client that does not trust it hangs up

    with Server(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"https://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.skipif(not have("openssl"), reason="openssl is not installed")
def test_doctor_when_the_certificate_is_self_signed_then_csg304(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with self_signed(tmp_path) as url:
        monkeypatch.setenv("CSGHUB_ENDPOINT", url)

        assert "self" in found()["CSG304"]


@pytest.mark.parametrize(("minutes", "word"), [(-20, "fast"), (20, "slow")])
def test_doctor_when_the_clock_is_wrong_then_csg305(
    minutes: int, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def whoami(handler: http.server.BaseHTTPRequestHandler) -> None:
        body = b'{"name": "wanda"}'
        handler.send_response_only(200)
        handler.send_header("Date", formatdate(time.time() + 60 * minutes, usegmt=True))
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    with answering() as server:
        server.default = whoami
        monkeypatch.setenv("CSGHUB_ENDPOINT", server.url)
        monkeypatch.setenv("CSGHUB_TOKEN", "0" * 32)

        told = found()

    assert list(told) == ["CSG305"]
    assert word in told["CSG305"]


def test_doctor_when_a_login_page_answers_then_csg306(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering() as server:
        server.default = reply(200, b"<!DOCTYPE html><title>Sign in to WiFi</title>")
        monkeypatch.setenv("CSGHUB_ENDPOINT", server.url)

        assert "HTML" in found()["CSG306"]


def test_doctor_when_the_hub_fails_then_csg307(
    private_hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    private_hub.faults.add("GET", "whoami", Answer(502, body=b"bad gateway"), times=None)

    assert "CSG307" in found()


def test_doctor_when_git_checks_no_certificates_then_csg308(
    clone: Repository, git: StockGit
) -> None:
    git.at("work")("config", "http.sslVerify", "false")

    assert list(found(clone.local_dir)) == ["CSG308"]


# -- token -----------------------------------------------------------------------------------------


def test_doctor_when_there_is_no_token_then_csg401_and_csg404(
    clone: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CSGHUB_TOKEN")

    assert list(found(clone.local_dir)) == ["CSG404", "CSG401"]


def test_doctor_when_only_a_helper_of_git_has_the_token_then_the_push_is_well(
    clone: Repository, git: StockGit, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CSGHUB_TOKEN")
    script = f"!f() {{ echo username={account.name}; echo password={account.token}; }}; f"
    git("config", "--global", f"credential.{account.endpoint}.helper", script)

    assert list(found(clone.local_dir)) == ["CSG401"]


def test_doctor_when_the_token_is_wrong_then_csg402(
    clone: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CSGHUB_TOKEN", "f" * 32)

    told = found(clone.local_dir)

    assert "CSG402" in told
    assert "f" * 32 not in told["CSG402"]
    # A token that is kept would not be looked at.
    assert "unset CSGHUB_TOKEN" in inside("doctor", clone.local_dir).stdout


def test_doctor_when_the_push_goes_to_another_host_then_it_is_not_told_the_token(
    signed_in: Account,
) -> None:
    with answering() as other:
        other.default = reply(401)

        done = inside("doctor", "--timeout", "60", f"{other.url}/models/wanda/model.git")

        assert other.asked
        assert not [asked.headers for asked in other.asked if "authorization" in asked.headers]
    assert "CSG404" in done.stdout
    assert f"csgrepo login --endpoint {other.url}" in done.stdout


def test_doctor_when_login_kept_a_token_for_the_host_of_the_clone_then_the_push_is_well(
    clone: Repository, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CSGHUB_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("CSGHUB_TOKEN", "f" * 32)
    save_token(account.token, account.endpoint)

    assert found(clone.local_dir) == {}
    done = inside("push", "-C", clone.local_dir)
    assert (done.returncode, "pushed, and confirmed" in done.stdout) == (0, True)


def test_doctor_when_the_token_may_only_read_then_csg403(
    clone: Repository, hub: Hub, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CSGHUB_TOKEN", hub.add_user(f"reader-{account.name}"))

    assert list(found(clone.local_dir)) == ["CSG403"]


def test_doctor_when_the_token_holds_a_line_break_then_csg405(
    signed_in: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CSGHUB_TOKEN", "first\nsecond-secret-line")

    told = found()

    assert list(told) == ["CSG405"]
    assert "second-secret-line" not in told["CSG405"]


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX permissions")
def test_doctor_when_others_can_read_the_token_then_csg406(
    signed_in: Account, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CSGHUB_TOKEN")
    (home / ".csghub").mkdir()
    (home / ".csghub" / "token").write_text(signed_in.token)
    (home / ".csghub" / "token").chmod(0o644)

    assert list(found()) == ["CSG406"]


# -- repository ------------------------------------------------------------------------------------


def test_doctor_when_there_is_no_such_repository_then_csg501(signed_in: Account) -> None:
    done = inside("doctor", "--timeout", "60", f"{signed_in.name}/none")
    assert done.stdout.count("CSG501") == 1
    assert f"csgrepo repo create {signed_in.name}/none" in done.stdout
    assert "CSG501" in found(f"{signed_in.name}/nothing")


def test_doctor_when_it_is_of_another_type_then_csg503(signed_in: Account) -> None:
    HubApi().create_repo(f"{signed_in.name}/reviews", repo_type="dataset")

    told = found(f"{signed_in.name}/reviews")

    assert "dataset" in told["CSG503"]
    assert found("-t", "dataset", f"{signed_in.name}/reviews") == {}


def test_doctor_when_the_repository_is_private_then_csg502(
    hub: Hub, signed_in: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    HubApi().create_repo(f"{signed_in.name}/secret", private=True)
    monkeypatch.setenv("CSGHUB_TOKEN", hub.add_user(f"stranger-{signed_in.name}"))

    assert "CSG502" in found(f"{signed_in.name}/secret")


def other_host(private_hub: Hub, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let the hub pass for another git host; return the address of a repository there."""
    HubApi().create_repo("wanda/model")
    token = os.environ["CSGHUB_TOKEN"]
    monkeypatch.setenv("CSGHUB_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.delenv("CSGHUB_TOKEN")
    return private_hub.url.replace("//", f"//wanda:{token}@") + "/models/wanda/model.git"


def test_doctor_when_the_branch_is_protected_then_csg504(
    private_hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = other_host(private_hub, monkeypatch)
    as_gitea = {"name": "main", "protected": True, "user_can_push": False}
    private_hub.faults.add(
        "GET",
        "/api/v1/repos/models/wanda/model/branches/main",
        Answer(200, {"Content-Type": "application/json"}, json.dumps(as_gitea).encode()),
        times=None,
    )

    assert list(found(url)) == ["CSG504"]
    assert found("--branch", "mine", url) == {}


def test_doctor_when_the_repository_takes_no_pushes_then_csg505(
    clone: Repository, hub: Hub
) -> None:
    words = b"ERR Mirror repository is currently syncing. Please try again later."
    lines = b"001f# service=git-receive-pack\n0000" + f"{len(words) + 4:04x}".encode() + words
    name = clone.git_remote_url().rpartition("/")[2]
    fault = hub.faults.add("GET", f"{name}/info/refs", Answer(200, body=lines), times=None)
    try:
        told = found(clone.local_dir)
    finally:
        hub.faults.remove(fault)

    assert "currently syncing" in told["CSG505"]


def test_doctor_when_there_is_no_remote_then_csg506(git: StockGit) -> None:
    git("init", "--quiet", "alone")

    assert "CSG506" in found(str(git.cwd / "alone"))


def test_doctor_when_the_branch_is_checked_out_over_there_then_csg507(git: StockGit) -> None:
    git("init", "--quiet", "there")
    there = git.at("there")
    there("commit", "--quiet", "--allow-empty", "-m", "first")
    git("clone", "--quiet", there.cwd, "here")

    assert list(found(str(git.cwd / "here"))) == ["CSG507"]
    there("config", "receive.denyCurrentBranch", "updateInstead")
    assert found(str(git.cwd / "here")) == {}


# -- large files -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Answer(404, body=b'{"message": "404 page not found"}'), "CSG601"),
        (Answer(200, body=b"<html><body>Welcome to nginx!</body></html>"), "CSG602"),
        (Answer(200, body=b'{"hello": "world"}'), "CSG602"),
        (Answer(503, body=b"{}"), "CSG307"),
    ],
    ids=["404", "html", "other-json", "503"],
)
def test_doctor_when_the_lfs_server_is_none_then_says_which_way(
    answer: Answer, code: str, clone: Repository, hub: Hub
) -> None:
    name = clone.git_remote_url().rpartition("/")[2]
    fault = hub.faults.add("POST", f"{name}/info/lfs/objects/batch", answer, times=None)
    try:
        assert list(found(clone.local_dir)) == [code]
    finally:
        hub.faults.remove(fault)


def test_doctor_when_the_servers_are_others_software_then_all_is_well(
    peer_remote: MakeRemote,
) -> None:
    """git http-backend behind nginx, and giftless, which says 404 of an object it has not."""
    assert found(peer_remote().signed_url) == {}


def test_doctor_when_uploads_go_in_one_piece_then_csg603(clone: Repository, hub: Hub) -> None:
    name = clone.git_remote_url().rpartition("/")[2]
    answer = Answer(200, body=b'{"transfer": "basic", "objects": []}')
    fault = hub.faults.add("POST", f"{name}/info/lfs/objects/batch", answer, times=None)
    try:
        assert list(found(clone.local_dir)) == ["CSG603"]
    finally:
        hub.faults.remove(fault)


# -- working copy ----------------------------------------------------------------------------------


def test_doctor_when_filter_and_hook_are_missing_then_csg701_and_csg702(
    clone: Repository, git: StockGit
) -> None:
    clone.lfs_track("*.bin")
    work = git.at("work")
    work("config", "--remove-section", "filter.lfs")
    (work.cwd / ".git/hooks/pre-push").unlink()

    assert list(found(clone.local_dir)) == ["CSG701", "CSG702"]
    clone.lfs_track([])
    assert found(clone.local_dir) == {}


def test_doctor_when_the_filter_is_not_installed_then_csg703(
    clone: Repository, git: StockGit
) -> None:
    clone.lfs_track("*.bin")
    git.at("work")("config", "filter.lfs.process", "no-such-program filter-process")

    assert list(found(clone.local_dir)) == ["CSG703"]


@pytest.mark.skipif(sys.platform != "linux", reason="who holds a lock is known on Linux")
def test_doctor_when_a_lock_was_left_behind_then_csg711_and_it_stays(clone: Repository) -> None:
    lock = Path(clone.local_dir, ".git", "index.lock")
    lock.touch()

    assert str(lock) in found(clone.local_dir)["CSG711"]
    assert lock.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="who holds a lock is known on Linux")
def test_doctor_when_somebody_holds_the_lock_then_csg712(clone: Repository) -> None:
    lock = Path(clone.local_dir, ".git", "index.lock")
    with lock.open("w"):
        told = found(clone.local_dir)

    assert str(os.getpid()) in told["CSG712"]


def test_doctor_when_pushes_failed_then_csg721(clone: Repository, hub: Hub) -> None:
    name = clone.git_remote_url().rpartition("/")[2]
    fault = hub.faults.add("POST", f"{name}/git-receive-pack", Answer(403), times=None)
    Path(clone.local_dir, "a.txt").write_text("a")
    try:
        _, push = clone.push_to_hub("one", blocking=False)
        push.wait(60)
    finally:
        hub.faults.remove(fault)
    assert push.failed

    told = found(clone.local_dir)

    assert list(told) == ["CSG721"]
    assert "403" in told["CSG721"]
    clone.push_to_hub("two")  # brings the first along, and does not take it off the list
    assert inside("jobs", "resume", clone.local_dir).returncode == 0
    assert found(clone.local_dir) == {}


def test_doctor_when_a_merge_is_not_finished_then_csg731(clone: Repository, git: StockGit) -> None:
    work = git.at("work")
    work("checkout", "--quiet", "-b", "side")
    (work.cwd / "a.txt").write_text("side")
    work("add", "a.txt")
    work("commit", "--quiet", "-m", "side")
    work("checkout", "--quiet", "main")
    work("merge", "--quiet", "--no-ff", "--no-commit", "side")

    assert list(found(clone.local_dir)) == ["CSG731"]


def test_doctor_when_no_branch_is_checked_out_then_csg732(clone: Repository, git: StockGit) -> None:
    git.at("work")("checkout", "--quiet", "--detach")

    assert list(found(clone.local_dir)) == ["CSG732"]


# -- the doctor itself -----------------------------------------------------------------------------


def test_doctor_when_a_check_hangs_then_the_others_are_told(
    clone: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that never comes back holds up its own check only."""
    slow = program(tmp_path / "slow", "git-lfs", f"echo $$ > {tmp_path}/pid; exec sleep 100")
    monkeypatch.setenv("PATH", str(slow), prepend=os.pathsep)

    report = clone.preflight()

    assert "CSG104" in report.codes
    assert report.seconds < 60
    assert wait_for_end(int((tmp_path / "pid").read_text()), 30)


def test_doctor_when_the_folder_is_no_working_copy_then_says_so(tmp_path: Path) -> None:
    done = inside("doctor", str(tmp_path))

    assert done.returncode == 2
    assert "working copy" in done.stderr
