"""Git's lock files: whose they are, and what becomes of those that are nobody's any more.

Git makes ``index.lock``, ``config.lock`` or ``<ref>.lock`` before it changes the file of that name,
and removes it at its end. A git that was killed leaves it, and every later command fails. Here a
lock is taken away only if no living process can be its owner: on this machine's own disk, with no
git at work in the repository and nobody who has the file open. Where that cannot be known it stays,
and the error says what to do.
"""

from __future__ import annotations

import os
import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from csgrepo.errors import CommandFailed, GitError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["Owner", "Wait", "owners", "patiently", "present", "sweep"]

_PATIENCE_S = 10.0  # for a lock whose owner is not known, or not to be found
_OWNED_PATIENCE_S = 60.0  # for a lock of a process that is at work
_INTERVAL_S = 0.02
_LOOK_S = 0.5  # how often to look who is there

_LOCKED = re.compile(
    r"Unable to create '(?P<lock>[^']+\.lock)': File exists"
    r"|could not lock config file (?P<config>.+): File exists"
)
# Commands that may be at work for hours in a repository, and never take the lock of its index,
# its HEAD or its settings.
_ELSEWHERE = frozenset(
    {
        "cat-file",
        "credential",
        "fetch-pack",
        "fsmonitor--daemon",
        "index-pack",
        "lfs",
        "ls-remote",
        "pack-objects",
        "push",
        "receive-pack",
        "remote-ftp",
        "remote-http",
        "remote-https",
        "rev-list",
        "send-pack",
        "unpack-objects",
        "upload-pack",
    }
)
_OWN_FILES = frozenset({"index.lock", "HEAD.lock", "config.lock"})
# Shared disks: a git on another machine may hold the lock, and cannot be seen from here.
_SHARED = re.compile(
    r"nfs\d?|cifs|smb\w*|ncpfs|afs|ceph|lustre|gpfs|beegfs|glusterfs|pvfs2|orangefs|9p|virtiofs|"
    r"ocfs2|gfs2|fuse(?!blk$|\.fuse-overlayfs$).*"
)
_PROC = Path("/proc")
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Owner:
    """A process that may own a lock."""

    pid: int
    command: str

    def __str__(self) -> str:
        return f"{self.command} (process {self.pid})"


def patiently(git_dir: Path, run: Callable[[], _T], folder: Path | None = None) -> _T:
    """Run a git command that changes the repository; again and again while another holds a lock.

    Git itself gives up at once, even if it is only a status line in a shell prompt that looks. A
    lock that turns out to be nobody's is taken away.

    Args:
        git_dir: the repository's git directory.
        run: the command; must do no harm when it is run again after it met a lock.
        folder: the work tree; its commands count as this repository's.

    Raises:
        GitError: another process held the lock all the time, or may hold it.
    """
    places = (git_dir, folder or git_dir)
    waits: dict[Path, Wait] = {}
    while True:
        try:
            return run()
        except CommandFailed as error:
            lock = _met(error)
            if lock is None:
                raise
            wait = waits.setdefault(lock, Wait(lock, places))
            try:
                wait.a_while()
            except GitError as held:
                raise held from error


def _met(error: CommandFailed) -> Path | None:
    match = _LOCKED.search(error.stderr)
    if match is None:
        return None
    return Path(error.cwd, match["lock"] or f"{match['config']}.lock")


class Wait:
    """Waiting for one lock to go, with an end.

    Args:
        lock: the lock file.
        places: folders; a git process at work in one of them may be its owner.
    """

    def __init__(self, lock: Path, places: Sequence[Path]) -> None:
        self._lock = lock
        self._places = places
        self._seen = _identity(lock)
        self._since = self._looked = time.monotonic()
        self._known = owners(lock, places)

    def a_while(self) -> None:
        """Wait a moment; take the lock away if it has proved to be nobody's.

        Raises:
            GitError: it was there all the time, and may be somebody's.
        """
        now = time.monotonic()
        seen = _identity(self._lock)
        if seen != self._seen:  # another one: its owner has a time of its own
            self._seen, self._since = seen, now
        if now - self._looked > _LOOK_S:
            self._looked, self._known = now, owners(self._lock, self._places)
        if now - self._since > (_OWNED_PATIENCE_S if self._known else _PATIENCE_S):
            self._end()
        time.sleep(_INTERVAL_S)

    def _end(self) -> None:
        self._known = owners(self._lock, self._places)
        if self._known == [] and _take_away(self._lock, self._seen):
            self._since = time.monotonic()
            return
        raise held(self._lock, self._known)


def held(lock: Path, known: Sequence[Owner] | None) -> GitError:
    """Return the error of a lock that did not go away."""
    if known:
        by = " and ".join(str(owner) for owner in known)
        return GitError(f"{lock} is held by {by}; wait until that has ended, then try again")
    return GitError(
        f"{lock} exists: another git command is running in this repository, or one was killed. "
        "If none is running, remove that file."
    )


