"""One table: every call of `HubApi`, and how each fails."""

from __future__ import annotations

import base64
import contextlib
import inspect
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from csgrepo import CommitOperationAdd, CommitOperationDelete, errors
from csgrepo.http import Http
from csgrepo.hub import HubApi, Instance
from csgrepo.hub.finetunes import Finetunes
from csgrepo.hub.instances import Instances
from tests.answering import AnsweringServer, Handler, answering, reply

if TYPE_CHECKING:
    from tests.functional.hub_callers import Callers

KIND = b"\0\0\0\x0bssh-ed25519"
KEY = f"ssh-ed25519 {base64.b64encode(KIND + bytes(36)).decode()}"
UNAUTHORIZED, FORBIDDEN, MISSING = errors.Unauthorized, errors.Forbidden, errors.NotFound


FIXTURES = Path(__file__).parents[2] / "fixtures"
NONE = 4_000_000  # a number that nothing has


def at_work(repo: str) -> Instance:
    return Instance.read({"deploy_id": NONE, "status": "Running", "model_id": repo})


class Row(NamedTuple):
    """A call, and what it raises when nobody, a stranger, or something that is not there asks.

    ``None`` stands for an answer: the call has nothing to refuse there.
    """

    call: Callable[[HubApi, str], object]
    anonymous: type | None = UNAUTHORIZED
    stranger: type | None = FORBIDDEN
    missing: type | None = MISSING
    unknown: type | None = UNAUTHORIZED


def public(call: Callable[[HubApi, str], object], missing: type | None = None) -> Row:
    """A call that everybody may make."""
    return Row(call, None, None, missing)


def own(call: Callable[[HubApi, str], object], missing: type | None = None) -> Row:
    """A call about whoever makes it."""
    return Row(call, UNAUTHORIZED, missing, missing)


def made(name: str) -> dict[str, object]:
    return {"name": name, "resource_id": 1, "framework_id": 1}


