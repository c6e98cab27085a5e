"""Access tokens over REST: made, listed, rotated, deleted.

The contract shows tokens in full whenever they are listed. This hub cannot: it keeps digests. A
listed token shows its first digits and stars; the whole is in the answer that made or rotated it.
"""

from __future__ import annotations

import datetime
import re
import time
from typing import TYPE_CHECKING

from starlette.routing import Route

from csgrepo.errors import InvalidInput
from csgrepo.server.accounts.tokens import Token, TokenNameTaken, Tokens
from csgrepo.server.http.refusal import Refusal
from csgrepo.server.rest.frame import NEVER, endpoint, envelope, moment, own

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from csgrepo.server.accounts.users import User
    from csgrepo.server.backend import Backend
    from csgrepo.server.rest.frame import Call

__all__ = ["routes", "seconds_of"]

_APPLICATIONS = {"git", "mirror", "starship", "aigateway"}
_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)


def routes(backend: Backend) -> list[BaseRoute]:
    """Return the routes."""
    one = "/api/v1/token/{app}/{token_name}"
    return [
        Route("/api/v1/token/{token}", endpoint(backend, owner), methods=["GET"]),
        Route("/api/v1/user/{name}/tokens", endpoint(backend, own(listed)), methods=["GET"]),
        Route(one, endpoint(backend, create, login=True, body=True), methods=["POST"]),
        Route(one, endpoint(backend, rotate, login=True), methods=["PUT"]),
        Route(one, endpoint(backend, delete, login=True), methods=["DELETE"]),
    ]


def owner(call: Call) -> Response:
    """Answer whose token it is; no login is needed, the token is the proof."""
    value, backend = call.part("token"), call.backend
    token = Tokens(backend.database).by_value(value)
    user = backend.accounts.user_of_token(value, [token.application]) if token else None
    if token is None or user is None or call.query("app", token.application) != token.application:
        raise Refusal(404, "", "not found")
    return envelope(_checked(token, user, value) | {"id": 0})


def listed(call: Call) -> Response:
    """List the caller's tokens; of each only the beginning."""
    application = call.query("app") or "git"
    shown = [
        _checked(token, call.caller, f"{token.hint}****")
        for token in Tokens(call.backend.database).of(call.caller)
        if token.application == application
    ]
    return envelope(shown or None)


def create(call: Call) -> Response:
    """Make a token; one that would have ended already never ends, as the contract has it."""
    application = _application(call)
    if application == "mirror":
        raise Refusal(
            500, "SYS-ERR-1"
        )  # the contract asks an accounting service, which is not here
    ends = seconds_of(call.text("expired_at"))
    tokens, name = Tokens(call.backend.database), call.part("token_name")
    try:
        value = tokens.create(
            call.caller,
            name,
            application=application,
            expires_at=ends if ends and ends > time.time() else None,
            permission=call.text("permission", 100),
        )
    except TokenNameTaken as error:
        raise Refusal(500, "", f"token name duplicated, {error}") from error
    except InvalidInput as error:
        raise Refusal(400, "REQ-ERR-6") from error
    return _row(call, tokens.by_value(value), value)


def rotate(call: Call) -> Response:
    """Give a token another value; when it ends stays as it is."""
    tokens = Tokens(call.backend.database)
    value = tokens.rotate(call.caller, call.part("token_name"), application=_application(call))
    if value is None:
        raise Refusal(404, "", "not found")
    return _row(call, tokens.by_value(value), value)


def delete(call: Call) -> Response:
    """Make a token worthless."""
    tokens, name = Tokens(call.backend.database), call.part("token_name")
    try:
        tokens.revoke(call.caller, name, application=_application(call))
    except InvalidInput as error:
        raise Refusal(404, "", "not found") from error
    return envelope()


def _application(call: Call) -> str:
    application = call.part("app")
    if application == "csghub":
        return "git"
    if application not in _APPLICATIONS:
        raise Refusal(400, "REQ-ERR-6")
    return application


def seconds_of(text: str) -> float | None:
    """Return the time that RFC 3339 text names, ``None`` for none."""
    if not text:
        return None
    match = _RFC3339.fullmatch(text)
    if not match:
        raise Refusal(400, "REQ-ERR-1")
    day, clock, zone = match.groups()
    try:
        zone = "+00:00" if zone in "Zz" else zone
        return datetime.datetime.fromisoformat(f"{day}T{clock}{zone}").timestamp()
    except (ValueError, OverflowError) as error:
        raise Refusal(400, "REQ-ERR-1") from error


def _checked(token: Token, user: User, value: str) -> dict[str, object]:
    return {
        "id": token.id,
        "token": value,
        "token_name": token.name,
        "application": token.application,
        "permission": token.permission,
        "user_name": user.name,
        "user_uuid": user.uuid,
        "expire_at": moment(token.expires_at) if token.expires_at else NEVER,
        "ns_uuid": "",
        "quota_type": "",
        "quota_value_type": "",
        "usage": 0,
        "quota": 0,
        "last_used_at": NEVER,
        "created_at": moment(token.created_at),
        "updated_at": moment(token.updated_at or token.created_at),
        "token_type": "",
    }


def _row(call: Call, token: Token | None, value: str) -> Response:
    if token is None:  # deleted in this very moment
        raise Refusal(404, "", "not found")
    return envelope(
        {
            "id": token.id,
            "git_id": 0,
            "name": token.name,
            "token": value,
            "user_id": call.caller.id,
            "user": None,
            "application": token.application,
            "permission": token.permission,
            "is_active": True,
            "expired_at": moment(token.expires_at) if token.expires_at else NEVER,
            "DeletedAt": NEVER,
            "ns_uuid": "",
            "token_type": "",
            "created_at": moment(token.created_at),
            "updated_at": moment(token.updated_at or token.created_at),
        }
    )
