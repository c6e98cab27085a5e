"""The cache's folder of one repository: where everything is, and how it comes to be there."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from filelock import FileLock

from csgrepo.cache.links import copied, is_copy, linked, shows
from csgrepo.cache.tree import Tree, is_commit
from csgrepo.errors import CsgRepoError
from csgrepo.files import atomic, safe_join
from csgrepo.http import origin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from csgrepo.cache.tree import TreeFile
    from csgrepo.repo_id import RepoId

__all__ = ["RepoFolder"]

_READ_ONLY = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
_DEFAULT = "HEAD"  # under which the default branch is kept, whatever its name
_LONGEST_NAME = 200


class RepoFolder:
    """What is kept of one repository.

    Args:
        root: its folder.

    Example:
        >>> from csgrepo.repo_id import RepoId
        >>> folder = RepoFolder.of(Path("cache"), "https://hub.example", RepoId("wanda", "bert"))
        >>> folder.root.as_posix()
        'cache/hub.example/models/wanda/bert'
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.blobs = root / "blobs"
        self.parts = root / "parts"
        self._snapshots = root / "snapshots"
        self._trees = root / "trees"
        self._refs = root / "refs"

    @classmethod
    def of(cls, cache: Path, endpoint: str, repo: RepoId) -> RepoFolder:
        """Return the folder of a repository on that hub."""
        scheme, host, port = origin(endpoint)
        default = {"http": 80, "https": 443}[scheme]
        place = host.replace(":", "_") + ("" if port == default else f"_{port}")
        place += quote(urlsplit(endpoint).path.rstrip("/"), safe="")  # another hub on that host
        return cls(cache / place / repo.repo_type.rest_plural / repo.namespace / repo.name)

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other processes from changing what is known of commits, or removing any."""
        self.root.mkdir(parents=True, exist_ok=True)
        with FileLock(self.root / ".lock"):
            yield

    # Revisions

    def commit(self, revision: str | None) -> str | None:
        """Return the commit that a revision was when it was last asked for."""
        if revision and is_commit(revision):
            return revision
        try:
            commit, name = self._ref(revision).read_text("utf-8").splitlines()
        except (OSError, ValueError):
            return None
        # On some systems "Main" opens the file of "main".
        return commit if name == (revision or _DEFAULT) and is_commit(commit) else None

    def keep_commit(self, revision: str | None, commit: str) -> None:
        """Remember which commit a revision is; a cache that may only be read stays as it is."""
        if revision == commit or self.commit(revision) == commit:
            return
        self._keep(self._ref(revision), f"{commit}\n{revision or _DEFAULT}\n".encode())

    def revisions(self) -> dict[str, str]:
        """Return every revision that was asked for, and the commit it was."""
        found = {}
        for path in sorted(self._refs.glob("*")):
            with contextlib.suppress(OSError, ValueError):
                commit, name = path.read_text("utf-8").splitlines()
                found[name] = commit
        return found

    def _ref(self, revision: str | None) -> Path:
        name = quote(revision or _DEFAULT, safe="")
        if len(name) > _LONGEST_NAME:
            name = hashlib.sha256(name.encode()).hexdigest()
        return self._refs / name

    # Trees

    def tree(self, commit: str) -> Tree:
        """Return what is known of a commit's files; perhaps nothing."""
        try:
            kept = self.tree_path(commit).read_bytes()
        except OSError:
            return Tree(commit)
        return Tree.decode(commit, kept) or Tree(commit)

    def keep_tree(self, tree: Tree) -> Tree:
        """Remember a commit's files, and return all that is known of them now.

        Raises:
            UnsafePath: a name is a file here and a folder there.
        """
        known = self.tree(tree.commit)
        if known.joined(tree) == known:
            return known
        try:
            with self.lock():
                joined = self.tree(tree.commit).joined(tree)
                self._keep(self.tree_path(tree.commit), joined.encode())
        except OSError as error:
            if isinstance(error, CsgRepoError) or error.errno not in _READ_ONLY:
                raise
            return known.joined(tree)
        return joined

    def used(self, commit: str) -> None:
        """Mark a commit as used now, so that it is pruned last."""
        with contextlib.suppress(OSError):
            os.utime(self.tree_path(commit))

    def tree_path(self, commit: str) -> Path:
        """Return where a commit's list of files is kept; its time of change is that of use."""
        return self._trees / f"{commit}.json"

    def commits(self) -> list[str]:
        """Return the commits of which something is known."""
        names = (path.stem for path in sorted(self._trees.glob("*.json")))
        return [name for name in names if is_commit(name)]

    # Content

    def blob(self, file: TreeFile) -> Path:
        """Return where a file's content is kept, once it is."""
        return self.blobs / file.blob

    def has(self, file: TreeFile) -> bool:
        """Tell whether a file's content is here; its bytes were checked when it came.

        The length is asked again: after a power cut a file may have its name and not its bytes.
        """
        try:
            return self.blob(file).stat().st_size == file.size
        except OSError:
            return False

    def snapshot(self, commit: str) -> Path:
        """Return the folder that shows a commit's files under their names."""
        return self._snapshots / commit

    def show(self, commit: str, file: TreeFile) -> Path:
        """Let a file appear in its commit's snapshot, and return its path there.

        Raises:
            UnsafePath: its name leads elsewhere.
            DiskFull: links do not work here, and there is no room for a copy.
        """
        path = safe_join(self.snapshot(commit), file.path)
        blob = self.blob(file)
        if shows(path, blob):
            return path
        # Where links work, a file in the place of one is somebody else's, and may hold anything.
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if not (linked(path, blob) or is_copy(path, file.size)):
                copied(blob, path)
        except OSError as error:
            if error.errno not in _READ_ONLY or not is_copy(path, file.size):
                raise
        return path

    def remove(self, commit: str) -> None:
        """Forget a commit: its snapshot, its list of files, the revisions that were it."""
        for name, kept in self.revisions().items():
            if kept == commit:
                self._ref(None if name == _DEFAULT else name).unlink(missing_ok=True)
        shutil.rmtree(self.snapshot(commit), ignore_errors=True)
        self.tree_path(commit).unlink(missing_ok=True)

    def _keep(self, path: Path, content: bytes) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with atomic(path) as stream:
                stream.write(content)
        except OSError as error:
            if error.errno not in _READ_ONLY:
                raise
