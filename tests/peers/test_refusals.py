"""Hosts that say no, or nothing: a typed error, soon, and nobody is asked for a password."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
import requests

from csgrepo import Repository
from csgrepo.errors import (
    AuthenticationFailed,
    CsgRepoError,
    Forbidden,
    HubUnreachable,
    LfsError,
    MergeConflict,
    PartialDownload,
    PushRejected,
    RemoteNotFound,
    RemoteUnreachable,
    Unauthorized,
)
from tests.conftest import Account
from tests.peers import samples
from tests.peers.conftest import Shared
from tests.stock import RemoteRepository, StockGit

ONE, TWO = samples.content("one", 3000), samples.content("two", 3000)

Make = Callable[..., RemoteRepository]


@contextlib.contextmanager
def soon() -> Iterator[None]:
    """See that an answer does not keep people waiting, as a question that nobody answers would.

    How long it takes otherwise is the machine's affair.
    """
    start = time.monotonic()
    yield
    assert time.monotonic() - start < 300


@pytest.fixture(autouse=True)
def askpass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have a program for asking people, which would wait for one; return where it leaves a mark."""
    mark = tmp_path / "asked"
    program = tmp_path / "askpass"
    program.write_text(f'#!/bin/sh\necho "$@" >> {mark}\nexec sleep 500\n')
    program.chmod(0o755)
    monkeypatch.setenv("SSH_ASKPASS", str(program))
    monkeypatch.setenv("GIT_ASKPASS", str(program))
    monkeypatch.setenv("DISPLAY", ":99")
    return mark


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port on which nobody listens, and which nobody else gets meanwhile."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def moved(url: str, port: int) -> str:
    return urlunsplit(urlsplit(url)._replace(netloc=f"127.0.0.1:{port}"))


def with_password(remote: RemoteRepository, password: str) -> str:
    return replace(remote, password=password).signed_url


def push_something(folder: Path, **options: object) -> Repository:
    repo = Repository(folder, **options)  # type: ignore[arg-type]
    repo.lfs_track("*.bin")
    samples.write(folder, {"w.bin": ONE, "note.txt": b"small\n"})
    repo.push_to_hub("Something")
    return repo


# -- cloning -----------------------------------------------------------------------------------


@pytest.mark.parametrize("given", ["nothing", "wrong password", "wrong token"])
def test_clone_without_the_password_fails_at_once(
    peer_remote: Make, tmp_path: Path, given: str, askpass: Path
) -> None:
    remote = peer_remote()
    url = with_password(remote, "wrong") if given == "wrong password" else remote.url
    token = "0123456789abcdef-wrong" if given == "wrong token" else None

    with soon(), pytest.raises(AuthenticationFailed) as caught:
        Repository(tmp_path / "clone", clone_from=url, token=token)

    assert "CSGHUB_TOKEN" in str(caught.value)
    assert "wrong" not in str(caught.value)
    assert not (tmp_path / "clone").exists()
    assert not askpass.exists()


def test_clone_of_a_private_repository_on_the_hub_with_a_wrong_token_fails_at_once(
    account: Account, tmp_path: Path, askpass: Path
) -> None:
    asked = {"namespace": account.name, "name": "private-model", "private": True}
    headers = {"Authorization": f"Bearer {account.token}"}
    answer = requests.post(
        f"{account.endpoint}/api/v1/models", json=asked, headers=headers, timeout=300
    )
    assert answer.status_code == 200

    for token in ("0123456789abcdef0123456789abcdef", False):
        with soon(), pytest.raises((AuthenticationFailed, RemoteNotFound)):
            Repository(
                tmp_path / "clone",
                clone_from=f"{account.name}/private-model",
                endpoint=account.endpoint,
                token=token,
            )
        assert not (tmp_path / "clone").exists()
    assert not askpass.exists()
    Repository(
        tmp_path / "clone",
        clone_from=f"{account.name}/private-model",
        endpoint=account.endpoint,
        token=account.token,
    )


