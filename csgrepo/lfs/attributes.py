r"""``.gitattributes``: which files are kept in LFS.

Patterns for exact names are anchored and escaped: ``w[1].bin`` means that file and no other.
Spaces are written ``[[:space:]]`` as git-lfs does; names that no plain pattern can hold (control
characters, quotes) are written in the quoted form of gitattributes(5), which git and git-lfs both
read.
"""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from csgrepo.errors import InvalidInput
from csgrepo.files import atomic
from csgrepo.git import parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from csgrepo.git.runner import Git

__all__ = [
    "FILE",
    "Kinds",
    "filtered",
    "is_lfs_line",
    "kinds",
    "literal_pattern",
    "restored_on_error",
    "suffix_pattern",
    "track",
    "tracked_patterns",
    "untrack",
    "user_pattern",
]

FILE = ".gitattributes"

_ATTRIBUTES = b" filter=lfs diff=lfs merge=lfs -text"
_CONVERTING = ("text", "crlf", "eol", "ident", "working-tree-encoding", "filter")
_GLOB = re.compile(r"([*?\[\]\\])")
_SUFFIX = re.compile(r"[A-Za-z0-9_]{1,24}")
_LONGEST_LINE = 2048  # git ignores longer ones (attr.h, ATTR_MAX_LINE_LENGTH)
_NEEDS_QUOTES = re.compile(r'[\x00-\x1f\x7f"]|[\ud800-\udfff]|^[#!]')


def literal_pattern(path: str) -> bytes:
    r"""Return the pattern that matches this path and no other.

    Args:
        path: relative to the folder of the ``.gitattributes``, with ``/``.

    Example:
        >>> literal_pattern("w[1] a.bin")
        b'/w\\[1\\][[:space:]]a.bin'
    """
    return _encoded("/" + _GLOB.sub(r"\\\1", path))


def suffix_pattern(suffix: str) -> bytes | None:
    """Return ``*.suffix`` for an ordinary suffix, ``None`` for an odd one."""
    return b"*." + suffix.encode("ascii") if _SUFFIX.fullmatch(suffix) else None


def user_pattern(pattern: str, *, filename: bool = False) -> bytes:
    """Return what to write for a pattern as a person types it.

    Args:
        pattern: a gitattributes pattern, or a file name.
        filename: take special characters as part of a name.

    Raises:
        InvalidInput: git could not use it.
    """
    if not pattern or "\0" in pattern or pattern.isspace():
        raise InvalidInput(f"{pattern!r} is not a pattern; use one such as '*.bin'")
    if filename:
        return literal_pattern(pattern.removeprefix("./"))
    if pattern.startswith("!"):
        raise InvalidInput(
            f"{pattern!r}: gitattributes knows no negative patterns; pass filename=True if the "
            "file's name begins with '!'"
        )
    return _encoded(pattern)


def _encoded(pattern: str) -> bytes:
    if not _NEEDS_QUOTES.search(pattern):
        return os.fsencode(pattern).replace(b" ", b"[[:space:]]")
    return b'"' + b"".join(_quoted_byte(byte) for byte in os.fsencode(pattern)) + b'"'


def _quoted_byte(byte: int) -> bytes:
    if byte in b'"\\':
        return b"\\" + bytes([byte])
    if byte < 0x20 or byte == 0x7F:
        return b"\\%03o" % byte
    return bytes([byte])


def track(root: Path, patterns: Iterable[bytes], aside: Path) -> list[bytes]:
    """Add patterns to the root's ``.gitattributes``; all other bytes stay as they are.

    Args:
        root: the work tree's root.
        patterns: what to track.
        aside: a folder for the unfinished file, out of git's sight.

    Returns:
        The patterns that were not there yet.

    Raises:
        InvalidInput: the file is a link or a folder, or a pattern is too long for git.
    """
    content = _read(root)
    present = set(_lfs_patterns(content))
    new = [pattern for pattern in dict.fromkeys(patterns) if pattern not in present]
    for pattern in new:
        if len(pattern) + len(_ATTRIBUTES) >= _LONGEST_LINE:
            raise InvalidInput(
                f"the name {os.fsdecode(pattern)[:60]!r}… is too long for {FILE}: git ignores "
                f"lines from {_LONGEST_LINE} bytes on; shorten the path"
            )
    if new:
        end = b"\r\n" if b"\r\n" in content else b"\n"
        start = content if not content or content.endswith(b"\n") else content + end
        _write(root, start + b"".join(pattern + _ATTRIBUTES + end for pattern in new), aside)
    return new


