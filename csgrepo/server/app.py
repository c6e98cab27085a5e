"""The hub's routes put together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from csgrepo.server import (
    admin,
    echo,
    lfs_locks,
    lfs_multipart,
    lfs_objects,
    mapping,
    mapping_write,
    metrics,
    pages,
    rest_commit,
    rest_content,
    rest_deploy_lists,
    rest_deploys,
    rest_extra,
    rest_files,
    rest_history,
    rest_listing,
    rest_lists,
    rest_members,
    rest_mirrors,
    rest_notebooks,
    rest_offers,
    rest_organizations,
    rest_prompts,
    rest_relations,
    rest_repos,
    rest_serverless,
    rest_space_runs,
    rest_ssh_keys,
    rest_tags,
    rest_tasks,
    rest_tokens,
    rest_transfer,
    rest_upload,
    rest_users,
    rest_write,
    smart_http,
)
from csgrepo.server.bodies import Disconnected
from csgrepo.server.gate import Gate
from csgrepo.server.refusal import Refusal
from csgrepo.server.rest import refusal_answer

if TYPE_CHECKING:
    from starlette.requests import Request

    from csgrepo.server.backend import Backend

__all__ = ["build", "route_table"]

_MODULES = (
    smart_http,
    lfs_locks,  # before the next, which takes any word behind info/lfs
    lfs_objects,
    lfs_multipart,
    rest_users,
    rest_tokens,
    rest_ssh_keys,
    rest_organizations,
    rest_members,
    rest_repos,
    rest_prompts,
    rest_lists,
    rest_extra,
    rest_tags,
    rest_transfer,
    rest_relations,
    rest_mirrors,
    rest_history,
    rest_files,
    rest_content,
    rest_listing,
    rest_write,
    rest_commit,
    rest_upload,
    mapping_write,
    mapping,
    metrics,
    admin,
    rest_offers,
    rest_deploys,
    rest_deploy_lists,
    rest_serverless,
    rest_space_runs,
    rest_tasks,
    rest_notebooks,
    echo,
    pages,
)


def route_table(backend: Backend) -> list[tuple[list[str], str]]:
    """Return the methods and the path of every route, in the order in which they are tried."""
    routes = [route for module in _MODULES for route in module.routes(backend)]
    return [(sorted(r.methods or []), r.path) for r in routes if isinstance(r, Route)]


def build(backend: Backend) -> Gate:
    """Return the ASGI application of a hub."""
    app = Starlette(
        routes=[route for module in _MODULES for route in module.routes(backend)],
        exception_handlers={
            Refusal: refusal_answer,
            HTTPException: _unknown,
            Disconnected: _nobody,
            Exception: _failed,
        },
    )
    app.router.redirect_slashes = False
    return Gate(app, backend)


def _unknown(_: Request, __: Exception) -> Response:
    """Return what the contract's router says to paths and methods it does not have."""
    return PlainTextResponse("404 page not found", 404)


def _nobody(_: Request, __: Exception) -> Response:
    """Return an answer for a client that has left and will not read it."""
    return Response(status_code=400)


def _failed(request: Request, _: Exception) -> Response:
    """Return what is said when something went wrong that nobody foresaw; the gate logs it."""
    return refusal_answer(request, Refusal(500, "SYS-ERR-0"))
