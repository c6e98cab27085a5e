"""From one commit to another: HEAD, index and files go together, or are brought together later.

What is to happen is written down before anything is touched. Whoever has the working copy next
finishes it, if its process was killed half way. Files that somebody has changed are never written
over: where they stand in the way, the passage does not take place.
"""

from __future__ import annotations

import contextlib
import json
import logging
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from csgrepo.errors import CommandFailed, DiskFull
from csgrepo.files import atomic
from csgrepo.git import parse
from csgrepo.repository import changes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from csgrepo.repository.layout import WorkTree

__all__ = ["Passage", "advance", "finish", "is_pending", "recorded"]

_log = logging.getLogger(__name__)

_UNDER_WAY = ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "rebase-merge", "rebase-apply")


@dataclass(frozen=True, slots=True)
class Passage:
    """Where a working copy goes.

    Attributes:
        old: the commit it comes from.
        new: the commit it goes to.
        ref: what HEAD stands for afterwards; ``""`` for the commit itself.
        why: for the reflog.
    """

    old: str
    new: str
    ref: str
    why: str


def _file(tree: WorkTree) -> Path:
    return tree.state_dir / "passage.json"


def is_pending(tree: WorkTree) -> bool:
    """Tell whether a passage was begun that has not come to its end, as far as is known."""
    return _file(tree).exists()


@contextlib.contextmanager
def recorded(tree: WorkTree, passage: Passage) -> Iterator[None]:
    """Write down where the block takes the working copy, until it has arrived or was refused."""
    tree.state_dir.mkdir(parents=True, exist_ok=True)
    with atomic(_file(tree)) as stream:
        stream.write(json.dumps(asdict(passage)).encode())
    try:
        yield
    except DiskFull:
        raise  # some files may be there already
    except CommandFailed as error:
        if error.returncode > 0:  # git looks at everything before it writes anything
            _file(tree).unlink(missing_ok=True)
        raise
    _file(tree).unlink(missing_ok=True)


def advance(tree: WorkTree, passage: Passage) -> bool:
    """Move the branch that is checked out forward, with index and files; needs the turn.

    Returns:
        Whether it went; not if HEAD is elsewhere by now, a merge is under way, or a changed file
        stands in the way.
    """
    here = (tree.refs.head_ref(), tree.refs.oid())
    if here != (passage.ref, passage.old) or _is_busy(tree):
        return False
    if _hidden_obstacles(tree, passage):
        return False
    try:
        with recorded(tree, passage):
            _move(tree, passage)
    except DiskFull:
        raise
    except CommandFailed as error:
        _log.info("%s stays at %s: %s", passage.ref, passage.old[:10], error)
        return False
    return True


def _is_busy(tree: WorkTree) -> bool:
    return any((tree.git_dir / name).exists() for name in _UNDER_WAY)


def _hidden_obstacles(tree: WorkTree, passage: Passage) -> list[str]:
    """Return ignored files in the places of new ones: git would write over them."""
    names = [change.path for change in _changes(tree, passage) if change.is_new]
    known = {entry.path for entry in tree.entries()}
    return [name for name in names if name not in known and _exists(tree.folder / name)]


def _exists(path: Path) -> bool:
    return path.is_symlink() or path.exists()


def _move(tree: WorkTree, passage: Passage) -> None:
    asked = ("read-tree", "-m", "-u", passage.old, passage.new)
    try:
        tree.write_index(*asked)
    except DiskFull:
        raise
    except CommandFailed as error:
        if error.returncode < 0:
            raise
        # A file that was only touched counts as changed until git has looked into it.
        tree.patiently(lambda: tree.git.run("update-index", "-q", "--refresh", ok=(0, 1)))
        tree.write_index(*asked)
    _move_head(tree, passage)


def _move_head(tree: WorkTree, passage: Passage) -> None:
    if passage.ref and passage.ref == tree.refs.head_ref():
        tree.write("update-ref", "-m", passage.why, passage.ref, passage.new, passage.old)
    elif passage.ref:
        tree.write("symbolic-ref", "-m", passage.why, "HEAD", passage.ref)
    else:
        tree.write("update-ref", "--no-deref", "-m", passage.why, "HEAD", passage.new)


def finish(tree: WorkTree) -> None:
    """Bring a passage to its end that was cut short; needs the turn.

    Files that are at its end already are taken as they are, and half written ones written anew.
    Where somebody has changed one of the others since, nothing is done, and what is there counts
    as changes.
    """
    passage = _read(tree)
    if passage is None:
        return
    try:
        if tree.refs.oid() == passage.old and not _is_busy(tree):
            _take_arrived(tree, passage)
            _move(tree, passage)
            _log.info("finished %s, which was cut short", passage.why)
    except DiskFull:
        raise
    except CommandFailed as error:
        if error.returncode < 0:
            raise
        _log.warning("%s was cut short, and changed files stand in its way: %s", passage.why, error)
    _file(tree).unlink(missing_ok=True)


def _read(tree: WorkTree) -> Passage | None:
    try:
        return Passage(**json.loads(_file(tree).read_bytes()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError):
        _file(tree).unlink()
        return None


def _take_arrived(tree: WorkTree, passage: Passage) -> None:
    """Stage the files that hold the new content already, or git would take them for changes."""
    found = {candidate.path: candidate for candidate in changes.find(tree).candidates}
    entry = next((e for e in tree.entries() if e.is_regular), None)
    lines = []
    for change in _changes(tree, passage):
        candidate = found.get(change.path)
        if candidate is None or not candidate.is_file or not change.is_regular:
            continue
        known = candidate.entry or entry
        if known is None:
            continue
        stat = known.stat._replace(mode=int(change.mode, 8))
        there = known._replace(path=change.path, oid=change.oid, stat=stat)
        if changes.is_as_indexed(tree.folder, replace(candidate, entry=there)):
            lines.append(f"{change.mode} {change.oid} 0\t{change.path}")
        elif _is_beginning(tree, change):
            (tree.folder / change.path).unlink()  # git writes what is missing
    if lines:
        tree.write_index("update-index", "-z", "--index-info", stdin=parse.z_join(lines))


def _is_beginning(tree: WorkTree, change: _Change) -> bool:
    """Tell whether a file is what git had written of the new content, and nobody else's."""
    written = (tree.folder / change.path).read_bytes()
    content = tree.git.run("cat-file", "blob", change.oid).stdout
    return len(written) < len(content) and content.startswith(written)


@dataclass(frozen=True, slots=True)
class _Change:
    """A path that two commits have differently, and what the second has."""

    path: str
    mode: str
    oid: str
    is_new: bool

    @property
    def is_regular(self) -> bool:
        return self.mode in {"100644", "100755"}


def _changes(tree: WorkTree, passage: Passage) -> list[_Change]:
    asked = ("diff-tree", "-r", "-z", "--no-renames", passage.old, passage.new)
    fields = tree.git.run(*asked).stdout.split(b"\0")
    found = []
    for facts, path in zip(fields[::2], fields[1::2], strict=False):
        _, mode, _, oid, status = facts.decode("ascii").split(" ")
        (name,) = parse.paths(path + b"\0")
        found.append(_Change(name, mode, oid, status == "A"))
    return found
