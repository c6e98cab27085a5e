"""Fixtures: a clean machine for every test, servers to talk to, stock git to compare with."""

from __future__ import annotations

import itertools
import os
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from csgrepo import redact
from tests import machine, processes
from tests.peers.servers import PeerServer
from tests.stock import RemoteRepository, StockGit

if TYPE_CHECKING:
    from csgrepo.server import Hub

_numbers = itertools.count(1)


@pytest.fixture(scope="session", autouse=True)
def _clean_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What lives longer than a test has a HOME of its own too."""
    machine.let_children_hear()
    with pytest.MonkeyPatch.context() as patch:
        machine.isolate(patch, tmp_path_factory.mktemp("session"))
        yield


@pytest.fixture(autouse=True)
def home(tmp_path: Path) -> Iterator[Path]:
    """Give the test a HOME, below `tmp_path`, and hold it to leaving no trace.

    It fails a test that changed the environment or the working directory, or left a process behind.
    It takes nothing from `monkeypatch`, so that what a test sets through it is undone before.
    """
    mark, folder = uuid.uuid4().hex, Path.cwd()
    with pytest.MonkeyPatch.context() as patch:
        home = machine.isolate(patch, tmp_path)
        patch.setenv(machine.MARK, mark)
        # What one test keeps secret is an ordinary word in another.
        patch.setattr(redact, "_known", set(redact._known))
        before = _environment()
        yield home
        after = _environment()
        here = Path.cwd()
        _restore(before, folder)
    changed = sorted(name for name, _ in before.items() ^ after.items())
    assert not changed, f"the test left os.environ changed: {', '.join(set(changed))}"
    assert here == folder, f"the test left the process in {here}"
    left = processes.left_behind(mark) if sys.platform == "linux" else {}
    assert not left, f"the test left processes behind: {left}"


def _environment() -> dict[str, str]:
    return {name: text for name, text in os.environ.items() if name != "PYTEST_CURRENT_TEST"}


def _restore(environment: dict[str, str], folder: Path) -> None:
    for name in _environment().keys() - environment.keys():
        del os.environ[name]
    os.environ.update(environment)
    os.chdir(folder)


@pytest.fixture
def git(tmp_path: Path) -> StockGit:
    """Stock git, run in `tmp_path`."""
    return StockGit(tmp_path)


@pytest.fixture
def stock_lfs(git: StockGit) -> StockGit:
    """Stock git with stock git-lfs set up for this test's user."""
    if not machine.have("git-lfs"):
        machine.lacking("git-lfs is not installed")
    git("lfs", "install", "--skip-repo")
    return git


@pytest.fixture(scope="session")
def _without_git_lfs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("no-git-lfs")
    variables = {"PATH": machine.path_without("git-lfs", folder)}
    if exec_path := machine.git_exec_path_without("git-lfs", folder):
        variables["GIT_EXEC_PATH"] = exec_path
    return variables


@pytest.fixture
def no_git_lfs(_without_git_lfs: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Take git-lfs, and nothing else, off this test's machine."""
    for name, value in _without_git_lfs.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="session")
def _without_git(tmp_path_factory: pytest.TempPathFactory) -> str:
    return machine.path_without("git", tmp_path_factory.mktemp("no-git"))


@pytest.fixture
def no_git(_without_git: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take git off this test's machine."""
    monkeypatch.setenv("PATH", _without_git)


@pytest.fixture
def read_only_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give the test a HOME that it cannot write, with no git settings in it.

    Git does not know who the user is there; pass `git_user` and `git_email`.
    """
    folder = machine.unwritable_folder(tmp_path / "read-only")
    machine.set_home(monkeypatch, folder)
    monkeypatch.delenv("GIT_CONFIG_GLOBAL")
    yield folder
    if folder.parent == tmp_path:
        folder.chmod(0o755)  # so that pytest can clear it away


@pytest.fixture
def bare_remote(git: StockGit) -> Callable[..., RemoteRepository]:
    """Make bare repositories that are reached through `file://`: `bare_remote(name="model")`."""

    def make(name: str = "model") -> RemoteRepository:
        path = git.cwd / "remotes" / f"{name}-{next(_numbers)}.git"
        path.parent.mkdir(exist_ok=True)
        git("init", "--quiet", "--bare", path)
        return RemoteRepository(path.as_uri(), "", "", path, path / "lfs" / "objects")

    return make


@pytest.fixture(scope="session")
def peer_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PeerServer]:
    """nginx, `git http-backend` and giftless, one for all tests of this process."""
    for program in ("nginx", "fcgiwrap"):
        if not machine.have(program):
            machine.lacking(f"{program} is not installed")
    with PeerServer(tmp_path_factory.mktemp("peer")) as running:
        yield running


@pytest.fixture(scope="session")
def peer_remote(peer_server: PeerServer) -> Callable[..., RemoteRepository]:
    """Make repositories on nginx, `git http-backend` and giftless: `peer_remote(name="model")`."""

    def make(name: str = "model") -> RemoteRepository:
        return peer_server.create(f"wanda/{name}-{next(_numbers)}")

    return make


@dataclass(frozen=True, slots=True)
class Account:
    """A user of the embedded hub."""

    name: str
    token: str
    endpoint: str


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """The embedded hub, one for all tests of this process."""
    from csgrepo.server import Hub

    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(machine.MARK, raising=False)  # what it starts is no test's own
        patch.setattr("tempfile.tempdir", str(tmp_path_factory.mktemp("hub")))
        with Hub() as running:
            patch.undo()
            yield running


@pytest.fixture
def account(hub: Hub) -> Account:
    """A new user of the hub."""
    name = f"user{next(_numbers)}-{uuid.uuid4().hex[:6]}"
    return Account(name, hub.add_user(name), hub.url)


@pytest.fixture
def signed_in(account: Account, monkeypatch: pytest.MonkeyPatch) -> Account:
    """A new user of the hub, whom the environment names (CSGHUB_ENDPOINT, CSGHUB_TOKEN)."""
    monkeypatch.setenv("CSGHUB_ENDPOINT", account.endpoint)
    monkeypatch.setenv("CSGHUB_TOKEN", account.token)
    return account


@pytest.fixture
def hub_remote(hub: Hub, account: Account) -> Callable[..., RemoteRepository]:
    """Make repositories on the embedded hub: `hub_remote(name="model", kind="models")`.

    They are asked for over plain HTTP, and begin with the hub's first commit.
    """

    def make(name: str = "model", kind: str = "models") -> RemoteRepository:
        name = f"{name}-{next(_numbers)}"
        body = {"namespace": account.name, "name": name}
        if kind == "spaces":
            body |= {"sdk": "gradio", "resource_id": 1, "cluster_id": "local"}
        answer = requests.post(
            f"{hub.url}/api/v1/{kind}",
            json=body,
            headers={"Authorization": f"Bearer {account.token}"},
            timeout=300,
        )
        assert answer.status_code == 200, answer.text
        path = hub.git_dir(f"{account.name}/{name}", kind)
        url = f"{hub.url}/{kind}/{account.name}/{name}.git"
        objects = hub.root / "lfs" / path.stem
        return RemoteRepository(url, account.name, account.token, path, objects)

    return make


@pytest.fixture(params=["file", "peer", "hub"])
def any_remote(request: pytest.FixtureRequest) -> Callable[..., RemoteRepository]:
    """Run the test against each kind of remote: `file://`, software of others, the hub."""
    kinds = {"file": "bare_remote", "peer": "peer_remote", "hub": "hub_remote"}
    return request.getfixturevalue(kinds[request.param])
