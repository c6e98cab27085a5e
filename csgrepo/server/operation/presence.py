"""Whether a hub is at work on a folder, and what it holds: for those who look from outside."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from csgrepo.errors import InvalidInput
from csgrepo.server.operation.inventory import Inventory
from csgrepo.server.records.database import DATABASE, Database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Presence", "announce", "look", "sole_use"]

_LOCK = "hub.lock"
_SETTING = "presence"
# Long enough for somebody's look at the lock, which takes it for a moment.
_PATIENCE_S = 0.5
_ANSWER_S = 5.0


@dataclass(frozen=True, slots=True)
class Presence:
    """What was found in a hub's folder.

    Attributes:
        running: whether a hub has the folder in use.
        answers: whether it answers.
        url: the address that its clients use, where one is running.
        pid: its process, where one is running.
        schema: the database's version.
        inventory: what it holds.
    """

    running: bool
    answers: bool
    url: str
    pid: int | None
    schema: int
    inventory: Inventory


@contextlib.contextmanager
def sole_use(root: Path) -> Iterator[None]:
    """Keep other hubs off a folder.

    Raises:
        InvalidInput: another one is using it.
    """
    lock = FileLock(root / _LOCK)
    try:
        lock.acquire(timeout=_PATIENCE_S)
    except Timeout as error:
        raise InvalidInput(f"another hub is using {root}; stop it, or choose a folder") from error
    try:
        yield
    finally:
        lock.release()


def announce(database: Database, url: str, host: str, port: int) -> None:
    """Note where the hub that has the folder can be found."""
    facts = {"url": url, "host": host, "port": port, "pid": os.getpid()}
    database.store_setting(_SETTING, json.dumps(facts).encode())


def look(root: Path) -> Presence:
    """Return what is in a hub's folder and whether a hub is at work on it; nothing is changed.

    Raises:
        InvalidInput: it is no hub's folder.
    """
    if not (root / DATABASE).is_file():
        raise InvalidInput(f"{root} is not a hub's folder: it has no {DATABASE}")
    running = _in_use(root)
    with contextlib.closing(Database(root / DATABASE)) as database:
        facts = json.loads(database.setting(_SETTING, b"{}")) if running else {}
        schema = database.row("PRAGMA user_version")
        return Presence(
            running=running,
            answers=bool(facts) and _answers(facts["host"], facts["port"]),
            url=facts.get("url", ""),
            pid=facts.get("pid"),
            schema=schema[0] if schema else 0,
            inventory=Inventory.of(database),
        )


def _in_use(root: Path) -> bool:
    if not (root / _LOCK).exists():
        return False
    try:
        with FileLock(root / _LOCK, timeout=0):
            return False
    except Timeout:
        return True


def _answers(host: str, port: int) -> bool:
    # An address that stands for all of them is not one to connect to.
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - not bound here
    connection = http.client.HTTPConnection(reached, port, timeout=_ANSWER_S)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
