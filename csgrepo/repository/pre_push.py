"""What the pre-push hook does: LFS objects reach the server before the commits that need them.

Follows githooks(5), "pre-push".
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from csgrepo import config
from csgrepo.errors import InvalidInput
from csgrepo.lfs import scan, transfer
from csgrepo.progress import Reporter
from csgrepo.repository.access import Access
from csgrepo.repository.connection import Connection
from csgrepo.repository.layout import WorkTree

if TYPE_CHECKING:
    from collections.abc import Iterable

    from csgrepo.lfs.pointer import Pointer

__all__ = ["main"]


def main(remote: str, url: str, lines: Iterable[str]) -> int:
    """Send the objects of the refs that git is about to push.

    Args:
        remote: the remote's name, or its address where it has none.
        url: its address.
        lines: what git writes to the hook: local ref, local id, remote ref, remote id.

    Returns:
        How many objects were sent.

    Raises:
        InvalidInput: the lines are not git's, or the remote has no name.
        LfsError, TransferError, HubError: the objects could not be sent; git then pushes nothing.
    """
    tree = WorkTree(Path.cwd())
    access = Access.of(config.settings().endpoint, True)
    sent = 0
    with Connection(tree, access.credentials(tree.folder), remote, url=url) as connection:
        for line in lines:
            words = line.split()
            if len(words) != 4:
                raise InvalidInput(f"{line!r} is not what git gives to a pre-push hook")
            _, local_oid, remote_ref, remote_oid = words
            if local_oid.strip("0"):
                sent += _send(connection, local_oid, remote_ref, remote_oid)
    return sent


def _send(connection: Connection, local_oid: str, remote_ref: str, remote_oid: str) -> int:
    names = _objects(connection, local_oid, remote_oid)
    if not names:
        return 0
    server = connection.object_server("upload", remote_ref)
    reporter = Reporter(str(connection.tree.folder))
    return transfer.upload(server, connection.tree.store, names, reporter).objects


def _objects(connection: Connection, local_oid: str, remote_oid: str) -> dict[Pointer, str]:
    git = connection.tree.plain_git
    known = [remote_oid] if remote_oid.strip("0") and _is_here(connection, remote_oid) else []
    listing = git.text("for-each-ref", "--format=%(objectname)", f"refs/remotes/{connection.name}/")
    known += [oid for oid in listing.split("\n") if oid]
    names = scan.in_commits(git, [local_oid], known)
    return {pointer: path for pointer, path in names.items() if pointer.size}


def _is_here(connection: Connection, oid: str) -> bool:
    asked = ("cat-file", "-e", f"{oid}^{{commit}}")
    return connection.tree.plain_git.run(*asked, ok=(0, 1, 128)).returncode == 0
