"""Finetune jobs and evaluations over REST: what is asked for once and comes to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.routing import Route

from csgrepo.server.accounts.users import Access
from csgrepo.server.deploys.deploys import DeployType
from csgrepo.server.deploys.settings import asked_number, need_offer
from csgrepo.server.deploys.streams import listening, number_of, said_since
from csgrepo.server.http.refusal import Refusal
from csgrepo.server.repos.kinds import Kind
from csgrepo.server.rest.deploy_lists import own_and_shared
from csgrepo.server.rest.frame import endpoint, envelope, moment
from csgrepo.server.rest.offers import framework, resource

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.responses import Response
    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp

    from csgrepo.server.backend import Backend
    from csgrepo.server.deploys.tasks import Task
    from csgrepo.server.rest.frame import Call, Handler, Paging

__all__ = ["found_task", "routes", "task_page"]

_WORDS = {DeployType.JOB: "finetune", DeployType.EVALUATION: "evaluation"}
_TEXTS = ("task_name", "task_desc", "custom_args", "swift_command", "agent")
_COMMANDS = ("", "sft", "rlhf", "pt")
_MOST = 20


def routes(backend: Backend) -> list[BaseRoute]:
    """Return the routes."""
    found: list[BaseRoute] = []
    for kind, path, listed in (
        (DeployType.JOB, "finetunes", "finetune/jobs"),
        (DeployType.EVALUATION, "evaluations", "evaluations"),
    ):
        one = f"/api/v1/{path}/{{id}}"
        make = endpoint(backend, _maker(kind), login=True, body=True)
        found += [
            Route(f"/api/v1/{path}", make, methods=["POST"]),
            Route(one, endpoint(backend, _shower(kind), login=True), methods=["GET"]),
            Route(one, endpoint(backend, _striker(kind), login=True), methods=["DELETE"]),
            *own_and_shared(backend, listed, task_page(kind, task_object)),
        ]
    told = endpoint(backend, logs, login=True)
    return [*found, Route("/api/v1/finetunes/{id}/logs", told, methods=["GET"])]


def _maker(kind: DeployType) -> Handler:
    def answer(call: Call) -> Response:
        asked = _asked(call, kind)
        word = "namespace" if kind is DeployType.JOB else "owner_namespace"
        accounts = call.backend.accounts
        space = accounts.namespace(call.text(word) or call.caller.name)
        if space is None or accounts.role(call.caller, space.name) < Access.WRITE:
            raise Refusal(403, "AUTH-ERR-2")
        tasks = call.backend.tasks
        number = tasks.create(kind, call.caller, space.name, asked["task_name"], asked)
        made = tasks.find(kind, number, call.backend.deploys.pace)
        assert made is not None  # noqa: S101 - it was entered in the line above
        return envelope(task_object(call, made))

    return answer


def _asked(call: Call, kind: DeployType) -> dict[str, Any]:
    """Return what the body asks for.

    Raises:
        Refusal: 400, something needed is missing or is none; 500, it names what does not exist.
    """
    asked: dict[str, Any] = {name: call.text(name, 10_000) for name in _TEXTS}
    asked |= {n: asked_number(call, n) for n in ("resource_id", "runtime_framework_id", "epochs")}
    rate = call.body.get("learning_rate") or 0
    if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 <= rate <= 1:
        raise Refusal(400, "REQ-ERR-1")
    asked["learning_rate"] = rate
    models, datasets = _named(call, "model"), _named(call, "dataset")
    wanted = bool(models and (datasets or call.body.get("custom_datasets")))
    known = asked["swift_command"] in _COMMANDS
    if not wanted or not known or not asked["resource_id"] or not asked["runtime_framework_id"]:
        raise Refusal(400, "REQ-ERR-1")
    _need(call, Kind.MODEL, models)
    _need(call, Kind.DATASET, datasets)
    offered = DeployType.FINETUNE if kind is DeployType.JOB else kind
    need_offer(asked["resource_id"], asked["runtime_framework_id"], offered)
    return asked | {"models": models, "datasets": datasets}


def _named(call: Call, word: str) -> list[str]:
    """Return the paths that a body names, one or many."""
    found: list[object] = []
    for field in (f"{word}_id", f"{word}_ids", f"{word}s"):
        value = call.body.get(field)
        found += value if isinstance(value, list) else [value] if value else []
    if len(found) > _MOST or not all(isinstance(path, str) and "/" in path for path in found):
        raise Refusal(400, "REQ-ERR-1")
    return [str(path) for path in found]


def _need(call: Call, kind: Kind, paths: list[str]) -> None:
    """Go on only with repositories that the caller may read."""
    for path in paths:
        namespace, _, name = path.partition("/")
        found = call.backend.catalogue.find(kind, namespace, name)
        if found is None:
            raise Refusal(500, "SYS-ERR-3")
        if call.backend.access(call.user, found) < Access.READ:
            raise Refusal(403, "AUTH-ERR-2")


def found_task(call: Call, kind: DeployType, level: Access) -> Task:
    """Return the task that the path names, if the caller may do that with it.

    Raises:
        Refusal: 400, 403 or 404.
    """
    found = call.backend.tasks.find(kind, number_of(call), call.backend.deploys.pace)
    if found is None:
        raise Refusal(404, "SYS-ERR-3")
    if call.backend.accounts.role(call.caller, found.namespace) < level:
        raise Refusal(403, "AUTH-ERR-2")
    return found


def _shower(kind: DeployType) -> Handler:
    def answer(call: Call) -> Response:
        return envelope(task_object(call, found_task(call, kind, Access.READ)))

    return answer


def _striker(kind: DeployType) -> Handler:
    def answer(call: Call) -> Response:
        call.backend.tasks.delete(found_task(call, kind, Access.WRITE))
        return envelope()

    return answer


def logs(call: Call) -> ASGIApp:
    """Tell what a finetune job said; with ``stream=true`` without an end."""
    found = found_task(call, DeployType.JOB, Access.READ)
    console = call.backend.consoles.of(found)
    if call.query("stream") == "true":
        return listening(call, console)
    return envelope(said_since(call, console))


def task_page(
    kind: DeployType, shown: Callable[[Call, Task], dict[str, object]]
) -> Callable[[Call, str, Paging], tuple[list[dict[str, object]], int]]:
    """Return what reads one page of a namespace's tasks."""

    def page(call: Call, namespace: str, paging: Paging) -> tuple[list[dict[str, object]], int]:
        found, total = call.backend.tasks.of_namespace(
            kind,
            namespace,
            limit=paging.per,
            offset=paging.offset,
            pace=call.backend.deploys.pace,
        )
        return [shown(call, task) for task in found], total

    return page


def task_object(call: Call, task: Task) -> dict[str, object]:
    """Return a job or an evaluation as the contract shows it."""
    asked = task.asked
    user = call.backend.accounts.user_by_id(task.user_id)
    offered = DeployType.FINETUNE if task.type is DeployType.JOB else task.type
    used = framework(asked["runtime_framework_id"], offered) or {}
    hardware = resource(asked["resource_id"]) or {}
    failed = task.phase == "Failed"
    shown: dict[str, object] = {
        "id": task.id,
        "repo_ids": asked["models"],
        "repo_type": Kind.MODEL.value,
        "username": user.name if user else "",
        "task_name": task.name,
        "task_id": task.service,
        "task_type": _WORDS[task.type],
        "task_desc": asked["task_desc"],
        "resource_id": asked["resource_id"],
        "resource_name": hardware.get("name", ""),
        "status": task.phase,
        "reason": "the container exited with code 1" if failed else "",
        "image": used.get("frame_image", ""),
        "submit_time": moment(task.created_at),
        "datasets": [{"repo_id": path, "tags": None} for path in asked["datasets"]],
    }
    return shown
