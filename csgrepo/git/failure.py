"""What a failed git command means: its words, read once and in one place.

The runner has git speak English (``LC_ALL=C``), so that this is possible at all.
"""

from __future__ import annotations

import os
import re
import shutil
from typing import TYPE_CHECKING

from csgrepo import errors
from csgrepo.redact import redact

if TYPE_CHECKING:
    from collections.abc import Sequence

    from csgrepo.git.runner import Completed

__all__ = ["failure", "is_full", "overtime"]

_AUTH = re.compile(
    r"could not read (?:Username|Password)|Authentication failed|HTTP Basic: Access denied|"
    r"requested URL returned error: 40[13]|do(?:es)? not have permission|"
    # ssh says what it tried; a bare "Permission denied" is about a file here
    r"Permission denied \(|Permission denied, please|Permission to \S+ denied|"
    r"terminal prompts disabled|Access denied",
    re.IGNORECASE,
)
_NO_REPOSITORY = re.compile(
    r"repository .* (?:not found|does not exist)|does not appear to be a git repository|"
    r"requested URL returned error: (?:404|410)|Repository not found",
    re.IGNORECASE,
)
# Hubs write both; the words around them differ.
_XET = re.compile(r"remote error: .*\bx(?:ne|e)t[- ]enabled|GIT-ERR-37", re.IGNORECASE)
_MOVED = re.compile(r"requested URL returned error: 30[1278]")
_UNREACHABLE = re.compile(
    r"Could not resolve host|Failed to connect|Connection (?:refused|timed out|reset)|"
    r"Couldn't connect|SSL|early EOF|the remote end hung up|Operation too slow|"
    r"requested URL returned error: 5\d\d|unable to access 'https?:",
    re.IGNORECASE,
)
_REVISION = re.compile(
    r"unknown revision|bad revision|did not match any file|Remote branch .* not found|"
    r"couldn't find remote ref|not a commit|invalid reference|Needed a single revision",
    re.IGNORECASE,
)
# Git says "failed to push some refs" of these too, though nothing was sent.
_SOURCE = re.compile(r"src refspec .* does not match")
_REJECTED = re.compile(
    r"\[(?:remote )?rejected\]|failed to push some refs|pre-receive hook declined"
)
_CONFLICT = re.compile(
    r"CONFLICT|Automatic merge failed|would be overwritten by (?:merge|checkout)"
)
_IDENTITY = re.compile(r"tell me who you are|empty ident name|no email was given", re.IGNORECASE)
# What the other side says of its own disk is not about this one.
_FULL = re.compile(
    r"^(?!remote:).*(?:No space left on device|Disk quota exceeded|Out of diskspace)",
    re.IGNORECASE | re.MULTILINE,
)
# Git does not always say why.
_UNWRITTEN = re.compile(r"(?:failed|unable) to write|could not write|write error", re.IGNORECASE)
_FULL_BYTES = 64 * 1024


def failure(args: Sequence[str], completed: Completed, cwd: str) -> errors.GitError:
    """Turn a failed command into the error that names its kind."""
    said = completed.stderr + os.fsdecode(completed.stdout)[-20000:]
    if is_full(completed.stderr, cwd):
        return errors.DiskFull(cwd, completed.stderr.strip()[-300:])
    kind, advice = _classify(said)
    command = [redact(argument) for argument in ("git", *args)]
    output = redact(completed.stdout.decode("utf-8", "replace"))
    return kind(command, completed.returncode, output, completed.stderr, cwd, advice)


def is_full(said: str, cwd: str) -> bool:
    """Tell whether git, at work in a folder, failed because this machine's disk is full."""
    return bool(_FULL.search(said) or (_UNWRITTEN.search(said) and _has_no_room(cwd)))


def _has_no_room(folder: str) -> bool:
    try:
        return shutil.disk_usage(folder).free < _FULL_BYTES
    except OSError:
        return False


def overtime(
    args: Sequence[str], completed: Completed, cwd: str, timeout: float
) -> errors.CommandFailed:
    """Return the error of a command that was stopped because it took too long."""
    command = [redact(argument) for argument in ("git", *args)]
    output = redact(completed.stdout.decode("utf-8", "replace"))
    advice = f"It did not end within {timeout:g} s and was stopped."
    return errors.CommandFailed(
        command, completed.returncode, output, completed.stderr, cwd, advice
    )


def _classify(said: str) -> tuple[type[errors.CommandFailed], str]:
    rules: list[tuple[re.Pattern[str], type[errors.CommandFailed], str]] = [
        (_XET, errors.GitRefused, errors.XET_ADVICE),
        (_SOURCE, errors.UnknownRevision, "Check the name of the branch, tag or commit."),
        (_REJECTED, errors.PushRejected, "Nothing changed on the remote; see its words above."),
        (
            _AUTH,
            errors.AuthenticationFailed,
            "Run `csgrepo login`, set CSGHUB_TOKEN, or pass token=; the token needs write access "
            "to push.",
        ),
        (_CONFLICT, errors.MergeConflict, "Both sides changed the same paths; nothing is lost."),
        (
            _IDENTITY,
            errors.CommandFailed,
            "Git does not know who you are: pass git_user= and git_email=, or run "
            "`git config user.name` and `git config user.email`.",
        ),
        (_REVISION, errors.UnknownRevision, "Check the name of the branch, tag or commit."),
        (
            _NO_REPOSITORY,
            errors.RemoteNotFound,
            "Check the address and the repo_type; a private repository needs a token.",
        ),
        (
            _MOVED,
            errors.RemoteUnreachable,
            "The remote has moved. A token is not carried along to another address: use the new "
            "one (`git remote set-url origin <address>`).",
        ),
        (_UNREACHABLE, errors.RemoteUnreachable, "Check the address and the network, then retry."),
    ]
    for pattern, kind, advice in rules:
        if pattern.search(said):
            return kind, advice
    return errors.CommandFailed, ""
