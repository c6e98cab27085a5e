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
    folder = parent / f"{prefix}-{secrets.token_hex(6)}"
    folder.mkdir()
    (folder / ".gitignore").write_bytes(b"*\n")
    lock = _held(folder)
    try:
        (folder / "work").mkdir()
        yield folder / "work"
    finally:
        if lock:
            lock.release()
        shutil.rmtree(folder, ignore_errors=True)


def _clear(parent: Path, prefix: str) -> None:
    for left in parent.glob(f"{glob.escape(prefix)}-*"):
        if lock := _held(left):
            shutil.rmtree(left, ignore_errors=True)
            lock.release()


def _held(folder: Path) -> BaseFileLock | None:
    """Return the folder's lock, ``None`` where another has it or the disk knows no locks."""
    lock = FileLock(folder / _LOCK)
    try:
        lock.acquire(timeout=0)
    except (Timeout, OSError, NotImplementedError):
        return None
    return lock
