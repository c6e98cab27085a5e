"""The prompts in a repository of prompts, over REST: one file of JSON each, at its root."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from starlette.routing import Route

from csgrepo.server.accounts.users import Access
from csgrepo.server.git.draft import Action, CommitRefused, Draft
from csgrepo.server.http.refusal import Refusal
from csgrepo.server.repos.kinds import Kind
from csgrepo.server.rest.frame import endpoint, envelope
from csgrepo.server.rest.write import committed

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from csgrepo.server.backend import Backend
    from csgrepo.server.git.told import Entry
    from csgrepo.server.rest.frame import Call

__all__ = ["routes"]

_SUFFIX = ".jsonl"
_LONGEST = 100_000
_NEEDED = ("title", "content", "language")
_OPTIONAL = ("type", "source")
_MOST_TAGS = 100
_NO_NAME = re.compile(r"[^\w.-]+")


def routes(backend: Backend) -> list[BaseRoute]:
    """Return the routes."""
    one, kind = "/api/v1/prompts/{namespace}/{name}", Kind.PROMPT
    file = f"{one}/prompt/record/{{path:path}}"
    make = endpoint(backend, create, kind=kind, login=True, body=True)
    change = endpoint(backend, update, kind=kind, login=True, body=True)
    strike = endpoint(backend, delete, kind=kind, login=True)
    return [
        Route(one, endpoint(backend, listed, kind=kind), methods=["GET"]),
        Route(f"{one}/prompt/view/{{path:path}}", endpoint(backend, view, kind=kind)),
        Route(f"{one}/prompt/record", make, methods=["POST"]),
        Route(file, change, methods=["PUT"]),
        Route(file, strike, methods=["DELETE"]),
    ]


def listed(call: Call) -> Response:
    """List the prompts; files that hold none are left out."""
    call.need(Access.READ)
    git, number = call.backend.git, call.repository.id
    commit = git.resolve(number, call.repository.default_branch)
    files = [entry for entry in (git.tree(number, commit) if commit else []) if _is_prompt(entry)]
    prompts = [_read(call, entry) for entry in files]
    return envelope([prompt for prompt in prompts if prompt])


def _is_prompt(entry: Entry) -> bool:
    small = entry.kind == "blob" and entry.pointer is None and entry.size <= _LONGEST
    return small and entry.path.endswith(_SUFFIX)


def _read(call: Call, entry: Entry) -> dict[str, object] | None:
    """Return what a file says, ``None`` where that is no prompt."""
    try:
        found = json.loads(call.backend.git.blob(call.repository.id, entry.sha))
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or not all(isinstance(found.get(n), str) for n in _NEEDED):
        return None
    rights = {
        "can_write": call.access >= Access.WRITE,
        "can_manage": call.access >= Access.ADMIN,
    }
    return {**found, "file_path": entry.path, **rights}


def view(call: Call) -> Response:
    """Show one prompt."""
    call.need(Access.READ)
    git, number = call.backend.git, call.repository.id
    commit = git.resolve(number, call.repository.default_branch)
    entry = git.entry(number, commit, call.part("path")) if commit else None
    prompt = _read(call, entry) if entry and _is_prompt(entry) else None
    if prompt is None:
        raise Refusal(404, "GIT-ERR-15")
    return envelope(prompt)


def create(call: Call) -> Response:
    """Add a prompt in a file named after its title."""
    prompt = _prompt(call)
    name = _NO_NAME.sub("-", str(prompt["title"])).strip("-.")[:80]
    if not name:
        raise Refusal(400, "REQ-ERR-1")
    return _write(call, Action("create", name + _SUFFIX, _encoded(prompt)), prompt)


def update(call: Call) -> Response:
    """Change a prompt."""
    prompt = _prompt(call)
    return _write(call, Action("update", _path(call), _encoded(prompt)), prompt)


def delete(call: Call) -> Response:
    """Delete a prompt."""
    return _write(call, Action("delete", _path(call)), None)


def _path(call: Call) -> str:
    path = call.part("path")
    if "/" in path or not path.endswith(_SUFFIX):
        raise Refusal(400, "REQ-ERR-1")
    return path


def _prompt(call: Call) -> dict[str, object]:
    found: dict[str, object] = {
        name: call.text(name, _LONGEST // 2) for name in (*_NEEDED, *_OPTIONAL)
    }
    tags = call.body.get("tags") or []
    if not isinstance(tags, list) or len(tags) > _MOST_TAGS:
        raise Refusal(400, "REQ-ERR-1")
    if not all(isinstance(tag, str) and tag.isprintable() for tag in tags):
        raise Refusal(400, "REQ-ERR-1")
    if not all(found[name] for name in _NEEDED):
        raise Refusal(400, "REQ-ERR-1")
    return found | {"tags": tags}


def _encoded(prompt: dict[str, object]) -> bytes:
    return json.dumps(prompt, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def _write(call: Call, action: Action, prompt: dict[str, object] | None) -> Response:
    call.need(Access.WRITE)
    branch = call.repository.default_branch
    author = (call.caller.name, call.caller.email)
    message = f"{action.verb.capitalize()} {action.path}"
    try:
        committed(call, Draft(branch, message, author, [action]))
    except CommitRefused as error:
        raise Refusal(500, "GIT-ERR-22", context={"reason": str(error)}) from error
    return envelope({**prompt, "file_path": action.path}) if prompt else envelope()
