"""Freeing disk: local LFS objects go only when the server confirms that it has them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from csgrepo.lfs import scan, transfer
from csgrepo.lfs.pointer import Pointer

if TYPE_CHECKING:
    from csgrepo.lfs.server import ObjectServer
    from csgrepo.repository.layout import WorkTree

__all__ = ["candidates", "prune"]

_RECENT_DAYS = 7


def candidates(tree: WorkTree, *, recent: bool, checked_out: bool = False) -> dict[Pointer, str]:
    """Return the objects that neither the index, HEAD nor (unless ``recent``) a young ref needs.

    With ``checked_out`` all objects: the work tree has those of HEAD a second time.
    """
    needed = set() if checked_out else _needed(tree, recent=recent)
    found = {}
    for oid in tree.store.oids():
        if oid not in needed:
            found[Pointer(oid, tree.store.path(oid).stat().st_size)] = f"object {oid[:12]}"
    return found


def _needed(tree: WorkTree, *, recent: bool) -> set[str]:
    staged = {pointer.oid for pointer in scan.in_entries(tree.git, tree.entries()).values()}
    revisions = ["HEAD"] if tree.refs.oid() else []
    if not recent:
        revisions += _young_refs(tree)
    for revision in revisions:
        staged |= {pointer.oid for pointer in scan.in_tree(tree.git, revision).values()}
    return staged


def _young_refs(tree: WorkTree) -> list[str]:
    """Return the tips of local branches and tags that were made in the last days."""
    since = time.time() - _RECENT_DAYS * 86400
    listing = tree.plain_git.text(
        "for-each-ref", "--format=%(creatordate:unix) %(objectname)", "refs/heads", "refs/tags"
    )
    facts = (line.split() for line in listing.split("\n"))
    return sorted({fact[1] for fact in facts if len(fact) == 2 and int(fact[0]) >= since})


def prune(
    tree: WorkTree,
    server: ObjectServer,
    *,
    recent: bool,
    checked_out: bool = False,
    dry_run: bool = False,
) -> int:
    """Remove what is not needed here and is safe on the server; returns the bytes set free.

    An object of which the server does not say that it has it, in its full length, stays. With
    ``dry_run`` all stay.
    """
    found = candidates(tree, recent=recent, checked_out=checked_out)
    if not found:
        return 0
    confirmed = transfer.confirmed(server, found)
    if dry_run:
        return sum(pointer.size for pointer in confirmed)
    return sum(tree.store.remove(pointer.oid) for pointer in confirmed)
