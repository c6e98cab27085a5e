"""What others have pushed: into the branch here, and into pushes that met it."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING

from csgrepo.errors import (
    CommandFailed,
    CsgRepoError,
    MergeConflict,
    RemoteUnreachable,
)
from csgrepo.git import parse
from csgrepo.lfs import scan, transfer
from csgrepo.repository import branches, content, merging, passage
from csgrepo.repository.passage import Passage
from csgrepo.repository.turn import turn

if TYPE_CHECKING:
    from collections.abc import Callable

    from csgrepo.progress import Reporter
    from csgrepo.repository.connection import Connection
    from csgrepo.repository.layout import WorkTree

__all__ = ["bring_in", "catch_up", "is_ancestor", "merged", "pull"]

_log = logging.getLogger(__name__)

# What is in the way of bringing files in for longer than this brings them in itself, later.
_PATIENCE_S = 5.0


def is_ancestor(tree: WorkTree, older: str, newer: str) -> bool:
    """Tell whether a commit is part of another's history, as far as both are here."""
    asked = ("merge-base", "--is-ancestor", older, newer)
    return tree.git.run(*asked, ok=(0, 1, 128)).returncode == 0


def catch_up(connection: Callable[[], Connection], *, required: bool) -> None:
    """Bring in what others have pushed to the branch this one follows, if nothing is in the way.

    Own commits that the remote has not, or changed files that it has changed too, are no reason to
    keep a save waiting: the push merges them.

    Args:
        connection: reaches the remote.
        required: whether a remote that does not answer is an error; a push in the background will
            try again later.

    Raises:
        RemoteUnreachable: the remote does not answer, and that is required.
    """
    with connection() as remote:
        tree = remote.tree
        branch = branches.current(tree)
        followed = tree.settings().get(f"branch.{branch}.merge")
        head = tree.refs.oid()
        if not followed or head is None:
            return
        try:
            theirs = remote.refs().get(followed)
            if theirs is None or is_ancestor(tree, theirs, head):
                return
            remote.fetch("--no-recurse-submodules", remote.name, followed)
        except RemoteUnreachable:
            if required:
                raise
            _log.info("%s does not answer; going on without its news", remote.push_url_shown)
            return
        if is_ancestor(tree, head, theirs):
            why = f"csgrepo: news of {remote.name}"
            passage.advance(tree, Passage(head, theirs, f"refs/heads/{branch}", why))


def merged(connection: Connection, ref: str, commit: str) -> tuple[str, str]:
    """Fetch what others have pushed and merge it with a commit, in the object database.

    Returns:
        The remote's commit, and what to push: the merge, or the commit itself where that needs
        none; the remote's own commit where it holds the other already.

    Raises:
        MergeConflict: both sides changed the same paths; nothing was changed here.
        CommandFailed: the two have no common history.
    """
    tree = connection.tree
    git = connection.git_for(connection.push_url)
    options = ("--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules")
    theirs = connection.refs().get(ref)
    if theirs is None:
        return "", commit
    git.run("fetch", *options, connection.push_url, ref)
    if is_ancestor(tree, theirs, commit):
        return theirs, commit
    if is_ancestor(tree, commit, theirs):
        return theirs, theirs
    branch = ref.removeprefix("refs/heads/")
    message = f"Merge branch '{branch}' of {connection.push_url_shown}\n"
    return theirs, merging.merge(tree, commit, theirs, message)


def bring_in(connection: Connection, ref: str, old: str, new: str, reporter: Reporter) -> None:
    """Let the branch here follow a push that was merged, with the files that others changed.

    Not where the branch has gone on, or somebody has changed those files: a later push or `commit`
    will see to it. The push is done either way.
    """
    tree = connection.tree
    try:
        head = tree.refs.head_ref()
        if tree.refs.oid() != old or head is None or not _follows(tree, head, ref):
            return
        _fetch_objects(connection, old, new, reporter)
        with turn(tree, "bringing in what others pushed", _PATIENCE_S):
            why = f"csgrepo: merged with {connection.name}"
            if passage.advance(tree, Passage(old, new, head, why)):
                content.restore(tree)
    except (CsgRepoError, OSError) as error:
        _log.warning("pushed, but what others pushed could not be brought in here: %s", error)


def _follows(tree: WorkTree, head: str, ref: str) -> bool:
    branch = head.removeprefix("refs/heads/")
    return (tree.settings().get(f"branch.{branch}.merge") or head) == ref


def _fetch_objects(connection: Connection, old: str, new: str, reporter: Reporter) -> None:
    """Fetch new large files before they are due; not in a clone that keeps pointers."""
    tree = connection.tree
    found = scan.in_commits(tree.git, [new], [old])
    missing = {p: path for p, path in found.items() if p.size and not tree.store.has(p)}
    if missing and not content.pointers(tree):
        transfer.download(connection.object_server("download"), tree.store, missing, reporter)


def pull(connection: Connection, *, rebase: bool) -> None:
    """Fetch, and merge or rebase; what cannot be merged is undone and reported.

    Raises:
        MergeConflict: both sides changed the same paths, or changed files are in the way.
    """
    tree = connection.tree
    branch = branches.current(tree)
    followed = tree.settings().get(f"branch.{branch}.merge") or f"refs/heads/{branch}"
    how = ["--rebase"] if rebase else ["--no-rebase", "--ff"]
    options = ("--quiet", *how, "--no-edit", "--no-recurse-submodules")
    if tree.refs.oid() and _pulled_safely(connection, f"refs/heads/{branch}", followed, rebase):
        return
    try:
        connection.beside_others(
            lambda: connection.git.run("pull", *options, connection.name, followed)
        )
    except MergeConflict as error:
        raise _undone(tree, error, rebase=rebase) from error


def _pulled_safely(connection: Connection, ref: str, followed: str, rebase: bool) -> bool:
    """Pull as far as that can be finished later if it is cut short; git itself does the rest.

    Raises:
        MergeConflict: both sides changed the same paths; nothing was touched.
    """
    tree = connection.tree
    head = branches.head(tree)
    connection.fetch("--no-recurse-submodules", connection.name, followed)
    theirs = tree.plain_git.text("rev-parse", "--verify", "FETCH_HEAD")
    if is_ancestor(tree, theirs, head):
        return True
    if is_ancestor(tree, head, theirs):
        new = theirs
    elif rebase:
        return False
    else:
        branch = followed.removeprefix("refs/heads/")
        message = f"Merge branch '{branch}' of {connection.remote.url}\n"
        new = merging.merge(tree, head, theirs, message)
    return passage.advance(tree, Passage(head, new, ref, "csgrepo: pull"))


def _undone(tree: WorkTree, error: MergeConflict, *, rebase: bool) -> MergeConflict:
    unmerged = parse.paths(
        tree.git.run("diff", "--name-only", "--diff-filter=U", "-z", ok=(0, 1)).stdout
    )
    with contextlib.suppress(CommandFailed):  # nothing was begun: local changes stood in the way
        tree.git.run("rebase" if rebase else "merge", "--abort")
    content.restore(tree)
    hint = "Nothing was changed: commit your changes to those files, or move them away; pull again."
    if unmerged:
        hint = (
            f"Both sides changed: {', '.join(unmerged)}. The merge was undone and nothing is lost. "
            f"{merging.TAKE_A_SIDE}."
        )
    conflict = MergeConflict(
        error.command,
        error.returncode,
        error.stdout,
        error.stderr or error.stdout,
        error.cwd,
        hint,
    )
    conflict.paths = tuple(unmerged)
    return conflict
