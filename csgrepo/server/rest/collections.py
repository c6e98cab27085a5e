"""Collections of repositories over REST."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.routing import Route

from csgrepo.errors import InvalidInput
from csgrepo.repo_id import RepoId
from csgrepo.server.accounts.users import Access
from csgrepo.server.deploys.streams import number_of
from csgrepo.server.http.refusal import Refusal
from csgrepo.server.repos.collections import Collections
from csgrepo.server.rest.frame import Paging, PureJSON, endpoint, envelope, moment
from csgrepo.server.rest.tags import topic_object

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from csgrepo.server.backend import Backend
    from csgrepo.server.repos.catalogue import Repository
    from csgrepo.server.repos.collections import Collection
    from csgrepo.server.rest.frame import Call, Handler

__all__ = ["routes"]

_MOST = 500
_TEXTS = {"nickname": 100, "description": 1000, "theme": 100}


def routes(backend: Backend) -> list[BaseRoute]:
    """Return the routes."""
    every, one = "/api/v1/collections", "/api/v1/collections/{id}"
    likes = "/api/v1/user/{name}/likes/collections"
    table: list[tuple[str, str, Handler, bool, bool]] = [
        ("GET", every, listed, False, False),
        ("POST", every, create, True, True),
        ("GET", one, show, False, False),
        ("PUT", one, change, True, True),
        ("DELETE", one, delete, True, False),
        ("POST", f"{one}/repos", add, True, True),
        ("DELETE", f"{one}/repos", take_out, True, True),
        ("PUT", f"{one}/repos/{{number}}", remark, True, True),
        ("GET", "/api/v1/user/{name}/collections", of_user, False, False),
        ("GET", "/api/v1/organization/{name}/collections", of_organization, False, False),
        ("GET", likes, liked, True, False),
        ("PUT", f"{likes}/{{id}}", like, True, False),
        ("DELETE", f"{likes}/{{id}}", dislike, True, False),
    ]
    return [
        Route(path, endpoint(backend, handler, login=login, body=body), methods=[method])
        for method, path, handler, login, body in table
    ]


def _page(
    call: Call, owner: str | None = None, liked_by: int | None = None
) -> tuple[list[dict[str, object]], int]:
    paging = Paging.of(call)
    found, total = Collections(call.backend.database).page(
        visible=call.backend.accounts.namespaces_of(call.user),
        owner=owner,
        liked_by=liked_by,
        text=call.query("search"),
        limit=paging.per,
        offset=paging.offset,
    )
    return [_shown(call, one) for one in found], total


def listed(call: Call) -> Response:
    """List the collections that the caller may see."""
    return envelope(*_page(call))


def _of(kind: str, call: Call) -> Response:
    space = call.backend.accounts.namespace(call.part("name"))
    if space is None or space.kind != kind:
        raise Refusal(404, "SYS-ERR-3")
    return _message(*_page(call, owner=space.name))


def of_user(call: Call) -> Response:
    """List a user's collections."""
    return _of("user", call)


def of_organization(call: Call) -> Response:
    """List an organization's collections."""
    return _of("organization", call)


def liked(call: Call) -> Response:
    """List the collections that a user likes."""
    user = call.backend.accounts.user(call.part("name"))
    if user is None:
        raise Refusal(404, "SYS-ERR-3")
    return _message(*_page(call, liked_by=user.id))


def _message(found: list[dict[str, object]], total: int) -> Response:
    return PureJSON({"message": "OK", "data": found or None, "total": total})


def create(call: Call) -> Response:
    """Make a collection."""
    accounts = call.backend.accounts
    name = call.text("name", 100)
    try:
        RepoId.parse(f"any/{name}")
    except InvalidInput as error:
        raise Refusal(400, "REQ-ERR-6") from error
    space = accounts.namespace(call.text("namespace") or call.caller.name)
    if space is None:
        raise Refusal(500, "REPO-ERR-2")
    if accounts.role(call.caller, space.name) < Access.WRITE:
        raise Refusal(403, "AUTH-ERR-2")
    made = Collections(call.backend.database).create(space.name, call.caller, name, _facts(call))
    return envelope(_shown(call, made, full=True))


def show(call: Call) -> Response:
    """Show one collection with those of its repositories that the caller may read."""
    return envelope(_shown(call, _found(call, Access.READ), full=True))


def change(call: Call) -> Response:
    """Change what is told of a collection."""
    found = _found(call, Access.WRITE)
    changed = Collections(call.backend.database).change(found.id, _facts(call))
    return envelope(_shown(call, changed, full=True))


def delete(call: Call) -> Response:
    """Delete a collection; its repositories stay."""
    Collections(call.backend.database).delete(_found(call, Access.ADMIN))
    return envelope()


