"""What the other libraries write: preupload, commit, LFS, new repositories, checks before them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import yaml
from starlette.responses import Response
from starlette.routing import Route

from csgrepo.server.git.draft import CommitRefused
from csgrepo.server.http.bodies import read_all
from csgrepo.server.http.limits import MAX_COMMIT_BYTES
from csgrepo.server.http.refusal import Refusal
from csgrepo.server.lfs.objects import batch, lfs_endpoint, verify
from csgrepo.server.mapping import commit_lines
from csgrepo.server.mapping.reading import MAPS, located, mapped, path_object
from csgrepo.server.repos.kinds import Kind
from csgrepo.server.rest.commit import commit_actions, failed, may_commit, upload_plan
from csgrepo.server.rest.files import need_content
from csgrepo.server.rest.frame import PureJSON, endpoint, streamed
from csgrepo.server.rest.repos import create, repository_object

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp

    from csgrepo.server.backend import Backend
    from csgrepo.server.rest.frame import Call

__all__ = ["routes"]

_WRITTEN = (Kind.MODEL, Kind.DATASET)
_MOST_README, _MOST_YAML = 16 * 1024 * 1024, 64 * 1024
_MOST_FORM = 1024 * 1024


def routes(backend: Backend) -> list[BaseRoute]:
    """Return the routes; they come before those of `mapping`, whose paths take in more."""
    make = endpoint(backend, create_repository, login=True, body=True)
    check = endpoint(backend, validate_yaml, login=True, body=True)
    info = streamed(backend, paths_info)
    found: list[BaseRoute] = []
    for prefix in MAPS:
        data = f"/{prefix}/api/datasets/{{namespace}}/{{name}}"
        found += [
            Route(f"/{prefix}/api/repos/create", make, methods=["POST"]),
            Route(f"/{prefix}/api/validate-yaml", check, methods=["POST"]),
            Route(f"{data}/paths-info/{{ref}}", info, methods=["POST"]),
            Route(f"{data}/resolve/{{ref}}/.huggingface.yaml", no_yaml, methods=["GET"]),
        ]
        for kind in _WRITTEN:
            found += _written(backend, prefix, kind)
    return found


def _written(backend: Backend, prefix: str, kind: Kind) -> list[BaseRoute]:
    api = f"/{prefix}/api/{kind.rest_plural}/{{namespace}}/{{name}}"
    infix = "" if kind is Kind.MODEL else f"{kind.rest_plural}/"
    lfs = f"/{prefix}/{infix}{{namespace}}/{{name}}/info/lfs"
    verified = f"{lfs}/verify" if kind is Kind.MODEL else f"{lfs}/objects/verify"
    ask = endpoint(backend, mapped(kind, preupload), body=True)
    return [
        Route(f"{api}/preupload/{{revision}}", ask, methods=["POST"]),
        Route(f"{api}/commit/{{revision}}", streamed(backend, _commit(kind)), methods=["POST"]),
        Route(
            f"{lfs}/objects/batch", _as_git(kind, lfs_endpoint(backend, batch)), methods=["POST"]
        ),
        Route(verified, _as_git(kind, lfs_endpoint(backend, verify)), methods=["POST"]),
    ]


def preupload(call: Call) -> Response:
    """Answer like REST, without the envelope."""
    return PureJSON({"files": upload_plan(call)})


def _commit(kind: Kind) -> Callable[[Call], Awaitable[ASGIApp]]:
    """Return the handler that reads the lines, once it is known that the caller may write."""

    async def answer(call: Call) -> ASGIApp:
        workers = call.backend.workers
        found = await workers.run(located, call, kind)
        if refused := await workers.run(may_commit, found):
            return refused
        lines = await read_all(call.request.receive, MAX_COMMIT_BYTES)
        return await workers.run(_make_commit, found, lines)

    return answer


def _make_commit(call: Call, lines: bytes) -> Response:
    message, actions = commit_lines.parse(lines)
    try:
        commit_actions(call, message, actions)
    except CommitRefused as error:
        return failed(f"GIT-ERR-22: {error}")
    return PureJSON({"commitUrl": call.repository.path, "commitOid": ""})


def _as_git(
    kind: Kind, handler: Callable[[Request], Awaitable[ASGIApp]]
) -> Callable[[Request], Awaitable[ASGIApp]]:
    """Answer as the repository's own LFS address does, which is the one the answers name."""

    async def answer(request: Request) -> ASGIApp:
        namespace, name = request.path_params["namespace"], request.path_params["name"]
        path = f"/{kind.git_plural}/{namespace}/{name}/info/lfs"
        scope = {**request.scope, "path": path}
        return await handler(type(request)(scope, request.receive))

    return answer


async def paths_info(call: Call) -> Response:
    """Describe one path of a dataset; nothing where it does not exist."""
    sent = await read_all(call.request.receive, _MOST_FORM)
    paths = parse_qs(sent.decode("utf-8", "replace"), max_num_fields=1000).get("paths", [])
    if len(paths) != 1:
        raise Refusal(400, "REQ-ERR-6")
    return await call.backend.workers.run(_path_info, call, paths[0])


def _path_info(asked: Call, path: str) -> Response:
    call = located(asked, Kind.DATASET)
    need_content(call)
    git, number = call.backend.git, call.repository.id
    sha = git.resolve(number, call.part("ref"))
    if sha is None:
        raise Refusal(500, "GIT-ERR-6")
    entry = git.entry(number, sha, path.strip("/"))
    return PureJSON([path_object(entry)] if entry else [])


async def no_yaml(_: Request) -> Response:
    """Answer that datasets have no such settings, with the contract's success."""
    return PureJSON({"error": "Sorry, there is no .huggingface.yaml in this dataset"})


def create_repository(call: Call) -> Response:
    """Make a model or a dataset of the caller's own; one that exists is a conflict with its URL."""
    try:
        kind = {"model": Kind.MODEL, "dataset": Kind.DATASET}[call.text("type") or "model"]
    except KeyError as error:
        raise Refusal(400, "REQ-ERR-6") from error
    call.body["namespace"] = call.caller.name
    call.body.pop("type", None)
    try:
        return PureJSON(repository_object(call, create(call, kind)))
    except Refusal as error:
        if error.code != "SPACE-ERR-1":
            raise
    return PureJSON({"url": f"{call.caller.name}/{call.text('name')}"}, 409)


def validate_yaml(call: Call) -> Response:
    """Tell whether a README begins with front matter that can be read, or with none."""
    front = _front_matter(call.text("content", _MOST_README))
    if len(front) > _MOST_YAML:
        return _unreadable(f"the front matter is longer than {_MOST_YAML} characters")
    try:
        # Composed and not constructed: aliases and merges, which multiply, stay as they are.
        found = yaml.compose(front, yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError) as error:
        return _unreadable(str(error)[:1000])
    if found is not None and not isinstance(found, yaml.MappingNode):
        return _unreadable("the front matter is not a mapping")
    return PureJSON({})


def _unreadable(words: str) -> Response:
    return PureJSON({"errors": [{"message": words}]}, 400)


def _front_matter(content: str) -> str:
    lines = content.lstrip("\ufeff\r\n ").split("\n")
    if lines[0].strip() != "---":
        return ""
    ends = [number for number, line in enumerate(lines[1:], 1) if line.strip() == "---"]
    return "\n".join(lines[1 : ends[0]]) if ends else "---"