JOB = {"model_id": "aa/bb", "dataset_id": "aa/bb", "resource_id": 1, "framework_id": 2}
WORK = {
    name: Row(
        lambda api, repo, name=name: getattr(api.instances, name)(at_work(repo)), stranger=MISSING
    )
    for name in ("wait_until_running", "start", "stop", "wake_up", "delete", "logs")
}
NOTES = {
    name: Row(
        lambda api, repo, name=name: getattr(api.finetunes, name)(at_work(repo)), stranger=MISSING
    )
    for name in ("wait_until_running", "start", "stop", "delete", "logs")
}
# What the embedded hub is asked about is a private model of its owner's.
TABLE: dict[str, Row] = {
    "whoami": own(lambda api, _: api.whoami()),
    "create_repo": Row(
        lambda api, repo: api.create_repo(f"{repo.split('/')[0]}/another"), missing=None
    ),
    "repo_info": Row(lambda api, repo: api.repo_info(repo)),
    "model_info": Row(lambda api, repo: api.model_info(repo, files_metadata=True)),
    "dataset_info": Row(lambda api, repo: api.dataset_info(repo), MISSING, MISSING),
    "space_info": Row(lambda api, repo: api.space_info(repo), MISSING, MISSING),
    "repo_exists": public(lambda api, repo: api.repo_exists(repo)),
    "update_repo_settings": Row(lambda api, repo: api.update_repo_settings(repo, nickname="x")),
    "transfer_repo": Row(lambda api, repo: api.transfer_repo(repo, "nobody-at-all")),
    "like": Row(lambda api, repo: api.like(repo)),
    "unlike": Row(lambda api, repo: api.unlike(repo)),
    "delete_repo": Row(lambda api, repo: api.delete_repo(repo)),
    "list_repos": public(lambda api, _: list(api.list_repos("code", limit=1))),
    "list_models": public(lambda api, repo: list(api.list_models(author=repo.split("/")[0]))),
    "list_datasets": public(lambda api, _: list(api.list_datasets(limit=1))),
    "list_spaces": public(lambda api, _: list(api.list_spaces(limit=1))),
    "list_liked_repos": own(lambda api, _: list(api.list_liked_repos())),
    "get_tags": public(lambda api, _: api.get_tags("code")),
    "get_model_tags": public(lambda api, _: api.get_model_tags()),
    "get_dataset_tags": public(lambda api, _: api.get_dataset_tags()),
    "get_repo_tags": Row(lambda api, repo: api.get_repo_tags(repo)),
    "set_repo_tags": Row(lambda api, repo: api.set_repo_tags(repo, "task", ["x"])),
    "list_repo_files": Row(lambda api, repo: api.list_repo_files(repo)),
    "list_repo_objects": Row(lambda api, repo: list(api.list_repo_objects(repo, expand=True))),
    "get_paths_info": Row(lambda api, repo: api.get_paths_info(repo, "README.md")),
    "file_exists": Row(lambda api, repo: api.file_exists(repo, "README.md"), missing=None),
    "list_repo_commits": Row(lambda api, repo: list(api.list_repo_commits(repo))),
    "get_commit": Row(lambda api, repo: api.get_commit(repo)),
    "diff_commits": Row(lambda api, repo: api.diff_commits(repo, "main", "main")),
    "create_commit": Row(
        lambda api, repo: api.create_commit(
            repo, [CommitOperationAdd("a", b""), CommitOperationDelete("b/")], commit_message="x"
        )
    ),
    "upload_file": Row(
        lambda api, repo: api.upload_file(path_or_fileobj=b"", path_in_repo="a", repo_id=repo)
    ),
    "upload_folder": Row(
        lambda api, repo: api.upload_folder(repo_id=repo, folder_path=FIXTURES / "attributes")
    ),
    "delete_file": Row(lambda api, repo: api.delete_file("README.md", repo)),
    "delete_folder": Row(lambda api, repo: api.delete_folder("a", repo)),
    "list_repo_refs": Row(lambda api, repo: api.list_repo_refs(repo)),
    "create_branch": Row(lambda api, repo: api.create_branch(repo, "x")),
    "delete_branch": Row(lambda api, repo: api.delete_branch(repo, "x")),
    "create_tag": Row(lambda api, repo: api.create_tag(repo, "x", tag_message="x")),
    "delete_tag": Row(lambda api, repo: api.delete_tag(repo, "x")),
    "list_access_tokens": own(lambda api, _: api.list_access_tokens()),
    "create_access_token": own(lambda api, _: api.create_access_token("x")),
    "rotate_access_token": own(lambda api, _: api.rotate_access_token("none"), MISSING),
    "delete_access_token": own(lambda api, _: api.delete_access_token("none"), MISSING),
    "list_ssh_keys": own(lambda api, _: list(api.list_ssh_keys())),
    "add_ssh_key": own(lambda api, _: api.add_ssh_key("x", KEY)),
    "delete_ssh_key": own(lambda api, _: api.delete_ssh_key("none"), MISSING),
    "list_organizations": public(lambda api, _: list(api.list_organizations())),
    "get_organization": Row(lambda api, _: api.get_organization("no-org"), MISSING, MISSING),
    "create_organization": own(lambda api, repo: api.create_organization("x")),
    "delete_organization": own(lambda api, _: api.delete_organization("no-org"), MISSING),
    "list_members": Row(lambda api, _: list(api.list_members("no-org")), MISSING, MISSING),
    "add_members": own(lambda api, _: api.add_members("no-org", "x", "read"), MISSING),
    "change_role": Row(lambda api, _: api.change_role("no-org", "x", "read"), MISSING, MISSING),
    "remove_member": Row(lambda api, _: api.remove_member("no-org", "x"), MISSING, MISSING),
    "instances.resources": public(lambda api, _: list(api.instances.resources())),
    "instances.frameworks": Row(lambda api, repo: api.instances.frameworks(repo)),
    "instances.get": Row(lambda api, repo: api.instances.get(repo, NONE), stranger=MISSING),
    "instances.list": Row(lambda api, repo: list(api.instances.list(repo))),
    "instances.create": Row(lambda api, repo: api.instances.create(repo, **made("xx"))),
    "instances.scale": Row(
        lambda api, repo: api.instances.scale(at_work(repo), min_replica=1, max_replica=1),
        stranger=MISSING,
    ),
    "finetunes.resources": public(lambda api, _: list(api.finetunes.resources())),
    "finetunes.frameworks": Row(lambda api, repo: api.finetunes.frameworks(repo)),
    "finetunes.get": Row(lambda api, repo: api.finetunes.get(repo, NONE), stranger=MISSING),
    "finetunes.list": own(lambda api, _: list(api.finetunes.list())),
    "finetunes.create": Row(lambda api, repo: api.finetunes.create(repo, **made("xx"))),
    "finetunes.create_job": own(lambda api, _: api.finetunes.create_job("x", **JOB), MISSING),
    "finetunes.list_jobs": own(lambda api, _: list(api.finetunes.list_jobs())),
    "finetunes.get_job": own(lambda api, _: api.finetunes.get_job(NONE), MISSING),
    "finetunes.job_logs": own(lambda api, _: api.finetunes.job_logs(NONE), MISSING),
    "finetunes.delete_job": own(lambda api, _: api.finetunes.delete_job(NONE), MISSING),
    **{f"instances.{name}": row for name, row in WORK.items()},
    **{f"finetunes.{name}": row for name, row in NOTES.items()},
}
ALL = {name: row.call for name, row in TABLE.items()}


