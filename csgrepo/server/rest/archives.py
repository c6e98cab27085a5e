"""A repository's files in one archive, over REST: for code and skills, as the contract has it."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from starlette.routing import Route

from csgrepo.server.accounts.users import Access
from csgrepo.server.http.downloads import Download, disposition
from csgrepo.server.http.limits import MAX_ARCHIVE_BYTES
from csgrepo.server.http.refusal import Refusal
from csgrepo.server.repos.kinds import Kind
from csgrepo.server.rest.frame import endpoint

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from csgrepo.server.backend import Backend
    from csgrepo.server.rest.frame import Call

__all__ = ["routes"]

_FAILED = {Kind.CODE: "REPO-ERR-5", Kind.SKILL: "REPO-ERR-9"}


def routes(backend: Backend) -> list[BaseRoute]:
    """Return the routes."""
    where = "{namespace}/{name}/download_archive/refs/{ref:path}"
    return [
        Route(
            f"/api/v1/{kind.rest_plural}/{where}",
            endpoint(backend, archive, kind=kind),
            methods=["GET"],
        )
        for kind in _FAILED
    ]


def archive(call: Call) -> Download:
    """Send a branch, a tag or a commit as a zip file; large files are their pointers in it.

    Raises:
        Refusal: 404, no such ref; 500, the archive would be longer than the contract allows.
    """
    call.need(Access.READ)
    repository, git = call.repository, call.backend.git
    ref = call.part("ref").removeprefix("heads/").removeprefix("tags/")
    commit = git.resolve(repository.id, ref)
    if commit is None:
        raise Refusal(404, "", "not found")
    content = git.archive(repository.id, commit, f"{repository.name}/", MAX_ARCHIVE_BYTES)
    if content is None:
        raise Refusal(500, _FAILED[repository.type])
    headers = {
        "Content-Type": "application/zip",
        "Content-Disposition": disposition(f"{repository.name}-{ref.replace('/', '-')}.zip"),
    }
    return Download(
        call.request,
        call.backend.workers,
        lambda: io.BytesIO(content),
        len(content),
        headers,
        etag=commit,
    )
