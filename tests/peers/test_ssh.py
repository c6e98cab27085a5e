"""Remotes behind SSH: git through one connection, LFS where `git-lfs-authenticate` says."""

from __future__ import annotations

import base64
import json
import shlex
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from csgrepo import Repository
from csgrepo.errors import (
    AuthenticationFailed,
    GitError,
    LfsError,
    RemoteNotFound,
    RemoteUnreachable,
)
from csgrepo.server import Hub, Stall
from tests.functional.jobs_clone import until
from tests.peers import fake_ssh, samples
from tests.stock import RemoteRepository, StockGit

ONE, TWO = samples.content("one", 3000), samples.content("two", 3000)


@dataclass(frozen=True, slots=True)
class Host:
    """A host reached through `ssh`.

    Attributes:
        url: the address of its repository.
        path: that repository on this disk.
        folder: where the host's settings and log are.
        lfs: the server that keeps its objects.
    """

    url: str
    path: Path
    folder: Path
    lfs: RemoteRepository

    def set(self, **settings: Any) -> None:
        file = self.folder / "settings.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), **settings}))

    def commands(self) -> list[list[str]]:
        """Return what the host was asked: its name, the command, its arguments."""
        return [json.loads(line) for line in (self.folder / "log").read_text().splitlines()]

    def asked(self) -> list[str]:
        return [command[1] for command in self.commands()]


@pytest.fixture(params=["hub", "peer"])
def host(
    request: pytest.FixtureRequest,
    stock_lfs: StockGit,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Host:
    """A host whose objects are on the embedded hub, or on giftless."""
    lfs: RemoteRepository = request.getfixturevalue(f"{request.param}_remote")()
    root = tmp_path / "host"
    stock_lfs("init", "--quiet", "--bare", root / "wanda/model.git")
    word = base64.b64encode(f"{lfs.username}:{lfs.password}".encode()).decode()
    answer = {"href": f"{lfs.url}/info/lfs", "header": {"Authorization": f"Basic {word}"}}
    settings = {"root": str(root), "log": str(root / "log"), "authenticate": answer}
    (root / "settings.json").write_text(json.dumps(settings))
    ssh = root / "ssh"
    words = [sys.executable, fake_ssh.__file__, str(root / "settings.json")]
    ssh.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
    ssh.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(ssh))
    url = "ssh://git@models.example/wanda/model.git"
    return Host(url, root / "wanda/model.git", root, lfs)


def push_something(folder: Path, url: str) -> Repository:
    repo = Repository(folder, clone_from=url)
    repo.lfs_track("*.bin")
    samples.write(folder, {"w.bin": ONE, "模型.bin": TWO, "note.txt": b"small\n"})
    repo.push_to_hub("Something")
    return repo


@pytest.mark.parametrize(
    "url", ["ssh://git@models.example:2222/wanda/model.git", "git@models.example:wanda/model.git"]
)
def test_clone_and_push_over_ssh(host: Host, tmp_path: Path, url: str) -> None:
    repo = push_something(tmp_path / "clone", url)
    copy = Repository(tmp_path / "copy", clone_from=url)

    assert samples.tree(tmp_path / "copy") == samples.tree(tmp_path / "clone")
    assert repo.verify()
    assert copy.verify()
    assert StockGit(host.path)("rev-parse", "main") == repo.git_head_hash()
    assert host.lfs.object_path(samples.digest(ONE))
    assert {command[0] for command in host.commands()} == {"git@models.example"}
    path = url.rpartition("models.example")[2].removeprefix(":2222").removeprefix(":")
    assert {command[2] for command in host.commands()} == {path}
    uploads = [c for c in host.commands() if c[1:] == ["git-lfs-authenticate", path, "upload"]]
    assert uploads
    assert holds_no_secret(tmp_path / "clone", host.lfs)


def holds_no_secret(folder: Path, lfs: RemoteRepository) -> bool:
    word = base64.b64encode(f"{lfs.username}:{lfs.password}".encode())
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return not any(
        secret in path.read_bytes() for path in files for secret in (word, lfs.password.encode())
    )


def test_stock_git_over_ssh_gets_what_csgrepo_pushed(
    host: Host, tmp_path: Path, git: StockGit
) -> None:
    push_something(tmp_path / "clone", host.url)

    git("clone", "--quiet", "--branch", "main", host.url, "theirs")

    assert samples.tree(tmp_path / "theirs") == samples.tree(tmp_path / "clone")
    samples.write(tmp_path / "theirs", {"w.bin": TWO})
    theirs = git.at("theirs")
    theirs("commit", "--quiet", "-a", "-m", "By git")
    theirs("push", "--quiet")
    repo = Repository(tmp_path / "clone")
    repo.git_pull()
    assert (tmp_path / "clone/w.bin").read_bytes() == TWO
    assert repo.verify()


