"""Repositories inside the working copy: git would keep only the name of their commit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from csgrepo.errors import InvalidInput
from csgrepo.git import parse

if TYPE_CHECKING:
    from collections.abc import Iterable

    from csgrepo.repository.changes import Candidate
    from csgrepo.repository.layout import WorkTree

__all__ = ["refuse_nested"]


def refuse_nested(tree: WorkTree, candidates: Iterable[Candidate]) -> None:
    """Refuse folders that are repositories and no submodules: their files would not be saved.

    Raises:
        InvalidInput: there are some, which it lists; the index is as it was.
    """
    new = {c.path.rstrip("/") for c in candidates if c.entry is None and c.path.endswith("/")}
    if left := sorted(new - _submodules(tree) if new else new):
        one = left[0]
        raise InvalidInput(
            f"{', '.join(left)} in {tree.folder}: a Git repository of its own, whose files would "
            f"not be pushed with this one. Remove {one}/.git to keep its files here, list {one}/ "
            "in .gitignore to leave it out, or make it a submodule (`git submodule add`)."
        )


def _submodules(tree: WorkTree) -> set[str]:
    asked = ("config", "-z", "--file", ".gitmodules", "--get-regexp", r"^submodule\..*\.path$")
    found = parse.paths(tree.git.run(*asked, ok=(0, 1)).stdout)
    return {setting.partition("\n")[2].rstrip("/") for setting in found}
