"""Git LFS file locks: advisory, listed in the database.

Follows https://github.com/git-lfs/git-lfs/blob/main/docs/api/locking.md.
"""

from __future__ import annotations

import sqlite3
import time
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from csgrepo.server.accounts.users import Access
from csgrepo.server.git.smart_http import CHALLENGE
from csgrepo.server.lfs.objects import lfs_endpoint
from csgrepo.server.repos.kinds import Kind
from csgrepo.server.rest.frame import moment

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from csgrepo.server.backend import Backend
    from csgrepo.server.lfs.objects import LfsCall

__all__ = ["routes"]

_LISTED = (
    "SELECT lfs_locks.*, users.name AS owner FROM lfs_locks "
    "JOIN users ON users.id = lfs_locks.owner_id WHERE repository_id = ?"
)


def routes(backend: Backend) -> list[BaseRoute]:
    """Return the lock routes of all repository types."""
    found: list[BaseRoute] = []
    for kind in Kind:
        base = f"/{kind.git_plural}/{{namespace}}/{{name}}/info/lfs/locks"
        found += [
            Route(base, lfs_endpoint(backend, listed), methods=["GET"]),
            Route(base, lfs_endpoint(backend, lock), methods=["POST"]),
            Route(f"{base}/verify", lfs_endpoint(backend, verify), methods=["POST"]),
            Route(f"{base}/{{lock}}/unlock", lfs_endpoint(backend, unlock), methods=["POST"]),
        ]
    return found


def _said(status: int, message: str, **more: object) -> Response:
    headers = CHALLENGE if status == 401 else None
    return JSONResponse({"message": message, **more}, status, headers)


def _rows(call: LfsCall, where: str = "", *values: object) -> list[sqlite3.Row]:
    return call.backend.database.rows(f"{_LISTED} {where}", call.repository.id, *values)


def _shown(row: sqlite3.Row, owner: str | None = None) -> dict[str, object]:
    name = row["owner"] if owner is None else owner
    when = moment(row["locked_at"])
    return {"id": str(row["id"]), "path": row["path"], "locked_at": when, "owner": {"name": name}}


def listed(call: LfsCall) -> Response:
    """List locks, all of them or those of one path or number."""
    if call.access < Access.READ:
        return _said(500 if call.user else 401, "you may not read this repository")
    query = call.request.query_params
    rows = _rows(call)
    for parameter, column in (("path", "path"), ("id", "id")):
        if query.get(parameter):
            rows = [row for row in rows if str(row[column]) == query[parameter]]
    return JSONResponse(_page(rows, query.get("cursor", ""), query.get("limit", "")))


def _page(rows: list[sqlite3.Row], cursor: str, limit: str) -> dict[str, object]:
    """Cut out a page; without a cursor everything is returned, as the contract has it."""
    page = int(cursor) if cursor.isdecimal() and len(cursor) < 10 else 0
    size = int(limit) if limit.isdecimal() and len(limit) < 10 else 100
    if page < 1 or size < 1:
        return {"locks": [_shown(row) for row in rows]}
    part = rows[(page - 1) * size : page * size]
    shown: dict[str, object] = {"locks": [_shown(row) for row in part]}
    return {**shown, "next_cursor": str(page + 1)} if len(part) == size else shown


def lock(call: LfsCall) -> Response:
    """Lock a path."""
    if call.access < Access.WRITE or call.user is None:
        return _said(500 if call.user else 401, "you may not write to this repository")
    path = call.body.get("path")
    if not isinstance(path, str) or not path or len(path) > 4096:
        return _said(400, "a lock needs a path")
    try:
        with call.backend.database.change() as connection:
            connection.execute(
                "INSERT INTO lfs_locks (repository_id, path, owner_id, locked_at) "
                "VALUES (?, ?, ?, ?)",
                (call.repository.id, path, call.user.id, time.time()),
            )
    except sqlite3.IntegrityError:
        row = _rows(call, "AND path = ?", path)[0]
        return _said(409, "already created lock", lock=_shown(row))
    row = _rows(call, "AND path = ?", path)[0]
    return JSONResponse({"lock": _shown(row, owner="")})


def verify(call: LfsCall) -> Response:
    """Tell which locks are the caller's and which are others'."""
    if call.access < Access.WRITE or call.user is None:
        return _said(500, "you may not write to this repository")
    rows = _rows(call)
    name = call.user.name
    ours = [_shown(row) for row in rows if row["owner"] == name]
    theirs = [_shown(row) for row in rows if row["owner"] != name]
    return JSONResponse({"ours": ours or None, "theirs": theirs or None})


def unlock(call: LfsCall) -> Response:
    """Remove a lock; somebody else's only with force."""
    if call.access < Access.WRITE or call.user is None:
        return _said(500 if call.user else 401, "you may not write to this repository")
    number = call.request.path_params["lock"]
    if not number.isdecimal() or len(number) > 18:
        return _said(400, "a lock's id is a number")
    rows = _rows(call, "AND lfs_locks.id = ?", int(number))
    if not rows:
        return _said(404, "no such lock")
    if rows[0]["owner"] != call.user.name and call.body.get("force") is not True:
        return _said(405, "the lock belongs to somebody else")
    with call.backend.database.change() as connection:
        connection.execute("DELETE FROM lfs_locks WHERE id = ?", (int(number),))
    return JSONResponse({"lock": _shown(rows[0])})
