"""Which files a commit has; nothing about it ever changes, so it can be kept."""

from __future__ import annotations

import json
import os
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from csgrepo.errors import UnsafePath
from csgrepo.files import safe_join

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Tree", "TreeFile", "is_commit"]

_ID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SURROGATE = re.compile("[\ud800-\udfff]")
_ANYWHERE = Path(os.devnull) / "nowhere"  # names are judged by their own text alone


def is_commit(text: str) -> bool:
    """Tell whether that is a whole commit id, which no branch or tag can move.

    Example:
        >>> is_commit("main"), is_commit("0" * 40)
        (False, True)
    """
    return bool(_ID.fullmatch(text))


@dataclass(frozen=True, slots=True)
class TreeFile:
    """A file of a commit.

    Attributes:
        path: its name from the repository's root, ``/`` between the steps.
        size: its length in bytes; for a large file its own, not its pointer's.
        blob: git's id of it, or of the pointer that stands for it.
        sha256: of the content, or ``""`` where the hub did not say.
        plain: whether it is known to be no LFS file, so that `blob` is the id of its own content.
    """

    path: str
    size: int
    blob: str
    sha256: str = ""
    plain: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be a file's description.

        Raises:
            ValueError: which part of it is wrong.
        """
        if isinstance(self.size, bool) or not isinstance(self.size, int) or self.size < 0:
            raise ValueError(f"{self.path!r} with a size of {self.size!r}")
        if not isinstance(self.blob, str) or not _ID.fullmatch(self.blob):
            raise ValueError(f"{self.path!r} with {self.blob!r} for an id")
        if self.sha256 and not (isinstance(self.sha256, str) and _SHA256.fullmatch(self.sha256)):
            raise ValueError(f"{self.path!r} with {self.sha256!r} for a SHA-256")


@dataclass(frozen=True, slots=True)
class Tree:
    """The files of a commit.

    Attributes:
        commit: the commit's id.
        files: what is known of them, by path.
        complete: whether these are all.
    """

    commit: str
    files: Mapping[str, TreeFile] = field(default_factory=dict)
    complete: bool = False

    @classmethod
    def of(cls, commit: str, files: Iterable[TreeFile], *, complete: bool) -> Tree:
        """Return a tree whose names can all be written below one folder, on any platform.

        Raises:
            UnsafePath: a name leads outside, stands twice, or is a file and a folder at once.
        """
        listed = {}
        for file in files:
            if _SURROGATE.search(file.path):  # what JSON can hold, and no address
                raise UnsafePath(ascii(file.path), "it holds half a character")
            safe_join(_ANYWHERE, file.path)
            if file.path in listed:
                raise UnsafePath(file.path, "it stands twice in the list of files")
            listed[file.path] = file
        _refuse_clashes(listed)
        return cls(commit, listed, complete)

    def joined(self, other: Tree) -> Tree:
        """Return what both know together.

        Raises:
            UnsafePath: a name of one is a folder in the other.
        """
        known = [*{**self.files, **other.files}.values()]
        return Tree.of(self.commit, known, complete=self.complete or other.complete)

    def encode(self) -> bytes:
        """Return the tree as it is kept."""
        rows = [[f.path, f.size, f.blob, f.sha256, f.plain] for f in self.files.values()]
        kept = {"commit": self.commit, "complete": self.complete, "files": rows}
        return json.dumps(kept, ensure_ascii=True).encode("ascii")

    @classmethod
    def decode(cls, commit: str, kept: bytes) -> Tree | None:
        """Return the tree that was kept, ``None`` where that is damaged or another commit's."""
        try:
            value = json.loads(kept)
            if value["commit"] != commit:
                return None
            files = [TreeFile(*row) for row in value["files"]]
            return cls.of(commit, files, complete=value["complete"] is True)
        except (ValueError, KeyError, TypeError, UnsafePath):
            return None


def _refuse_clashes(listed: Mapping[str, TreeFile]) -> None:
    """Refuse a name that is a folder for another: the first would be a link, the second behind it.

    Where the file system takes names for the same that differ in their case, so do we.
    """
    folded = os.name == "nt" or sys.platform == "darwin"
    seen: dict[str, str] = {}
    for path in listed:
        key = path.casefold() if folded else path
        if key in seen:
            raise UnsafePath(path, f"this system takes it for the same as {seen[key]!r}")
        seen[key] = path
    for key, path in seen.items():
        step = key.rfind("/")
        while step > 0:
            if key[:step] in seen:
                raise UnsafePath(path, f"{seen[key[:step]]!r} is a file, and cannot hold it")
            step = key.rfind("/", 0, step)
