"""The jobs of a working copy, on disk, where every process sees the same.

::

    waiting ──claimed──▶ running ──verified──▶ done
       │                  │  │ └────error────▶ failed ───────┐
       │                  │  └──worker ended─▶ interrupted ──┤
       ├────cancelled─────┴──────────────────▶ cancelled     │
       └────a newer save takes its place─────▶ superseded    │
       ▲                                                     │
       └───────────────────────resumed───────────────────────┘

A job that waits becomes ``interrupted`` too when nobody is left who would take it up. A push that
did all its work before it heard that it was to be cancelled is ``done``: that is the truth. One
that is ``superseded`` has its commit carried by its successor's push, and shares that one's fate.

Finished jobs are forgotten in time, those that could still be resumed much later.
"""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from csgrepo.jobs.database import Database
from csgrepo.jobs.job import CANCELLED, WORKER_GONE, Ending, Job, Progress
from csgrepo.jobs.process import Owner, Process
from csgrepo.jobs.push import Push
from csgrepo.jobs.receipt import PushReceipt
from csgrepo.redact import redact

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterable

    from csgrepo.jobs.job import State

__all__ = ["Journal", "end", "view"]

_LONGEST_ERROR = 8000
# How many are remembered: of those that need nothing more, and of those that could be resumed.
_KEPT = (
    (("done", "cancelled", "superseded"), 200),
    (("failed", "interrupted"), 1000),
)
_FRESH_S = 3600.0  # for so long none is forgotten: its submitter may not have looked yet
_LEFT_ALONE = Ending(
    "interrupted", 1, "Interrupted", "The process that submitted it ended, and so did its worker"
)

# What became of jobs of this process that nobody is left to carry out, where that could not be
# written down: by journal and owner. Other processes see it once this one has ended.
_abandoned: dict[tuple[Path, str], Ending] = {}


