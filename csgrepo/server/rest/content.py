"""One file over REST: shown with its content, or downloaded in the older way."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from starlette.routing import Route

from csgrepo.server.accounts.users import Access
from csgrepo.server.http.refusal import Refusal
from csgrepo.server.lfs.objects import signed_download
from csgrepo.server.repos.kinds import WITH_FILES, Kind
from csgrepo.server.rest.files import blob_answer, count, file_object, found_file, ref_of
from csgrepo.server.rest.frame import endpoint, envelope
from csgrepo.server.rest.history import commit_object

if TYPE_CHECKING:
    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp

    from csgrepo.server.backend import Backend
    from csgrepo.server.rest.frame import Call

__all__ = ["routes"]

_MOST_SHOWN = 900_000
_TOO_LARGE, _NO_TEXT = 1, 2


def routes(backend: Backend) -> list[BaseRoute]:
    """Return the routes of all repository types."""
    found: list[BaseRoute] = []
    for kind in WITH_FILES:
        one = f"/api/v1/{kind.rest_plural}/{{namespace}}/{{name}}"
        login = kind is Kind.DATASET  # for the download even where the dataset is public
        shown = endpoint(backend, blob, kind=kind)
        sent = endpoint(backend, download, kind=kind, login=login)
        found += [
            Route(f"{one}/blob/{{path:path}}", shown),
            Route(f"{one}/download/{{path:path}}", sent),
        ]
    return found


def blob(call: Call) -> ASGIApp:
    """Show a file with its content in Base64; what is long or no text comes without."""
    call.need(Access.READ, 500)
    git, number = call.backend.git, call.repository.id
    commit = git.resolve(number, ref_of(call))
    if commit is None:
        raise Refusal(404, "GIT-ERR-6")
    entry = git.entry(number, commit, call.part("path"))
    if entry is None or entry.kind != "blob":
        raise Refusal(404, "GIT-ERR-15")
    last = git.last_changes(number, commit, [entry.path])[entry.path]
    shown = file_object(entry, commit_object(last))
    content = git.blob(number, entry.sha) if entry.size <= _MOST_SHOWN else None
    if content is None:
        shown["preview_code"] = _TOO_LARGE
    elif not _is_text(content):
        shown["preview_code"] = _NO_TEXT
    else:
        shown["content"] = base64.b64encode(content).decode()
    return envelope(shown)


def _is_text(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return b"\0" not in content


def download(call: Call) -> ASGIApp:
    """Send a file; with ``lfs=true`` the path is an object's, and the answer its address."""
    call.need(Access.READ, 500)
    if call.query("lfs") != "true":
        entry = found_file(call, ref_of(call))[1]
        count(call)
        return blob_answer(call, entry)
    oid = call.part("path").replace("/", "")
    if call.backend.objects.size(call.repository.id, oid) is None:
        raise Refusal(404, "", "not found")
    count(call)
    return envelope(signed_download(call.backend, call.repository, oid, call.query("save_as")))
