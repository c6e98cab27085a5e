"""The worker: a process that carries out jobs, oldest first, until there are none.

It shares nothing with the process that started it but the journal, and outlives it. A signal ends
it in good order: git is stopped, the job is ``interrupted``, and the status is 128 and the signal.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import threading
import time
import traceback
from typing import TYPE_CHECKING, Any

from csgrepo.errors import CommandFailed, CsgRepoError, GitError
from csgrepo.jobs.job import CANCELLED, Ending, overdue
from csgrepo.jobs.lock import LockTimeout
from csgrepo.jobs.process import signal_name, status_of
from csgrepo.jobs.record import JobReporter, Record
from csgrepo.jobs.roster import Roster
from csgrepo.jobs.signals import Signals, Stopped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TextIO

    from csgrepo.jobs.job import Job
    from csgrepo.jobs.journal import Journal
    from csgrepo.jobs.lock import PushLock
    from csgrepo.jobs.receipt import PushReceipt
    from csgrepo.jobs.roster import Worker

    CarryOut = Callable[[Job, JobReporter], PushReceipt]

__all__ = ["read_secrets", "work"]

_LOOK_S = 0.1  # how often an idle worker looks for work; costs one row read
_TICK_S = 0.25  # how often a running job's progress is written and its cancelling noticed


def read_secrets(stream: TextIO | None = None) -> dict[str, Any]:
    """Read what the starter gave on the standard input; empty for a worker started by hand.

    Raises:
        ValueError: it is not a JSON object.
    """
    text = (stream or sys.stdin).readline()
    secrets = json.loads(text) if text.strip() else {}
    if not isinstance(secrets, dict):
        raise ValueError("the worker's input is not a JSON object")  # noqa: TRY004 - as documented
    return secrets


def work(
    journal: Journal,
    lock: PushLock,
    carry_out: CarryOut,
    *,
    idle_s: float = 5.0,
    grace_s: float = 10.0,
    deadline_s: float | None = None,
) -> int:
    """Carry out the jobs of the process that started this one; call it from the main thread.

    Args:
        journal: the working copy's jobs.
        lock: its push lock, held while a job runs.
        carry_out: does a job, reports to its second argument, and returns the receipt. What it
            raises ends the job, not the worker.
        idle_s: how long to wait for more work; none of it once the starter has ended.
        grace_s: how long a job may take to stop before the process ends without it.
        deadline_s: how long one run of a job may take; it fails then, and can be resumed.

    Returns:
        The status to exit with.
    """
    roster = Roster(journal)
    with Signals() as signals:
        desk = _Desk(journal, roster, lock, roster.enlist(), signals, grace_s, deadline_s)
        idle_since = time.monotonic()
        while signals.received is None:
            if desk.do_next(carry_out):
                idle_since = time.monotonic()
            elif desk.may_leave(time.monotonic() - idle_since, idle_s):
                return 0
            else:
                time.sleep(_LOOK_S)
        roster.bury(desk.worker, -signals.received)
        return 128 + signals.received


class _Desk:
    """Where one worker works."""

    def __init__(  # noqa: PLR0917 - what the worker was given
        self,
        journal: Journal,
        roster: Roster,
        lock: PushLock,
        worker: Worker,
        signals: Signals,
        grace_s: float,
        deadline_s: float | None,
    ) -> None:
        self.worker = worker
        self._journal = journal
        self._roster = roster
        self._lock = lock
        self._signals = signals
        self._grace_s = grace_s
        self._deadline_s = deadline_s
        self._began = 0.0  # the job under way
        self._stopped_by: Ending | None = None  # what it is stopped for, other than a signal

    def do_next(self, carry_out: CarryOut) -> bool:
        """Carry out one job, if there is one and it is its turn."""
        if not self._roster.has_waiting(self.worker.owner):
            return False
        with contextlib.suppress(LockTimeout), self._lock.hold("a background push", 0):
            job = self._roster.claim(self.worker)
            if job is not None:
                self._do(job, carry_out)
                return True
        return False

    def may_leave(self, idle_for_s: float, idle_s: float) -> bool:
        """Tell whether to go, and go off the roster; at once if the clone was removed."""
        if not self._journal.exists:
            return True
        is_time = idle_for_s >= idle_s or not self.worker.owner.process.is_alive
        return is_time and self._roster.retire(self.worker)

    def _do(self, job: Job, carry_out: CarryOut) -> None:
        record = Record(self._journal, job, self.worker)
        self._began, self._stopped_by = time.monotonic(), None
        record.log.say(f"job {job.id}, run {job.runs}: {job.push.title or job.push.ref}")
        with _logging_to(record), _Ticker(self, record):
            receipt, ending = self._outcome(job, carry_out, record)
        record.write(at_once=True)
        if receipt is not None:
            record.log.say(f"done: {receipt}")
            self._journal.finish(job.id, self.worker.id, receipt)
        if ending is not None:
            record.log.say(f"{ending.state}: {ending.error}")
            self._journal.fail(job.id, self.worker.id, ending)
        record.log.close()

    def _outcome(
        self, job: Job, carry_out: CarryOut, record: Record
    ) -> tuple[PushReceipt | None, Ending | None]:
        try:
            with self._signals.interruptible():
                return carry_out(job, JobReporter(record)), None
        except Stopped as stopped:
            if stopped.signal is None:
                return None, self._stopped_by or CANCELLED
            # Here and now: once the lock is free, others would take this worker for dead.
            self._roster.bury(self.worker, -stopped.signal)
            record.log.say(f"interrupted by {signal_name(stopped.signal)}")
            return None, None
        except (Exception, SystemExit) as error:  # noqa: BLE001 - it ends the job, with its words
            if not isinstance(error, CsgRepoError):
                record.log.say("".join(traceback.format_exception(error)))
            return None, _failure(error)

    def tick(self, record: Record, asked_at: float | None) -> float | None:
        """Keep the journal up to date while a job runs; return when it was asked to stop."""
        record.write()
        self._stopped_by = self._stopped_by or self._why_to_stop(record.job.id)
        if self._stopped_by is not None:
            self._signals.cancel()
        elif self._signals.received is None:
            return None
        now = time.monotonic()
        if asked_at is not None and now - asked_at > self._grace_s:
            self._give_up(record)
        return asked_at or now

    def _why_to_stop(self, job_id: int) -> Ending | None:
        if self._is_cancelled(job_id):
            return CANCELLED
        if self._deadline_s is not None and time.monotonic() - self._began > self._deadline_s:
            return overdue(self._deadline_s)
        return None

    def _is_cancelled(self, job_id: int) -> bool:
        try:
            return self._journal.is_cancelled(job_id)
        except GitError:
            return False

    def _give_up(self, record: Record) -> None:
        """End the process: the job does not let itself be stopped."""
        number = self._signals.received
        record.log.say(f"it did not stop within {self._grace_s:g} s, and was left behind")
        if number:
            self._roster.bury(self.worker, -number)
            os._exit(128 + number)
        ending = self._stopped_by or CANCELLED
        self._journal.fail(record.job.id, self.worker.id, ending)
        os._exit(ending.status)


class _Ticker:
    """A thread that ticks while a job runs."""

    def __init__(self, desk: _Desk, record: Record) -> None:
        self._desk = desk
        self._record = record
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="csgrepo-ticker", daemon=True)

    def _run(self) -> None:
        asked_at = None
        while not self._is_over.wait(_TICK_S):
            asked_at = self._desk.tick(self._record, asked_at)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()


class _LogHandler(logging.Handler):
    """Puts what the library logs into the log of the job under way."""

    def __init__(self, record: Record) -> None:
        super().__init__(logging.INFO)
        self._record = record

    def emit(self, record: logging.LogRecord) -> None:
        self._record.log.say(self.format(record))


@contextlib.contextmanager
def _logging_to(record: Record) -> Iterator[None]:
    logger = logging.getLogger("csgrepo")
    handler = _LogHandler(record)
    logger.addHandler(handler)
    before = logger.level
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


def _failure(error: BaseException) -> Ending:
    """Say how a job ended that raised; git's own exit status where there is one."""
    status = status_of(error.returncode) if isinstance(error, CommandFailed) else 1
    return Ending("failed", max(status, 1), type(error).__name__, str(error) or repr(error))
