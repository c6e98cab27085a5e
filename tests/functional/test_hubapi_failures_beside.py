"""The other table: what stands beside `HubApi`, and how each of it fails."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, is_dataclass
from typing import NamedTuple

import pytest

from csgrepo import errors, hub
from csgrepo.credentials import read_token
from csgrepo.http import Http
from csgrepo.hub import HubApi, InferenceApi, Instance, login, logout, whoami
from csgrepo.server import Hub
from tests.answering import AnsweringServer, Handler, answering, asleep, reply
from tests.functional.test_hubapi_failures import MALFORMED as COMMON

UNAUTHORIZED, FORBIDDEN, MISSING = errors.Unauthorized, errors.Forbidden, errors.NotFound
UNKNOWN = "f" * 32


@dataclass(frozen=True)
class Asker:
    """Where a question goes, and in whose name."""

    endpoint: str
    token: str | bool | None = "t" * 32
    repo: str = "wanda/bert"
    model: str | None = None  # the address of an instance that need not be looked up
    timeout: float = 30

    def inference(self, task: str | None = None) -> InferenceApi:
        ask = InferenceApi(
            self.repo,
            task,
            self.token,
            endpoint=self.endpoint,
            instance_url=self.model,
            timeout=self.timeout,
        )
        ask._api._hub.http = Http(retries=0)  # waiting between attempts is its own tests' part
        return ask

    def api(self) -> HubApi:
        api = HubApi(self.endpoint, self.token, timeout=self.timeout)
        api._hub.http = Http(retries=0)
        return api


class Row(NamedTuple):
    """A call, and what it raises for each who asks in vain; ``None`` stands for an answer."""

    call: Callable[[Asker], object]
    anonymous: type | None = UNAUTHORIZED
    unknown: type | None = UNAUTHORIZED
    stranger: type | None = FORBIDDEN
    missing: type | None = MISSING


def asking(call: Callable[[InferenceApi], object]) -> Row:
    def asked(asker: Asker) -> object:
        with asker.inference() as inference:
            return call(inference)

    return Row(asked)


def listed(asker: Asker, read: Callable[[object], object]) -> object:
    with asker.api() as api:
        return read(api.list_repo_commits(asker.repo))


def heard(asker: Asker) -> object:
    with asker.api() as api:
        shown = Instance.read({"deploy_id": 1, "status": "Running", "model_id": asker.repo})
        with api.instances.logs(shown) as logs:
            return next(logs)


def kept(asker: Asker) -> object:
    token = asker.token if isinstance(asker.token, str) else None
    return login(token, endpoint=asker.endpoint, timeout=asker.timeout)


def told(asker: Asker) -> object:
    return whoami(asker.token, endpoint=asker.endpoint, timeout=asker.timeout)


TABLE = {
    "InferenceApi.__call__": asking(lambda model: model("x")),
    "InferenceApi.generate": asking(lambda model: list(model.generate("x"))),
    "InferenceApi.chat": asking(lambda model: model.chat("x")),
    "InferenceApi.chat(stream)": asking(lambda model: list(model.chat("x", stream=True))),
    "InferenceApi.complete": asking(lambda model: model.complete("x")),
    "InferenceApi.complete(stream)": asking(lambda model: list(model.complete("x", stream=True))),
    "InferenceApi.instance": asking(lambda model: model.instance),
    "InferenceApi.task": asking(lambda model: model.task),
    "Listing.total": Row(lambda asker: listed(asker, lambda listing: listing.total)),
    "Listing.__next__": Row(lambda asker: listed(asker, next)),
    "LogStream.__next__": Row(heard),
    # Only these two keep or show a token's own account: no other may be meant, none be missing.
    "login": Row(kept, errors.InvalidInput, stranger=None, missing=None),
    "whoami": Row(told, stranger=None, missing=None),
}
ASKED_OF_A_MODEL = sorted(
    name
    for name in TABLE
    if name.startswith("InferenceApi") and name[13:] not in {"instance", "task"}
)
NEVER_ASKS = {"logout", "InferenceApi.close", "LogStream.close"}  # see below


def test_table_has_all_that_asks() -> None:
    """What `csgrepo.hub` shows is a result, `HubApi` with its own table, or in this one."""
    asks: set[str] = set()
    for name in hub.__all__:
        shown = getattr(hub, name)
        if inspect.isfunction(shown):
            asks.add(name)
        elif not is_dataclass(shown) and shown not in {HubApi, hub.RepoUrl}:
            asks |= {
                f"{name}.{member}"
                for member, what in vars(shown).items()
                if (inspect.isfunction(what) or isinstance(what, property))
                and (not member.startswith("_") or member in {"__call__", "__next__"})
            }

    assert asks - NEVER_ASKS == {name.partition("(")[0] for name in TABLE}


def outcome(call: Callable[[Asker], object], asker: Asker) -> type | None:
    try:
        call(asker)
    except errors.CsgRepoError as error:
        return type(error)
    return None


@pytest.fixture(scope="module")
def at_work(quick: Hub) -> Iterator[tuple[Hub, str, str, Instance]]:
    """A hub, its owner's token, a stranger's, and a private model of the owner's that runs."""
    owner, stranger = quick.add_user("wanda"), quick.add_user("stranger")
    with HubApi(quick.url, owner) as api:
        api.create_repo("bert", private=True)
        made = api.instances.create("wanda/bert", "bert-1", resource_id=1, framework_id=1)
        yield quick, owner, stranger, api.instances.wait_until_running(made, timeout=60)


