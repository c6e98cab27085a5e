"""Trees and files over REST."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from csgrepo.server.accounts.users import Access
from csgrepo.server.http.downloads import Download, disposition
from csgrepo.server.http.refusal import Refusal
from csgrepo.server.lfs.objects import signed_download
from csgrepo.server.repos.kinds import WITH_FILES, Kind
from csgrepo.server.repos.tally import begins
from csgrepo.server.rest.frame import endpoint, envelope
from csgrepo.server.rest.history import NO_COMMIT, commit_object

if TYPE_CHECKING:
    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp

    from csgrepo.server.backend import Backend
    from csgrepo.server.git.told import Entry
    from csgrepo.server.rest.frame import Call, Handler

__all__ = [
    "blob_answer",
    "count",
    "file_object",
    "found_file",
    "need_content",
    "ref_of",
    "resolved",
    "routes",
]

_MOST_LISTED = 1000
_PAGE, _LARGEST_PAGE = 500, 10_000


def routes(backend: Backend) -> list[BaseRoute]:
    """Return the routes of all repository types."""
    found: list[BaseRoute] = []
    for kind in WITH_FILES:
        one = f"/api/v1/{kind.rest_plural}/{{namespace}}/{{name}}"
        answers: dict[str, Handler] = {
            "tree": tree,
            "refs/{ref}/tree": _with_slash,
            "refs/{ref}/tree/{path:path}": tree_v2,
            "raw/{path:path}": raw,
            "resolve/{path:path}": resolve,
        }
        login = kind is Kind.DATASET  # even where the dataset is public
        found += [
            Route(f"{one}/{path}", endpoint(backend, handler, kind=kind, login=login))
            for path, handler in answers.items()
        ]
    return found


def _with_slash(call: Call) -> Response:
    return RedirectResponse(f"{quote(call.request.scope['path'])}/", 301)


def tree(call: Call) -> Response:
    """List one folder, each entry with the commit that changed it last."""
    call.need(Access.READ)
    commit = call.backend.git.resolve(call.repository.id, ref_of(call))
    if commit is None:
        raise Refusal(500, "GIT-ERR-6")
    path = call.query("path").strip("/")
    listed = call.backend.git.tree(call.repository.id, commit, path)[:_MOST_LISTED]
    if path and not listed:
        raise Refusal(500, "GIT-ERR-15")
    last = call.backend.git.last_changes(call.repository.id, commit, [e.path for e in listed])
    return envelope([file_object(entry, commit_object(last[entry.path])) for entry in listed])


def tree_v2(call: Call) -> Response:
    """List one folder in pages; an empty answer for what does not exist, as the contract has it."""
    call.need(Access.READ)
    limit, begin = call.number("limit", _PAGE, 1, _LARGEST_PAGE), call.number("cursor", 0, 0)
    commit = call.backend.git.resolve(call.repository.id, call.part("ref"))
    path = call.part("path").strip("/")
    listed = call.backend.git.tree(call.repository.id, commit, path) if commit else []
    if not listed:
        return Response(b"")
    end = begin + limit
    shown = [file_object(entry, NO_COMMIT) for entry in listed[begin:end]]
    return envelope({"Files": shown, "Cursor": str(end) if end < len(listed) else ""})


def raw(call: Call) -> Response:
    """Answer with a file as text; a large file's pointer."""
    call.need(Access.READ, 500)
    _, entry = found_file(call, ref_of(call))
    content = call.backend.git.blob(call.repository.id, entry.sha)
    return envelope(content.decode("utf-8", "replace"))


def resolve(call: Call) -> ASGIApp:
    """Answer with a file's content, or the address of it.

    Without a ref the contract's server asks ``main`` first, whatever the default branch is.
    """
    if not call.query("ref"):
        need_content(call)
        found_file(call, "main")
    return resolved(call, ref_of(call))


def resolved(call: Call, ref: str) -> ASGIApp:
    """Send a file from git, and for a large one a redirect to its signed address."""
    need_content(call)
    _, entry = found_file(call, ref)
    count(call)
    if entry.pointer is not None:
        return RedirectResponse(
            signed_download(call.backend, call.repository, entry.pointer.oid, entry.name),
            302,
            {"Accept-Ranges": "bytes"},
        )
    return blob_answer(call, entry)


def count(call: Call) -> None:
    """Count a download, once for each file however often it breaks off."""
    if call.request.method == "GET" and begins(call.request.headers.get("range")):
        call.backend.tally.add(call.repository.id)


def need_content(call: Call) -> None:
    """Go on only for those who may read.

    Raises:
        Refusal: 401 for the anonymous, 403 for others.
    """
    call.need(Access.READ, *((403, "AUTH-ERR-2") if call.user else (401, "AUTH-ERR-1")))


def blob_answer(call: Call, entry: Entry) -> Download:
    """Return a blob as a download."""
    git, number = call.backend.git, call.repository.id

    def source() -> io.BytesIO:
        return io.BytesIO(git.blob(number, entry.sha))

    headers = {
        "Content-Type": "application/octet-stream",
        "Content-Disposition": disposition(entry.name),
    }
    return Download(call.request, call.backend.workers, source, entry.size, headers, etag=entry.sha)


def found_file(call: Call, ref: str) -> tuple[str, Entry]:
    """Return the commit behind a ref and the file that the path names in it.

    Raises:
        Refusal: 404, either does not exist.
    """
    commit = call.backend.git.resolve(call.repository.id, ref)
    path = call.part("path")
    entry = call.backend.git.entry(call.repository.id, commit, path) if commit else None
    if commit is None or entry is None or entry.kind != "blob":
        raise Refusal(404, "", "not found")
    return commit, entry


def file_object(entry: Entry, commit: dict[str, object]) -> dict[str, object]:
    """Return a tree's entry as the contract shows it; the mode is decimal there."""
    pointer = entry.pointer
    oid = pointer.oid if pointer else ""
    return {
        "name": entry.name,
        "type": "dir" if entry.kind == "tree" else "file",
        "size": pointer.size if pointer else entry.size,
        "commit": commit,
        "path": entry.path,
        "mode": str(entry.mode),
        "sha": entry.sha,
        "url": "",
        "content": "",
        "lfs": pointer is not None,
        "lfs_sha256": oid,
        "lfs_pointer_size": entry.size if pointer else 0,
        "lfs_relative_path": f"{oid[:2]}/{oid[2:4]}/{oid[4:]}" if oid else "",
        "last_commit_sha": commit["id"],
        "xnet_enabled": False,
    }


def ref_of(call: Call) -> str:
    """Return what ``ref`` names, or the default branch."""
    return call.query("ref") or call.repository.default_branch
