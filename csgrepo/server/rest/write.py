"""One file, one commit: create, change, rename and delete over REST."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

from csgrepo.server.accounts.users import Access
from csgrepo.server.git.draft import Action, CommitRefused, Draft
from csgrepo.server.git.intake import decoded, keep_bytes
from csgrepo.server.http.limits import MAX_GIT_FILE_BYTES
from csgrepo.server.http.refusal import Refusal
from csgrepo.server.lfs.names import LfsNames
from csgrepo.server.repos.kinds import WITH_FILES
from csgrepo.server.rest.frame import endpoint, envelope

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from csgrepo.server.backend import Backend
    from csgrepo.server.rest.frame import Call

__all__ = ["committed", "routes", "rules_of"]

_LONGEST_MESSAGE = 64 * 1024


def routes(backend: Backend) -> list[BaseRoute]:
    """Return the routes of all repository types."""
    answers = {"POST": create, "PUT": update, "DELETE": delete}
    return [
        Route(
            f"/api/v1/{kind.rest_plural}/{{namespace}}/{{name}}/raw/{{path:path}}",
            endpoint(backend, handler, kind=kind, login=True, body=True),
            methods=[method],
        )
        for kind in WITH_FILES
        for method, handler in answers.items()
    ]


def create(call: Call) -> Response:
    """Add a file, on a new branch where one is named; without `branch` that has no past."""
    call.need(Access.WRITE, 500, "AUTH-ERR-0")
    branch, new_branch = call.text("branch"), call.text("new_branch")
    action = Action("create", call.part("path"), _content(call, branch))
    return _answer(call, action, new_branch or branch, start=branch if new_branch else "")


def update(call: Call) -> Response:
    """Change a file; with `origin_path` move it, as it is where no content is sent."""
    call.need(Access.WRITE, 500)
    path, origin, branch = call.part("path"), call.text("origin_path"), call.text("branch")
    if not origin:
        return _answer(call, Action("update", path, _content(call, branch)), branch)
    sent = any(call.body.get(name) for name in ("content", "original_content"))
    content = _content(call, branch) if sent else None
    return _answer(call, Action("move", path, content, origin), branch)


def delete(call: Call) -> Response:
    """Delete a file; the committer has the repository's name, as the contract has it."""
    call.need(Access.WRITE, 500)
    action = Action("delete", call.part("path"))
    return _answer(call, action, call.text("branch"), committer_name=call.repository.name)


def _content(call: Call, branch: str) -> bytes:
    """Return what goes into git.

    For a name that the branch keeps in LFS, `content` is thrown away and `original_content` is
    the object; where it was left out, the object is empty. That is the contract's way.
    """
    if call.part("path") in rules_of(call, branch):
        return keep_bytes(call.backend, call.repository, decoded(call.body.get("original_content")))
    sent = call.body.get("content")
    if isinstance(sent, str) and len(sent) > MAX_GIT_FILE_BYTES:
        words = f"file is larger than {MAX_GIT_FILE_BYTES} bytes; track it with Git LFS"
        raise Refusal(500, "", words)
    return decoded(sent)


def rules_of(call: Call, branch: str) -> LfsNames:
    """Return which names a branch keeps in LFS; none where it does not exist."""
    git, number = call.backend.git, call.repository.id
    return LfsNames.of(git, number, git.resolve(number, branch) if branch else None)


def _answer(
    call: Call, action: Action, branch: str, *, start: str = "", committer_name: str = ""
) -> Response:
    try:
        committed(
            call,
            Draft(
                branch=branch,
                message=call.text("message", _LONGEST_MESSAGE),
                author=(call.caller.name, call.caller.email),
                actions=[action],
                committer_name=committer_name,
                start=start,
            ),
        )
    except CommitRefused as error:
        raise Refusal(500, "GIT-ERR-22", context={"reason": str(error)}) from error
    return envelope({})


def committed(call: Call, draft: Draft) -> str:
    """Make a commit, note when the repository changed, and return the commit's id.

    Raises:
        CommitRefused: see `CommitWriter.write`.
    """
    sha = call.backend.git.writer.write(call.repository.id, draft)
    call.backend.catalogue.touch(call.repository)
    return sha
