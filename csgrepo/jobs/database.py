"""The SQLite file below the journal: opened when needed, one writer at a time, kept up to date."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from csgrepo.errors import DiskFull, GitError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Database"]

_BUSY_TIMEOUT_S = 30.0

# A step brings a file of the version before it up to date; a step that was released never changes.
_STEPS = (
    """
    CREATE TABLE jobs (
        id            INTEGER PRIMARY KEY AUTOINCREMENT,
        created       REAL NOT NULL,
        started       REAL,
        ended         REAL,
        push          TEXT NOT NULL,
        state         TEXT NOT NULL CHECK (state IN
                      ('waiting', 'running', 'done', 'failed', 'cancelled', 'interrupted')),
        status        INTEGER,
        phase         TEXT NOT NULL DEFAULT '',
        item          TEXT NOT NULL DEFAULT '',
        done          INTEGER NOT NULL DEFAULT 0,
        total         INTEGER,
        unit          TEXT NOT NULL DEFAULT 'B',
        tries         INTEGER NOT NULL DEFAULT 0,
        rate          REAL,
        error_type    TEXT NOT NULL DEFAULT '',
        error         TEXT NOT NULL DEFAULT '',
        receipt       TEXT,
        runs          INTEGER NOT NULL DEFAULT 0,
        cancel        INTEGER NOT NULL DEFAULT 0,  -- someone asked the worker to stop it
        submitter_pid INTEGER NOT NULL,
        owner         TEXT NOT NULL,               -- the process whose worker may carry it out
        worker        INTEGER,                     -- the worker that carries it out, or did
        process       TEXT,                        -- that worker's process
        child         TEXT                         -- the git it started last
    );
    CREATE INDEX jobs_by_state ON jobs (state, id);
    CREATE TABLE workers (
        id      INTEGER PRIMARY KEY,               -- random: a clone may be made anew
        owner   TEXT NOT NULL,
        process TEXT NOT NULL
    );
    """,
    # A job may be superseded, and names the job that took its place.
    """
    ALTER TABLE jobs RENAME TO jobs_before;
    CREATE TABLE jobs (
        id            INTEGER PRIMARY KEY AUTOINCREMENT,
        created       REAL NOT NULL,
        started       REAL,
        ended         REAL,
        push          TEXT NOT NULL,
        state         TEXT NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'failed',
                      'cancelled', 'interrupted', 'superseded')),
        status        INTEGER,
        successor     INTEGER,
        phase         TEXT NOT NULL DEFAULT '',
        item          TEXT NOT NULL DEFAULT '',
        done          INTEGER NOT NULL DEFAULT 0,
        total         INTEGER,
        unit          TEXT NOT NULL DEFAULT 'B',
        tries         INTEGER NOT NULL DEFAULT 0,
        rate          REAL,
        error_type    TEXT NOT NULL DEFAULT '',
        error         TEXT NOT NULL DEFAULT '',
        receipt       TEXT,
        runs          INTEGER NOT NULL DEFAULT 0,
        cancel        INTEGER NOT NULL DEFAULT 0,
        submitter_pid INTEGER NOT NULL,
        owner         TEXT NOT NULL,
        worker        INTEGER,
        process       TEXT,
        child         TEXT
    );
    INSERT INTO jobs (id, created, started, ended, push, state, status, phase, item, done, total,
                      unit, tries, rate, error_type, error, receipt, runs, cancel, submitter_pid,
                      owner, worker, process, child)
        SELECT id, created, started, ended, push, state, status, phase, item, done, total,
               unit, tries, rate, error_type, error, receipt, runs, cancel, submitter_pid,
               owner, worker, process, child FROM jobs_before;
    DROP TABLE jobs_before;
    CREATE INDEX jobs_by_state ON jobs (state, id);
    """,
)


class _Connection(sqlite3.Connection):
    """A connection that knows which file it opened, by device and inode."""

    file: tuple[int, int] | None


class Database:
    """A SQLite file that appears with the first write and is safe for threads and processes.

    Reading never waits for a writer in this process: the two have a connection each. A forked
    child opens its own.

    Args:
        path: the file; its folder is made with it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._forget()

    def _forget(self) -> None:
        self._pid = os.getpid()
        self._reading = threading.RLock()  # guards _reader
        self._writing = threading.RLock()  # guards _writer
        self._reader: _Connection | None = None
        self._writer: _Connection | None = None
        self._inherited: list[_Connection | None] = []

    def _notice_fork(self) -> None:
        """Leave a parent's connections alone: using or closing one would disturb the parent."""
        if self._pid != os.getpid():
            inherited = [*self._inherited, self._reader, self._writer]
            self._forget()
            self._inherited = inherited

    @contextlib.contextmanager
    def read(self) -> Iterator[sqlite3.Connection | None]:
        """Give a connection to read from, or ``None`` while there is no file.

        Raises:
            GitError: the file cannot be read.
        """
        self._notice_fork()
        with self._reading, self._errors():
            self._reader = self._unless_replaced(self._reader)
            if self._reader is None and self.path.exists():
                self._reader = self._open_to_read()
            yield self._reader

    @contextlib.contextmanager
    def write(self, *, durable: bool = True, create: bool = False) -> Iterator[sqlite3.Connection]:
        """Give a connection inside a transaction that no other writer shares.

        Leaving the block commits; an exception rolls back.

        Args:
            durable: whether it must survive a power cut, which costs a flush of the disk.
            create: make the file if there is none. Without it a clone that was removed stays
                removed, whatever is noted about it afterwards.

        Raises:
            DiskFull: there is no room.
            GitError: the file cannot be written.
        """
        self._notice_fork()
        with self._writing, self._errors():
            self._writer = self._unless_replaced(self._writer)
            if self._writer is None:
                self._writer = self._open_to_write(create=create)
            connection = self._writer
            connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def untouched(self) -> Iterator[sqlite3.Connection | None]:
        """Give a connection that changes nothing on the disk, and brings no file up to date.

        ``None`` where there is no file, or one of another release. Beside a process that is at
        work SQLite keeps a note of its readers in the file that both share.

        Raises:
            GitError: the file cannot be read.
        """
        if not self.path.exists():
            yield None
            return
        log = self.path.with_name(self.path.name + "-wal")
        is_alone = _is_empty(log) or not self.path.with_name(self.path.name + "-shm").exists()
        with self._errors():
            connection = self._connect("immutable=1" if is_alone else "mode=ro")
            try:
                version = connection.execute("PRAGMA user_version").fetchone()[0]
                yield connection if version == len(_STEPS) else None
            finally:
                connection.close()

    def close(self) -> None:
        """Let go of the file; it is opened again when needed."""
        self._notice_fork()
        with self._writing:  # one after the other: who writes may read meanwhile
            if self._writer is not None:
                self._writer.close()
            self._writer = None
        with self._reading:
            if self._reader is not None:
                self._reader.close()
            self._reader = None

    def _unless_replaced(self, connection: _Connection | None) -> _Connection | None:
        """Drop a connection whose file is gone: the clone was removed, perhaps made anew."""
        if connection is None or connection.file == _identity(self.path):
            return connection
        connection.close()
        return None

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            if "disk is full" in str(error):
                raise DiskFull(str(self.path), "the journal of background pushes") from error
            raise GitError(
                f"the journal of background pushes, {self.path}, cannot be used: {error}. Commits "
                "are safe in git; if the file is damaged, remove it and push again."
            ) from error

    def _open_to_read(self) -> _Connection:
        try:
            connection = self._connect("mode=rw")
            version = self._check_version(connection)
        except sqlite3.OperationalError:  # a file system that may only be read
            connection = self._connect("immutable=1")
            version = self._check_version(connection)
        if version < len(_STEPS):  # made by an older release, or this very moment
            connection.close()
            self._upgrade()
            connection = self._connect("mode=rw")
        return connection

    def _open_to_write(self, *, create: bool) -> _Connection:
        if not self.path.exists():
            if not create:
                raise GitError(f"the journal of background pushes, {self.path}, is gone")
            self._create()
        connection = self._connect("mode=rw")
        if self._check_version(connection) < len(_STEPS):
            connection.close()
            self._upgrade()
            connection = self._connect("mode=rw")
        return connection

    def _create(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._upgrade()
        except OSError as error:
            raise GitError(
                f"the journal of background pushes, {self.path}, cannot be made ({error}); push "
                "with blocking=True, or from a clone that can be written"
            ) from error

    def _connect(self, mode: str) -> _Connection:
        connection = sqlite3.connect(
            f"{self.path.as_uri()}?{mode}",
            uri=True,
            timeout=_BUSY_TIMEOUT_S,
            isolation_level=None,  # transactions are begun and ended here, not by the module
            check_same_thread=False,
            factory=_Connection,
        )
        connection.file = _identity(self.path)
        connection.row_factory = sqlite3.Row
        return connection

    def _check_version(self, connection: sqlite3.Connection) -> int:
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > len(_STEPS):
            connection.close()
            raise GitError(
                f"the journal of background pushes, {self.path}, was written by a newer csgrepo; "
                "upgrade csgrepo to use this clone"
            )
        return version

    def _upgrade(self) -> None:
        """Create the file, or bring it up to date, one process at a time."""
        with FileLock(self.path.with_name("journal.lock")):
            is_new = _is_empty(self.path)
            try:
                self._apply_steps("WAL" if is_new else None)
            except sqlite3.OperationalError:
                if not is_new:
                    raise
                # WAL needs shared memory, which some network file systems do not have; they may
                # say so only at the first write, with the file already marked.
                for suffix in ("", "-wal"):
                    self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
                self._apply_steps("DELETE")

    def _apply_steps(self, journal_mode: str | None) -> None:
        with contextlib.closing(self._connect("mode=rwc")) as connection:
            if journal_mode:
                connection.execute(f"PRAGMA journal_mode = {journal_mode}")
            for number in range(self._check_version(connection), len(_STEPS)):
                connection.executescript(
                    f"BEGIN IMMEDIATE; {_STEPS[number]} PRAGMA user_version = {number + 1}; COMMIT"
                )


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _is_empty(path: Path) -> bool:
    """Whether nothing was written yet; a creator that was killed leaves an empty file."""
    try:
        return path.stat().st_size == 0
    except FileNotFoundError:
        return True
