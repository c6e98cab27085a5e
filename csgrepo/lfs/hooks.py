"""Hooks and filter settings of one clone, so that plain git commands keep large files in LFS.

Where git-lfs is installed the clone gets what ``git lfs install --local`` would give it. Where it
is not, csgrepo's own commands stand in the same places; they step aside for git-lfs if it appears.
A hook that somebody else wrote is never touched.
"""

from __future__ import annotations

import re
import shutil
import stat
from typing import TYPE_CHECKING

from csgrepo.files import atomic
from csgrepo.git.callback import shell_command
from csgrepo.lfs import filter_process

if TYPE_CHECKING:
    from pathlib import Path

    from csgrepo.git.runner import Git
    from csgrepo.git.settings import GitSettings

__all__ = ["install", "is_plain_lfs_hook"]

_HOOK = "hooks/pre-push"
_CSGREPO = "csgrepo.lfs.filter_process"
_MARK = "# Written by csgrepo."
_STOCK_CALL = re.compile(r"^git lfs (?:pre-push|post-checkout|post-commit|post-merge)\b")

_OURS = """#!/bin/sh
{mark} Sends Git LFS objects before git sends the commits that need them.
if command -v git-lfs >/dev/null 2>&1; then exec git lfs pre-push "$@"; fi
exec {command} lfs-pre-push "$@"
"""


def install(git: Git, settings: GitSettings, common_dir: Path) -> None:
    """Set filter and pre-push hook of this clone where nobody has set them yet.

    Args:
        git: git in the clone.
        settings: its settings as they are.
        common_dir: the repository's own folder.
    """
    # Hooks that the user keeps for all repositories are not ours to write to.
    hooks_are_local = not settings.get("core.hookspath")
    hook = common_dir / _HOOK
    if shutil.which("git-lfs"):
        _install_stock(git, settings, wants_hook=hooks_are_local and not hook.exists())
        return
    current = settings.get("filter.lfs.process")
    wanted = dict(filter_process.driver())
    if current != wanted["filter.lfs.process"] and (
        not current or _CSGREPO in current or current.startswith("git-lfs")
    ):
        for key, value in wanted.items():
            git.run("config", "--local", key, value)
    if hooks_are_local:
        _install_pre_push(hook)


def _install_stock(git: Git, settings: GitSettings, *, wants_hook: bool) -> None:
    configured = settings.get("filter.lfs.process")
    if not configured or _CSGREPO in configured:
        git.run("lfs", "install", "--local", "--force", "--skip-repo")
    if wants_hook:
        git.run("lfs", "update")


def _install_pre_push(hook: Path) -> None:
    text = _OURS.format(mark=_MARK, command=shell_command("csgrepo"))
    try:
        present = hook.read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        present = ""
    if present == text or (present and not is_plain_lfs_hook(present)):
        return
    hook.parent.mkdir(parents=True, exist_ok=True)
    with atomic(hook, mode=0o777) as stream:
        stream.write(text.encode("utf-8", "surrogateescape"))
    hook.chmod(hook.stat().st_mode | stat.S_IXUSR)


def is_plain_lfs_hook(text: str) -> bool:
    """Tell whether a hook does nothing but what csgrepo's and git-lfs's own do for LFS."""
    lines = [line.strip() for line in text.splitlines()]
    commands = [line for line in lines if line and not line.startswith("#")]
    calls = [_STOCK_CALL.search(line) for line in commands]
    stock = any(calls) and all(
        call or "git-lfs" in line for call, line in zip(calls, commands, strict=True)
    )
    return _MARK in text or stock