def test_clone_of_no_repository_fails_at_once(shared: Shared, askpass: Path) -> None:
    nowhere = replace(shared.remote, url=shared.remote.url.replace("model", "nowhere"))
    shared = replace(shared, remote=nowhere)

    with soon(), pytest.raises(RemoteNotFound) as caught:
        shared.repository("clone")

    assert "nowhere" in str(caught.value)
    assert not (shared.git.cwd / "clone").exists()
    assert not askpass.exists()


def test_clone_from_a_server_that_is_down_fails_at_once(
    peer_remote: Make, tmp_path: Path, closed_port: int
) -> None:
    with soon(), pytest.raises(RemoteUnreachable):
        Repository(tmp_path / "clone", clone_from=moved(peer_remote().url, closed_port))

    assert not (tmp_path / "clone").exists()


def test_clone_from_something_that_is_no_git_host_fails_at_once(
    peer_server: object, tmp_path: Path
) -> None:
    with soon(), pytest.raises((RemoteNotFound, RemoteUnreachable)):
        Repository(tmp_path / "clone", clone_from=f"{peer_server.url}/no/host")  # type: ignore[attr-defined]


# -- pushing -----------------------------------------------------------------------------------


def test_push_with_a_password_that_changed_fails_at_once(
    peer_remote: Make, tmp_path: Path, askpass: Path
) -> None:
    remote = peer_remote()
    push_something(tmp_path / "clone", clone_from=remote.signed_url)
    repo = Repository(tmp_path / "clone", clone_from=with_password(remote, "changed"))
    samples.write(tmp_path / "clone", {"w.bin": TWO})
    before = StockGit(remote.path)("rev-parse", "main")

    with soon(), pytest.raises((AuthenticationFailed, Unauthorized)):
        repo.push_to_hub("More")

    assert StockGit(remote.path)("rev-parse", "main") == before
    assert not askpass.exists()
    again = Repository(tmp_path / "clone", clone_from=remote.signed_url)
    again.push_to_hub("Again")  # the commit is there, and only has to be pushed
    assert again.verify()


def test_push_to_a_host_that_only_lets_read_is_forbidden(
    peer_remote: Make, tmp_path: Path, git: StockGit
) -> None:
    remote = peer_remote()
    push_something(tmp_path / "clone", clone_from=remote.signed_url)
    git.at(remote.path)("config", "http.receivepack", "false")
    repo = Repository(tmp_path / "clone", clone_from=remote.signed_url)
    samples.write(tmp_path / "clone", {"w.bin": TWO})

    with soon(), pytest.raises((AuthenticationFailed, Forbidden), match="403"):
        repo.push_to_hub("More")


@pytest.mark.parametrize("kind", ["bare_remote", "peer_remote"])
def test_push_that_a_hook_refuses_repeats_the_hosts_words(
    request: pytest.FixtureRequest, tmp_path: Path, git: StockGit, kind: str
) -> None:
    remote: RemoteRepository = request.getfixturevalue(kind)()
    git.sign_in(remote)
    repo = push_something(tmp_path / "clone", clone_from=remote.url)
    hook = remote.path / "hooks/pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'No pushes on Fridays: 周五不行' >&2\nexit 1\n")
    hook.chmod(0o755)
    samples.write(tmp_path / "clone", {"w.bin": TWO})

    with pytest.raises(PushRejected, match="No pushes on Fridays: 周五不行"):
        repo.push_to_hub("More")

    hook.unlink()
    assert repo.push_to_hub("More")
    assert repo.verify()


