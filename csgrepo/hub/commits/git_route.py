"""Commits pushed through git's protocol; see gitprotocol-pack(5).

The hub checks what it gets before the branch moves, and answers for it. An answer that is lost is
made up for by looking where the branch is.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from csgrepo.errors import (
    Conflict,
    HubError,
    HubUnreachable,
    InvalidInput,
    ServerError,
    TransferError,
    VerificationFailed,
)
from csgrepo.files import disk_errors
from csgrepo.hub.commits.pack import commit_bytes, object_id, write_pack
from csgrepo.hub.commits.routes import BranchMoved, Written, conflict
from csgrepo.hub.commits.trees import Base, changed
from csgrepo.hub.connection import repo_path
from csgrepo.hub.git_refs import advertised, command, outcome
from csgrepo.hub.reading import text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from csgrepo.hub.commits.content import Content
    from csgrepo.hub.commits.routes import Site, Writing
    from csgrepo.hub.git_refs import Advertised

__all__ = ["GitRoute"]

_LARGEST_PUSH = 200 * 1024 * 1024  # ten of the largest files that the hub takes outside LFS
_TIMES = 4
_HISTORY = 1000  # how many commits others may make between a push and the look at it

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Move:
    """What is asked of the hub: the commit a branch is to hold, and a file with what it lacks."""

    new: str
    tree: str
    pack: Path
    size: int


class GitRoute:
    """See `Route`.

    Args:
        site: where.
        known: the refs as they were just now.
    """

    files_per_commit = 5000
    bytes_per_commit = 100 * 1024 * 1024

    def __init__(self, site: Site, known: Advertised) -> None:
        self._site = site
        self._known = known
        self._signature = ""

    def look(self) -> Advertised:
        """See `Route.look`."""
        self._known = advertised(self._site.hub, self._site.repo, "git-receive-pack")
        return self._known

    def base(self, commit: str) -> Base:
        """See `Route.base`."""
        return self._site.trees.base(commit)

    def write(self, base: Base, writing: Writing) -> Written:
        """See `Route.write`.

        Raises:
            InvalidInput: it is more than the hub takes at once.
            BadRequest: the hub does not take the commit, and says why.
            VerificationFailed: the hub took it, and the branch does not have it.
        """
        known = self._known
        move = self._packed(base, writing)
        with self._site.reporter.task("push", self._site.branch, move.size) as task:
            self._push(known, move, task.retry)
            task.advance(move.size)
        self._check(self.look(), move)
        return Written((move.new,), Base(move.new, move.tree))

    def _packed(self, base: Base, writing: Writing) -> _Move:
        """Write what the hub lacks to a file."""
        trees, used = self._site.trees, self._site.trees.used
        blobs: dict[str, Content | bytes] = {}
        names: dict[str, str] = {}
        for path, blob in writing.written.items():
            oid = object_id("blob", blob, used) if isinstance(blob, bytes) else blob.blob
            names[path], blobs[oid] = oid, blob
        tree, folders = changed(trees, base, names, writing.deleted, writing.programs)
        commit = commit_bytes(
            tree,
            base.commit,
            signature=self._signed(),
            when=int(time.time()),
            message=writing.message,
        )

        def objects() -> Iterator[tuple[str, bytes]]:
            yield "commit", commit
            for content in folders.values():
                yield "tree", content
            for blob in blobs.values():
                yield "blob", blob if isinstance(blob, bytes) else blob.whole()

        pack = self._site.scratch / "pack"
        with disk_errors(pack), pack.open("wb") as target:
            size = write_pack(target, 1 + len(folders) + len(blobs), objects(), used)
        if size > _LARGEST_PUSH:
            raise InvalidInput(
                f"one commit with {size} bytes for git is more than the hub takes at once "
                f"({_LARGEST_PUSH}); make several, use upload_folder, or keep the files in LFS"
            )
        return _Move(object_id("commit", commit, used), tree, pack, size)

    def _signed(self) -> str:
        if not self._signature:
            account = self._site.hub.account()
            clean = str.maketrans("", "", "<>\n\0")
            name, email = account.name.translate(clean), account.email.translate(clean)
            self._signature = f"{name} <{email}>"
        return self._signature

    def _push(self, known: Advertised, move: _Move, on_retry: Callable[[str], object]) -> None:
        """Move the branch, and be sure of it."""
        attempt = 0
        while True:
            attempt += 1
            try:
                self._send(known, move)
            except Conflict as refusal:
                if self._is_done(move):
                    return
                raise BranchMoved(refusal) from refusal
            except (HubError, TransferError) as error:
                if not _is_unclear(error):
                    raise
                if self._is_done(move):
                    return
                there = self._known.refs.get(self._site.ref)
                if there != known.refs.get(self._site.ref):
                    words = f"{self._site.branch} of {self._site.repo} was moved meanwhile"
                    raise BranchMoved(conflict(self._site, words)) from error
                if attempt == _TIMES:
                    raise
                on_retry(str(error))
                _log.info("%s; the branch has not moved, pushing again", error)
            else:
                return

    def _is_done(self, move: _Move) -> bool:
        return self.look().refs.get(self._site.ref) == move.new

    def _send(self, known: Advertised, move: _Move) -> None:
        head = command(known, self._site.ref, move.new)

        def opened() -> BinaryIO:
            return _Joined(head, move.pack)  # type: ignore[return-value]

        response = self._site.hub.http.upload(
            "POST",
            f"{self._site.address}/git-receive-pack",
            opened,
            len(head) + move.size,
            headers={"Content-Type": "application/x-git-receive-pack-request"},
            auth=self._site.hub.credentials.authorization,
            stall_timeout_s=self._site.hub.timeout_s,
        )
        outcome(response, self._site.ref)

    def _check(self, refs: Advertised, move: _Move) -> None:
        """Make sure that the branch holds the commit, or has gone on from it."""
        there = refs.refs.get(self._site.ref)
        if there == move.new or (there and move.new in self._history(there)):
            return
        words = f"{self._site.branch} is {there or 'not there'} and lacks commit {move.new}"
        raise VerificationFailed(self._site.address, [words])

    def _history(self, commit: str) -> Iterator[str]:
        """Yield the commits behind one, the newest first."""
        listed = self._site.hub.pages(
            f"{repo_path(self._site.repo)}/commits",
            "commits",
            lambda fields: text(fields, "id"),
            params={"ref": commit},
            inner="commits",
            limit=_HISTORY,
        )
        return iter(listed)


def _is_unclear(error: Exception) -> bool:
    """Tell whether the hub may have done it, or may do it yet."""
    unclear = (HubUnreachable, ServerError, TransferError)
    return isinstance(error, unclear) or type(error) is HubError


class _Joined:
    """A few bytes, and a file behind them, as one stream."""

    def __init__(self, head: bytes, path: Path) -> None:
        self.name = str(path)
        self._head = memoryview(head)
        self._file = path.open("rb", buffering=0)

    def __enter__(self) -> _Joined:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def readinto(self, buffer: memoryview) -> int:
        if not self._head:
            return self._file.readinto(buffer) or 0
        count = min(len(buffer), len(self._head))
        buffer[:count] = self._head[:count]
        self._head = self._head[count:]
        return count
