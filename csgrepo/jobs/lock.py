"""Locks of a working copy that name their holder, and outlive no holder.

The push lock: one push at a time, whichever process it is in.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from csgrepo.errors import GitError
from csgrepo.jobs.process import Process

if TYPE_CHECKING:
    from collections.abc import Iterator

    from filelock import BaseFileLock

__all__ = ["LockTimeout", "NotedLock", "PushLock", "stopped"]


_LOOK_S = 5.0  # how often one who waits asks who is in the way

_log = logging.getLogger(__name__)


class LockTimeout(GitError, TimeoutError):
    """Another process or thread holds the working copy's lock and did not end in time.

    Attributes:
        path: the lock file.
        holder: who holds it, in words, or ``""`` where that is not known.
    """

    def __init__(self, path: str, holder: str, waited_s: float) -> None:
        by = f" by {holder}" if holder else ""
        super().__init__(
            f"{path} has been held{by} for longer than the {waited_s:g} s one may wait for it. "
            "Wait for it, or end that process; the lock goes with it."
        )
        self.path = path
        self.holder = holder


class NotedLock:
    """A lock that the system takes back when its holder dies, in whatever way.

    Not re-entrant: a thread that holds it and asks for it again waits for itself.

    Args:
        path: the lock file; who holds it is noted beside it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def holder(self) -> str:
        """Who holds it, in words; ``""`` where nobody does, or nobody knows."""
        try:
            facts = json.loads(self._note.read_text("utf-8"))
            since = time.strftime("%H:%M:%S", time.localtime(facts["since"]))
            return f"{facts['what']} (process {facts['pid']} on {facts['host']}, since {since})"
        except (OSError, ValueError, TypeError, KeyError):  # none, or being written
            return ""

    @property
    def hindrance(self) -> str:
        """Who holds the lock and does not go on by itself: one that was suspended; or ``""``."""
        try:
            process = Process.parse(json.loads(self._note.read_text("utf-8"))["process"])
        except (OSError, ValueError, TypeError, KeyError):
            return ""
        return stopped(process, self.holder) if process.is_stopped else ""

    @property
    def _note(self) -> Path:
        return self.path.with_name(f"{self.path.name}.json")

    @contextlib.contextmanager
    def hold(self, what: str, timeout_s: float | None = None) -> Iterator[float | None]:
        """Hold the lock for the length of the block.

        Args:
            what: what for, shown to those who wait.
            timeout_s: how long to wait for it; 0 asks once, ``None`` waits as long as it takes.

        Yields:
            When its last holder took it, if that one died with it (seconds since the epoch).

        Raises:
            LockTimeout: another has it.
            GitError: the lock file cannot be made, as in a folder that may only be read.
        """
        lock = self._acquire(timeout_s)
        try:
            since = self._noted_since()
            self._write_note(what)
            yield since
        finally:
            with contextlib.suppress(OSError):
                self._note.unlink()
            lock.release()

    def _acquire(self, timeout_s: float | None) -> BaseFileLock:
        lock = FileLock(self.path)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if timeout_s is None:
                self._acquire_in_the_end(lock)
            else:
                lock.acquire(timeout=timeout_s)
        except LockTimeout:
            raise
        except Timeout as error:
            raise LockTimeout(str(self.path), self.holder, timeout_s or 0) from error
        except OSError as error:
            raise GitError(
                f"the lock {self.path} cannot be made ({error}); this needs a git directory "
                "that can be written"
            ) from error
        return lock

    def _acquire_in_the_end(self, lock: BaseFileLock) -> None:
        """Wait as long as the holder works; of one that was suspended nobody knows how long.

        Raises:
            LockTimeout: the holder was suspended the last two times it was looked at.
        """
        before = ""
        while True:
            with contextlib.suppress(Timeout):
                lock.acquire(timeout=_LOOK_S)
                return
            if not before:
                _log.warning("waiting for the push lock, which is held by %s", self.holder)
            hindrance = self.hindrance
            if hindrance and hindrance == before:
                raise LockTimeout(str(self.path), hindrance, 2 * _LOOK_S)
            before = hindrance or "someone"

    def _noted_since(self) -> float | None:
        """Return when the note was written that somebody left who died; 0 where it says nothing."""
        try:
            return float(json.loads(self._note.read_text("utf-8"))["since"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError):
            return 0.0

    def _write_note(self, what: str) -> None:
        """Say who holds it; for people only, so a full disk does not matter."""
        facts = {
            "pid": os.getpid(),
            "process": str(Process.mine()),
            "host": socket.gethostname(),
            "what": what,
            "since": time.time(),
        }
        with contextlib.suppress(OSError):
            self._note.write_text(json.dumps(facts, ensure_ascii=False), "utf-8")


def stopped(process: Process, what: str) -> str:
    """Say that a process was suspended, and how it is made to go on."""
    return f"{what}, which is stopped (`kill -CONT {process.pid}` lets it go on)"


class PushLock(NotedLock):
    """The lock that a push holds.

    Args:
        git_dir: the repository's git directory.

    Example:
        >>> import tempfile
        >>> with PushLock(tempfile.mkdtemp()).hold("push main", timeout_s=60):
        ...     pass
    """

    def __init__(self, git_dir: str | os.PathLike[str]) -> None:
        super().__init__(Path(git_dir).absolute() / "csgrepo" / "push.lock")
