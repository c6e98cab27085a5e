"""How large branches are, measured in the background and kept for the next who asks."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from csgrepo.lfs.pointer import MAX_POINTER_BYTES, Pointer
from csgrepo.server.git import walk

if TYPE_CHECKING:
    from csgrepo.server.git.gitstore import GitStore
    from csgrepo.server.records.database import Database
    from csgrepo.server.repos.kinds import Kind

__all__ = ["Sizes"]


class Sizes:
    """The measured sizes of one hub's branches.

    Args:
        database: where they are kept.
        store: the repositories.
    """

    def __init__(self, database: Database, store: GitStore) -> None:
        self._database = database
        self._store = store
        self._lock = threading.Lock()  # guards _measuring
        self._measuring: set[tuple[int, str]] = set()

    def known(self, repository_id: int, branch: str) -> tuple[str, int, int] | None:
        """Return a branch's commit when it was measured, its whole size and that of its tip.

        The whole is every version of every file, large ones counted with their content; the tip is
        what a checkout holds.
        """
        row = self._database.row(
            "SELECT sha, total, tip FROM sizes WHERE repository_id = ? AND branch = ?",
            repository_id,
            branch,
        )
        return (row["sha"], row["total"], row["tip"]) if row else None

    def unmeasured(self, kind: Kind, limit: int) -> list[int]:
        """Return the numbers of repositories that changed since they were measured, if they were.

        Measured means their default branches.
        """
        rows = self._database.rows(
            "SELECT id FROM repositories WHERE type = ? AND NOT EXISTS (SELECT 1 FROM sizes "
            "WHERE repository_id = repositories.id AND branch = default_branch "
            "AND measured_at >= updated_at) LIMIT ?",
            kind.value,
            limit,
        )
        return [row["id"] for row in rows]

    def measure(self, repository_id: int, branch: str, sha: str) -> None:
        """Measure a branch at a commit, unless someone is at it already."""
        key = (repository_id, branch)
        with self._lock:
            if key in self._measuring:
                return
            self._measuring.add(key)
        try:
            began = time.time()
            total, tip = self._whole(repository_id, sha), self._tip(repository_id, sha)
            with self._database.note() as connection:
                connection.execute(
                    "INSERT OR REPLACE INTO sizes "
                    "SELECT id, ?, ?, ?, ?, ? FROM repositories WHERE id = ?",  # if it still exists
                    (branch, sha, total, tip, began, repository_id),
                )
        finally:
            with self._lock:
                self._measuring.discard(key)

    def _tip(self, repository_id: int, sha: str) -> int:
        listed = self._store.tree(repository_id, sha, recursive=True)
        return sum(entry.pointer.size if entry.pointer else entry.size for entry in listed)

    def _whole(self, repository_id: int, sha: str) -> int:
        git = self._store.git(repository_id)
        blobs = list(walk.blobs(git, walk.reachable(git, [sha])))
        small = [oid for oid, size in blobs if size <= MAX_POINTER_BYTES]
        pointers = {oid: Pointer.parse(content) for oid, content in walk.contents(git, small)}
        large = {found.oid: found.size for found in pointers.values() if found}
        plain = sum(size for oid, size in blobs if not pointers.get(oid))
        return plain + sum(large.values())
