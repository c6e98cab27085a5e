"""Whatever is asked, and however: a redirect to another place arrives there without the token."""

from __future__ import annotations

import contextlib
import hashlib
import io
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from csgrepo import errors
from csgrepo.credentials import Credentials
from csgrepo.download import file_download, http_get, snapshot_download
from csgrepo.http import Http
from csgrepo.hub import HubApi, InferenceApi, Instance, login, whoami
from csgrepo.lfs.batch import HttpServer
from csgrepo.lfs.pointer import Pointer
from tests import certificates
from tests.answering import Answer, AnsweringServer, Handler, answering, reply

TOKEN = "0123456789abcdef" * 2
CONTENT = b"weights" * 1000
POINTER = Pointer(hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))
COMMIT = "a" * 40
FILE = {"rfilename": "a.txt", "size": len(CONTENT), "blobId": "b" * 40}


@dataclass
class Case:
    """A question, the server it is meant for, and where on this machine it may write."""

    url: str
    folder: Path

    def api(self) -> HubApi:
        return HubApi(self.url, TOKEN)

    def lfs(self, http: Http) -> HttpServer:
        return HttpServer(f"{self.url}/lfs", http, Credentials(self.url, TOKEN).authorization)


def of_hub(call: Callable[[HubApi], object]) -> Callable[[Case], None]:
    def asked(case: Case) -> None:
        with case.api() as api:
            call(api)

    return asked


def of_model(call: Callable[[InferenceApi], object]) -> Callable[[Case], None]:
    def asked(case: Case) -> None:
        with InferenceApi(
            "wanda/bert", token=TOKEN, endpoint=case.url, instance_url=f"{case.url}/model"
        ) as model:
            call(model)

    return asked


def change(api: HubApi) -> None:
    api.update_repo_settings("wanda/bert", repo_type="code", nickname="x")


def upload(api: HubApi) -> None:
    api.upload_file(path_or_fileobj=b"{}", path_in_repo="config.json", repo_id="wanda/bert")


def logs(api: HubApi) -> None:
    shown = Instance.read({"deploy_id": 1, "status": "Running", "model_id": "wanda/bert"})
    api.instances.logs(shown).close()


def snapshot(case: Case) -> None:
    snapshot_download("wanda/bert", endpoint=case.url, token=TOKEN, cache_dir=case.folder)


def one_file(case: Case) -> None:
    file_download("wanda/bert", "a.txt", endpoint=case.url, token=TOKEN, cache_dir=case.folder)


def one_address(case: Case) -> None:
    secrets = {"X-Api-Key": TOKEN}
    http_get(
        f"{case.url}/moved/file",
        token=TOKEN,
        headers=secrets,
        cookies={"session": TOKEN},
        local_dir=case.folder,
    )


def lfs_batch(case: Case) -> None:
    with Http(retries=0) as http:
        case.lfs(http).offered([POINTER])


def lfs_fetch(case: Case) -> None:
    with Http(retries=0) as http:
        fetch = case.lfs(http).offered([POINTER])[POINTER]
        assert callable(fetch), fetch
        fetch(io.BytesIO(), lambda count: None)


def lfs_send(case: Case) -> None:
    source = case.folder / "object"
    source.write_bytes(CONTENT)
    with Http(retries=0) as http:
        case.lfs(http).lacking([POINTER])[POINTER](source, lambda count: None, lambda why: None)


# What is asked, and which of its questions are redirected; the others are answered.
CALLS: dict[str, tuple[Callable[[Case], object], str]] = {
    "show": (of_hub(lambda api: api.repo_exists("wanda/bert")), ""),
    "list": (of_hub(lambda api: list(api.list_models())), ""),
    "make": (of_hub(lambda api: api.create_repo("wanda/bert")), ""),
    "change": (of_hub(change), ""),
    "delete": (of_hub(lambda api: api.delete_repo("wanda/bert")), ""),
    "refs": (of_hub(lambda api: api.list_repo_refs("wanda/bert")), ""),
    "branch": (of_hub(lambda api: api.create_branch("wanda/bert", "x")), "/git-receive-pack"),
    "upload": (of_hub(upload), ""),
    "logs": (of_hub(logs), ""),
    "whoami": (lambda case: whoami(TOKEN, endpoint=case.url), ""),
    "login": (lambda case: login(TOKEN, endpoint=case.url), ""),
    "ask a model": (of_model(lambda model: model("x")), ""),
    "hear a model": (of_model(lambda model: list(model.chat("x", stream=True))), ""),
    "snapshot, its list": (snapshot, "/revision/"),
    "snapshot, its files": (snapshot, "/resolve/"),
    "one file": (one_file, "/resolve/"),
    "one address": (one_address, ""),
    "LFS, the batch": (lfs_batch, ""),
    "LFS, an object fetched": (lfs_fetch, "/object"),
    "LFS, an object sent": (lfs_send, "/object"),
    "LFS, an object verified": (lfs_send, "/verify"),
}  # fmt: skip


