"""Files in which git left both sides of a conflict, for somebody to choose."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from csgrepo.errors import MergeConflict

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["refuse_markers"]

_MARKERS = re.compile(rb"^<{7} .*^={7}\r?$.*^>{7} ", re.MULTILINE | re.DOTALL)
_LONGEST_TEXT = 64 * 1024 * 1024  # in anything longer git merges no lines


def refuse_markers(folder: Path, unmerged: Iterable[str]) -> None:
    """Refuse files that are in conflict and hold the marks that git put around the two sides.

    Args:
        folder: the work tree.
        unmerged: the paths that the index has in conflict.

    Raises:
        MergeConflict: there are some; the index is as it was.
    """
    marked = sorted(path for path in set(unmerged) if _is_marked(folder / path))
    if marked:
        listed = ", ".join(marked)
        error = MergeConflict(
            ["git", "add"],
            1,
            "",
            f"conflict markers (<<<<<<<, >>>>>>>) are still in {listed}",
            str(folder),
            "Nothing was added. Choose one side (`git checkout --ours FILE` or `--theirs`) or edit "
            "the file, and add it again; `git merge --abort` undoes the merge.",
        )
        error.paths = tuple(marked)
        raise error


def _is_marked(path: Path) -> bool:
    if path.is_symlink() or not path.is_file() or path.stat().st_size > _LONGEST_TEXT:
        return False
    return _MARKERS.search(path.read_bytes()) is not None
