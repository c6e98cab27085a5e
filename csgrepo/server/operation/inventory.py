"""What a hub holds, in numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from csgrepo.server.repos.kinds import Kind

if TYPE_CHECKING:
    from csgrepo.server.records.database import Database

__all__ = ["Inventory"]


@dataclass(frozen=True, slots=True)
class Inventory:
    """The numbers of one moment.

    Attributes:
        users: accounts.
        organizations: organizations.
        repositories: for each type, how many.
        objects: LFS objects that their clients have verified.
        object_bytes: their sizes together.
    """

    users: int
    organizations: int
    repositories: dict[str, int]
    objects: int
    object_bytes: int

    @classmethod
    def of(cls, database: Database) -> Inventory:
        """Count."""
        kinds = database.rows("SELECT kind, count(*) AS count FROM namespaces GROUP BY kind")
        names = {row["kind"]: row["count"] for row in kinds}
        types = database.rows("SELECT type, count(*) AS count FROM repositories GROUP BY type")
        found = {row["type"]: row["count"] for row in types}
        stored = database.row("SELECT count(*), coalesce(sum(size), 0) FROM lfs_objects")
        objects, size = tuple(stored) if stored else (0, 0)
        return cls(
            users=names.get("user", 0),
            organizations=names.get("organization", 0),
            repositories={kind.value: found.get(kind.value, 0) for kind in Kind},
            objects=objects,
            object_bytes=size,
        )
