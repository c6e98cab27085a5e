"""The frame of every REST route: who asks, of which repository, with which body."""

from __future__ import annotations

import datetime
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response

from csgrepo.server.accounts.auth import rest_caller
from csgrepo.server.accounts.users import Access
from csgrepo.server.http.bodies import json_object, read_all
from csgrepo.server.http.languages import translated
from csgrepo.server.http.refusal import Refusal
from csgrepo.server.repos.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.types import ASGIApp

    from csgrepo.server.accounts.users import User
    from csgrepo.server.backend import Backend
    from csgrepo.server.repos.catalogue import Repository

    Handler = Callable[["Call"], ASGIApp]

__all__ = [
    "NEVER",
    "Call",
    "Paging",
    "PureJSON",
    "endpoint",
    "envelope",
    "moment",
    "own",
    "refusal_answer",
    "streamed",
]


NEVER = "0001-01-01T00:00:00Z"


class PureJSON(JSONResponse):
    """JSON without escapes that its readers do not need, dates and non-ASCII included."""

    def render(self, content: Any) -> bytes:
        """Return the bytes."""
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "surrogateescape")


@dataclass(frozen=True, slots=True)
class Call:
    """One REST request, its caller known and its body read.

    Attributes:
        backend: the hub.
        request: the HTTP request.
        user: who asks, ``None`` for an anonymous caller.
        found: the repository that the path names, where the route has one.
        body: the JSON object sent, empty where the route takes none.
    """

    backend: Backend
    request: Request
    user: User | None
    found: Repository | None
    body: dict[str, Any]

    @property
    def repository(self) -> Repository:
        """The repository that the path names."""
        if self.found is None:
            raise Refusal(404, "SYS-ERR-3")
        return self.found

    @property
    def caller(self) -> User:
        """Who asks, on a route that wants a login."""
        if self.user is None:
            raise Refusal(401, "AUTH-ERR-1")
        return self.user

    @property
    def access(self) -> Access:
        """What the caller may do in the repository."""
        return self.backend.access(self.user, self.repository)

    def need(self, level: Access, status: int = 403, code: str = "AUTH-ERR-2") -> None:
        """Go on only with that much access.

        Raises:
            Refusal: the caller has less.
        """
        if self.access < level:
            raise Refusal(status, code)

    def query(self, name: str, default: str = "") -> str:
        """Return a query parameter."""
        return self.request.query_params.get(name, default)

    def number(self, name: str, default: int, least: int, most: int = 10**9) -> int:
        """Return a query parameter that is a number.

        Raises:
            Refusal: 400 REQ-ERR-6, it is none, or out of bounds.
        """
        text = self.query(name) or str(default)
        if not (text.isascii() and text.isdecimal() and len(text) <= 10):
            raise Refusal(400, "REQ-ERR-6")
        if not least <= int(text) <= most:
            raise Refusal(400, "REQ-ERR-6")
        return int(text)

    def part(self, name: str) -> str:
        """Return a part of the path."""
        return str(self.request.path_params[name])

    def text(self, name: str, longest: int = 1000, default: str = "") -> str:
        """Return a string of the body.

        Raises:
            Refusal: it is no string, or too long.
        """
        value = self.body.get(name)
        if value is None:
            return default
        if not isinstance(value, str) or len(value) >= longest or "\0" in value:
            raise Refusal(400, "REQ-ERR-1")
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise Refusal(400, "REQ-ERR-1") from error
        return value


@dataclass(frozen=True, slots=True)
class Paging:
    """Which part of a list is wanted: `per` entries (1 to 100), pages counted from 1."""

    per: int
    page: int

    @classmethod
    def of(cls, call: Call) -> Paging:
        """Read ``per`` and ``page``.

        Raises:
            Refusal: 400 REQ-ERR-6, either is out of bounds.
        """
        return cls(call.number("per", 50, 1, 100), call.number("page", 1, 1))

    @property
    def offset(self) -> int:
        """How many entries stand before."""
        return (self.page - 1) * self.per


def endpoint(
    backend: Backend,
    handler: Handler,
    *,
    kind: Kind | None = None,
    login: bool = False,
    body: bool = False,
) -> Callable[[Request], Awaitable[ASGIApp]]:
    """Return the route's function: header, repository, login, body, and then the handler.

    Args:
        backend: the hub.
        handler: what answers; it runs in a thread and may block.
        kind: the type of the repository that the path names, ``None`` where it names none.
        login: whether an anonymous caller is refused.
        body: whether the body is JSON to be read.
    """

    async def answer(request: Request) -> ASGIApp:
        call = await backend.workers.run(_opened, backend, request, kind, login=login)
        if body:
            call = replace(call, body=json_object(await read_all(request.receive)))
        return await backend.workers.run(handler, call)

    return answer


def streamed(
    backend: Backend,
    handler: Callable[[Call], Awaitable[ASGIApp]],
    *,
    kind: Kind | None = None,
    login: bool = False,
) -> Callable[[Request], Awaitable[ASGIApp]]:
    """Return the same for a handler that reads the body itself, and blocks in threads only."""

    async def answer(request: Request) -> ASGIApp:
        return await handler(
            await backend.workers.run(_opened, backend, request, kind, login=login)
        )

    return answer


def own(handler: Handler) -> Handler:
    """Let only the user in whom the path names; an administrator is no exception."""

    def answer(call: Call) -> ASGIApp:
        if call.caller.name != call.part("name"):
            raise Refusal(401, "AUTH-ERR-7")
        return handler(call)

    return answer


def _opened(backend: Backend, request: Request, kind: Kind | None, *, login: bool) -> Call:
    """Return a request with its caller and its repository, its body unread.

    The order is the contract's: a header that names nobody is refused first, then a repository
    that does not exist, then a caller who has not logged in.
    """
    user = rest_caller(backend.accounts, request.headers.get("authorization"))
    request.scope["csgrepo.user"] = user.name if user else ""
    found = _existing(backend, request, kind) if kind else None
    if login and user is None:
        raise Refusal(401, "AUTH-ERR-1")
    return Call(backend, request, user, found, {})


def _existing(backend: Backend, request: Request, kind: Kind) -> Repository:
    namespace, name = request.path_params["namespace"], request.path_params["name"]
    found = backend.catalogue.find(kind, namespace, name)
    if found is None:
        context = {"repo_type": kind.value, "path": f"{namespace}/{name}"}
        raise Refusal(404, "SYS-ERR-3", context=context)
    return found


_NOTHING = object()


def envelope(data: object = _NOTHING, total: int = 0) -> Response:
    """Return success: ``msg``, ``data`` where there is any, ``total`` where it is not 0."""
    content: dict[str, object] = {"msg": "OK"}
    if data is not _NOTHING:
        content["data"] = data
    if total:
        content["total"] = total
    return PureJSON(content)


def refusal_answer(request: Request, refusal: Exception) -> Response:
    """Return a refusal as the contract's error envelope.

    Below ``/api/v1`` a code's own words take the place of all others, in the client's language.
    """
    assert isinstance(refusal, Refusal)  # noqa: S101 - registered for nothing else
    body = refusal.envelope()
    if request.scope["path"].startswith("/api/v1/"):
        spoken = request.headers.get("accept-language", "")
        body["msg"] = translated(refusal.code, spoken) or refusal.words
    return PureJSON(body, refusal.status, refusal.headers)


def moment(seconds: float) -> str:
    """Return a time as the contract writes it: RFC 3339, UTC."""
    when = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return when.isoformat(timespec="seconds").replace("+00:00", "Z")
