"""Tasks that belong to no one repository: finetune jobs, evaluations and notebooks.

Like deploys they are records: what state one is in follows from when it was started.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from csgrepo.server.deploys.deploys import CRASHING, DeployType, State
from csgrepo.server.http.refusal import Refusal

if TYPE_CHECKING:
    from csgrepo.server.accounts.users import User
    from csgrepo.server.deploys.deploys import Pace
    from csgrepo.server.records.database import Database

__all__ = ["Task", "Tasks"]


@dataclass(frozen=True, slots=True)
class Task:
    """One task; times are seconds since 1970, `started_at` is ``None`` for a stopped notebook."""

    id: int
    type: DeployType
    user_id: int
    namespace: str
    name: str
    service: str
    asked: dict[str, Any]
    started_at: float | None
    created_at: float
    updated_at: float
    pace: Pace = field(repr=False)

    @property
    def _steps(self) -> float:
        """How many states it has been through since it was started."""
        begun = time.time() - (self.started_at or 0)
        return begun / self.pace.step_s if self.pace.step_s else 2.0

    @property
    def state(self) -> State:
        """The state a notebook is in now."""
        if self.started_at is None:
            return State.STOPPED
        return (State.PENDING, State.DEPLOYING, State.RUNNING)[min(int(self._steps), 2)]

    @property
    def phase(self) -> str:
        """How far something is that comes to its end by itself."""
        end = "Failed" if self.asked.get("runtime_framework_id") == CRASHING else "Succeeded"
        return ("Pending", "Running", end)[min(int(self._steps), 2)]

    @property
    def instances(self) -> list[dict[str, str]]:
        """What is at work for a notebook."""
        running = self.state is State.RUNNING
        return [{"name": f"{self.service}-0", "status": "Running"}] if running else []


class Tasks:
    """The tasks of one hub."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self, kind: DeployType, user: User, namespace: str, name: str, asked: dict[str, Any]
    ) -> int:
        """Enter a task that begins to start, and return its number.

        Raises:
            Refusal: 500 DEPLOY-ERR-0, the namespace has a notebook of that name.
        """
        now = time.time()
        values = (kind, user.id, namespace, name, f"t-{secrets.token_hex(8)}", json.dumps(asked))
        try:
            with self._database.change() as connection:
                added = connection.execute(
                    "INSERT INTO tasks VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (*values, now, now, now),
                )
        except sqlite3.IntegrityError as error:
            raise Refusal(500, "DEPLOY-ERR-0") from error
        assert added.lastrowid is not None  # noqa: S101 - a row was inserted
        return added.lastrowid

    def find(self, kind: DeployType, number: int, pace: Pace) -> Task | None:
        """Return the task of that type and number."""
        row = self._database.row("SELECT * FROM tasks WHERE type = ? AND id = ?", kind, number)
        return _task(row, pace) if row else None

    def of_namespace(
        self, kind: DeployType, namespace: str, *, limit: int, offset: int, pace: Pace
    ) -> tuple[list[Task], int]:
        """Return one page of a namespace's tasks, the newest first, and how many there are."""
        rows = self._database.rows(
            "SELECT * FROM tasks WHERE type = ? AND namespace = ? "
            "ORDER BY id DESC LIMIT ? OFFSET ?",
            kind,
            namespace,
            limit,
            offset,
        )
        sql = "SELECT count(*) FROM tasks WHERE type = ? AND namespace = ?"
        total = self._database.row(sql, kind, namespace)
        return [_task(row, pace) for row in rows], total[0] if total else 0

    def start(self, task: Task) -> None:
        """Begin to start, unless it is at work already."""
        if task.started_at is None:
            self._set(task, "started_at", time.time())

    def stop(self, task: Task) -> None:
        """Stop."""
        self._set(task, "started_at", None)

    def change(self, task: Task, asked: dict[str, Any]) -> None:
        """Let it be asked for differently."""
        self._set(task, "asked", json.dumps(asked))

    def delete(self, task: Task) -> None:
        """Strike it out."""
        with self._database.change() as connection:
            connection.execute("DELETE FROM tasks WHERE id = ?", (task.id,))

    def _set(self, task: Task, column: str, value: object) -> None:
        with self._database.change() as connection:
            connection.execute(
                f"UPDATE tasks SET {column} = ?, updated_at = ? WHERE id = ?",  # noqa: S608 - our names
                (value, time.time(), task.id),
            )


def _task(row: sqlite3.Row, pace: Pace) -> Task:
    fields = dict(row)
    kind, asked = DeployType(fields.pop("type")), json.loads(fields.pop("asked"))
    return Task(**fields, type=kind, asked=asked, pace=pace)
