"""Inference deploys and finetune notebooks over REST."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from starlette.routing import Route

from csgrepo.errors import InvalidInput
from csgrepo.repo_id import RepoId
from csgrepo.server.accounts import Access
from csgrepo.server.deploy_streams import found_deploy, logs, status
from csgrepo.server.deploys import DeployType, Settings, State
from csgrepo.server.echo import PREFIX
from csgrepo.server.kinds import Kind
from csgrepo.server.refusal import Refusal
from csgrepo.server.rest import Paging, PureJSON, endpoint, envelope, moment
from csgrepo.server.rest_offers import CLUSTER_ID, framework, resource

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from csgrepo.server.backend import Backend
    from csgrepo.server.deploys import Deploy
    from csgrepo.server.rest import Call, Handler

__all__ = ["routes"]

_NEVER = "0001-01-01T00:00:00Z"
_MOST_REPLICAS = 100


def routes(backend: Backend) -> list[BaseRoute]:
    """Return the routes."""
    inference, finetune = DeployType.INFERENCE, DeployType.FINETUNE
    one = "/api/v1/models/{namespace}/{name}"
    table: list[tuple[str, str, Handler, bool]] = [
        ("GET", "run", listed, False),
        ("POST", "run", _maker(inference), True),
        ("GET", "run/{id}", show, False),
        ("PUT", "run/{id}", _changer(inference), True),
        ("DELETE", "run/{id}", _doer(inference, "delete"), False),
        ("GET", "run/{id}/status", status, False),
        ("GET", "run/{id}/logs", logs(inference), False),
        ("PUT", "run/{id}/start", _doer(inference, "start"), False),
        ("PUT", "run/{id}/stop", _doer(inference, "stop"), False),
        ("PUT", "run/{id}/wakeup", _doer(inference, "use"), False),
        ("POST", "finetune", _maker(finetune), True),
        ("PUT", "finetune/{id}", _changer(finetune), True),
        ("DELETE", "finetune/{id}", _doer(finetune, "delete"), False),
        ("GET", "finetune/{id}/logs", logs(finetune), False),
        ("PUT", "finetune/{id}/start", _doer(finetune, "start"), False),
        ("PUT", "finetune/{id}/stop", _doer(finetune, "stop"), False),
    ]

    def made(handler: Handler, kind: Kind | None, *, body: bool = False) -> Any:
        return endpoint(backend, handler, kind=kind, login=True, body=body)

    own = "/api/v1/user/{user}"
    shared = "/api/v1/organization/{organization}"
    return [
        *(
            Route(f"{one}/{path}", made(handler, Kind.MODEL, body=body), methods=[method])
            for method, path, handler, body in table
        ),
        Route(f"{own}/run/{{type}}", made(own_deploys, None), methods=["GET"]),
        Route(f"{shared}/run/{{type}}", made(shared_deploys, None), methods=["GET"]),
        Route(f"{shared}/finetune/instances", made(shared_notebooks, None), methods=["GET"]),
        Route(f"{own}/finetune/instances", made(own_notebooks, None), methods=["GET"]),
    ]


def _maker(kind: DeployType) -> Handler:
    def answer(call: Call) -> Response:
        call.need(Access.READ)
        namespace = _owner(call)
        name, settings = _asked(call, kind, None)
        number = call.backend.deploys.create(
            kind,
            call.repository,
            call.caller,
            namespace=namespace,
            name=name,
            settings=settings,
        )
        # Only the number means something in this answer; the rest is the contract's zero values.
        empty = {"status": "", "private": False, "created_at": _NEVER, "Sandbox": {}}
        return envelope({"deploy_id": number, **empty})

    return answer


def _owner(call: Call) -> str:
    accounts = call.backend.accounts
    wanted = call.text("owner_namespace") or call.caller.name
    space = accounts.namespace(wanted)
    if space is None or accounts.role(call.caller, space.name) < Access.WRITE:
        raise Refusal(403, "AUTH-ERR-2")
    return space.name


def _asked(call: Call, kind: DeployType, before: Deploy | None) -> tuple[str, Settings]:
    """Return the name and the settings of the body; what it leaves out is as it was before."""
    old = before.settings if before else Settings(0, 0)
    name = call.text("deploy_name") or (before.name if before else "")
    try:
        RepoId.parse(f"any/{name}")
    except InvalidInput as error:
        raise Refusal(400, "REQ-ERR-0") from error

    def text(field: str) -> str:
        return call.text(field, 10_000, str(getattr(old, field)))

    def number(field: str) -> int:
        return _number(call, field, getattr(old, field))

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


def _number(call: Call, field: str, default: int) -> int:
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
    chosen = resource(asked.resource_id)
    if chosen is None or framework(asked.runtime_framework_id, kind) is None:
        raise Refusal(500, "SYS-ERR-3")
    if not chosen["is_available"]:
        raise Refusal(500, "TASK-ERR-4", "TASK-ERR-4: Not enough resource to run the task")
    backend, found = call.backend, call.repository
    if asked.revision and backend.git.resolve(found.id, asked.revision) is None:
        raise Refusal(500, "GIT-ERR-6")


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _changer(kind: DeployType) -> Handler:
    def answer(call: Call) -> Response:
        found = found_deploy(call, kind, Access.WRITE)
        if found.state is not State.STOPPED:
            words = "The deploy is still running, please stop it first before updating."
            raise Refusal(500, "DEPLOY-ERR-1", f"DEPLOY-ERR-1: {words}")
        call.backend.deploys.change(found, *_asked(call, kind, found))
        return envelope()

    return answer


def _doer(kind: DeployType, deed: str) -> Handler:
    """Return the route that does one thing: start, stop, use or delete."""

    def answer(call: Call) -> Response:
        found = found_deploy(call, kind, Access.WRITE)
        do: Callable[[Deploy], None] = getattr(call.backend.deploys, deed)
        do(found)
        call.backend.consoles.of(found).say(f"{found.name}: {deed}")
        return envelope()

    return answer


def listed(call: Call) -> Response:
    """List a model's inference deploys, those that the caller may see; ``null`` for none."""
    call.need(Access.READ)
    role = call.backend.accounts.role
    found = call.backend.deploys.of_repository(DeployType.INFERENCE, call.repository)
    seen = [item for item in found if role(call.caller, item.namespace) >= Access.READ]
    return envelope([_object(call, item) for item in seen] or None, len(seen))


