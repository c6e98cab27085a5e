"""A background push as the caller holds it."""

from __future__ import annotations

import logging
import shlex
import signal
import time
from typing import TYPE_CHECKING

from csgrepo.errors import CsgRepoError
from csgrepo.jobs import log
from csgrepo.jobs.job import ENDED, Progress
from csgrepo.jobs.lock import PushLock, stopped
from csgrepo.jobs.roster import Roster

if TYPE_CHECKING:
    from csgrepo.jobs.job import Job
    from csgrepo.jobs.journal import Journal
    from csgrepo.jobs.process import Process
    from csgrepo.jobs.receipt import PushReceipt

__all__ = ["Command", "WorkerProcess"]

_LOOK_S = (0.01, 0.1)  # between two looks of one who waits: the first, and at most
_UNKNOWN_STATUS = 1  # of a job whose journal is gone: it is not known to have succeeded

_log = logging.getLogger(__name__)


class Command:
    """A push that goes on in the background; every look at it is quick and changes nothing.

    Args:
        journal: where the push is written down.
        job_id: its number there.
        folder: the working copy, as a person would name it.

    Example:
        >>> command = repo.command_queue[-1]  # doctest: +SKIP
        >>> command.wait(timeout=600).failed  # doctest: +SKIP
        False
    """

    def __init__(self, journal: Journal, job_id: int, folder: str) -> None:
        self.id = job_id
        self.journal = journal
        self.folder = folder
        self._done: Job | None = None  # the one state that no resuming changes

    @property
    def job(self) -> Job | None:
        """The push as it is written down now; ``None`` where that cannot be read any more."""
        if self._done is None:
            try:
                job = self.journal.get(self.id)
            except CsgRepoError as error:
                _log.warning("%s", error)
                return None
            if job is None or job.has_ended:
                self.journal.close()  # who only keeps the command keeps no file open
            if job is None or job.state != "done":
                return job
            self._done = job
        return self._done

    @property
    def _carrier(self) -> Job | None:
        """The push that brings the commit to the remote: this one, or what superseded it."""
        job = self.job
        while job is not None and job.state == "superseded" and job.successor is not None:
            job = self._successor(job.successor)
        return job

    def _successor(self, job_id: int) -> Job | None:
        return Command(self.journal, job_id, self.folder).job

    @property
    def title(self) -> str:
        """What is done."""
        job = self.job
        return (job.push.title or f"push {job.push.ref}") if job else f"push {self.id}"

    @property
    def status(self) -> int:
        """-1 while it waits or runs, 0 when done, above 0 when it ended in any other way.

        A signal counts as 128 and its number. One that was superseded goes by its successor, which
        carries its commit too; so do `progress`, `receipt` and `error`.
        """
        job = self._carrier
        if job is None:
            return _UNKNOWN_STATUS
        if job.state not in ENDED:
            return -1
        return _UNKNOWN_STATUS if job.status is None else job.status

    @property
    def is_done(self) -> bool:
        """Whether it ended, well or not."""
        return self.status != -1

    @property
    def failed(self) -> bool:
        """Whether it ended in any other way than a push that the remote confirmed."""
        return self.status > 0

    @property
    def stdout(self) -> str:
        """What was done so far, a line for each step."""
        return log.read_own(self.journal.log_of(self.id))

    @property
    def stderr(self) -> str:
        """What git and the server said so far, and why it failed if it did."""
        said = log.read_said(self.journal.log_of(self.id))
        return f"{said}{self.error}\n" if self.error else said

    @property
    def progress(self) -> Progress:
        """How far it is."""
        job = self._carrier
        return job.progress if job else Progress()

    @property
    def receipt(self) -> PushReceipt | None:
        """The proof that the remote has everything; ``None`` unless it is done."""
        job = self._carrier
        return job.receipt if job else None

    @property
    def error(self) -> str:
        """Why it ended other than well, and what to do; ``""`` otherwise."""
        job = self._carrier
        if job is None:
            return f"What became of the push is not known: the journal of {self.folder} is gone"
        error = job.error
        if job.state == "interrupted":
            error = f"{error}; resume with {self.resume_hint}"
        if job.id != self.id and error:
            error = f"superseded by job {job.id}, which ended without success: {error}"
        return error

    @property
    def resume_hint(self) -> str:
        """The shell command that takes the push up again."""
        return f"csgrepo jobs resume {shlex.quote(self.folder)}"

    @property
    def hindrance(self) -> str:
        """What is in its way and will not go by itself: a process that was stopped; else ``""``."""
        if self.is_done:
            return ""
        worker = self._process.pid_and_more
        if worker is not None and worker.is_stopped:
            its_worker = stopped(worker, f"its worker (process {worker.pid})")
            return f"job {self.id} waits for {its_worker}"
        hindrance = PushLock(self.journal.folder.parent).hindrance
        return f"job {self.id} waits for {hindrance}" if hindrance else ""

    @property
    def _process(self) -> WorkerProcess:
        """The process behind it; under this name because training loops ask for it."""
        return WorkerProcess(self)

    def wait(self, timeout: float | None = None) -> Command:
        """Wait until it ended, well or not; see `failed` for which.

        Args:
            timeout: seconds to wait at most.

        Returns:
            The command itself.

        Raises:
            TimeoutError: it did not end in time; it goes on.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        pause_s, longest_s = _LOOK_S
        while not self.is_done:
            left_s = None if deadline is None else deadline - time.monotonic()
            if left_s is not None and left_s <= 0:
                raise TimeoutError(f"{self.title} goes on after {timeout:g} s; wait for it again")
            time.sleep(pause_s if left_s is None else min(pause_s, left_s))
            pause_s = min(pause_s * 1.5, longest_s)
        return self

    def cancel(self) -> bool:
        """Have it stopped: at once while it waits, else as soon as its worker hears of it.

        Returns:
            Whether there was anything left to stop. A push that was faster is done all the same.
        """
        return self.journal.cancel(self.id)

    def __repr__(self) -> str:
        status = self.status
        code = "running" if status == -1 else str(status)
        state = "in progress." if status == -1 else "finished."
        return f"[{self.title} command, status code: {code}, {state} PID: {self._process.pid}]"


class WorkerProcess:
    """The worker of a push, with the part of ``subprocess.Popen`` that training loops use.

    A worker may have other pushes to do. Those are not lost: another worker takes them up.

    Args:
        command: the push.
    """

    def __init__(self, command: Command) -> None:
        self._command = command

    @property
    def pid(self) -> int | None:
        """The process that carries the push out, did, or will; ``None`` while nobody does."""
        worker = self.pid_and_more
        return worker.pid if worker else None

    @property
    def pid_and_more(self) -> Process | None:
        """The same process, told apart from a later one of that number."""
        return Roster(self._command.journal).worker_of(self._command.id)

    def poll(self) -> int | None:
        """Return the push's status, or ``None`` while it goes on."""
        status = self._command.status
        return None if status == -1 else status

    def terminate(self) -> None:
        """Stop the push: its worker ends in good order, and the push is ``interrupted``."""
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """Stop the push at once: its worker is killed, and the push is ``interrupted``."""
        self._send(getattr(signal, "SIGKILL", signal.SIGTERM))

    def _send(self, number: int) -> None:
        """Signal the worker if it carries out this push; one that waits is cancelled instead."""
        job = self._command.job
        if job is None or job.has_ended:
            return
        worker = self.pid_and_more
        if job.state == "running" and worker is not None:
            worker.send(number)
        else:
            self._command.cancel()
