"""What a repository belongs together with, and a model's quantized files, over REST."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

from csgrepo.server.accounts.users import Access
from csgrepo.server.http.refusal import Refusal
from csgrepo.server.repos.kinds import Kind
from csgrepo.server.rest.files import file_object
from csgrepo.server.rest.frame import endpoint, envelope
from csgrepo.server.rest.history import NO_COMMIT
from csgrepo.server.rest.repos import repository_object

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from csgrepo.server.backend import Backend
    from csgrepo.server.repos.catalogue import Repository
    from csgrepo.server.rest.frame import Call, Handler

__all__ = ["routes"]

_SHOWN = (Kind.MODEL, Kind.DATASET, Kind.CODE, Kind.PROMPT)
_LISTED = (*_SHOWN, Kind.SPACE)
# Which type names which others as its own.
_NAMED = {Kind.MODEL: Kind.DATASET, Kind.PROMPT: Kind.MODEL}
_MOST = 100


def routes(backend: Backend) -> list[BaseRoute]:
    """Return the routes."""
    found: list[BaseRoute] = []
    for kind in _SHOWN:
        path = f"/api/v1/{kind.rest_plural}/{{namespace}}/{{name}}/relations"
        shown = endpoint(backend, relations, kind=kind, login=kind is Kind.DATASET)
        found.append(Route(path, shown, methods=["GET"]))
        if other := _NAMED.get(kind):
            for method, where, handler in (
                ("PUT", path, _replacer(other)),
                ("POST", f"{path}/{other}", _changer(other, "add")),
                ("DELETE", f"{path}/{other}", _changer(other, "remove")),
            ):
                change = endpoint(backend, handler, kind=kind, login=True, body=True)
                found.append(Route(where, change, methods=[method]))
    sized = endpoint(backend, quantizations, kind=Kind.MODEL)
    path = "/api/v1/models/{namespace}/{name}/quantizations"
    return [*found, Route(path, sized, methods=["GET"])]


def relations(call: Call) -> Response:
    """Tell what a repository is related to, by type; what the caller may not see is left out."""
    call.need(Access.READ)
    found: dict[str, list[dict[str, object]]] = {kind.rest_plural: [] for kind in _LISTED}
    for number in call.backend.relations.of(call.repository):
        other = call.backend.catalogue.by_id(number)
        if other and call.backend.access(call.user, other) >= Access.READ:
            found[other.type.rest_plural].append(repository_object(call, other, listed=True))
    return envelope({plural: shown for plural, shown in found.items() if shown})


def _replacer(kind: Kind) -> Handler:
    def answer(call: Call) -> Response:
        call.need(Access.WRITE)
        paths = call.body.get(kind.rest_plural)
        if not isinstance(paths, list) or len(paths) > _MOST:
            raise Refusal(400, "REQ-ERR-1")
        others = [_other(call, kind, path) for path in paths]
        call.backend.relations.replace(call.repository, kind, others)
        return relations(call)

    return answer


def _changer(kind: Kind, deed: str) -> Handler:
    def answer(call: Call) -> Response:
        call.need(Access.WRITE)
        other = _other(call, kind, call.body.get(kind.value))
        getattr(call.backend.relations, deed)(call.repository, other)
        return envelope()

    return answer


def _other(call: Call, kind: Kind, path: object) -> Repository:
    """Return the repository of a path.

    Raises:
        Refusal: it is no path, or of nothing that the caller may see.
    """
    if not isinstance(path, str) or not path.isprintable():
        raise Refusal(400, "REQ-ERR-1")
    namespace, _, name = path.partition("/")
    found = call.backend.catalogue.find(kind, namespace, name)
    if found is None:
        raise Refusal(500, "SYS-ERR-3")
    if call.backend.access(call.user, found) < Access.READ:
        raise Refusal(403, "AUTH-ERR-2")
    return found


def quantizations(call: Call) -> Response:
    """List the files of a model that were made smaller: those in the format for it."""
    call.need(Access.READ)
    git, number = call.backend.git, call.repository.id
    commit = git.resolve(number, call.repository.default_branch)
    listed = git.tree(number, commit, recursive=True) if commit else []
    small = [entry for entry in listed if entry.path.endswith(".gguf")]
    return envelope([file_object(entry, NO_COMMIT) for entry in small])
