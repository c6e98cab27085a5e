"""Questions about a folder that need no `Repository`: what it is, and what is in it."""

from __future__ import annotations

import os
from pathlib import Path

from csgrepo.errors import CommandFailed, GitError, InvalidInput, NotARepository
from csgrepo.git import parse
from csgrepo.git.runner import Git
from csgrepo.lfs import attributes
from csgrepo.repo_id import same_remote
from csgrepo.repository import changes, tracking
from csgrepo.repository.layout import WorkTree

__all__ = [
    "commits_to_push",
    "files_to_be_staged",
    "find_root",
    "is_binary_file",
    "is_git_ignored",
    "is_git_repo",
    "is_local_clone",
    "is_tracked_upstream",
    "is_tracked_with_lfs",
]


def is_git_repo(folder: str | os.PathLike[str]) -> bool:
    """Tell whether the folder is the root of a working copy."""
    path = Path(folder)
    if not (path / ".git").exists():
        return False
    try:
        return Git(path).text("rev-parse", "--is-inside-work-tree") == "true"
    except CommandFailed as error:
        if "not a git repository" in error.stderr:
            return False
        raise


def find_root(folder: str | os.PathLike[str]) -> Path:
    """Return the root of the working copy that a folder is in.

    Raises:
        NotARepository: it is in none.
    """
    if not Path(folder).is_dir():
        raise NotARepository(f"{os.fspath(folder)} is no folder; give one of a working copy")
    try:
        return Path(Git(folder).text("rev-parse", "--show-toplevel"))
    except CommandFailed as error:
        raise NotARepository(
            f"{Path(folder).absolute()} is not inside a working copy ({error.stderr.strip()})"
        ) from error


def is_local_clone(folder: str | os.PathLike[str], remote_url: str) -> bool:
    """Tell whether the folder is a clone of that remote; credentials in addresses do not count."""
    if not is_git_repo(folder):
        return False
    settings = WorkTree(Path(folder)).settings()
    return any(same_remote(url, remote_url) for url in settings.sections("remote", "url").values())


def is_tracked_with_lfs(filename: str | os.PathLike[str]) -> bool:
    """Tell whether git's attributes send the file to LFS.

    Raises:
        NotARepository: the file is in no working copy.
    """
    path = Path(filename)
    return bool(attributes.filtered(_git_beside(path), [path.name]))


def is_git_ignored(filename: str | os.PathLike[str]) -> bool:
    """Tell whether ``.gitignore`` and its like leave the file out.

    Raises:
        NotARepository: the file is in no working copy.
    """
    path = Path(filename)
    return _git_beside(path).succeeds("check-ignore", "-q", "--", f"./{path.name}")


def _git_beside(path: Path) -> Git:
    git = Git(path.parent)
    if git.run("rev-parse", "--is-inside-work-tree", ok=(0, 128)).returncode:
        raise NotARepository(f"{path} is not inside a Git working copy")
    return git


def is_binary_file(filename: str | os.PathLike[str]) -> bool:
    """Tell whether a file holds anything but text; text of any language in UTF-8 is text."""
    return tracking.is_binary(Path(filename))


def files_to_be_staged(
    pattern: str = ".", folder: str | os.PathLike[str] | None = None
) -> list[str]:
    """Return the files that an add of the pattern would stage: new, changed and deleted ones.

    Args:
        pattern: a path or pattern, relative to the working copy's root.
        folder: that root; the current folder where not given.
    """
    tree = WorkTree(Path(folder or "."))
    found = changes.find(tree, pattern).candidates
    return sorted(c.path for c in found if not changes.is_as_indexed(tree.folder, c))


def is_tracked_upstream(folder: str | os.PathLike[str]) -> bool:
    """Tell whether the current branch follows a branch of a remote.

    Raises:
        GitError: HEAD is detached.
    """
    tree = WorkTree(Path(folder))
    ref = tree.refs.head_ref()
    if ref is None:
        raise GitError(f"{folder} is not on any branch (HEAD is detached); check one out first")
    return bool(tree.settings().get(f"branch.{ref.removeprefix('refs/heads/')}.merge"))


def commits_to_push(folder: str | os.PathLike[str], upstream: str | None = None) -> int:
    """Return how many commits the remote does not have, as far as this clone knows.

    Args:
        folder: the working copy.
        upstream: such as ``origin/main``; what the current branch follows where not given.

    Raises:
        GitError: there is no upstream, or no commit.
    """
    known = upstream or "@{upstream}"
    if known.startswith("-"):
        raise InvalidInput(f"{known!r} is not a branch")
    count = Git(folder).text("rev-list", "--count", f"{known}..HEAD", "--")
    return int(count)


def remote_lacks(tree: WorkTree) -> bool:
    """Tell whether HEAD has commits that no branch of a remote is known to have."""
    if tree.refs.oid() is None:
        return False
    listing = tree.plain_git.run("rev-list", "--max-count=1", "HEAD", "--not", "--remotes").stdout
    return bool(parse.paths(listing))
