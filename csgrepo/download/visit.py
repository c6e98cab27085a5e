"""One call's dealings with a repository: asked on the hub, or looked up in the cache."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from csgrepo.cache import RepoFolder
from csgrepo.config import settings
from csgrepo.download.hosts import Hosts, mirror
from csgrepo.errors import InvalidInput, NotCached
from csgrepo.hub.connection import HubConnection
from csgrepo.repo_id import RepoId

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from csgrepo.cache import Tree, TreeFile
    from csgrepo.redact import Secret
    from csgrepo.repo_id import RepoType

__all__ = ["Access", "Visit"]


@dataclasses.dataclass(frozen=True, slots=True)
class Access:
    """Which hub, asked as whom, and where what it sends is kept; the environment's where not given.

    Attributes:
        endpoint: the hub's address.
        token: an access token; ``False`` to be nobody in particular.
        cache_dir: the cache's folder.
        local_files_only: serve what is in the cache, and use no network.
        headers: sent along to the hub.
        cookies: sent along to the hub.
        mirrors: other hosts with the same content, asked in turn where the hub is away or lacks
            something; the environment's where not given, if the hub is the environment's too.
    """

    endpoint: str | None = None
    token: str | Secret | bool | None = None
    cache_dir: str | os.PathLike[str] | None = None
    local_files_only: bool = False
    headers: Mapping[str, str] | None = None
    cookies: Mapping[str, str] | None = None
    mirrors: Sequence[str] | None = None

    @property
    def cache(self) -> Path:
        """The cache's folder."""
        return Path(self.cache_dir).expanduser() if self.cache_dir else settings().cache

    @property
    def offline(self) -> bool:
        """Whether the network may not be used."""
        return self.local_files_only or settings().offline

    @property
    def beside(self) -> tuple[str, ...]:
        """The mirrors' addresses."""
        if self.mirrors is not None:
            return tuple(self.mirrors)
        known = settings()
        at_home = self.endpoint is None or self.endpoint.rstrip("/") == known.endpoint
        return known.mirrors if at_home else ()

    def sent_along(self) -> dict[str, str]:
        """Return the headers for the hub, cookies among them."""
        headers = dict(self.headers or {})
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={text}" for name, text in self.cookies.items())
        return headers


class Visit:
    """A repository at a revision.

    Args:
        access: which hub, and how.
        repo_id: ``namespace/name``, or a name for one of your own.
        repo_type: what it holds; a model where not given.
        revision: a branch, a tag or a commit; the default branch where not given.

    Attributes:
        repo: the repository.
        folder: what is kept of it.
        offline: whether the network may not be used.
    """

    def __init__(
        self,
        access: Access,
        repo_id: str,
        repo_type: str | RepoType | None,
        revision: str | None,
    ) -> None:
        if revision == "":
            raise InvalidInput("revision is empty; leave it out for the default branch")
        timeout_s = settings().stall_timeout_s
        self._hub = HubConnection(access.endpoint, access.token, timeout_s=timeout_s)
        anonymous = access.token is False
        self._mirrors = [mirror(place, timeout_s, anonymous=anonymous) for place in access.beside]
        self.offline = access.offline
        known = "/" in repo_id or self.offline
        self.repo: RepoId = (
            RepoId.parse(repo_id, repo_type) if known else self._hub.repo(repo_id, repo_type)
        )
        self.folder = RepoFolder.of(access.cache, self._hub.endpoint, self.repo)
        self._headers = access.sent_along()
        self._revision = revision
        self._hosts: Hosts | None = None

    def __enter__(self) -> Visit:
        return self

    def __exit__(self, *_: object) -> None:
        self._hub.http.close()
        if self._hosts:
            self._hosts.close()

    @property
    def hosts(self) -> Hosts:
        """Where it is to be had: the hub, and the mirrors beside it.

        Raises:
            NotCached: the network may not be used.
        """
        if self.offline:
            raise self.missing(["anything else"])
        if self._hosts is None:
            self._hosts = Hosts(self._hub, self.repo, self._mirrors, self._headers)
        return self._hosts

    def missing(self, what: list[str]) -> NotCached:
        """Return the error for what is neither in the cache nor to be fetched."""
        at = f" at {self._revision}" if self._revision else ""
        return NotCached(f"{self.repo.repo_type} {self.repo}{at}", what)

    def commit(self) -> str:
        """Return the commit that the revision is: on the hub now, or offline when last asked.

        Raises:
            NotCached: it was never asked for, and the network may not be used.
            NotFound: there is no such revision.
        """
        if self.offline:
            commit = self.folder.commit(self._revision)
            if commit is None:
                raise self.missing([f"revision {self._revision or 'of the default branch'}"])
            return commit
        commit = self.hosts.first(lambda host: host.commit(self._revision))
        self.folder.keep_commit(self._revision, commit)
        return commit

    def tree(self, commit: str) -> Tree:
        """Return all files of a commit; the hub is asked only once for each.

        Raises:
            NotCached: they are not known, and the network may not be used.
            UnsafePath: a file's name leads outside.
        """
        known = self.folder.tree(commit)
        if not known.complete:
            if self.offline:
                raise self.missing(["the list of its files"])
            known = self.folder.keep_tree(self.hosts.first(lambda host: host.tree(commit)))
        self.folder.used(commit)
        return known

    def file(self, commit: str, path: str) -> TreeFile:
        """Return what is known of one file; the hub is asked only once for each.

        Raises:
            NotFound: the commit has no such file.
            NotCached: nothing is known of it, and the network may not be used.
            UnsafePath: its name leads outside.
        """
        from csgrepo.cache import Tree

        known = self.folder.tree(commit)
        if path not in known.files:
            if self.offline:
                raise self.missing([path])
            asked = self.hosts.first(lambda host: host.file(commit, path))
            known = self.folder.keep_tree(Tree.of(commit, [asked], complete=False))
        self.folder.used(commit)
        return known.files[path]
