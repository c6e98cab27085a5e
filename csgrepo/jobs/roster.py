"""The workers of a working copy: who works, whose turn it is, and what a worker's end means.

Each process that submits jobs has at most one worker at a time for each of the credentials it acts
with, which carries out the jobs that were submitted with them. The push lock lets one of them work;
among all jobs that anyone is there to carry out, the oldest comes first.
"""

from __future__ import annotations

import os
import secrets
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from csgrepo.jobs.job import WORKER_GONE, Ending
from csgrepo.jobs.journal import end, view
from csgrepo.jobs.process import Owner, Process, signal_name, status_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Collection
    from pathlib import Path

    from csgrepo.jobs.job import Job, State
    from csgrepo.jobs.journal import Journal

__all__ = ["Roster", "Worker"]

_STARTING_S = 10.0  # for so long a process that submitted a job is trusted to start its worker


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker on the roster.

    Attributes:
        id: its number, unlike any other.
        owner: whose jobs it carries out.
    """

    id: int
    owner: Owner


class Roster:
    """Who works on a journal. Each method is one transaction.

    Args:
        journal: the jobs.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._database = journal.database

    def has_worker(self, owner: Owner) -> bool:
        """Whether a worker of that process is alive."""
        with self._database.read() as rows:
            return rows is not None and _live_worker(rows, str(owner)) is not None

    def worker_of(self, job_id: int) -> Process | None:
        """Return the process that carries out a job, or did, or will; ``None`` while unknown."""
        with self._database.read() as rows:
            query = "SELECT state, owner, process FROM jobs WHERE id = ?"
            row = rows.execute(query, (job_id,)).fetchone() if rows else None
            if not rows or not row:
                return None
            if row["state"] == "waiting":
                return _live_worker(rows, row["owner"])
            return Process.parse(row["process"]) if row["process"] else None

    def has_waiting(self, owner: Owner) -> bool:
        """Whether jobs of that process wait."""
        with self._database.read() as rows:
            return rows is not None and _first_waiting(rows, str(owner)) is not None

    def start(self, owner: Owner, start: Callable[[], Process]) -> Worker | None:
        """Start a worker for a process, unless it has one or nothing waits.

        The process is started inside the transaction, so that two callers cannot both do it, and
        a worker that finds itself on the roster knows that its starter has noted it.

        Returns:
            The worker, or ``None`` if none was needed.
        """
        with self._database.write() as rows:
            waiting = _first_waiting(rows, str(owner)) is not None
            if not waiting or _live_worker(rows, str(owner)) is not None:
                return None
            worker = _enter(rows, owner, start())
        self._journal.attend(owner)
        return worker

    def enlist(self) -> Worker:
        """Return the caller's own entry; a worker started by hand gets one with no jobs."""
        mine = Process.mine()
        with self._database.write() as rows:
            for process in (mine, Process.of(os.getppid())):  # a launcher may stand between
                row = rows.execute(
                    "SELECT * FROM workers WHERE process = ?", (str(process),)
                ).fetchone()
                if row:
                    rows.execute(
                        "UPDATE workers SET process = ? WHERE id = ?", (str(mine), row["id"])
                    )
                    return Worker(row["id"], Owner.parse(row["owner"]))
            return _enter(rows, Owner(mine), mine)

    def claim(self, worker: Worker) -> Job | None:
        """Take the next job; the caller holds the push lock.

        Whoever holds the lock knows that all other running jobs have lost their worker: they
        become ``interrupted``, and the git they left behind is stopped.

        Returns:
            The job, or ``None`` when there is nothing to do or it is another's turn.
        """
        with self._database.write() as rows:
            orphans = _interrupt(rows, "state = 'running'")
            row = _next(rows, worker)
            if row is not None:
                rows.execute(
                    "UPDATE jobs SET state = 'running', started = ?, ended = NULL, status = NULL,"
                    " runs = runs + 1, worker = ?, process = ?, child = NULL, phase = '',"
                    " item = '', done = 0, total = NULL, tries = 0, rate = NULL WHERE id = ?",
                    (time.time(), worker.id, str(Process.mine()), row["id"]),
                )
        _stop(orphans)
        return None if row is None else self._journal.get(row["id"])

    def retire(self, worker: Worker) -> bool:
        """Leave, unless there is work: a job is either seen here or starts a worker of its own.

        A worker that is not on the roster any more leaves whatever there is: its clone was
        replaced, or it was taken for dead.

        Returns:
            Whether the worker is off the roster and must go.
        """
        with self._database.write() as rows:
            is_needed = _first_waiting(rows, str(worker.owner)) is not None
            if is_needed and _is_on(rows, worker):
                return False
            rows.execute("DELETE FROM workers WHERE id = ?", (worker.id,))
            return True

    def bury(self, worker: Worker, returncode: int) -> None:
        """Take a worker that ended off the roster.

        The job it had in hand, or else the one it would have taken next, ends ``interrupted``;
        the others wait for the next worker. So each death costs one job, and a worker that cannot
        even start is not started for ever.
        """
        with self._database.write() as rows:
            if not rows.execute("DELETE FROM workers WHERE id = ?", (worker.id,)).rowcount:
                return
            running = "SELECT id FROM jobs WHERE state = 'running' AND worker = ?"
            head = rows.execute(running, (worker.id,)).fetchone()
            head = head or _first_waiting(rows, str(worker.owner))
            ending = _ending(returncode, self._journal.worker_log)
            orphans = _interrupt(rows, "id = ?", head["id"], ending=ending) if head else []
        _stop(orphans)

    def strand(self, owner: Owner, error: BaseException) -> None:
        """End the jobs that wait for a worker which cannot be started.

        Where not even that can be written down, as on a full disk, this process keeps it in mind:
        nobody waits for what nobody does.
        """
        message = f"Its worker could not be started: {error}"
        ending = Ending("interrupted", 1, type(error).__name__, message)
        try:
            with self._database.write() as rows:
                if _live_worker(rows, str(owner)) is None:
                    _interrupt(rows, "state = 'waiting' AND owner = ?", str(owner), ending=ending)
        except OSError:
            self._journal.abandon(owner, ending)

    def resume(
        self,
        owner: Owner,
        ids: Collection[int] | None = None,
        *,
        failed: bool = True,
        dropped: bool = False,
        has_lock: bool = False,
    ) -> list[int]:
        """Put jobs that came to no good end back in the queue, for a worker of the caller's.

        Args:
            owner: the caller.
            ids: which jobs; all that were interrupted or have failed where not given.
            failed: whether those that failed are among them.
            dropped: whether those that were cancelled or superseded are among them.
            has_lock: whether the caller holds the push lock, and so knows that nobody works.

        Returns:
            The jobs' numbers, oldest first.
        """
        with self._database.write() as rows:
            orphans = _interrupt(rows, "state = 'running'") if has_lock else []
            taken = []
            for row in rows.execute("SELECT * FROM jobs ORDER BY id").fetchall():
                wanted = ids is None or row["id"] in ids
                state = view(rows, row).state
                if wanted and (
                    (dropped and state in {"cancelled", "superseded"})
                    or _can_resume(row, state, owner, failed=failed, has_lock=has_lock)
                ):
                    taken.append(row["id"])
                    orphans += _interrupt(rows, "id = ?", row["id"])
            rows.executemany(
                "UPDATE jobs SET state = 'waiting', status = NULL, ended = NULL, cancel = 0,"
                " successor = NULL,"
                " error_type = '', error = '', owner = ? WHERE id = ?",
                [(str(owner), job_id) for job_id in taken],
            )
        _stop(orphans)
        return taken


