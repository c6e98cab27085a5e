"""Objects kept in another repository on this machine, for ``file://`` remotes and plain paths."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, BinaryIO

from csgrepo import files
from csgrepo.errors import LfsError, ObjectMissing
from csgrepo.git.runner import Git
from csgrepo.lfs.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from csgrepo.lfs.pointer import Pointer
    from csgrepo.lfs.server import Fetch, OnBytes, OnRetry, Send

__all__ = ["LocalServer"]


class LocalServer:
    """The store of another repository.

    Args:
        folder: that repository: a bare one, or a work tree.
    """

    def __init__(self, folder: Path) -> None:
        self.url = str(folder)
        common = folder / Git(folder).text("rev-parse", "--git-common-dir")
        self._store = Store(common / "lfs")

    def lacking(self, pointers: Sequence[Pointer]) -> dict[Pointer, Send]:
        """See `ObjectServer.lacking`."""
        return {
            pointer: functools.partial(self._send, pointer)
            for pointer in pointers
            if not self._store.has(pointer)
        }

    def _send(self, pointer: Pointer, path: Path, on_bytes: OnBytes, _: OnRetry) -> None:
        def write(target: BinaryIO) -> tuple[str, int]:
            with path.open("rb", buffering=0) as source:
                return _copied(source, target, on_bytes)

        self._store.put(pointer, write)

    def offered(self, pointers: Sequence[Pointer]) -> dict[Pointer, Fetch | LfsError]:
        """See `ObjectServer.offered`."""
        return {pointer: self._offer(pointer) for pointer in pointers}

    def _offer(self, pointer: Pointer) -> Fetch | LfsError:
        if self._store.has(pointer):
            return functools.partial(self._fetch, pointer)
        return ObjectMissing(
            pointer.oid,
            f"{self.url} does not have object {pointer.oid[:12]} ({pointer.size} bytes); push it "
            "from a clone that has it",
        )

    def _fetch(self, pointer: Pointer, target: BinaryIO, on_bytes: OnBytes) -> tuple[str, int]:
        with self._store.path(pointer.oid).open("rb", buffering=0) as source:
            return _copied(source, target, on_bytes)


def _copied(
    source: BinaryIO, target: BinaryIO, on_bytes: Callable[[int], object]
) -> tuple[str, int]:
    """Copy and hash; where blocks can be shared, the shared copy is hashed."""
    if files.reflink(source, target):
        return files.hash_stream(source, on_bytes)
    return files.write_hashed(source, target, on_bytes)
