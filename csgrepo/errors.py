"""What can go wrong, one tree.

::

    CsgRepoError
    ├── InvalidInput (ValueError)          an argument cannot mean what was meant
    │   └── NotARepository                 the folder is no Git repository
    ├── GitError (OSError)                 something about a working copy
    │   ├── GitNotFound                    git is not installed, or too old
    │   ├── FileChanged                    a file vanished or changed while it was read
    │   ├── DiskFull                       no room for what has to be written
    │   │   └── DiskBudgetExceeded         the working copy may not take that much
    │   ├── UnsafePath                     a name that would be written outside its folder
    │   └── CommandFailed                  a git command ended with an error
    │       ├── AuthenticationFailed       the remote wants other credentials
    │       ├── RemoteNotFound             no such repository, or it may not be seen
    │       ├── RemoteUnreachable          the remote did not answer
    │       ├── UnknownRevision            no such branch, tag or commit
    │       ├── GitRefused                 the hub serves this repository, but not to git
    │       ├── PushRejected               the remote refused the ref
    │       ├── NothingToCommit            the index equals HEAD
    │       └── MergeConflict              both sides changed the same paths
    ├── LfsError (OSError)                 something about large files
    │   ├── ObjectMissing                  an object is neither here nor there
    │   ├── DigestMismatch                 bytes are not what their name says
    │   └── PartialDownload                some files are still pointers
    ├── HubError (OSError)                 something about the hub
    │   ├── NotCached (FileNotFoundError)  not in the cache, and the network may not be used
    │   ├── HubUnreachable                 no answer at all
    │   ├── NotRunning                     nothing runs there that could answer
    │   │   └── InstanceFailed             it is in a state that waiting does not mend
    │   └── HubHTTPError                   an answer that says no
    │       ├── BadRequest   Unauthorized   Forbidden   NotFound   Conflict
    │       ├── RateLimited                slow down; ``retry_after`` says for how long
    │       └── ServerError                the hub's own fault
    ├── TransferError (OSError)            bytes could not be moved
    │   └── SizeMismatch                   the server has another number of them
    ├── VerificationFailed (OSError)       the remote does not hold what was sent
    └── QueueError (OSError)               background pushes failed

Facts are attributes, messages are rendered from them, causes are chained. ``OSError`` is a base
because callers of the interface this library succeeds catch ``EnvironmentError``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "AuthenticationFailed",
    "BadRequest",
    "CommandFailed",
    "Conflict",
    "CsgRepoError",
    "DigestMismatch",
    "DiskBudgetExceeded",
    "DiskFull",
    "FileChanged",
    "Forbidden",
    "GitError",
    "GitNotFound",
    "GitRefused",
    "HubError",
    "HubHTTPError",
    "HubUnreachable",
    "InstanceFailed",
    "InvalidInput",
    "LfsError",
    "MergeConflict",
    "NotARepository",
    "NotCached",
    "NotFound",
    "NotRunning",
    "NothingToCommit",
    "ObjectMissing",
    "PartialDownload",
    "PushRejected",
    "QueueError",
    "RateLimited",
    "RemoteNotFound",
    "RemoteUnreachable",
    "ServerError",
    "SizeMismatch",
    "TransferError",
    "Unauthorized",
    "UnknownRevision",
    "UnsafePath",
    "VerificationFailed",
]

XET_ADVICE = (
    "This repository keeps its files in Xet, where git cannot reach them. Read it with "
    "csgrepo.snapshot_download, write to it with HubApi().upload_folder or create_commit: they "
    "need no clone."
)
_XET_CODE = "GIT-ERR-37"


def _rebuild(cls: type[CsgRepoError], args: tuple[object, ...], facts: dict[str, Any]) -> Any:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(facts)
    return error


class CsgRepoError(Exception):
    """The base of every error this library raises on purpose.

    Attributes:
        hint: what may have been meant instead, found out after the error; ``""`` for most.
    """

    hint: str = ""

    def __reduce__(self) -> tuple[Any, ...]:
        """Keep the facts when an error travels between processes."""
        return (_rebuild, (type(self), self.args, dict(self.__dict__)))


class InvalidInput(CsgRepoError, ValueError):
    """An argument that cannot mean what was meant; nothing was done."""


class NotARepository(InvalidInput):
    """The folder is not a Git repository."""


class GitError(CsgRepoError, OSError):
    """Something about a working copy."""


class GitNotFound(GitError):
    """Git is not installed, or is too old."""


class FileChanged(GitError):
    """A file vanished, grew or was rewritten while it was being read.

    Attributes:
        path: the file, relative to the working copy.
    """

    def __init__(self, path: str, what: str) -> None:
        super().__init__(
            f"{path}: {what} while it was being added; nothing was staged for it. "
            "Finish writing the file, then add it again."
        )
        self.path = path


class DiskFull(GitError):
    """There is no room for what has to be written.

    Attributes:
        path: where it was to be written.
    """

    def __init__(self, path: str, what: str = "") -> None:
        super().__init__(
            f"no space left on the device that holds {path}{': ' + what if what else ''}. "
            "Nothing half written was kept; free some room and run the same call again."
        )
        self.path = path


class DiskBudgetExceeded(DiskFull):
    """What is to be added would not fit into the disk budget of the working copy.

    Attributes:
        path: the working copy.
        budget: what it may take, in bytes.
        used: what it takes.
        needed: what was to be added.
    """

    def __init__(self, path: str, budget: int, used: int, needed: int) -> None:
        GitError.__init__(
            self,
            f"{path} takes {used} bytes, and {needed} more would go beyond its disk budget of "
            f"{budget}. Nothing was written, and all that the server has is freed already; remove "
            "old files, wait for pushes under way, or raise disk_budget.",
        )
        self.path = path
        self.budget = budget
        self.used = used
        self.needed = needed


class UnsafePath(GitError):
    """A name that, taken at its word, would be written outside the folder it belongs to.

    Attributes:
        name: the name as it came.
    """

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"refusing the file name {name!r}: {why}")
        self.name = name


class CommandFailed(GitError):
    """A git command ended with an error.

    Attributes:
        command: the argument list, secrets masked.
        returncode: its exit status; negative for a signal.
        stdout: what it printed, secrets masked.
        stderr: what it complained about, secrets masked.
        cwd: where it ran.
    """

    def __init__(  # noqa: PLR0917 - the facts of a finished process
        self,
        command: Sequence[str],
        returncode: int,
        stdout: str,
        stderr: str,
        cwd: str,
        advice: str = "",
    ) -> None:
        self.command = tuple(command)
        self.returncode = returncode
        self.stdout = stdout
        self.stderr = stderr
        self.cwd = cwd
        self.advice = advice
        super().__init__(self._sentence())

    def _sentence(self) -> str:
        words = " ".join(self.command[:2]) or "git"
        ended = (
            f"was killed by signal {-self.returncode}"
            if self.returncode < 0
            else f"failed with status {self.returncode}"
        )
        said = (self.stderr or self.stdout).strip()
        parts = [f"{words} {ended} in {self.cwd}"]
        if said:
            parts.append(f": {said[-4000:]}")
        if self.advice:
            parts.append(f"\n{self.advice}")
        return "".join(parts)


class AuthenticationFailed(CommandFailed):
    """The remote wants other credentials than it was given."""


class RemoteNotFound(CommandFailed):
    """The remote has no such repository, or does not show it to this account."""


class RemoteUnreachable(CommandFailed):
    """The remote did not answer."""


class UnknownRevision(CommandFailed):
    """No branch, tag or commit of that name."""


class GitRefused(CommandFailed):
    """The hub serves this repository, but not to git: its files are kept in Xet.

    `snapshot_download` reads it; `HubApi.upload_folder` and `HubApi.create_commit` write to it.
    """


class PushRejected(CommandFailed):
    """The remote refused to move the ref; its own words are in ``stderr``."""


class NothingToCommit(CommandFailed):
    """The index equals HEAD."""


class MergeConflict(CommandFailed):
    """Both sides changed the same paths.

    Attributes:
        paths: the paths in conflict.
    """

    paths: tuple[str, ...] = ()


class LfsError(CsgRepoError, OSError):
    """Something about large files."""


class ObjectMissing(LfsError):
    """An object is neither in the local store nor on the server.

    Attributes:
        oid: the SHA-256 of its content.
    """

    def __init__(self, oid: str, message: str) -> None:
        super().__init__(message)
        self.oid = oid


class DigestMismatch(LfsError):
    """Bytes are not what their name says.

    Attributes:
        expected: the SHA-256 they should have.
        actual: the SHA-256 they have.
    """

    def __init__(self, what: str, expected: str, actual: str) -> None:
        super().__init__(
            f"{what}: its content hashes to {actual}, not to {expected}. It was not used; "
            "run the same call again, and if it happens again the copy on the server is damaged."
        )
        self.expected = expected
        self.actual = actual


class PartialDownload(LfsError):
    """Some files are still pointers; all others are complete.

    Attributes:
        paths: the files that are still pointers.
        causes: what went wrong, by path.
    """

    def __init__(self, causes: dict[str, BaseException]) -> None:
        first = next(iter(causes.items()))
        more = f" and {len(causes) - 1} more" if len(causes) > 1 else ""
        super().__init__(
            f"{first[0]}{more} could not be fetched and is still an LFS pointer: {first[1]}\n"
            "Everything else is complete. `git_pull(lfs=True)` fetches what is missing."
        )
        self.paths = sorted(causes)
        self.causes = causes


class HubError(CsgRepoError, OSError):
    """Something about the hub."""


class NotCached(HubError, FileNotFoundError):
    """Something is not in the cache, and the network may not be used to fetch it.

    Attributes:
        missing: what is not there.
    """

    def __init__(self, what: str, missing: Sequence[str]) -> None:
        shown = ", ".join(list(missing)[:5]) + (", …" if len(missing) > 5 else "")
        super().__init__(
            f"{what}: not in the cache: {shown}. Call it once with a network, without "
            "local_files_only and CSGHUB_OFFLINE."
        )
        self.missing = tuple(missing)


class HubUnreachable(HubError):
    """The hub gave no answer.

    Attributes:
        url: what was asked.
        why: what the system said.
    """

    def __init__(self, url: str, why: str) -> None:
        super().__init__(
            f"no answer from {url}: {why}. Check the address (CSGHUB_ENDPOINT) and the network."
        )
        self.url = url
        self.why = why


class HubHTTPError(HubError):
    """The hub answered, and said no.

    Attributes:
        status: the HTTP status.
        code: the hub's own code (such as ``"AUTH-ERR-2"``), or ``""``.
        server_message: its words, as they came.
        request_id: what to quote to the hub's operators, or ``""``.
        url: what was asked, secrets masked.
        retry_after: seconds the hub asked to wait before the next try, or ``None``: where it is
            asked too much, and where it is still copying a repository.
    """

    advice = ""
    _advises_on_good = True
    retry_after: float | None = None

    def __init__(
        self, *, status: int, code: str, server_message: str, request_id: str, url: str
    ) -> None:
        self.status = status
        self.code = code
        self.server_message = server_message
        self.request_id = request_id
        self.url = url
        super().__init__(self._sentence())

    def _sentence(self) -> str:
        said = self.server_message or "no reason given"
        marks = f"HTTP {self.status}" + (f", {self.code}" if self.code else "")
        tail = f" (request {self.request_id})" if self.request_id else ""
        known = XET_ADVICE if self.code == _XET_CODE else self.advice
        advice = f"\n{known}" if known else ""
        if self.status < 300 and not self.code:  # answered well, with something else than was meant
            return f"{said} (asked of {self.url})" + (advice if self._advises_on_good else "")
        return f"{self.url} answered {marks}: {said}{tail}{advice}"


class BadRequest(HubHTTPError):
    """The hub did not accept the request's content."""


