"""Whether what the cache holds is still what it was when it came."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from csgrepo.cache import RepoFolder, inventory
from csgrepo.download.content import check_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from csgrepo.cache import CachedRepo, TreeFile

__all__ = ["Checked", "verify"]


@dataclass(frozen=True, slots=True)
class Checked:
    """A file's content in the cache, looked at.

    Attributes:
        repo: the repository it is from.
        file: the file; one of several where some have the same content.
        problem: what is wrong with it, ``""`` where nothing is.
        blob: where the content is.
    """

    repo: CachedRepo
    file: TreeFile
    problem: str
    blob: Path


def verify(cache: Path) -> Iterator[Checked]:
    """Read all content in the cache, and yield for each whether it is what its name says."""
    for repo in inventory(cache):
        folder = RepoFolder(repo.path)
        files = {
            file.blob: file
            for commit in folder.commits()
            for file in folder.tree(commit).files.values()
            if folder.blob(file).exists()
        }
        for file in files.values():
            yield Checked(repo, file, _problem(folder.blob(file), file), folder.blob(file))


def _problem(blob: Path, file: TreeFile) -> str:
    try:
        size = blob.stat().st_size
        if size != file.size:
            return f"it has {size} bytes instead of {file.size}"
        return "its bytes have changed" if check_file(blob, file) else ""
    except OSError as error:
        return f"it cannot be read ({error.strerror})"
