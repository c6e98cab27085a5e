"""Which files a commit keeps in LFS, and the lines of ``.gitattributes`` that say so.

The hub's own answer is not enough: it reads a ``.gitattributes`` in its own way, which is not
git's, and not the one that comes with the same commit. What decides is git's reading of the
attributes as they will be, and the hub's where that would let a file into git that the hub wants in
LFS. So that every clone gets such a file's content, and not its pointer, it is given a line.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from csgrepo.errors import InvalidInput
from csgrepo.files import disk_errors
from csgrepo.git.runner import Git
from csgrepo.hub.commits.content import LARGEST_IN_GIT
from csgrepo.lfs import attributes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

__all__ = ["Keeping", "Wish", "keep"]

# Git, and git-lfs, read these from the blob: in LFS they would say nothing.
_FOR_GIT = frozenset({".gitattributes", ".gitignore", ".gitmodules", ".lfsconfig"})


@dataclass(frozen=True, slots=True)
class Wish:
    """What is known of a file that is to be kept.

    Attributes:
        size: how many bytes it has.
        in_lfs: whether the hub wants it in LFS.
    """

    size: int
    in_lfs: bool


@dataclass(frozen=True, slots=True)
class Keeping:
    """What was decided.

    Attributes:
        in_lfs: the files that LFS keeps; all others are git's.
        attributes: the root's ``.gitattributes`` if it has to be another, ``None`` if not.
    """

    in_lfs: frozenset[str]
    attributes: bytes | None = None


def keep(wishes: Mapping[str, Wish], rules: Mapping[str, bytes], scratch: Path) -> Keeping:
    """Decide for all files of a commit at once; git is asked for what attributes mean.

    Args:
        wishes: the files that are written.
        rules: every ``.gitattributes`` above them as it will be, by its path.
        scratch: an empty folder.

    Raises:
        InvalidInput: a file is too large for git, and the attributes keep it out of LFS.
        GitNotFound: git is not installed.
    """
    files = {p: w for p, w in wishes.items() if w.size and p.rpartition("/")[2] not in _FOR_GIT}
    if not files:
        return Keeping(frozenset())
    git = _prepared(rules, scratch)
    tracked = attributes.filtered(git, files)
    wanted = {path for path, wish in files.items() if wish.in_lfs or wish.size > LARGEST_IN_GIT}
    if wanted <= tracked:
        return Keeping(frozenset(tracked))
    by_name = {path for path in wanted if files[path].size <= LARGEST_IN_GIT}
    lines = _patterns(wanted - tracked, by_name, files)
    attributes.track(scratch, lines, scratch)
    tracked = attributes.filtered(git, files)
    for path in wanted - tracked:
        if files[path].size > LARGEST_IN_GIT:
            raise InvalidInput(
                f"{path} has {files[path].size} bytes, which the hub takes in LFS only, and a "
                ".gitattributes in a folder above it keeps it out of LFS. Change that line first."
            )
    changed = (scratch / attributes.FILE).read_bytes()
    return Keeping(frozenset(tracked), changed)


def _patterns(lacking: Iterable[str], by_name: set[str], files: Mapping[str, Wish]) -> list[bytes]:
    """Return what to track: a suffix where the hub judges all that have it by their names."""
    others = {_suffix(path) for path in files.keys() - by_name}
    patterns: dict[bytes, None] = {}
    for path in sorted(lacking):
        pattern = attributes.suffix_pattern(_suffix(path))
        if path in by_name and pattern and _suffix(path) not in others:
            patterns[pattern] = None
        else:
            patterns[attributes.literal_pattern(path)] = None
    return list(patterns)


def _suffix(path: str) -> str:
    name = path.rpartition("/")[2]
    dot = name.rfind(".")
    return name[dot + 1 :] if dot > 0 else ""


def _prepared(rules: Mapping[str, bytes], scratch: Path) -> Git:
    """Return git in a work tree that holds these attributes and none of the user's."""
    with disk_errors(scratch):
        for path, content in rules.items():
            target = scratch / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    git = Git(
        scratch,
        env={"GIT_ATTR_NOSYSTEM": "1"},
        config=(("core.attributesFile", os.devnull), ("core.ignoreCase", "false")),
    )
    git.run("init", "--quiet", "--template=")
    return git
