"""Repositories over REST: create, show, list, change, delete."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

from starlette.routing import Route

from csgrepo.errors import InvalidInput
from csgrepo.repo_id import RepoId, check_ref_name
from csgrepo.server.accounts.users import Access
from csgrepo.server.http.refusal import Refusal
from csgrepo.server.repos.details import (
    changed_details,
    first_details,
    fixed_details,
    shown_details,
)
from csgrepo.server.repos.initial import first_files
from csgrepo.server.repos.kinds import IN_REST, Kind
from csgrepo.server.rest.frame import endpoint, envelope, moment
from csgrepo.server.rest.space_runs import space_state
from csgrepo.server.rest.tags import topic_object
from csgrepo.server.rest.users import namespace_object

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from csgrepo.server.backend import Backend
    from csgrepo.server.repos.catalogue import Repository
    from csgrepo.server.rest.frame import Call

__all__ = ["create", "repository_object", "routes"]

_LONGEST_README = 900_000  # bytes; what the contract shows of a file at most
_ALWAYS_LOGIN = {Kind.SPACE}
_NAMESPACE_NEEDED = {Kind.MCP, Kind.PROMPT}
# What stands at a prompt repository's own address is the list of its prompts.
_SHOWN_AT = {Kind.PROMPT: "/api/v1/prompts_info/{namespace}/{name}"}


def routes(backend: Backend) -> list[BaseRoute]:
    """Return the routes of all repository types."""
    found: list[BaseRoute] = []
    for kind in IN_REST:
        base = f"/api/v1/{kind.rest_plural}"
        one = f"{base}/{{namespace}}/{{name}}"
        make = endpoint(backend, _creator(kind), login=True, body=True)
        seen = endpoint(backend, show, kind=kind, login=kind in _ALWAYS_LOGIN)
        change = endpoint(backend, update, kind=kind, login=True, body=True)
        strike = endpoint(backend, delete, kind=kind, login=True)
        found += [
            Route(base, make, methods=["POST"]),
            Route(_SHOWN_AT.get(kind, one), seen, methods=["GET"]),
            Route(one, change, methods=["PUT"]),
            Route(one, strike, methods=["DELETE"]),
        ]
    return found


def _creator(kind: Kind) -> Callable[[Call], Response]:
    def answer(call: Call) -> Response:
        repository = create(call, kind)
        return envelope(repository_object(call, repository))

    return answer


def create(call: Call, kind: Kind) -> Repository:
    """Make the repository that the body describes, with its first commit.

    Raises:
        Refusal: what the contract says to a bad name, a strange namespace, a name that is taken.
    """
    user = call.caller
    name = call.text("name")
    # The contract does not fill the namespace in for some types.
    namespace = call.text("namespace") or ("" if kind in _NAMESPACE_NEEDED else user.name)
    branch = call.text("default_branch") or "main"
    license_name = call.text("license", 100)
    private = call.body.get("private", False)
    if not isinstance(private, bool) or "\n" in license_name:
        raise Refusal(400, "REQ-ERR-1")
    if kind is Kind.DATASET and not isinstance(call.body.get("type"), int | None):
        raise Refusal(400, "REQ-ERR-1")
    details = first_details(kind, call.body)
    space = _check(call, namespace, name, branch)
    prepared = call.backend.git.prepare(branch, first_files(kind, license_name), user)
    try:
        return call.backend.catalogue.create(
            kind,
            space,
            name,
            creator_id=user.id,
            private=private,
            nickname=call.text("nickname") or name,
            description=call.text("description"),
            license_name=license_name,
            default_branch=branch,
            details=json.dumps(details),
            place=lambda number: call.backend.git.place(prepared, number),
        )
    finally:
        shutil.rmtree(prepared, ignore_errors=True)


def _check(call: Call, namespace: str, name: str, branch: str) -> str:
    """Return the namespace as it is spelt, if the caller may create there."""
    try:
        RepoId.parse(f"any/{name}")
    except InvalidInput as error:
        raise Refusal(500, "REPO-ERR-1") from error
    try:
        check_ref_name(branch)
    except InvalidInput as error:
        raise Refusal(400, "REQ-ERR-1") from error
    space = call.backend.accounts.namespace(namespace)
    if space is None:
        raise Refusal(500, "REPO-ERR-2")
    if not call.caller.email:
        raise Refusal(500, "USER-ERR-18")
    if call.backend.accounts.role(call.caller, space.name) < Access.WRITE:
        raise Refusal(403, "AUTH-ERR-2")
    return space.name


def show(call: Call) -> Response:
    """Answer with one repository."""
    call.need(Access.READ)
    return envelope(repository_object(call, call.repository, full=True))


def update(call: Call) -> Response:
    """Change description, nickname, visibility or default branch."""
    call.need(Access.WRITE)
    repository = call.repository
    changes: dict[str, object] = {
        name: call.text(name)
        for name in ("nickname", "description")
        if call.body.get(name) is not None
    }
    if call.body.get("private") is not None:
        if not isinstance(call.body["private"], bool):
            raise Refusal(400, "REQ-ERR-1")
        _may_hide(call)
        changes["private"] = call.body["private"]
    if branch := call.text("default_branch"):
        if call.backend.git.resolve(repository.id, f"refs/heads/{branch}") is None:
            raise Refusal(400, "REQ-ERR-6")
        call.backend.git.set_head(repository.id, branch)
        changes["default_branch"] = branch
    changes["details"] = json.dumps(
        changed_details(repository, call.body, by_admin=call.caller.is_admin)
    )
    changed = call.backend.catalogue.update(repository, changes)
    return envelope(repository_object(call, changed))


def _may_hide(call: Call) -> None:
    """Go on only for the owner, and in an organization only for the hub's administrators."""
    call.need(Access.ADMIN)
    space = call.backend.accounts.namespace(call.repository.namespace)
    if space and space.kind == "organization" and not call.caller.is_admin:
        raise Refusal(403, "AUTH-ERR-2")


