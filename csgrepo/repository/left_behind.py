"""Large files that the remote's branch has and its LFS server has not.

A push by a git that knows nothing of LFS leaves them, and so does a mirror made by one. The next
push sends those that are here. It asks for them only where the branch is not as one of its own
pushes was seen to leave it.
"""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING

from csgrepo.files import atomic
from csgrepo.lfs import scan, transfer

if TYPE_CHECKING:
    from collections.abc import Container
    from pathlib import Path

    from csgrepo.jobs import Push
    from csgrepo.lfs.pointer import Pointer
    from csgrepo.repository.connection import Connection

__all__ = ["find", "note"]


def find(
    push: Push, connection: Connection, previous: str | None, sent: Container[Pointer]
) -> dict[Pointer, str]:
    """Return the objects of the commit's files that are here, not sent anyway, and not there.

    Args:
        push: what is pushed.
        connection: the remote.
        previous: what its ref is now.
        sent: the objects that the push brings in any case.
    """
    tree = connection.tree
    if previous and _noted(tree.state_dir).get(_key(push, connection)) == previous:
        return {}
    found = {
        pointer: path
        for path, pointer in scan.in_tree(tree.git, push.commit).items()
        if pointer.size and pointer not in sent and tree.store.has(pointer)
    }
    if not found:
        return {}
    there = set(transfer.confirmed(connection.object_server("upload", push.ref), found))
    return {pointer: path for pointer, path in found.items() if pointer not in there}


def note(push: Push, connection: Connection, landed: str) -> None:
    """Keep in mind how a push left the remote's ref; its files were seen to be there."""
    folder = connection.tree.state_dir
    before = _noted(folder)
    noted = {**before, _key(push, connection): landed}
    if noted == before:
        return
    with contextlib.suppress(OSError):  # the next push asks, then
        folder.mkdir(parents=True, exist_ok=True)
        with atomic(folder / "pushed.json") as stream:
            stream.write(json.dumps(noted).encode())


def _key(push: Push, connection: Connection) -> str:
    return f"{push.ref} {connection.push_url_shown}"


def _noted(folder: Path) -> dict[str, str]:
    try:
        noted = json.loads((folder / "pushed.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return noted if isinstance(noted, dict) else {}
