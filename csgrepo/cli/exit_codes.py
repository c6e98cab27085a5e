"""The exit code of each kind of failure.

====  =============================================================================
code  meaning
====  =============================================================================
0     done, and verified where there is something to verify
1     a failure that is none of the following
2     the command line or an argument is wrong, or an optional package is missing
3     the token is missing, unknown, or lacks the right
4     no such repository, branch, user or file
5     the other side refused: a rejected push, a conflict, a name that is taken
6     no answer, or "not now": the same command may succeed later
7     bytes are missing or are not what they should be
8     background pushes failed; `csgrepo jobs list` shows which
9     this machine lacks git, or room on the disk
70    a fault in csgrepo itself
130   interrupted with Ctrl-C (128 + SIGINT)
141   the reader of standard output went away (128 + SIGPIPE)
143   asked to end (128 + SIGTERM)
====  =============================================================================
"""

from __future__ import annotations

from csgrepo import errors

__all__ = [
    "FAILURE",
    "FAULT",
    "INTERRUPTED",
    "NOT_FOUND",
    "NO_ROOM",
    "PIPE_CLOSED",
    "UNREACHABLE",
    "UNSOUND",
    "exit_code",
]

FAILURE = 1
NOT_FOUND = 4
UNREACHABLE = 6
UNSOUND = 7
NO_ROOM = 9
FAULT = 70
INTERRUPTED = 130
PIPE_CLOSED = 141

# The first class that fits decides, so the special comes before the general.
_CODES: tuple[tuple[type[errors.CsgRepoError], int], ...] = (
    (errors.GitNotFound, 9),
    (errors.DiskFull, NO_ROOM),
    (errors.InvalidInput, 2),
    (errors.UnsafePath, 7),
    (errors.AuthenticationFailed, 3),
    (errors.Unauthorized, 3),
    (errors.Forbidden, 3),
    (errors.RemoteNotFound, 4),
    (errors.UnknownRevision, 4),
    (errors.NotFound, 4),
    (errors.PushRejected, 5),
    (errors.GitRefused, 5),
    (errors.MergeConflict, 5),
    (errors.Conflict, 5),
    (errors.BadRequest, 5),
    (errors.RemoteUnreachable, 6),
    (errors.HubUnreachable, 6),
    (errors.RateLimited, 6),
    (errors.InstanceFailed, FAILURE),
    (errors.NotRunning, 6),
    (errors.ServerError, 6),
    (errors.SizeMismatch, UNSOUND),
    (errors.TransferError, 6),
    (errors.LfsError, 7),
    (errors.VerificationFailed, 7),
    (errors.QueueError, 8),
)


_DAMAGED = (errors.DigestMismatch, errors.SizeMismatch)


def exit_code(error: errors.CsgRepoError) -> int:
    """Return what the process exits with after this error."""
    if isinstance(error, errors.TransferError) and isinstance(error.__cause__, _DAMAGED):
        return UNSOUND  # of several files that failed, one is not what it should be
    return next((code for kind, code in _CODES if isinstance(error, kind)), FAILURE)
