"""Deciding which files belong in LFS, for thousands of them at once.

One line for a suffix says more than three hundred lines for names. But a line for a suffix speaks
for every file that has it, so it is written only where that is what is wanted: where no text and no
file that git already keeps itself would be swept along. All other files get a line of their own.
"""

from __future__ import annotations

import contextlib
import os
from collections import defaultdict
from typing import TYPE_CHECKING

from csgrepo.errors import InvalidInput
from csgrepo.files import unreadable
from csgrepo.git.blob import file_blob_id
from csgrepo.lfs import attributes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from csgrepo.repository.changes import Candidate, Changes
    from csgrepo.repository.layout import WorkTree

__all__ = ["auto_track", "is_binary", "refreshed"]

# Git, and git-lfs, read these from the blob: in LFS they would say nothing.
_FOR_GIT = frozenset({".gitattributes", ".gitignore", ".gitmodules", ".lfsconfig"})
_SAMPLE_BYTES = 64 * 1024
_TEXT = bytes({7, 8, 9, 10, 12, 13, 27} | set(range(0x20, 0x100)) - {0x7F})


def is_binary(path: str | os.PathLike[str]) -> bool:
    """Tell whether a file holds anything but text: control characters among its first 64 KiB.

    UTF-8 of any language is text. An empty file is text.
    """
    try:
        with open(path, "rb", buffering=0) as stream:
            return bool(stream.read(_SAMPLE_BYTES).translate(None, _TEXT))
    except PermissionError as error:
        raise unreadable(str(path), error) from error


def auto_track(tree: WorkTree, found: Changes, wanted: Callable[[Candidate], bool]) -> list[str]:
    """Track the files that are wanted in LFS and not there yet.

    Args:
        tree: the working copy.
        found: what changed.
        wanted: tells whether a file belongs in LFS; asked only of files that are not there yet.

    Returns:
        The files, sorted.

    Raises:
        InvalidInput: a file's name cannot be tracked, or another ``.gitattributes`` says no.
    """
    files = [candidate for candidate in found.candidates + found.staged if candidate.is_file]
    already = attributes.filtered(tree.git, (candidate.path for candidate in files))
    rest = [candidate for candidate in files if candidate.path not in already]
    chosen = [c for c in rest if not _is_for_git(c.path) and wanted(c) and _is_new(tree, c)]
    if not chosen:
        return []
    kept = {candidate.path for candidate in rest} - {candidate.path for candidate in chosen}
    kept |= _raw_in_git(tree, found, {candidate.path for candidate in chosen})
    with attributes.restored_on_error(tree.folder, tree.temporary_dir()):
        patterns = _patterns(tree.folder, [c.path for c in chosen], kept)
        attributes.track(tree.folder, patterns, tree.temporary_dir())
        _insist(tree, [candidate.path for candidate in chosen])
    names = {candidate.path for candidate in chosen}
    for candidate in found.staged:
        if candidate.path in names:
            _look_again(tree.folder / candidate.path)
    return sorted(names)


@contextlib.contextmanager
def refreshed(tree: WorkTree) -> Iterator[None]:
    """Change attributes inside the block; files they speak of differently are looked at again.

    Git takes a file whose stat data has not changed for unchanged. The time of change of files that
    enter or leave LFS is set to now, as git-lfs does it, so that the next add stores them anew.

    Raises:
        InvalidInput: git's own files would enter LFS; the attributes are as they were.
    """
    names = [entry.path for entry in tree.entries() if entry.is_regular and not entry.frozen]
    before = attributes.filtered(tree.git, [*names, *_FOR_GIT])
    with attributes.restored_on_error(tree.folder, tree.temporary_dir()):
        yield
        after = attributes.filtered(tree.git, [*names, *_FOR_GIT])
        if taken := _FOR_GIT & after - before:
            raise InvalidInput(
                f"this would send {min(taken)} to LFS, where git cannot read it; use narrower "
                "patterns, such as '*.bin'"
            )
    for name in before ^ after:
        _look_again(tree.folder / name)


def _look_again(path: Path) -> None:
    if path.is_file() and not path.is_symlink():
        path.touch()


def _is_new(tree: WorkTree, candidate: Candidate) -> bool:
    """Tell whether the content is not yet committed; stat data may say less than there is to know.

    A file that was committed as it is, checked out or adopted a moment ago, is nobody's change.
    """
    entry = candidate.entry
    if entry is None or candidate.is_staged:
        return True
    return file_blob_id(tree.folder / candidate.path, entry.oid) != entry.oid


def _is_for_git(path: str) -> bool:
    return path.rpartition("/")[2] in _FOR_GIT


def _raw_in_git(tree: WorkTree, found: Changes, chosen: set[str]) -> set[str]:
    """Return the files that git keeps itself and that share a suffix with a chosen one."""
    suffixes = {_suffix(path) for path in chosen}
    same = [
        entry.path
        for entry in found.entries
        if entry.is_regular and entry.path not in chosen and _suffix(entry.path) in suffixes
    ]
    return set(same) - attributes.filtered(tree.git, same)


def _suffix(path: str) -> str:
    name = path.rpartition("/")[2]
    dot = name.rfind(".")
    return name[dot + 1 :] if dot > 0 else ""


def _patterns(root: Path, chosen: Sequence[str], kept: Iterable[str]) -> list[bytes]:
    taken = {_suffix(path) for path in kept}
    by_suffix: defaultdict[str, list[str]] = defaultdict(list)
    for path in chosen:
        by_suffix[_suffix(path)].append(path)
    patterns: list[bytes] = []
    for suffix, paths in sorted(by_suffix.items()):
        pattern = attributes.suffix_pattern(suffix)
        if pattern and suffix not in taken and all(is_binary(root / path) for path in paths):
            patterns.append(pattern)
        else:
            patterns += [attributes.literal_pattern(path) for path in sorted(paths)]
    return patterns


def _insist(tree: WorkTree, chosen: Sequence[str]) -> None:
    """Make sure that git agrees: a line further down or in a folder below may say otherwise."""
    left = set(chosen) - attributes.filtered(tree.git, chosen)
    if left:
        patterns = (attributes.literal_pattern(path) for path in sorted(left))
        attributes.track(tree.folder, patterns, tree.temporary_dir())
        left -= attributes.filtered(tree.git, left)
    if left:
        raise InvalidInput(
            f"{min(left)!r} cannot be tracked with LFS: a .gitattributes in a folder below, or a "
            "later line, says otherwise. Change that line, then add the file again."
        )
