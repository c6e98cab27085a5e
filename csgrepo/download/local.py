"""Plain files in a folder of the user's, brought up to date by what changed.

Which files it wrote, with which content, as of which time and out of which repository, is kept in
``.csgrepo/`` there, and before that which ones it is about to write: those of a process that was
killed are known again. Anything else in the folder is the user's: it is read at most, to see
whether it is the wanted file already, and never written or removed.
"""

from __future__ import annotations

import contextlib
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from csgrepo.cache.links import copied
from csgrepo.download.fleet import bring
from csgrepo.download.written import OWN, USERS, Known, Record, holds
from csgrepo.errors import InvalidInput
from csgrepo.files import safe_join

if TYPE_CHECKING:
    import os
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from csgrepo.cache import TreeFile
    from csgrepo.download.visit import Visit

__all__ = ["LocalFolder"]


class LocalFolder:
    """A folder of the user's.

    Args:
        root: the folder; made when something is to go there.

    Attributes:
        root: the folder, from the disk's root.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = Path(root).expanduser().absolute()
        self.parts = self.root / OWN / "parts"
        self._record = Record(self.root)

    def path(self, file: TreeFile) -> Path:
        """Return where a file is, or is to be.

        Raises:
            UnsafePath: its name leads outside, or through a link.
        """
        return safe_join(self.root, file.path)

    def gone(self, visit: Visit, names: Collection[str]) -> frozenset[str]:
        """Return what earlier calls wrote out of a repository, and a revision of it has no more.

        What was changed since is left out: it is the user's now.

        Args:
            visit: the repository.
            names: the names of all files that the revision has.
        """
        source = _source(visit)
        written = [path for path, known in self._record.known.items() if known.source == source]
        return frozenset(p for p in written if p not in names and self._record.unchanged(p))

    def stale(
        self, files: Iterable[TreeFile], gone: Collection[str] = frozenset()
    ) -> list[TreeFile]:
        """Return the files that are not there with the right content.

        Args:
            files: which.
            gone: what will be removed, and is in no file's way.

        Raises:
            InvalidInput: something that was not downloaded is in the place of one.
        """
        if self.root.exists() and not self.root.is_dir():
            raise InvalidInput(f"{self.root} is a file, and cannot hold any; choose another folder")
        found: list[TreeFile] = []
        in_the_way: list[TreeFile] = []
        folders: dict[Path, bool] = {}  # those asked for, and whether they can be folders
        for file in files:
            if file.path.split("/", 1)[0] == OWN:
                raise InvalidInput(f"{file.path}: {OWN}/ is where this folder's record is kept")
            path = self.path(file)
            if not self._can_be_folder(path.parent, folders, gone):
                in_the_way.append(file)
            elif (not path.exists() and not path.is_symlink()) or self._holds_only(path, gone):
                found.append(file)
            elif known := self._record.unchanged(file.path):
                if known.blob != file.blob:
                    (found if known.source else in_the_way).append(file)
            elif not path.is_file() or path.is_symlink():
                in_the_way.append(file)
            elif not holds(path, file):
                (found if self._record.was_coming(file.path) else in_the_way).append(file)
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
        gone: Collection[str] = frozenset(),
    ) -> None:
        """Bring files up to date, and remove those that are gone, if they are as they were written.

        Args:
            visit: the repository, and where to have them from.
            commit: the commit they are in.
            files: which.
            workers: how many connections at most.
            force: fetch those too that are there.
            progress: show bars on standard error.
            gone: what is to be removed; see `gone`.

        Raises:
            InvalidInput: something that was not downloaded is in the way; nothing was changed.
            NotCached: a file is not in the cache, and the network may not be used.
        """
        source = _source(visit)
        stale = self.stale(files, gone)
        needed = list(files) if force else stale
        cached = [] if force else [file for file in needed if visit.folder.has(file)]
        fetched = [file for file in needed if file not in cached]
        if fetched and visit.offline:
            raise visit.missing([file.path for file in fetched])
        before = {file.path: self._record.facts(file.path) for file in needed}
        self.parts.mkdir(parents=True, exist_ok=True)
        with self._record.changing():
            for file in needed:
                if file not in (waiting := self._record.coming.setdefault(file.path, [])):
                    waiting.append(file)
        self._remove(self._in_the_way(needed, gone))
        for file in needed:
            self.path(file).parent.mkdir(parents=True, exist_ok=True)
        try:
            for file in cached:
                copied(visit.folder.blob(file), self.path(file))
            if fetched:
                first = {file.blob: file for file in reversed(fetched)}
                bring(
                    visit.hosts,
                    commit,
                    list(first.values()),
                    self.path,
                    self.parts,
                    workers=workers,
                    force=True,
                    progress=progress,
                )
                for file in fetched:
                    if file is not first[file.blob]:
                        copied(self.path(first[file.blob]), self.path(file))
        finally:
            # What came is ours even if another file failed.
            with self._record.changing():
                self._keep(files, source, before)
        self._remove(gone)

    def _can_be_folder(self, path: Path, known: dict[Path, bool], gone: Collection[str]) -> bool:
        """Tell whether nothing but folders, and what will be gone, is in the way of a folder."""
        if path == self.root:
            return True
        if path not in known:
            known[path] = self._can_be_folder(path.parent, known, gone) and (
                path.is_dir() or not path.exists() or self._name(path) in gone
            )
        return known[path]

    def _holds_only(self, path: Path, gone: Collection[str]) -> bool:
        """Tell whether a path is a folder in which everything will be gone."""
        if not gone or path.is_symlink() or not path.is_dir():
            return False
        inside = [below for below in path.rglob("*") if below.is_symlink() or not below.is_dir()]
        return all(self._name(below) in gone for below in inside)

    def _name(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

    def _keep(
        self,
        files: Iterable[TreeFile],
        source: str,
        before: Mapping[str, tuple[int, int, int] | None],
    ) -> None:
        """Note the files that are there now with the content that was wanted."""
        for file in files:
            facts = self._record.facts(file.path)
            if file.path in before:
                came = facts is not None and facts != before[file.path]
                if not came:
                    continue  # it was to be replaced, and was not
            elif known := self._record.unchanged(file.path):
                came = bool(known.source)
            else:  # it was found to be right
                came = file in self._record.coming.get(file.path, [])
            if facts and facts[0] == file.size:
                owner = source if came else USERS
                self._record.known[file.path] = Known(file.blob, file.size, facts[1], owner)
                self._record.coming.pop(file.path, None)

    def _in_the_way(self, files: Iterable[TreeFile], gone: Collection[str]) -> list[str]:
        """Return what has to be removed first: files in a folder's place, or below a file's."""
        if not gone:
            return []
        names = {file.path for file in files}
        folders = {str(step) for name in names for step in PurePosixPath(name).parents}
        return [
            path
            for path in gone
            if path in folders or not names.isdisjoint(map(str, PurePosixPath(path).parents))
        ]

    def _remove(self, gone: Iterable[str]) -> None:
        """Remove files that are as they were written, and the folders that are empty then."""
        if not gone:
            return
        with self._record.changing():
            for path in gone:
                if self._record.unchanged(path):
                    (self.root / path).unlink(missing_ok=True)
                    self._record.known.pop(path, None)
                    for folder in PurePosixPath(path).parents[:-1]:
                        with contextlib.suppress(OSError):  # something else is in it
                            (self.root / folder).rmdir()


def _source(visit: Visit) -> str:
    """Return what tells a repository from all others, on whichever hub."""
    return "/".join(visit.folder.root.parts[-4:])
