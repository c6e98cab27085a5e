"""More about many repositories at once over REST."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

from csgrepo.server.accounts import Access
from csgrepo.server.refusal import Refusal
from csgrepo.server.rest import endpoint, envelope
from csgrepo.server.rest_tags import topic_object

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from csgrepo.server.backend import Backend
    from csgrepo.server.catalogue import Repository
    from csgrepo.server.rest import Call

__all__ = ["routes"]

_MOST = 500


def routes(backend: Backend) -> list[BaseRoute]:
    """Return the route."""
    ask = endpoint(backend, extra, body=True)
    return [Route("/api/v1/repos/extra", ask, methods=["POST"])]


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
    known = call.backend.sizes.known(repository.id, repository.default_branch)
    return {
        "repo_id": repository.id,
        "size": known[1] if known else 0,
        "last_commit_size": known[2] if known else 0,
        "tags": [topic_object(topic, repository) for topic in call.backend.topics.of(repository)],
    }
