"""Which paths a branch's ``.gitignore`` leaves out, as git itself reads it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from csgrepo.server.git.gitstore import GitStore

__all__ = ["ignored"]

_MOST_BYTES = 1024 * 1024


def ignored(store: GitStore, repository_id: int, commit: str, paths: Sequence[str]) -> set[str]:
    """Return those of the paths that the ``.gitignore`` at a commit's root leaves out.

    git-check-ignore(1) wants a work tree, which a bare repository has not: it is asked in a folder
    that holds the one file.
    """
    entry = store.entry(repository_id, commit, ".gitignore")
    if entry is None or entry.kind != "blob" or entry.size > _MOST_BYTES or not paths:
        return set()
    with store.writer.scratch() as scratch:
        tree = Path(scratch.cwd, "tree")
        tree.mkdir()
        (tree / ".gitignore").write_bytes(store.blob(repository_id, entry.sha))
        git = scratch.configured(env={"GIT_WORK_TREE": str(tree)})
        git.cwd = str(tree)
        # A colon in front would be taken for a pathspec's magic.
        asked = b"".join(b"./%s\0" % os.fsencode(path) for path in paths)
        said = git.run("check-ignore", "--no-index", "--stdin", "-z", stdin=asked, ok=(0, 1))
    return {os.fsdecode(path[2:]) for path in said.stdout.split(b"\0") if path}
