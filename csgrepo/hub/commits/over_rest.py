"""Commits by the hub's REST calls, for repositories that keep their files in Xet.

Hubs refuse a push there, so what `csgrepo.hub.commits.push` does in one step takes several calls:
files are written some megabytes at a time and deleted one by one, each call a commit of its own,
and of two writers at once the later one wins. Nothing is reported that the hub was not asked about
afterwards: every path must hold what was meant.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from csgrepo.errors import BadRequest, Conflict, InvalidInput, VerificationFailed
from csgrepo.hub.commits.preupload import preupload
from csgrepo.hub.commits.trees import UNTOLD, Base
from csgrepo.hub.connection import repo_path
from csgrepo.hub.git_refs import Advertised
from csgrepo.hub.reading import text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from csgrepo.hub.commits.content import Content
    from csgrepo.hub.connection import HubConnection
    from csgrepo.repo_id import RepoId

__all__ = ["OverRest", "Written", "is_refusal_of_git"]

_FILES_AT_ONCE = 500
_BYTES_AT_ONCE = 8 * 1024 * 1024  # they are held in memory, here and on the hub
_XET = "GIT-ERR-37"


def is_refusal_of_git(error: BadRequest) -> bool:
    """Tell whether a hub refused because it was asked by git."""
    return error.code == _XET


@dataclass(frozen=True, slots=True)
class Written:
    """What one path is to hold.

    Attributes:
        blob: what git keeps: a file's content, a pointer, or attributes.
        oid: what the hub calls it afterwards.
        size: how many bytes git keeps.
    """

    blob: Content | bytes
    oid: str
    size: int

    @property
    def encoded(self) -> str:
        """The content as JSON carries it."""
        content = self.blob if isinstance(self.blob, bytes) else self.blob.whole()
        return base64.b64encode(content).decode("ascii")


class OverRest:
    """Writes to one branch.

    Args:
        hub: the hub.
        repo: the repository.
        branch: the branch, which has to be there.

    Raises:
        InvalidInput: REST cannot name such a branch.
    """

    def __init__(self, hub: HubConnection, repo: RepoId, branch: str) -> None:
        if "/" in branch:
            raise InvalidInput(
                f"{repo} keeps its files in Xet, where only REST can write, and REST cannot name "
                f"the branch {branch!r}; use one without a slash"
            )
        self._hub = hub
        self._repo = repo
        self._branch = branch

    def refs(self) -> Advertised:
        """Return the branch as a list of refs; an empty one where it is not there."""
        head = self._head()
        found = {f"refs/heads/{self._branch}": head} if head else {}
        return Advertised(found, hash="sha256" if len(head) == 64 else "sha1")

    def base(self, refs: Advertised) -> Base:
        """Return what the branch holds.

        Raises:
            NotFound: there is no such branch.
        """
        head = refs.refs.get(f"refs/heads/{self._branch}", "")
        if not head:
            raise self._hub.missing(
                f"{self._repo} has no branch {self._branch!r}, and keeps its files in Xet, where "
                "none can be made from here; make it on the hub's page",
                repo_path(self._repo),
            )
        return Base(head, UNTOLD + head)

    def write(
        self,
        base: Base,
        written: Mapping[str, Written],
        deleted: Sequence[str],
        message: str,
    ) -> list[str]:
        """Write and delete, and return the commits that came of it, the oldest first.

        Raises:
            Conflict: somebody else was faster; nothing was changed.
            VerificationFailed: a path does not hold what was meant; the same call again mends it.
            HubHTTPError: the hub said no; what was written before stays.
        """
        if self._head() != base.commit:
            raise Conflict(
                status=200,
                code="",
                server_message=f"{self._branch} was moved by somebody else meanwhile",
                request_id="",
                url=self._repo.git_url(self._hub.endpoint),
            )
        made: list[str] = []
        for group in _groups(written):
            files = [
                {"path": name, "action": "create", "content": written[name].encoded}
                for name in group
            ]
            path = f"{repo_path(self._repo)}/commit/{quote(self._branch)}"
            self._hub.do("POST", path, json={"message": message, "files": files})
            made.append(self._head())
        for name in deleted:  # the call above would empty the files and leave them there
            body = {"branch": self._branch, "message": message}
            self._hub.do("DELETE", f"{repo_path(self._repo)}/raw/{quote(name)}", json=body)
            made.append(self._head())
        self._check(made, written, deleted)
        return made

    def _check(
        self,
        made: Sequence[str],
        written: Mapping[str, Written],
        deleted: Sequence[str],
    ) -> None:
        if not made:
            return
        asked = {**dict.fromkeys(deleted, 0), **{name: w.size for name, w in written.items()}}
        there = preupload(self._hub, self._repo, made[-1], asked)
        problems = [
            f"{name} does not hold what was written to it"
            for name, file in written.items()
            if there[name].oid != file.oid
        ]
        problems += [f"{path} was deleted and is there" for path in deleted if there[path].oid]
        if problems:
            raise VerificationFailed(self._repo.git_url(self._hub.endpoint), problems)

    def _head(self) -> str:
        fields = self._hub.data(
            f"{repo_path(self._repo)}/last_commit", params={"ref": self._branch}
        )
        return text(fields, "id")


def _groups(written: Mapping[str, Written]) -> Iterator[list[str]]:
    """Yield the paths in groups that one call carries, attributes first: they hold for the rest."""
    group: list[str] = []
    weight = 0
    for name in sorted(written, key=lambda name: (not name.endswith(".gitattributes"), name)):
        size = written[name].size
        if group and (len(group) == _FILES_AT_ONCE or weight + size > _BYTES_AT_ONCE):
            yield group
            group, weight = [], 0
        group.append(name)
        weight += size
    if group:
        yield group
