"""Which repository may have been meant by a name that the hub does not know."""

from __future__ import annotations

import contextlib
import itertools
from typing import TYPE_CHECKING

from csgrepo.cli.command import similar
from csgrepo.cli.words import tr
from csgrepo.errors import HubError, InvalidInput, NotFound
from csgrepo.repo_id import RepoType

if TYPE_CHECKING:
    from collections.abc import Iterator

    from csgrepo.hub import HubApi, RepoInfo

__all__ = ["suggesting"]

_MOST = 1000  # names of a namespace to compare with


@contextlib.contextmanager
def suggesting(api: HubApi, repo_id: str, repo_type: str | None = None) -> Iterator[None]:
    """Let an error about a repository that is not there name those that may have been meant.

    Args:
        api: the hub.
        repo_id: what was asked for, as it was typed.
        repo_type: the type it was asked for as.
    """
    try:
        yield
    except NotFound as error:
        with contextlib.suppress(HubError, InvalidInput):  # the error itself is what counts
            error.hint = _hint(api, repo_id, RepoType.parse(repo_type))
        raise


def _hint(api: HubApi, repo_id: str, kind: RepoType) -> str:
    for other in (RepoType.MODEL, RepoType.DATASET, RepoType.SPACE):
        if other is not kind and api.repo_exists(repo_id, repo_type=other):
            return tr("There is a {type} of that name: add -t {type}.", type=other.value)
    names = _names(api, repo_id.rpartition("/")[0], kind)
    if repo_id in names:
        return ""  # it is there; what is not is something in it
    close = similar(repo_id, names)
    return tr("Did you mean {names}?", names=", ".join(close)) if close else ""


def _names(api: HubApi, namespace: str, kind: RepoType) -> list[str]:
    owner = namespace or api.whoami().name
    for listed in (api.list_repos(kind, author=owner), api.list_repos(kind, organization=owner)):
        with contextlib.suppress(HubError):
            if found := [repo.id for repo in _first(listed)]:
                return found
    return []


def _first(listed: Iterator[RepoInfo]) -> Iterator[RepoInfo]:
    return itertools.islice(listed, _MOST)
