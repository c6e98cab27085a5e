"""What a path of ``csg://`` names."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import unquote

from csgrepo.repo_id import RepoType

__all__ = ["Place", "canonical"]

_PLURALS = {kind.rest_plural: kind for kind in RepoType}


def canonical(path: str) -> str:
    """Return a path with the type of its repository named.

    Example:
        >>> canonical("wanda/bert/config.json")
        'models/wanda/bert/config.json'
    """
    first, slash, _ = path.strip("/").partition("/")
    return path if not slash or first in _PLURALS else f"{RepoType.MODEL.rest_plural}/{path}"


class Place(NamedTuple):
    """A repository at a revision, and a path in it.

    Attributes:
        repo_type: what the repository holds.
        repo_id: ``namespace/name``.
        revision: a branch, a tag or a commit; ``None`` for the default branch.
        path: from the repository's root; ``""`` for that.
    """

    repo_type: RepoType
    repo_id: str
    revision: str | None
    path: str

    def __str__(self) -> str:
        return f"{self.root}/{self.path}".rstrip("/")

    @property
    def root(self) -> str:
        """How the repository's paths begin."""
        at = f"@{self.revision.replace('/', '%2F')}" if self.revision else ""
        return f"{self.repo_type.rest_plural}/{self.repo_id}{at}"

    @classmethod
    def of(cls, path: str) -> Place:
        """Read a path.

        Raises:
            FileNotFoundError: it names no repository.
        """
        steps = path.strip("/").split("/")
        kind = _PLURALS.get(steps[0])
        if kind is not None:
            steps = steps[1:]
        if len(steps) < 2:
            raise FileNotFoundError(
                f"csg://{path} names no repository; write csg://datasets/namespace/name/path"
            )
        name, _, revision = steps[1].partition("@")
        inside = "/".join(steps[2:])
        return cls(kind or RepoType.MODEL, f"{steps[0]}/{name}", unquote(revision) or None, inside)
