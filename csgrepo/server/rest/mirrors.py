"""Mirrors over REST: kept as they were asked for, and waiting for ever.

This hub calls nobody: a mirror stays queued, and says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.routing import Route

from csgrepo.server.accounts.users import Access
from csgrepo.server.deploys.settings import asked_number
from csgrepo.server.http.refusal import Refusal
from csgrepo.server.repos.kinds import IN_REST, Kind
from csgrepo.server.rest.frame import NEVER, PureJSON, endpoint, envelope, moment

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from csgrepo.server.backend import Backend
    from csgrepo.server.repos.mirrors import Mirror
    from csgrepo.server.rest.frame import Call

__all__ = ["routes"]

_WAITING = "queued"
_WHY = "this hub fetches nothing from other hosts"
_FROM_SAAS = "CSG_"
_SAAS = "https://hub.opencsg.com"


def routes(backend: Backend) -> list[BaseRoute]:
    """Return the routes; the contract lets no mirror of an mcp be made by hand."""
    found: list[BaseRoute] = []
    for kind in IN_REST:
        one = f"/api/v1/{kind.rest_plural}/{{namespace}}/{{name}}"
        table = [
            ("GET", "mirror", show, False),
            ("POST", "mirror/sync", ask, False),
            ("POST", "mirror_from_saas", from_saas, False),
            ("GET", "mirror_from_saas/status", saas_status, False),
        ]
        if kind is not Kind.MCP:
            table += [
                ("POST", "mirror", create, True),
                ("PUT", "mirror", change, True),
                ("DELETE", "mirror", delete, False),
            ]
        found += [
            Route(
                f"{one}/{path}",
                endpoint(backend, handler, kind=kind, login=True, body=body),
                methods=[method],
            )
            for method, path, handler, body in table
        ]
    return found


def _found(call: Call, level: Access) -> Mirror:
    call.need(level)
    found = call.backend.mirrors.of(call.repository)
    if found is None:
        raise Refusal(500, "SYS-ERR-3")
    return found


def _store(call: Call) -> Response:
    url = call.text("source_url", 2000)
    parts = urlsplit(url) if url.isprintable() else None
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Refusal(400, "REQ-ERR-1")
    named = call.text("username")
    secret = call.text("access_token") or call.text("password")
    if parts.username is not None or bool(named) != bool(secret):
        raise Refusal(400, "MIRROR-ERR-5")
    number = asked_number(call, "mirror_source_id")
    call.backend.mirrors.store(call.repository, url, number)
    return show(call)


def create(call: Call) -> Response:
    """Note where a repository is to come from."""
    call.need(Access.WRITE)
    if call.backend.mirrors.of(call.repository):
        raise Refusal(409, "MIRROR-ERR-0")
    return _store(call)


def change(call: Call) -> Response:
    """Note that it is to come from elsewhere."""
    _found(call, Access.WRITE)
    return _store(call)


def show(call: Call) -> Response:
    """Show a mirror, never with what its source is opened with."""
    return envelope(_object(call, _found(call, Access.READ)))


def ask(call: Call) -> Response:
    """Note that it is to be brought up to date."""
    call.backend.mirrors.ask(_found(call, Access.WRITE))
    return envelope()


def delete(call: Call) -> Response:
    """Forget it; what the repository holds stays."""
    call.backend.mirrors.delete(_found(call, Access.WRITE))
    return envelope()


def from_saas(call: Call) -> Response:
    """Note that a repository is to come from the public hub; its namespace says it does."""
    call.need(Access.WRITE)
    repository = call.repository
    if not repository.namespace.startswith(_FROM_SAAS):
        raise Refusal(400, "REQ-ERR-0")
    origin = f"{repository.namespace.removeprefix(_FROM_SAAS)}/{repository.name}"
    url = f"{_SAAS}/{repository.type.git_plural}/{origin}.git"
    call.backend.mirrors.store(repository, url, 0)
    found = _found(call, Access.WRITE)
    return PureJSON({"msg": "Accepted", "data": _object(call, found)}, 202)


def saas_status(call: Call) -> Response:
    """Tell how far that is."""
    found = _found(call, Access.READ)
    if call.query("task_id") not in {"", str(found.id)}:
        raise Refusal(404, "SYS-ERR-3")
    return envelope(
        {
            "repository_id": found.repository_id,
            "mirror_id": found.id,
            "task_id": found.id,
            "status": _WAITING,
            "phase": _WAITING,
            "repo_ready": False,
            "terminal": False,
            "retrying": False,
            "superseded": False,
            "progress": 0,
            "failure_reason": "",
            "updated_at": moment(found.updated_at),
        }
    )


def _object(call: Call, mirror: Mirror) -> dict[str, object]:
    return {
        "id": mirror.id,
        "source_url": mirror.source_url,
        "mirror_source_id": mirror.source_id,
        "repository_id": mirror.repository_id,
        "last_updated_at": NEVER,
        "source_repo_path": urlsplit(mirror.source_url).path.strip("/").removesuffix(".git"),
        "local_repo_path": call.repository.path,
        "last_message": _WHY,
        "mirror_task_id": mirror.id,
        "status": _WAITING,
        "progress": 0,
        "current_task": None,
        "next_execution_timestamp": moment(mirror.asked_at),
        "created_at": moment(mirror.created_at),
        "updated_at": moment(mirror.updated_at),
    }
