"""What a running job shows of itself: its progress in the journal, its words in the log."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from typing import TYPE_CHECKING, Protocol

from csgrepo.errors import GitError
from csgrepo.jobs.job import Progress
from csgrepo.jobs.log import JobLog
from csgrepo.jobs.process import Process
from csgrepo.progress import Reporter
from csgrepo.progress.tally import Tallies

if TYPE_CHECKING:
    from collections.abc import Iterator

    from csgrepo.jobs.job import Job
    from csgrepo.jobs.journal import Journal
    from csgrepo.jobs.roster import Worker
    from csgrepo.progress import Event

__all__ = ["JobReporter", "Record"]

_LEAST_INTERVAL_S = 0.5  # between two writes of the progress
_LEAST_SPAN_S = 0.5  # over less than this a rate says nothing

_log = logging.getLogger(__name__)


class _Child(Protocol):
    pid: int


class JobReporter(Reporter):
    """Where a background push reports, and where its children's words go.

    Args:
        record: the job's record.
    """

    def __init__(self, record: Record) -> None:
        super().__init__(f"job {record.job.id}")
        self._record = record
        self.listen(record.take)

    def hear(self, piece: bytes) -> None:
        """Take what git or the server said, as it comes: give it to git as ``on_stderr``."""
        self._record.log.hear(piece)

    def started(self, process: _Child) -> None:
        """Note a git that runs for long, so that it does not outlive a worker that is killed.

        Give it to git as ``on_start``.
        """
        self._record.take_child(Process.of(process.pid))


class Record:
    """A running job's progress and log; takes events from any thread.

    Args:
        journal: where the progress is written, at most twice a second.
        job: the job.
        worker: who carries it out.
    """

    def __init__(self, journal: Journal, job: Job, worker: Worker) -> None:
        self.job = job
        self.log = JobLog(journal.log_of(job.id))
        self._journal = journal
        self._worker = worker
        self._lock = threading.Lock()  # guards all below
        self._tallies = Tallies()
        self._began: dict[str, float] = {}
        self._progress = Progress()
        self._is_new = False
        self._written_at = 0.0

    def take(self, event: Event) -> None:
        """Count an event of the work, and log what a person would want to read later."""
        with self._lock:
            news = self._news(event)
            tally = self._tallies.take(event)
            if tally is not None:
                self._progress = Progress(
                    phase=tally.phase,
                    item=tally.item,
                    done=tally.done,
                    total=tally.total,
                    unit=tally.unit,
                    tries=self._progress.tries + (event.state == "retrying"),
                    rate=self._rate(tally.phase, tally.done),
                )
                self._is_new = True
        if news:
            self.log.say(news)

    def take_child(self, child: Process) -> None:
        """Note a git that was started."""
        with self._errors():
            self._journal.record_child(self.job.id, self._worker.id, child)

    def write(self, *, at_once: bool = False) -> None:
        """Bring the journal up to date, unless it was a moment ago."""
        with self._lock:
            is_early = time.monotonic() - self._written_at < _LEAST_INTERVAL_S
            if not self._is_new or (is_early and not at_once):
                return
            self._is_new = False
            self._written_at = time.monotonic()
            progress = self._progress
        with self._errors():
            self._journal.record(self.job.id, self._worker.id, progress)

    def _news(self, event: Event) -> str:
        if event.state == "retrying":
            return f"{event.phase} {event.item}: tried again: {event.note}"
        if event.state == "failed":
            return f"{event.phase} {event.item}: failed: {event.note}"
        if event.phase not in self._began:
            self._began[event.phase] = time.monotonic()
            return f"{event.phase}: {event.item}"
        return ""

    def _rate(self, phase: str, done: int) -> float | None:
        span = time.monotonic() - self._began[phase]
        return done / span if span >= _LEAST_SPAN_S else None

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        """Go on without: that progress cannot be noted is no reason to stop a push."""
        try:
            yield
        except GitError as error:
            _log.warning("%s", error)
