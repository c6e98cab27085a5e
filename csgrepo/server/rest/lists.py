"""Lists of repositories over REST: of a type, of a user, of an organization, of what one likes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

from csgrepo.server.accounts.users import Access
from csgrepo.server.http.refusal import Refusal
from csgrepo.server.repos.kinds import Kind
from csgrepo.server.rest.frame import Paging, PureJSON, endpoint, envelope
from csgrepo.server.rest.repos import repository_object

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from csgrepo.server.backend import Backend
    from csgrepo.server.repos.catalogue import Repository
    from csgrepo.server.rest.frame import Call

__all__ = ["listed", "routes"]

_SORTS = {"trending", "recently_update", "most_download", "most_favorite", "most_star"}
_SOURCES = {"", "opencsg", "huggingface", "local"}
_LEGACY = ("task", "framework", "license", "language", "industry")
_MOST_TAGS = 20


def routes(backend: Backend) -> list[BaseRoute]:
    """Return the routes."""
    found: list[BaseRoute] = []
    for kind in Kind:
        plural = kind.rest_plural
        every = endpoint(backend, _of_type(kind))
        if kind is Kind.MODEL:
            found.append(Route("/api/v1/models/v2", every, methods=["GET"]))
        of_user = endpoint(backend, _of_namespace(kind, "user"))
        of_team = endpoint(backend, _of_namespace(kind, "organization"))
        liked = endpoint(backend, _liked(kind), login=True)
        found += [
            Route(f"/api/v1/{plural}", every, methods=["GET"]),
            Route(f"/api/v1/user/{{name}}/{plural}", of_user, methods=["GET"]),
            Route(f"/api/v1/organization/{{name}}/{plural}", of_team, methods=["GET"]),
        ]
        if kind is not Kind.PROMPT:
            found.append(Route(f"/api/v1/user/{{name}}/likes/{plural}", liked, methods=["GET"]))
    one = "/api/v1/user/{name}/likes/{number}"
    found += [
        Route(one, endpoint(backend, like, login=True), methods=["PUT"]),
        Route(one, endpoint(backend, dislike, login=True), methods=["DELETE"]),
    ]
    return found


def _of_type(kind: Kind) -> Callable[[Call], Response]:
    def answer(call: Call) -> Response:
        found, total = listed(call, kind)
        return envelope(found, total)

    return answer


def _of_namespace(kind: Kind, owner_kind: str) -> Callable[[Call], Response]:
    def answer(call: Call) -> Response:
        space = call.backend.accounts.namespace(call.part("name"))
        if space is None or space.kind != owner_kind:
            raise Refusal(404, "SYS-ERR-3")
        found, total = listed(call, kind, owner=space.name)
        if owner_kind == "organization" and kind is Kind.MCP:
            return envelope({"data": found or None, "total": total})
        return _message(found, total)

    return answer


def _liked(kind: Kind) -> Callable[[Call], Response]:
    def answer(call: Call) -> Response:
        user = call.backend.accounts.user(call.part("name"))
        if user is None:
            raise Refusal(404, "SYS-ERR-3")
        return _message(*listed(call, kind, liked_by=user.id))

    return answer


def _message(found: list[dict[str, object]], total: int) -> Response:
    """Return the other envelope: ``message``, and a total that is told when it is 0 too."""
    return PureJSON({"message": "OK", "data": found or None, "total": total})


def listed(
    call: Call, kind: Kind, *, owner: str | None = None, liked_by: int | None = None
) -> tuple[list[dict[str, object]], int]:
    """Return the page that a query asks for, and how many there are in all.

    Raises:
        Refusal: 400, the query is none.
    """
    paging = Paging.of(call)
    sort, source = call.query("sort") or "recently_update", call.query("source")
    tags = _tags(call)
    if sort not in _SORTS or source not in _SOURCES:
        raise Refusal(400, "REQ-ERR-6")
    if source not in {"", "local"} or tags is None:
        return [], 0  # everything here was made here, and nothing is in a group
    if sort == "most_download":
        call.backend.tally.write()
    found, total = call.backend.catalogue.page(
        kind,
        visible=call.backend.accounts.namespaces_of(call.user),
        owner=owner,
        search=call.query("search"),
        tags=tags,
        liked_by=liked_by,
        sdk=call.query("sdk") if kind is Kind.SPACE else "",
        sort=sort,
        limit=paging.per,
        offset=paging.offset,
    )
    return [repository_object(call, item, listed=True) for item in found], total


def _tags(call: Call) -> list[tuple[str, str]] | None:
    """Return the topics wanted; ``None`` where a group is wanted, which nothing is in."""
    query = call.request.query_params
    groups = query.getlist("tag_group")
    triples = zip(query.getlist("tag_category"), query.getlist("tag_name"), strict=False)
    wanted = [(category, name) for category, name in triples if category and name]
    wanted += [(name, call.query(f"{name}_tag")) for name in _LEGACY if call.query(f"{name}_tag")]
    if len(wanted) > _MOST_TAGS:
        raise Refusal(400, "REQ-ERR-6")
    return None if any(groups) else wanted


def like(call: Call) -> Response:
    """Note that the caller likes a repository, whoever the path names."""
    call.backend.likes.add(call.caller, _chosen(call))
    return envelope()


def dislike(call: Call) -> Response:
    """Note that the caller likes it no more."""
    call.backend.likes.remove(call.caller, _chosen(call))
    return envelope()


def _chosen(call: Call) -> Repository:
    number = call.part("number")
    if not (number.isascii() and number.isdecimal() and len(number) <= 18):
        raise Refusal(500, "SYS-ERR-0")
    repository = call.backend.catalogue.by_id(int(number))
    if repository is None:
        raise Refusal(500, "SYS-ERR-3")
    if call.backend.access(call.user, repository) < Access.READ:
        raise Refusal(403, "AUTH-ERR-2")
    return repository
