"""Who is who: health, version, whoami and profiles."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.routing import Route

from csgrepo._version import __version__
from csgrepo.server.accounts.organizations import Organizations
from csgrepo.server.accounts.web_address import checked_address
from csgrepo.server.http.refusal import Refusal
from csgrepo.server.rest.frame import NEVER, Paging, PureJSON, endpoint, envelope, moment
from csgrepo.server.rest.organizations import organization_object

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from csgrepo.server.accounts.users import Namespace, User
    from csgrepo.server.backend import Backend
    from csgrepo.server.rest.frame import Call

__all__ = ["namespace_object", "routes"]

_MOST_TEAMS = 100
_EMAIL = re.compile(r"[^@\s<>]+@[^@\s<>]+")


def routes(backend: Backend) -> list[BaseRoute]:
    """Return the routes."""
    who = endpoint(backend, whoami, login=True)
    change = endpoint(backend, update, login=True, body=True)
    return [
        Route("/healthz", health, methods=["GET"]),
        Route("/api/v1/version", endpoint(backend, version), methods=["GET"]),
        *(Route(f"/{m}/api/whoami-v2", who, methods=["GET"]) for m in ("csg", "hf", "ms")),
        Route("/claw/api/v1/whoami", endpoint(backend, claw_whoami, login=True), methods=["GET"]),
        Route("/api/v1/users", endpoint(backend, listed, login=True), methods=["GET"]),
        Route("/api/v1/user/{name}", endpoint(backend, profile), methods=["GET"]),
        Route("/api/v1/user/{name}", change, methods=["PUT"]),
    ]


async def health(_: Request) -> Response:
    """Answer that the hub is alive."""
    return Response(b"")


def version(_: Call) -> Response:
    """Answer with this library's version."""
    return envelope({"version": __version__, "commit": ""})


def whoami(call: Call) -> Response:
    """Answer with the caller's name; the email is empty, as the contract has it."""
    name = call.caller.name
    token = {"displayName": name, "role": "write"}
    return PureJSON({"name": name, "email": "", "auth": {"accessToken": token, "type": "Bearer"}})


def claw_whoami(call: Call) -> Response:
    """Answer with the caller's name as skills' own client wants it."""
    user = call.caller
    shown = {"handle": user.name, "displayName": user.nickname, "image": user.avatar}
    return PureJSON({"user": shown})


def profile(call: Call) -> Response:
    """Answer with a user's profile; others than the user see the public part."""
    accounts, word = call.backend.accounts, call.part("name")
    user = accounts.user_by_uuid(word) if call.query("type") == "uuid" else accounts.user(word)
    if user is None:
        raise Refusal(404, "SYS-ERR-3")
    return envelope(_profile(call, user))


def listed(call: Call) -> Response:
    """List users by a part of their names."""
    paging = Paging.of(call)
    found, total = call.backend.accounts.search(
        call.query("search"), limit=paging.per, offset=paging.offset
    )
    return envelope([_profile(call, user) for user in found], total)


def _profile(call: Call, user: User) -> dict[str, object]:
    space = call.backend.accounts.namespace(user.name)
    teams, _ = Organizations(call.backend.database).page(member=user, limit=_MOST_TEAMS)
    public: dict[str, object] = {
        "username": user.name,
        "nickname": user.nickname,
        "avatar": user.avatar,
        "tags": None,
        "can_change_username": False,
        "created_at": NEVER,
        "namespaces": [namespace_object(space)] if space else [],
        "orgs": [organization_object(team) for team in teams],
    }
    if call.user is None or (call.user.id != user.id and not call.user.is_admin):
        return public
    return public | {
        "id": user.id,
        "email": user.email,
        "uuid": user.uuid,
        "bio": user.bio,
        "homepage": user.homepage,
        "roles": ["admin"] if user.is_admin else [],
        "created_at": moment(user.created_at),
    }


def update(call: Call) -> Response:
    """Change one's own profile, named by UUID; roles are an administrator's to give."""
    accounts = call.backend.accounts
    user = accounts.user_by_uuid(call.part("name"))
    if user is None:
        raise Refusal(404, "SYS-ERR-3")
    if call.caller.id != user.id and not call.caller.is_admin:
        raise Refusal(403, "AUTH-ERR-2")
    if any(call.body.get(field) for field in ("new_username", "phone", "tag_ids")):
        reason = "names, telephone numbers and tags of users do not change on this hub"
        raise Refusal(400, "REQ-ERR-0", context={"reason": reason})
    changes = _changes(call)
    if "email" in changes and accounts.email_taken(changes["email"], user):
        raise Refusal(400, "USER-ERR-13")
    if (roles := call.body.get("roles")) is not None:
        if not call.caller.is_admin:
            raise Refusal(403, "AUTH-ERR-6")
        if not isinstance(roles, list):
            raise Refusal(400, "REQ-ERR-1")
        accounts.set_admin(user.name, is_admin="admin" in roles)
    accounts.update(user, changes)
    return envelope()


def _changes(call: Call) -> dict[str, str]:
    """Return what the body changes, by the names of the account's own fields."""
    longest = {"name": 100, "email": 250, "avatar": 1000, "homepage": 1000, "bio": 1000}
    found = {
        field: call.text(field, limit)
        for field, limit in longest.items()
        if call.body.get(field) is not None
    }
    for field in ("avatar", "homepage"):
        checked_address(found.get(field, ""))
    email = found.get("email", "a@b")
    if not _EMAIL.fullmatch(email) or not email.isprintable():
        raise Refusal(400, "REQ-ERR-1")
    if "name" in found:
        found["nickname"] = found.pop("name")
    return found


def namespace_object(namespace: Namespace) -> dict[str, object]:
    """Return a namespace as the contract shows it, capital letters included."""
    return {
        "Path": namespace.name,
        "Type": namespace.kind,
        "Avatar": "",
        "UUID": namespace.uuid,
        "NSType": namespace.kind,
        "User": None,
    }
