"""What came of a commit."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CommitInfo"]


@dataclass(frozen=True, slots=True)
class CommitInfo:
    """A commit that was made, or why there was none to make; given only after the hub was asked.

    Attributes:
        oid: the commit that the branch holds now; ``""`` in a repository that has none yet.
        url: the address of that commit's page.
        branch: the branch.
        message: the first line of the commit's message.
        description: the rest of it.
        commits: all commits that were made, the oldest first; empty where all was as it should be.
        added: the paths that are new.
        updated: those whose content changed.
        unchanged: those that were there already.
        deleted: the files that went.
        ignored: those that were left out, because a ``.gitignore`` says so.
        objects_sent: how many LFS objects were sent.
        bytes_sent: how many bytes these have.
        dry_run: whether nothing was done, and this says what would have been.

    Example:
        >>> info = CommitInfo("", "", "main")
        >>> bool(info.commits), info.is_empty
        (False, True)
    """

    oid: str
    url: str
    branch: str
    message: str = ""
    description: str = ""
    commits: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    objects_sent: int = 0
    bytes_sent: int = 0
    dry_run: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether there was nothing to commit."""
        return not (self.added or self.updated or self.deleted)

    @property
    def commit_url(self) -> str:
        """The address of the commit's page, by the name it has in huggingface_hub."""
        return self.url

    @property
    def commit_message(self) -> str:
        """The message's first line, by the name it has in huggingface_hub."""
        return self.message

    @property
    def commit_description(self) -> str:
        """The rest of the message, by the name it has in huggingface_hub."""
        return self.description

    def __str__(self) -> str:
        """Tell it in one line."""
        counts = {
            "added": self.added,
            "updated": self.updated,
            "deleted": self.deleted,
            "unchanged": self.unchanged,
            "ignored": self.ignored,
        }
        said = ", ".join(f"{len(paths)} {word}" for word, paths in counts.items() if paths)
        if self.dry_run:
            return f"{self.branch} would change: {said or 'nothing to do'}"
        if self.is_empty:
            return f"{self.branch} is as it should be, no commit was made: {said or 'nothing'}"
        return f"{self.url}: {said}"
