"""Git LFS: the batch interface, uploads, verification, and signed downloads.

Follows https://github.com/git-lfs/git-lfs/blob/main/docs/api/batch.md and its basic-transfers.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from csgrepo.server.accounts.auth import git_caller
from csgrepo.server.accounts.users import Access
from csgrepo.server.git.smart_http import CHALLENGE, find_repository
from csgrepo.server.http.bodies import json_object, read_all, take_in
from csgrepo.server.http.downloads import Download, disposition
from csgrepo.server.http.limits import MAX_BASIC_UPLOAD_BYTES
from csgrepo.server.http.refusal import Refusal
from csgrepo.server.lfs import multipart
from csgrepo.server.repos.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from starlette.requests import Request
    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp

    from csgrepo.server.accounts.users import User
    from csgrepo.server.backend import Backend
    from csgrepo.server.lfs.storage import Incoming
    from csgrepo.server.repos.catalogue import Repository

__all__ = ["LFS_JSON", "LfsCall", "routes", "signed_download"]

LFS_JSON = "application/vnd.git-lfs+json"
_MAX_SIZE = 2**63 - 1
_MAX_OBJECTS = 10_000
_ANY = ["GET", "POST", "PUT", "DELETE"]


def routes(backend: Backend) -> list[BaseRoute]:
    """Return the LFS routes of all repository types, and the signed downloads."""
    found: list[BaseRoute] = [
        Route(
            "/_objects/{kind}/{namespace}/{name}/{oid}",
            _fetch(backend),
            methods=["GET"],
        )
    ]
    # The contract knows the word for git only; what asks with that of REST gets a failure.
    found.append(Route("/mcps/{namespace}/{name}/info/lfs/{rest:path}", misplaced, methods=_ANY))
    for kind in Kind:
        base = f"/{kind.git_plural}/{{namespace}}/{{name}}/info/lfs"
        found += [
            Route(f"{base}/objects/batch", lfs_endpoint(backend, batch), methods=["POST"]),
            Route(f"{base}/objects/{{oid}}/{{size}}", _upload(backend), methods=["PUT"]),
            Route(f"{base}/{{oid}}", unreadable, methods=["GET"]),
            Route(f"{base}/verify", lfs_endpoint(backend, verify), methods=["POST"]),
            Route(f"{base}/objects/verify", lfs_endpoint(backend, verify), methods=["POST"]),
        ]
    return found


async def misplaced(_: Request) -> Response:
    """Answer where LFS is looked for below the wrong word."""
    raise Refusal(500, "SYS-ERR-3")


async def unreadable(_: Request) -> Response:
    """Answer a download by its name alone: the contract's server never learns the size."""
    raise Refusal(400, "REQ-ERR-0")


class LfsCall:
    """One LFS request: repository, caller and body.

    Raises:
        Refusal: 500 SYS-ERR-3, the repository does not exist.
    """

    def __init__(self, backend: Backend, request: Request, body: dict[str, Any]) -> None:
        self.backend = backend
        self.request = request
        self.body = body
        self.authorization = request.headers.get("authorization")
        self.repository: Repository = find_repository(backend, request)
        self.user: User | None = git_caller(backend.accounts, self.authorization)
        request.scope["csgrepo.user"] = self.user.name if self.user else ""
        self.access = backend.access(self.user, self.repository)

    @property
    def base(self) -> str:
        """The address that the repository's LFS routes begin with."""
        repository = self.repository
        prefix = f"{self.backend.url}/{repository.type.git_plural}"
        return f"{prefix}/{repository.path}.git/info/lfs"


def lfs_endpoint(backend: Backend, handler: Callable[[LfsCall], Response]) -> Any:
    """Return a route's function that reads a JSON body and calls the handler in a thread."""

    async def answer(request: Request) -> ASGIApp:
        raw = await read_all(request.receive)
        body = json_object(raw) if request.method != "GET" else {}
        call = await backend.workers.run(LfsCall, backend, request, body)
        return await backend.workers.run(handler, call)

    return answer


def batch(call: LfsCall) -> Response:
    """Tell for each object what to do with it."""
    operation = call.body.get("operation")
    if operation not in {"upload", "download"}:
        return JSONResponse({}, 400)
    if refused := _refused(call, operation):
        return refused
    objects = [_wanted(item) for item in _listed(call.body)]
    act = _upload_actions if operation == "upload" else _download_actions
    answer: dict[str, object] = {"objects": [act(call, *item) for item in objects]}
    if operation == "upload":
        answer = {"transfer": "multipart" if multipart.wanted(call.body) else "basic", **answer}
    return JSONResponse(answer, media_type=LFS_JSON)


def _refused(call: LfsCall, operation: str) -> Response | None:
    wanted = Access.WRITE if operation == "upload" else Access.READ
    if call.access >= wanted:
        return None
    if call.user is None:
        return Response("null", 401, CHALLENGE, "application/json")
    if call.access >= Access.READ:
        words = "You do not have permission to access this repository."
        return JSONResponse({"error": words}, 403)
    return JSONResponse({"msg": "not found"}, 500)


def _listed(body: dict[str, Any]) -> list[Any]:
    objects = body.get("objects")
    if not isinstance(objects, list) or len(objects) > _MAX_OBJECTS:
        raise Refusal(400, "REQ-ERR-1")
    return objects


def _wanted(item: object) -> tuple[str, int]:
    if not isinstance(item, dict):
        raise Refusal(400, "REQ-ERR-1")
    oid, size = item.get("oid"), item.get("size")
    if not isinstance(oid, str) or not isinstance(size, int) or isinstance(size, bool):
        raise Refusal(400, "REQ-ERR-1")
    return oid, size


