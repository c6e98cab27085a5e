"""Git over smart HTTP: permission first, then git-http-backend(1), streamed both ways."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import subprocess
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from csgrepo.git.runner import spawn, stop
from csgrepo.server.accounts.auth import git_caller
from csgrepo.server.accounts.users import Access
from csgrepo.server.http.bodies import Disconnected, pieces
from csgrepo.server.http.limits import GIT_PROCESSES, MAX_PUSH_BYTES
from csgrepo.server.http.refusal import Refusal
from csgrepo.server.repos.details import keeps_files_in_xet
from csgrepo.server.repos.kinds import Kind

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp, Receive, Scope, Send

    from csgrepo.server.accounts.users import User
    from csgrepo.server.backend import Backend
    from csgrepo.server.http.work import Child
    from csgrepo.server.repos.catalogue import Repository

__all__ = ["CHALLENGE", "find_repository", "routes"]

logger = logging.getLogger("csgrepo.server")

CHALLENGE = {"WWW-Authenticate": "Basic realm=opencsg-git"}
_SERVICES = ("git-upload-pack", "git-receive-pack")
_DENIED = "You do not have permission to access this repository."
_NOT_BY_GIT = "Git operations are not supported in Xnet-enabled repositories."
_PIECE = 256 * 1024
_PACK = b"PACK\0\0\0\2"  # see gitformat-pack(5)
_MAX_HEADER_BYTES = 64 * 1024


def routes(backend: Backend) -> list[BaseRoute]:
    """Return the git routes of all repository types."""
    git = _SmartHttp(backend)
    found: list[BaseRoute] = []
    for kind in Kind:
        prefix = f"/{kind.git_plural}/{{namespace}}/{{name}}"
        found += [
            Route(f"{prefix}/info/refs", git.advertise, methods=["GET"]),
            Route(f"{prefix}/git-upload-pack", git.serve, methods=["POST"]),
            Route(f"{prefix}/git-receive-pack", git.serve, methods=["POST"]),
        ]
    return found


def find_repository(backend: Backend, request: Request) -> Repository:
    """Return the repository that a git or LFS address names; ``.git`` may stand behind it.

    Raises:
        Refusal: 500 SYS-ERR-3, as the contract has it for git: there is none.
    """
    kind = Kind.parse(request.scope["path"].split("/")[1])
    name = request.path_params["name"].removesuffix(".git")
    found = backend.catalogue.find(kind, request.path_params["namespace"], name)
    if found is None:
        raise Refusal(500, "SYS-ERR-3")
    return found


class _SmartHttp:
    """The handlers of one hub."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._slots = asyncio.Semaphore(GIT_PROCESSES)

    def _open(self, request: Request) -> tuple[Repository, User | None, Access]:
        backend = self._backend
        repository = find_repository(backend, request)
        user = git_caller(backend.accounts, request.headers.get("authorization"))
        request.scope["csgrepo.user"] = user.name if user else ""
        return repository, user, backend.access(user, repository)

    async def advertise(self, request: Request) -> ASGIApp:
        """Answer GET info/refs."""
        service = request.query_params.get("service", "")
        if service not in _SERVICES:
            raise Refusal(404, "SYS-ERR-3")
        repository, user, access = await self._backend.workers.run(self._open, request)
        wanted = Access.WRITE if service == "git-receive-pack" else Access.READ
        if access < wanted:
            return _refused_refs(service, _DENIED) if user else _challenge()
        if wanted is Access.WRITE and keeps_files_in_xet(repository):
            return _refused_refs(service, _NOT_BY_GIT)
        return self._process(request, repository, user, "info/refs", push=wanted is Access.WRITE)

    async def serve(self, request: Request) -> ASGIApp:
        """Answer POST git-upload-pack and git-receive-pack."""
        service = request.scope["path"].rpartition("/")[2]
        repository, user, access = await self._backend.workers.run(self._open, request)
        if service == "git-receive-pack":
            if access < Access.WRITE:
                return JSONResponse({"error": _DENIED}, 403) if user else _challenge()
            if keeps_files_in_xet(repository):
                return JSONResponse({"error": _NOT_BY_GIT}, 403)
            if int(request.headers.get("content-length", "0")) > MAX_PUSH_BYTES:
                words = "File too large. Please track it using Git LFS."
                return JSONResponse({"error": words}, 400)
        elif access < Access.READ:
            raise Refusal(403, "AUTH-ERR-2")
        encoding = request.headers.get("content-encoding", "identity")
        if encoding not in {"gzip", "x-gzip", "identity"}:
            raise Refusal(400, "REQ-ERR-0", f"content encoding {encoding!r} is not supported")
        push = service == "git-receive-pack"
        return self._process(request, repository, user, service, push=push)

    def _process(
        self,
        request: Request,
        repository: Repository,
        user: User | None,
        service: str,
        *,
        push: bool,
    ) -> ASGIApp:
        headers = request.headers
        variables = {
            "GIT_PROJECT_ROOT": str(self._backend.git.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": f"/{repository.id}.git/{service}",
            "REQUEST_METHOD": request.method,
            "QUERY_STRING": request.scope["query_string"].decode("latin-1")
            if service == "info/refs"
            else "",
            "CONTENT_TYPE": headers.get("content-type", ""),
            "REMOTE_ADDR": request.client.host if request.client else "",
        }
        if user:
            variables["REMOTE_USER"] = user.name
        optional = {
            "CONTENT_LENGTH": "content-length",
            "HTTP_CONTENT_ENCODING": "content-encoding",
            "GIT_PROTOCOL": "git-protocol",
        }
        variables |= {k: headers[v] for k, v in optional.items() if v in headers}
        environment = self._backend.git.environment(variables, push=push)
        return _Exchange(self._backend, self._slots, environment, repository, service)


def _challenge() -> Response:
    return Response("null", 401, CHALLENGE, "application/json")


def _refused_refs(service: str, why: str) -> Response:
    """Return the refusal that git prints: status 200 with an error where the refs would be."""
    body = _packet(f"# service={service}\n") + b"0000" + _packet(f"ERR {why}")
    kind = f"application/x-{service}-advertisement"
    return Response(body, 200, {"Cache-Control": "no-cache"}, kind)


def _packet(text: str) -> bytes:
    data = text.encode()
    return b"%04x%s" % (len(data) + 4, data)


class _Exchange:
    """One git-http-backend process as an ASGI application."""

    def __init__(
        self,
        backend: Backend,
        slots: asyncio.Semaphore,
        environment: dict[str, str],
        repository: Repository,
        service: str,
    ) -> None:
        self._backend = backend
        self._workers = backend.workers
        self._slots = slots
        self._environment = environment
        self._repository = repository
        self._changes = service == "git-receive-pack"
        self._uncounted = service == "git-upload-pack"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._slots:
            process = await self._workers.run(self._start)
            feeding = asyncio.ensure_future(self._feed(process, receive))
            errors = self._workers.start(_drain_errors, process)
            try:
                await self._answer(process, send)
                await feeding
            finally:
                feeding.cancel()
                await asyncio.shield(self._end(process, errors))

    def _start(self) -> Child:
        process = spawn(
            ["http-backend"],
            cwd=self._backend.git.root,
            env=self._environment,
            stdin=subprocess.PIPE,
        )
        self._workers.adopt(process)
        return process

    async def _feed(self, process: Child, receive: Receive) -> None:
        """Pass the body on; a client that goes away ends the process's input, or the process."""
        stdin = process.stdin
        assert stdin is not None  # noqa: S101 - started with a pipe
        try:
            async for piece in pieces(receive):
                with contextlib.suppress(BrokenPipeError):
                    await self._workers.run(_write, stdin, piece)
        except Disconnected:
            logger.info("a client went away in the middle of its request")
            # It would wait for the rest for ever, as hard as it can: git takes the end of the
            # input for no bytes yet. Nothing has been done before all of it has come.
            await self._workers.run(stop, process)
        finally:
            with contextlib.suppress(BrokenPipeError):
                stdin.close()
        if not self._changes:
            gone: asyncio.Future[object] = asyncio.ensure_future(_disconnect(receive))
            ended: asyncio.Future[object] = asyncio.ensure_future(self._workers.run(process.wait))
            await asyncio.wait({gone, ended}, return_when=asyncio.FIRST_COMPLETED)
            gone.cancel()
            if not ended.done():
                await self._workers.run(stop, process)

    async def _answer(self, process: Child, send: Send) -> None:
        status, headers = await self._workers.run(_read_header, process)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        while piece := await self._workers.run(_read, process):
            await self._count(piece)
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        if self._changes:
            await self._workers.run(self._backend.catalogue.touch, self._repository)
        await send({"type": "http.response.body", "body": b""})

    async def _count(self, piece: bytes) -> None:
        """Count a clone or fetch by the pack in its answer; a negotiation has none yet."""
        if self._uncounted and _PACK in piece:
            self._uncounted = False
            await self._workers.run(self._backend.tally.add, self._repository.id)

    async def _end(self, process: Child, errors: asyncio.Future[bytes]) -> None:
        try:
            await self._workers.run(stop, process)
            said = await errors
            if process.returncode and said:
                logger.warning("git http-backend: %s", said.decode("utf-8", "replace").strip())
        finally:
            self._workers.release(process)
            for pipe in (process.stdout, process.stderr):
                if pipe:
                    pipe.close()


async def _disconnect(receive: Receive) -> object:
    while (message := await receive())["type"] != "http.disconnect":
        pass
    return message


def _write(stdin: object, piece: bytes) -> None:
    stdin.write(piece)  # type: ignore[attr-defined]
    stdin.flush()  # type: ignore[attr-defined]


def _read(process: Child) -> bytes:
    assert process.stdout is not None  # noqa: S101 - spawn gave it a pipe
    piece: bytes = process.stdout.read1(_PIECE)  # type: ignore[attr-defined]
    return piece


def _read_header(process: Child) -> tuple[int, list[tuple[bytes, bytes]]]:
    """Read the CGI header; what git did not say becomes a 500.

    See RFC 3875, section 6.
    """
    assert process.stdout is not None  # noqa: S101 - spawn gave it a pipe
    status = 200
    headers = []
    length = 0
    while (line := process.stdout.readline(_MAX_HEADER_BYTES)) not in {b"\r\n", b"\n"}:
        length += len(line)
        name, colon, value = line.strip().partition(b":")
        if not colon or length > _MAX_HEADER_BYTES:
            raise Refusal(500, "SYS-ERR-0")
        if name.lower() == b"status":
            status = int(value.split()[0])
        else:
            headers.append((name.lower(), value.strip()))
    return status, headers


def _drain_errors(process: Child) -> bytes:
    """Read what git complains about to its end, and return the last of it."""
    assert process.stderr is not None  # noqa: S101 - spawn gave it a pipe
    kept = b""
    while piece := process.stderr.read1(_PIECE):  # type: ignore[attr-defined]
        kept = (kept + piece)[-4000:]
    return kept
