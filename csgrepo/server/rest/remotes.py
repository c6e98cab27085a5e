"""What a repository looks like on the hub that it is synchronised from, over REST.

This hub is synchronised from none and asks nobody: the contract's server finds no setting for such
a hub then, and so it is answered here, once it is clear that the caller may read the repository.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

from csgrepo.server.accounts.users import Access
from csgrepo.server.http.refusal import Refusal
from csgrepo.server.repos.kinds import WITH_FILES, Kind
from csgrepo.server.rest.frame import endpoint

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from csgrepo.server.backend import Backend
    from csgrepo.server.rest.frame import Call

__all__ = ["routes"]

_PATHS = ("remote_tree", "refs/{ref}/remote_tree/{path:path}", "remote_diff")


def routes(backend: Backend) -> list[BaseRoute]:
    """Return the routes of all repository types."""
    found: list[BaseRoute] = []
    for kind in WITH_FILES:
        one = f"/api/v1/{kind.rest_plural}/{{namespace}}/{{name}}"
        answer = endpoint(backend, nowhere, kind=kind, login=kind is Kind.DATASET)
        found += [Route(f"{one}/{path}", answer, methods=["GET"]) for path in _PATHS]
    return found


def nowhere(call: Call) -> Response:
    """Say that there is no other hub to compare with."""
    status = 500 if call.request.scope["path"].endswith("/remote_diff") else 403
    call.need(Access.READ, status)
    raise Refusal(500, "SYS-ERR-3", context={"missing": "sync client setting"})
