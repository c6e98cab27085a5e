"""Files uploaded as a form over REST, one commit for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

from csgrepo.server.accounts.users import Access
from csgrepo.server.git.draft import Action, CommitRefused, Draft
from csgrepo.server.git.intake import keep, too_large
from csgrepo.server.http.form import Form
from csgrepo.server.http.limits import MAX_GIT_FILE_BYTES
from csgrepo.server.http.refusal import Refusal
from csgrepo.server.repos.kinds import WITH_FILES
from csgrepo.server.rest.frame import envelope, streamed
from csgrepo.server.rest.write import committed, rules_of

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from csgrepo.server.backend import Backend
    from csgrepo.server.lfs.storage import Incoming
    from csgrepo.server.rest.frame import Call

__all__ = ["routes"]


def routes(backend: Backend) -> list[BaseRoute]:
    """Return the routes of all repository types."""
    return [
        Route(
            f"/api/v1/{kind.rest_plural}/{{namespace}}/{{name}}/upload_file",
            streamed(backend, upload, kind=kind, login=True),
            methods=["POST"],
        )
        for kind in WITH_FILES
    ]


async def upload(call: Call) -> Response:
    """Take files in; the paths stand beside them, in the same order."""
    workers = call.backend.workers
    await workers.run(call.need, Access.WRITE, 500, "AUTH-ERR-0")
    form = Form(call.backend.objects.receive)
    try:
        await form.read(call.request, workers)
        return await workers.run(_commit_all, call, form)
    finally:
        await workers.run(form.drop)


def _commit_all(call: Call, form: Form) -> Response:
    paths = form.fields.get("file_path", [])
    if len(paths) < len(form.files):  # the contract's server falls over here
        raise Refusal(500, "SYS-ERR-0")
    branch, message = (form.fields.get(name, [""])[0] for name in ("branch", "message"))
    for path, file in zip(paths, form.files, strict=False):
        content = _content(call, branch, path, file)
        author = (call.caller.name, call.caller.email)
        actions = [Action("create", path, content)]
        try:
            committed(call, Draft(branch, message, author, actions, overwrites=True))
        except CommitRefused as error:
            raise Refusal(500, "GIT-ERR-22", context={"reason": str(error)}) from error
    return envelope()


def _content(call: Call, branch: str, path: str, file: Incoming) -> bytes:
    if path in rules_of(call, branch):
        return keep(call.backend, call.repository, file)
    if too_large(file.size):
        raise Refusal(500, "", f"file is larger than {MAX_GIT_FILE_BYTES} bytes in Base64")
    return file.content()
