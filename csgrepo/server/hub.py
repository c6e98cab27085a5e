"""The hub as an object: what it is made with, and what can be asked of it while it runs."""

from __future__ import annotations

import secrets
import signal
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from csgrepo.errors import InvalidInput
from csgrepo.redact import Secret, redact
from csgrepo.repo_id import RepoId
from csgrepo.server.backend import Backend
from csgrepo.server.deploys.deploys import Pace
from csgrepo.server.http.limits import MAX_SILENCE_SECONDS, MIN_PART_BYTES
from csgrepo.server.operation.presence import announce
from csgrepo.server.running import Running

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping

    from csgrepo.server.faults.faults import Faults
    from csgrepo.server.http.record import Record

__all__ = ["Hub"]

_NOT_RUNNING = "the hub is not running; call start(), or use it in a with block"


class Hub:
    """A CSGHub on this machine.

    It listens as soon as it is made or started, keeps everything under one folder, and writes
    nowhere else.

    Args:
        root: the folder that keeps its state; what is there is served again. A private temporary
            folder, removed at the end, where not given.
        port: the port; one that is free where 0.
        host: the address to listen on. Anything but loopback offers it to the network.
        url: the address that clients use, where that is not the one it listens on: behind a
            proxy, or on all addresses of the machine. Signed addresses begin with it.
        objects: where LFS objects are kept, such as ``s3://bucket/prefix``; in the folder where
            not given. The hub remembers it. See `csgrepo.server.remote_objects.Location`.
        access_log: a file that gets one JSON object a line for every request.
        admin: answer the calls below ``/_admin/``, which switch faults on and off, for those who
            have `admin_token`.
        min_part_bytes: how long the parts of a multipart upload are at least, but for the last.
        silence_s: how many seconds a client may stop for in the middle of what it sends before
            the hub hangs up.
        pace: how fast deploys come up, fall asleep and tell their state.

    Raises:
        InvalidInput: the folder is in use by another hub, or the port is, `url` is no address,
            `objects` cannot be used, or parts would have no length and clients no time.

    Example:
        >>> with Hub() as hub:  # doctest: +SKIP
        ...     token = hub.add_user("wanda")
        ...     print(hub.url)
        http://127.0.0.1:40123
    """

    def __init__(
        self,
        root: str | os.PathLike[str] | None = None,
        port: int = 0,
        host: str = "127.0.0.1",
        *,
        url: str | None = None,
        objects: str | None = None,
        access_log: str | os.PathLike[str] | None = None,
        admin: bool = False,
        min_part_bytes: int = MIN_PART_BYTES,
        silence_s: float = MAX_SILENCE_SECONDS,
        pace: Pace | None = None,
    ) -> None:
        self._given_root = Path(root).absolute() if root is not None else None
        self._host = host
        self._port = port
        self._access_log = Path(access_log).absolute() if access_log is not None else None
        self._admin = admin
        if min_part_bytes < 1:
            raise InvalidInput("a part has at least one byte; min_part_bytes must be above 0")
        if silence_s <= 0:
            raise InvalidInput("a client needs some time to send; silence_s must be above 0")
        self._min_part_bytes = min_part_bytes
        self._silence_s = silence_s
        self._url = _checked(url) if url else None
        self._pace = pace or Pace()
        self._objects = objects or ""
        self._running: Running | None = None

    def start(self) -> Hub:
        """Start serving; returns the hub once it answers. A running hub is left as it is."""
        if self._running is None:
            backend = partial(Backend, objects=self._objects)
            running = Running(self._given_root, self._host, self._port, self._access_log, backend)
            running.backend.url = self._url or running.backend.url
            announce(running.backend.database, running.backend.url, self._host, running.port)
            running.backend.min_part_bytes = self._min_part_bytes
            running.backend.silence_s = self._silence_s
            running.backend.deploys.pace = self._pace
            if self._admin:
                running.backend.admin_token = Secret(secrets.token_hex(16))
            self._running = running
        return self

    def stop(self) -> None:
        """Stop serving: connections end, the port is free, threads and children are gone."""
        running, self._running = self._running, None
        if running is not None:
            running.stop()

    def __enter__(self) -> Hub:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def serve_forever(self, on_ready: Callable[[Hub], None] | None = None) -> None:
        """Serve until the process is asked to end (SIGINT or SIGTERM), then stop cleanly.

        Call it from the main thread.

        Args:
            on_ready: called once the hub answers and signals are heeded, to tell its address.
        """
        asked = threading.Event()
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, lambda *_: asked.set()) for number in numbers}
        try:
            self.start()
            if on_ready:
                on_ready(self)
            # On Windows an endless wait would keep the signal from being noticed.
            while not asked.wait(0.5):
                pass
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            self.stop()

    @property
    def _backend(self) -> Backend:
        if self._running is None:
            raise InvalidInput(_NOT_RUNNING)
        return self._running.backend

    @property
    def url(self) -> str:
        """The hub's address, without a slash at its end."""
        return self._backend.url

    @property
    def port(self) -> int:
        """The port it listens on."""
        if self._running is None:
            raise InvalidInput(_NOT_RUNNING)
        return self._running.port

    @property
    def root(self) -> Path:
        """The folder that holds everything the hub keeps."""
        return self._backend.root

    @property
    def requests(self) -> Record:
        """The requests that were answered since the start, oldest first."""
        return self._backend.record

    @property
    def faults(self) -> Faults:
        """The faults that are switched on."""
        return self._backend.faults

    @property
    def admin_token(self) -> str | None:
        """What the calls below ``/_admin/`` want as a bearer; a new one with each start."""
        token = self._backend.admin_token
        return token.reveal() if token else None

    def add_user(self, name: str, email: str | None = None, *, admin: bool = False) -> str:
        """Make an account, or another token for one that exists.

        Args:
            name: the account's name, which is its namespace too.
            email: its address; ``name@localhost`` where not given. With an empty one the account
                cannot create repositories, as on a real hub.
            admin: whether the account may do everything everywhere; kept once it is so.

        Returns:
            The token, 32 hex digits. The hub keeps only its digest: it cannot be shown again.

        Raises:
            InvalidInput: the name cannot be a namespace, or is taken by an organization.
        """
        token = self._backend.accounts.add_user(name, email)
        if admin:
            self._backend.accounts.set_admin(name, is_admin=True)
        return token

    def add_organization(self, name: str, members: Mapping[str, str] | None = None) -> None:
        """Make an organization, or change the roles in it.

        Args:
            name: its namespace.
            members: for each user's name ``"read"``, ``"write"`` or ``"admin"``.

        Raises:
            InvalidInput: the name is a user's, or a member or role is unknown.
        """
        self._backend.accounts.add_organization(name, dict(members or {}))

    def add_template(self, repo_id: str, creator: str | None = None) -> str:
        """Make a public repository of a template, which git alone can fetch and fill.

        Args:
            repo_id: ``namespace/name``.
            creator: the name of the user who makes it; whose namespace it is where not given.

        Returns:
            The address to clone it from.

        Raises:
            InvalidInput: the id is none, there is no such namespace or user, or it is there.

        Example:
            >>> hub.add_template("wanda/start")  # doctest: +SKIP
            'http://127.0.0.1:40123/templates/wanda/start.git'
        """
        return self._backend.add_template(RepoId.parse(repo_id), creator).clone_url(self.url)

    def git_dir(self, repo_id: str, repo_type: str | None = None) -> Path:
        """Return the bare repository behind an id, to look into what arrived.

        Raises:
            InvalidInput: there is no such repository.
        """
        return self._backend.git.path(self._backend.number(repo_id, repo_type))

    def lfs_path(self, repo_id: str, oid: str, repo_type: str | None = None) -> Path:
        """Return where a repository's LFS object is kept; the file is absent with the object.

        Raises:
            InvalidInput: there is no such repository, or no such name for an object.
        """
        path = self._backend.objects.path(self._backend.number(repo_id, repo_type), oid)
        if path is None:
            raise InvalidInput(f"{oid!r} is not an object id; it has 64 lower-case hex digits")
        return path


def _checked(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username is not None:
        raise InvalidInput(f"{redact(url)!r} is no address of a hub; write https://host[:port]")
    return url.rstrip("/")
