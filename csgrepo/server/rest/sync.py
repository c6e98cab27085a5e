"""What has changed on this hub, over REST, for other hubs that are synchronised from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

from csgrepo.server.rest.frame import endpoint, envelope, moment

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from csgrepo.server.backend import Backend
    from csgrepo.server.rest.frame import Call

__all__ = ["routes"]

_AT_ONCE = 500
_HERE = 0  # the contract's number for a repository that was made on the hub


def routes(backend: Backend) -> list[BaseRoute]:
    """Return the route."""
    path = "/api/v1/sync/version/latest"
    return [Route(path, endpoint(backend, latest, login=True), methods=["GET"])]


def latest(call: Call) -> Response:
    """List the repositories that changed after version ``cur``, in the order of their changes."""
    visible = call.backend.accounts.namespaces_of(call.user)
    current = call.number("cur", 0, 0)
    found = call.backend.catalogue.changed(current, visible=visible, limit=_AT_ONCE + 1)
    shown = [
        {
            "version": version,
            "source_id": _HERE,
            "repo_path": repository.path,
            "repo_type": repository.type.value,
            "last_modify_time": moment(repository.updated_at),
            "change_log": "",
        }
        for version, repository in found[:_AT_ONCE]
    ]
    return envelope({"versions": shown, "has_more": len(found) > _AT_ONCE})