def test_table_has_every_call() -> None:
    def calls(kind: type, prefix: str = "") -> set[str]:
        functions = inspect.getmembers(kind, inspect.isfunction)
        return {f"{prefix}{name}" for name, _ in functions if not name.startswith("_")}

    known = calls(HubApi) | calls(Instances, "instances.") | calls(Finetunes, "finetunes.")
    assert known - {"close"} == set(ALL)


def outcome(call: Callable[[HubApi, str], object], api: HubApi, repo: str) -> type | None:
    try:
        found = call(api, repo)
    except errors.HubError as error:
        return type(error)
    if hasattr(found, "close"):
        found.close()
    return None


@pytest.mark.parametrize("name", TABLE)
def test_who_may_not(callers: Callers, name: str) -> None:
    row = TABLE[name]
    hidden = callers.repo("hidden", private=True)
    none = f"{callers.name}/none"

    assert outcome(row.call, callers.unknown, hidden) is row.unknown
    assert outcome(row.call, callers.anonymous, hidden) is row.anonymous
    if row.stranger is not None:
        assert outcome(row.call, callers.stranger, hidden) is row.stranger
    if row.missing is not None:
        assert outcome(row.call, callers.owner, none) is row.missing
    assert callers.owner.repo_info(hidden).private is True  # untouched by all of it


DUPLICATES: dict[str, Callable[[HubApi, str], object]] = {
    "create_repo": lambda api, repo: api.create_repo(repo),
    "create_branch": lambda api, repo: api.create_branch(repo, "x"),
    "create_tag": lambda api, repo: api.create_tag(repo, "x"),
    "create_access_token": lambda api, _: api.create_access_token("x"),
    "create_organization": lambda api, repo: api.create_organization(f"o-{repo.split('/')[0]}"),
    "instances.create": lambda api, repo: api.instances.create(repo, **made("xx")),
    "finetunes.create": lambda api, repo: api.finetunes.create(
        repo, "xx", resource_id=1, framework_id=2
    ),
}


@pytest.mark.parametrize("name", DUPLICATES)
def test_what_is_there_already(callers: Callers, name: str) -> None:
    call = DUPLICATES[name]
    repo = callers.repo() if name != "create_repo" else f"{callers.name}/bert"
    call(callers.owner, repo)

    assert outcome(call, callers.owner, repo) is errors.Conflict


# --- a hub that is none, or fails --------------------------------------------------------------


@pytest.fixture(scope="module")
def server() -> Iterator[AnsweringServer]:
    with answering() as server:
        yield server


@contextlib.contextmanager
def asking(url: str, **more: object) -> Iterator[HubApi]:
    with HubApi(url, "t" * 32, **more) as api:
        api._hub.http = Http(retries=0)  # waiting between attempts is the client's own tests' part
        yield api


def knowing_the_caller(answer: Callable[[Handler], None]) -> Callable[[Handler], None]:
    """Answer what calls ask beside their own question as a hub would, and that as told."""

    def told(handler: Handler) -> None:
        path = handler.path.partition("?")[0]
        if path == "/csg/api/whoami-v2":
            return reply(200, {"name": "wanda"})(handler)
        if re.fullmatch("/api/v1/user/wanda", path):
            return reply(200, {"msg": "OK", "data": {"username": "wanda"}})(handler)
        if path.endswith("/last_commit"):
            return reply(200, {"msg": "OK", "data": {"id": "a" * 40}})(handler)
        return answer(handler)

    return told


