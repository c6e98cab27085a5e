"""Giving a repository to another namespace over REST."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

from csgrepo.server.accounts.users import Access
from csgrepo.server.http.refusal import Refusal
from csgrepo.server.repos.kinds import IN_REST, Kind
from csgrepo.server.rest.frame import endpoint, envelope

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from csgrepo.server.backend import Backend
    from csgrepo.server.rest.frame import Call

__all__ = ["routes"]

_FIXED = {Kind.SPACE, Kind.PROMPT}


def routes(backend: Backend) -> list[BaseRoute]:
    """Return the routes; the contract has none for some types."""
    return [
        Route(
            f"/api/v1/{kind.rest_plural}/{{namespace}}/{{name}}/transfer",
            endpoint(backend, transfer, kind=kind, login=True, body=True),
            methods=["POST"],
        )
        for kind in IN_REST
        if kind not in _FIXED
    ]


def transfer(call: Call) -> Response:
    """Move a repository; those who may write in both namespaces may."""
    accounts = call.backend.accounts
    call.need(Access.WRITE, 403, "AUTH-ERR-14")
    space = accounts.namespace(call.text("new_namespace"))
    if space is None:
        raise Refusal(400, "REQ-ERR-13")
    if space.name == call.repository.namespace:
        raise Refusal(400, "REQ-ERR-14")
    if accounts.role(call.caller, space.name) < Access.WRITE:
        raise Refusal(403, "AUTH-ERR-15")
    call.backend.catalogue.move(call.repository, space.name)
    return envelope()
