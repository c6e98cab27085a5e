"""SSH keys over REST. The hub itself serves no SSH; it keeps the keys for what does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

from csgrepo.errors import InvalidInput
from csgrepo.server.accounts.ssh_keys import SshKeys
from csgrepo.server.http.refusal import Refusal
from csgrepo.server.rest.frame import NEVER, Paging, endpoint, envelope, moment, own

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from csgrepo.server.accounts.ssh_keys import SshKey
    from csgrepo.server.backend import Backend
    from csgrepo.server.rest.frame import Call

__all__ = ["routes"]

_LONGEST_NAME = 200


def routes(backend: Backend) -> list[BaseRoute]:
    """Return the routes; the one that deletes is in the singular, as the contract has it."""
    keys = "/api/v1/user/{name}/ssh_keys"
    one = "/api/v1/user/{name}/ssh_key/{key_name}"
    return [
        Route(keys, endpoint(backend, own(listed)), methods=["GET"]),
        Route(keys, endpoint(backend, own(add), body=True), methods=["POST"]),
        Route(one, endpoint(backend, own(remove)), methods=["DELETE"]),
    ]


def listed(call: Call) -> Response:
    """List the caller's keys; there is no total."""
    paging = Paging.of(call)
    keys = SshKeys(call.backend.database)
    found = keys.of(call.caller, limit=paging.per, offset=paging.offset)
    return envelope([_row(key) for key in found] or None)


def add(call: Call) -> Response:
    """Add a key; whatever is wrong with it is a 500 without a code."""
    name = call.text("name", _LONGEST_NAME)
    if not name or not name.isprintable():
        raise Refusal(400, "REQ-ERR-1")
    try:
        key = SshKeys(call.backend.database).add(call.caller, name, call.text("content", 1 << 20))
    except InvalidInput as error:
        raise Refusal(500, "", str(error)) from error
    return envelope(_row(key))


def remove(call: Call) -> Response:
    """Remove the key of that name."""
    if not SshKeys(call.backend.database).remove(call.caller, call.part("key_name")):
        raise Refusal(500, "SYS-ERR-3")
    return envelope()


def _row(key: SshKey) -> dict[str, object]:
    made = moment(key.created_at)
    return {
        "id": key.id,
        "git_id": 0,
        "name": key.name,
        "content": key.content,
        "user_id": key.user_id,
        "user": None,
        "fingerprint_sha256": key.fingerprint,
        "DeletedAt": NEVER,
        "created_at": made,
        "updated_at": made,
    }