def show(call: Call) -> Response:
    """Show one deploy; finetune notebooks are shown here too."""
    return envelope(_object(call, found_deploy(call, None, Access.READ)))


def own_deploys(call: Call) -> Response:
    """List what the caller has running of a type of repository."""
    return _own(call, _wanted(call))


def own_notebooks(call: Call) -> Response:
    """List the caller's finetune notebooks."""
    return _own(call, DeployType.FINETUNE)


def shared_deploys(call: Call) -> Response:
    """List what an organization has running of a type of repository."""
    return _shared(call, _wanted(call))


def shared_notebooks(call: Call) -> Response:
    """List an organization's finetune notebooks."""
    return _shared(call, DeployType.FINETUNE)


def _wanted(call: Call) -> DeployType | None:
    """Return which deploys a list is of; ``None`` for those that this hub does not make."""
    if call.part("type") not in {Kind.MODEL.value, Kind.SPACE.value}:
        raise Refusal(400, "REQ-ERR-6")
    wanted = call.query("deploy_type", "1")
    if not wanted.isdecimal() or len(wanted) > 3:
        raise Refusal(400, "REQ-ERR-6")
    if call.part("type") != Kind.MODEL.value:
        return None
    return next((kind for kind in DeployType if int(kind) == int(wanted)), None)


def _own(call: Call, kind: DeployType | None) -> Response:
    """Return the caller's deploys; these lists say ``message`` where others say ``msg``."""
    if call.part("user") != call.caller.name:
        raise Refusal(401, "AUTH-ERR-7")
    shown, total = _page(call, kind, call.caller.name)
    return PureJSON({"message": "OK", "data": shown, "total": total})


def _shared(call: Call, kind: DeployType | None) -> Response:
    """Return an organization's deploys to its members; list and total are one level deeper."""
    accounts = call.backend.accounts
    space = accounts.namespace(call.part("organization"))
    if space is None or space.kind != "organization":
        raise Refusal(404, "SYS-ERR-3")
    if accounts.role(call.caller, space.name) < Access.READ:
        raise Refusal(403, "AUTH-ERR-2")
    shown, total = _page(call, kind, space.name)
    return envelope({"data": shown, "total": total})


def _page(
    call: Call, kind: DeployType | None, namespace: str
) -> tuple[list[dict[str, object]] | None, int]:
    paging = Paging.of(call)
    if kind is None:
        return None, 0
    found, total = call.backend.deploys.of_namespace(kind, namespace, paging.per, paging.offset)
    return [_object(call, item) for item in found] or None, total


def _object(call: Call, deploy: Deploy) -> dict[str, object]:
    """Return a deploy as the contract shows it."""
    backend, settings = call.backend, deploy.settings
    repository = backend.catalogue.by_id(deploy.repository_id)
    user = backend.accounts.user_by_id(deploy.user_id)
    if repository is None or user is None:
        raise Refusal(404, "SYS-ERR-3")
    used = framework(settings.runtime_framework_id, deploy.type) or {}
    hardware = resource(settings.resource_id) or {}
    reason, message = deploy.trouble
    address = f"{backend.url}{PREFIX}/{deploy.service}"
    shown: dict[str, object] = {
        "deploy_id": deploy.id,
        "deploy_name": deploy.name,
        "model_id": repository.path,
        "namespace": repository.namespace,
        "name": repository.name,
        "git_path": repository.path,
        "git_branch": settings.revision or repository.default_branch,
        "env": settings.env,
        "hardware": hardware.get("resources", ""),
        "image_id": used.get("frame_image", ""),
        "user_id": user.id,
        "user_uuid": user.uuid,
        "repository_id": repository.id,
        "runtime_framework": used.get("frame_name", ""),
        "container_port": used.get("container_port", 0),
        "min_replica": settings.min_replica,
        "max_replica": settings.max_replica,
        "svc_name": deploy.service,
        "created_at": moment(deploy.created_at),
        "updated_at": moment(deploy.updated_at),
        "cluster_id": settings.cluster_id,
        "secure_level": settings.secure_level,
        "actual_replica": len(deploy.instances),
        "desired_replica": 0 if deploy.state is State.STOPPED else settings.max_replica,
        "instances": deploy.instances,
        "type": int(deploy.type),
        "sku": str(settings.resource_id),
        "resource_type": hardware.get("type", ""),
        "task": "text-generation" if deploy.type is DeployType.INFERENCE else "finetune",
        "engine_args": settings.engine_args,
        "variables": settings.variables,
        "entrypoint": settings.entrypoint,
        "reason": reason,
        "message": message,
        "owner_namespace": deploy.namespace,
    }
    if deploy.type is DeployType.INFERENCE:
        shown |= {"endpoint": address, "proxy_endpoint": address}
    always = {
        "status": deploy.state.word,
        "private": settings.secure_level == 2,
        "Sandbox": {},
    }
    return {key: value for key, value in shown.items() if value not in ("", 0, [], None)} | always
