"""The versions that an inference deploy serves, and their shares of the traffic, over REST."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from starlette.routing import Route

from csgrepo.server.accounts.users import Access
from csgrepo.server.deploys.deploys import DeployType, State
from csgrepo.server.deploys.streams import found_deploy
from csgrepo.server.http.bodies import read_all
from csgrepo.server.http.refusal import Refusal
from csgrepo.server.repos.kinds import Kind
from csgrepo.server.rest.frame import endpoint, envelope, moment, streamed

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from csgrepo.server.backend import Backend
    from csgrepo.server.deploys.deploys import Deploy
    from csgrepo.server.deploys.revisions import Revision
    from csgrepo.server.rest.frame import Call

__all__ = ["revision_object", "routes"]

_COMMIT = re.compile("[0-9a-f]{40}")
_MOST_BYTES = 64 * 1024
_KIND = DeployType.INFERENCE


def routes(backend: Backend) -> list[BaseRoute]:
    """Return the routes."""
    one = "/api/v1/models/{namespace}/{name}/run/versions/{id}"
    model = Kind.MODEL
    seen = endpoint(backend, listed, kind=model, login=True)
    more = endpoint(backend, add, kind=model, login=True, body=True)
    shared = streamed(backend, share, kind=model, login=True)
    less = endpoint(backend, remove, kind=model, login=True)
    return [
        Route(one, seen, methods=["GET"]),
        Route(one, more, methods=["POST"]),
        Route(f"{one}/traffic", shared, methods=["PUT"]),
        Route(f"{one}/{{commit}}", less, methods=["DELETE"]),
    ]


def listed(call: Call) -> Response:
    """List the versions, the oldest first."""
    deploy = found_deploy(call, _KIND, Access.READ)
    found = call.backend.revisions.of(deploy)
    return envelope([revision_object(one, deploy) for one in found] or None)


def revision_object(revision: Revision, deploy: Deploy) -> dict[str, object]:
    """Return a version as the contract shows it."""
    ready = revision.ready(deploy)
    return {
        "commit": revision.commit,
        "revision_name": revision.name,
        "traffic_percent": revision.percent,
        "is_ready": ready,
        "create_time": moment(revision.created_at),
        "message": "" if ready else f"the deploy is {deploy.state.word}",
        "reason": "" if ready else "Deploying",
    }


def add(call: Call) -> Response:
    """Let a running deploy serve one more commit of its model."""
    deploy = found_deploy(call, _KIND, Access.WRITE)
    if deploy.state is not State.RUNNING:
        raise Refusal(500, "SERVERLESS-ERR-2")
    commit, percent = call.text("commit_id"), _percent(call.body.get("traffic_percent", 0))
    if not commit:
        raise Refusal(400, "SERVERLESS-ERR-6")
    if not _COMMIT.fullmatch(commit) or not call.backend.git.resolve(deploy.repository_id, commit):
        raise Refusal(400, "SERVERLESS-ERR-8")
    call.backend.revisions.add(deploy, commit, percent)
    call.backend.consoles.of(deploy).say(f"{deploy.name}: serves {commit} too")
    return envelope()


async def share(call: Call) -> Response:
    """Give every version its share; the body is a JSON array."""
    body = await read_all(call.request.receive, _MOST_BYTES)
    return await call.backend.workers.run(_share, call, body)


def _share(call: Call, body: bytes) -> Response:
    deploy = found_deploy(call, _KIND, Access.WRITE)
    call.backend.revisions.share(deploy, _wanted(body))
    return envelope()


def _wanted(body: bytes) -> dict[str, int]:
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, "REQ-ERR-1") from error
    if not isinstance(asked, list) or not all(isinstance(one, dict) for one in asked):
        raise Refusal(400, "REQ-ERR-1")
    wanted: dict[str, int] = {}
    for one in asked:
        commit = one.get("commit_id")
        if not isinstance(commit, str) or not commit:
            raise Refusal(400, "SERVERLESS-ERR-6")
        wanted[commit] = _percent(one.get("traffic_percent"))
    return wanted


def _percent(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 100:
        raise Refusal(400, "SERVERLESS-ERR-5")
    return value


def remove(call: Call) -> Response:
    """Serve a commit no longer; its share of the traffic must be gone before."""
    deploy = found_deploy(call, _KIND, Access.WRITE)
    call.backend.revisions.remove(deploy, call.part("commit"))
    return envelope()
