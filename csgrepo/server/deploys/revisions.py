"""The versions of a model that one deploy serves side by side, each with a share of traffic."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from csgrepo.server.deploys.deploys import State
from csgrepo.server.http.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from csgrepo.server.deploys.deploys import Deploy
    from csgrepo.server.records.database import Database

__all__ = ["Revision", "Revisions", "shares"]

_ALL = 100
_STEPS = 37  # has no divisor in common with 100: the shares are mixed, and exact after 100


@dataclass(frozen=True, slots=True)
class Revision:
    """A commit that is served; `percent` of the questions go to it."""

    deploy_id: int
    commit: str
    percent: int
    created_at: float

    @property
    def name(self) -> str:
        """What it is called among the instances."""
        return f"revision-{self.deploy_id}-{self.commit[:10]}"

    def ready(self, deploy: Deploy) -> bool:
        """Tell whether it can be asked: it takes as long to come up as the deploy did."""
        waited = time.time() - self.created_at
        return deploy.state is State.RUNNING and waited >= 2 * deploy.pace.step_s


def shares(before: Mapping[str, int], commit: str, percent: int) -> dict[str, int]:
    """Return the shares once one commit gets so much, taken from those that have most.

    Example:
        >>> shares({"a": 70, "b": 30}, "c", 50)
        {'a': 20, 'b': 30, 'c': 50}
    """
    found = dict(before)
    missing = percent - (_ALL - sum(found.values()))
    while missing > 0:
        largest = max(found, key=lambda name: found[name])
        taken = min(missing, found[largest])
        found[largest] -= taken
        missing -= taken
    return {**found, commit: percent}


class Revisions:
    """The versions that the deploys of one hub serve."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, deploy: Deploy) -> list[Revision]:
        """Return what a deploy serves, the oldest first."""
        rows = self._database.rows(
            "SELECT * FROM revisions WHERE deploy_id = ? ORDER BY created_at, commit_id", deploy.id
        )
        return [Revision(*row) for row in rows]

    def begin(self, deploy_id: int, commit: str) -> None:
        """Let a deploy serve one commit and nothing else."""
        with self._database.change() as connection:
            connection.execute("DELETE FROM revisions WHERE deploy_id = ?", (deploy_id,))
            connection.execute(
                "INSERT INTO revisions VALUES (?, ?, ?, ?)", (deploy_id, commit, _ALL, time.time())
            )

    def add(self, deploy: Deploy, commit: str, percent: int) -> None:
        """Let a deploy serve one more commit.

        Raises:
            Refusal: 500, it does so already, or has no replica left for it.
        """
        known = {one.commit: one.percent for one in self.of(deploy)}
        if len(known) >= deploy.settings.max_replica:
            raise Refusal(500, "RUNNER-ERR-0")
        try:
            with self._database.change() as connection:
                connection.execute(
                    "INSERT INTO revisions VALUES (?, ?, 0, ?)", (deploy.id, commit, time.time())
                )
        except sqlite3.IntegrityError as error:
            raise Refusal(500, "RUNNER-ERR-2") from error
        self._share(deploy, shares(known, commit, percent))

    def share(self, deploy: Deploy, wanted: Mapping[str, int]) -> None:
        """Give every commit its share; those that are not named get nothing.

        Raises:
            Refusal: 500, one is not served, or not ready; 400, the shares do not add up to 100.
        """
        known = {one.commit: one for one in self.of(deploy)}
        for commit, percent in wanted.items():
            if commit not in known:
                raise Refusal(500, "SERVERLESS-ERR-4")
            if percent and not known[commit].ready(deploy):
                raise Refusal(500, "RUNNER-ERR-3")
        if sum(wanted.values()) != _ALL:
            raise Refusal(400, "SERVERLESS-ERR-7")
        self._share(deploy, {**dict.fromkeys(known, 0), **wanted})

    def remove(self, deploy: Deploy, commit: str) -> None:
        """Serve a commit no longer.

        Raises:
            Refusal: 500, it is not served, or has a share of the traffic.
        """
        known = {one.commit: one.percent for one in self.of(deploy)}
        if commit not in known:
            raise Refusal(500, "SERVERLESS-ERR-4")
        if known[commit]:
            raise Refusal(500, "RUNNER-ERR-4")
        with self._database.change() as connection:
            connection.execute(
                "DELETE FROM revisions WHERE deploy_id = ? AND commit_id = ?", (deploy.id, commit)
            )

    def turn(self, deploy: Deploy, number: int) -> Revision | None:
        """Return which one answers the question of that number; ``None`` where none is known."""
        place = number * _STEPS % _ALL
        for one in self.of(deploy):
            place -= one.percent
            if place < 0:
                return one
        return None

    def _share(self, deploy: Deploy, wanted: Mapping[str, int]) -> None:
        with self._database.change() as connection:
            connection.executemany(
                "UPDATE revisions SET percent = ? WHERE deploy_id = ? AND commit_id = ?",
                [(percent, deploy.id, commit) for commit, percent in wanted.items()],
            )
