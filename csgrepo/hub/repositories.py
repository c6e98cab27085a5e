"""Repositories on the hub: made, shown, deleted."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from csgrepo.errors import BadRequest, Conflict, HubHTTPError, InvalidInput, NotFound
from csgrepo.http.envelope import unwrap
from csgrepo.hub.connection import repo_path
from csgrepo.hub.results import RepoInfo, RepoUrl
from csgrepo.repo_id import RepoType, check_ref_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from csgrepo.hub.connection import HubConnection
    from csgrepo.hub.results import SpaceSettings
    from csgrepo.repo_id import RepoId

__all__ = ["create", "delete", "exists", "info"]

# The hub counts characters, and answers a longer one with a bare 400.
_LONGEST = {"description": 999, "license": 99}


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
    try:
        # Not repeated after an answer was lost: the second would say that there is no such thing.
        unwrap(hub.ask("DELETE", repo_path(repo), idempotent=False))
    except NotFound:
        if not missing_ok:
            raise


def info(hub: HubConnection, repo: RepoId, revision: str | None) -> RepoInfo:
    """See `HubApi.repo_info`."""
    fields = hub.data(repo_path(repo))
    sha = _commit(hub, repo, revision)
    return RepoInfo.read(fields, repo.repo_type, hub.endpoint, sha)


def _commit(hub: HubConnection, repo: RepoId, revision: str | None) -> str | None:
    """Return the commit at a revision; the hub answers an unknown one with an empty commit."""
    if revision is not None:
        check_ref_name(revision, "revision")
    path = f"{repo_path(repo)}/last_commit"
    params = {"ref": revision} if revision else None
    commit = hub.data(path, params=params).get("id")
    if isinstance(commit, str) and commit:
        return commit
    if revision is None:
        return None
    raise NotFound(
        status=200,
        code="",
        server_message=f"{repo} has no branch, tag or commit {revision!r}",
        request_id="",
        url=f"{hub.endpoint}{path}",
    )


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
