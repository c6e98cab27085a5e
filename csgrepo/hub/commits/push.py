"""A branch moved to a new commit, if it still stands where the commit began.

See gitprotocol-pack(5). The hub checks what it gets before the branch moves, and answers for it.
An answer that is lost is made up for by looking where the branch is.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from csgrepo.errors import Conflict, HubError, HubUnreachable, ServerError, TransferError
from csgrepo.hub.git_refs import advertised, command, outcome

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from csgrepo.hub.connection import HubConnection
    from csgrepo.hub.git_refs import Advertised
    from csgrepo.repo_id import RepoId

__all__ = ["BranchMoved", "Move", "push"]

LARGEST_PUSH = 200 * 1024 * 1024  # ten of the largest files that the hub takes outside LFS
_TIMES = 4

_log = logging.getLogger(__name__)


class BranchMoved(Exception):
    """Somebody else was first; inside this package only.

    Attributes:
        refusal: what the hub said.
    """

    def __init__(self, refusal: Conflict) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class Move:
    """What is asked of the hub.

    Attributes:
        ref: the branch's full name.
        new: the commit that it is to hold.
        pack: a file with all that the hub lacks.
        size: its length in bytes.
    """

    ref: str
    new: str
    pack: Path
    size: int


def push(
    hub: HubConnection,
    repo: RepoId,
    known: Advertised,
    move: Move,
    *,
    on_retry: Callable[[str], object],
) -> Advertised:
    """Move the branch; returns the refs as they are afterwards.

    Raises:
        BranchMoved: the branch is not where it was.
        BadRequest: the hub does not take the commit, and says why.
        HubUnreachable: no answer, and the branch did not move.
        HubHTTPError: the hub said no.
    """
    attempt = 0
    while True:
        attempt += 1
        try:
            _send(hub, repo, known, move)
        except Conflict as refusal:
            found = advertised(hub, repo, "git-receive-pack")
            if found.refs.get(move.ref) == move.new:
                return found
            raise BranchMoved(refusal) from refusal
        except (HubError, TransferError) as error:
            if not _is_unclear(error):
                raise
            found = advertised(hub, repo, "git-receive-pack")
            if found.refs.get(move.ref) == move.new:
                return found
            if found.refs.get(move.ref) != known.refs.get(move.ref):
                raise BranchMoved(_moved(move, repo, hub)) from error
            if attempt == _TIMES:
                raise
            on_retry(str(error))
            _log.info("%s; %s has not moved, pushing again", error, move.ref)
        else:
            return advertised(hub, repo, "git-receive-pack")


def _is_unclear(error: Exception) -> bool:
    """Tell whether the hub may have done it, or may do it yet."""
    unclear = (HubUnreachable, ServerError, TransferError)
    return isinstance(error, unclear) or type(error) is HubError


def _moved(move: Move, repo: RepoId, hub: HubConnection) -> Conflict:
    return Conflict(
        status=200,
        code="",
        server_message=f"{move.ref} of {repo} was moved by somebody else meanwhile",
        request_id="",
        url=repo.git_url(hub.endpoint),
    )


def _send(hub: HubConnection, repo: RepoId, known: Advertised, move: Move) -> None:
    head = command(known, move.ref, move.new)

    def opened() -> BinaryIO:
        return _Joined(head, move.pack)  # type: ignore[return-value]

    url = f"{repo.git_url(hub.endpoint)}/git-receive-pack"
    response = hub.http.upload(
        "POST",
        url,
        opened,
        len(head) + move.size,
        headers={"Content-Type": "application/x-git-receive-pack-request"},
        auth=hub.credentials.authorization,
        stall_timeout_s=hub.timeout_s,
    )
    outcome(response, move.ref)


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
