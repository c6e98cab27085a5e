"""The working copy itself: hooks and filters, locks, unfinished work, pushes that failed."""

from __future__ import annotations

import os
import shlex
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from csgrepo.doctor.report import Check, Finding
from csgrepo.git import locks
from csgrepo.jobs import Journal, PushLock
from csgrepo.lfs import attributes

if TYPE_CHECKING:
    from pathlib import Path

    from csgrepo.git.settings import GitSettings
    from csgrepo.jobs import Job

__all__ = ["Equipment", "equipment_check", "equipment_of", "jobs_check", "locks_check"]
__all__ += ["state_check"]

_FRESH_S = 60.0  # a lock whose owner cannot be known is nobody's fault before
_UNFINISHED = {
    "MERGE_HEAD": "merge",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
    "rebase-merge": "rebase",
    "rebase-apply": "rebase",
}


@dataclass(frozen=True, slots=True)
class Equipment:
    """What plain git would do with large files here.

    Attributes:
        folder: the working copy.
        uses_lfs: whether ``.gitattributes`` sends files to LFS.
        filter: the filter's command, ``""`` where none is set.
        filter_is_there: whether its program can be found.
        hook: the pre-push hook's text, ``""`` where there is none that git would run.
        has_git_lfs: whether git-lfs is installed.
    """

    folder: Path
    uses_lfs: bool
    filter: str
    filter_is_there: bool
    hook: str
    has_git_lfs: bool


def equipment_of(folder: Path, common_dir: Path, settings: GitSettings) -> Equipment:
    """Look at filter and hook."""
    command = settings.get("filter.lfs.process") or settings.get("filter.lfs.clean")
    hooks = settings.get("core.hookspath")
    place = folder / os.path.expanduser(hooks) if hooks else common_dir / "hooks"
    return Equipment(
        folder,
        uses_lfs=bool(attributes.tracked_patterns(folder)),
        filter=command,
        filter_is_there=not command or _is_program(command),
        hook=_hook(place / "pre-push"),
        has_git_lfs=shutil.which("git-lfs") is not None,
    )


def _is_program(command: str) -> bool:
    try:
        words = shlex.split(command)
    except ValueError:
        return True  # what a shell makes of it, only a shell knows
    return bool(words) and shutil.which(os.path.expanduser(words[0])) is not None


def _hook(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace") if os.access(path, os.X_OK) else ""
    except OSError:
        return ""


def equipment_check(found: Equipment) -> Check:
    """Judge filter and hook."""
    if not found.uses_lfs:
        return Check("hooks", "no file is kept in LFS")
    path = shlex.quote(str(found.folder))
    line = f"git -C {path} lfs install --local"
    if not found.has_git_lfs:
        script = f"from csgrepo import Repository; Repository({str(found.folder)!r}).lfs_track([])"
        line = f"python -c {shlex.quote(script)}"
    wrong = []
    if not found.filter:
        words = f"no LFS filter is set in {found.folder}: plain `git add` puts whole files into git"
        wrong.append(Finding("CSG701", words, line))
    elif not found.filter_is_there:
        words = f"the LFS filter of {found.folder} is not installed: {found.filter}"
        wrong.append(Finding("CSG703", words, line))
    if "lfs" not in found.hook:
        words = f"{found.folder} has no pre-push hook that sends large files with a `git push`"
        wrong.append(Finding("CSG702", words, line))
    return Check("hooks", "plain git keeps large files in LFS, too", tuple(wrong))


def locks_check(folder: Path, git_dir: Path, common_dir: Path) -> Check:
    """Look for git's lock files, and whose they are."""
    wrong = []
    for lock in locks.present(git_dir, common_dir):
        known = locks.owners(lock, (git_dir, common_dir, folder))
        if known:
            by = " and ".join(map(str, known))
            wrong.append(Finding("CSG712", f"{lock} is held by {by}", "", str(lock)))
        elif known == [] or _age(lock) > _FRESH_S:
            words = f"{lock} was left behind; no living git holds it"
            if known is None:
                words = f"{lock} is {_age(lock) / 60:.0f} minutes old; was it left behind?"
            line = f"rm {shlex.quote(str(lock))}  # if no git is at work there"
            wrong.append(Finding("CSG711", words, line, str(lock)))
    return Check("locks", "nobody holds a lock", tuple(wrong))


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except OSError:  # gone meanwhile
        return 0.0


def jobs_check(folder: Path, git_dir: Path) -> Check:
    """Look for background pushes that did not come to their end."""
    jobs = Journal(git_dir).look()
    last = {job.push.ref: job.id for job in jobs if job.state == "done"}
    # What failed and was pushed by a later one is mended.
    failed = [
        job
        for job in jobs
        if job.state in {"failed", "interrupted"} and job.id > last.get(job.push.ref, 0)
    ]
    wrong = []
    if failed:
        words = f"{_counted(failed)} did not reach the server; the last: {failed[-1].reason}"
        line = f"csgrepo jobs resume {shlex.quote(str(folder))}"
        wrong.append(Finding("CSG721", words, line))
    if hindrance := PushLock(git_dir).hindrance:
        wrong.append(Finding("CSG722", hindrance, f"csgrepo jobs list {shlex.quote(str(folder))}"))
    under_way = [job for job in jobs if not job.has_ended]
    said = f"{len(under_way)} under way" if under_way else "none waits"
    return Check("jobs", said, tuple(wrong))


def _counted(jobs: list[Job]) -> str:
    return "a background push" if len(jobs) == 1 else f"{len(jobs)} background pushes"


def state_check(folder: Path, git_dir: Path, head_ref: str | None) -> Check:
    """Look for what was begun and not ended, and for a HEAD without a branch."""
    path = shlex.quote(str(folder))
    wrong = []
    words = [word for name, word in _UNFINISHED.items() if (git_dir / name).exists()]
    for word in dict.fromkeys(words):
        line = f"git -C {path} {word} --continue  # or --abort"
        wrong.append(Finding("CSG731", f"a {word} in {folder} is not finished", line))
    if head_ref is None and not words:
        line = f"git -C {path} switch -c my-branch"
        wrong.append(Finding("CSG732", f"no branch is checked out in {folder}", line))
    branch = (head_ref or "").removeprefix("refs/heads/")
    return Check("working copy", f"{folder}, on {branch}" if branch else str(folder), tuple(wrong))