@pytest.mark.parametrize("host", ["hub"], indirect=True)
def test_host_that_hangs_up_on_idle_connections_is_pushed_to_at_once(
    host: Host, hub: Hub, tmp_path: Path, git: StockGit
) -> None:
    """Stock git opens its connection first and finds it closed once the objects are there."""
    push_something(tmp_path / "clone", host.url)
    impatient = host.folder / "impatient"
    host.set(impatient=str(impatient))
    name = host.lfs.url.rpartition("/")[2].removesuffix(".git")

    def connected_amid(push: Callable[[], object]) -> bool:
        """Push; tell whether git was connected while an object went up, and hang up on it then."""
        before, go_on = len(host.asked()), threading.Event()
        upload = hub.faults.add("PUT", name, Stall(event=go_on))
        with ThreadPoolExecutor(1) as pool:
            pushing = pool.submit(push)
            until(lambda: upload.hits or pushing.done())
            connected = "git-receive-pack" in host.asked()[before:]
            if connected:
                impatient.touch()
                until(lambda: "hung up" in host.asked()[before:])
                impatient.unlink()
            go_on.set()
            pushing.result()
        return connected

    git("clone", "--quiet", "--branch", "main", host.url, "theirs")
    theirs = git.at("theirs")
    samples.write(theirs.cwd, {"w.bin": ONE + TWO})
    theirs("commit", "--quiet", "-a", "-m", "By git")

    def stock_push() -> None:
        hung_up = theirs.run("push")
        assert hung_up.returncode != 0
        assert b"closed by remote host" in hung_up.stderr

    assert connected_amid(stock_push)
    repo = Repository(tmp_path / "clone")
    samples.write(tmp_path / "clone", {"w.bin": TWO + ONE})
    assert not connected_amid(lambda: repo.push_to_hub("While the host is impatient"))

    assert StockGit(host.path)("rev-parse", "main") == repo.git_head_hash()
    assert repo.verify()


def test_background_push_over_ssh(host: Host, tmp_path: Path) -> None:
    repo = push_something(tmp_path / "clone", host.url)
    samples.write(tmp_path / "clone", {"w.bin": TWO})

    _, command = repo.push_to_hub("Later", blocking=False)  # type: ignore[misc]
    command.wait(300)

    assert command.status == 0, command.stderr
    assert StockGit(host.path)("rev-parse", "main") == command.receipt.commit


@pytest.mark.parametrize("where", ["core.sshCommand", "GIT_SSH"])
def test_ssh_program_is_the_one_git_would_use(
    host: Host, tmp_path: Path, git: StockGit, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.delenv("GIT_SSH_COMMAND")
    monkeypatch.setenv("HOST_FOLDER", str(host.folder))
    if where == "GIT_SSH":
        monkeypatch.setenv("GIT_SSH", str(host.folder / "ssh"))
    else:  # git has a shell read it
        git("config", "--global", "core.sshCommand", '"$HOST_FOLDER/ssh" -oBatchMode=yes')

    repo = push_something(tmp_path / "clone", host.url)

    assert repo.verify()
    assert "git-lfs-authenticate" in host.asked()


def test_setting_for_the_lfs_server_spares_the_question(
    host: Host, tmp_path: Path, git: StockGit
) -> None:
    git.sign_in(host.lfs)
    git("config", "--global", "lfs.url", f"{host.lfs.url}/info/lfs")

    repo = push_something(tmp_path / "clone", host.url)

    assert repo.verify()
    assert "git-lfs-authenticate" not in host.asked()


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("git@models.example: Permission denied (publickey).", AuthenticationFailed),
        ("Host key verification failed.", GitError),
        (
            "ssh: connect to host models.example port 22: Connection refused",
            RemoteUnreachable,
        ),
        ("ssh: Could not resolve hostname models.example: Name or service not known", GitError),
    ],
)
@pytest.mark.parametrize("host", ["peer"], indirect=True)
def test_host_that_lets_nobody_in_is_named(
    host: Host, tmp_path: Path, words: str, error: type[GitError]
) -> None:
    host.set(refuse=words)

    with pytest.raises(error) as caught:
        Repository(tmp_path / "clone", clone_from=host.url)

    assert words in str(caught.value)
    assert not (tmp_path / "clone").exists()


@pytest.mark.parametrize("host", ["peer"], indirect=True)
def test_repository_the_host_does_not_have_is_not_found(host: Host, tmp_path: Path) -> None:
    with pytest.raises(RemoteNotFound):
        Repository(tmp_path / "clone", clone_from="git@models.example:wanda/other.git")


@pytest.mark.parametrize("answer", ["git-lfs is not allowed here", "", {"href": "file:///etc"}, {}])
@pytest.mark.parametrize("host", ["peer"], indirect=True)
def test_host_that_does_not_name_its_lfs_server_gets_no_commit(
    host: Host, tmp_path: Path, answer: object
) -> None:
    host.set(authenticate=answer)

    with pytest.raises(LfsError, match=r"models\.example"):
        push_something(tmp_path / "clone", host.url)

    assert StockGit(host.path)("for-each-ref") == ""
