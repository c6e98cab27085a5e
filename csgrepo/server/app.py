"""The hub's routes put together."""

from __future__ import annotations

import errno
import logging
import re
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from csgrepo.errors import DiskFull
from csgrepo.server.deploys import echo
from csgrepo.server.git import smart_http
from csgrepo.server.http.bodies import Disconnected
from csgrepo.server.http.gate import Gate
from csgrepo.server.http.record import shown_path
from csgrepo.server.http.refusal import Refusal
from csgrepo.server.lfs import locks, multipart, objects
from csgrepo.server.mapping import reading, writing
from csgrepo.server.operation import admin, metrics
from csgrepo.server.rest import (
    api_keys,
    archives,
    clusters,
    collections,
    commit,
    content,
    deploy_lists,
    deploys,
    extra,
    files,
    history,
    listing,
    lists,
    members,
    mirrors,
    notebooks,
    offers,
    organizations,
    prompts,
    relations,
    remotes,
    repos,
    revisions,
    serverless,
    space_runs,
    ssh_keys,
    sync,
    tags,
    tasks,
    tokens,
    transfer,
    upload,
    users,
    write,
)
from csgrepo.server.rest.frame import PureJSON, refusal_answer
from csgrepo.server.web import pages

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp

    from csgrepo.server.backend import Backend

logger = logging.getLogger("csgrepo.server")

_HEADED = re.compile(r"(?!/api/v1/)(?!.*/info/)(?!/(csg|hf|ms)/api/)")

__all__ = ["build", "route_table"]

_MODULES = (
    smart_http,
    locks,  # before the next, which takes any word behind info/lfs
    objects,
    multipart,
    users,
    tokens,
    api_keys,
    ssh_keys,
    organizations,
    members,
    repos,
    prompts,
    collections,  # before the lists, whose likes are numbers
    lists,
    extra,
    tags,
    transfer,
    relations,
    mirrors,
    sync,
    history,
    remotes,  # before the trees, whose paths may hold any word
    files,
    archives,
    content,
    listing,
    write,
    commit,
    upload,
    writing,
    reading,
    metrics,
    admin,
    offers,
    clusters,
    revisions,  # before the deploys, whose numbers may be any word
    deploys,
    deploy_lists,
    serverless,
    space_runs,
    tasks,
    notebooks,
    echo,
    pages,
)


def route_table(backend: Backend) -> list[tuple[list[str], str]]:
    """Return the methods and the path of every route, in the order in which they are tried."""
    routes = [route for module in _MODULES for route in module.routes(backend)]
    return [(sorted(r.methods or []), r.path) for r in routes if isinstance(r, Route)]


def build(backend: Backend) -> Gate:
    """Return the ASGI application of a hub."""
    routes = [route for module in _MODULES for route in module.routes(backend)]
    for route in routes:
        _spare_head(route)
    app = Starlette(
        routes=routes,
        exception_handlers={
            Refusal: refusal_answer,
            HTTPException: _unknown,
            Disconnected: _nobody,
            DiskFull: _full,
            OSError: _disk_failed,
            Exception: _failed,
        },
    )
    app.router.redirect_slashes = False
    return Gate(_open_to_pages(app), backend)


def _spare_head(route: BaseRoute) -> None:
    """Let a route answer HEAD only where the contract's router does: for files to be resolved.

    Beside them stand this hub's own, which are no part of it.
    """
    if isinstance(route, Route) and route.methods and not _HEADED.match(route.path):
        route.methods.discard("HEAD")


def _open_to_pages(app: ASGIApp) -> ASGIApp:
    """Return the same for scripts of any web page too, as the contract has it.

    They see what anybody may see, and more only with a token of their own: what a browser knows of
    the user is not sent along.
    """
    return CORSMiddleware(app, allow_origins=["*"], allow_methods=["*"], allow_headers=["*"])


def _unknown(_: Request, __: Exception) -> Response:
    """Return what the contract's router says to paths and methods it does not have."""
    return PlainTextResponse("404 page not found", 404)


def _nobody(_: Request, __: Exception) -> Response:
    """Return an answer for a client that has left and will not read it."""
    return Response(status_code=400)


def _full(request: Request, error: Exception) -> Response:
    """Say that there is no room; the contract's server has no word for it, Git LFS has a status."""
    logger.warning("%s %s: %s", request.method, shown_path(request.scope["path"]), error)
    words = "SYS-ERR-0: the hub's disk is full; nothing was kept. Free some room, then try again."
    return PureJSON({"code": "SYS-ERR-0", "msg": words, "message": words}, 507)


def _disk_failed(request: Request, error: Exception) -> Response:
    assert isinstance(error, OSError)  # noqa: S101 - registered for nothing else
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return _full(request, error)
    raise error


def _failed(request: Request, _: Exception) -> Response:
    """Return what is said when something went wrong that nobody foresaw; the gate logs it."""
    return refusal_answer(request, Refusal(500, "SYS-ERR-0"))
