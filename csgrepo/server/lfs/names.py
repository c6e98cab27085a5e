"""Which file names a branch keeps in Git LFS, as REST decides it.

That is not git's own reading of ``.gitattributes``: only the last part of a path is looked at, in
lower case, and a pattern is matched like Go's ``filepath.Match``. Patterns with a slash therefore
never match, and patterns with capital letters never do either.
"""

from __future__ import annotations

import fnmatch
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from csgrepo.server.git.gitstore import GitStore

__all__ = ["LfsNames", "matches"]

_MOST_BYTES = 1024 * 1024
_CLASS = re.compile(r"\[(\^?)((?:\\.|[^]\\])+)\]")


class LfsNames:
    """The patterns of one commit.

    Args:
        patterns: as they stand in the file.
    """

    def __init__(self, patterns: Sequence[str] = ()) -> None:
        self._patterns = tuple(patterns)

    @classmethod
    def of(cls, store: GitStore, repository_id: int, commit: str | None) -> LfsNames:
        """Read the ``.gitattributes`` at a commit's root."""
        entry = store.entry(repository_id, commit, ".gitattributes") if commit else None
        if entry is None or entry.kind != "blob" or entry.size > _MOST_BYTES:
            return cls()
        content = store.blob(repository_id, entry.sha).decode("utf-8", "replace")
        lines = (line.split() for line in content.split("\n"))
        return cls([words[0] for words in lines if {"filter=lfs", "lfs"} & set(words[1:])])

    def __contains__(self, path: str) -> bool:
        """Tell whether a file of that path belongs in Git LFS."""
        name = path.rpartition("/")[2].lower()
        return any(matches(pattern, name) for pattern in self._patterns)


def matches(pattern: str, name: str) -> bool:
    r"""Tell whether a file name (without a slash) matches a pattern of Go's.

    Example:
        >>> matches("*.tar.*", "a.tar.gz"), matches("dir/*", "a"), matches("[^a]\\*", "b*")
        (True, False, True)
    """
    translated = _translated(pattern)
    return translated is not None and fnmatch.fnmatchcase(name, translated)


def _translated(pattern: str) -> str | None:
    """Return the pattern in this language's spelling, ``None`` for a malformed one."""
    parts, at = [], 0
    while at < len(pattern):
        char = pattern[at]
        if char == "[":
            found = _CLASS.match(pattern, at)
            if found is None:
                return None
            parts.append(_class(*found.groups()))
            at = found.end()
            continue
        if char == "\\":
            at += 1
            if at == len(pattern):
                return None
            parts.append(_literal(pattern[at]))
        else:
            parts.append(char)
        at += 1
    return "".join(parts)


def _literal(char: str) -> str:
    return f"[{char}]" if char in "*?[" else char


def _class(negated: str, members: str) -> str:
    plain = re.sub(r"\\(.)", r"\1", members)
    # A "!" in front would negate here; behind it means itself.
    front = plain.lstrip("!")
    ordered = front + "!" * (len(plain) - len(front))
    if ordered.startswith("!"):
        return "[!!]" if negated else "!"
    return f"[{'!' if negated else ''}{ordered}]"
