"""What a working copy looks like: what changed, what is still a pointer, what waits for a push.

Only looks: nothing is staged, fetched, resumed or written down, and nobody is asked over the
network. Of large files no more is read than stat data leaves in doubt.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from csgrepo.git import parse
from csgrepo.jobs import Journal
from csgrepo.lfs import attributes, scan
from csgrepo.repository import changes, content, tracking

if TYPE_CHECKING:
    from collections.abc import Iterable

    from csgrepo.lfs.scan import PointerFile
    from csgrepo.repository.changes import Candidate
    from csgrepo.repository.layout import WorkTree

__all__ = ["Change", "Overview", "PushCount", "look", "staged"]

State = Literal["new", "changed", "deleted", "conflict"]

_STATES: dict[str, State] = {"A": "new", "D": "deleted", "U": "conflict"}


@dataclass(frozen=True, slots=True)
class Change:
    """A file that differs.

    Attributes:
        path: relative to the working copy.
        state: ``"new"``, ``"changed"``, ``"deleted"`` or ``"conflict"``.
        lfs: whether it is, or will be, kept in LFS.
        size: its length in bytes, of the content and not of a pointer; 0 for what is gone.
    """

    path: str
    state: State
    lfs: bool
    size: int


@dataclass(frozen=True, slots=True)
class PushCount:
    """How many background pushes are in which state; those that are done do not count.

    Attributes:
        waiting: not begun.
        running: under way.
        failed: ended without success, or interrupted; they can be resumed.
    """

    waiting: int = 0
    running: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Overview:
    """What a working copy looks like.

    Attributes:
        folder: its root.
        branch: the branch that is checked out; ``None`` where HEAD is detached.
        commit: the commit that is checked out; ``None`` before the first one.
        upstream: what the branch follows, such as ``origin/main``, or ``None``.
        ahead: commits that the upstream lacks, as far as this clone knows.
        behind: commits that only the upstream has, as far as this clone knows.
        staged: what the next commit would change.
        unstaged: what differs from the index, untracked files included.
        unlisted: those unstaged files that are large or binary and not tracked with LFS yet;
            ``csgrepo add`` and ``git_add(auto_lfs_track=True)`` track them.
        pointers: large files whose content is not here.
        pushes: background pushes that are not done.
    """

    folder: str
    branch: str | None
    commit: str | None
    upstream: str | None
    ahead: int
    behind: int
    staged: tuple[Change, ...]
    unstaged: tuple[Change, ...]
    unlisted: tuple[str, ...]
    pointers: tuple[PointerFile, ...]
    pushes: PushCount

    @property
    def is_clean(self) -> bool:
        """Whether there is nothing to add or commit."""
        return not self.staged and not self.unstaged


def look(tree: WorkTree, large_file_bytes: int) -> Overview:
    """Look at a working copy.

    Args:
        tree: the working copy.
        large_file_bytes: from which size on a file belongs in LFS.
    """
    ref = tree.refs.head_ref()
    upstream, ahead, behind = _distance(tree)
    found = [c for c in changes.find(tree).candidates if _differs(tree, c)]
    large = attributes.filtered(tree.git, (c.path for c in found))
    return Overview(
        folder=str(tree.folder),
        branch=ref.removeprefix("refs/heads/") if ref else None,
        commit=tree.refs.oid(),
        upstream=upstream,
        ahead=ahead,
        behind=behind,
        staged=staged(tree),
        unstaged=tuple(
            Change(c.path, _state(c), c.path in large, c.size)
            for c in sorted(found, key=lambda c: c.path)
        ),
        unlisted=tuple(_unlisted(tree, found, large, large_file_bytes)),
        pointers=tuple(content.pointers(tree)),
        pushes=_pushes(tree),
    )


def staged(tree: WorkTree) -> tuple[Change, ...]:
    """Return what the next commit would change."""
    states = _staged_states(tree)
    if not states:
        return ()
    entries = [entry for entry in tree.entries() if entry.path in states]
    pointers = scan.in_entries(tree.git, entries)
    sizes = {entry.path: entry.stat.size for entry in entries}
    sizes |= {path: pointer.size for path, pointer in pointers.items()}
    return tuple(
        Change(path, state, path in pointers, sizes.get(path, 0))
        for path, state in sorted(states.items())
    )


def _staged_states(tree: WorkTree) -> dict[str, State]:
    if tree.refs.oid() is None:
        return {entry.path: "new" for entry in tree.entries()}
    options = ("--cached", "--no-renames", "--name-status", "-z", "HEAD", "--")
    words = parse.paths(tree.git.run("diff-index", *options).stdout)
    return {
        path: _STATES.get(status, "changed")
        for status, path in zip(words[::2], words[1::2], strict=True)
    }


def _differs(tree: WorkTree, candidate: Candidate) -> bool:
    """Tell whether a file differs from the index; it is read only where its length is the same."""
    entry = candidate.entry
    if entry is None or entry.stage or not candidate.is_file:
        return True
    may_be_same = entry.stat.size in {0, candidate.size} or candidate.size == 0
    return not (may_be_same and changes.is_as_indexed(tree.folder, candidate))


def _state(candidate: Candidate) -> State:
    if candidate.entry is None:
        return "new"
    if candidate.entry.stage:
        return "conflict"
    return "changed" if candidate.stat is not None else "deleted"


def _unlisted(
    tree: WorkTree, found: Iterable[Candidate], large: set[str], large_file_bytes: int
) -> list[str]:
    return sorted(
        c.path
        for c in found
        if c.is_file
        and c.path not in large
        and (c.size >= large_file_bytes or tracking.is_binary(tree.folder / c.path))
    )


def _distance(tree: WorkTree) -> tuple[str | None, int, int]:
    """Return what the branch follows, how many commits are ahead of it, and how many behind."""
    asked = ("rev-parse", "--abbrev-ref", "--verify", "--quiet", "@{upstream}")
    name = tree.plain_git.run(*asked, ok=(0, 1, 128)).text
    if not name or tree.refs.oid() is None:
        return name or None, 0, 0
    listing = tree.plain_git.text(
        "rev-list", "--left-right", "--count", f"{tree.refs.oid()}...{name}", "--"
    )
    ahead, behind = (int(word) for word in listing.split())
    return name, ahead, behind


def _pushes(tree: WorkTree) -> PushCount:
    journal = Journal(tree.git_dir)
    if not journal.exists:
        return PushCount()
    states = [job.state for job in journal.jobs()]
    failed = states.count("failed") + states.count("interrupted")
    return PushCount(states.count("waiting"), states.count("running"), failed)
