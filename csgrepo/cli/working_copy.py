"""The working copy that a command is about: the one around the current folder, or around -C."""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from csgrepo.cli.output import note

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from csgrepo.lfs.scan import PointerFile
    from csgrepo.repository import Repository
    from csgrepo.repository.layout import WorkTree

__all__ = ["Place", "note_pointers", "quiet", "repo_dir", "working"]

_GLOB = re.compile(r"([*?\[\]\\])")

repo_dir = click.option(
    "-C",
    "--repo-dir",
    type=click.Path(path_type=Path),
    default=".",
    metavar="DIR",
    help="Do it as if called in this folder; any folder of a working copy will do.",
)
quiet = click.option("-q", "--quiet", is_flag=True, help="Show no bars.")


@dataclass(frozen=True, slots=True)
class Place:
    """A folder of a working copy.

    Attributes:
        root: the working copy.
        inner: the folder, relative to it; ``""`` for the root itself.
    """

    root: Path
    inner: str

    @classmethod
    def at(cls, folder: Path) -> Place:
        """Find the working copy that the folder is in.

        Raises:
            NotARepository: it is in none.
        """
        from csgrepo.repository.inquiry import find_root

        root = find_root(folder)
        inner = Path(os.path.realpath(folder)).relative_to(os.path.realpath(root)).as_posix()
        return cls(root, "" if inner == "." else inner)

    @property
    def tree(self) -> WorkTree:
        """The working copy, to be looked at."""
        from csgrepo.repository.layout import WorkTree

        return WorkTree(self.root)

    @contextlib.contextmanager
    def opened(self, *, token: str | None = None, quiet: bool = False) -> Iterator[Repository]:
        """Open it, with bars for what takes long.

        Pushes that go on in the background are left to go on when the command ends.
        """
        from csgrepo.repository import Repository

        with working(quiet=quiet):
            # Whoever typed it means this process, whatever rank its surroundings have.
            yield Repository(self.root, token=token or True, on_exit="detach", every_rank=True)

    def path(self, given: str) -> str:
        """Return what somebody in the folder calls so, as the root's own name or pattern for it."""
        if given.startswith(":"):
            return given
        if os.path.isabs(given):
            folder, name = os.path.split(os.path.normpath(given))
            real = os.path.join(os.path.realpath(folder), name)  # what is named may be a link
            return os.path.relpath(real, os.path.realpath(self.root))
        if not self.inner:
            return given
        if _GLOB.search(given) and not os.path.lexists(self.root / self.inner / given):
            return f"{_escaped(self.inner)}/{given}"
        return os.path.normpath(f"{self.inner}/{given}").replace(os.sep, "/")

    def attribute(self, pattern: str, *, filename: bool) -> str:
        """Return a pattern of ``.gitattributes`` that means at the root what it means here."""
        if not self.inner:
            return pattern
        if filename:
            return f"{self.inner}/{pattern}"
        here = _escaped(self.inner)
        if "/" in pattern.rstrip("/"):
            return f"/{here}/{pattern.lstrip('/')}"
        return f"/{here}/**/{pattern}"

    def shown(self, path: str) -> str:
        """Return a path of the working copy as somebody in the folder calls it."""
        from csgrepo.progress.label import printable

        return printable(os.path.relpath(path, self.inner) if self.inner else path)


def _escaped(name: str) -> str:
    """Return the pattern that matches this name and no other."""
    return _GLOB.sub(r"\\\1", name)


@contextlib.contextmanager
def working(*, quiet: bool = False) -> Iterator[None]:
    """Show bars while the block works; Ctrl-C and requests to end leave it in good order."""
    from csgrepo.cli.signals import ending_at_once
    from csgrepo.progress.bars import bars

    with ending_at_once(), contextlib.nullcontext() if quiet else bars():
        yield


def note_pointers(files: Sequence[PointerFile]) -> None:
    """Tell of large files whose content is not here, if there are any."""
    from csgrepo.progress.label import size

    if files:
        note(
            "still pointers: {count} large files ({size}); `csgrepo pull --lfs` fetches them",
            count=len(files),
            size=size(sum(file.size for file in files)),
        )
