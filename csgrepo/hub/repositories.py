"""Repositories on the hub: made, shown, changed, given away, deleted."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from csgrepo.errors import BadRequest, Conflict, HubHTTPError, InvalidInput, NotFound
from csgrepo.http.envelope import unwrap
from csgrepo.hub.connection import repo_path
from csgrepo.hub.file_results import checked_commit
from csgrepo.hub.reading import needed_number
from csgrepo.hub.results import RepoInfo, RepoUrl
from csgrepo.hub.trees import walk
from csgrepo.repo_id import RepoId, RepoType, check_ref_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from csgrepo.hub.connection import HubConnection
    from csgrepo.hub.results import SpaceSettings

__all__ = ["commit_at", "create", "delete", "exists", "info", "liked", "transfer", "update"]

# The hub counts characters, and answers a longer one with a bare 400.
_LONGEST = {"description": 999, "license": 99}
_EMPTIED = ("report_url", "medium_risk_count", "high_risk_count")


def create(
    hub: HubConnection,
    repo: RepoId,
    *,
    private: bool,
    exist_ok: bool,
    space: SpaceSettings | None,
    **texts: str | None,
) -> RepoUrl:
    """See `HubApi.create_repo`."""
    if space and repo.repo_type is not RepoType.SPACE:
        raise InvalidInput(f"space= is for spaces; {repo} is to be a {repo.repo_type}")
    body = {"namespace": repo.namespace, "name": repo.name, "private": private}
    body |= _checked(texts) | (asdict(space) if space else {})
    try:
        unwrap(hub.ask("POST", f"/api/v1/{repo.repo_type.rest_plural}", json=body))
    except Conflict:
        if not (exist_ok and exists(hub, repo)):
            raise
    except BadRequest as error:
        if space or repo.repo_type is not RepoType.SPACE:
            raise
        raise InvalidInput(
            f"{error}\nThis hub may want to know what a space runs on: pass "
            "space=SpaceSettings(sdk=, resource_id=, cluster_id=)."
        ) from error
    return RepoUrl.of(hub.endpoint, repo)


def _checked(texts: Mapping[str, str | None]) -> dict[str, str]:
    given = {name: text for name, text in texts.items() if text is not None}
    for name, text in given.items():
        if len(text) > _LONGEST.get(name, len(text)):
            raise InvalidInput(f"{name} has {len(text)} characters; {_LONGEST[name]} are allowed")
    if "\n" in given.get("license", ""):
        raise InvalidInput("license is a name, such as 'apache-2.0', not the license's text")
    if "default_branch" in given:
        check_ref_name(given["default_branch"])
    return given


def delete(hub: HubConnection, repo: RepoId, *, missing_ok: bool) -> None:
    """See `HubApi.delete_repo`."""
    hub.remove(repo_path(repo), missing_ok=missing_ok)


def info(
    hub: HubConnection, repo: RepoId, revision: str | None, *, files_metadata: bool
) -> RepoInfo:
    """See `HubApi.repo_info`."""
    if revision is not None:
        check_ref_name(revision, "revision")
    fields = hub.data(repo_path(repo))
    sha = commit_at(hub, repo, revision)
    siblings = None
    if files_metadata:
        siblings = tuple(walk(hub, repo, sha)) if sha else ()
    return RepoInfo.read(fields, repo.repo_type, hub.endpoint, sha, siblings)


def commit_at(hub: HubConnection, repo: RepoId, revision: str | None) -> str | None:
    """Return the commit at a revision; the hub answers an unknown one with an empty commit.

    Returns:
        The commit; ``None`` for the default branch of a repository without commits.

    Raises:
        NotFound: there is no such revision, or no such repository.
    """
    if revision is not None:
        check_ref_name(revision, "revision")
    path = f"{repo_path(repo)}/last_commit"
    params = {"ref": revision} if revision else None
    commit = hub.data(path, params=params).get("id")
    if isinstance(commit, str) and commit:
        return checked_commit(commit)
    if revision is None:
        return None
    raise hub.missing(f"{repo} has no branch, tag or commit {revision!r}", path)


def update(hub: HubConnection, repo: RepoId, changes: Mapping[str, str | bool | None]) -> None:
    """See `HubApi.update_repo_settings`."""
    body: dict[str, object] = {name: v for name, v in changes.items() if v is not None}
    if not body:
        raise InvalidInput("nothing to change was named")
    _checked({name: value for name, value in body.items() if isinstance(value, str)})
    if repo.repo_type is RepoType.MODEL:
        # The hub empties these in a model whenever they are left out.
        known = hub.data(repo_path(repo))
        body |= {name: known[name] for name in _EMPTIED if known.get(name)}
    hub.do("PUT", repo_path(repo), json=body)


def transfer(hub: HubConnection, repo: RepoId, namespace: str) -> RepoUrl:
    """See `HubApi.transfer_repo`."""
    if repo.repo_type is RepoType.SPACE:
        raise InvalidInput("the hub does not transfer spaces")
    moved = RepoId.parse(f"{namespace}/{repo.name}", repo.repo_type)
    hub.do("POST", f"{repo_path(repo)}/transfer", json={"new_namespace": namespace})
    return RepoUrl.of(hub.endpoint, moved)


def liked(hub: HubConnection, repo: RepoId, *, like: bool) -> None:
    """See `HubApi.like` and `HubApi.unlike`."""
    number = needed_number(hub.data(repo_path(repo)), "repository_id", str(repo))
    path = f"{hub.user_path()}/likes/{number}"
    unwrap(hub.ask("PUT" if like else "DELETE", path))  # twice is as good as once


def exists(hub: HubConnection, repo: RepoId) -> bool:
    """See `HubApi.repo_exists`."""
    try:
        hub.data(repo_path(repo))
    except NotFound:
        return False
    except HubHTTPError as error:
        if error.code == "AUTH-ERR-2":  # it is there, and not for this account to read
            return True
        raise
    return True
