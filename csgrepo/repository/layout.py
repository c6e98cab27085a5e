"""A working copy: its folder, its git, its store, and the settings every command runs under."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from csgrepo.errors import GitError
from csgrepo.files import disk_errors
from csgrepo.git import index, locks, parse
from csgrepo.git.refs import Refs
from csgrepo.git.runner import Git
from csgrepo.git.settings import GitSettings
from csgrepo.lfs import filter_process
from csgrepo.lfs.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

    from csgrepo.git.runner import Completed

__all__ = ["WorkTree", "git_in"]

_T = TypeVar("_T")

# Stat data cannot be filled in where half of the index is in a file that must not change.
_WHOLE_INDEX = ("core.splitIndex", "false")


def git_in(folder: Path) -> Git:
    """Return git for a work tree: its own filter driver, content left to the checkout that follows.

    Whatever driver the user has configured, commands of this library clean with csgrepo's own and
    leave pointers alone, so that a `git checkout` never starts a download per file.
    """
    return Git(
        folder,
        env={"GIT_LFS_SKIP_SMUDGE": "1"},
        config=(*filter_process.driver(), _WHOLE_INDEX),
    )


class WorkTree:
    """A working copy that exists.

    Args:
        folder: its root, where ``.git`` is.

    Attributes:
        git: git with csgrepo's own filter driver.
        plain_git: git as the user has configured it.

    Raises:
        NotARepository: it is none.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.refs = Refs(folder)
        self.git_dir = self.refs.git_dir
        self.common_dir = self.refs.common_dir
        self.git = git_in(folder)
        self.plain_git = Git(folder)

    @property
    def index_path(self) -> Path:
        """The index file."""
        return self.git_dir / "index"

    def entries(self) -> list[index.Entry]:
        """Return the index's entries; an index in two files is joined first.

        Raises:
            GitError: it is not understood.
        """
        try:
            return index.read(self.index_path, oid_bytes=self.oid_bytes)
        except index.SplitIndex:
            self.write_index("update-index", "--no-split-index")
            return index.read(self.index_path, oid_bytes=self.oid_bytes)

    def require_index(self) -> None:
        """Make an index where there is a commit and none, as after `git clone --no-checkout`.

        Without it the next commit would delete every file that is not added anew.

        Raises:
            GitError: some of the commit's files are not here, and would be deleted with an index.
        """
        if self.index_path.exists() or not self.refs.oid():
            return
        names = parse.paths(self.git.run("ls-tree", "-r", "-z", "--name-only", "HEAD").stdout)
        missing = [name for name in names if not os.path.lexists(self.folder / name)]
        if missing:
            raise GitError(
                f"{self.folder} has no index, and {len(missing)} files of its last commit are not "
                f"here, such as {missing[0]}: the next commit would delete them. Bring them back "
                "with `git reset` and `git checkout -- .`; then run the same call again."
            )
        self.write_index("read-tree", "HEAD")

    def write_index(self, *args: str, stdin: bytes | None = None) -> Completed:
        """Run a git command that writes the index, once no other command holds it.

        Raises:
            GitError: another one holds it for longer than one should.
            CommandFailed: the command failed.
        """
        return self.patiently(lambda: self.git.run(*args, stdin=stdin))

    def write(self, *args: str, stdin: bytes | None = None) -> Completed:
        """Run a git command, as the user has configured it, that writes settings or refs.

        Raises:
            GitError: another one holds the lock it needs for longer than one should.
            CommandFailed: the command failed.
        """
        return self.patiently(lambda: self.plain_git.run(*args, stdin=stdin))

    def patiently(self, run: Callable[[], _T]) -> _T:
        """Run a git command that changes the repository, once no other holds the lock it needs.

        Raises:
            GitError: another one holds it for longer than one should.
        """
        return locks.patiently(self.git_dir, run, self.folder)

    @property
    def state_dir(self) -> Path:
        """Where csgrepo keeps what it needs to remember about this working copy."""
        return self.git_dir / "csgrepo"

    @property
    def uploads_dir(self) -> Path:
        """Where uploads are noted until they are complete; shared by all work trees."""
        return self.common_dir / "csgrepo" / "uploads"

    @cached_property
    def oid_bytes(self) -> int:
        """The length of git's object ids: 20, or 32 in a SHA-256 repository."""
        if oid := self.refs.oid():
            return len(oid) // 2
        return 32 if self.git.text("rev-parse", "--show-object-format") == "sha256" else 20

    def settings(self) -> GitSettings:
        """Git's settings as they are now."""
        return GitSettings.of(self.plain_git)

    @cached_property
    def store(self) -> Store:
        """The LFS objects of this repository, where ``lfs.storage`` says they are."""
        configured = self.settings().get("lfs.storage")
        folder = Path(os.path.expanduser(configured)) if configured else Path("lfs")
        return Store(folder if folder.is_absolute() else self.common_dir / folder)

    def temporary_dir(self) -> Path:
        """A folder on the work tree's file system for files on their way into it.

        It is out of git's sight: what a crash leaves there is never taken for the user's work.
        """
        folder = self.state_dir / "tmp"
        with disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        return folder
