"""The hub's database: one SQLite file, brought up to date, and short transactions."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import threading
import time
from typing import TYPE_CHECKING

from csgrepo.errors import DiskFull, InvalidInput
from csgrepo.server.records.schema import STEPS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["DATABASE", "SCHEMA_VERSION", "Database", "damage"]

logger = logging.getLogger("csgrepo.server")

DATABASE = "hub.sqlite3"  # its name in a hub's folder
SCHEMA_VERSION = len(STEPS)
_PATIENCE_S = 60.0  # with others who have the file open; a step that is synced may take its time


@contextlib.contextmanager
def damage(path: Path) -> Iterator[None]:
    """Turn what SQLite says of a file that is no database, or a broken one, into `InvalidInput`."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        if type(error) is not sqlite3.DatabaseError:  # busy, full and the like, which pass
            raise
        raise InvalidInput(
            f"{path} is damaged, or is no hub's database ({error}). Nothing was changed; serve a "
            "backup of the folder instead, or give the hub another folder."
        ) from error


class Database:
    """One connection, shared by threads that take turns.

    The journal is a write-ahead log with full synchronisation: what was answered with success is
    there after a power cut.

    Raises:
        InvalidInput: the file is damaged, or was written by a later version of this library.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()  # guards _connection
        self._path = path
        # For its owner's eyes only; SQLite gives the files beside it the same permissions.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        self._connection = sqlite3.connect(
            path, timeout=_PATIENCE_S, check_same_thread=False, isolation_level=None
        )
        self._connection.row_factory = sqlite3.Row
        try:
            with damage(path):
                self._prepare(path)
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self, path: Path) -> None:
        self._write_ahead()
        for pragma in ("synchronous = FULL", "foreign_keys = ON"):
            self._connection.execute(f"PRAGMA {pragma}")
        version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise InvalidInput(
                f"{path} was written by a later csgrepo (schema {version}, this one knows "
                f"{SCHEMA_VERSION}); update csgrepo, or give the hub another folder"
            )
        while self._advance():
            pass

    def _write_ahead(self) -> None:
        """Switch to the write-ahead log.

        Of two that switch at once SQLite refuses one at once, however long its timeout is: each
        waits for the other to stop reading.
        """
        until = time.monotonic() + _PATIENCE_S
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > until:
                    raise
                time.sleep(0.01)
            else:
                return

    def _advance(self) -> bool:
        """Take the next step, and tell whether there was one; another process may do the same."""
        with self.change() as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version == SCHEMA_VERSION:
                return False
            for statement in STEPS[version].split(";\n"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {version + 1}")
            return True

    def rows(self, sql: str, *values: object) -> list[sqlite3.Row]:
        """Return all rows of a query."""
        with self._lock:
            return self._connection.execute(sql, values).fetchall()

    def row(self, sql: str, *values: object) -> sqlite3.Row | None:
        """Return the first row of a query, if there is one."""
        with self._lock:
            found: sqlite3.Row | None = self._connection.execute(sql, values).fetchone()
            return found

    @contextlib.contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """Run a transaction: all of it happens, or on an exception none.

        Raises:
            DiskFull: there is no room for it.
        """
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException as error:
                if self._connection.in_transaction:  # SQLite ends some of those that fail itself
                    self._connection.execute("ROLLBACK")
                if isinstance(error, sqlite3.OperationalError) and "disk is full" in str(error):
                    raise DiskFull(str(self._path)) from error
                raise

    @contextlib.contextmanager
    def note(self) -> Iterator[sqlite3.Connection]:
        """Run a transaction that nothing depends on: a full disk is no reason to stop for it."""
        try:
            with self.change() as connection:
                yield connection
        except DiskFull as error:
            logger.warning("not noted: %s", error)

    def setting(self, name: str, default: bytes) -> bytes:
        """Return a stored setting; the default is stored and returned the first time."""
        with self.change() as connection:
            connection.execute("INSERT OR IGNORE INTO settings VALUES (?, ?)", (name, default))
            found = connection.execute("SELECT value FROM settings WHERE name = ?", (name,))
            return bytes(found.fetchone()[0])

    def store_setting(self, name: str, value: bytes) -> None:
        """Store a setting over what it was."""
        with self.change() as connection:
            connection.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, value))

    def close(self) -> None:
        """Close the file; nothing may be asked afterwards."""
        with self._lock:
            self._connection.close()
