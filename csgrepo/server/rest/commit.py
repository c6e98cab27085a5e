"""Many files, one commit: what to send how, and the commit itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.routing import Route

from csgrepo.lfs.pointer import Pointer
from csgrepo.server.accounts.users import Access
from csgrepo.server.git.draft import Action, CommitRefused, Draft, check_path
from csgrepo.server.git.ignored import ignored
from csgrepo.server.git.intake import decoded
from csgrepo.server.http.bodies import json_object, read_all
from csgrepo.server.http.limits import MAX_COMMIT_BYTES, MAX_GIT_FILE_BYTES
from csgrepo.server.http.refusal import Refusal
from csgrepo.server.lfs.names import LfsNames
from csgrepo.server.repos.kinds import WITH_FILES, Kind
from csgrepo.server.rest.frame import PureJSON, endpoint, envelope, streamed
from csgrepo.server.rest.write import committed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from csgrepo.server.backend import Backend
    from csgrepo.server.git.told import Entry
    from csgrepo.server.rest.frame import Call

__all__ = ["commit_actions", "failed", "may_commit", "routes", "upload_plan"]

_MOST_FILES = 10_000


def routes(backend: Backend) -> list[BaseRoute]:
    """Return the routes of all repository types."""
    found: list[BaseRoute] = []
    for kind in WITH_FILES:
        one = f"/api/v1/{kind.rest_plural}/{{namespace}}/{{name}}"
        # The contract forgot the guard on one type; there permission is what says no.
        login = kind is not Kind.MCP
        ask = endpoint(backend, preupload, kind=kind, login=login, body=True)
        make = streamed(backend, commit, kind=kind, login=login)
        found += [
            Route(f"{one}/preupload/{{revision}}", ask, methods=["POST"]),
            Route(f"{one}/commit/{{revision}}", make, methods=["POST"]),
        ]
    return found


def preupload(call: Call) -> Response:
    """Tell for each file how it is to be sent, and what is there."""
    return envelope({"files": upload_plan(call)})


def upload_plan(call: Call) -> list[dict[str, object]]:
    """Return the answers to a preupload's files, in their order.

    `oid` is the blob's id of a file in git, the SHA-256 of one in LFS, and empty where there is
    none: a client leaves out what has not changed.

    Raises:
        Refusal: the caller may not write, the list is none, or the revision does not exist.
    """
    call.need(Access.WRITE, 500)
    wanted = _wanted(call.body.get("files"))
    git, number = call.backend.git, call.repository.id
    sha = git.resolve(number, call.part("revision"))
    if sha is None:
        raise Refusal(500, "GIT-ERR-6")
    names = LfsNames.of(git, number, sha)
    paths = [path for path, _ in wanted]
    left_out = ignored(git, number, sha, paths)
    there = git.entries(number, sha, paths)
    return [
        {
            "oid": _oid(there.get(path)),
            "path": path,
            "uploadMode": "lfs" if path in names or size > MAX_GIT_FILE_BYTES else "regular",
            "shouldIgnore": path in left_out,
            "isDir": path in there and there[path].kind == "tree",
        }
        for path, size in wanted
    ]


def _wanted(files: object) -> list[tuple[str, int]]:
    if not isinstance(files, list) or len(files) > _MOST_FILES:
        raise Refusal(400, "REQ-ERR-1")
    wanted = []
    for item in files:
        path, size = (item.get("path"), item.get("size", 0)) if isinstance(item, dict) else (0, 0)
        if not isinstance(path, str) or not isinstance(size, int) or isinstance(size, bool):
            raise Refusal(400, "REQ-ERR-1")
        try:
            check_path(path)
        except CommitRefused as error:
            raise Refusal(400, "REQ-ERR-1", context={"reason": str(error)}) from error
        wanted.append((path, size))
    return wanted


def _oid(entry: Entry | None) -> str:
    if entry is None or entry.kind != "blob":
        return ""
    return entry.pointer.oid if entry.pointer else entry.sha


async def commit(call: Call) -> Response:
    """Make a commit; the answer does not tell its id, and all that can go wrong is a 500."""
    workers = call.backend.workers
    if refused := await workers.run(may_commit, call):
        return refused
    raw = await read_all(call.request.receive, MAX_COMMIT_BYTES)
    return await workers.run(_commit, call, raw)


def may_commit(call: Call) -> Response | None:
    """Return what those are told who may not write, before their files are read."""
    return None if call.access >= Access.WRITE else failed(str(Refusal(500, "AUTH-ERR-2")))


def failed(words: str) -> Response:
    """Return a commit's failure: no envelope, and no code of its own."""
    return PureJSON({"error": words}, 500)


def _commit(call: Call, raw: bytes) -> Response:
    body = json_object(raw)
    message = body.get("message") or ""
    if not isinstance(message, str):
        raise Refusal(400, "REQ-ERR-1")
    try:
        commit_actions(call, message, _actions(body.get("files")))
    except CommitRefused as error:
        return failed(f"GIT-ERR-22: {error}")
    return envelope()


def _actions(files: object) -> list[Action]:
    if not isinstance(files, list):
        raise Refusal(400, "REQ-ERR-1")
    return [_action(item) for item in files]


def _action(item: Any) -> Action:
    path, verb = (item.get("path"), item.get("action")) if isinstance(item, dict) else (0, 0)
    if not isinstance(path, str):
        raise Refusal(400, "REQ-ERR-1")
    if verb not in ("create", "update", "delete"):
        raise CommitRefused(f"{str(verb)[:100]!r} is no action on {path[:100]!r}")
    try:
        content = decoded(item.get("content"))
    except Refusal as error:
        raise CommitRefused(f"the content of {path[:100]!r} is not Base64") from error
    return Action(verb, path, content)


def commit_actions(call: Call, message: str, actions: Sequence[Action]) -> None:
    """Commit to the branch that the path names.

    Existing files are updated whatever is asked, as the contract has it; a branch that does not
    exist is made only in a repository that has none.

    Raises:
        CommitRefused: see `CommitWriter.write`.
    """
    git, number, branch = call.backend.git, call.repository.id, call.part("revision")
    known = [item.name for item in git.branches(number)]
    if known and branch not in known:
        raise CommitRefused(f"there is no branch {branch[:100]!r}")
    author = (call.caller.name, call.caller.email)
    committed(call, Draft(branch, message, author, actions, overwrites=True))
    for action in actions:
        pointer = Pointer.parse(action.content or b"")
        if pointer:  # the checks have found the object
            call.backend.catalogue.remember_object(call.repository, pointer.oid, pointer.size)
