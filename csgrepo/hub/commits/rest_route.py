"""Commits through REST, for repositories that keep their files in Xet.

Hubs refuse a push there, so what `csgrepo.hub.commits.git_route` does in one step takes several
calls: files are written some megabytes at a time (``POST …/commit/{branch}``) and deleted one by
one (``DELETE …/raw/{path}``; the batch call would turn them into empty files), each call a commit
of its own, and of two writers at once the later one wins. The hub does not tell which commit it
made, so that what the branch holds is asked for afterwards, path by path.
"""

from __future__ import annotations

import base64
import logging
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

from csgrepo.errors import HubHTTPError, HubUnreachable, InvalidInput, VerificationFailed
from csgrepo.hub.commits.pack import object_id
from csgrepo.hub.commits.plan import groups
from csgrepo.hub.commits.preupload import preupload
from csgrepo.hub.commits.routes import BranchMoved, Written, conflict
from csgrepo.hub.commits.trees import UNTOLD, Base
from csgrepo.hub.connection import repo_path
from csgrepo.hub.git_refs import Advertised
from csgrepo.hub.reading import text
from csgrepo.lfs.pointer import Pointer

if TYPE_CHECKING:
    from csgrepo.hub.commits.content import Content
    from csgrepo.hub.commits.routes import Site, Writing

__all__ = ["RestRoute"]

_TIMES = 3
_NO_ANSWER = 502  # from here on a gateway speaks, which does not know what the hub has done

_log = logging.getLogger(__name__)


class RestRoute:
    """See `Route`.

    Args:
        site: where; the branch has to be there.

    Raises:
        InvalidInput: REST cannot name such a branch.
    """

    files_per_commit = 500
    bytes_per_commit = 8 * 1024 * 1024  # they are held in memory, here and on the hub

    def __init__(self, site: Site) -> None:
        if "/" in site.branch:
            raise InvalidInput(
                f"{site.repo} keeps its files in Xet, where only REST can write, and REST cannot "
                f"name the branch {site.branch!r}; use one without a slash"
            )
        self._site = site

    def look(self) -> Advertised:
        """See `Route.look`.

        Raises:
            NotFound: there is no such branch.
        """
        site, head = self._site, self._head()
        if not head:
            raise site.hub.missing(
                f"{site.repo} has no branch {site.branch!r}, and keeps its files in Xet, where "
                "none can be made from here; make it on the hub's page",
                repo_path(site.repo),
            )
        return Advertised({site.ref: head}, hash="sha256" if len(head) == 64 else "sha1")

    def base(self, commit: str) -> Base:
        """See `Route.base`; what REST lists cannot be checked without git."""
        return Base(commit, UNTOLD + commit)

    def write(self, base: Base, writing: Writing) -> Written:
        """See `Route.write`.

        Raises:
            VerificationFailed: a path does not hold what was meant; the same call again mends it.
            HubHTTPError: the hub said no; what was written before stays.
        """
        if self._head() != base.commit:
            words = f"{self._site.branch} of {self._site.repo} was moved by somebody else meanwhile"
            raise BranchMoved(conflict(self._site, words))
        commits: list[str] = []
        self._put(writing, commits)
        for path in sorted(writing.deleted):
            body = {"message": writing.message, "branch": self._site.branch}
            url = f"{repo_path(self._site.repo)}/raw/{quote(path)}"
            self._insist("DELETE", url, body, commits)
        self._check(commits[-1] if commits else base.commit, writing)
        return Written(tuple(commits), self.base(commits[-1] if commits else base.commit))

    def _head(self) -> str:
        url = f"{repo_path(self._site.repo)}/last_commit"
        return text(self._site.hub.data(url, params={"ref": self._site.branch}), "id")

    def _put(self, writing: Writing, commits: list[str]) -> None:
        url = f"{repo_path(self._site.repo)}/commit/{quote(self._site.branch)}"
        weights = {path: _size(writing.written[path]) for path in writing.written}
        for group in groups(weights, self.files_per_commit, self.bytes_per_commit):
            files = [
                {
                    "path": path,
                    "action": "create",  # an update of what is there already
                    "content": base64.b64encode(_bytes(writing.written[path])).decode("ascii"),
                }
                for path in group
            ]
            self._insist("POST", url, {"message": writing.message, "files": files}, commits)

    def _insist(
        self, method: Literal["POST", "DELETE"], url: str, body: object, commits: list[str]
    ) -> None:
        """Ask, and where no answer came look whether it was done all the same."""
        before = self._head()
        for attempt in range(1, _TIMES + 1):
            try:
                self._site.hub.do(method, url, json=body)
                break
            except (HubUnreachable, HubHTTPError) as error:
                if isinstance(error, HubHTTPError) and error.status < _NO_ANSWER:
                    raise
                if self._head() != before:
                    break  # done, or by somebody else: what the branch holds is checked at the end
                if attempt == _TIMES:
                    raise
                _log.info("%s; nothing has changed, asking again", error)
        after = self._head()
        if after != before:
            commits.append(after)

    def _check(self, commit: str, writing: Writing) -> None:
        site = self._site
        sizes = dict.fromkeys(writing.deleted, 0)
        sizes |= {path: _size(blob) for path, blob in writing.written.items()}
        there = preupload(site.hub, site.repo, commit, sizes)
        problems = [
            f"{path} does not hold what was written to it"
            for path, blob in writing.written.items()
            if there[path].oid not in _names(blob, site.trees.used)
        ]
        problems += [
            f"{path} was deleted and is there"
            for path in sorted(writing.deleted)
            if there[path].oid
        ]
        if problems:
            raise VerificationFailed(site.address, problems)


def _bytes(blob: Content | bytes) -> bytes:
    return blob if isinstance(blob, bytes) else blob.whole()


def _size(blob: Content | bytes) -> int:
    return len(blob) if isinstance(blob, bytes) else blob.size


def _names(blob: Content | bytes, used: str) -> set[str]:
    """Return what the hub may call it: git's id, or the digest of what a pointer stands for."""
    if not isinstance(blob, bytes):
        return {blob.blob, blob.sha256}
    pointer = Pointer.parse(blob)
    return {object_id("blob", blob, used)} | ({pointer.oid} if pointer else set())