class Journal:
    """What is to be pushed from a working copy, and what became of it.

    No file is made before the first job is submitted. Safe for threads and processes.

    Args:
        git_dir: the repository's git directory.
    """

    def __init__(self, git_dir: str | os.PathLike[str]) -> None:
        self.folder = Path(git_dir).absolute() / "csgrepo"
        self.database = Database(self.folder / "journal.db")

    @property
    def exists(self) -> bool:
        """Whether anything was ever submitted here; false again once the clone is removed."""
        return self.database.path.exists()

    @property
    def worker_log(self) -> Path:
        """The file that workers print to when something goes wrong outside a job."""
        return self.folder / "logs" / "worker.log"

    def log_of(self, job_id: int) -> Path:
        """Return the file that holds what was said while a job was carried out."""
        return self.folder / "logs" / f"{job_id}.log"

    def submit(self, push: Push, owner: Owner, supersedes: Collection[int] = ()) -> int:
        """Write down a push; once this returns, it is on the disk.

        Args:
            push: what is to be done.
            owner: whose worker may carry it out.
            supersedes: jobs whose commits this push carries too; those that still wait end here,
                and what they were to do besides becomes this one's to do.

        Returns:
            The job's number.
        """
        with self.database.write(create=True) as rows:
            old = [row for row in _waiting(rows, owner) if row["id"] in supersedes]
            for row in old:
                push = push.taking_over(Push.from_json(row["push"]))
            cursor = rows.execute(
                "INSERT INTO jobs (created, push, state, submitter_pid, owner)"
                " VALUES (?, ?, 'waiting', ?, ?)",
                (time.time(), push.to_json(), os.getpid(), str(owner)),
            )
            assert cursor.lastrowid is not None  # noqa: S101 - a row was inserted
            for row in old:
                _supersede(rows, row["id"], cursor.lastrowid)
            forgotten = _forget_old(rows)
        for job_id in forgotten:
            with contextlib.suppress(OSError):
                self.log_of(job_id).unlink()
        return cursor.lastrowid

    def waiting_of(self, owner: Owner) -> list[Job]:
        """Return the jobs of that owner which nobody has begun, oldest first."""
        with self.database.read() as rows:
            return [_job(row) for row in _waiting(rows, owner)] if rows is not None else []

    def get(self, job_id: int) -> Job | None:
        """Return a job as it is now, or ``None`` where there is none of that number.

        Nothing is written: a job whose worker died is shown as ``interrupted`` whether or not
        anyone has noted it.
        """
        found = self._select("WHERE id = ?", (job_id,))
        return found[0] if found else None

    def jobs(self, *states: State) -> list[Job]:
        """Return the jobs that are in one of these states, or all, in the order of submission."""
        return [job for job in self._select() if not states or job.state in states]

    def look(self) -> list[Job]:
        """Return all jobs, oldest first, and leave the disk as it is; see `Database.untouched`."""
        with self.database.untouched() as rows:
            found = rows.execute("SELECT * FROM jobs ORDER BY id").fetchall() if rows else []
            return [view(rows, row) for row in found] if rows else []

    def cancel(self, job_id: int) -> bool:
        """Have a job stopped: at once unless it runs, else as soon as its worker hears of it.

        Returns:
            Whether there was anything left to stop.
        """
        orphan = None
        with self.database.write() as rows:
            row = rows.execute("SELECT * FROM jobs WHERE id = ?", (job_id,)).fetchone()
            if row is None or row["state"] not in {"waiting", "running", "interrupted"}:
                return False
            if view(rows, row).state == "running":
                rows.execute("UPDATE jobs SET cancel = 1 WHERE id = ?", (job_id,))
            else:
                end(rows, job_id, CANCELLED)
                orphan = row["child"]
        if orphan:  # its worker died, and left git behind
            Process.parse(orphan).stop_group()
        return True

    def is_cancelled(self, job_id: int) -> bool:
        """Whether someone asked for the job to be stopped."""
        with self.database.read() as rows:
            row = rows and rows.execute("SELECT cancel FROM jobs WHERE id = ?", (job_id,))
            found = row.fetchone() if row else None
            return bool(found and found["cancel"])

    def record(self, job_id: int, worker: int, progress: Progress) -> None:
        """Note how far a running job is."""
        with self.database.write(durable=False) as rows:
            rows.execute(
                "UPDATE jobs SET phase = ?, item = ?, done = ?, total = ?, unit = ?, tries = ?,"
                " rate = ? WHERE id = ? AND worker = ? AND state = 'running'",
                (
                    progress.phase,
                    progress.item,
                    progress.done,
                    progress.total,
                    progress.unit,
                    progress.tries,
                    progress.rate,
                    job_id,
                    worker,
                ),
            )

    def record_child(self, job_id: int, worker: int, child: Process) -> None:
        """Note which git a running job started, so that it can be stopped if its worker dies."""
        with self.database.write(durable=False) as rows:
            rows.execute(
                "UPDATE jobs SET child = ? WHERE id = ? AND worker = ? AND state = 'running'",
                (str(child), job_id, worker),
            )

    def finish(self, job_id: int, worker: int, receipt: PushReceipt) -> None:
        """Note that a push is done, with its proof."""
        with self.database.write() as rows:
            rows.execute(
                "UPDATE jobs SET state = 'done', status = 0, ended = ?, receipt = ?, child = NULL,"
                " error_type = '', error = '' WHERE id = ? AND worker = ? AND state = 'running'",
                (time.time(), receipt.to_json(), job_id, worker),
            )

    def fail(self, job_id: int, worker: int, ending: Ending) -> None:
        """Note that a push ended in any other way, and why."""
        with self.database.write() as rows:
            query = "SELECT id FROM jobs WHERE id = ? AND worker = ? AND state = 'running'"
            if rows.execute(query, (job_id, worker)).fetchone():
                end(rows, job_id, ending)

    def abandon(self, owner: Owner, ending: Ending) -> None:
        """Keep in mind how the waiting jobs of this process end, as they cannot be written to."""
        _abandoned[self.database.path, str(owner)] = ending

    def attend(self, owner: Owner) -> None:
        """Have someone there again to carry those jobs out."""
        _abandoned.pop((self.database.path, str(owner)), None)

    def close(self) -> None:
        """Let go of the file; it is opened again when needed."""
        self.database.close()

    def _select(self, where: str = "", values: Iterable[object] = ()) -> list[Job]:
        with self.database.read() as rows:
            if rows is None:
                return []
            query = f"SELECT * FROM jobs {where} ORDER BY id"  # noqa: S608 - `where` is ours
            found = rows.execute(query, tuple(values)).fetchall()
            return [self._as_known(view(rows, row), row["owner"]) for row in found]

    def _as_known(self, job: Job, owner: str) -> Job:
        ending = _abandoned.get((self.database.path, owner))
        return _ended(job, ending) if ending and job.state == "waiting" else job


