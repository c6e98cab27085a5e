"""Organizations over REST."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

from csgrepo.errors import InvalidInput
from csgrepo.repo_id import RepoId
from csgrepo.server.accounts.organizations import ROLES, Organizations
from csgrepo.server.accounts.users import Access
from csgrepo.server.accounts.web_address import checked_address
from csgrepo.server.http.refusal import Refusal
from csgrepo.server.rest.frame import Paging, endpoint, envelope

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from csgrepo.server.accounts.organizations import Organization
    from csgrepo.server.backend import Backend
    from csgrepo.server.rest.frame import Call

__all__ = ["found_organization", "organization_object", "routes"]

_LONGEST = {"nickname": 30, "description": 500, "homepage": 100, "logo": 1000}


def routes(backend: Backend) -> list[BaseRoute]:
    """Return the routes."""
    one = "/api/v1/organization/{namespace}"
    return [
        Route("/api/v1/organizations", endpoint(backend, listed), methods=["GET"]),
        Route(
            "/api/v1/organizations",
            endpoint(backend, create, login=True, body=True),
            methods=["POST"],
        ),
        Route("/api/v1/user/{name}/organizations", endpoint(backend, of_user), methods=["GET"]),
        Route(one, endpoint(backend, show), methods=["GET"]),
        Route(one, endpoint(backend, update, login=True, body=True), methods=["PUT"]),
        Route(one, endpoint(backend, delete, login=True), methods=["DELETE"]),
    ]


def listed(call: Call) -> Response:
    """List all organizations; they are public."""
    paging = Paging.of(call)
    found, total = Organizations(call.backend.database).page(
        search=call.query("search"),
        kind=call.query("org_type"),
        limit=paging.per,
        offset=paging.offset,
    )
    return _nested(found, total)


def of_user(call: Call) -> Response:
    """List the organizations that a user belongs to."""
    user = call.backend.accounts.user(call.part("name"))
    if user is None:
        raise Refusal(404, "SYS-ERR-3")
    paging, role = Paging.of(call), call.query("role")
    if role and role not in ROLES:
        raise Refusal(400, "REQ-ERR-6")
    found, total = Organizations(call.backend.database).page(
        search=call.query("search"),
        kind=call.query("org_type"),
        member=user,
        role=role,
        limit=paging.per,
        offset=paging.offset,
    )
    return _nested(found, total)


def _nested(found: list[Organization], total: int) -> Response:
    shown = [organization_object(item) for item in found]
    return envelope({"data": shown, "total": total})


def create(call: Call) -> Response:
    """Make an organization; the caller is its first administrator."""
    name = call.text("name", 30)
    try:
        RepoId.parse(f"{name}/any")  # the rules for namespaces
    except InvalidInput as error:
        raise Refusal(400, "REQ-ERR-1") from error
    facts = {"nickname": name} | _facts(call)
    made = Organizations(call.backend.database).create(name, facts, call.caller)
    return envelope(organization_object(made))


def _facts(call: Call) -> dict[str, str]:
    facts = {
        field: call.text(field, longest)
        for field, longest in _LONGEST.items()
        if call.body.get(field) is not None
    }
    for field in ("homepage", "logo"):
        checked_address(facts.get(field, ""))
    if call.body.get("org_type") is not None:
        facts["type"] = call.text("org_type", 30)
    return facts


def show(call: Call) -> Response:
    """Show an organization, and to its members their role."""
    found = found_organization(call)
    role = Organizations(call.backend.database).role(found.name, call.user) if call.user else None
    return envelope(organization_object(found) | ({"role": role} if role else {}))


def update(call: Call) -> Response:
    """Change what is told of an organization, or who owns it."""
    found = found_organization(call, Access.ADMIN)
    changes: dict[str, object] = dict(_facts(call))
    if owner := call.text("owner"):
        user = call.backend.accounts.user(owner)
        if user is None or Organizations(call.backend.database).role(found.name, user) is None:
            raise Refusal(400, "REQ-ERR-6")
        changes["owner_id"] = user.id
    Organizations(call.backend.database).update(found, changes)
    return envelope(organization_object(found_organization(call)))


def delete(call: Call) -> Response:
    """Delete an organization that has no repositories left."""
    Organizations(call.backend.database).delete(found_organization(call, Access.ADMIN))
    return envelope()


def found_organization(call: Call, level: Access = Access.NONE) -> Organization:
    """Return the organization that the path names.

    Raises:
        Refusal: 404, there is none; 403, the caller has less than that access.
    """
    found = Organizations(call.backend.database).find(call.part("namespace"))
    if found is None:
        raise Refusal(404, "SYS-ERR-3")
    if call.backend.accounts.role(call.user, found.name) < level:
        raise Refusal(403, "AUTH-ERR-2")
    return found


def organization_object(found: Organization) -> dict[str, object]:
    """Return an organization as the contract shows it: `name` is what it is called."""
    return {
        "path": found.name,
        "name": found.nickname,
        "description": found.description,
        "homepage": found.homepage,
        "logo": found.logo,
        "org_type": found.type,
        "verified": False,
        "user_id": found.owner_id or 0,
        "uuid": found.uuid,
        "namespace": {
            "Path": found.name,
            "Type": "organization",
            "Avatar": found.logo,
            "UUID": found.uuid,
            "NSType": "organization",
        },
    }
