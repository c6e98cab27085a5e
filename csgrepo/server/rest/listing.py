"""Folders over REST in two more shapes: the root with a misleading name, and with commits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

from csgrepo.server.accounts.users import Access
from csgrepo.server.http.refusal import Refusal
from csgrepo.server.repos.kinds import IN_REST, WITH_FILES, Kind
from csgrepo.server.rest.files import file_object
from csgrepo.server.rest.frame import endpoint, envelope
from csgrepo.server.rest.history import NO_COMMIT, commit_object

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from csgrepo.server.backend import Backend
    from csgrepo.server.rest.frame import Call

__all__ = ["routes"]

_ALL_FILES = 100
_LOGS, _MOST_LOGS = 25, 100


def routes(backend: Backend) -> list[BaseRoute]:
    """Return the routes of all repository types."""
    found: list[BaseRoute] = []
    for kind in IN_REST:
        one = f"/api/v1/{kind.rest_plural}/{{namespace}}/{{name}}"
        login = kind is Kind.DATASET  # even where the dataset is public
        logs = endpoint(backend, logs_tree, kind=kind, login=login)
        if kind in WITH_FILES:
            found += [
                Route(f"{one}/refs/{{ref}}/logs_tree", logs),
                Route(f"{one}/refs/{{ref}}/logs_tree/{{path:path}}", logs),
            ]
        if kind is not Kind.SPACE:
            every = endpoint(backend, all_files, kind=kind, login=login)
            found.append(Route(f"{one}/all_files", every))
    return found


def all_files(call: Call) -> Response:
    """List the root of ``main``, a hundred entries and no more, whatever the name promises."""
    if call.access < Access.READ:
        raise Refusal(403, "AUTH-ERR-2") if call.user else Refusal(500, "SYS-ERR-3")
    begin = call.number("cursor", 0, 0)
    git, number = call.backend.git, call.repository.id
    commit = git.resolve(number, "main")
    if commit is None:
        raise Refusal(500, "GIT-ERR-15")
    listed = git.tree(number, commit)[begin : begin + _ALL_FILES]
    return envelope([file_object(entry, NO_COMMIT) for entry in listed] or None)


def logs_tree(call: Call) -> Response:
    """List a part of a folder, each entry with the commit that changed it last."""
    call.need(Access.READ)
    limit = call.number("limit", _LOGS, 1, _MOST_LOGS)
    offset = call.number("offset", 0, 0)
    git, number = call.backend.git, call.repository.id
    commit = git.resolve(number, call.part("ref"))
    if commit is None:
        raise Refusal(500, "GIT-ERR-6")
    path = str(call.request.path_params.get("path", "")).strip("/")
    listed = git.tree(number, commit, path)[offset : offset + limit]
    last = git.last_changes(number, commit, [entry.path for entry in listed])
    shown = [
        {"name": entry.name, "path": entry.path, **commit_object(last[entry.path])}
        for entry in listed
    ]
    return envelope({"Commits": shown or None})