def end(rows: sqlite3.Connection, job_id: int, ending: Ending) -> None:
    """End a job inside a transaction."""
    error = redact(ending.error)[-_LONGEST_ERROR:]
    rows.execute(
        "UPDATE jobs SET state = ?, status = ?, ended = ?, error_type = ?, error = ?, child = NULL"
        " WHERE id = ?",
        (ending.state, ending.status, time.time(), ending.error_type, error, job_id),
    )


def _waiting(rows: sqlite3.Connection, owner: Owner) -> list[sqlite3.Row]:
    query = "SELECT * FROM jobs WHERE state = 'waiting' AND owner = ? ORDER BY id"
    return rows.execute(query, (str(owner),)).fetchall()


def _supersede(rows: sqlite3.Connection, job_id: int, successor: int) -> None:
    """End a job in favour of another; those that it had taken the place of follow it."""
    rows.execute(
        "UPDATE jobs SET state = 'superseded', ended = ?, successor = ? WHERE id = ?",
        (time.time(), successor, job_id),
    )
    rows.execute(
        "UPDATE jobs SET successor = ? WHERE state = 'superseded' AND successor = ?",
        (successor, job_id),
    )


def _forget_old(rows: sqlite3.Connection) -> list[int]:
    """Remove jobs that ended long ago and return their numbers, so that the file stays small."""
    forgotten: list[int] = []
    for states, kept in _KEPT:
        marks = ", ".join("?" * len(states))
        query = (
            f"SELECT id FROM jobs WHERE state IN ({marks}) AND ended < ? AND id NOT IN"  # noqa: S608
            f" (SELECT id FROM jobs WHERE state IN ({marks}) ORDER BY id DESC LIMIT ?)"
        )
        values = (*states, time.time() - _FRESH_S, *states, kept)
        forgotten += [row["id"] for row in rows.execute(query, values).fetchall()]
    rows.executemany("DELETE FROM jobs WHERE id = ?", [(job_id,) for job_id in forgotten])
    return forgotten


def view(rows: sqlite3.Connection, row: sqlite3.Row) -> Job:
    """Return the job as it is, which is not always what was last written about it."""
    job = _job(row)
    if job.state == "running" and not Process.parse(row["process"]).is_alive:
        return _ended(job, WORKER_GONE)
    if job.state == "waiting" and not _is_expected(rows, row["owner"]):
        return _ended(job, _LEFT_ALONE)
    return job


def _is_expected(rows: sqlite3.Connection, owner: str) -> bool:
    """Whether someone is there to take up the jobs of a process: itself, or its worker."""
    if Owner.parse(owner).process.is_alive:
        return True
    workers = rows.execute("SELECT process FROM workers WHERE owner = ?", (owner,)).fetchall()
    return any(Process.parse(worker["process"]).is_alive for worker in workers)


def _ended(job: Job, ending: Ending) -> Job:
    return replace(
        job,
        state=ending.state,
        status=ending.status,
        error_type=ending.error_type,
        error=ending.error,
    )


def _job(row: sqlite3.Row) -> Job:
    process = Process.parse(row["process"]) if row["process"] else None
    return Job(
        id=row["id"],
        push=Push.from_json(row["push"]),
        state=row["state"],
        status=row["status"],
        progress=Progress(
            phase=row["phase"],
            item=row["item"],
            done=row["done"],
            total=row["total"],
            unit=row["unit"],
            tries=row["tries"],
            rate=row["rate"],
        ),
        error_type=row["error_type"],
        error=row["error"],
        receipt=PushReceipt.from_json(row["receipt"]) if row["receipt"] else None,
        created=row["created"],
        started=row["started"],
        ended=row["ended"],
        runs=row["runs"],
        worker_pid=process.pid if process else None,
        submitter_pid=row["submitter_pid"],
        successor=row["successor"],
    )
