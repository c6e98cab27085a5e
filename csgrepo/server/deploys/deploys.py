"""Models that were set to work, and notebooks for finetuning: records with a state.

There are no machines behind them. A deploy goes through the states of the real thing as time
passes; what state it is in follows from when it was started and used, so that a restart of the
hub changes nothing.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
from dataclasses import asdict, dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

from csgrepo.server.http.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from csgrepo.server.accounts.users import User
    from csgrepo.server.records.database import Database
    from csgrepo.server.repos.catalogue import Repository

__all__ = ["CRASHING", "Deploy", "DeployType", "Deploys", "Pace", "Settings", "State"]

CRASHING = 3  # the number of the framework that never gets to work


class DeployType(IntEnum):
    """What a deploy is for; the contract's numbers."""

    SPACE = 0
    INFERENCE = 1
    FINETUNE = 2
    SERVERLESS = 3
    EVALUATION = 4
    NOTEBOOK = 5
    JOB = 6


class State(IntEnum):
    """The contract's states; several numbers there share a name."""

    PENDING = 0
    DEPLOYING = 20
    RUNNING = 23
    RUNTIME_ERROR = 24
    SLEEPING = 25
    STOPPED = 26

    @property
    def word(self) -> str:
        """The state as it travels."""
        return self.name.title().replace("_", "")


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast things go, in seconds.

    Attributes:
        step_s: from one state to the next while a deploy starts.
        sleep_s: until a deploy that may have no replica sleeps when nobody uses it.
        status_s: between two events of a status stream; the first comes after this time too.
        heartbeat_s: between two signs of life of a log stream.
        clock: tells the time that deploys go by, in seconds since 1970.
    """

    step_s: float = 1.0
    sleep_s: float = 300.0
    status_s: float = 10.0
    heartbeat_s: float = 30.0
    clock: Callable[[], float] = time.time


@dataclass(frozen=True, slots=True)
class Settings:
    """What the caller asked for; all but the resource and the framework may be left out."""

    resource_id: int
    runtime_framework_id: int
    cluster_id: str = ""
    env: str = ""
    min_replica: int = 1
    max_replica: int = 1
    revision: str = ""
    secure_level: int = 2
    entrypoint: str = ""
    engine_args: str = ""
    variables: str = ""


@dataclass(frozen=True, slots=True)
class Deploy:
    """One deploy; times are seconds since 1970, `started_at` is ``None`` for a stopped one."""

    id: int
    type: DeployType
    repository_id: int
    user_id: int
    namespace: str
    name: str
    service: str
    settings: Settings
    started_at: float | None
    used_at: float | None
    created_at: float
    updated_at: float
    pace: Pace = field(repr=False)

    @property
    def state(self) -> State:
        """The state it is in now."""
        if self.started_at is None:
            return State.STOPPED
        now = self.pace.clock()
        steps = (now - self.started_at) / self.pace.step_s if self.pace.step_s else 2.0
        if steps < 1:
            return State.PENDING
        if steps < 2:
            return State.DEPLOYING
        if self.settings.runtime_framework_id == CRASHING:
            return State.RUNTIME_ERROR
        idle = now - max(self.started_at, self.used_at or 0)
        if self.settings.min_replica == 0 and idle > self.pace.sleep_s:
            return State.SLEEPING
        return State.RUNNING

    @property
    def trouble(self) -> tuple[str, str]:
        """Reason and message, where it has failed."""
        if self.state is State.RUNTIME_ERROR:
            return "CrashLoopBackOff", "the container exited with code 1"
        return "", ""

    @property
    def instances(self) -> list[dict[str, str]]:
        """The replicas that are at work."""
        if self.state is not State.RUNNING:
            return []
        count = max(1, self.settings.min_replica)
        return [{"name": f"{self.service}-{n}", "status": "Running"} for n in range(count)]


class Deploys:
    """The deploys of one hub."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.pace = Pace()

    def create(
        self,
        kind: DeployType,
        repository: Repository,
        user: User,
        *,
        namespace: str,
        name: str,
        settings: Settings,
    ) -> int:
        """Enter a deploy that begins to start, and return its number.

        Raises:
            Refusal: 500 DEPLOY-ERR-0, the namespace has one of that type and name.
        """
        now = self.pace.clock()
        service = f"u-{namespace.lower()}-{secrets.token_hex(5)}"
        asked = json.dumps(asdict(settings))
        try:
            with self._database.change() as connection:
                added = connection.execute(
                    "INSERT INTO deploys (type, repository_id, user_id, namespace, name, service, "
                    "settings, started_at, created_at, updated_at) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (kind, repository.id, user.id, namespace, name, service, asked, now, now, now),
                )
        except sqlite3.IntegrityError as error:
            raise Refusal(500, "DEPLOY-ERR-0") from error
        assert added.lastrowid is not None  # noqa: S101 - a row was inserted
        return added.lastrowid

    def find(self, kind: DeployType | None, number: int) -> Deploy | None:
        """Return the deploy of that number, and of that type where one is given."""
        row = self._database.row("SELECT * FROM deploys WHERE id = ?", number)
        found = self._deploy(row) if row else None
        return found if found and kind in {None, found.type} else None

    def serving(self, service: str) -> Deploy | None:
        """Return the deploy behind an endpoint's name."""
        row = self._database.row("SELECT * FROM deploys WHERE service = ?", service)
        return self._deploy(row) if row else None

    def all(self) -> list[Deploy]:
        """Return all deploys, the newest first."""
        rows = self._database.rows("SELECT * FROM deploys ORDER BY id DESC")
        return [self._deploy(row) for row in rows]

    def of_repository(self, kind: DeployType, repository: Repository) -> list[Deploy]:
        """Return a repository's deploys, the newest first."""
        sql = "SELECT * FROM deploys WHERE type = ? AND repository_id = ? ORDER BY id DESC"
        return [self._deploy(row) for row in self._database.rows(sql, kind, repository.id)]

    def of_namespace(
        self, kind: DeployType, namespace: str | None, limit: int, offset: int
    ) -> tuple[list[Deploy], int]:
        """Return one page of a namespace's deploys or of all, newest first, and their number."""
        where = "FROM deploys WHERE type = ? AND namespace = coalesce(?, namespace)"
        rows = self._database.rows(
            f"SELECT * {where} ORDER BY id DESC LIMIT ? OFFSET ?",
            kind,
            namespace,
            limit,
            offset,
        )
        total = self._database.row(f"SELECT count(*) {where}", kind, namespace)
        return [self._deploy(row) for row in rows], total[0] if total else 0

    def change(self, deploy: Deploy, name: str, settings: Settings) -> None:
        """Give a deploy another name and other settings.

        Raises:
            Refusal: 500 DEPLOY-ERR-0, the name is taken.
        """
        try:
            self._set(deploy, name=name, settings=json.dumps(asdict(settings)))
        except sqlite3.IntegrityError as error:
            raise Refusal(500, "DEPLOY-ERR-0") from error

    def start(self, deploy: Deploy) -> None:
        """Begin to start, unless it is at work already."""
        if deploy.started_at is None or deploy.state is State.RUNTIME_ERROR:
            self._set(deploy, started_at=self.pace.clock())

    def stop(self, deploy: Deploy) -> None:
        """Stop."""
        self._set(deploy, started_at=None)

    def use(self, deploy: Deploy) -> None:
        """Note that it was used just now, which wakes it and keeps it awake."""
        self._set(deploy, used_at=self.pace.clock())

    def delete(self, deploy: Deploy) -> None:
        """Strike it out."""
        with self._database.change() as connection:
            connection.execute("DELETE FROM deploys WHERE id = ?", (deploy.id,))

    def _set(self, deploy: Deploy, **values: object) -> None:
        fields = ", ".join(f"{name} = ?" for name in values)
        with self._database.change() as connection:
            connection.execute(
                f"UPDATE deploys SET {fields}, updated_at = ? WHERE id = ?",  # noqa: S608 - our names
                (*values.values(), self.pace.clock(), deploy.id),
            )

    def _deploy(self, row: sqlite3.Row) -> Deploy:
        fields = dict(row)
        settings = Settings(**json.loads(fields.pop("settings")))
        kind = DeployType(fields.pop("type"))
        return Deploy(**fields, type=kind, settings=settings, pace=self.pace)
