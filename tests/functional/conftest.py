"""Who asks the embedded hub."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.conftest import Account
from tests.functional import hub_callers
from tests.functional.rest import Api

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from csgrepo.server import Hub
    from tests.functional.hub_callers import Callers


@pytest.fixture
def wanda(account: Account) -> Api:
    """A user of the hub."""
    return Api(account.endpoint, account.token, account.name)


@pytest.fixture
def stranger(hub: Hub, account: Account) -> Api:
    """Another user, who has nothing to do with the first."""
    name = f"stranger-{account.name}"
    return Api(hub.url, hub.add_user(name), name)


@pytest.fixture
def nobody(account: Account) -> Api:
    """Someone who has not logged in."""
    return Api(account.endpoint)


@pytest.fixture
def callers(hub: Hub, account: Account) -> Iterator[Callers]:
    """Those who ask the hub through `HubApi`: the owner, a stranger, nobody, a wrong token."""
    with ExitStack() as stack:
        yield hub_callers.callers(hub, account, stack)


@pytest.fixture
def wandas_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """A hub on which the `wanda` of README and docs has an account, named by the environment."""
    from csgrepo.server import Hub

    with Hub() as hub:
        monkeypatch.setenv("CSGHUB_ENDPOINT", hub.url)
        monkeypatch.setenv("CSGHUB_TOKEN", hub.add_user("wanda"))
        (tmp_path / "work").mkdir()
        monkeypatch.chdir(tmp_path / "work")
        yield hub


@pytest.fixture(scope="module")
def quick() -> Iterator[Hub]:
    """A hub of the module's own, on which models start at once."""
    from csgrepo.server import Hub
    from csgrepo.server.deploys.deploys import Pace

    with Hub() as hub:
        hub._backend.deploys.pace = Pace(step_s=0.01, status_s=0.05, heartbeat_s=0.05)
        yield hub
