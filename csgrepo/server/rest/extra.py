"""More about repositories over REST: of many at once, by path, and how often downloaded."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from starlette.routing import Route

from csgrepo.server.accounts.users import Access
from csgrepo.server.http.refusal import Refusal
from csgrepo.server.repos.kinds import IN_REST, Kind
from csgrepo.server.rest.frame import endpoint, envelope
from csgrepo.server.rest.repos import repository_object
from csgrepo.server.rest.tags import topic_object

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from csgrepo.server.backend import Backend
    from csgrepo.server.repos.catalogue import Repository
    from csgrepo.server.rest.frame import Call

__all__ = ["routes"]

_MOST = 500


def routes(backend: Backend) -> list[BaseRoute]:
    """Return the routes."""
    ask = endpoint(backend, extra, body=True)
    found: list[BaseRoute] = [Route("/api/v1/repos/extra", ask, methods=["POST"])]
    for kind in (Kind.MODEL, Kind.DATASET, Kind.SPACE):
        named = endpoint(backend, _by_path(kind), body=True)
        found.append(Route(f"/api/v1/list/{kind.rest_plural}_by_path", named, methods=["POST"]))
    for kind in IN_REST:
        one = f"/api/v1/{kind.rest_plural}/{{namespace}}/{{name}}"
        counted = endpoint(backend, more_downloads, kind=kind, login=True)
        told = endpoint(backend, told_downloads, kind=kind, login=True, body=True)
        found += [
            Route(f"{one}/incr_downloads", counted, methods=["PUT"]),
            Route(f"{one}/update_downloads", told, methods=["PUT"]),
        ]
    return found


def more_downloads(call: Call) -> Response:
    """Count a download that went past this hub; for administrators."""
    _need_admin(call)
    call.backend.tally.add(call.repository.id)
    return envelope()


def told_downloads(call: Call) -> Response:
    """Note how many downloads went past this hub on a day, said again or not; for administrators.

    Raises:
        Refusal: 400 REQ-ERR-1, the body names no day, or no number.
    """
    _need_admin(call)
    count, day = call.body.get("download_count"), call.text("date")
    if type(count) is not int or not 0 <= count < 2**53 or not _is_day(day):
        raise Refusal(400, "REQ-ERR-1")
    call.backend.catalogue.tell_downloads(call.repository, day, count)
    return envelope()


def _is_day(text: str) -> bool:
    try:
        return datetime.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _need_admin(call: Call) -> None:
    if not call.caller.is_admin:
        raise Refusal(403, "AUTH-ERR-6")


def _by_path(kind: Kind) -> Callable[[Call], Response]:
    def answer(call: Call) -> Response:
        paths = call.body.get("paths")
        if not isinstance(paths, list) or len(paths) > _MOST:
            raise Refusal(400, "REQ-ERR-1")
        found = [_readable(call, kind, path) for path in paths]
        return envelope([repository_object(call, one, listed=True) for one in found if one])

    return answer


def _readable(call: Call, kind: Kind, path: object) -> Repository | None:
    """Return the repository of that path, if there is one that the caller may see."""
    if not isinstance(path, str) or not path.isprintable():
        raise Refusal(400, "REQ-ERR-1")
    namespace, _, name = path.partition("/")
    found = call.backend.catalogue.find(kind, namespace, name)
    readable = found and call.backend.access(call.user, found) >= Access.READ
    return found if readable else None


def extra(call: Call) -> Response:
    """Tell sizes and topics of those repositories, named by number, that the caller may see."""
    numbers = call.body.get("repo_ids")
    if not isinstance(numbers, list) or len(numbers) > _MOST:
        raise Refusal(400, "REQ-ERR-1")
    found = []
    for number in numbers:
        if type(number) is not int or not 0 <= number < 2**63:
            raise Refusal(400, "REQ-ERR-1")
        repository = call.backend.catalogue.by_id(number)
        if repository and call.backend.access(call.user, repository) >= Access.READ:
            found.append(_extra(call, repository))
    return envelope(found)


def _extra(call: Call, repository: Repository) -> dict[str, object]:
    backend = call.backend
    known = backend.sizes.known(repository.id, repository.default_branch)
    return {
        "repo_id": repository.id,
        "size": known[1] if known else 0,
        "last_commit_size": known[2] if known else 0,
        "multi_source": False,
        "mirror_task_status": "",
        "repository": {"http_clone_url": repository.clone_url(backend.url), "ssh_clone_url": ""},
        "tags": [
            topic_object(topic, repository.type) for topic in call.backend.topics.of(repository)
        ],
    }