def untrack(root: Path, patterns: Iterable[bytes], aside: Path) -> list[bytes]:
    """Remove the LFS lines of these patterns from the root's ``.gitattributes``.

    Returns:
        The patterns that were there.
    """
    content = _read(root)
    wanted = set(patterns)
    kept, removed = [], []
    for line in content.splitlines(keepends=True) if content else []:
        pattern = _pattern(line)
        if pattern in wanted and is_lfs_line(line):
            removed.append(pattern)
        else:
            kept.append(line)
    if removed:
        _write(root, b"".join(kept), aside)
    return removed


def tracked_patterns(root: Path) -> list[bytes]:
    """Return the patterns that send files to LFS, as they stand in the root's file."""
    return list(_lfs_patterns(_read(root)))


def _lfs_patterns(content: bytes) -> Iterable[bytes]:
    return (_pattern(line) for line in content.split(b"\n") if is_lfs_line(line))


def is_lfs_line(line: bytes) -> bool:
    """Tell whether a line of a ``.gitattributes`` assigns ``filter=lfs``."""
    pattern = _pattern(line)
    return bool(pattern) and b"filter=lfs" in line.strip()[len(pattern) :].split()


def _pattern(line: bytes) -> bytes:
    """Return the first word of a line, quotes included; empty for comments and blanks."""
    line = line.strip()
    if line.startswith(b'"'):
        match = re.match(rb'"(?:[^"\\]|\\.)*"', line)
        return match[0] if match else b""
    if not line or line.startswith(b"#"):
        return b""
    return line.split(None, 1)[0]


def _read(root: Path) -> bytes:
    path = root / FILE
    if path.is_symlink() or path.is_dir():
        raise InvalidInput(
            f"{path} is a {'link' if path.is_symlink() else 'folder'}, which git does not read; "
            "make it a file"
        )
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def _write(root: Path, content: bytes, aside: Path) -> None:
    with atomic(root / FILE, aside=aside) as stream:
        stream.write(content)


@contextlib.contextmanager
def restored_on_error(root: Path, aside: Path) -> Iterator[None]:
    """Put the root's ``.gitattributes`` back as it was if the block raises."""
    before = _read(root)
    existed = (root / FILE).exists()
    try:
        yield
    except BaseException:
        if existed:
            _write(root, before, aside)
        else:
            (root / FILE).unlink(missing_ok=True)
        raise


@dataclass(frozen=True, slots=True)
class Kinds:
    """What git's attributes make of files.

    Attributes:
        large: paths that go to LFS.
        converted: paths whose content git changes on its way in, or may change: line ends,
            encodings, keywords, filters other than LFS.
    """

    large: set[str]
    converted: set[str]


def kinds(git: Git, paths: Iterable[str]) -> Kinds:
    """Tell files apart by what an add does with their content; one process for all of them.

    Args:
        git: git at the work tree's root.
        paths: relative to it.
    """
    names = parse.z_join(paths)
    output = git.run("check-attr", "-z", "--stdin", "--all", stdin=names).stdout if names else b""
    found = parse.attributes(output)
    large = {name for name, values in found.items() if values.get("filter") == "lfs"}
    return Kinds(large, {name for name, values in found.items() if _is_converted(values)} - large)


def _is_converted(values: dict[str, str]) -> bool:
    return any(values.get(name, "unset") != "unset" for name in _CONVERTING)


def filtered(git: Git, paths: Iterable[str]) -> set[str]:
    """Return those paths that git's attributes send to LFS; one process for all of them.

    Args:
        git: git at the work tree's root.
        paths: relative to it.
    """
    names = list(paths)
    if not names:
        return set()
    output = git.run("check-attr", "-z", "--stdin", "filter", stdin=parse.z_join(names)).stdout
    values = parse.attributes(output)
    return {name for name in names if values.get(name, {}).get("filter") == "lfs"}
