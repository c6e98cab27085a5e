"""Plain files in a folder of the user's, brought up to date by what changed.

Which files it wrote, with which content, as of which time and out of which repository, is kept in
``.csgrepo/`` there, and before that which ones it is about to write: those of a process that was
killed are known again. Anything else in the folder is the user's: it is read at most, to see
whether it is the wanted file already, and never written or removed.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from csgrepo.cache import TreeFile
from csgrepo.cache.links import copied
from csgrepo.download.content import check_file
from csgrepo.download.fleet import bring
from csgrepo.errors import InvalidInput
from csgrepo.files import atomic, safe_join

if TYPE_CHECKING:
    import os
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from csgrepo.download.visit import Visit

__all__ = ["LocalFolder"]

_OWN = ".csgrepo"
_USERS = ""  # stands where the repository would, for a file that was there before


@dataclass(frozen=True, slots=True)
class _Known:
    """What a file was when it was last looked at: content's id, length, time of change, origin."""

    blob: str
    size: int
    mtime_ns: int
    source: str


class LocalFolder:
    """A folder of the user's.

    Args:
        root: the folder; made when something is to go there.

    Attributes:
        root: the folder, from the disk's root.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = Path(root).expanduser().absolute()
        self.parts = self.root / _OWN / "parts"
        self._record = self.root / _OWN / "written.json"
        self._known: dict[str, _Known] = {}
        self._coming: dict[str, list[TreeFile]] = {}
        self._read()

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
        if self.root.exists() and not self.root.is_dir():
            raise InvalidInput(f"{self.root} is a file, and cannot hold any; choose another folder")
        found: list[TreeFile] = []
        in_the_way: list[TreeFile] = []
        folders: dict[Path, bool] = {}  # those asked for, and whether they can be folders
        for file in files:
            if file.path.split("/", 1)[0] == _OWN:
                raise InvalidInput(f"{file.path}: {_OWN}/ is where this folder's record is kept")
            path = self.path(file)
            if not _can_be_folder(path.parent, self.root, folders):
                in_the_way.append(file)
            elif not path.exists() and not path.is_symlink():
                found.append(file)
            elif known := self._unchanged(file.path):
                if known.blob != file.blob:
                    (found if known.source else in_the_way).append(file)
            elif not path.is_file() or path.is_symlink():
                in_the_way.append(file)
            elif not _is(path, file):
                (found if self._was_coming(file.path) else in_the_way).append(file)
        if in_the_way:
            names = [file.path for file in in_the_way]
            shown = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
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
        all_names: Collection[str] | None = None,
    ) -> None:
        """Bring files up to date, and remove those that are gone, if they are as they were written.

        Args:
            visit: the repository, and where to have them from.
            commit: the commit they are in.
            files: which.
            workers: how many connections at most.
            force: fetch those too that are there.
            progress: show bars on standard error.
            all_names: the names of all files that the revision has; what an earlier call wrote out
                of the same repository under any other name is gone. Not given, nothing is.

        Raises:
            InvalidInput: something that was not downloaded is in the way; nothing was changed.
            NotCached: a file is not in the cache, and the network may not be used.
        """
        source = "/".join(visit.folder.root.parts[-4:])
        stale = self.stale(files)
        needed = list(files) if force else stale
        cached = [] if force else [file for file in needed if visit.folder.has(file)]
        fetched = [file for file in needed if file not in cached]
        if fetched and visit.offline:
            raise visit.missing([file.path for file in fetched])
        before = {file.path: self._facts(file.path) for file in needed}
        self.parts.mkdir(parents=True, exist_ok=True)
        with self._changing():
            for file in needed:
                if file not in (waiting := self._coming.setdefault(file.path, [])):
                    waiting.append(file)
        for file in needed:
            self.path(file).parent.mkdir(parents=True, exist_ok=True)
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
            with self._changing():
                self._keep(files, source, before)
        if all_names is not None:
            self._remove(source, all_names)

    def _facts(self, path: str) -> tuple[int, int, int] | None:
        """Return what is another for a file that was replaced, ``None`` where there is none."""
        with contextlib.suppress(OSError):
            facts = (self.root / path).lstat()
            return facts.st_size, facts.st_mtime_ns, facts.st_ino
        return None

    def _unchanged(self, path: str) -> _Known | None:
        """Return what a file was when it was last looked at, if it still is that."""
        known, facts = self._known.get(path), self._facts(path)
        return known if known and facts and facts[:2] == (known.size, known.mtime_ns) else None

    def _was_coming(self, path: str) -> bool:
        """Tell whether a file is what a call wrote that did not come to its end."""
        return any(_is(self.root / path, file) for file in self._coming.get(path, []))

    def _keep(
        self,
        files: Iterable[TreeFile],
        source: str,
        before: Mapping[str, tuple[int, int, int] | None],
    ) -> None:
        """Note the files that are there now with the content that was wanted."""
        for file in files:
            facts = self._facts(file.path)
            if file.path in before:
                came = facts is not None and facts != before[file.path]
                if not came:
                    continue  # it was to be replaced, and was not
            elif known := self._unchanged(file.path):
                came = bool(known.source)
            else:  # it was found to be right
                came = file in self._coming.get(file.path, [])
            if facts and facts[0] == file.size:
                owner = source if came else _USERS
                self._known[file.path] = _Known(file.blob, file.size, facts[1], owner)
                self._coming.pop(file.path, None)

    def _remove(self, source: str, all_names: Collection[str]) -> None:
        gone = [p for p, known in self._known.items() if known.source == source]
        removed = [path for path in gone if path not in all_names and self._unchanged(path)]
        if not removed:
            return
        with self._changing():
            for path in removed:
                (self.root / path).unlink(missing_ok=True)
                self._known.pop(path, None)

    @contextlib.contextmanager
    def _changing(self) -> Iterator[None]:
        """Let the record be changed as it is now, while no other process changes it."""
        lock = FileLock(self.root / _OWN / "lock")
        with contextlib.suppress(OSError, NotImplementedError):  # a file system without locks
            lock.acquire()
        try:
            self._read()
            before = self._encoded()
            yield
            if self._encoded() != before:
                with atomic(self._record) as stream:
                    stream.write(self._encoded())
        finally:
            lock.release()

    def _read(self) -> None:
        self._known, self._coming = {}, {}
        try:
            kept = json.loads(self._record.read_bytes())
            known = {path: _Known(*row) for path, row in kept["files"].items()}
            coming = [TreeFile(*row) for row in kept["coming"]]
            for path in [*known, *(file.path for file in coming)]:
                safe_join(self.root, path)
        except (OSError, ValueError, TypeError, AttributeError, KeyError):
            return
        self._known = known
        for file in coming:
            self._coming.setdefault(file.path, []).append(file)

    def _encoded(self) -> bytes:
        files = {path: astuple(known) for path, known in self._known.items()}
        coming = [astuple(file) for waiting in self._coming.values() for file in waiting]
        return json.dumps({"files": files, "coming": coming}, indent=0).encode()


def _can_be_folder(path: Path, root: Path, known: dict[Path, bool]) -> bool:
    """Tell whether nothing but folders is in the way of a folder below the root."""
    if path == root:
        return True
    if path not in known:
        known[path] = _can_be_folder(path.parent, root, known) and (
            path.is_dir() or not path.exists()
        )
    return known[path]


def _is(path: Path, file: TreeFile) -> bool:
    return path.stat().st_size == file.size and check_file(path, file) is None
