"""Running spaces over REST: there is one deploy for each, and no program behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

from csgrepo.server.accounts.users import Access
from csgrepo.server.deploys.deploys import DeployType, Settings
from csgrepo.server.deploys.streams import listening, reporting
from csgrepo.server.http.refusal import Refusal
from csgrepo.server.repos.details import shown_details
from csgrepo.server.repos.kinds import Kind
from csgrepo.server.rest.frame import endpoint, envelope
from csgrepo.server.rest.offers import resource

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from csgrepo.server.backend import Backend
    from csgrepo.server.deploys.deploys import Deploy
    from csgrepo.server.http.streams import EventStream
    from csgrepo.server.repos.catalogue import Repository
    from csgrepo.server.rest.frame import Call

__all__ = ["routes", "space_state"]

_ENTRY = {"docker": "Dockerfile", "nginx": "nginx.conf"}


def routes(backend: Backend) -> list[BaseRoute]:
    """Return the routes."""
    one, kind = "/api/v1/spaces/{namespace}/{name}", Kind.SPACE
    return [
        Route(f"{one}/run", endpoint(backend, run, kind=kind, login=True), methods=["POST"]),
        Route(f"{one}/stop", endpoint(backend, stop, kind=kind, login=True), methods=["POST"]),
        Route(f"{one}/wakeup", endpoint(backend, wake, kind=kind), methods=["POST"]),
        Route(f"{one}/status", endpoint(backend, status, kind=kind), methods=["GET"]),
        Route(f"{one}/logs", endpoint(backend, logs, kind=kind), methods=["GET"]),
    ]


def _deploy(backend: Backend, repository: Repository) -> Deploy | None:
    found = backend.deploys.of_repository(DeployType.SPACE, repository)
    return found[0] if found else None


def _has_entry(backend: Backend, repository: Repository) -> bool:
    name = _ENTRY.get(str(shown_details(repository)["sdk"]), "app.py")
    commit = backend.git.resolve(repository.id, repository.default_branch)
    entry = backend.git.entry(repository.id, commit, name) if commit else None
    return entry is not None and entry.kind == "blob"


def space_state(backend: Backend, repository: Repository) -> dict[str, object]:
    """Return what the page of a space says of its running."""
    found = _deploy(backend, repository)
    chosen = resource(int(shown_details(repository)["sku"])) or {}
    hardware = {"hardware": chosen.get("resources", "")}
    if found is None:
        return {**hardware, "status": _idle(backend, repository)}
    return {
        **hardware,
        "status": found.state.word,
        "svc_name": found.service,
        "deploy_id": found.id,
        "instances": found.instances or None,
    }


def _idle(backend: Backend, repository: Repository) -> str:
    """Return the state of a space that was never run."""
    if _has_entry(backend, repository):
        return ""
    nginx = shown_details(repository)["sdk"] == "nginx"
    return "NoNGINXConf" if nginx else "NoAppFile"


def run(call: Call) -> Response:
    """Let the space run."""
    call.need(Access.ADMIN)
    backend, repository = call.backend, call.repository
    if not _has_entry(backend, repository):
        raise Refusal(400, "TASK-ERR-0")
    found = _deploy(backend, repository)
    if found is None:
        backend.deploys.create(
            DeployType.SPACE,
            repository,
            call.caller,
            namespace=repository.namespace,
            name=repository.name,
            settings=Settings(1, 0, secure_level=2 if repository.private else 1),
        )
    else:
        backend.deploys.stop(found)
        backend.deploys.start(_deploy(backend, repository) or found)
    return envelope()


def stop(call: Call) -> Response:
    """Stop the space."""
    call.need(Access.ADMIN)
    if found := _deploy(call.backend, call.repository):
        call.backend.deploys.stop(found)
    return envelope()


def wake(call: Call) -> Response:
    """Wake the space; anybody may, as the contract has it."""
    if found := _deploy(call.backend, call.repository):
        call.backend.deploys.use(found)
    return envelope()


def _need_sight(call: Call) -> None:
    call.need(Access.READ, *((403, "AUTH-ERR-2") if call.user else (500, "AUTH-ERR-2")))


def status(call: Call) -> EventStream:
    """Tell the space's state again and again, as a bare word."""
    _need_sight(call)
    backend, number = call.backend, call.repository.id

    def look() -> object:
        repository = backend.catalogue.by_id(number)
        return space_state(backend, repository)["status"] if repository else None

    return reporting(call, look)


def logs(call: Call) -> EventStream:
    """Tell what the space's program says, without an end."""
    _need_sight(call)
    found = _deploy(call.backend, call.repository)
    if found is None:
        raise Refusal(404, "SYS-ERR-3")
    return listening(call, call.backend.consoles.of(found))
