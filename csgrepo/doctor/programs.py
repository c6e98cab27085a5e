"""Git and git-lfs: which versions are here, and what is known of them."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass

from csgrepo.doctor.report import Check, Finding
from csgrepo.errors import GitError
from csgrepo.git.runner import OLDEST_GIT, run_program

__all__ = ["Program", "git_check", "identity_check", "installed", "lfs_check"]

_PATIENCE_S = 2.5


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something that versions before one are known for.

    Attributes:
        mended: the first version without it.
        what: what it does.
        source: where it was reported.
    """

    mended: tuple[int, ...]
    what: str
    source: str


# Only what loses or damages files; the newest comes first.
LFS_FLAWS = (
    Flaw(
        (3, 7, 1),
        "`git lfs checkout` and `git lfs pull` write through symbolic links to files outside the "
        "working copy",
        "CVE-2025-26625",
    ),
    Flaw(
        (3, 5, 0),
        "`git lfs prune` removes objects that are staged and not committed",
        "https://github.com/git-lfs/git-lfs/issues/5636",
    ),
    Flaw(
        (2, 14, 0),
        "`git lfs migrate` overwrites uncommitted changes unless it is told not to",
        "https://github.com/git-lfs/git-lfs/pull/4454",
    ),
    Flaw(
        (2, 12, 0),
        "`git lfs prune` removes objects that only a stash needs",
        "https://github.com/git-lfs/git-lfs/issues/4206",
    ),
)
GIT_FLAWS_ON_WINDOWS = (
    Flaw(
        (2, 34, 0),
        "files of 4 GiB and more that a filter writes are damaged",
        "https://github.com/git-lfs/git-lfs/pull/4768",
    ),
)


@dataclass(frozen=True, slots=True)
class Program:
    """A program on PATH.

    Attributes:
        version: its version, ``()`` where it does not tell one.
        trouble: why it could not be asked; ``""`` where it was.
    """

    version: tuple[int, ...] = ()
    trouble: str = ""

    @property
    def shown(self) -> str:
        """Its version as people write it."""
        return ".".join(map(str, self.version))


def installed(*command: str, timeout_s: float = _PATIENCE_S) -> Program:
    """Ask a program for its version."""
    try:
        answer = run_program(command, timeout=timeout_s)
    except GitError as error:
        return Program(trouble=str(error))
    found = re.search(rb"(\d+)\.(\d+)(?:\.(\d+))?", answer.stdout)
    if answer.returncode or not found:
        return Program(trouble=f"{command[0]} did not tell its version")
    return Program(tuple(int(part) for part in found.groups() if part))


def git_check(git: Program, *, on_windows: bool = sys.platform == "win32") -> Check:
    """Judge git."""
    if not git.version:
        line = "install git: https://git-scm.com/downloads"
        return Check("git", findings=(Finding("CSG101", git.trouble, line),))
    if git.version < OLDEST_GIT:
        oldest = ".".join(map(str, OLDEST_GIT))
        words = f"git {git.shown} is too old: csgrepo needs {oldest} or later"
        line = "upgrade git; without root: conda install -c conda-forge git"
        return Check("git", git.shown, (Finding("CSG102", words, line),))
    flaws = _flaws("CSG103", "git", git, GIT_FLAWS_ON_WINDOWS if on_windows else ())
    return Check("git", git.shown, flaws)


def lfs_check(lfs: Program) -> Check:
    """Judge git-lfs."""
    if not lfs.version:
        words = "git-lfs is not installed; csgrepo does without it"
        return Check("git-lfs", "not installed", (Finding("CSG104", words),))
    return Check("git-lfs", lfs.shown, _flaws("CSG105", "git-lfs", lfs, LFS_FLAWS))


def _flaws(code: str, name: str, program: Program, known: tuple[Flaw, ...]) -> tuple[Finding, ...]:
    here = [flaw for flaw in known if program.version < flaw.mended]
    if not here:
        return ()
    what = "; ".join(f"{flaw.what} ({flaw.source})" for flaw in here)
    enough = ".".join(map(str, max(flaw.mended for flaw in here)))
    words = f"{name} {program.shown} is known to lose data: {what}"
    return (Finding(code, words, f"upgrade {name} to {enough} or later"),)


def identity_check(name: str, email: str, *, has_account: bool = False) -> Check:
    """Judge whether it is known who commits.

    Args:
        name: git's ``user.name``.
        email: git's ``user.email``.
        has_account: whether the hub can be asked, which csgrepo does at the first commit.
    """
    if name and email:
        return Check("identity", f"{name} <{email}>")
    if has_account:
        return Check("identity", "git knows none; csgrepo takes the account's at the first commit")
    lacks = " and ".join(
        key for key, value in (("user.name", name), ("user.email", email)) if not value
    )
    words = f"git's setting {lacks} is empty, so that commits fail or bear a made-up address"
    line = "git config --global user.name 'Your Name'; git config --global user.email you@host"
    return Check("identity", findings=(Finding("CSG106", words, line),))
