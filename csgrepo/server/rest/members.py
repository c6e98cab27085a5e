"""Who belongs to an organization, over REST."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.routing import Route

from csgrepo.server.accounts.organizations import ROLES, Organizations
from csgrepo.server.accounts.users import Access
from csgrepo.server.http.bodies import json_object, read_all
from csgrepo.server.http.refusal import Refusal
from csgrepo.server.rest.frame import Paging, endpoint, envelope, streamed
from csgrepo.server.rest.organizations import found_organization

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from csgrepo.server.accounts.users import User
    from csgrepo.server.backend import Backend
    from csgrepo.server.rest.frame import Call

__all__ = ["routes"]

_MOST_AT_ONCE = 100


def routes(backend: Backend) -> list[BaseRoute]:
    """Return the routes."""
    every = "/api/v1/organization/{namespace}/members"
    one = f"{every}/{{username}}"
    return [
        Route(every, endpoint(backend, listed), methods=["GET"]),
        Route(every, streamed(backend, _told(add), login=True), methods=["POST"]),
        Route(one, endpoint(backend, show, login=True), methods=["GET"]),
        Route(one, streamed(backend, _told(change), login=True), methods=["PUT"]),
        Route(one, streamed(backend, _told(remove), login=True), methods=["DELETE"]),
    ]


def _told(
    handler: Callable[[Call, dict[str, Any]], Response],
) -> Callable[[Call], Awaitable[Response]]:
    """Read the body here: what is no JSON is a 500 on these routes."""

    async def answer(call: Call) -> Response:
        raw = await read_all(call.request.receive)
        try:
            body = json_object(raw)
        except Refusal as error:
            raise Refusal(500, "REQ-ERR-1") from error
        return await call.backend.workers.run(handler, call, body)

    return answer


def listed(call: Call) -> Response:
    """List the members; their roles are shown to members."""
    organization, paging = found_organization(call), Paging.of(call)
    found, total = Organizations(call.backend.database).members(
        organization.name, limit=paging.per, offset=paging.offset
    )
    inside = call.backend.accounts.role(call.user, organization.name) > Access.NONE
    shown = [
        {
            "username": member.name,
            "nickname": member.nickname,
            "uuid": member.uuid,
            "avatar": member.avatar,
            **({"role": member.role} if inside else {}),
        }
        for member in found
    ]
    return envelope({"data": shown, "total": total})


def show(call: Call) -> Response:
    """Tell the caller's own role."""
    organization = found_organization(call)
    if call.part("username") != call.caller.name:
        raise Refusal(403, "AUTH-ERR-2")
    role = Organizations(call.backend.database).role(organization.name, call.caller)
    return envelope(role or "")


def add(call: Call, body: dict[str, Any]) -> Response:
    """Let users in, named in one text with commas between them: all of them, or none."""
    organization = found_organization(call, Access.ADMIN)
    names, role = body.get("users"), _role(body, "role")
    if not isinstance(names, str) or not 0 < len(names.split(",")) <= _MOST_AT_ONCE:
        raise Refusal(400, "REQ-ERR-1")
    users = [_user(call, name.strip()) for name in names.split(",")]
    Organizations(call.backend.database).add(organization.name, users, role)
    return envelope()


def change(call: Call, body: dict[str, Any]) -> Response:
    """Give a member another role."""
    organization = found_organization(call, Access.ADMIN)
    old, new = _role(body, "old_role"), _role(body, "new_role")
    user, organizations = _user(call, call.part("username")), Organizations(call.backend.database)
    if organizations.role(organization.name, user) != old:
        raise Refusal(400, "REQ-ERR-6")
    organizations.change_role(organization.name, user, new)
    return envelope()


def remove(call: Call, body: dict[str, Any]) -> Response:
    """Let a member go, by an administrator or of their own will."""
    own = call.part("username") == call.caller.name
    organization = found_organization(call, Access.READ if own else Access.ADMIN)
    user, organizations = _user(call, call.part("username")), Organizations(call.backend.database)
    role = organizations.role(organization.name, user)
    if role is not None and role != _role(body, "role"):
        raise Refusal(400, "REQ-ERR-6")
    organizations.change_role(organization.name, user, None)
    return envelope()


def _role(body: dict[str, Any], name: str) -> str:
    role = body.get(name)
    if role not in ROLES or not isinstance(role, str):
        raise Refusal(400, "REQ-ERR-1")
    return role


def _user(call: Call, name: str) -> User:
    found = call.backend.accounts.user(name)
    if found is None:
        raise Refusal(404, "SYS-ERR-3")
    return found