def test_push_of_a_file_that_others_have_changed_too_is_a_conflict(shared: Shared) -> None:
    first = shared.repository("first")
    samples.write(Path(first.local_dir), {"note.txt": b"first\n"})
    first.push_to_hub("First")
    second = shared.repository("second")
    samples.write(Path(first.local_dir), {"note.txt": b"more\n"})
    first.push_to_hub("More")
    samples.write(Path(second.local_dir), {"note.txt": b"other\n"})
    second.git_add()
    second.git_commit("Other")

    mine = second.git_head_hash()
    with pytest.raises(MergeConflict) as caught:
        second.git_push()

    assert caught.value.paths == ("note.txt",)
    assert StockGit(shared.remote.path)("rev-parse", "main") == first.git_head_hash()
    assert second.git_head_hash() == mine
    assert Path(second.local_dir, "note.txt").read_bytes() == b"other\n"
    assert second.is_repo_clean()


def test_push_beside_what_others_have_pushed_brings_both_together(shared: Shared) -> None:
    first = shared.repository("first")
    samples.write(Path(first.local_dir), {"note.txt": b"first\n"})
    first.push_to_hub("First")
    second = shared.repository("second")
    samples.write(Path(first.local_dir), {"note.txt": b"more\n", "theirs.bin": ONE})
    first.push_to_hub("More")
    samples.write(Path(second.local_dir), {"mine.bin": TWO})
    second.push_to_hub("Mine")

    assert StockGit(shared.remote.path)("rev-parse", "main") == second.git_head_hash()
    third = shared.repository("third")
    both = {"note.txt": b"more\n", "theirs.bin": ONE, "mine.bin": TWO}
    for folder in (Path(second.local_dir), Path(third.local_dir)):
        assert {name: (folder / name).read_bytes() for name in both} == both


# -- the LFS server ----------------------------------------------------------------------------


@pytest.fixture
def lfs_at(bare_remote: Make, tmp_path: Path, git: StockGit) -> Callable[[str], Repository]:
    """Return a clone of a `file://` remote whose objects belong to an LFS server at an address."""

    def make(url: str) -> Repository:
        repo = Repository(tmp_path / "clone", clone_from=bare_remote().url)
        git.at("clone")("config", "lfs.url", url)
        repo.lfs_track("*.bin")
        samples.write(tmp_path / "clone", {"w.bin": ONE})
        repo.git_add()
        repo.git_commit("Something")
        return repo

    return make


def check_nothing_was_pushed(repo: Repository, git: StockGit) -> None:
    assert git("ls-remote", repo.git_remote_url()) == ""


def test_lfs_server_that_wants_a_password_is_unauthorized(
    lfs_at: Callable[[str], Repository], peer_remote: Make, git: StockGit, askpass: Path
) -> None:
    repo = lfs_at(f"{peer_remote().url}/info/lfs")

    with soon(), pytest.raises(Unauthorized):
        repo.git_push()

    check_nothing_was_pushed(repo, git)
    assert not askpass.exists()


def test_lfs_server_that_is_down_is_unreachable(
    lfs_at: Callable[[str], Repository], closed_port: int, git: StockGit
) -> None:
    repo = lfs_at(f"http://127.0.0.1:{closed_port}/info/lfs")

    with soon(), pytest.raises(HubUnreachable):
        repo.git_push()

    check_nothing_was_pushed(repo, git)


def test_address_without_an_lfs_server_is_named(
    lfs_at: Callable[[str], Repository], peer_server: object, git: StockGit
) -> None:
    repo = lfs_at(f"{peer_server.url}/nothing/here")  # type: ignore[attr-defined]

    with soon(), pytest.raises(LfsError, match="nothing/here"):
        repo.git_push()

    check_nothing_was_pushed(repo, git)


def test_clone_without_its_lfs_server_is_there_with_pointers(
    bare_remote: Make, tmp_path: Path, peer_server: object, git: StockGit
) -> None:
    remote = bare_remote()
    push_something(tmp_path / "first", clone_from=remote.url)
    git("config", "--global", "lfs.url", f"{peer_server.url}/nothing/here")  # type: ignore[attr-defined]

    with soon(), pytest.raises(PartialDownload, match=r"w\.bin"):
        Repository(tmp_path / "clone", clone_from=remote.url)

    git("config", "--global", "--unset", "lfs.url")
    repo = Repository(tmp_path / "clone")
    assert [file.path for file in repo.pointers()] == ["w.bin"]
    assert git.at("clone")("status", "--porcelain") == ""
    repo.git_pull(lfs=True)
    assert (tmp_path / "clone/w.bin").read_bytes() == ONE


