"""The hosts that a repository's content may come from: the hub, and the mirrors beside it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, TypeVar

from csgrepo.credentials import read_own_token
from csgrepo.download.source import Source
from csgrepo.errors import (
    DigestMismatch,
    Forbidden,
    HubHTTPError,
    HubUnreachable,
    NotFound,
    TransferError,
    Unauthorized,
)
from csgrepo.hub.connection import HubConnection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from csgrepo.repo_id import RepoId

__all__ = ["Hosts", "mirror"]

Result = TypeVar("Result")

logger = logging.getLogger(__name__)

_REFUSALS = (Unauthorized, Forbidden)
_LASTING = (DigestMismatch, NotFound, *_REFUSALS)  # asking that host again would not help


def mirror(address: str, timeout_s: float, *, anonymous: bool = False) -> HubConnection:
    """Return a connection to a mirror: as whom `login` made one known there, or as nobody.

    The hub's token, passed or from the environment, is never sent to it.

    Args:
        address: where it is.
        timeout_s: the longest silence.
        anonymous: be nobody in any case.

    Raises:
        InvalidInput: no HTTP address.
    """
    token = None if anonymous else read_own_token(address)
    return HubConnection(address, token or False, timeout_s=timeout_s)


class Hosts:
    """A repository on its hub and on the mirrors beside it, each asked where those before cannot.

    What is asked for belongs to one commit, and its bytes are held against the digests that were
    told for that, so it makes no difference who sends them. Only which commit a branch is now
    depends on who answers: that is the first host that knows.

    Args:
        hub: the hub, and who asks.
        repo: the repository.
        mirrors: other hosts with the same content.
        headers: sent along to the hub, and to no other host.
    """

    def __init__(
        self,
        hub: HubConnection,
        repo: RepoId,
        mirrors: Iterable[HubConnection] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.repo = repo
        self._hub = hub.endpoint
        hosts = {hub.endpoint: hub}
        for host in mirrors:
            hosts.setdefault(host.endpoint, host)
        self._sources = [
            Source(host, repo, headers if host is hub else None, hurried=hurried)
            for hurried in ([True, False] if len(hosts) > 1 else [False])
            for host in hosts.values()
        ]
        self._away: set[str] = set()  # whom to ask last; only ever grows

    def close(self) -> None:
        """Close the connections."""
        for source in self._sources:
            source.http.close()

    def first(self, act: Callable[[Source], Result]) -> Result:
        """Return what the first host gives that can.

        None is waited for long while there is another. Once all have failed, those that were away
        are asked again with patience.

        Raises:
            CsgRepoError: what came of asking the hub, when all had failed; its refusal of a token
                at once.
        """
        failures: dict[str, Exception] = {}
        for source in sorted(self._sources, key=self._turn):
            place = source.endpoint
            if isinstance(failures.get(place), _LASTING):
                continue
            try:
                return act(source)
            except (HubUnreachable, HubHTTPError, TransferError, DigestMismatch) as error:
                if place == self._hub and isinstance(error, _REFUSALS):
                    raise
                logger.info("%s; asking another host, if there is one", error)
                failures[place] = error
                if not isinstance(error, _LASTING):
                    self._away.add(place)
        raise failures[self._hub]

    def _turn(self, source: Source) -> tuple[bool, bool]:
        return not source.hurried, source.endpoint in self._away
