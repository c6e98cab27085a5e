"""Files as the web pages send them: to be saved, or as an image within a page."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from starlette.responses import RedirectResponse

from csgrepo.server.http.downloads import Download, disposition
from csgrepo.server.lfs.objects import signed_download
from csgrepo.server.web.frame import HEADERS

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp

    from csgrepo.server.backend import Backend
    from csgrepo.server.git.told import Entry
    from csgrepo.server.repos.catalogue import Repository

__all__ = ["send_file"]

# Images that can only be looked at. An SVG can hold script.
_IMAGES = {
    "gif": "image/gif",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
}
_HEADERS = {**HEADERS, "Content-Security-Policy": "default-src 'none'; sandbox"}


def send_file(
    backend: Backend, request: Request, repository: Repository, entry: Entry
) -> ASGIApp | None:
    """Return a file as a download, and for a large one a redirect to its signed address.

    A browser saves it whatever it is: nothing from a repository is opened as a page of the hub.
    """
    if entry.pointer is not None:
        oid = entry.pointer.oid
        if backend.objects.size(repository.id, oid) is None:
            return None
        return RedirectResponse(
            signed_download(backend, repository, oid, entry.name), 302, _HEADERS
        )
    headers = {
        **_HEADERS,
        "Content-Type": _IMAGES.get(
            entry.name.rpartition(".")[2].lower(), "application/octet-stream"
        ),
        "Content-Disposition": disposition(entry.name),
    }

    def source() -> io.BytesIO:
        return io.BytesIO(backend.git.blob(repository.id, entry.sha))

    return Download(request, backend.workers, source, entry.size, headers, etag=entry.sha)
