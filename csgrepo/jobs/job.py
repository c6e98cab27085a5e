"""A background push as the journal knows it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from csgrepo.jobs.push import Push
    from csgrepo.jobs.receipt import PushReceipt

__all__ = [
    "CANCELLED",
    "ENDED",
    "WORKER_GONE",
    "Ending",
    "Job",
    "Progress",
    "State",
    "overdue",
]

State = Literal["waiting", "running", "done", "failed", "cancelled", "interrupted", "superseded"]

_LONGEST_REASON = 1200
_COUNT = re.compile(r"^(?:remote: )?[A-Z][a-z ]+: +\d+(?:% \(\d+/\d+\)|, done\b|$)")

ENDED: frozenset[State] = frozenset({"done", "failed", "cancelled", "interrupted", "superseded"})


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a push is.

    Attributes:
        phase: the kind of work: ``hash``, ``upload``, ``push``, ``verify``…; ``""`` before it.
        item: what is worked on.
        done: how far it is, in ``unit``.
        total: how far it goes, or ``None`` where nobody knows.
        unit: ``"B"`` for bytes, else what is counted.
        tries: how often something was tried again.
        rate: units a second since the phase began, or ``None`` while that says nothing.
    """

    phase: str = ""
    item: str = ""
    done: int = 0
    total: int | None = None
    unit: str = "B"
    tries: int = 0
    rate: float | None = None

    @property
    def fraction(self) -> float | None:
        """How far it is from 0 to 1, or ``None`` where nobody knows."""
        if self.total is None:
            return None
        return min(1.0, self.done / self.total) if self.total else 1.0


@dataclass(frozen=True, slots=True)
class Ending:
    """How a push ended, if not well.

    Attributes:
        state: where it stands from then on.
        status: its exit status, above 0.
        error_type: the name of the exception, or of what took its place.
        error: what happened, in a sentence.
    """

    state: State
    status: int
    error_type: str
    error: str


@dataclass(frozen=True, slots=True)
class Job:
    """One row of the journal.

    Attributes:
        id: its number in this working copy, counting from 1.
        push: what it is to do.
        state: where it stands.
        status: its exit status: ``None`` until it ended, 0 done, above 0 anything else. One that
            was superseded has none of its own: what counts is how its successor ends.
        progress: how far it is.
        error_type: the name of the exception that ended it, or ``""``.
        error: its message, secrets masked.
        receipt: the proof, once done.
        created: when it was submitted, seconds since the epoch.
        started: when a worker took it up last.
        ended: when it ended.
        runs: how often a worker took it up.
        worker_pid: the process that carries it out, or did.
        submitter_pid: the process that asked for it.
        successor: the number of the job whose push carries its commit too, if it was superseded.
    """

    id: int
    push: Push
    state: State
    status: int | None
    progress: Progress
    error_type: str
    error: str
    receipt: PushReceipt | None
    created: float
    started: float | None
    ended: float | None
    runs: int
    worker_pid: int | None
    submitter_pid: int
    successor: int | None = None

    @property
    def reason(self) -> str:
        """Why it ended other than well, on one line: its error without git's running counts."""
        lines = [line.strip() for line in self.error.splitlines() if not _COUNT.search(line)]
        text = " ".join(line for line in lines if line)
        if len(text) > _LONGEST_REASON:  # what was tried stands first, why it failed last
            text = f"{text[: _LONGEST_REASON // 4]} … {text[-_LONGEST_REASON * 3 // 4 :]}"
        return text

    @property
    def has_ended(self) -> bool:
        """Whether nothing more happens to it unless someone resumes it."""
        return self.state in ENDED


# What a shell reports of a command that was stopped with Ctrl-C.
CANCELLED = Ending("cancelled", 130, "Cancelled", "The push was cancelled")
WORKER_GONE = Ending(
    "interrupted",
    137,
    "Interrupted",
    "Worker was killed by SIGKILL, its machine went down, or its disk was full",
)


def overdue(deadline_s: float) -> Ending:
    """Return the ending of a job that took too long: 124, as of the command `timeout`."""
    return Ending(
        "failed",
        124,
        "DeadlineExceeded",
        f"The push took longer than {deadline_s:g} s (CSGHUB_PUSH_DEADLINE); what arrived so far "
        "is kept, and need not be sent again",
    )
