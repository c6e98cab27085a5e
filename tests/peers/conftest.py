"""Fixtures for csgrepo and stock software sharing one remote."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from csgrepo import Repository
from tests.conftest import Account
from tests.stock import RemoteRepository, StockGit

if TYPE_CHECKING:
    from csgrepo.server import Hub
    from tests.peers.hub_user import HubUser


@dataclass(frozen=True, slots=True)
class Shared:
    """A remote that csgrepo and stock git both use.

    Attributes:
        remote: the repository there.
        git: stock git with git-lfs set up, in the test's folder.
        kind: which software serves it.
    """

    remote: RemoteRepository
    git: StockGit
    kind: str

    def repository(self, name: str, **options: object) -> Repository:
        """Clone with csgrepo (or open the clone that is there) into the test's folder."""
        known: dict[str, object] = {"clone_from": self.remote.url}
        if self.kind == "hub":
            parts = urlsplit(self.remote.url)
            known |= {
                "endpoint": f"{parts.scheme}://{parts.netloc}",
                "token": self.remote.password,
            }
        return Repository(self.git.cwd / name, **{**known, **options})  # type: ignore[arg-type]

    def clone(self, name: str, *options: str) -> StockGit:
        """Clone with stock git and git-lfs."""
        self.git("clone", "--quiet", *options, self.remote.url, name)
        return self.git.at(name)


@pytest.fixture(params=["file", "path", "peer", "hub"])
def shared(request: pytest.FixtureRequest, stock_lfs: StockGit) -> Shared:
    """A remote that both sides can write: a folder as URL and as path, software of others, the hub.

    Stock git has the credentials from its own `store` helper; so has csgrepo, but for the hub,
    where it is given the token.
    """
    kind = request.param
    fixtures = {"file": "bare_remote", "path": "bare_remote"}
    make = request.getfixturevalue(fixtures.get(kind, f"{kind}_remote"))
    remote: RemoteRepository = make()
    if kind == "path":
        remote = replace(remote, url=str(remote.path))
    stock_lfs.sign_in(remote)
    return Shared(remote, stock_lfs, kind)


@pytest.fixture
def filtered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], set[str]]:
    """Tell which paths git has sent through a filter since the last call, by git's own trace."""
    trace = tmp_path / "packets.log"
    monkeypatch.setenv("GIT_TRACE_PACKET", str(trace))

    def paths() -> set[str]:
        lines = trace.read_text(errors="replace").splitlines() if trace.exists() else []
        trace.unlink(missing_ok=True)
        return {line.partition("> pathname=")[2] for line in lines if "> pathname=" in line}

    return paths


@pytest.fixture
def huggingface_user(hub: Hub, account: Account, stock_lfs: StockGit, tmp_path: Path) -> HubUser:
    """A user of the hub through huggingface_hub and what is built on it."""
    from tests.peers.hub_user import HubUser, need  # which wants the hub to be installed

    need("huggingface_hub")
    variables = {
        "HF_ENDPOINT": f"{hub.url}/hf",
        "HF_TOKEN": account.token,
        "HF_HOME": str(tmp_path / "hf"),
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_XET": "1",  # the contract has no routes for it
    }
    return HubUser(hub, account.name, account.token, stock_lfs, variables)
