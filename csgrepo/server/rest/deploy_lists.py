"""What people and organizations have running, over REST."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

from csgrepo.server.accounts.users import Access
from csgrepo.server.deploys.deploys import DeployType
from csgrepo.server.deploys.shown import deploy_object
from csgrepo.server.http.refusal import Refusal
from csgrepo.server.repos.kinds import Kind
from csgrepo.server.rest.frame import Paging, PureJSON, endpoint, envelope

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from csgrepo.server.backend import Backend
    from csgrepo.server.rest.frame import Call

    Page = Callable[[Call, str, Paging], tuple[list[dict[str, object]], int]]

__all__ = ["own_and_shared", "routes"]


def routes(backend: Backend) -> list[BaseRoute]:
    """Return the routes."""
    serverless = endpoint(backend, every_serverless, login=True)
    return [
        Route("/api/v1/user/{user}/run/serverless", serverless, methods=["GET"]),
        *own_and_shared(backend, "run/{type}", _running),
        *own_and_shared(backend, "finetune/instances", _notebooks),
    ]


def own_and_shared(backend: Backend, path: str, page: Page) -> list[BaseRoute]:
    """Return the routes of a list: one of the caller's own, one of an organization's.

    Own lists say ``message`` where others say ``msg``; in those of organizations list and total
    are one level deeper, and only members see them.
    """

    def own(call: Call) -> Response:
        if call.part("user") != call.caller.name:
            raise Refusal(401, "AUTH-ERR-7")
        shown, total = page(call, call.caller.name, Paging.of(call))
        return PureJSON({"message": "OK", "data": shown or None, "total": total})

    def shared(call: Call) -> Response:
        accounts = call.backend.accounts
        space = accounts.namespace(call.part("organization"))
        if space is None or space.kind != "organization":
            raise Refusal(404, "SYS-ERR-3")
        if accounts.role(call.caller, space.name) < Access.READ:
            raise Refusal(403, "AUTH-ERR-2")
        shown, total = page(call, space.name, Paging.of(call))
        return envelope({"data": shown or None, "total": total})

    mine = endpoint(backend, own, login=True)
    ours = endpoint(backend, shared, login=True)
    return [
        Route(f"/api/v1/user/{{user}}/{path}", mine, methods=["GET"]),
        Route(f"/api/v1/organization/{{organization}}/{path}", ours, methods=["GET"]),
    ]


def _running(call: Call, namespace: str, paging: Paging) -> tuple[list[dict[str, object]], int]:
    return _page(call, _wanted(call), namespace, paging)


def _notebooks(call: Call, namespace: str, paging: Paging) -> tuple[list[dict[str, object]], int]:
    return _page(call, DeployType.FINETUNE, namespace, paging)


def _wanted(call: Call) -> DeployType | None:
    """Return which deploys a list is of; ``None`` for those that this hub does not make."""
    if call.part("type") == Kind.SPACE.value:
        return DeployType.SPACE
    wanted = call.query("deploy_type", "1")
    known = call.part("type") == Kind.MODEL.value
    if not known or not wanted.isdecimal() or len(wanted) > 3:
        raise Refusal(400, "REQ-ERR-6")
    return next((kind for kind in DeployType if int(kind) == int(wanted)), None)


def _page(
    call: Call, kind: DeployType | None, namespace: str | None, paging: Paging
) -> tuple[list[dict[str, object]], int]:
    if kind is None:
        return [], 0
    found, total = call.backend.deploys.of_namespace(kind, namespace, paging.per, paging.offset)
    return [deploy_object(call, item) for item in found], total


def every_serverless(call: Call) -> Response:
    """List what runs for everybody; for administrators."""
    if not call.caller.is_admin:
        raise Refusal(403, "AUTH-ERR-6")
    shown, total = _page(call, DeployType.SERVERLESS, None, Paging.of(call))
    return PureJSON({"message": "OK", "data": shown or None, "total": total})
