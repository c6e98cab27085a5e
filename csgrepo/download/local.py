"""Plain files in a folder of the user's, brought up to date by what changed.

Which files it wrote, with which content and as of which time, is kept in ``.csgrepo/`` there.
Anything else in the folder is the user's: it is read at most, to see whether it is the wanted file
already, and never written or removed.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from csgrepo.cache.links import copied
from csgrepo.download.content import check_file
from csgrepo.download.fleet import bring
from csgrepo.errors import InvalidInput
from csgrepo.files import atomic, safe_join

if TYPE_CHECKING:
    import os
    from collections.abc import Collection, Iterable, Sequence

    from csgrepo.cache import TreeFile
    from csgrepo.download.visit import Visit

__all__ = ["LocalFolder"]

_OWN = ".csgrepo"


@dataclass(frozen=True, slots=True)
class _Written:
    """What a file was when it was written: its content's id, its length, its time of change."""

    blob: str
    size: int
    mtime_ns: int


class LocalFolder:
    """A folder of the user's.

    Args:
        root: the folder; made when something is to go there.

    Attributes:
        root: the folder, from the disk's root.
        written: what earlier calls wrote.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = Path(root).expanduser().absolute()
        self.parts = self.root / _OWN / "parts"
        self._record = self.root / _OWN / "written.json"
        self.written = self._read()

    def path(self, file: TreeFile) -> Path:
        """Return where a file is, or is to be.

        Raises:
            UnsafePath: its name leads outside, or through a link.
        """
        return safe_join(self.root, file.path)

    def stale(self, files: Iterable[TreeFile]) -> list[TreeFile]:
        """Return the files that are not there with the right content.

        Raises:
            InvalidInput: something that was not downloaded is in the place of one.
        """
        found, in_the_way = [], []
        for file in files:
            if file.path.split("/", 1)[0] == _OWN:
                raise InvalidInput(f"{file.path}: {_OWN}/ is where this folder's record is kept")
            path = self.path(file)
            if not path.exists() and not path.is_symlink():
                found.append(file)
            elif self._untouched(file.path):
                if self.written[file.path].blob != file.blob:
                    found.append(file)
            elif not path.is_file() or path.is_symlink() or not _is(path, file):
                in_the_way.append(file.path)
        if in_the_way:
            shown = ", ".join(in_the_way[:5]) + (", …" if len(in_the_way) > 5 else "")
            raise InvalidInput(
                f"{self.root} has other content of its own for {shown}; nothing was changed. Move "
                "it away, or choose another folder"
            )
        return found

    def update(
        self,
        visit: Visit,
        commit: str,
        files: Sequence[TreeFile],
        *,
        workers: int,
        force: bool = False,
        progress: bool = False,
        gone: Collection[str] = (),
    ) -> None:
        """Bring files up to date, and remove those that are gone, if they are as they were written.

        Raises:
            InvalidInput: something that was not downloaded is in the way; nothing was changed.
            NotCached: a file is not in the cache, and the network may not be used.
        """
        stale = self.stale(files)
        needed = list(files) if force else stale
        cached = [] if force else [file for file in needed if visit.folder.has(file)]
        fetched = [file for file in needed if file not in cached]
        if fetched and visit.offline:
            raise visit.missing([file.path for file in fetched])
        for file in needed:
            self.path(file).parent.mkdir(parents=True, exist_ok=True)
        self.parts.mkdir(parents=True, exist_ok=True)
        try:
            for file in cached:
                copied(visit.folder.blob(file), self.path(file))
            if fetched:
                bring(
                    visit.hosts,
                    commit,
                    fetched,
                    self.path,
                    self.parts,
                    workers=workers,
                    force=True,
                    progress=progress,
                )
        finally:
            # What came is ours even if another file failed.
            self._keep({f.path: f for f in files}, before=stale)
        self._remove(gone)

    def _untouched(self, path: str) -> bool:
        """Tell whether a file is still as it was written."""
        known = self.written.get(path)
        if known is None:
            return False
        with contextlib.suppress(OSError):
            facts = (self.root / path).lstat()
            return (facts.st_size, facts.st_mtime_ns) == (known.size, known.mtime_ns)
        return False

    def _keep(self, files: dict[str, TreeFile], before: Collection[TreeFile]) -> None:
        """Record the files that are there now with the content that was wanted."""
        changed = {file.path for file in before}
        for path, file in files.items():
            with contextlib.suppress(OSError):
                facts = (self.root / path).lstat()
                old = self.written.get(path)
                unchanged = old and (old.size, old.mtime_ns) == (facts.st_size, facts.st_mtime_ns)
                if unchanged and path in changed:
                    continue  # it was to be replaced, and was not
                if facts.st_size == file.size:
                    self.written[path] = _Written(file.blob, file.size, facts.st_mtime_ns)
        self._write()

    def _remove(self, gone: Iterable[str]) -> None:
        removed = [path for path in gone if self._untouched(path)]
        for path in removed:
            (self.root / path).unlink(missing_ok=True)
            del self.written[path]
        if removed:
            self._write()

    def _read(self) -> dict[str, _Written]:
        try:
            rows = json.loads(self._record.read_bytes())
            return {
                path: _Written(*row) for path, row in rows.items() if safe_join(self.root, path)
            }
        except (OSError, ValueError, TypeError, AttributeError):
            return {}

    def _write(self) -> None:
        rows = {path: [w.blob, w.size, w.mtime_ns] for path, w in self.written.items()}
        with atomic(self._record) as stream:
            stream.write(json.dumps(rows, indent=0).encode())


def _is(path: Path, file: TreeFile) -> bool:
    return path.stat().st_size == file.size and check_file(path, file) is None