def _enter(rows: sqlite3.Connection, owner: Owner, process: Process) -> Worker:
    worker = Worker(secrets.randbits(62), owner)
    rows.execute("INSERT INTO workers VALUES (?, ?, ?)", (worker.id, str(owner), str(process)))
    return worker


def _is_on(rows: sqlite3.Connection, worker: Worker) -> bool:
    return bool(rows.execute("SELECT 1 FROM workers WHERE id = ?", (worker.id,)).fetchone())


def _live_worker(rows: sqlite3.Connection, owner: str) -> Process | None:
    found = rows.execute("SELECT process FROM workers WHERE owner = ?", (owner,)).fetchall()
    processes = (Process.parse(row["process"]) for row in found)
    return next((process for process in processes if process.is_alive), None)


def _first_waiting(rows: sqlite3.Connection, owner: str) -> sqlite3.Row | None:
    query = "SELECT * FROM jobs WHERE state = 'waiting' AND owner = ? ORDER BY id LIMIT 1"
    row: sqlite3.Row | None = rows.execute(query, (owner,)).fetchone()
    return row


def _next(rows: sqlite3.Connection, worker: Worker) -> sqlite3.Row | None:
    row = _first_waiting(rows, str(worker.owner))
    if row is None or not _is_on(rows, worker) or _is_anothers_turn(rows, row):
        return None
    return row


def _is_anothers_turn(rows: sqlite3.Connection, row: sqlite3.Row) -> bool:
    """Whether an older job waits that someone on this machine is there to carry out."""
    older = rows.execute(
        "SELECT owner, created FROM jobs WHERE state = 'waiting' AND id < ?", (row["id"],)
    ).fetchall()
    for other in older:
        worker = _live_worker(rows, other["owner"])
        if worker and worker.is_local and not worker.is_stopped:
            return True
        process = Owner.parse(other["owner"]).process
        just_now = time.time() - other["created"] < _STARTING_S
        if just_now and process.is_local and process.is_alive:
            return True
    return False


def _can_resume(
    row: sqlite3.Row, state: State, caller: Owner, *, failed: bool, has_lock: bool
) -> bool:
    if state == "waiting":  # the caller's own, or another machine's that is not at work
        owner = Owner.parse(row["owner"])
        return owner == caller or (has_lock and not owner.process.is_local)
    return state == "interrupted" or (failed and state == "failed")


def _interrupt(
    rows: sqlite3.Connection, where: str, *values: object, ending: Ending = WORKER_GONE
) -> list[Process]:
    """End jobs whose worker is gone; return the git processes that it left behind."""
    query = f"SELECT id, child FROM jobs WHERE {where}"  # noqa: S608 - `where` is ours
    found = rows.execute(query, values).fetchall()
    for row in found:
        end(rows, row["id"], ending)
    return [Process.parse(row["child"]) for row in found if row["child"]]


def _stop(orphans: list[Process]) -> None:
    for orphan in orphans:
        orphan.stop_group()


def _ending(returncode: int, log: Path) -> Ending:
    """Say what the end of a worker means for the job it had in hand."""
    status = status_of(returncode) or 1
    if 0 < status - 128 < signal.NSIG:
        error = f"Worker was killed by {signal_name(status - 128)}"
    else:
        error = f"Worker ended with status {returncode}; {log} may say why"
    return Ending("interrupted", status, "Interrupted", error)