def sweep(
    git_dir: Path, common_dir: Path, folder: Path, since: float, until: float | None = None
) -> list[Path]:
    """Take away the locks that the git commands of a dead process have left.

    The caller holds the lock of the working copy, so that no other process of this library is at
    work there.

    Args:
        git_dir: the work tree's git directory.
        common_dir: the repository's.
        folder: the work tree.
        since: when the dead process began to work; what is older is not its own.
        until: when it died, where that is known.

    Returns:
        The locks that are gone.
    """
    gone = []
    for lock in present(git_dir, common_dir):
        seen = _identity(lock)
        if seen is None or not since - 2 <= seen[1] / 1e9 <= (until or time.time()) + 2:
            continue
        if owners(lock, (git_dir, common_dir, folder)) == [] and _take_away(lock, seen):
            gone.append(lock)
    return gone


def present(git_dir: Path, common_dir: Path) -> Iterator[Path]:
    """Yield the lock files of git that there are, whosever they may be."""
    yield from git_dir.glob("*.lock")
    if common_dir != git_dir:
        yield from common_dir.glob("*.lock")
    yield from (common_dir / "refs").rglob("*.lock")


def _take_away(lock: Path, seen: tuple[int, int] | None) -> bool:
    """Remove a lock if it is still the one that was looked at."""
    if seen is None or _identity(lock) != seen:
        return False
    try:
        lock.unlink()
    except OSError:
        return False
    return True


def _identity(lock: Path) -> tuple[int, int] | None:
    try:
        stat = lock.lstat()
    except OSError:
        return None
    return stat.st_ino, stat.st_mtime_ns


def owners(lock: Path, places: Sequence[Path]) -> list[Owner] | None:
    """Return the living processes that may own a lock; ``None`` where that cannot be known.

    Those are the git processes that are at work in one of the places, or may be, and whoever has
    the file open.
    """
    if sys.platform != "linux" or _is_shared(lock):
        return None
    here = [os.path.realpath(place) for place in places]
    target = os.path.realpath(lock)
    try:
        folders = [entry for entry in os.scandir(_PROC) if entry.name.isdigit()]
    except OSError:
        return None
    found = (_owner(int(entry.name), target, here) for entry in folders)
    return [owner for owner in found if owner is not None]


def _owner(pid: int, lock: str, places: Sequence[str]) -> Owner | None:
    words = _command_line(pid)
    if not words:  # it has ended, or is the kernel's own
        return None
    may_be_git = _is_git(words) and not _is_elsewhere(words, lock)
    if (may_be_git and _is_in(pid, words, places)) or _has_open(pid, lock):
        return Owner(pid, " ".join(words[:2]))
    return None


def _command_line(pid: int) -> list[str]:
    try:
        line = (_PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return []
    return [os.fsdecode(word) for word in line.rstrip(b"\0").split(b"\0")] if line else []


def _is_git(words: Sequence[str]) -> bool:
    name = os.path.basename(words[0])
    return name == "git" or name.startswith(("git-", "git."))


def _is_elsewhere(words: Sequence[str], lock: str) -> bool:
    """Tell whether a git command never takes such a lock."""
    if os.path.basename(lock) not in _OWN_FILES:
        return False
    name = os.path.basename(words[0]).removeprefix("git-")
    command = next((word for word in words[1:] if not word.startswith("-")), "")
    return (name if name != "git" else command) in _ELSEWHERE


def _is_in(pid: int, words: Sequence[str], places: Sequence[str]) -> bool:
    """Tell whether a process is at work in one of the places; yes, where nobody can look."""
    try:
        folder = os.readlink(_PROC / str(pid) / "cwd")
    except FileNotFoundError:
        return False
    except OSError:
        return True
    if any(folder == place or folder.startswith(place + os.sep) for place in places):
        return True
    return any(place in word for place in places for word in words[1:])


def _has_open(pid: int, lock: str) -> bool:
    folder = _PROC / str(pid) / "fd"
    try:
        return any(_target(folder / name) == lock for name in os.listdir(folder))
    except OSError:
        return False


def _target(link: Path) -> str:
    try:
        return os.readlink(link)
    except OSError:
        return ""


def _is_shared(path: Path) -> bool:
    """Tell whether other machines may see this disk, as far as its kind says."""
    try:
        lines = (_PROC / "self/mountinfo").read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return True
    real = os.path.realpath(path.parent)
    kinds = {point: kind for point, kind in map(_mount, lines) if _is_below(real, point)}
    return not kinds or bool(_SHARED.fullmatch(kinds[max(kinds, key=len)]))


def _mount(line: str) -> tuple[str, str]:
    """Read a line of proc(5)'s mountinfo: mount point and kind of file system."""
    before, _, after = line.partition(" - ")
    point = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), before.split(" ")[4])
    return point, after.split(" ")[0]


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
