"""Which remote is meant where none is named, and where it is: what git's settings say of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from csgrepo.errors import GitError

if TYPE_CHECKING:
    from csgrepo.git.settings import GitSettings

__all__ = ["Addresses", "addresses", "is_ssh", "meant"]

_DRIVE = re.compile(r"[A-Za-z]:[\\/]")


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a remote is.

    Attributes:
        configured: as its settings have it, credentials included.
        fetch: where git really fetches from.
        push: where git really pushes to.
        target: what `git push` is given: the remote's name, by which git notes what it has, or an
            address that the settings do not have (a job may be older than they are).
    """

    configured: str
    fetch: str
    push: str
    target: str


def meant(settings: GitSettings, head_ref: str | None) -> str:
    """Return the remote that the branch follows, ``origin``, or the only one, as git has it.

    Args:
        settings: git's settings.
        head_ref: the branch's full name; ``None`` if HEAD is detached.
    """
    names = settings.sections("remote", "url")
    branch = (head_ref or "").removeprefix("refs/heads/")
    followed = settings.get(f"branch.{branch}.remote")
    if followed in names:
        return followed
    return next(iter(names)) if len(names) == 1 else "origin"


def addresses(settings: GitSettings, folder: Path, remote: str, url: str | None) -> Addresses:
    """Return where a remote is.

    Args:
        settings: git's settings; ``insteadOf`` and ``pushInsteadOf`` among them count.
        folder: the work tree's root, which relative paths start from.
        remote: the remote's name.
        url: where pushes go, if not where the settings say.

    Raises:
        GitError: there is no such remote.
    """
    configured = settings.get(f"remote.{remote}.url") or url
    if not configured:
        raise GitError(
            f"{folder} has no remote {remote!r}; add one with `git remote add {remote} <address>`"
        )
    push_url = settings.get(f"remote.{remote}.pushurl")
    fetch = settings.rewritten(configured) or configured
    if url is None or url == (push_url or configured):
        push, target = push_url, remote
    else:
        push = target = url
    if push:
        push = settings.rewritten(push) or push
    else:
        push = settings.rewritten(configured, "pushinsteadof") or fetch
    return Addresses(
        _located(folder, configured), _located(folder, fetch), _located(folder, push), target
    )


def is_ssh(url: str) -> bool:
    """Tell whether git takes an address for one of SSH's short ones, ``host:path``."""
    return "://" not in url and ":" in url.split("/", maxsplit=1)[0] and not _DRIVE.match(url)


def _located(folder: Path, url: str) -> str:
    """Return a path as one that means the same from everywhere, any other address as it is."""
    return url if "://" in url or is_ssh(url) else str(folder / url)
