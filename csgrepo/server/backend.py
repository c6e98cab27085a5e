"""Everything the routes of one hub share."""

from __future__ import annotations

import contextlib
import secrets
import shutil
from typing import TYPE_CHECKING

from csgrepo.errors import InvalidInput
from csgrepo.repo_id import RepoId
from csgrepo.server.accounts.users import Access, Accounts
from csgrepo.server.deploys.consoles import Consoles
from csgrepo.server.deploys.deploys import Deploys
from csgrepo.server.deploys.revisions import Revisions
from csgrepo.server.deploys.tasks import Tasks
from csgrepo.server.faults.faults import Faults
from csgrepo.server.git.gitstore import GitStore
from csgrepo.server.http.limits import (
    MAX_SILENCE_SECONDS,
    MIN_PART_BYTES,
    SIGNED_URL_SECONDS,
)
from csgrepo.server.http.record import Record
from csgrepo.server.http.refusal import Refusal
from csgrepo.server.http.streams import Streams
from csgrepo.server.http.work import Workers
from csgrepo.server.lfs.remote_objects import Location, RemoteObjects
from csgrepo.server.lfs.signing import Signer
from csgrepo.server.lfs.storage import ObjectStore
from csgrepo.server.operation.memory import Trimmer
from csgrepo.server.operation.metrics import Metrics
from csgrepo.server.records.database import DATABASE, Database
from csgrepo.server.repos.catalogue import Catalogue
from csgrepo.server.repos.initial import first_files
from csgrepo.server.repos.kinds import Kind
from csgrepo.server.repos.likes import Likes
from csgrepo.server.repos.mirrors import Mirrors
from csgrepo.server.repos.models import Models
from csgrepo.server.repos.relations import Relations
from csgrepo.server.repos.sizes import Sizes
from csgrepo.server.repos.tally import Tally
from csgrepo.server.repos.topics import Topics

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from csgrepo.redact import Secret
    from csgrepo.server.accounts.users import User
    from csgrepo.server.http.record import Request
    from csgrepo.server.repos.catalogue import Repository

__all__ = ["Backend"]