MALFORMED = {
    "html": reply(200, b"<!DOCTYPE html><title>Sign in</title>", Content_Type="text/html"),
    "nothing": reply(200, b"\0\0"),
    "list": reply(200, []),
    "code": reply(200, {"code": "SYS-ERR-2", "msg": "SYS-ERR-2: database"}),
}


@pytest.mark.parametrize("how", MALFORMED)
@pytest.mark.parametrize("name", sorted(ALL.keys() - {"whoami"}))
def test_answer_that_is_none(server: AnsweringServer, name: str, how: str) -> None:
    server.default = knowing_the_caller(MALFORMED[how])
    with asking(server.url) as api, pytest.raises(errors.HubError) as caught:
        ALL[name](api, "wanda/bert")

    assert not isinstance(caught.value, errors.HubUnreachable)
    assert "<title>" not in str(caught.value)


@pytest.mark.parametrize("name", ALL)
def test_hub_that_is_not_there(name: str) -> None:
    with asking("http://127.0.0.1:9") as api, pytest.raises(errors.HubUnreachable):
        ALL[name](api, "wanda/bert")


@pytest.mark.parametrize("name", ALL)
def test_hub_that_never_answers(silent: AnsweringServer, name: str) -> None:
    with asking(silent.url, timeout=0.05) as api, pytest.raises(errors.HubUnreachable):
        ALL[name](api, "wanda/bert")


@pytest.mark.parametrize("name", sorted(ALL))
def test_token_stays_where_it_belongs(server: AnsweringServer, name: str) -> None:
    """Each question is redirected to another host: it arrives there without the token."""
    with answering() as elsewhere:
        target = elsewhere.url.replace("127.0.0.1", "localhost")

        def moved(handler: Handler) -> None:
            reply(307, Location=target + handler.path)(handler)

        server.asked.clear()
        server.default = moved
        elsewhere.default = reply(404, {"msg": "not found"})
        with asking(server.url) as api:
            outcome(ALL[name], api, "wanda/bert")

        assert all(asked.headers["authorization"] for asked in server.asked)
        assert elsewhere.asked
        assert all("authorization" not in asked.headers for asked in elsewhere.asked)
        assert all(b"t" * 32 not in asked.body for asked in elsewhere.asked)


# --- answers as the contract has them ----------------------------------------------------------

RESPONSES = FIXTURES / "responses"
FILES = sorted(path.name for path in RESPONSES.glob("*.json"))


@pytest.mark.parametrize("file", FILES)
def test_answers_of_the_contract(server: AnsweringServer, file: str) -> None:
    """Each file holds what the hub answers, the call that asked, and what comes of it."""
    case = json.loads((RESPONSES / file).read_text("utf-8"))
    assert re.match(r"§\d+(\.\d+)? ", case["section"])
    answers = [
        reply(
            each.get("status", 200),
            each["text"].encode() if "text" in each else each.get("body", {}),
            **{name.replace("-", "_"): value for name, value in each.get("headers", {}).items()},
        )
        for each in case["answers"]
    ]
    server.default = reply(418, {"msg": "asked too often"})
    server.script.clear()
    server.script.extend(answers)
    with asking(server.url) as api:
        target: object = api
        for part in case["call"].split("."):
            target = getattr(target, part)
        try:
            found = target(*case.get("args", []), **case.get("kwargs", {}))
            found = list(found) if isinstance(found, Iterator) else found
        except errors.CsgRepoError as error:
            found = error
    left = len(server.script)
    server.script.clear()

    assert left == 0
    assert type(found).__name__ == case["gives"]
    for name, value in case.get("with", {}).items():
        shown = found
        for part in name.split("."):
            shown = shown[int(part)] if part.isdecimal() else getattr(shown, part)
        assert (list(shown) if isinstance(shown, tuple) else shown) == value, name
    for words in case.get("says", []):
        assert words in str(found)


def test_there_are_answers_for_the_contracts_quirks() -> None:
    assert len(FILES) >= 20