class Unauthorized(HubHTTPError):
    """The hub does not know the token, or wants one."""

    advice = "Run `csgrepo login`, set CSGHUB_TOKEN, or pass token=."


class Forbidden(HubHTTPError):
    """The account may not do this."""

    advice = "The token is known but lacks the right: ask the owner for write access."


class NotFound(HubHTTPError):
    """No such thing, or the account may not see it."""

    advice = "Check the name and the repo_type; a private repository needs a token."
    _advises_on_good = False  # the repository is there, and what was looked for in it is not


class Conflict(HubHTTPError):
    """Something of that name exists, or another change came first."""


class RateLimited(HubHTTPError):
    """Too many requests; `retry_after` says when to come back, if the hub does."""


class ServerError(HubHTTPError):
    """The hub failed by its own fault."""

    advice = "This is the hub's own failure; try again later."


class NotRunning(HubError):
    """Nothing runs on the hub that could answer."""


class InstanceFailed(NotRunning):
    """What was to run on the hub is in a state that waiting does not mend.

    Attributes:
        status: the state, such as ``"RuntimeError"`` or ``"Stopped"``.
        reason: the hub's word for why, or ``""``.
    """

    def __init__(self, name: str, status: str, reason: str, message: str) -> None:
        why = ": ".join(filter(None, (reason, message))) or "the hub gives no reason"
        super().__init__(f"{name} is {status}: {why}. See its logs; mend the cause, then start it.")
        self.status = status
        self.reason = reason


