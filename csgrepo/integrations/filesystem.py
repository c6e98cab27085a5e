"""Repositories as a file system of fsspec: ``csg://datasets/wanda/reviews@v1/train.parquet``.

fsspec finds it by the name ``csg``, so that pandas, pyarrow, Dask and others read files of a
repository where they are, and only the parts of them that they need.
"""

from __future__ import annotations

import contextlib
import os
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

from fsspec import AbstractFileSystem
from fsspec.spec import AbstractBufferedFile

from csgrepo.cache import is_commit
from csgrepo.download import file_download
from csgrepo.download.visit import Access, Visit
from csgrepo.errors import InvalidInput, NotFound
from csgrepo.hub import CommitOperationAdd, CommitOperationDelete, HubApi
from csgrepo.integrations.drafts import Change, Changes, Content, Draft, Removal
from csgrepo.integrations.place import Place, canonical

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from csgrepo.cache import Tree, TreeFile

__all__ = ["CsgFileSystem"]


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
    """Reads repositories of a hub, and writes to them.

    A path is ``[<type>/]<namespace>/<name>[@<revision>]/<path>``; the type is ``models`` where not
    given, a slash in a revision is written ``%2F``. Which commit a revision is, is asked when a
    repository is first used, so that all reads are of one state; `invalidate_cache` forgets it.

    Whole files that `snapshot_download` has fetched are read from the cache. Parts of others are
    fetched as they are asked for; a part alone has no digest that it could be checked against.

    What is written is kept on this disk until the file is closed, and then committed to the branch;
    the result is what the hub says it has. `put`, `rm`, `cp`, `mv` and `pipe` make one commit for
    all that they do, and so does ``with fs.transaction:`` for all that is done in it. If it fails,
    or an exception ends it, the branch stays as it was. There are no empty folders: making one does
    nothing.

    Args:
        endpoint: the hub's address; the environment's where not given.
        token: an access token; ``False`` to be nobody in particular.
        cache_dir: the cache; ``CSGHUB_CACHE`` where not given.
        local_files_only: read what is in the cache, and use no network.
        more: for fsspec.

    Example:
        >>> import pandas  # doctest: +SKIP
        >>> pandas.read_parquet("csg://datasets/wanda/reviews/train.parquet")  # doctest: +SKIP
        >>> fs = fsspec.filesystem("csg")  # doctest: +SKIP
        >>> with fs.transaction:  # doctest: +SKIP
        ...     fs.put("out/", "wanda/bert/", recursive=True)
        ...     fs.rm("wanda/bert/old.bin")
    """

    protocol = "csg"
    transaction_type = Changes
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
        self._own = threading.local()  # what a call of this thread gathers to commit at once

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        """Return a path as `ls` shows it, the type of its repository named."""
        plain = super()._strip_protocol(path)
        return [canonical(p) for p in plain] if isinstance(plain, list) else canonical(plain)

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        """List a folder, or the one file that the path is."""
        place = Place.of(self._strip_protocol(path))
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
        place = Place.of(self._strip_protocol(path))
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
        opened, file = self._found(Place.of(self._strip_protocol(path)))
        first, last, _step = slice(start, end).indices(file.size)
        return opened.read(file, first, last)

    def invalidate_cache(self, path: str | None = None) -> None:
        """Forget which commits the revisions were."""
        with self._lock:
            if path is None:
                self._opened.clear()
            else:
                self._opened.pop(Place.of(self._strip_protocol(path)).root, None)
        super().invalidate_cache(path)

    def put_file(
        self, lpath: str, rpath: str, callback: Any = None, mode: str = "overwrite", **_: Any
    ) -> None:
        """Commit a file of this disk."""
        if os.path.isdir(lpath):
            return
        if mode == "create" and self.exists(rpath):
            raise FileExistsError(rpath)
        size = os.path.getsize(lpath)
        self._do(Content(self._writable(rpath), lpath))
        if callback is not None:
            callback.set_size(size)
            callback.relative_update(size)

    def put(self, *args: Any, **more: Any) -> None:
        """Commit files of this disk, all at once; as fsspec's own `put`."""
        with self._together():
            super().put(*args, **more)

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **_: Any) -> None:
        """Commit bytes as a file."""
        if mode == "create" and self.exists(path):
            raise FileExistsError(path)
        self._do(Content(self._writable(path), bytes(value)))

    def pipe(self, *args: Any, **more: Any) -> None:
        """Commit bytes, for many files all at once; as fsspec's own `pipe`."""
        with self._together():
            super().pipe(*args, **more)

    def rm_file(self, path: str) -> None:
        """Commit that a file goes."""
        place = self._writable(path)
        self._found(place)
        self._do(Removal(place))

    def rm(
        self, path: str | list[str], recursive: bool = False, maxdepth: int | None = None
    ) -> None:
        """Commit that files go, all at once; a folder only if `recursive`."""
        found = self.expand_path(path, recursive=recursive, maxdepth=maxdepth)
        files = [name for name in found if self.isfile(name)]
        if not files and not recursive:
            for name in found:
                self.info(name)  # which says so if there is no such thing
            raise IsADirectoryError(f"{path} is a folder; pass recursive=True to remove it")
        with self._together():
            for name in files:
                self.rm_file(name)

    def cp_file(self, path1: str, path2: str, **_: Any) -> None:
        """Commit a copy of a file, every byte of it checked; in another repository, too."""
        place = Place.of(self._strip_protocol(path1))
        if self.isdir(path1):
            return
        self._do(Content(self._writable(path2), self._whole(place)))

    def copy(self, *args: Any, **more: Any) -> None:
        """Commit copies of files, all at once; as fsspec's own `copy`."""
        with self._together():
            super().copy(*args, **more)

    def mv(self, *args: Any, **more: Any) -> None:
        """Commit that files have other names; as fsspec's own `mv`."""
        with self._together():
            super().mv(*args, **more)

    def commit(self, changes: Sequence[Change]) -> None:
        """Commit changes: those to one branch together, and all of them or none.

        Raises:
            FileNotFoundError: no such repository or branch, or a file that is to go is not there.
            InvalidInput: a ``.gitignore`` there leaves a file out.
            HubHTTPError, TransferError: see `HubApi.create_commit`.
        """
        branches: dict[str, dict[str, Change]] = {}
        for change in changes:
            branches.setdefault(change.place.root, {})[change.place.path] = change
        for by_path in branches.values():
            wanted = {path: change.operation() for path, change in by_path.items()}
            operations = [operation for operation in wanted.values() if operation]
            if operations:
                self._commit(next(iter(by_path.values())).place, operations)
        for change in changes:
            change.discard()

    def _commit(
        self, place: Place, operations: Sequence[CommitOperationAdd | CommitOperationDelete]
    ) -> None:
        with HubApi(self._access.endpoint, self._access.token) as api:
            try:
                made = api.create_commit(
                    place.repo_id,
                    operations,
                    commit_message=_message(operations),
                    repo_type=place.repo_type,
                    revision=place.revision,
                )
            except NotFound as error:
                raise FileNotFoundError(f"csg://{place.root}: {error}") from error
        with self._lock:
            for root, opened in list(self._opened.items()):
                if str(opened.visit.repo) == place.repo_id:
                    del self._opened[root]
        if made.ignored:
            raise InvalidInput(
                f"csg://{place.root}: its .gitignore leaves out {', '.join(made.ignored)}; "
                "everything else was committed"
            )

    def _do(self, change: Change) -> None:
        """Commit a change now, or with the others of the call or the transaction."""
        gathered = getattr(self._own, "changes", None)
        if self._intrans:
            self.transaction.files.append(change)
        elif gathered is not None:
            gathered.append(change)
        else:
            self.commit([change])

    @contextlib.contextmanager
    def _together(self) -> Iterator[None]:
        """Make one commit of all that is done within, or leave it to the transaction around it."""
        if self._intrans or getattr(self._own, "changes", None) is not None:
            yield
            return
        # Not a transaction: what another thread writes meanwhile must not become part of it.
        changes = self._own.changes = list[Change]()
        try:
            yield
        finally:
            self._own.changes = None
        self.commit(changes)

    def _open(
        self, path: str, mode: str = "rb", *, autocommit: bool = True, **more: Any
    ) -> _File | Draft:
        if mode == "rb":
            return _File(self, path, *self._found(Place.of(path)), **more)
        if mode not in {"wb", "xb", "ab"}:
            raise InvalidInput(f"csg://{path} cannot be opened as {mode!r}; use rb, wb, xb or ab")
        place = self._writable(path)
        there = mode != "wb" and self.exists(path)
        if there and mode == "xb":
            raise FileExistsError(f"csg://{path}")
        beginning = self._whole(place) if there else None
        return Draft(place, self.commit, at_once=autocommit, beginning=beginning)

    def _writable(self, path: str) -> Place:
        """Return what a path names, if a commit can put something there.

        Raises:
            InvalidInput: it is at a commit, or the network may not be used.
            IsADirectoryError: it names a repository, not a file.
            UnsafePath: git keeps that name for itself, or it leads outside.
        """
        place = Place.of(self._strip_protocol(path))
        if not place.path:
            raise IsADirectoryError(f"csg://{path} is a repository; name a file in it")
        if self._access.offline:
            raise InvalidInput(f"csg://{path} cannot be written: the network may not be used")
        if place.revision and is_commit(place.revision):
            raise InvalidInput(f"csg://{path} is at a commit, which never changes; name a branch")
        CommitOperationAdd(place.path, b"")
        return place

    def _whole(self, place: Place) -> str:
        """Fetch a file into the cache, its digest checked, and return its path there."""
        opened, file = self._found(place)
        access = self._access
        return file_download(
            place.repo_id,
            file.path,
            repo_type=place.repo_type,
            revision=opened.commit,
            cache_dir=access.cache_dir,
            local_files_only=access.local_files_only,
            token=access.token,
            endpoint=access.endpoint,
        )

    def _found(self, place: Place) -> tuple[_Opened, TreeFile]:
        opened = self._at(place)
        file = opened.tree.files.get(place.path)
        if file is None:
            raise FileNotFoundError(f"csg://{place.root}/{place.path}")
        return opened, file

    def _at(self, place: Place) -> _Opened:
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
    def _described(place: Place, file: TreeFile) -> dict[str, Any]:
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


def _message(operations: Sequence[CommitOperationAdd | CommitOperationDelete]) -> str:
    """Return the first line of the message for a commit."""
    verbs = {type(operation) for operation in operations}
    verb = "Change" if len(verbs) > 1 else "Remove" if CommitOperationDelete in verbs else "Write"
    one = operations[0].path_in_repo
    return f"{verb} {one if len(operations) == 1 else f'{len(operations)} files'}"


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
