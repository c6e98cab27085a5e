"""Repositories as a file system of fsspec: ``csg://datasets/wanda/reviews@v1/train.parquet``.

fsspec finds it by the name ``csg``, so that pandas, pyarrow, Dask and others read files of a
repository where they are, and only the parts of them that they need.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

from fsspec import AbstractFileSystem
from fsspec.spec import AbstractBufferedFile

from csgrepo.download.visit import Access, Visit
from csgrepo.errors import InvalidInput, NotFound
from csgrepo.repo_id import RepoType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from csgrepo.cache import Tree, TreeFile

__all__ = ["CsgFileSystem"]

_PLURALS = {kind.rest_plural: kind for kind in RepoType}


class _Place(NamedTuple):
    """What a path names: a repository at a revision, and a path in it."""

    repo_type: RepoType
    repo_id: str
    revision: str | None
    path: str

    @property
    def root(self) -> str:
        """How the repository's paths begin."""
        at = f"@{self.revision.replace('/', '%2F')}" if self.revision else ""
        return f"{self.repo_type.rest_plural}/{self.repo_id}{at}"

    @classmethod
    def of(cls, path: str) -> _Place:
        steps = path.strip("/").split("/")
        kind = _PLURALS.get(steps[0])
        if kind is not None:
            steps = steps[1:]
        if len(steps) < 2:
            raise FileNotFoundError(
                f"csg://{path} names no repository; write csg://datasets/namespace/name/path"
            )
        name, _, revision = steps[1].partition("@")
        inside = "/".join(steps[2:])
        return cls(kind or RepoType.MODEL, f"{steps[0]}/{name}", unquote(revision) or None, inside)


class _Opened(NamedTuple):
    """A repository that was asked for: its files as of then."""

    visit: Visit
    commit: str
    tree: Tree
    folders: Mapping[str, Mapping[str, str]]

    def read(self, file: TreeFile, start: int, end: int) -> bytes:
        """Return the bytes of a file from `start` to before `end`."""
        if start >= end:
            return b""
        if self.visit.folder.has(file):
            with self.visit.folder.blob(file).open("rb") as stream:
                stream.seek(start)
                return stream.read(end - start)
        return self.visit.hosts.first(lambda host: host.span(self.commit, file, start, end))


class CsgFileSystem(AbstractFileSystem):  # type: ignore[misc] # fsspec has no types
    """Reads repositories of a hub.

    A path is ``[<type>/]<namespace>/<name>[@<revision>]/<path>``; the type is ``models`` where not
    given, a slash in a revision is written ``%2F``. Which commit a revision is, is asked when a
    repository is first used, so that all reads are of one state; `invalidate_cache` forgets it.

    Whole files that `snapshot_download` has fetched are read from the cache. Parts of others are
    fetched as they are asked for; a part alone has no digest that it could be checked against.
    Reading is all it does: there is no writing to a repository byte by byte.

    Args:
        endpoint: the hub's address; the environment's where not given.
        token: an access token; ``False`` to be nobody in particular.
        cache_dir: the cache; ``CSGHUB_CACHE`` where not given.
        local_files_only: read what is in the cache, and use no network.
        more: for fsspec.

    Example:
        >>> import pandas  # doctest: +SKIP
        >>> pandas.read_parquet("csg://datasets/wanda/reviews/train.parquet")  # doctest: +SKIP
    """

    protocol = "csg"
    root_marker = ""

    def __init__(
        self,
        endpoint: str | None = None,
        token: str | bool | None = None,
        cache_dir: str | None = None,
        *,
        local_files_only: bool = False,
        **more: Any,
    ) -> None:
        super().__init__(**more)
        self._access = Access(endpoint, token, cache_dir, local_files_only)
        self._lock = threading.RLock()  # guards _opened
        self._opened: dict[str, _Opened] = {}

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        """List a folder, or the one file that the path is."""
        place = _Place.of(self._strip_protocol(path))
        opened = self._at(place)
        if place.path in opened.tree.files:
            found = [self._described(place, opened.tree.files[place.path])]
        elif place.path in opened.folders:
            found = [
                self._described(place, opened.tree.files[inside])
                if kind == "file"
                else {"name": f"{place.root}/{inside}", "size": 0, "type": "directory"}
                for inside, kind in opened.folders[place.path].items()
            ]
        else:
            raise FileNotFoundError(path)
        return found if detail else [entry["name"] for entry in found]

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """Describe a file or a folder."""
        place = _Place.of(self._strip_protocol(path))
        opened = self._at(place)
        if file := opened.tree.files.get(place.path):
            return self._described(place, file)
        if place.path in opened.folders:
            name = f"{place.root}/{place.path}".rstrip("/")
            return {"name": name, "size": 0, "type": "directory"}
        raise FileNotFoundError(path)

    def cat_file(
        self, path: str, start: int | None = None, end: int | None = None, **_: Any
    ) -> bytes:
        """Return a file's bytes, or those from `start` to before `end`."""
        opened, file = self._found(_Place.of(self._strip_protocol(path)))
        first, last, _step = slice(start, end).indices(file.size)
        return opened.read(file, first, last)

    def invalidate_cache(self, path: str | None = None) -> None:
        """Forget which commits the revisions were."""
        with self._lock:
            if path is None:
                self._opened.clear()
            else:
                self._opened.pop(_Place.of(self._strip_protocol(path)).root, None)
        super().invalidate_cache(path)

    def _open(self, path: str, mode: str = "rb", **more: Any) -> _File:
        if mode != "rb":
            raise InvalidInput(
                f"csg://{path} can be read only; write the file on this disk and commit it"
            )
        return _File(self, path, *self._found(_Place.of(path)), **more)

    def _found(self, place: _Place) -> tuple[_Opened, TreeFile]:
        opened = self._at(place)
        file = opened.tree.files.get(place.path)
        if file is None:
            raise FileNotFoundError(f"csg://{place.root}/{place.path}")
        return opened, file

    def _at(self, place: _Place) -> _Opened:
        with self._lock:
            if place.root not in self._opened:
                visit = Visit(self._access, place.repo_id, place.repo_type, place.revision)
                try:
                    commit = visit.commit()
                    tree = visit.tree(commit)
                except NotFound as error:
                    raise FileNotFoundError(f"csg://{place.root}: {error}") from error
                self._opened[place.root] = _Opened(visit, commit, tree, _folders(tree))
            return self._opened[place.root]

    @staticmethod
    def _described(place: _Place, file: TreeFile) -> dict[str, Any]:
        name = f"{place.root}/{file.path}"
        return {"name": name, "size": file.size, "type": "file", "ETag": file.blob}


class _File(AbstractBufferedFile):  # type: ignore[misc] # fsspec has no types
    """A file of a repository, read in parts."""

    def __init__(
        self, fs: CsgFileSystem, path: str, opened: _Opened, file: TreeFile, **more: Any
    ) -> None:
        self._opened = opened
        self._file = file
        more["size"] = file.size
        super().__init__(fs, path, "rb", **more)

    def _fetch_range(self, start: int, end: int) -> bytes:
        return self._opened.read(self._file, start, min(end, self._file.size))


def _folders(tree: Tree) -> dict[str, dict[str, str]]:
    """Return what is in each folder: the paths, and whether they are files or folders."""
    folders: dict[str, dict[str, str]] = {"": {}}
    for path in tree.files:
        kind = "file"
        while path:
            parent = path.rpartition("/")[0]
            known = path in folders.get(parent, {})
            folders.setdefault(parent, {})[path] = kind
            if known:
                break
            path, kind = parent, "directory"  # noqa: PLW2901 - climbing
    return folders
