"""Models that run for everybody, over REST: seen by all, handled by administrators."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

from csgrepo.server.accounts.users import Access
from csgrepo.server.deploys.deploys import DeployType
from csgrepo.server.deploys.shown import deploy_object
from csgrepo.server.deploys.streams import found_deploy, logs, said_since, status
from csgrepo.server.http.refusal import Refusal
from csgrepo.server.repos.kinds import Kind
from csgrepo.server.rest.deploys import changer, doer, maker
from csgrepo.server.rest.frame import endpoint, envelope
from csgrepo.server.rest.revisions import revision_object

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp

    from csgrepo.server.backend import Backend
    from csgrepo.server.rest.frame import Call, Handler

__all__ = ["routes"]

_KIND = DeployType.SERVERLESS
_BLANKED = ("endpoint", "proxy_endpoint")


def routes(backend: Backend) -> list[BaseRoute]:
    """Return the routes."""
    every = "/api/v1/models/{namespace}/{name}/serverless"
    one = f"{every}/{{id}}"
    table: list[tuple[str, str, Handler, bool]] = [
        ("POST", every, maker(_KIND), True),
        ("DELETE", every, delete_all, False),
        ("GET", one, show, False),
        ("PUT", one, changer(_KIND), True),
        ("PUT", f"{one}/start", doer(_KIND, "start"), False),
        ("PUT", f"{one}/stop", doer(_KIND, "stop"), False),
        ("GET", f"{one}/status", status(_KIND), False),
        ("GET", f"{one}/logs", logs(_KIND), False),
        ("GET", f"{one}/logs/last", last_logs, False),
        ("GET", f"{one}/versions/{{commit}}", version, False),
    ]
    seen = endpoint(backend, running, kind=Kind.MODEL)
    return [
        Route(every, seen, methods=["GET"]),
        *(
            Route(
                path,
                endpoint(backend, _for_admins(handler), kind=Kind.MODEL, login=True, body=body),
                methods=[method],
            )
            for method, path, handler, body in table
        ),
    ]


def _for_admins(handler: Handler) -> Handler:
    def answer(call: Call) -> ASGIApp:
        if not call.caller.is_admin:
            raise Refusal(403, "AUTH-ERR-6")
        return handler(call)

    return answer


def running(call: Call) -> Response:
    """Show what runs for everybody, without its address; ``null`` where nothing does."""
    call.need(Access.READ)
    found = call.backend.deploys.of_repository(_KIND, call.repository)
    if not found:
        return envelope(None)
    return envelope({**deploy_object(call, found[0]), **dict.fromkeys(_BLANKED, "")})


def show(call: Call) -> Response:
    """Show one with everything."""
    return envelope(deploy_object(call, found_deploy(call, _KIND, Access.READ)))


def version(call: Call) -> Response:
    """Show one of the commits that it serves."""
    deploy = found_deploy(call, _KIND, Access.READ)
    found = [one for one in call.backend.revisions.of(deploy) if one.commit == call.part("commit")]
    if not found:
        raise Refusal(500, "SERVERLESS-ERR-4")
    return envelope(revision_object(found[0], deploy))


def delete_all(call: Call) -> Response:
    """Let the model run for nobody."""
    for found in call.backend.deploys.of_repository(_KIND, call.repository):
        call.backend.deploys.delete(found)
    return envelope()


def last_logs(call: Call) -> Response:
    """Tell what was said until now."""
    console = call.backend.consoles.of(found_deploy(call, _KIND, Access.READ))
    return envelope(said_since(call, console))
