"""The mapping routes under /csg, /hf and /ms: what downloads in the other libraries' style ask."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.routing import Route

from csgrepo.server.accounts.users import Access
from csgrepo.server.http.refusal import Refusal
from csgrepo.server.repos.kinds import WITH_FILES, Kind
from csgrepo.server.rest.files import found_file, need_content, resolved
from csgrepo.server.rest.frame import PureJSON, endpoint, moment

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp

    from csgrepo.server.backend import Backend
    from csgrepo.server.git.told import Entry
    from csgrepo.server.rest.frame import Call

__all__ = ["MAPS", "located", "mapped", "path_object", "routes"]

MAPS = ("csg", "hf", "ms")
_LISTED = (Kind.MODEL, Kind.DATASET)


def routes(backend: Backend) -> list[BaseRoute]:
    """Return the routes of all repository types; models come last, their paths are the shortest."""
    found: list[BaseRoute] = []
    for kind in sorted(WITH_FILES, key=lambda kind: kind is Kind.MODEL):
        infix = "" if kind is Kind.MODEL else f"{kind.rest_plural}/"
        file = endpoint(backend, mapped(kind, resolve))
        info = endpoint(backend, mapped(kind, revision))
        listing = endpoint(backend, mapped(kind, tree))
        for prefix in MAPS:
            one = f"/{prefix}/{infix}{{namespace}}/{{name}}"
            api = f"/{prefix}/api/{kind.rest_plural}/{{namespace}}/{{name}}"
            found += [
                Route(f"{one}/resolve/{{ref}}/{{path:path}}", file, methods=["GET"]),
                Route(api, info, methods=["GET"]),
                Route(f"{api}/revision/{{ref}}", info, methods=["GET"]),
            ]
            if kind in _LISTED:
                found += [
                    Route(f"{api}/tree/{{ref}}", listing, methods=["GET"]),
                    Route(f"{api}/tree/{{ref}}/{{path:path}}", listing, methods=["GET"]),
                ]
    return found


def mapped(kind: Kind, handler: Callable[[Call], ASGIApp]) -> Callable[[Call], ASGIApp]:
    """Find the repository inside the handler: here a missing one is not the frame's business."""
    broken = handler is tree or (handler is revision and kind is Kind.MODEL)

    def answer(call: Call) -> ASGIApp:
        return handler(located(call, kind, Refusal(500, "SYS-ERR-3") if broken else None))

    return answer


def located(call: Call, kind: Kind, missing: Refusal | None = None) -> Call:
    """Return the request with the repository that its path names.

    Raises:
        Refusal: there is none.
    """
    found = call.backend.catalogue.find(kind, call.part("namespace"), call.part("name"))
    if found is None:
        raise missing or Refusal(404, "", "not found")
    return replace(call, found=found)


def resolve(call: Call) -> ASGIApp:
    """Answer GET like the REST route; HEAD tells size, commit and the blob's id."""
    ref = call.part("ref")
    if call.request.method != "HEAD":
        return resolved(call, ref)
    need_content(call)
    if call.backend.git.resolve(call.repository.id, ref) is None:
        raise Refusal(500, "GIT-ERR-6")
    commit, entry = found_file(call, ref)
    headers = {
        "Content-Length": str(entry.pointer.size if entry.pointer else entry.size),
        "X-Repo-Commit": commit,
        "ETag": f'"{entry.sha}"',
        "Accept-Ranges": "bytes",
    }
    return Response(status_code=200, headers=headers)


def revision(call: Call) -> Response:
    """Describe a repository at a revision, with the names of all its files."""
    repository = call.repository
    is_model = repository.type is Kind.MODEL
    if call.access < Access.READ:
        code = "AUTH-ERR-0" if is_model else ("AUTH-ERR-2" if call.user else "AUTH-ERR-1")
        raise Refusal(500, code)
    ref = call.request.path_params.get("ref") or repository.default_branch
    commit = call.backend.git.resolve(repository.id, ref)
    if commit is None:
        raise Refusal(500, "GIT-ERR-15")
    files = call.backend.git.tree(repository.id, commit, recursive=True)
    blobs = is_model and call.query("blobs") == "true"
    shown: dict[str, object] = {
        "id": repository.path,
        # The default branch's name where a commit is expected: the contract's own quirk.
        "sha": commit if is_model else repository.default_branch,
        "private": repository.private,
        "downloads": call.backend.tally.of(repository),
        "likes": call.backend.likes.count(repository),
        "tags": [topic.name for topic in call.backend.topics.of(repository)],
        "siblings": [_sibling(entry, blobs=blobs) for entry in files] or None,
    }
    if is_model:
        shown |= {
            "author": repository.namespace,
            "created_at": moment(repository.created_at),
            "last_modified": moment(repository.updated_at),
        }
    return PureJSON(shown)


def _sibling(entry: Entry, *, blobs: bool) -> dict[str, object]:
    shown: dict[str, object] = {"rfilename": entry.path}
    if not blobs:
        return shown
    shown |= {"blobId": entry.sha, "size": entry.pointer.size if entry.pointer else entry.size}
    if entry.pointer:
        oid, size = entry.pointer.oid, entry.pointer.size
        shown["lfs"] = {"sha256": oid, "size": size, "pointerSize": entry.size}
    return shown


def tree(call: Call) -> Response:
    """List a folder, or with ``recursive=true`` all files below it."""
    call.need(Access.READ, 403, "AUTH-ERR-0")
    commit = call.backend.git.resolve(call.repository.id, call.part("ref"))
    if commit is None:
        raise Refusal(500, "GIT-ERR-6")
    path = str(call.request.path_params.get("path", "")).strip("/")
    recursive = call.query("recursive") == "true"
    found = call.backend.git.tree(call.repository.id, commit, path, recursive=recursive)
    return PureJSON([path_object(entry) for entry in found])


def path_object(entry: Entry) -> dict[str, object]:
    """Return a file or a folder as these routes show it."""
    return {
        "type": "dir" if entry.kind == "tree" else "file",
        "path": entry.path,
        "size": entry.pointer.size if entry.pointer else entry.size,
        "oid": entry.sha,
    }
