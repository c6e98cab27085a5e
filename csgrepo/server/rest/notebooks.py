"""Notebooks over REST: they belong to a user or an organization, and to no repository."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

from csgrepo.server.accounts.users import Access
from csgrepo.server.deploys.deploys import DeployType, State
from csgrepo.server.deploys.settings import asked_name, asked_number, need_offer, owner_of
from csgrepo.server.deploys.streams import listening, reporting
from csgrepo.server.http.refusal import Refusal
from csgrepo.server.rest.deploy_lists import own_and_shared
from csgrepo.server.rest.frame import endpoint, envelope, moment
from csgrepo.server.rest.offers import CLUSTER_ID, framework, resource
from csgrepo.server.rest.tasks import found_task, task_page

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from csgrepo.server.backend import Backend
    from csgrepo.server.deploys.tasks import Task
    from csgrepo.server.http.streams import EventStream
    from csgrepo.server.rest.frame import Call, Handler

__all__ = ["routes"]

_KIND = DeployType.NOTEBOOK


def routes(backend: Backend) -> list[BaseRoute]:
    """Return the routes."""
    every, one = "/api/v1/notebooks", "/api/v1/notebooks/{id}"
    table: list[tuple[str, str, Handler, bool]] = [
        ("POST", every, create, True),
        ("GET", one, show, False),
        ("PUT", one, change, True),
        ("DELETE", one, _doer("delete"), False),
        ("PUT", f"{one}/start", _doer("start"), False),
        ("PUT", f"{one}/wakeup", _doer("start"), False),
        ("PUT", f"{one}/stop", _doer("stop"), False),
        ("GET", f"{one}/status", status, False),
        ("GET", f"{one}/logs", logs, False),
    ]
    return [
        *(
            Route(path, endpoint(backend, handler, login=True, body=body), methods=[method])
            for method, path, handler, body in table
        ),
        *own_and_shared(backend, "notebooks", task_page(_KIND, notebook_object)),
    ]


def create(call: Call) -> Response:
    """Enter a notebook that begins to start."""
    name, owner = asked_name(call), owner_of(call)
    asked = {
        field: asked_number(call, field)
        for field in ("resource_id", "runtime_framework_id", "min_replica")
    }
    need_offer(asked["resource_id"], asked["runtime_framework_id"], _KIND)
    tasks = call.backend.tasks
    number = tasks.create(_KIND, call.caller, owner, name, asked)
    made = tasks.find(_KIND, number, call.backend.deploys.pace)
    assert made is not None  # noqa: S101 - it was entered in the line above
    return envelope(notebook_object(call, made))


def show(call: Call) -> Response:
    """Show a notebook."""
    return envelope(notebook_object(call, found_task(call, _KIND, Access.READ)))


def change(call: Call) -> Response:
    """Give a stopped notebook another resource."""
    found = found_task(call, _KIND, Access.WRITE)
    if found.state is not State.STOPPED:
        raise Refusal(500, "DEPLOY-ERR-1")
    wanted = asked_number(call, "resource_id", found.asked["resource_id"])
    need_offer(wanted, found.asked["runtime_framework_id"], _KIND)
    call.backend.tasks.change(found, {**found.asked, "resource_id": wanted})
    return envelope()


def _doer(deed: str) -> Handler:
    """Return the route that does one thing: start, stop or delete."""

    def answer(call: Call) -> Response:
        found = found_task(call, _KIND, Access.WRITE)
        do: Callable[[Task], None] = getattr(call.backend.tasks, deed)
        do(found)
        call.backend.consoles.of(found).say(f"{found.name}: {deed}")
        return envelope()

    return answer


def status(call: Call) -> EventStream:
    """Tell a notebook's state again and again."""
    found = found_task(call, _KIND, Access.READ)

    def look() -> dict[str, object] | None:
        current = call.backend.tasks.find(_KIND, found.id, found.pace)
        if current is None:
            return None
        details = current.instances or None
        return {"status": current.state.word, "details": details, "message": "", "reason": ""}

    return reporting(call, look)


def logs(call: Call) -> EventStream:
    """Tell what a notebook says, without an end."""
    return listening(call, call.backend.consoles.of(found_task(call, _KIND, Access.READ)))


def notebook_object(_: Call, task: Task) -> dict[str, object]:
    """Return a notebook as the contract shows it."""
    hardware = resource(task.asked["resource_id"]) or {}
    used = framework(task.asked["runtime_framework_id"], _KIND) or {}
    return {
        "id": task.id,
        "deploy_name": task.name,
        "status": task.state.word,
        "svc_name": task.service,
        "endpoint": "",
        "cluster_id": CLUSTER_ID,
        "resource_id": str(task.asked["resource_id"]),
        "resource_name": hardware.get("name", ""),
        "runtime_framework": used.get("frame_name", ""),
        "runtime_framework_version": used.get("frame_version", ""),
        "min_replica": task.asked["min_replica"],
        "max_replica": 1,
        "secure_level": 2,
        "instances": task.instances,
        "pay_mode": hardware.get("pay_mode", ""),
        "order_detail_id": 0,
        "created_at": moment(task.created_at),
        "updated_at": moment(task.updated_at),
    }
