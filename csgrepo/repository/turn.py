"""Taking turns: one thread of one process at a time changes a working copy.

Git's own locks last for one command. What csgrepo does takes several: it looks, then stages, then
notes what it staged. Two processes that do so at once would each commit what the other has half
written, or fail with "cannot lock ref".
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from csgrepo import config
from csgrepo.errors import NotARepository
from csgrepo.git import locks
from csgrepo.jobs.lock import LockTimeout, NotedLock
from csgrepo.repository import passage
from csgrepo.repository.tasks import OneTask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from csgrepo.repository.layout import WorkTree

__all__ = ["WorkLock", "turn"]

_log = logging.getLogger(__name__)


class WorkLock(NotedLock):
    """The lock of a working copy's files, index and HEAD.

    Apart from the push lock: files may be added and committed while a push is under way.

    Args:
        git_dir: the working copy's git directory.
    """

    def __init__(self, git_dir: str | os.PathLike[str]) -> None:
        super().__init__(Path(git_dir).absolute() / "csgrepo" / "work.lock")


class _Place:
    """What the threads of this process share of one working copy."""

    def __init__(self) -> None:
        self.lock = threading.RLock()  # guards all below
        self.tasks = OneTask()
        self.depth = 0
        self.what = ""


_guard = threading.Lock()  # guards `_places`
_places: dict[Path, _Place] = {}


def _forget_after_fork() -> None:
    """A forked child holds nothing of what its parent's threads hold."""
    global _guard  # noqa: PLW0603 - the old one may never be released
    _guard = threading.Lock()
    _places.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)


@contextlib.contextmanager
def turn(tree: WorkTree, what: str, timeout_s: float | None = None) -> Iterator[None]:
    """Have the working copy to oneself for the length of the block; blocks may be nested.

    If whoever had it last died in the middle, what git left locked is unlocked first.

    Args:
        tree: the working copy.
        what: what for, shown to those who wait.
        timeout_s: how long to wait for it; ``CSGHUB_LOCK_TIMEOUT`` (ten minutes) where not given.

    Raises:
        LockTimeout: another thread or process has it; the message says which.
        GitError: the lock file cannot be made, as in a folder that may only be read; or another
            task of this thread's event loop has the working copy.
    """
    patience = config.settings().lock_timeout_s if timeout_s is None else timeout_s
    with _guard:
        place = _places.setdefault(tree.git_dir.resolve(), _Place())
    lock = WorkLock(tree.git_dir)
    if not place.lock.acquire(timeout=patience):
        holder = f"{place.what} (another thread of this process)"
        raise LockTimeout(str(lock.path), holder, patience)
    try:
        with (
            place.tasks.inside(what),
            contextlib.nullcontext() if place.depth else _taken(tree, lock, what, patience),
        ):
            place.what = place.what if place.depth else what
            place.depth += 1
            try:
                yield
            finally:
                place.depth -= 1
    finally:
        place.lock.release()


@contextlib.contextmanager
def _taken(tree: WorkTree, lock: WorkLock, what: str, patience_s: float) -> Iterator[None]:
    if not tree.git_dir.is_dir():
        raise NotARepository(f"{tree.folder} is gone, or is not a Git repository any more")
    with lock.hold(what, patience_s) as since:
        began = time.time()
        if since is not None:
            _clear_up(tree, since)
            _sweep(tree)
        try:
            passage.finish(tree)
            yield
        except BaseException:
            _clear_up(tree, began)  # a git of ours may have been killed
            raise


def _clear_up(tree: WorkTree, since: float) -> None:
    """Do away with the locks of processes that died since then."""
    for lock in locks.sweep(tree.git_dir, tree.common_dir, tree.folder, since):
        _log.info("%s was left by a process that died, and is removed", lock)


def _sweep(tree: WorkTree) -> None:
    """Remove the unfinished files of a process that died; all of ours are made in one's turn."""
    for left in tree.temporary_dir().iterdir():
        with contextlib.suppress(OSError):
            left.unlink()
    tree.store.sweep()