# -- credentials -------------------------------------------------------------------------------


@pytest.fixture
def helper(home: Path, git: StockGit) -> Callable[[str, str], Path]:
    """Set a credential helper in the user's settings; return the log of what it was asked."""

    def make(username: str, password: str) -> Path:
        log = home / "helper.log"
        program = home / "helper.sh"
        program.write_text(
            f'#!/bin/sh\necho "$1" >> {log}\n[ "$1" = get ] || exit 0\n'
            f"cat >> {log}\necho username={username}\necho password={password}\n"
        )
        program.chmod(0o755)
        git("config", "--global", "credential.helper", str(program))
        return log

    return make


def holding(folder: Path, secret: str) -> list[Path]:
    """Return the files below a folder that hold a secret."""
    files = (Path(root, name) for root, _, names in os.walk(folder) for name in names)
    return [
        path for path in files if not path.is_symlink() and secret.encode() in path.read_bytes()
    ]


def test_credentials_of_gits_helper_serve_git_and_lfs(
    peer_remote: Make, tmp_path: Path, helper: Callable[[str, str], Path], askpass: Path
) -> None:
    remote = peer_remote()
    log = helper(remote.username, remote.password)

    repo = push_something(tmp_path / "clone", clone_from=remote.url)
    copy = Repository(tmp_path / "copy", clone_from=remote.url)

    assert samples.tree(tmp_path / "copy") == samples.tree(tmp_path / "clone")
    assert repo.verify()
    assert copy.verify()
    assert "get" in log.read_text().split()
    assert "erase" not in log.read_text().split()
    assert holding(tmp_path / "clone", remote.password) == []
    assert not askpass.exists()


def test_wrong_credentials_of_gits_helper_fail_at_once(
    peer_remote: Make, tmp_path: Path, helper: Callable[[str, str], Path], askpass: Path
) -> None:
    remote = peer_remote()
    helper(remote.username, "outdated")

    with soon(), pytest.raises(AuthenticationFailed) as caught:
        Repository(tmp_path / "clone", clone_from=remote.url)

    assert "outdated" not in str(caught.value)
    assert not askpass.exists()


def test_credentials_in_the_address_are_used_and_not_kept(
    peer_remote: Make, tmp_path: Path, git: StockGit
) -> None:
    remote = peer_remote()

    repo = push_something(tmp_path / "clone", clone_from=remote.signed_url)
    samples.write(tmp_path / "clone", {"w.bin": TWO})
    repo.push_to_hub("Again")
    samples.write(tmp_path / "clone", {"w.bin": ONE + TWO})
    _, command = repo.push_to_hub("In the background", blocking=False)  # type: ignore[misc]
    command.wait(300)

    assert command.status == 0, command.stderr
    assert repo.verify()
    assert git.at("clone")("remote", "get-url", "origin") == remote.url
    assert repo.git_remote_url() == remote.url
    assert holding(tmp_path / "clone", remote.password) == []
    samples.write(tmp_path / "clone", {"w.bin": TWO})
    with pytest.raises((AuthenticationFailed, Unauthorized)):
        Repository(tmp_path / "clone").push_to_hub("Without")
    assert StockGit(remote.path)("rev-parse", "main") == command.receipt.commit


def test_password_of_the_address_is_hidden_in_every_error(
    peer_remote: Make, tmp_path: Path
) -> None:
    remote = peer_remote()
    nowhere = remote.signed_url.replace("model", "nowhere")

    with pytest.raises(CsgRepoError) as caught:
        Repository(tmp_path / "clone", clone_from=nowhere)

    error: BaseException | None = caught.value
    while error:
        assert remote.password not in f"{error} {error!r} {vars(error)}"
        error = error.__cause__ or error.__context__