def add(call: Call) -> Response:
    """Put repositories in, each with a remark if there is one."""
    found, collections = _found(call, Access.WRITE), Collections(call.backend.database)
    remarks = call.body.get("remarks") or {}
    if not isinstance(remarks, dict):
        raise Refusal(400, "REQ-ERR-1")
    wanted = [_readable(call, number) for number in _numbers(call)]
    if None in wanted:
        raise Refusal(404, "SYS-ERR-3")
    said = {one.id: _remark(remarks.get(str(one.id), "")) for one in wanted if one}
    collections.add(found, said)
    return envelope(_shown(call, collections.find(found.id) or found, full=True))


def take_out(call: Call) -> Response:
    """Take repositories out."""
    found, collections = _found(call, Access.WRITE), Collections(call.backend.database)
    for number in _numbers(call):
        collections.take_out(found, number)
    return envelope(_shown(call, collections.find(found.id) or found, full=True))


def remark(call: Call) -> Response:
    """Change the remark on a repository."""
    found, number = _found(call, Access.WRITE), call.part("number")
    if not (number.isascii() and number.isdecimal() and len(number) <= 15):
        raise Refusal(400, "REQ-ERR-6")
    said = _remark(call.body.get("remark", ""))
    if not Collections(call.backend.database).remark(found, int(number), said):
        raise Refusal(404, "SYS-ERR-3")
    return envelope()


def like(call: Call) -> Response:
    """Note that the caller likes a collection, whoever the path names."""
    Collections(call.backend.database).like(call.caller, _found(call, Access.READ))
    return envelope()


def dislike(call: Call) -> Response:
    """Note that the caller likes it no more."""
    Collections(call.backend.database).dislike(call.caller, _found(call, Access.READ))
    return envelope()


def _found(call: Call, level: Access) -> Collection:
    found = Collections(call.backend.database).find(number_of(call))
    if found is None:
        raise Refusal(404, "SYS-ERR-3")
    if _access(call, found) < level:
        raise Refusal(403, "AUTH-ERR-2")
    return found


def _access(call: Call, collection: Collection) -> Access:
    role = call.backend.accounts.role(call.user, collection.namespace)
    return role if collection.private else max(role, Access.READ)


def _facts(call: Call) -> dict[str, Any]:
    facts: dict[str, Any] = {
        name: call.text(name, longest)
        for name, longest in _TEXTS.items()
        if call.body.get(name) is not None
    }
    if (private := call.body.get("private")) is not None:
        if not isinstance(private, bool):
            raise Refusal(400, "REQ-ERR-1")
        facts["private"] = private
    return facts


def _numbers(call: Call) -> list[int]:
    numbers = call.body.get("repo_ids")
    if not isinstance(numbers, list) or len(numbers) > _MOST:
        raise Refusal(400, "REQ-ERR-1")
    if any(type(number) is not int or not 0 <= number < 2**53 for number in numbers):
        raise Refusal(400, "REQ-ERR-1")
    return numbers


def _remark(value: object) -> str:
    if not isinstance(value, str) or len(value) > 1000 or not value.isprintable():
        raise Refusal(400, "REQ-ERR-1")
    return value


def _readable(call: Call, number: int) -> Repository | None:
    found = call.backend.catalogue.by_id(number)
    return found if found and call.backend.access(call.user, found) >= Access.READ else None


def _shown(call: Call, collection: Collection, *, full: bool = False) -> dict[str, object]:
    backend, access = call.backend, _access(call, collection)
    maker = backend.accounts.user_by_id(collection.user_id)
    collections = Collections(backend.database)
    held = [(_readable(call, number), words) for number, words in collections.held(collection)]
    shown: dict[str, object] = {
        "id": collection.id,
        "namespace": collection.namespace,
        "username": maker.name if maker else "",
        "name": collection.name,
        "nickname": collection.nickname,
        "description": collection.description,
        "private": collection.private,
        "theme": collection.theme,
        "avatar": "",
        "likes": collection.likes,
        "repositories": [_held(call, one, words) for one, words in held if one],
        "created_at": moment(collection.created_at),
        "updated_at": moment(collection.updated_at),
    }
    if full:
        shown |= {
            "user_likes": collections.liked(call.user, collection),
            "can_write": access >= Access.WRITE,
            "can_manage": access >= Access.ADMIN,
        }
    return shown


def _held(call: Call, repository: Repository, words: str) -> dict[str, object]:
    backend = call.backend
    return {
        "id": repository.id,
        "user_id": repository.creator_id,
        "repository_type": repository.type.value,
        "path": repository.path,
        "name": repository.name,
        "nickname": repository.nickname,
        "description": repository.description,
        "private": repository.private,
        "likes": backend.likes.count(repository),
        "download_count": backend.tally.of(repository),
        "tags": [topic_object(topic, repository.type) for topic in backend.topics.of(repository)],
        "status": "",
        "remark": words,
        "created_at": moment(repository.created_at),
        "updated_at": moment(repository.updated_at),
    }