def _download_actions(call: LfsCall, oid: str, size: int) -> dict[str, object]:
    if call.backend.objects.path(call.repository.id, oid) is None or size < 0:
        return {"oid": oid, "size": size, "error": {"code": 0, "message": ""}}
    stored = call.backend.objects.size(call.repository.id, oid)
    if stored is None or stored != size:
        error = {"code": 404, "message": "Object does not exist"}
        return {"oid": "", "size": 0, "error": error}
    href = signed_download(call.backend, call.repository, oid)
    return {"oid": oid, "size": size, "actions": {"download": {"href": href}}}


def _upload_actions(call: LfsCall, oid: str, size: int) -> dict[str, object]:
    if call.backend.objects.path(call.repository.id, oid) is None or not 0 <= size <= _MAX_SIZE:
        return {"oid": oid, "size": size, "error": {"code": 422, "message": "Invalid object"}}
    if call.backend.catalogue.knows_object(call.repository, oid, size):
        return {"oid": oid, "size": size}
    authorization = {"Authorization": call.authorization or ""}
    verify_header = {**authorization, "Accept": LFS_JSON}
    verify_action = {"href": f"{call.base}/verify", "header": verify_header}
    answer: dict[str, object] = {"oid": oid, "size": size}
    if multipart.wanted(call.body):
        upload = multipart.upload_action(call, oid, size)
        return {**answer, "actions": {"upload": upload, "verify": verify_action}}
    upload = {"href": f"{call.base}/objects/{oid}/{size}", "header": authorization}
    if size > MAX_BASIC_UPLOAD_BYTES:
        words = "Please use csghub-sdk to upload files > 5GB.\n"
        answer["error"] = {"code": 422, "message": words}
    return {**answer, "actions": {"upload": upload, "verify": verify_action}}


def verify(call: LfsCall) -> Response:
    """Confirm that an object has arrived with its size; from now on the batch knows it.

    Asked of anyone by the contract, of writers here: what is known to a private repository is
    nobody else's business.
    """
    if refused := _refused(call, "upload"):
        return refused
    oid, size = _wanted(call.body)
    stored = call.backend.objects.size(call.repository.id, oid)
    if stored is None:
        return JSONResponse({"msg": f"lfs object {oid[:64]!r} not found"}, 400)
    if stored != size:
        return JSONResponse({"msg": f"the object has {stored} bytes, not {size}"}, 400)
    call.backend.catalogue.remember_object(call.repository, oid, size)
    return JSONResponse(None)


def signed_download(backend: Backend, repository: Repository, oid: str, name: str = "") -> str:
    """Return an address that hands out one object to whoever holds it, until it expires.

    Args:
        backend: the hub.
        repository: whose object it is.
        oid: the object.
        name: the file name that a browser saves it under.
    """
    path = f"/_objects/{repository.type.rest_plural}/{repository.path}/{oid}"
    facts = {"id": str(repository.id), **({"filename": name} if name else {})}
    return f"{backend.url}{backend.signer.sign(path, facts)}"


def _fetch(backend: Backend) -> Any:
    """Return the route that answers signed addresses, as an object store would."""

    def open_object(request: Request) -> Path | str:
        query = dict(request.query_params)
        # Not `request.url`: that begins with what the client says in its Host header.
        if not backend.signer.valid(request.scope["path"], query):
            raise Refusal(403, "", "the signature does not match, or has expired")
        number, oid = int(query["id"]), request.path_params["oid"]
        if elsewhere := backend.objects.address(number, oid, query.get("filename", oid)):
            return elsewhere
        path = backend.objects.path(number, oid)
        if path is None or not path.is_file():
            raise Refusal(404, "", "the object does not exist")
        return path

    async def answer(request: Request) -> ASGIApp:
        path = await backend.workers.run(open_object, request)
        if isinstance(path, str):
            return RedirectResponse(path, 302, {"Cache-Control": "no-store"})
        name = request.query_params.get("filename", path.name)
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Disposition": disposition(name),
            "ETag": f'"{path.name}"',
        }
        size = path.stat().st_size
        return Download(
            request, backend.workers, lambda: path.open("rb", buffering=0), size, headers,
            etag=path.name,
        )  # fmt: skip

    return answer


def _upload(backend: Backend) -> Any:
    """Return the route that takes an object's bytes in."""

    def target(request: Request) -> tuple[int, str, int]:
        call = LfsCall(backend, request, {})
        if call.access < Access.WRITE:
            raise Refusal(401, "AUTH-ERR-0", headers=CHALLENGE)
        oid, size = request.path_params["oid"], request.path_params["size"]
        known = backend.objects.path(call.repository.id, oid) is not None
        if not known or not size.isdecimal() or len(size) > 19:
            raise Refusal(400, "REQ-ERR-6")
        return call.repository.id, oid, int(size)

    async def answer(request: Request) -> ASGIApp:
        number, oid, size = await backend.workers.run(target, request)
        incoming = await backend.workers.run(backend.objects.receive)
        try:
            await take_in(request.receive, incoming, size, backend.workers)
            _check(incoming, oid, size)
            await backend.workers.run(backend.objects.keep, incoming, number, oid)
        finally:
            await backend.workers.run(incoming.drop)
        return Response(b"")

    return answer


def _check(incoming: Incoming, oid: str, size: int) -> None:
    if incoming.size != size:
        raise Refusal(400, "", f"the object has {size} bytes, but {incoming.size} arrived")
    if incoming.oid != oid:
        raise Refusal(422, "", f"the bytes hash to {incoming.oid}, not to {oid}; nothing was kept")
