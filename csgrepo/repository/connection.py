"""A working copy's remote: its address, who is asking, and the servers behind it."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING

from csgrepo import config
from csgrepo.errors import CommandFailed
from csgrepo.git import parse, remotes
from csgrepo.git.settings import GitSettings
from csgrepo.http import Http, origin
from csgrepo.lfs.batch import HttpServer
from csgrepo.lfs.endpoint import locate
from csgrepo.lfs.local import LocalServer
from csgrepo.redact import Secret
from csgrepo.repo_id import Remote, parse_remote
from csgrepo.repository.patience import patiently

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from csgrepo.credentials import Credentials
    from csgrepo.git.runner import Completed, Git
    from csgrepo.lfs.server import ObjectServer
    from csgrepo.repository.layout import WorkTree

__all__ = ["Connection"]

# A transfer in which nothing at all moves for ten minutes is dead; servers may check a large push
# for minutes without a word.
_STALL = (("http.lowSpeedLimit", "1"), ("http.lowSpeedTime", "600"))

_TRIES = 20
_MOVED = re.compile(  # what git says of a ref that is not what it was when the fetch began
    r"cannot lock ref '[^']*': (?:is at \w+ but expected|reference already exists)"
    r"|incorrect old value provided"
)


class Connection:
    """How a working copy reaches one of its remotes; closes its connections on leaving ``with``.

    Args:
        tree: the working copy.
        credentials: who is asking.
        remote: the remote's name in its settings; the one that is meant where ``None``.
        url: where pushes go, if not where the settings say.
        patient: nobody waits for the outcome, so a server that is away may take its time.

    Raises:
        GitError: there is no such remote.
    """

    def __init__(
        self,
        tree: WorkTree,
        credentials: Credentials,
        remote: str | None = None,
        *,
        url: str | None = None,
        patient: bool = False,
    ) -> None:
        self.tree = tree
        self._credentials = credentials
        self._patient = patient
        self._http = Http(silence_s=config.settings().stall_timeout_s, patient=patient)
        self._settings = tree.settings()
        self.name = remote or remotes.meant(self._settings, tree.refs.head_ref())
        where = remotes.addresses(self._settings, tree.folder, self.name, url)
        self.fetch_url, self.push_url = where.fetch, where.push
        self.push_target = where.target
        self.remote = self._parsed(where.configured)

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def _parsed(self, url: str) -> Remote:
        if remotes.is_ssh(url) and "@" not in url.partition(":")[0]:
            return Remote(url)  # a host of ssh's own settings, or a word that git rewrites
        return parse_remote(url, endpoint=self._credentials.endpoint)

    @property
    def endpoint(self) -> str:
        """The hub's address."""
        return self._credentials.endpoint

    @property
    def push_url_shown(self) -> str:
        """Where pushes go, to be shown and written down."""
        return self._parsed(self.push_url).url

    @property
    def git(self) -> Git:
        """Git that proves who is asking, to this remote and no other."""
        return self.git_for(self.fetch_url)

    def git_for(self, url: str) -> Git:
        """Return git that proves who is asking to that address."""
        config = self._credentials.git_config(self._parsed(url))
        return self.tree.git.configured(*_STALL, *config)

    def refs(self) -> dict[str, str]:
        """Ask the remote for its refs over a fresh connection: ref → object id."""
        git = self.git_for(self.push_url)
        return parse.ls_remote(self.asking(lambda: git.run("ls-remote", self.push_url)).stdout)

    def fetch(self, *args: str) -> None:
        """Fetch from the remote, though other processes of this working copy do so too.

        Args:
            *args: options, and the refs to fetch.

        Raises:
            CommandFailed: git could not.
        """
        self.beside_others(lambda: self.git.run("fetch", "--quiet", *args))

    def beside_others(self, run: Callable[[], Completed]) -> Completed:
        """Run a git command that fetches; again where others change the refs it keeps meanwhile.

        A push in the background notes what it has sent in the same refs, and git then gives up
        before it has done more than to fetch.
        """
        for _ in range(_TRIES):
            try:
                return self.tree.patiently(run)
            except CommandFailed as error:
                if not _MOVED.search(error.stderr):
                    raise
        return self.tree.patiently(run)

    def asking(self, run: Callable[[], Completed]) -> Completed:
        """Run a git command that asks the remote, and may be run twice."""
        return patiently(run) if self._patient else run()

    def object_server(self, operation: str, ref: str | None = None) -> ObjectServer:
        """Return the server that keeps this remote's LFS objects.

        Args:
            operation: ``"upload"`` or ``"download"``.
            ref: the ref that is pushed or fetched.

        Raises:
            LfsError: there is none that can be reached.
        """
        url = self.push_url if operation == "upload" else self.fetch_url
        endpoint = locate(self.name, url, operation, self._settings, self._shared_settings())
        if endpoint.folder is not None:
            return LocalServer(endpoint.folder)
        auth = self._auth(endpoint.url, endpoint.headers)
        return HttpServer(endpoint.url, self._http, auth, ref, self.tree.uploads_dir)

    def _shared_settings(self) -> GitSettings:
        if not (self.tree.folder / ".lfsconfig").exists():
            return GitSettings({})
        return GitSettings.of(self.tree.plain_git, "--file=.lfsconfig")

    def _auth(self, url: str, headers: Mapping[str, Secret]) -> _Auth:
        return _Auth(self._credentials, url, headers, self.tree.plain_git)


class _Auth:
    """The headers an LFS server wants.

    Those its host gave over SSH, or the credentials' own, or the one that git's settings have for
    its address: the checkout action of a CI runner leaves the token there.
    """

    def __init__(
        self, credentials: Credentials, url: str, headers: Mapping[str, Secret], git: Git
    ) -> None:
        self._credentials = credentials
        self._url = url
        self._headers = headers
        self._git = git

    def __call__(self, url: str) -> Mapping[str, Secret]:
        if self._headers:
            return self._headers if url.startswith(self._url) else {}
        found = self._credentials.authorization(url)
        return found or (self._in_settings if origin(url) == origin(self._url) else {})

    @cached_property
    def _in_settings(self) -> Mapping[str, Secret]:
        asked = ("config", "--get-urlmatch", "http.extraHeader", self._url)
        name, _, value = self._git.run(*asked, ok=(0, 1)).text.partition(":")
        return {"Authorization": Secret(value.strip())} if name.lower() == "authorization" else {}
