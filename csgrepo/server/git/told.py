"""What git tells of commits, branches and trees, read into objects."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from csgrepo.lfs.pointer import Pointer

__all__ = [
    "FORMAT",
    "Branch",
    "Change",
    "ChangedFile",
    "Commit",
    "Entry",
    "change_of",
    "commit_of",
    "entry_of",
]

FORMAT = "%x00".join(("%H", "%P", "%an", "%ae", "%at", "%cn", "%ce", "%ct", "%s"))


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit; times are seconds since 1970."""

    id: str
    parents: tuple[str, ...]
    author_name: str
    author_email: str
    authored_at: int
    committer_name: str
    committer_email: str
    committed_at: int
    subject: str


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch and the commit it stands at."""

    name: str
    commit: str
    subject: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a tree; `pointer` is what an LFS file's blob says."""

    path: str
    mode: int
    kind: str
    sha: str
    size: int
    pointer: Pointer | None = None

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """A file that a commit touches, and by how many lines (0 for a binary one)."""

    path: str
    additions: int
    deletions: int


@dataclass(frozen=True, slots=True)
class Change:
    """What a commit does to its first parent."""

    files: tuple[ChangedFile, ...]
    patch: bytes

    @property
    def additions(self) -> int:
        """Lines added in all files."""
        return sum(file.additions for file in self.files)

    @property
    def deletions(self) -> int:
        """Lines removed in all files."""
        return sum(file.deletions for file in self.files)


def commit_of(line: str) -> Commit:
    """Return the commit that a line of git-log(1) in our format tells of."""
    sha, parents, author, mail, authored, committer, cmail, committed, subject = line.lstrip(
        "\n"
    ).split("\0")[:9]
    return Commit(
        sha, tuple(parents.split()), author, mail, int(authored), committer, cmail,
        int(committed), subject,
    )  # fmt: skip


def change_of(line: bytes) -> ChangedFile:
    """Return the file that a line of ``--numstat -z`` tells of."""
    added, removed, path = line.split(b"\t", 2)
    counts = [0 if text == b"-" else int(text) for text in (added, removed)]
    return ChangedFile(os.fsdecode(path), counts[0], counts[1])


def entry_of(line: bytes) -> Entry:
    """Return the entry that a line of ``ls-tree -l -z`` tells of."""
    facts, _, path = line.partition(b"\t")
    mode, kind, sha, size = facts.decode().split()
    return Entry(os.fsdecode(path), int(mode, 8), kind, sha, 0 if size == "-" else int(size))
