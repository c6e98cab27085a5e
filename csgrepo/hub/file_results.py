"""What the hub says about files and commits, read and checked."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from csgrepo.errors import HubError
from csgrepo.hub.reading import moment, needed_text, number, text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

__all__ = [
    "CommitDetails",
    "GitRef",
    "LfsDetails",
    "RepoCommit",
    "RepoDiff",
    "RepoObject",
    "RepoRefs",
    "checked_commit",
]

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_LONGEST_PATH = 4096  # folders within folders without end stop there


def checked_commit(text: str) -> str:
    """Return a commit's id, which has to be one.

    Raises:
        HubError: it is something else.
    """
    if not _COMMIT.fullmatch(text):
        raise HubError(f"the hub named {text[:100]!r} where a commit's id was expected")
    return text


@dataclass(frozen=True, slots=True)
class RepoCommit:
    """A commit.

    Attributes:
        id: its id, 40 hex digits.
        message: its first line.
        author_name: who wrote it.
        author_email: their address.
        authored_at: when it was written.
        committed_at: when it was entered.
    """

    id: str
    message: str
    author_name: str = ""
    author_email: str = ""
    authored_at: datetime | None = None
    committed_at: datetime | None = None

    @classmethod
    def read(cls, fields: Mapping[str, object], *, escaped: bool = False) -> RepoCommit:
        """Read what the hub says about a commit; some of its answers are escaped for HTML.

        Raises:
            HubError: it has no id.
        """
        message = text(fields, "message").rstrip("\n")
        return cls(
            id=checked_commit(needed_text(fields, "id", "a commit")),
            message=html.unescape(message) if escaped else message,
            author_name=text(fields, "author_name"),
            author_email=text(fields, "author_email"),
            authored_at=moment(fields, "authored_date"),
            committed_at=moment(fields, "committer_date"),
        )


@dataclass(frozen=True, slots=True)
class CommitDetails:
    """A commit with what it changed.

    Attributes:
        commit: the commit.
        parents: the ids of the commits before it.
        files: the paths it touches.
        diff: the patch, as git writes it.
        additions: how many lines came.
        deletions: how many lines went.
    """

    commit: RepoCommit
    parents: tuple[str, ...]
    files: tuple[str, ...]
    diff: bytes
    additions: int
    deletions: int


@dataclass(frozen=True, slots=True)
class RepoDiff:
    """Which paths differ between two commits.

    Attributes:
        added: those that only the second has.
        removed: those that only the first has.
        modified: those that both have, with different content.
    """

    added: tuple[str, ...]
    removed: tuple[str, ...]
    modified: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LfsDetails:
    """A file that is kept in LFS.

    Attributes:
        sha256: the digest of its content, 64 hex digits.
        size: its size in bytes.
        pointer_size: the size in bytes of what git has in its place.
    """

    sha256: str
    size: int
    pointer_size: int = 0


@dataclass(frozen=True, slots=True)
class RepoObject:
    """A file or a folder of a repository.

    Attributes:
        path: where it is, with ``/`` between the parts.
        type: ``"file"`` or ``"dir"``.
        size: bytes; a large file's own, not its pointer's. 0 for a folder.
        sha: git's id for it; for a large file that of its pointer.
        lfs: what LFS knows of a large file.
        last_commit: the commit that changed it last, where that was asked for.
        mode: what git says it is, such as ``0o100644``; 0 where the hub does not tell.
    """

    path: str
    type: str
    size: int
    sha: str
    lfs: LfsDetails | None = None
    last_commit: RepoCommit | None = None
    mode: int = 0

    @classmethod
    def read(cls, fields: Mapping[str, object]) -> RepoObject:
        """Read an entry of a folder.

        Raises:
            HubError: it has no path, or one that leads out of the repository, or a large file
                has no digest.
        """
        path = needed_text(fields, "path", "a file")
        if path.startswith("/") or {"..", "."} & set(path.split("/")) or len(path) > _LONGEST_PATH:
            raise HubError(f"the hub named a file that cannot be one: {path[:200]!r}")
        size = number(fields, "size") or 0
        lfs = None
        if fields.get("lfs") is True:
            digest = text(fields, "lfs_sha256")
            if not _SHA256.fullmatch(digest):
                raise HubError(f"the hub described {path!r} without its 'lfs_sha256'")
            lfs = LfsDetails(digest, size, number(fields, "lfs_pointer_size") or 0)
        kind = "dir" if text(fields, "type") == "dir" else "file"
        mode = text(fields, "mode")  # in decimal digits
        known = int(mode) if mode.isascii() and mode.isdecimal() and len(mode) < 8 else 0
        return cls(path, kind, size, text(fields, "sha"), lfs, mode=known)


@dataclass(frozen=True, slots=True)
class GitRef:
    """A branch or a tag.

    Attributes:
        name: its short name, such as ``"main"`` or ``"feature/x"``.
        ref: its full name, such as ``"refs/heads/main"``.
        target_commit: the commit it stands for.
    """

    name: str
    ref: str
    target_commit: str


@dataclass(frozen=True, slots=True)
class RepoRefs:
    """The branches and tags of a repository.

    Attributes:
        branches: the branches, by name.
        tags: the tags of git; topic tags are something else.
        default_branch: the branch that a clone checks out, ``""`` where there is none.
    """

    branches: tuple[GitRef, ...]
    tags: tuple[GitRef, ...]
    default_branch: str = ""
