"""What differs from the index: the files that an add has to look at.

Nothing is read for it: stat data alone decides, and what may differ counts as different.
"""

from __future__ import annotations

import os
import re
import stat as stat_bits
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import TYPE_CHECKING

from csgrepo.errors import InvalidInput
from csgrepo.files import hash_file, unreadable
from csgrepo.git import parse
from csgrepo.git.blob import blob_id, file_blob_id
from csgrepo.lfs import attributes
from csgrepo.lfs.pointer import Pointer

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

    from csgrepo.git.index import Entry
    from csgrepo.repository.layout import WorkTree

__all__ = ["Candidate", "Changes", "Staged", "find", "is_as_indexed", "lstat", "with_attributes"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A path that differs from the index, or may differ.

    Attributes:
        path: relative to the work tree's root.
        stat: the file's stat data; ``None`` where the file is gone.
        entry: its entry in the index, ``None`` for a new file.
        is_staged: whether the entry is not yet committed, as far as that was asked.
    """

    path: str
    stat: os.stat_result | None
    entry: Entry | None
    is_staged: bool = False

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file (and so could be kept in LFS)."""
        return self.stat is not None and stat_bits.S_ISREG(self.stat.st_mode)

    @property
    def size(self) -> int:
        """The file's length in bytes; 0 for anything else."""
        return self.stat.st_size if self.stat is not None and self.is_file else 0


@dataclass(frozen=True, slots=True)
class Changes:
    """What an add has to look at.

    Attributes:
        candidates: paths that differ from the index, or may.
        entries: the whole index.
        staged: other files that are staged and not committed, where they were asked for.
    """

    candidates: list[Candidate] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    staged: list[Candidate] = field(default_factory=list)

    def to_add(self, tracked: Collection[str]) -> Changes:
        """Return what an add stages: what is staged already only if it was tracked after that."""
        again = [candidate for candidate in self.staged if candidate.path in tracked]
        return Changes(self.candidates + again, self.entries)


@dataclass(frozen=True, slots=True)
class Staged:
    """A file whose content is in the object database, as it is or as a pointer.

    Attributes:
        candidate: the file.
        oid: the blob's id (hex).
        stat: the file's stat data when it held just that.
    """

    candidate: Candidate
    oid: str
    stat: os.stat_result


def _pathspec(tree: WorkTree, pattern: str, entries: Iterable[Entry]) -> list[str]:
    """Return the pattern as arguments: a file's name means that file, whatever is in it.

    Raises:
        InvalidInput: the pattern leads outside the working copy, or cannot be one.
    """
    if not pattern or "\0" in pattern:
        raise InvalidInput(f"{pattern!r} is not a path or pattern")
    if pattern == ".":
        return ["--"]
    target = tree.folder / pattern
    if target.exists() or target.is_symlink() or _is_known(pattern, entries):
        pattern = os.path.relpath(target, tree.folder)
        if PurePath(pattern).parts[:1] == ("..",):
            raise InvalidInput(f"{pattern!r} is outside the working copy {tree.folder}")
        return ["--", f":(top,literal){pattern}".replace(os.sep, "/")]
    return ["--", pattern]


def _is_known(pattern: str, entries: Iterable[Entry]) -> bool:
    """Tell whether it is the name of a file or folder of the index, perhaps a deleted one."""
    folder = f"{pattern.rstrip('/')}/"
    return any(entry.path == pattern or entry.path.startswith(folder) for entry in entries)


def find(tree: WorkTree, pattern: str = ".", *, staged: bool = False) -> Changes:
    """Find what differs from the index, without reading any file.

    Git's own `status` would run the clean filter over every large file that was rewritten at equal
    length; here stat data alone decides, and what may differ counts as different.

    Args:
        tree: the working copy.
        pattern: a path or pattern, relative to its root.
        staged: also find what is staged already and not committed.

    Raises:
        InvalidInput: the pattern matches nothing, or only what is ignored.
    """
    entries = tree.entries()
    spec = _pathspec(tree, pattern, entries)
    listing = tree.git.run("ls-files", "-z", "-o", "--exclude-standard", *spec)
    _refuse_closed_folders(listing.stderr)
    untracked = parse.paths(listing.stdout)
    tracked = entries
    if len(spec) > 1:
        inside = set(parse.paths(tree.git.run("ls-files", "-z", "-c", *spec).stdout))
        tracked = [entry for entry in entries if entry.path in inside]
        if not tracked and not untracked:
            _explain_no_match(tree, pattern)
    written_s = _mtime_s(tree.index_path)
    look = _Look(tree.folder)
    changed = (_changed(look, entry, written_s) for entry in _latest_stage(tracked))
    found = [candidate for candidate in changed if candidate is not None]
    found += [Candidate(name, look.at(name), None) for name in untracked]
    found = [candidate for candidate in found if candidate.stat or candidate.entry]
    return _with_staged(tree, found, tracked, entries) if staged else Changes(found, entries)


def _refuse_closed_folders(said: str) -> None:
    """Git only warns of a folder it cannot look into, and what is in it would not be saved."""
    if match := re.search(r"could not open directory '(.*)': Permission denied", said):
        raise InvalidInput(
            f"{match[1]} cannot be read (permission denied), so what is in it cannot be added; "
            "change its permissions, or list it in .gitignore"
        )


def _with_staged(
    tree: WorkTree, found: list[Candidate], tracked: Iterable[Entry], entries: list[Entry]
) -> Changes:
    names = set(_staged_names(tree, entries))
    marked = [replace(candidate, is_staged=candidate.path in names) for candidate in found]
    names -= {candidate.path for candidate in found}
    rest = [entry for entry in tracked if entry.path in names and not entry.frozen]
    others = [Candidate(e.path, lstat(tree.folder / e.path), e, is_staged=True) for e in rest]
    return Changes(marked, entries, others)


def _staged_names(tree: WorkTree, entries: Iterable[Entry]) -> list[str]:
    """Return the paths that the next commit would add or change."""
    if tree.refs.oid() is None:
        return [entry.path for entry in entries]
    options = ("--cached", "--no-renames", "--name-only", "--diff-filter=d", "-z")
    return parse.paths(tree.git.run("diff-index", *options, "HEAD", "--").stdout)


def is_as_indexed(folder: Path, candidate: Candidate) -> bool:
    """Tell whether a file holds what its entry says, as it is or as a pointer; reads the file."""
    entry, stat = candidate.entry, candidate.stat
    if entry is None or stat is None or not candidate.is_file or not _same_kind(entry, stat):
        return False
    path = folder / candidate.path
    if file_blob_id(path, entry.oid) == entry.oid:
        return True
    pointer = Pointer(*hash_file(path))
    return blob_id(pointer.encode(), entry.oid) == entry.oid


def _explain_no_match(tree: WorkTree, pattern: str) -> None:
    if pattern == ".":
        return
    if tree.git.run("check-ignore", "-q", "--", pattern, ok=(0, 1, 128)).returncode == 0:
        raise InvalidInput(f"{pattern!r} is ignored by .gitignore; take it out there to add it")
    raise InvalidInput(f"{pattern!r} matches no file in {tree.folder}; check the spelling")


def _latest_stage(entries: Iterable[Entry]) -> Iterable[Entry]:
    """Return one entry a path: a conflict has up to three."""
    return {entry.path: entry for entry in entries}.values()


def _mtime_s(path: Path) -> int:
    try:
        return int(path.stat().st_mtime)
    except FileNotFoundError:
        return 0


def lstat(path: Path) -> os.stat_result | None:
    """Return a file's stat data, ``None`` if it is not there.

    Raises:
        InvalidInput: its folder may not be looked into.
    """
    try:
        return path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError as error:
        raise unreadable(str(path), error) from error


class _Look:
    """Looks at many files of a folder; a path object for each would cost more than the look."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._start = os.path.join(folder, "")
        self._behind_link: dict[str, bool] = {"": False}

    def at(self, name: str) -> os.stat_result | None:
        """Return a file's stat data, ``None`` if it is not there."""
        try:
            return os.lstat(self._start + name)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except PermissionError as error:
            raise unreadable(self._start + name, error) from error

    def is_behind_link(self, name: str) -> bool:
        """Tell whether one of its parents is a link, so that it is not really in this folder."""
        parent = name.rpartition("/")[0]
        known = self._behind_link.get(parent)
        if known is None:
            known = self.is_behind_link(parent) or os.path.islink(self._start + parent)
            self._behind_link[parent] = known
        return known


def _changed(look: _Look, entry: Entry, written_s: int) -> Candidate | None:
    if entry.frozen:
        return None
    stat = look.at(entry.path)
    if entry.stat.mode == 0o160000:
        return _changed_submodule(look.folder, entry, stat)
    if stat is None or stat_bits.S_ISDIR(stat.st_mode):
        return Candidate(entry.path, None, entry)
    racy = entry.stat.mtime_s >= written_s
    if entry.stage == 0 and not racy and entry.stat.matches(stat) and _same_kind(entry, stat):
        return None
    return Candidate(entry.path, None if look.is_behind_link(entry.path) else stat, entry)


def _changed_submodule(folder: Path, entry: Entry, stat: os.stat_result | None) -> Candidate | None:
    if stat is None:
        return Candidate(entry.path, None, entry)
    checked_out = (folder / entry.path / ".git").exists()
    return Candidate(entry.path, stat, entry) if checked_out else None


def _same_kind(entry: Entry, stat: os.stat_result) -> bool:
    if stat_bits.S_ISLNK(stat.st_mode):
        return entry.stat.mode == 0o120000
    executable = bool(stat.st_mode & stat_bits.S_IXUSR)
    return entry.is_regular and executable == bool(entry.stat.mode & stat_bits.S_IXUSR)


def with_attributes(tree: WorkTree, found: Changes) -> Changes:
    """Include the root's ``.gitattributes`` if it changed, whatever the pattern was.

    A pointer that is committed without the line that says what it is would be taken for a file.
    """
    if any(candidate.path == attributes.FILE for candidate in found.candidates):
        return found
    stat = lstat(tree.folder / attributes.FILE)
    entry = next((e for e in found.entries if e.path == attributes.FILE and e.stage == 0), None)
    if stat is None or (entry is not None and entry.stat.matches(stat)):
        return found
    return Changes([*found.candidates, Candidate(attributes.FILE, stat, entry)], found.entries)