class Backend:
    """The state of one hub: its database, its files, its threads.

    Args:
        root: the folder that holds all of it.
        objects: where LFS objects are kept, such as ``s3://bucket/prefix``; where they were kept
            before, and in the folder at first, where empty.

    Attributes:
        url: the hub's address, without a slash at its end.
        admin_token: what the operator's calls want; there are none without it.
        min_part_bytes: how long the parts of an upload are at least, but for the last.
        silence_s: how long a client may stop in the middle of what it sends, in seconds.
        on_request: told of every finished request.
    """

    def __init__(self, root: Path, objects: str = "") -> None:
        self.root = root
        self.url = ""
        self.admin_token: Secret | None = None
        self.min_part_bytes = MIN_PART_BYTES
        self.silence_s: float = MAX_SILENCE_SECONDS
        self._temporary = temporary = root / "tmp"
        self._clear()  # of what a killed hub left half done
        self.database = Database(root / DATABASE)
        self.accounts = Accounts(self.database)
        self.catalogue = Catalogue(self.database)
        try:
            self.objects = self._object_store(objects, temporary)
        except BaseException:
            self.database.close()
            raise
        self.git = GitStore(root / "git", root / "hooks", temporary, self.objects.root)
        self.likes = Likes(self.database)
        self.relations = Relations(self.database)
        self.mirrors = Mirrors(self.database)
        self.tally = Tally(self.database)
        self.topics = Topics(self.database)
        self.sizes = Sizes(self.database, self.git)
        self.models = Models(self.database, self.git, self.objects)
        self.signer = Signer(self.database.setting("signing-key", secrets.token_bytes(32)))
        self.faults = Faults()
        self.record = Record()
        self.metrics = Metrics(self.database)
        self.workers = Workers()
        self.on_request: list[Callable[[Request], object]] = [
            Trimmer(self.workers.begin).count,
            self.metrics.count,
            self.record.add,  # last: who waits for a request there finds it counted
        ]
        self.deploys = Deploys(self.database)
        self.revisions = Revisions(self.database)
        self.tasks = Tasks(self.database)
        self.consoles = Consoles()
        self.streams = Streams()
        self._sweep()

    def _clear(self) -> None:
        """Empty the folder for what is not finished yet.

        What a killed hub had started may be at work there still, and put back what was removed.
        """
        shutil.rmtree(self._temporary, ignore_errors=True)
        self._temporary.mkdir(mode=0o700, exist_ok=True)

    def _object_store(self, wanted: str, temporary: Path) -> ObjectStore:
        """Return the store that the hub was told to use, now or at an earlier start.

        Raises:
            InvalidInput: it was told to use another one before, or this one cannot be used.
        """
        before = self.database.setting("objects", b"").decode()
        given = wanted or before
        if not given:
            return ObjectStore(self.root / "lfs", temporary)
        location = Location.parse(given)
        if before and str(Location.parse(before)) != str(location):
            raise InvalidInput(
                f"{self.root} keeps its LFS objects in {Location.parse(before)}, not in {location}"
            )
        store = RemoteObjects(self.root / "lfs", temporary, location)
        self.database.store_setting("objects", given.encode())
        return store

    def _sweep(self) -> None:
        """Remove what belongs to no repository any more, and uploads that nobody can complete."""
        known = {str(number) for number in self.catalogue.ids()}
        for folder in self.git.root.glob("*.git"):
            if folder.name.removesuffix(".git") not in known:
                shutil.rmtree(folder, ignore_errors=True)
        for folder in self.objects.root.iterdir():
            if folder.name.isdecimal() and folder.name not in known:
                with contextlib.suppress(Refusal):  # the next start tries again
                    self.objects.remove(int(folder.name))
        self.objects.drop_idle_uploads(SIGNED_URL_SECONDS)

    def number(self, repo_id: str, repo_type: str | None) -> int:
        """Return the number of a repository.

        Raises:
            InvalidInput: there is none of that id.
        """
        front, _, rest = repo_id.partition("/")
        if repo_type is not None or "/" not in rest:
            front, rest = str(repo_type or Kind.MODEL), repo_id
        kind, name = Kind.parse(front), RepoId.parse(rest)
        found = self.catalogue.find(kind, name.namespace, name.name)
        if found is None:
            raise InvalidInput(f"the hub has no {kind} {repo_id!r}")
        return found.id

    def add_template(self, repo_id: RepoId, creator: str | None) -> Repository:
        """Make a public repository of a template.

        Raises:
            InvalidInput: there is no such namespace or user, or the repository is there.
        """
        space = self.accounts.namespace(repo_id.namespace)
        user = self.accounts.user(creator or repo_id.namespace)
        if space is None or user is None:
            raise InvalidInput(f"{repo_id} needs a namespace and a user who makes it; add them")
        kind, branch = Kind.TEMPLATE, "main"
        prepared = self.git.prepare(branch, first_files(kind, ""), user)
        try:
            return self.catalogue.create(
                kind,
                space.name,
                repo_id.name,
                creator_id=user.id,
                private=False,
                nickname=repo_id.name,
                description="",
                license_name="",
                default_branch=branch,
                place=lambda number: self.git.place(prepared, number),
            )
        except Refusal as error:
            raise InvalidInput(f"there is a template {repo_id} already") from error
        finally:
            shutil.rmtree(prepared, ignore_errors=True)

    def access(self, user: User | None, repository: Repository) -> Access:
        """Return what a caller may do in a repository."""
        if user is not None and user.is_admin:
            return Access.ADMIN
        role = self.accounts.role(user, repository.namespace)
        return role if repository.private else max(role, Access.READ)

    def close(self) -> None:
        """End threads and children, close files."""
        self.workers.end_children()
        self.workers.close()
        self.tally.write()
        self.database.close()
        self._clear()
