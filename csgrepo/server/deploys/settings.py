"""What a deploy is asked to be: read from a body, and checked."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from csgrepo.errors import InvalidInput
from csgrepo.repo_id import RepoId
from csgrepo.server.accounts.users import Access
from csgrepo.server.deploys.deploys import DeployType, Settings
from csgrepo.server.http.refusal import Refusal
from csgrepo.server.rest.offers import CLUSTER_ID, framework, resource

if TYPE_CHECKING:
    from csgrepo.server.deploys.deploys import Deploy
    from csgrepo.server.rest.frame import Call

__all__ = ["asked_name", "asked_number", "asked_settings", "need_offer", "owner_of"]

_MOST_REPLICAS = 100


def owner_of(call: Call) -> str:
    """Return the namespace that a body wants something for, if the caller may write there.

    Raises:
        Refusal: 403, there is none, or it is not the caller's.
    """
    accounts = call.backend.accounts
    space = accounts.namespace(call.text("owner_namespace") or call.caller.name)
    if space is None or accounts.role(call.caller, space.name) < Access.WRITE:
        raise Refusal(403, "AUTH-ERR-2")
    return space.name


def asked_name(call: Call, before: str = "") -> str:
    """Return what a body calls a deploy.

    Raises:
        Refusal: 400 REQ-ERR-0, by no good name.
    """
    name = call.text("deploy_name") or before
    try:
        RepoId.parse(f"any/{name}")
    except InvalidInput as error:
        raise Refusal(400, "REQ-ERR-0") from error
    return name


def need_offer(resource_id: int, framework_id: int, kind: DeployType) -> None:
    """Go on only with a resource that is free and a framework for such deploys.

    Raises:
        Refusal: 500, there is no such thing, or none left.
    """
    chosen = resource(resource_id)
    if chosen is None or framework(framework_id, kind) is None:
        raise Refusal(500, "SYS-ERR-3")
    if not chosen["is_available"]:
        raise Refusal(500, "TASK-ERR-4")


def asked_settings(call: Call, kind: DeployType, before: Deploy | None) -> tuple[str, Settings]:
    """Return the name and the settings of the body; what it leaves out is as it was before."""
    old = before.settings if before else Settings(0, 0)
    name = asked_name(call, before.name if before else "")

    def text(field: str) -> str:
        return call.text(field, 10_000, str(getattr(old, field)))

    def number(field: str) -> int:
        return asked_number(call, field, getattr(old, field))

    new = Settings(
        resource_id=number("resource_id"),
        runtime_framework_id=number("runtime_framework_id"),
        cluster_id=CLUSTER_ID,  # the resource decides, whatever was asked
        env=text("env"),
        min_replica=number("min_replica"),
        max_replica=number("max_replica"),
        revision=text("revision"),
        secure_level=number("secure_level"),
        entrypoint=text("entrypoint"),
        engine_args=text("engine_args"),
        variables=text("variables"),
    )
    if kind is DeployType.FINETUNE:
        new = replace(new, min_replica=1, max_replica=1, secure_level=2, engine_args="")
    _check(call, kind, new)
    return name, new


def asked_number(call: Call, field: str, default: int = 0) -> int:
    """Return a number of the body, from 0.

    Raises:
        Refusal: 400 REQ-ERR-1, it is none.
    """
    value = call.body.get(field)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31:
        raise Refusal(400, "REQ-ERR-1")
    return value


def _check(call: Call, kind: DeployType, asked: Settings) -> None:
    for text in (asked.engine_args, asked.env, asked.variables):
        if text and not _is_json(text):
            raise Refusal(400, "REQ-ERR-0")
    if not asked.min_replica <= asked.max_replica <= _MOST_REPLICAS or not asked.max_replica:
        raise Refusal(400, "REQ-ERR-1")
    if asked.secure_level not in {1, 2}:
        raise Refusal(400, "REQ-ERR-1")
    need_offer(asked.resource_id, asked.runtime_framework_id, kind)
    backend, found = call.backend, call.repository
    if asked.revision and backend.git.resolve(found.id, asked.revision) is None:
        raise Refusal(500, "GIT-ERR-6")


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
