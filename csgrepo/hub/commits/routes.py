"""The two ways in which a commit gets to the hub, and what both are told.

Git's own protocol is the right one: files come and go in one commit, and the branch moves only if
it still stands where the plan was made. A repository that the hub keeps out of git's reach has
REST alone: a call for many files that come, one for each file that goes, and no way to tell the hub
what the branch has to stand at.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from csgrepo.errors import BadRequest, Conflict
from csgrepo.hub.git_refs import advertised

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from csgrepo.hub.commits.content import Content
    from csgrepo.hub.commits.trees import Base, Trees
    from csgrepo.hub.connection import HubConnection
    from csgrepo.hub.git_refs import Advertised
    from csgrepo.progress import Reporter
    from csgrepo.repo_id import RepoId

__all__ = ["BranchMoved", "Route", "Site", "Writing", "Written", "conflict", "open_to_git"]

_XET = "GIT-ERR-37"


class BranchMoved(Exception):
    """Somebody else was first; inside this package only.

    Attributes:
        refusal: what the hub said.
    """

    def __init__(self, refusal: Conflict) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class Site:
    """Where commits are made.

    Attributes:
        hub: the hub.
        repo: the repository.
        branch: the branch's short name.
        trees: the repository's folders.
        scratch: a folder for files under way.
        reporter: is told how it goes.
    """

    hub: HubConnection
    repo: RepoId
    branch: str
    trees: Trees
    scratch: Path
    reporter: Reporter

    @property
    def ref(self) -> str:
        """The branch's full name."""
        return f"refs/heads/{self.branch}"

    @property
    def address(self) -> str:
        """Where git finds the repository."""
        return self.repo.git_url(self.hub.endpoint)


@dataclass(frozen=True, slots=True)
class Writing:
    """One commit that is wanted.

    Attributes:
        message: all of it.
        written: what git is to keep at some paths: a file's content, or a pointer's text.
        deleted: the files that go.
        programs: those of the written that may be executed.
    """

    message: str
    written: Mapping[str, Content | bytes]
    deleted: frozenset[str]
    programs: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Written:
    """What came of it.

    Attributes:
        commits: the commits that were made, the oldest first.
        base: what the branch held when it was looked at afterwards.
    """

    commits: tuple[str, ...]
    base: Base


class Route(Protocol):
    """A way to make commits.

    Attributes:
        files_per_commit: how many files one may have, where there may be several.
        bytes_per_commit: how many bytes for git.
    """

    files_per_commit: int
    bytes_per_commit: int

    def look(self) -> Advertised:
        """Ask where the branches are."""

    def base(self, commit: str) -> Base:
        """Return what a commit can be made on."""

    def write(self, base: Base, writing: Writing) -> Written:
        """Make a commit on a base, and return once the branch was seen to have it.

        Raises:
            BranchMoved: the branch is somewhere else by now.
            HubError: the hub said no, or nothing.
        """


def conflict(site: Site, words: str) -> Conflict:
    """Return the error for a branch that is not where it should be."""
    return Conflict(status=200, code="", server_message=words, request_id="", url=site.address)


def open_to_git(hub: HubConnection, repo: RepoId) -> Advertised | None:
    """Return the refs that can be pushed to, ``None`` where the hub refuses git.

    Raises:
        NotFound: there is no such repository.
        Unauthorized, Forbidden: you may not write there.
    """
    try:
        return advertised(hub, repo, "git-receive-pack")
    except BadRequest as refusal:
        if refusal.code != _XET:
            raise
    return None
