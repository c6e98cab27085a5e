"""HEAD and branches: what is checked out, what is committed, what follows what."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import time
from typing import TYPE_CHECKING

from csgrepo.errors import (
    GitError,
    InvalidInput,
    NothingToCommit,
    RemoteUnreachable,
    UnknownRevision,
)
from csgrepo.files import disk_errors
from csgrepo.git import parse, remotes
from csgrepo.jobs import Push
from csgrepo.lfs import hooks
from csgrepo.repo_id import check_ref_name
from csgrepo.repository import changes
from csgrepo.repository.passage import Passage, recorded

if TYPE_CHECKING:
    from collections.abc import Callable

    from csgrepo.git.settings import GitSettings
    from csgrepo.repository.connection import Connection
    from csgrepo.repository.layout import WorkTree

__all__ = [
    "checkout",
    "commit",
    "current",
    "deleted_files",
    "head",
    "intended_push",
    "is_clean",
    "require_staged",
]

_log = logging.getLogger(__name__)

_LATER_S = 10.0


def current(tree: WorkTree) -> str:
    """Return the branch that is checked out, whether it has a commit yet or not.

    Raises:
        InvalidInput: HEAD is detached.
    """
    ref = tree.refs.head_ref()
    if ref is None or not ref.startswith("refs/heads/"):
        raise InvalidInput(
            f"{tree.folder} is not on any branch (HEAD is detached), so there is nothing to commit "
            "to or push; check out a branch: git_checkout('main'), or a new one with "
            "create_branch_ok=True"
        )
    return ref.removeprefix("refs/heads/")


def head(tree: WorkTree) -> str:
    """Return the commit that is checked out.

    Raises:
        GitError: there is none yet.
    """
    oid = tree.refs.oid()
    if oid is None:
        raise GitError(f"{tree.folder} has no commit yet; add files and commit first")
    return oid


def is_clean(tree: WorkTree) -> bool:
    """Tell whether there is nothing to add or commit."""
    if not changes.find(tree).candidates:
        return not _has_staged(tree)
    # Candidates may turn out to be as they were: then git has to compare contents.
    return not tree.git.run("status", "--porcelain", "-z", "--untracked-files=normal").stdout


def deleted_files(tree: WorkTree) -> list[str]:
    """Return the files that HEAD has and the work tree has not."""
    gone = set(parse.paths(tree.git.run("ls-files", "-z", "--deleted").stdout))
    if tree.refs.oid():
        listing = tree.git.run(
            "diff-index", "--cached", "--no-renames", "--name-only", "--diff-filter=D", "-z", "HEAD"
        )
        staged = parse.paths(listing.stdout)
        gone |= {name for name in staged if not (tree.folder / name).exists()}
    return sorted(gone)


def _has_staged(tree: WorkTree) -> bool:
    if tree.refs.oid() is None:
        return bool(tree.git.run("ls-files", "-z", "--cached").stdout)
    return not tree.git.succeeds("diff-index", "--cached", "--quiet", "HEAD")


def require_staged(tree: WorkTree) -> None:
    """Raise `NothingToCommit` unless the index differs from HEAD (or a merge waits for its end)."""
    tree.require_index()
    merging = (tree.git_dir / "MERGE_HEAD").exists()
    if not merging and not _has_staged(tree):
        raise NothingToCommit(
            ["git", "commit"],
            1,
            "",
            "nothing to commit: the index equals HEAD",
            str(tree.folder),
            "Add files first: git_add().",
        )


def intended_push(tree: WorkTree, upstream: str | None, *, auto_lfs_prune: bool) -> Push:
    """Return the push of the current branch.

    Args:
        tree: the working copy.
        upstream: ``"origin main"``; what the branch follows, else a branch of the same name on
            the remote that is meant, where not given.
        auto_lfs_prune: part of the intent.

    Raises:
        InvalidInput: HEAD is detached, or ``upstream`` cannot be one.
        GitError: there is no commit, or no such remote.
    """
    branch = current(tree)
    settings = tree.settings()
    remote, ref, follow = _target(upstream, branch, settings)
    url = settings.get(f"remote.{remote}.pushurl") or settings.get(f"remote.{remote}.url")
    if not url:
        raise GitError(
            f"{tree.folder} has no remote {remote!r}; add one with "
            f"`git remote add {remote} <address>`"
        )
    title = f"push {branch} to {remote} {ref.removeprefix('refs/heads/')}"
    return Push(remote, url, head(tree), ref, follow, auto_lfs_prune, title)


def _target(
    upstream: str | None, branch: str, settings: GitSettings
) -> tuple[str, str, str | None]:
    """Return remote, ref, and the branch that is to follow it (``None`` if it does already)."""
    followed = (settings.get(f"branch.{branch}.remote"), settings.get(f"branch.{branch}.merge"))
    if upstream is None:
        if all(followed) and followed[0] != ".":
            return followed[0], followed[1], None
        ref = f"refs/heads/{branch}"
        return remotes.meant(settings, ref), ref, branch
    words = upstream.split()
    if len(words) != 2:
        raise InvalidInput(f"{upstream!r} is not an upstream; write 'origin {branch}'")
    remote = check_ref_name(words[0], "remote")
    ref = f"refs/heads/{check_ref_name(words[1].removeprefix('refs/heads/'))}"
    return remote, ref, None if followed == (remote, ref) else branch


def commit(tree: WorkTree, message: str) -> None:
    """Commit the index as it is.

    `git commit` looks at the files once more, and reads every large one through the filter that was
    written in the second before it was added. The commit is what the index says, so git is given a
    copy of it that is old news already: only the copy's own time of change is in the future, and
    the index itself keeps its time, by which later edits are noticed. A hook that may stage files
    needs the index itself, and gets it.
    """
    if _hook_may_stage(tree):
        tree.write_index("commit", "--quiet", "-F", "-", stdin=message.encode())
        return
    private = tree.temporary_dir() / f"index-{os.getpid()}-{secrets.token_hex(6)}"
    try:
        with disk_errors(tree.folder):
            shutil.copyfile(tree.index_path, private)
            later = time.time() + _LATER_S
            os.utime(private, (later, later))
        git = tree.git.configured(env={"GIT_INDEX_FILE": str(private)})
        tree.patiently(lambda: git.run("commit", "--quiet", "-F", "-", stdin=message.encode()))
    finally:
        private.unlink(missing_ok=True)


def _hook_may_stage(tree: WorkTree) -> bool:
    folder = tree.folder / tree.plain_git.text("rev-parse", "--git-path", "hooks")
    names = ("pre-commit", "prepare-commit-msg", "commit-msg", "post-commit")
    found = [hook for hook in (folder / name for name in names) if os.access(hook, os.X_OK)]
    return not all(
        hooks.is_plain_lfs_hook(hook.read_text(encoding="utf-8", errors="replace"))
        for hook in found
    )


def _exists(tree: WorkTree, revision: str) -> bool:
    asked = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    return tree.plain_git.run(*asked, ok=(0, 1, 128)).returncode == 0


def checkout(
    tree: WorkTree, connection: Callable[[], Connection], revision: str, *, create: bool
) -> None:
    """Check out a revision; large files that differ are left as pointers.

    A branch that only the remote has is asked for there, and followed.

    Args:
        tree: the working copy.
        connection: reaches the remote; used only where this clone does not know the revision.
        revision: a branch, tag or commit.
        create: make a branch of that name if there is no such revision.

    Raises:
        UnknownRevision: there is none.
        MergeConflict: changes in the work tree would be overwritten.
        InvalidInput: the name cannot be a revision's.
    """
    if not revision or revision.startswith("-") or any(ord(char) < 32 for char in revision):
        raise InvalidInput(f"{revision!r} is not the name of a branch, tag or commit")
    if tree.refs.oid() is None:
        _start_branch(tree, revision, create=create)
        return
    if ref := _branch_known(tree, revision):  # before a tag of that name: it can be pushed
        tree.write("branch", "--quiet", "--track", revision, ref)
        _go(tree, revision)
    elif _exists(tree, revision):
        _go(tree, revision)
    elif ref := _branch_of_remote(tree, connection, revision):
        tree.write("branch", "--quiet", "--track", revision, ref)
        _go(tree, revision)
    elif _exists(tree, revision):  # a tag or commit that came with the question
        _go(tree, revision)
    elif create:
        tree.write_index("checkout", "--quiet", "-b", check_ref_name(revision))
    else:
        raise UnknownRevision(
            ["git", "checkout"],
            1,
            "",
            f"no branch, tag or commit named {revision!r}",
            str(tree.folder),
            "Check its name, or pass create_branch_ok=True to start a branch there.",
        )


def _go(tree: WorkTree, revision: str) -> None:
    """Check out what exists; where that is cut short, whoever comes next finishes it."""
    ref = f"refs/heads/{revision}"
    commit = tree.refs.oid(ref)
    if commit is None:
        ref = ""
        commit = tree.plain_git.text("rev-parse", "--verify", f"{revision}^{{commit}}")
    with recorded(tree, Passage(head(tree), commit, ref, f"csgrepo: checkout {revision}")):
        tree.write_index("checkout", "--quiet", revision, "--")


def _start_branch(tree: WorkTree, name: str, *, create: bool) -> None:
    """Without any commit there is nothing to check out; only the name can change."""
    if create or current(tree) == name:
        tree.write("symbolic-ref", "HEAD", f"refs/heads/{check_ref_name(name)}")
        return
    raise UnknownRevision(
        ["git", "checkout"],
        1,
        "",
        f"no branch, tag or commit named {name!r}: the repository is empty",
        str(tree.folder),
        "Pass create_branch_ok=True to start with that branch.",
    )


def _branch_known(tree: WorkTree, name: str) -> str | None:
    """Return the ref of the remote's branch of that name, where there is none of it here yet."""
    if name == "HEAD" or tree.refs.oid(f"refs/heads/{name}"):
        return None
    ref = f"refs/remotes/{remotes.meant(tree.settings(), tree.refs.head_ref())}/{name}"
    return ref if tree.refs.oid(ref) else None


def _branch_of_remote(
    tree: WorkTree, connection: Callable[[], Connection], revision: str
) -> str | None:
    """Return the ref of the remote's branch of that name, if it has one; asks it once."""
    try:
        with connection() as remote:
            remote.fetch("--tags", remote.name)
    except (RemoteUnreachable, GitError) as error:
        _log.info("could not ask the remote for %s: %s", revision, error)
        return None
    return _branch_known(tree, revision)