def delete(call: Call) -> Response:
    """Delete a repository, its history and its objects."""
    call.need(Access.ADMIN)
    call.backend.catalogue.delete(call.repository)
    call.backend.git.remove(call.repository.id)
    call.backend.objects.remove(call.repository.id)
    return envelope()


def repository_object(
    call: Call, repository: Repository, *, full: bool = False, listed: bool = False
) -> dict[str, object]:
    """Return a repository as the contract shows it.

    Args:
        call: the request, for who asks.
        repository: what is shown.
        full: with what only the page of one repository has.
        listed: as one of many; owner and branch are left out.
    """
    backend = call.backend
    shown: dict[str, object] = {
        "id": repository.id,
        "repository_id": repository.id,
        "name": repository.name,
        "nickname": repository.nickname,
        "description": repository.description,
        "path": repository.path,
        "url": repository.path,
        "private": repository.private,
        "license": repository.license,
        "tags": [topic_object(topic, repository.type) for topic in backend.topics.of(repository)],
        "repository": {"http_clone_url": repository.clone_url(backend.url), "ssh_clone_url": ""},
        "source": "local",
        "sync_status": "completed",
        "created_at": moment(repository.created_at),
        "updated_at": moment(repository.updated_at),
        "like_count" if repository.type is Kind.SPACE else "likes": backend.likes.count(repository),
    }
    shown |= fixed_details(repository.type) | shown_details(repository)
    if repository.type is not Kind.SPACE:
        shown["downloads"] = backend.tally.of(repository)
    creator = None
    if not listed:
        creator = backend.accounts.user_by_id(repository.creator_id)
        shown["default_branch"] = repository.default_branch
        if creator:
            shown["user"] = {"username": creator.name, "nickname": creator.nickname, "avatar": ""}
    if full:
        shown |= _rights(call, repository)
        if repository.type is Kind.MODEL:
            shown["metadata"] = backend.models.facts(repository)
        if repository.type is not Kind.SPACE:
            shown["readme"] = _readme(call, repository)
        if repository.type is Kind.SPACE:
            shown |= {"username": creator.name} if creator else {}
            shown |= space_state(backend, repository)
        shown |= shown_details(repository, to_writer=bool(shown["can_write"]))
    return shown


def _readme(call: Call, repository: Repository) -> str:
    git = call.backend.git
    commit = git.resolve(repository.id, f"refs/heads/{repository.default_branch}")
    entry = git.entry(repository.id, commit, "README.md") if commit else None
    if entry is None or entry.kind != "blob" or entry.size > _LONGEST_README:
        return ""
    return git.blob(repository.id, entry.sha).decode("utf-8", "replace")


def _rights(call: Call, repository: Repository) -> dict[str, object]:
    space = call.backend.accounts.namespace(repository.namespace)
    return {
        "user_likes": call.backend.likes.has(call.user, call.repository),
        "can_write": call.access >= Access.WRITE,
        "can_manage": call.access >= Access.ADMIN,
        "namespace": namespace_object(space) if space else None,
    }
