"""A repository's topics over REST; the tags of git are no part of that contract."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from starlette.routing import Route

from csgrepo.server.accounts.users import Access
from csgrepo.server.http.bodies import read_all
from csgrepo.server.http.refusal import Refusal
from csgrepo.server.repos.kinds import IN_REST, Kind
from csgrepo.server.rest.frame import endpoint, envelope, moment, streamed

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from csgrepo.server.backend import Backend
    from csgrepo.server.repos.topics import Topic
    from csgrepo.server.rest.frame import Call

__all__ = ["routes", "topic_object"]

_CATEGORY = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MOST, _LONGEST = 100, 200
_MOST_BYTES = 64 * 1024


def routes(backend: Backend) -> list[BaseRoute]:
    """Return the routes of all repository types."""
    found: list[BaseRoute] = [
        Route("/api/v1/tags", endpoint(backend, vocabulary), methods=["GET"]),
        Route("/api/v1/tags/categories", endpoint(backend, categories), methods=["GET"]),
    ]
    for kind in IN_REST:
        base = f"/api/v1/{kind.rest_plural}/{{namespace}}/{{name}}/tags"
        shown = endpoint(backend, tags, kind=kind, login=kind is Kind.DATASET)
        change = streamed(backend, replace_tags, kind=kind, login=True)
        found += [
            Route(base, shown),
            Route(f"{base}/{{category}}", change, methods=["POST"]),
        ]
    return found


def tags(call: Call) -> Response:
    """List a repository's topics."""
    call.need(Access.READ, 500)
    repository = call.repository
    topics = call.backend.topics.of(repository)
    return envelope([topic_object(topic, repository.type) for topic in topics] or None)


def vocabulary(call: Call) -> Response:
    """List the topics that repositories have; none is built in, each came with a repository."""
    if call.query("built_in") == "true":
        return envelope(None)
    scope = call.query("scope")
    if scope and scope not in {kind.value for kind in IN_REST}:
        raise Refusal(400, "REQ-ERR-6")
    found = call.backend.topics.known(
        visible=call.backend.accounts.namespaces_of(call.user),
        kinds=[Kind(scope)] if scope else IN_REST,
        category=call.query("category"),
        search=call.query("search"),
    )
    return envelope([topic_object(topic, kind) for kind, topic in found] or None)


def categories(call: Call) -> Response:
    """List the categories that these topics are in."""
    visible = call.backend.accounts.namespaces_of(call.user)
    firsts: dict[tuple[Kind, str], int] = {}
    for kind, topic in call.backend.topics.known(visible=visible):
        firsts.setdefault((kind, topic.category), topic.id)
    shown = [
        {"id": first, "name": name, "scope": kind.value, "show_name": name, "enabled": True}
        for (kind, name), first in firsts.items()
    ]
    return envelope(shown or None)


async def replace_tags(call: Call) -> Response:
    """Let the repository have exactly the names sent, in one category; they are a JSON array."""
    workers = call.backend.workers
    await workers.run(call.need, Access.WRITE)
    body = await read_all(call.request.receive, _MOST_BYTES)
    return await workers.run(_replace, call, body)


def _replace(call: Call, body: bytes) -> Response:
    category = call.part("category")
    if not _CATEGORY.fullmatch(category):
        raise Refusal(400, "REQ-ERR-6")
    call.backend.topics.replace(call.repository, category, _names(body))
    call.backend.catalogue.touch(call.repository)
    return envelope()


def _names(body: bytes) -> list[str]:
    try:
        names = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, "REQ-ERR-1") from error
    if not isinstance(names, list) or len(names) > _MOST:
        raise Refusal(400, "REQ-ERR-1")
    for name in names:
        if not isinstance(name, str) or not 0 < len(name) <= _LONGEST or not name.isprintable():
            raise Refusal(400, "REQ-ERR-1")
    return names


def topic_object(topic: Topic, kind: Kind) -> dict[str, object]:
    """Return a topic as the contract shows it."""
    made = moment(topic.created_at)
    return {
        "id": topic.id,
        "name": topic.name,
        "category": topic.category,
        "group": "",
        "built_in": False,
        "scope": kind.value,
        "show_name": topic.name,
        "i18n_key": topic.name,
        "created_at": made,
        "updated_at": made,
    }