class TransferError(CsgRepoError, OSError):
    """Bytes could not be moved, after every retry that made sense."""


class SizeMismatch(TransferError):
    """A server has more or fewer bytes than there should be; asking again does not mend it.

    Attributes:
        expected: how many there should be.
        actual: how many it has.
    """

    def __init__(self, what: str, expected: int, actual: int) -> None:
        super().__init__(
            f"{what} could not be downloaded: the server has {actual} bytes where {expected} were "
            "expected; its copy is damaged, or another file"
        )
        self.expected = expected
        self.actual = actual


class VerificationFailed(CsgRepoError, OSError):
    """The remote was asked, and does not hold what was sent.

    Attributes:
        problems: one sentence for each thing that is not as it should be.
    """

    def __init__(self, remote: str, problems: Sequence[str]) -> None:
        shown = "\n".join(f"- {problem}" for problem in list(problems)[:20])
        super().__init__(f"{remote} does not hold what was pushed:\n{shown}\nPush again.")
        self.problems = tuple(problems)


class QueueError(CsgRepoError, OSError):
    """Background pushes failed.

    Attributes:
        failures: one sentence for each failed job.
    """

    def __init__(self, failures: Sequence[str]) -> None:
        super().__init__("\n".join(failures))
        self.failures = tuple(failures)