@pytest.mark.parametrize("name", TABLE)
def test_who_may_not(at_work: tuple[Hub, str, str, Instance], name: str) -> None:
    hub, owner, stranger, instance = at_work
    row = TABLE[name]

    def result(token: str | bool, repo: str = "wanda/bert") -> type | None:
        return outcome(row.call, Asker(hub.url, token, repo))

    assert result(owner) is None
    assert result(False) is row.anonymous
    assert result(UNKNOWN) is row.unknown
    assert result(stranger) is row.stranger
    assert result(owner, "wanda/none") is row.missing
    if name in ASKED_OF_A_MODEL:  # by its own address, which nobody has to be told
        found = [
            outcome(row.call, Asker(hub.url, token, model=instance.endpoint))
            for token in (owner, False, UNKNOWN, stranger)
        ]
        assert found == [None, UNAUTHORIZED, UNAUTHORIZED, FORBIDDEN]


@pytest.fixture(scope="module")
def server() -> Iterator[AnsweringServer]:
    with answering() as server:
        yield server


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing be asked again: waiting between attempts is the client's own tests' part."""
    monkeypatch.setitem(Http.__init__.__kwdefaults__, "retries", 0)


MALFORMED = {**COMMON, "number": reply(200, {"msg": "OK", "data": 7, "name": 7})}


@pytest.mark.parametrize("how", MALFORMED)
@pytest.mark.parametrize("name", TABLE)
def test_hub_that_is_none(server: AnsweringServer, name: str, how: str) -> None:
    server.default = MALFORMED[how]
    with pytest.raises(errors.HubError) as caught:
        TABLE[name].call(Asker(server.url))

    assert not isinstance(caught.value, errors.HubUnreachable)
    assert "<title>" not in str(caught.value)
    assert read_token(server.url) is None  # a login that failed kept nothing


@pytest.mark.parametrize("how", ["html", "nothing", "list"])
@pytest.mark.parametrize("name", ASKED_OF_A_MODEL)
def test_model_that_is_none(server: AnsweringServer, name: str, how: str) -> None:
    server.default = MALFORMED[how]
    asker = Asker("http://127.0.0.1:9", model=server.url)
    if (name, how) == ("InferenceApi.__call__", "list"):
        assert TABLE[name].call(asker) == []  # the answer may be any JSON
        return
    with pytest.raises(errors.HubError) as caught:
        TABLE[name].call(asker)

    assert "<title>" not in str(caught.value)


@pytest.mark.parametrize("name", TABLE)
def test_hub_that_is_not_there(name: str) -> None:
    assert outcome(TABLE[name].call, Asker("http://127.0.0.1:9")) is errors.HubUnreachable


@pytest.mark.parametrize("name", ASKED_OF_A_MODEL)
def test_model_that_is_not_there(server: AnsweringServer, name: str) -> None:
    asker = Asker(server.url, model="http://127.0.0.1:9")
    assert outcome(TABLE[name].call, asker) is errors.HubUnreachable


@pytest.mark.parametrize("name", TABLE)
def test_hub_that_never_answers(silent: AnsweringServer, name: str) -> None:
    asker = Asker(silent.url, timeout=0.05)
    assert outcome(TABLE[name].call, asker) is errors.HubUnreachable


@pytest.mark.parametrize("name", ASKED_OF_A_MODEL)
def test_model_that_never_answers(silent: AnsweringServer, name: str) -> None:
    asker = Asker("http://127.0.0.1:9", model=silent.url, timeout=0.05)
    assert outcome(TABLE[name].call, asker) is errors.HubUnreachable


def test_model_that_does_not_stream_says_so(server: AnsweringServer) -> None:
    whole = {"choices": [{"message": {"content": "all at once"}, "finish_reason": "stop"}]}
    server.default = reply(200, whole, Content_Type="application/json")
    with Asker(server.url, model=server.url).inference() as model:
        assert model.chat("x") == whole
        with pytest.raises(errors.HubHTTPError, match="no stream"):
            next(model.chat("x", stream=True))


def test_model_that_falls_silent_in_the_middle() -> None:
    def half(handler: Handler) -> None:
        piece = b'data: {"choices":[{"text":"half"}]}\n\n'
        reply(200, piece, Content_Type="text/event-stream", Content_Length="1000")(handler)
        asleep(handler)

    for timeout in (0.05, 0.5, 5, 50):  # the more the busier the machine is
        with answering() as server:
            server.default = half
            with Asker(server.url, model=server.url, timeout=timeout).inference() as model:
                pieces = model.complete("x", stream=True)
                try:
                    assert next(pieces) == "half"
                except errors.HubUnreachable:  # it had no time to begin
                    continue
                with pytest.raises(errors.TransferError):
                    next(pieces)
                return
    pytest.fail("it never began")


@pytest.mark.parametrize("cut", [{"Transfer_Encoding": "identity"}, {"Content_Length": "1000"}])
def test_pieces_come_when_they_are_said_whatever_a_proxy_makes_of_the_stream(
    server: AnsweringServer, cut: dict[str, str]
) -> None:
    heard = threading.Event()

    def slowly(handler: Handler) -> None:
        first = b"data:one\n\n"
        reply(200, first, Content_Type="text/event-stream", Connection="close", **cut)(handler)
        handler.wfile.flush()
        assert heard.wait(60)  # the second line is not said before the first was heard
        handler.wfile.write(b"data:two\n\n")
        handler.close_connection = True

    server.default = slowly
    with Asker(server.url).api() as api:
        shown = Instance.read({"deploy_id": 1, "status": "Running", "model_id": "wanda/bert"})
        with api.instances.logs(shown) as logs:
            assert next(logs) == "one"
            heard.set()
            assert next(logs) == "two"


def test_what_ends_something_asks_nobody(server: AnsweringServer) -> None:
    server.asked.clear()
    asker = Asker(server.url)
    asker.inference().close()

    assert logout(endpoint=server.url) is False
    with pytest.raises(errors.InvalidInput):
        logout(endpoint="ftp://hub.example")
    assert server.asked == []


def test_login_again_takes_the_place_of_the_first(at_work: tuple[Hub, str, str, Instance]) -> None:
    hub, owner, stranger, _ = at_work
    login(owner, endpoint=hub.url)
    login(owner, endpoint=hub.url)
    login(stranger, endpoint=hub.url)

    assert whoami(endpoint=hub.url).name == "stranger"
    assert (logout(endpoint=hub.url), logout(endpoint=hub.url)) == (True, False)
