"""Who asks the embedded hub."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.answering import AnsweringServer, answering, asleep
from tests.conftest import Account
from tests.functional import hub_callers, transcripts
from tests.functional.rest import Api

if TYPE_CHECKING:
    from collections.abc import Iterator

    from csgrepo.server import Hub
    from tests.functional.hub_callers import Callers


_RECORD = pytest.StashKey[Path]()


def pytest_configure(config: pytest.Config) -> None:
    """Have all processes of this run record the commands they run in one file."""
    given = getattr(config, "workerinput", {})
    folder = given.get("transcripts") or tempfile.mkdtemp(prefix="transcripts-")
    config.stash[_RECORD] = Path(folder)
    transcripts.keep_in(Path(folder, "ran"))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a process of pytest-xdist where."""
    node.workerinput["transcripts"] = str(node.config.stash[_RECORD])


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Fail a run of all these tests that left something of a command unshown."""
    config = session.config
    if hasattr(config, "workerinput"):
        return
    folder = config.stash[_RECORD]
    left = transcripts.missing(transcripts.ran(folder / "ran"))
    shutil.rmtree(folder)
    if left and exitstatus == pytest.ExitCode.OK and _is_whole(config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        for line in ["", "commands that no test has shown:", *left]:
            config.get_terminal_writer().line(line, red=True)


def _is_whole(config: pytest.Config) -> bool:
    """Tell whether all tests of this folder were to run."""
    chosen = ("keyword", "markexpr", "lf", "deselect", "ignore", "ignore_glob", "collectonly")
    if any(getattr(config.option, name, None) for name in chosen):
        return False
    here = Path(__file__).parent
    return any(Path(config.rootpath, arg) in {here, *here.parents} for arg in config.args)


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


@pytest.fixture(scope="module")
def silent() -> Iterator[AnsweringServer]:
    """A server that answers nobody.

    Who asks it has gone before it hears of that, so it must be no other test's server.
    """
    with answering() as server:
        server.default = asleep
        yield server
