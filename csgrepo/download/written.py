"""The record of a folder of the user's: whose each file is, and what it was when last looked at.

Every change is made to the record as it is then, so that several processes may share a folder.
What is about to be written is noted before, so that it is known again after a kill.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING

from filelock import FileLock

from csgrepo.cache import TreeFile
from csgrepo.download.content import check_file
from csgrepo.files import atomic, safe_join

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["OWN", "USERS", "Known", "Record", "holds"]

OWN = ".csgrepo"
USERS = ""  # stands where the repository would, for a file that was there before


@dataclass(frozen=True, slots=True)
class Known:
    """What a file was when it was last looked at: content's id, length, time of change, origin."""

    blob: str
    size: int
    mtime_ns: int
    source: str


class Record:
    """What is known of a folder's files.

    Args:
        root: the folder.

    Attributes:
        known: the files that were looked at, by name.
        coming: by name, what calls began to write that have not come to their end.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._path = root / OWN / "written.json"
        self.known: dict[str, Known] = {}
        self.coming: dict[str, list[TreeFile]] = {}
        self._read()

    def facts(self, path: str) -> tuple[int, int, int] | None:
        """Return what is another for a file that was replaced, ``None`` where there is none."""
        with contextlib.suppress(OSError):
            facts = (self._root / path).lstat()
            return facts.st_size, facts.st_mtime_ns, facts.st_ino
        return None

    def unchanged(self, path: str) -> Known | None:
        """Return what a file was when it was last looked at, if it still is that."""
        known, facts = self.known.get(path), self.facts(path)
        return known if known and facts and facts[:2] == (known.size, known.mtime_ns) else None

    def was_coming(self, path: str) -> bool:
        """Tell whether a file is what a call wrote that did not come to its end."""
        return any(holds(self._root / path, file) for file in self.coming.get(path, []))

    @contextlib.contextmanager
    def changing(self) -> Iterator[None]:
        """Let the record be changed as it is now, while no other process changes it."""
        lock = FileLock(self._root / OWN / "lock")
        with contextlib.suppress(OSError, NotImplementedError):  # a file system without locks
            lock.acquire()
        try:
            self._read()
            before = self._encoded()
            yield
            if self._encoded() != before:
                with atomic(self._path) as stream:
                    stream.write(self._encoded())
        finally:
            lock.release()

    def _read(self) -> None:
        self.known, self.coming = {}, {}
        try:
            kept = json.loads(self._path.read_bytes())
            known = {path: Known(*row) for path, row in kept["files"].items()}
            coming = [TreeFile(*row) for row in kept["coming"]]
            for path in [*known, *(file.path for file in coming)]:
                safe_join(self._root, path)
        except (OSError, ValueError, TypeError, AttributeError, KeyError):
            return
        self.known = known
        for file in coming:
            self.coming.setdefault(file.path, []).append(file)

    def _encoded(self) -> bytes:
        files = {path: astuple(known) for path, known in self.known.items()}
        coming = [astuple(file) for waiting in self.coming.values() for file in waiting]
        return json.dumps({"files": files, "coming": coming}, indent=0).encode()


def holds(path: Path, file: TreeFile) -> bool:
    """Tell whether a file has the content of another's description."""
    return path.stat().st_size == file.size and check_file(path, file) is None
