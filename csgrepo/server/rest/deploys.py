"""Inference deploys and finetune notebooks over REST."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.routing import Route

from csgrepo.server.accounts.users import Access
from csgrepo.server.deploys.deploys import DeployType, State
from csgrepo.server.deploys.settings import asked_settings, owner_of
from csgrepo.server.deploys.shown import deploy_object
from csgrepo.server.deploys.streams import found_deploy, logs, status
from csgrepo.server.http.refusal import Refusal
from csgrepo.server.repos.kinds import Kind
from csgrepo.server.rest.frame import NEVER, endpoint, envelope

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from csgrepo.server.backend import Backend
    from csgrepo.server.deploys.deploys import Deploy, Settings
    from csgrepo.server.rest.frame import Call, Handler

__all__ = ["changer", "doer", "maker", "routes"]


def routes(backend: Backend) -> list[BaseRoute]:
    """Return the routes."""
    inference, finetune = DeployType.INFERENCE, DeployType.FINETUNE
    one = "/api/v1/models/{namespace}/{name}"
    table: list[tuple[str, str, Handler, bool]] = [
        ("GET", "run", listed, False),
        ("POST", "run", maker(inference), True),
        ("GET", "run/{id}", show, False),
        ("PUT", "run/{id}", changer(inference), True),
        ("DELETE", "run/{id}", doer(inference, "delete"), False),
        ("GET", "run/{id}/status", status(inference), False),
        ("GET", "run/{id}/logs", logs(inference), False),
        ("PUT", "run/{id}/start", doer(inference, "start"), False),
        ("PUT", "run/{id}/stop", doer(inference, "stop"), False),
        ("PUT", "run/{id}/wakeup", doer(inference, "use"), False),
        ("POST", "finetune", maker(finetune), True),
        ("PUT", "finetune/{id}", changer(finetune), True),
        ("DELETE", "finetune/{id}", doer(finetune, "delete"), False),
        ("GET", "finetune/{id}/logs", logs(finetune), False),
        ("PUT", "finetune/{id}/start", doer(finetune, "start"), False),
        ("PUT", "finetune/{id}/stop", doer(finetune, "stop"), False),
    ]

    def made(handler: Handler, kind: Kind | None, *, body: bool = False) -> Any:
        return endpoint(backend, handler, kind=kind, login=True, body=body)

    return [
        Route(f"{one}/{path}", made(handler, Kind.MODEL, body=body), methods=[method])
        for method, path, handler, body in table
    ]


def maker(kind: DeployType) -> Handler:
    """Return the route that enters a deploy of a model."""

    def answer(call: Call) -> Response:
        call.need(Access.READ)
        namespace = owner_of(call)
        name, settings = asked_settings(call, kind, None)
        number = call.backend.deploys.create(
            kind,
            call.repository,
            call.caller,
            namespace=namespace,
            name=name,
            settings=settings,
        )
        _serve(call, kind, number, settings)
        # Only the number means something in this answer; the rest is the contract's zero values.
        empty = {"status": "", "private": False, "created_at": NEVER, "Sandbox": {}}
        return envelope({"deploy_id": number, **empty})

    return answer


def _serve(call: Call, kind: DeployType, number: int, settings: Settings) -> None:
    """Note the one commit that a new deploy serves, if it serves any."""
    wanted = settings.revision or call.repository.default_branch
    commit = call.backend.git.resolve(call.repository.id, wanted)
    if kind in {DeployType.INFERENCE, DeployType.SERVERLESS} and commit:
        call.backend.revisions.begin(number, commit)


def changer(kind: DeployType) -> Handler:
    """Return the route that changes a stopped deploy."""

    def answer(call: Call) -> Response:
        found = found_deploy(call, kind, Access.WRITE)
        if found.state is not State.STOPPED:
            raise Refusal(500, "DEPLOY-ERR-1")
        name, settings = asked_settings(call, kind, found)
        call.backend.deploys.change(found, name, settings)
        if settings.revision != found.settings.revision:
            _serve(call, kind, found.id, settings)
        return envelope()

    return answer


def doer(kind: DeployType, deed: str) -> Handler:
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
    return envelope([deploy_object(call, item) for item in seen] or None, len(seen))


def show(call: Call) -> Response:
    """Show one deploy; finetune notebooks are shown here too."""
    return envelope(deploy_object(call, found_deploy(call, None, Access.READ)))
