"""The calls of `HubApi` about branches and git's tags."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from csgrepo.errors import Conflict, InvalidInput
from csgrepo.hub.connection import HubCalls
from csgrepo.hub.file_results import GitRef, RepoRefs
from csgrepo.hub.git_refs import Change, advertised, apply, tag_object
from csgrepo.hub.repositories import commit_at
from csgrepo.repo_id import check_ref_name

if TYPE_CHECKING:
    from csgrepo.hub.git_refs import Advertised
    from csgrepo.repo_id import RepoId, RepoType

__all__ = ["RefCalls"]

_BRANCHES, _TAGS = "refs/heads/", "refs/tags/"


class RefCalls(HubCalls):
    """Branches and tags, through git's own protocol: no clone is made, and no git is run."""

    def list_repo_refs(self, repo_id: str, *, repo_type: str | RepoType | None = None) -> RepoRefs:
        """Return the branches and git's tags (``GET …/info/refs?service=git-upload-pack``).

        Raises:
            NotFound: no such repository.
            Unauthorized, Forbidden: it is not for you to read.

        Example:
            >>> [branch.name for branch in api.list_repo_refs("wanda/bert").branches]
            ['main']
        """
        found = advertised(self._hub, self._hub.repo(repo_id, repo_type), "git-upload-pack")
        return RepoRefs(
            branches=_named(found, _BRANCHES),
            tags=_named(found, _TAGS),
            default_branch=found.head.removeprefix(_BRANCHES),
        )

    def create_branch(
        self,
        repo_id: str,
        branch: str,
        *,
        revision: str | None = None,
        exist_ok: bool = False,
        repo_type: str | RepoType | None = None,
    ) -> None:
        """Make a branch of a commit that is on the hub (``POST …/git-receive-pack``).

        Args:
            repo_id: ``namespace/name``, or a name for one of your own.
            branch: its name.
            revision: the branch, tag or commit it begins at; the default branch where not given.
            exist_ok: take one that exists already for success, wherever it stands.
            repo_type: what it holds; a model where not given.

        Raises:
            InvalidInput: git would not take the name.
            Conflict: there is such a branch.
            NotFound: no such repository or revision.
            Unauthorized, Forbidden: you may not write there.

        Example:
            >>> api.create_branch("wanda/bert", "experiments/1", revision="main")
        """
        check_ref_name(branch)
        self._create(_BRANCHES + branch, repo_id, repo_type, revision, exist_ok=exist_ok)

    def delete_branch(
        self,
        repo_id: str,
        branch: str,
        *,
        missing_ok: bool = False,
        repo_type: str | RepoType | None = None,
    ) -> None:
        """Delete a branch (``POST …/git-receive-pack``); the hub keeps the default one.

        Raises:
            NotFound: there is none, unless `missing_ok`.
            Unauthorized, Forbidden: you may not write there, or it is the default branch.

        Example:
            >>> api.delete_branch("wanda/bert", "experiments/1", missing_ok=True)
        """
        check_ref_name(branch)
        self._delete(_BRANCHES + branch, repo_id, repo_type, missing_ok=missing_ok)

    def create_tag(
        self,
        repo_id: str,
        tag: str,
        *,
        tag_message: str | None = None,
        revision: str | None = None,
        exist_ok: bool = False,
        repo_type: str | RepoType | None = None,
    ) -> None:
        """Make a tag of git (``POST …/git-receive-pack``).

        With a message, it tells who made it and when.

        Args:
            repo_id: ``namespace/name``, or a name for one of your own.
            tag: its name.
            tag_message: what it says; without one it is a mere name for the commit.
            revision: the branch, tag or commit it stands for; the default branch where not given.
            exist_ok: take one that exists already for success, wherever it stands.
            repo_type: what it holds; a model where not given.

        Raises:
            InvalidInput: git would not take the name.
            Conflict: there is such a tag.
            NotFound: no such repository or revision.
            Unauthorized, Forbidden: you may not write there.

        Example:
            >>> api.create_tag("wanda/bert", "v1", tag_message="as published")
            >>> [tag.name for tag in api.list_repo_refs("wanda/bert").tags]
            ['v1']
        """
        check_ref_name(tag, "tag")
        self._create(
            _TAGS + tag, repo_id, repo_type, revision, exist_ok=exist_ok, message=tag_message
        )

    def delete_tag(
        self,
        repo_id: str,
        tag: str,
        *,
        missing_ok: bool = False,
        repo_type: str | RepoType | None = None,
    ) -> None:
        """Delete a tag of git (``POST …/git-receive-pack``).

        Raises:
            NotFound: there is none, unless `missing_ok`.
            Unauthorized, Forbidden: you may not write there.

        Example:
            >>> api.delete_tag("wanda/bert", "v1", missing_ok=True)
        """
        check_ref_name(tag, "tag")
        self._delete(_TAGS + tag, repo_id, repo_type, missing_ok=missing_ok)

    def _create(
        self,
        ref: str,
        repo_id: str,
        repo_type: str | RepoType | None,
        revision: str | None,
        *,
        exist_ok: bool,
        message: str | None = None,
    ) -> None:
        repo = self._hub.repo(repo_id, repo_type)
        known = advertised(self._hub, repo, "git-receive-pack")
        if ref in known.refs:
            if exist_ok:
                return
            raise Conflict(
                status=200,
                code="",
                server_message=f"{repo} has {ref} already",
                request_id="",
                url=repo.git_url(self._hub.endpoint),
            )
        commit = commit_at(self._hub, repo, revision)
        if commit is None:
            raise InvalidInput(f"{repo} has no commit yet, so that nothing can begin at one")
        change = Change(ref, commit)
        if message:
            tagger = _signature(self._hub.account().name, self._hub.account().email)
            name = ref.removeprefix(_TAGS)
            change = tag_object(
                name, commit, message, tagger=tagger, when=int(time.time()), used=known.hash
            )
        apply(self._hub, repo, known, change)

    def _delete(
        self, ref: str, repo_id: str, repo_type: str | RepoType | None, *, missing_ok: bool
    ) -> None:
        repo = self._hub.repo(repo_id, repo_type)
        known = advertised(self._hub, repo, "git-receive-pack")
        if ref in known.refs:
            apply(self._hub, repo, known, Change(ref, None))
        elif not missing_ok:
            raise self._hub.missing(f"{repo} has no {ref}", _path(repo))


def _path(repo: RepoId) -> str:
    return f"/{repo.repo_type.git_plural}/{repo}"


def _named(found: Advertised, prefix: str) -> tuple[GitRef, ...]:
    return tuple(
        GitRef(ref.removeprefix(prefix), ref, found.peeled.get(ref, oid))
        for ref, oid in sorted(found.refs.items())
        if ref.startswith(prefix)
    )


def _signature(name: str, email: str) -> str:
    """Return who made a tag, without what would end the line or the address."""
    clean = str.maketrans("", "", "<>\n\0")
    return f"{name.translate(clean)} <{email.translate(clean)}>"
