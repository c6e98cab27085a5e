"""Calls for the operator: faults are switched on and off while the hub runs.

There are none unless the hub was started with an admin token; then they want it as a bearer.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.routing import Route

from csgrepo.server.faults.orders import describe, switch_on
from csgrepo.server.http.bodies import json_object, read_all
from csgrepo.server.http.refusal import Refusal
from csgrepo.server.rest.frame import envelope

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from csgrepo.server.backend import Backend

__all__ = ["PREFIX", "routes"]

PREFIX = "/_admin/"


def routes(backend: Backend) -> list[BaseRoute]:
    """Return the routes."""
    admin = _Admin(backend)
    faults = f"{PREFIX}faults"
    return [
        Route(faults, admin.listed, methods=["GET"]),
        Route(faults, admin.add, methods=["POST"]),
        Route(faults, admin.clear, methods=["DELETE"]),
        Route(f"{faults}/{{id:int}}", admin.remove, methods=["DELETE"]),
    ]


class _Admin:
    """The handlers of one hub."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._faults = backend.faults

    def _admit(self, request: Request) -> None:
        token = self._backend.admin_token
        if token is None:
            raise HTTPException(404)
        given = request.headers.get("authorization", "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(given, f"Bearer {token.reveal()}".encode()):
            raise Refusal(401, "AUTH-ERR-5")

    async def listed(self, request: Request) -> Response:
        """List what is switched on, and how often each has struck."""
        self._admit(request)
        return envelope([describe(fault) for fault in self._faults.all()])

    async def add(self, request: Request) -> Response:
        """Switch on what the body describes."""
        self._admit(request)
        body = json_object(await read_all(request.receive))
        return envelope(describe(switch_on(self._faults, body)))

    async def clear(self, request: Request) -> Response:
        """Switch everything off."""
        self._admit(request)
        self._faults.clear()
        return envelope()

    async def remove(self, request: Request) -> Response:
        """Switch one off."""
        self._admit(request)
        for fault in self._faults.all():
            if fault.id == request.path_params["id"]:
                self._faults.remove(fault)
                return envelope()
        raise Refusal(404, "SYS-ERR-3")