def usual(handler: Handler, url: str) -> None:
    """Answer what is not redirected as a hub would."""
    path = handler.path.partition("?")[0]
    here = {"href": f"{url}/object", "header": {"Authorization": f"Bearer {TOKEN}"}}
    actions = {"download": here, "upload": here, "verify": {**here, "href": f"{url}/verify"}}
    found = {"oid": POINTER.oid, "size": POINTER.size, "actions": actions}
    if path.endswith("/objects/batch"):
        asked = handler.server.asked[-1].body
        kinds = ("download",) if b'"download"' in asked else ("upload", "verify")
        found["actions"] = {kind: actions[kind] for kind in kinds}
        reply(200, {"transfer": "basic", "objects": [found]})(handler)
    elif path.endswith("/info/refs"):
        lines = [b"# service=git-receive-pack\n", b"", b"%s refs/heads/main\0report-status\n", b""]
        lines = [line.replace(b"%s", COMMIT.encode()) for line in lines]
        body = b"".join(b"%04x" % (len(line) + 4) + line if line else b"0000" for line in lines)
        reply(200, body)(handler)
    elif "last_commit" in path:
        reply(200, {"msg": "OK", "data": {"id": COMMIT}})(handler)
    elif "/revision/" in path:
        reply(200, {"id": "wanda/bert", "sha": COMMIT, "siblings": [FILE]})(handler)
    else:
        reply(200)(handler)


def redirecting(url: str, target: str, where: str) -> Answer:
    def answer(handler: Handler) -> None:
        if where in handler.path:
            reply(307, Location=target + handler.path)(handler)
        else:
            usual(handler, url)

    return answer


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificates.for_loopback(tmp_path_factory.mktemp("tls") / "certificate.pem")


@dataclass
class Places:
    """Servers on loopback: two that speak HTTP, two that speak TLS."""

    plain: AnsweringServer
    plain_too: AnsweringServer
    tls: AnsweringServer
    tls_too: AnsweringServer


@pytest.fixture(scope="module")
def servers(certificate: Path) -> Iterator[Places]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with contextlib.ExitStack() as stack:
        yield Places(
            *(stack.enter_context(answering(tls)) for tls in (None, None, context, context))
        )


@pytest.fixture
def places(servers: Places, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    for server in vars(servers).values():
        server.asked.clear()
        server.default = reply(404, {"msg": "not found"})
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    return servers


def named(url: str) -> str:
    """Return the same server by another name, which makes it another host."""
    return url.replace("127.0.0.1", "localhost")


# From which server to which; the last two differ in nothing but the host's name.
MOVES: dict[str, tuple[str, str]] = {
    "another port": ("plain", "plain_too"),
    "another port, TLS": ("tls", "tls_too"),
    "another scheme": ("plain", "tls"),
    "another host": ("plain", "plain"),
    "another host, TLS": ("tls", "tls"),
}


@pytest.mark.parametrize("move", MOVES)
@pytest.mark.parametrize("name", CALLS)
def test_redirect_to_another_place_arrives_without_the_token(
    places: Places, tmp_path: Path, name: str, move: str
) -> None:
    call, where = CALLS[name]
    here, there = (getattr(places, side) for side in MOVES[move])
    target = named(there.url) if here is there else there.url
    redirect = redirecting(here.url, target, where)

    def answer(handler: Handler) -> None:
        moved = here is there and handler.headers["Host"].startswith("localhost")
        (reply(404, {"msg": "not found"}) if moved else redirect)(handler)

    here.default = answer
    with contextlib.suppress(errors.CsgRepoError):
        call(Case(here.url, tmp_path))

    asked, arrived = list(here.asked), list(there.asked)
    if here is there:
        arrived = [entry for entry in asked if entry.headers["host"].startswith("localhost")]
        asked = [entry for entry in asked if entry not in arrived]
    assert arrived
    assert any(TOKEN in entry.headers.get("authorization", "") for entry in asked)
    for entry in arrived:
        assert TOKEN not in str(entry.headers)
        assert TOKEN not in entry.path
        assert TOKEN.encode() not in entry.body
        assert not {"authorization", "cookie", "x-api-key"} & entry.headers.keys()


@pytest.mark.parametrize("name", CALLS)
def test_redirect_that_takes_off_the_encryption_is_not_followed(
    places: Places, tmp_path: Path, name: str
) -> None:
    call, where = CALLS[name]
    places.tls.default = redirecting(places.tls.url, places.plain.url, where)

    with pytest.raises(errors.CsgRepoError):
        call(Case(places.tls.url, tmp_path))

    assert places.tls.asked
    assert places.plain.asked == []


def test_redirect_within_the_same_place_keeps_the_token(places: Places) -> None:
    places.tls.script.append(reply(307, Location="/csg/moved"))
    places.tls.default = reply(200, {"name": "wanda", "msg": "OK", "data": {}})

    assert whoami(TOKEN, endpoint=places.tls.url).name == "wanda"
    assert places.tls.asked[1].path == "/csg/moved"
    assert places.tls.asked[1].headers["authorization"] == f"Bearer {TOKEN}"


def test_hub_whose_certificate_nobody_knows_gets_no_token(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")

    with pytest.raises(errors.HubUnreachable, match=r"(?i)certificate"):
        whoami(TOKEN, endpoint=places.tls.url)

    assert places.tls.asked == []
