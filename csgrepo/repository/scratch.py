"""Folders for unfinished work, on the file system it is meant for.

A lock tells whether the one who made a folder still lives: its number would not, on another machine
that shares the disk, in another container, or after a restart.
"""

from __future__ import annotations

import contextlib
import glob
import secrets
import shutil
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from filelock import BaseFileLock

__all__ = ["is_scratch", "scratch"]

JOINING = ".csgrepo-joining"
_LOCK = "lock"


def is_scratch(path: Path) -> bool:
    """Tell whether it is a folder for unfinished work inside the folder it is meant for."""
    return path.name.startswith(f"{JOINING}-")


@contextlib.contextmanager
def scratch(parent: Path, prefix: str = JOINING) -> Iterator[Path]:
    """Make a folder for unfinished work, and clear away those of processes that died.

    Git does not look into it: a repository that it happens to be in does not take it for work.
    """
    _clear(parent, prefix)
    folder, lock = _made(parent, prefix)
    try:
        yield folder / "work"
    finally:
        if lock:
            lock.release()
        shutil.rmtree(folder, ignore_errors=True)


def _made(parent: Path, prefix: str) -> tuple[Path, BaseFileLock | None]:
    """Make a folder that is locked, where the disk knows locks.

    Until it is, another process may take it for a dead one's and clear it away; then the next is
    made.
    """
    while True:
        folder = parent / f"{prefix}-{secrets.token_hex(6)}"
        folder.mkdir()
        with contextlib.suppress(FileNotFoundError, Timeout):
            (folder / ".gitignore").write_bytes(b"*\n")
            lock = _lock(folder)
            (folder / "work").mkdir()
            if lock is None or (folder / _LOCK).exists():
                return folder, lock


def _clear(parent: Path, prefix: str) -> None:
    for left in parent.glob(f"{glob.escape(prefix)}-*"):
        with contextlib.suppress(Timeout):
            if lock := _lock(left):
                shutil.rmtree(left, ignore_errors=True)
                lock.release()


def _lock(folder: Path) -> BaseFileLock | None:
    """Return the folder's lock, ``None`` where the disk knows no locks.

    Raises:
        Timeout: another has it.
    """
    lock = FileLock(folder / _LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise
    except (OSError, NotImplementedError):
        return None
    return lock
