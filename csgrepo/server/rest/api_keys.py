"""The keys of namespaces over REST; as with tokens, a listed one shows only how it begins."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

from starlette.routing import Route

from csgrepo.errors import InvalidInput
from csgrepo.server.accounts.api_keys import APPLICATION, BUILTIN, ApiKeys
from csgrepo.server.accounts.tokens import TokenNameTaken
from csgrepo.server.accounts.users import Access
from csgrepo.server.deploys.streams import number_of
from csgrepo.server.http.refusal import Refusal
from csgrepo.server.rest.frame import NEVER, endpoint, envelope, moment
from csgrepo.server.rest.tokens import seconds_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from csgrepo.server.accounts.api_keys import ApiKey
    from csgrepo.server.accounts.users import Namespace
    from csgrepo.server.backend import Backend
    from csgrepo.server.rest.frame import Call, Handler

__all__ = ["routes"]

_QUOTA = {"quota_type": "", "quota_value_type": "", "quota": 0}


def routes(backend: Backend) -> list[BaseRoute]:
    """Return the routes."""
    every = "/api/v1/namespaces/{uuid}/apikeys"
    table: list[tuple[str, str, Handler, bool]] = [
        ("GET", every, listed, False),
        ("POST", every, create, True),
        ("GET", f"{every}/builtin", builtin, False),
        ("PUT", f"{every}/builtin/refresh", refresh, False),
        ("PUT", f"{every}/{{id}}", change, True),
        ("DELETE", f"{every}/{{id}}", delete, False),
    ]
    return [
        Route(path, endpoint(backend, handler, login=True, body=body), methods=[method])
        for method, path, handler, body in table
    ]


def listed(call: Call) -> Response:
    """List a namespace's keys."""
    space = _space(call)
    found = ApiKeys(call.backend.database).of(space)
    return envelope([_shown(call, space, key) for key in found] or None, len(found))


def create(call: Call) -> Response:
    """Make a key; the answer is the only place where it stands in full."""
    space = _space(call)
    ends = seconds_of(call.text("expired_at"))
    keys = ApiKeys(call.backend.database)
    with _refusals():
        key, value = keys.create(
            space,
            call.caller,
            call.text("name"),
            permission=call.text("permission", 100),
            expires_at=ends if ends and ends > time.time() else None,
            quota=_quota(call),
        )
    return envelope(_shown(call, space, key, value))


def builtin(call: Call) -> Response:
    """Show the key that every namespace has; in full where this very question makes it."""
    space = _space(call)
    return envelope(
        _shown(call, space, *ApiKeys(call.backend.database).builtin(space, call.caller))
    )


def refresh(call: Call) -> Response:
    """Give that key another value, and show it."""
    space, keys = _space(call), ApiKeys(call.backend.database)
    key, value = keys.builtin(space, call.caller)
    if not value:
        key, value = keys.refresh(space, key)
    return envelope(_shown(call, space, key, value))


def change(call: Call) -> Response:
    """Change what is said of a key."""
    space, keys = _space(call), ApiKeys(call.backend.database)
    key = _found(call, space)
    changes: dict[str, Any] = {
        name: call.text(name, 100) for name in ("name", "permission") if call.body.get(name)
    }
    if call.body.get("expired_at"):
        changes["expires_at"] = seconds_of(call.text("expired_at"))
    if any(call.body.get(name) is not None for name in _QUOTA):
        changes["quota"] = {**key.quota, **_quota(call)}
    with _refusals():
        return envelope(_shown(call, space, keys.change(space, key, changes)))


def delete(call: Call) -> Response:
    """Make a key worthless; the one that every namespace has stays."""
    key = _found(call, _space(call))
    if key.kind == BUILTIN:
        raise Refusal(400, "REQ-ERR-0", context={"reason": "the builtin key can be refreshed only"})
    ApiKeys(call.backend.database).delete(key)
    return envelope()


@contextlib.contextmanager
def _refusals() -> Iterator[None]:
    """Say no in the contract's words to names that cannot be."""
    try:
        yield
    except TokenNameTaken as error:
        raise Refusal(500, "", f"token name duplicated, {error}") from error
    except InvalidInput as error:
        raise Refusal(400, "REQ-ERR-6") from error


def _space(call: Call) -> Namespace:
    """Return the namespace that the path names, for those who look after it."""
    space = call.backend.accounts.namespace_by_uuid(call.part("uuid"))
    if space is None:
        raise Refusal(404, "SYS-ERR-3")
    if call.backend.accounts.role(call.caller, space.name) < Access.ADMIN:
        raise Refusal(403, "AUTH-ERR-2")
    return space


def _found(call: Call, space: Namespace) -> ApiKey:
    key = ApiKeys(call.backend.database).find(space, number_of(call))
    if key is None:
        raise Refusal(404, "", "not found")
    return key


def _quota(call: Call) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for name, default in _QUOTA.items():
        value = call.body.get(name)
        if value is None:
            continue
        fits = isinstance(value, str) if default == "" else isinstance(value, int | float)
        if not fits or len(str(value)) > 100 or isinstance(value, bool):
            raise Refusal(400, "REQ-ERR-1")
        said[name] = value
    return said


def _shown(call: Call, space: Namespace, key: ApiKey, value: str = "") -> dict[str, object]:
    user = call.backend.accounts.user_by_id(key.user_id)
    return {
        "id": key.id,
        "token": value or f"{key.hint}****",
        "token_name": key.name,
        "application": APPLICATION,
        "permission": key.permission,
        "user_name": user.name if user else "",
        "user_uuid": user.uuid if user else "",
        "expire_at": moment(key.expires_at) if key.expires_at else NEVER,
        "ns_uuid": space.uuid,
        **_QUOTA,
        **key.quota,
        "usage": 0,
        "last_used_at": NEVER,
        "created_at": moment(key.created_at),
        "updated_at": moment(key.updated_at),
        "token_type": key.kind,
    }
