"""Branches and commits over REST."""

from __future__ import annotations

import base64
import html
from typing import TYPE_CHECKING

from starlette.routing import Route

from csgrepo.server.accounts.users import Access
from csgrepo.server.http.refusal import Refusal
from csgrepo.server.repos.kinds import IN_REST, WITH_FILES, Kind
from csgrepo.server.rest.frame import Paging, endpoint, envelope, moment

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from csgrepo.server.backend import Backend
    from csgrepo.server.git.told import Commit
    from csgrepo.server.rest.frame import Call

__all__ = ["NO_COMMIT", "commit_object", "routes"]

NO_COMMIT: dict[str, object] = {
    "id": "",
    "committer_name": "",
    "committer_email": "",
    "committer_date": "",
    "created_at": "",
    "message": "",
    "author_name": "",
    "author_email": "",
    "authored_date": "",
}


def routes(backend: Backend) -> list[BaseRoute]:
    """Return the routes of all repository types."""
    found: list[BaseRoute] = []
    for kind in IN_REST:
        one = f"/api/v1/{kind.rest_plural}/{{namespace}}/{{name}}"
        login = kind is Kind.DATASET  # even where the dataset is public
        found.append(Route(f"{one}/branches", endpoint(backend, branches, kind=kind, login=login)))
        if kind not in WITH_FILES:
            continue
        found += [
            Route(f"{one}/last_commit", endpoint(backend, last_commit, kind=kind)),
            Route(f"{one}/commits", endpoint(backend, commits, kind=kind, login=login)),
            Route(f"{one}/commit/{{commit}}", endpoint(backend, commit, kind=kind, login=login)),
            Route(f"{one}/diff", endpoint(backend, diff, kind=kind, login=login)),
            Route(f"{one}/size/{{branch}}", endpoint(backend, size, kind=kind)),
        ]
    return found


def branches(call: Call) -> Response:
    """List the branches; only the last part of a name is shown, as the contract has it."""
    call.need(Access.READ, 500)
    Paging.of(call)
    found = [
        {
            "name": branch.name.rpartition("/")[2],
            "message": branch.subject,
            "commit": {"id": branch.commit},
        }
        for branch in call.backend.git.branches(call.repository.id)
    ]
    return envelope(found or None)


def last_commit(call: Call) -> Response:
    """Answer with the commit at the tip; an empty one for a ref that does not exist."""
    call.need(Access.READ)
    tip = _tip(call)
    if tip is None:
        return envelope(NO_COMMIT)
    return envelope(commit_object(call.backend.git.commits(call.repository.id, tip)[0]))


def commits(call: Call) -> Response:
    """List commits, newest first."""
    call.need(Access.READ, 500, "AUTH-ERR-0")
    try:
        paging = Paging.of(call)
    except Refusal as error:
        raise Refusal(400, "", error.words) from error
    tip = _tip(call)
    if tip is None:
        raise Refusal(500, "GIT-ERR-4")
    git = call.backend.git
    total = git.count(call.repository.id, tip)
    found = git.commits(call.repository.id, tip, limit=paging.per, skip=paging.offset)
    shown = [commit_object(item, escaped=True) for item in found]
    pages = -(-total // paging.per)
    return envelope({"commits": shown, "total": total, "page_count": pages})


def commit(call: Call) -> Response:
    """Answer with one commit, the files it touches and its difference from its first parent."""
    call.need(Access.READ, 500)
    git = call.backend.git
    found = git.resolve(call.repository.id, call.part("commit"))
    if found is None:
        raise Refusal(404, "GIT-ERR-6")
    described = git.commits(call.repository.id, found)[0]
    change = git.change(call.repository.id, found)
    return envelope(
        {
            **commit_object(described, escaped=True),
            "files": [line.path for line in change.files],
            "parents": [{"sha": parent} for parent in described.parents],
            "diff": base64.b64encode(change.patch).decode(),
            "stats": {
                "total": change.additions + change.deletions,
                "additions": change.additions,
                "deletions": change.deletions,
            },
        }
    )


def diff(call: Call) -> Response:
    """Tell which paths differ between two commits."""
    call.need(Access.READ, 500)
    git, number = call.backend.git, call.repository.id
    sides = [git.resolve(number, call.query(f"{side}_commit_id")) for side in ("left", "right")]
    if None in sides:
        raise Refusal(500, "GIT-ERR-6")
    found: dict[str, list[str]] = {"added": [], "removed": [], "modified": []}
    names = {"A": "added", "D": "removed"}
    for letter, path in git.difference(number, *filter(None, sides)):
        found[names.get(letter, "modified")].append(path)
    return envelope([found])


def size(call: Call) -> Response:
    """Tell how large a branch is: 404 until it has been measured, which asking begins."""
    call.need(Access.READ)
    backend, number, branch = call.backend, call.repository.id, call.part("branch")
    sha = backend.git.resolve(number, f"refs/heads/{branch}")
    known = backend.sizes.known(number, branch)
    if sha and (known is None or known[0] != sha):
        backend.workers.begin(backend.sizes.measure, number, branch, sha)
    if sha is None or known is None:
        raise Refusal(404, "", "not found")
    return envelope({"total_size": known[1], "last_commit_size": known[2]})


def _tip(call: Call) -> str | None:
    ref = call.query("ref") or call.repository.default_branch
    return call.backend.git.resolve(call.repository.id, ref)


def commit_object(commit: Commit, *, escaped: bool = False) -> dict[str, object]:
    """Return a commit as the contract shows it; some routes escape the message for HTML."""
    committed = moment(commit.committed_at)
    return {
        "id": commit.id,
        "committer_name": commit.committer_name,
        "committer_email": commit.committer_email,
        "committer_date": committed,
        "created_at": committed,
        "message": html.escape(commit.subject) if escaped else commit.subject,
        "author_name": commit.author_name,
        "author_email": commit.author_email,
        "authored_date": moment(commit.authored_at),
    }
