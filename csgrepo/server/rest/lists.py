"""Lists of repositories over REST: of a type, of a user, of an organization, of what one likes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from starlette.routing import Route

from csgrepo.server.accounts.users import Access
from csgrepo.server.http.refusal import Refusal
from csgrepo.server.repos.kinds import IN_REST, Kind
from csgrepo.server.repos.search import Search
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
_MOST_MEASURED = 100
_DEFAULTS = {"dataset_type": "normal"}
_TREE = re.compile(r"base_model:([a-z]{1,20}):([0-9]{1,15})")
_NUMBER = re.compile(r"[0-9]{1,18}(\.[0-9]{1,9})?", re.ASCII)


def routes(backend: Backend) -> list[BaseRoute]:
    """Return the routes."""
    found: list[BaseRoute] = []
    for kind in IN_REST:
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
    said = _said(call, kind)
    if source not in {"", "local"} or tags is None or said is None or _bought(call, kind):
        return [], 0  # all was made here, nothing is in a group, and nobody buys anything
    size, params = _bounds(call, "repo_size", 2**62), _bounds(call, "model_params", 1e9)
    _look(call, kind, sizes=size is not None, params=params is not None)
    if sort == "most_download":
        call.backend.tally.write()
    search = Search(
        kind,
        visible=call.backend.accounts.namespaces_of(call.user),
        owner=owner,
        text=call.query("search"),
        tags=tags,
        liked_by=liked_by,
        said=said,
        unsaid=_DEFAULTS,
        size=(int(size[0]), int(size[1])) if size and kind is Kind.DATASET else None,
        params=params if kind is Kind.MODEL else None,
        serverless=kind is Kind.MODEL and call.query("list_serverless") == "true",
    )
    found, total = call.backend.catalogue.page(
        search, sort=sort, limit=paging.per, offset=paging.offset
    )
    return [repository_object(call, item, listed=True) for item in found], total


def _said(call: Call, kind: Kind) -> dict[str, str] | None:
    """Return what the wanted ones say of themselves; ``None`` where none can."""
    if kind is Kind.SPACE:
        return {"sdk": call.query("sdk")} if call.query("sdk") else {}
    if kind is Kind.DATASET:
        wanted = call.query("dataset_type")
        if wanted not in {"", "normal", "commercial"}:
            raise Refusal(400, "REQ-ERR-6")
        return {"dataset_type": wanted} if wanted else {}
    if kind is not Kind.MODEL or not (tree := call.query("model_tree")):
        return {}
    match = _TREE.fullmatch(tree)
    if not match:
        raise Refusal(400, "REQ-ERR-6")
    base = call.backend.catalogue.by_id(int(match[2]))
    if match[1] != "finetune" or base is None or call.backend.access(call.user, base) < Access.READ:
        return None  # what else a model may be to its base is said nowhere here
    return {"base_model": base.path}


def _bought(call: Call, kind: Kind) -> bool:
    return kind is Kind.DATASET and call.query("user_purchased") == "true"


def _bounds(call: Call, name: str, most: float) -> tuple[float, float] | None:
    """Return the least and the most of something, ``None`` where the query bounds neither."""
    texts = [call.query(f"{name}_{end}") for end in ("min", "max")]
    if not any(texts):
        return None
    if not all(_NUMBER.fullmatch(text) for text in texts if text):
        raise Refusal(400, "REQ-ERR-6")
    return min(float(texts[0] or 0), most), min(float(texts[1] or most), most)


def _look(call: Call, kind: Kind, *, sizes: bool, params: bool) -> None:
    """Begin to measure what a filter asks for and nobody has measured: the next list has it."""
    backend = call.backend
    if sizes and kind is Kind.DATASET:
        for number in backend.sizes.unmeasured(kind, _MOST_MEASURED):
            backend.workers.begin(_measure, backend, number)
    if params and kind is Kind.MODEL:
        for number in backend.models.unread(_MOST_MEASURED):
            backend.workers.begin(_read, backend, number)


def _measure(backend: Backend, number: int) -> None:
    found = backend.catalogue.by_id(number)
    sha = backend.git.resolve(number, f"refs/heads/{found.default_branch}") if found else None
    if found and sha:
        backend.sizes.measure(number, found.default_branch, sha)


def _read(backend: Backend, number: int) -> None:
    if found := backend.catalogue.by_id(number):
        backend.models.facts(found)


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
