"""Checking a working copy, and whether its remote holds what it should."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from csgrepo.lfs import scan, transfer
from csgrepo.repository import content

if TYPE_CHECKING:
    from csgrepo.repository.connection import Connection
    from csgrepo.repository.layout import WorkTree

__all__ = ["Verification", "verify_here", "verify_remote"]


@dataclass(frozen=True, slots=True)
class Verification:
    """What a check found. It is true if nothing is wrong.

    Attributes:
        commit: the commit that was checked.
        objects: how many large files it has.
        problems: one sentence for each thing that is not as it should be.
    """

    commit: str
    objects: int
    problems: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return not self.problems

    def __str__(self) -> str:
        if self.problems:
            return "\n".join(self.problems)
        return f"{self.commit[:10]} is complete: {self.objects} large files, nothing missing"


def verify_here(tree: WorkTree) -> list[str]:
    """Return one sentence for each large file whose content is not here."""
    return [
        f"{file.path} is still a pointer ({file.size} bytes are missing); "
        "fetch it with git_pull(lfs=True)"
        for file in content.pointers(tree)
    ]


def verify_remote(connection: Connection, branch: str, commit: str) -> tuple[list[str], int]:
    """Ask the remote for the branch and every large file of the commit.

    Returns:
        One sentence for each thing it lacks, and how many objects were asked for.
    """
    problems = []
    there = connection.refs().get(f"refs/heads/{branch}")
    if there != commit:
        problems.append(f"{branch} on {connection.push_url_shown} is {there or 'not there'}")
    names = {p: path for path, p in scan.in_tree(connection.tree.git, commit).items() if p.size}
    if names:
        server = connection.object_server("upload", f"refs/heads/{branch}")
        problems += transfer.confirm(server, names)
    return problems, len(names)
