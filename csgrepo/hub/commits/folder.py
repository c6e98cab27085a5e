"""The files of a local folder that are to be uploaded."""

from __future__ import annotations

import fnmatch
import functools
import os
import re
import tempfile
from typing import TYPE_CHECKING

from csgrepo.errors import InvalidInput
from csgrepo.git.runner import Git

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    Patterns = str | Sequence[str] | None

__all__ = ["Listing", "files_in", "is_match"]

_IGNORE = ".gitignore"
# Git's own, and what downloads into a folder note there.
_LEFT_OUT = frozenset({".git", ".csgrepo"})


class Listing(dict[str, "Path"]):
    """The files found, by their paths below the folder.

    Attributes:
        ignored: those that a ``.gitignore`` leaves out.
        links: links that lead out of the folder, to a folder or to nothing, which are left out too.
        special: pipes, sockets and devices, which have no content to upload.
    """

    def __init__(self) -> None:
        super().__init__()
        self.ignored: list[str] = []
        self.links: list[str] = []
        self.special: list[str] = []


def files_in(folder: Path, allow: Patterns, ignore: Patterns) -> Listing:
    """Return the files of a folder that are to be uploaded, sorted by name.

    A link to a file inside the folder stands for that file's content. One that leads elsewhere is
    left out, and so are links to folders: what they show is not of this folder.

    Args:
        folder: the folder.
        allow: upload only what matches one of these; ``*`` matches ``/`` too.
        ignore: leave out what matches one of these.

    Raises:
        InvalidInput: there is no such folder, or one in it cannot be read.
    """
    if not folder.exists():
        raise InvalidInput(f"there is no folder {folder}")
    if not folder.is_dir():
        raise InvalidInput(f"{folder} is not a folder; use upload_file for a single file")
    root = folder.resolve()
    found = Listing()
    rules = False

    def wanted(name: str) -> bool:
        return (allow is None or is_match(name, allow)) and not is_match(name, ignore)

    for path in _walk(folder, lambda below: not is_match(below, ignore)):
        name = path.relative_to(folder).as_posix()
        target = _target(path, root) if path.is_symlink() else path
        if target and target.is_file():
            found[name] = target
            rules = rules or path.name == _IGNORE
        elif wanted(name) and os.path.lexists(path):
            (found.special if target else found.links).append(name)
    if rules:
        found.ignored = sorted(_ignored(folder, list(found)))
        for name in found.ignored:
            del found[name]
    for name in list(found):
        if not wanted(name):
            del found[name]
    return found


def is_match(path: str, patterns: Patterns) -> bool:
    """Tell whether a path matches one of some patterns; one that ends with ``/`` means a folder.

    ``**/`` stands for any folders, or none, as it does everywhere else.

    Example:
        >>> is_match("runs/a/b.bin", ["*.txt", "runs/"]), is_match("a", None)
        (True, False)
        >>> is_match(".env", "**/.env"), is_match("runs/a.bin", "runs/**/*.bin")
        (True, True)
    """
    given = [patterns] if isinstance(patterns, str) else patterns or []
    return any(
        fnmatch.fnmatchcase(path, form)
        for pattern in given
        for form in _forms(f"{pattern}*" if pattern.endswith("/") else pattern)
    )


@functools.lru_cache(maxsize=256)
def _forms(pattern: str) -> frozenset[str]:
    """Return a pattern as `fnmatch` reads it, and without the folders that need not be there."""
    return frozenset({pattern, re.sub(r"(?<![^/])\*\*/", "", pattern)})


def _walk(folder: Path, wanted: Callable[[str], bool]) -> Iterator[Path]:
    """Yield everything that is no folder, links not followed.

    Args:
        folder: where.
        wanted: whether a file of that path is; a folder that cannot be read may be left out.
    """

    def complain(error: OSError) -> None:
        below = os.path.relpath(error.filename, folder)
        if not wanted(folder.__class__(below, "*").as_posix()):
            return
        raise InvalidInput(
            f"{error.filename} cannot be read ({error.strerror}); change its permissions, or "
            f"leave it out with the ignore pattern {folder.__class__(below).as_posix()}/"
        ) from error

    for top, folders, files in os.walk(folder, onerror=complain):
        links = [name for name in folders if os.path.islink(os.path.join(top, name))]
        folders[:] = sorted(n for n in folders if n not in _LEFT_OUT and n not in links)
        for name in sorted([*files, *links]):
            if name != ".git":  # of a submodule or a linked work tree
                yield folder.__class__(top, name)


def _target(link: Path, root: Path) -> Path | None:
    """Return the file of the folder itself that a link leads to, ``None`` for all other links."""
    try:
        target = link.resolve(strict=True)
    except (OSError, RuntimeError):  # to nothing, or in circles
        return None
    if not target.is_relative_to(root) or not target.is_file():
        return None
    return None if _LEFT_OUT & set(target.relative_to(root).parts) else target


def _ignored(folder: Path, names: Iterable[str]) -> set[str]:
    """Ask git, in a repository that is made for the question and has no rules of its own."""
    asked = b"".join(b"./%s\0" % os.fsencode(name) for name in names)
    with tempfile.TemporaryDirectory(prefix="csgrepo-ignore-") as aside:
        git = Git(
            folder,
            env={"GIT_DIR": aside, "GIT_WORK_TREE": str(folder.resolve())},
            config=(("core.excludesFile", os.devnull),),
        )
        git.run("init", "--quiet", "--template=")
        said = git.run("check-ignore", "--no-index", "--stdin", "-z", stdin=asked, ok=(0, 1))
    return {os.fsdecode(name[2:]) for name in said.stdout.split(b"\0") if name}
