"""Leaving large files to the remote: what it was seen to have need not be here."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
from typing import TYPE_CHECKING

from csgrepo import files
from csgrepo.git import index
from csgrepo.lfs import scan
from csgrepo.repository.turn import turn

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from csgrepo.git.index import Entry
    from csgrepo.lfs.pointer import Pointer
    from csgrepo.repository.layout import WorkTree

__all__ = ["leave_to_remote"]

_log = logging.getLogger(__name__)


def leave_to_remote(tree: WorkTree, verified: Mapping[Pointer, str]) -> list[str]:
    """Make pointers of files whose content the remote was just seen to have, and drop its copies.

    Each file is read once more: one that holds anything else by now, because training went on,
    stays as it is. `git_pull(lfs=True)` brings the content back.

    Args:
        tree: the working copy.
        verified: the objects that the remote confirmed, each with the path it was committed as.

    Returns:
        The paths that are pointers now.

    Raises:
        GitError: the working copy is in use for too long.
    """
    with turn(tree, "leave large files to the remote"):
        entries = {entry.path: entry for entry in tree.entries() if not entry.stage}
        known = scan.in_entries(tree.git, entries.values())
        replaced = {}
        for path, pointer in known.items():
            if pointer in verified and not pointer.extensions:
                noted = _replace(tree, path, pointer)
                if noted is not None:
                    replaced[path] = (entries[path].oid, noted)
        index.write_stats(tree.folder, tree.index_path, replaced, oid_bytes=tree.oid_bytes)
        for pointer in verified:
            if pointer not in known.values() or _is_gone(tree, known, pointer, entries):
                tree.store.remove(pointer.oid)
    return sorted(replaced)


def _is_gone(
    tree: WorkTree, known: Mapping[str, Pointer], pointer: Pointer, entries: Mapping[str, Entry]
) -> bool:
    """Whether no file of the work tree has this content any more, as far as the index knows."""
    paths = [tree.folder / path for path, other in known.items() if other == pointer]
    return all(not path.is_file() or path.stat().st_size != pointer.size for path in paths)


def _replace(tree: WorkTree, path: str, pointer: Pointer) -> os.stat_result | None:
    """Put a pointer in a file's place, if it still is what the pointer says."""
    target = tree.folder / path
    try:
        before = target.lstat()
        if not _is_plain(target) or before.st_size != pointer.size:
            return None
        if files.hash_file(target)[0] != pointer.oid:
            return None
    except OSError:
        return None
    stand_in = tree.temporary_dir() / f"pointer-{secrets.token_hex(8)}"
    try:
        with files.disk_errors(stand_in):
            stand_in.write_bytes(pointer.encode())
            stand_in.chmod(before.st_mode & 0o777)
        if not _is_same(before, target):  # written to while it was read
            return None
        stand_in.replace(target)
        return target.lstat()
    finally:
        with contextlib.suppress(FileNotFoundError):
            stand_in.unlink()


def _is_plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _is_same(before: os.stat_result, path: Path) -> bool:
    now = path.lstat()
    return (before.st_ino, before.st_size, before.st_mtime_ns, before.st_ctime_ns) == (
        *(now.st_ino, now.st_size),
        *(now.st_mtime_ns, now.st_ctime_ns),
    )
