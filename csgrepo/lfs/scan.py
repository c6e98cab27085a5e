"""Finding pointers: in commits, and in the work tree."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from csgrepo.errors import GitError
from csgrepo.git.blob import blob_id
from csgrepo.lfs import attributes
from csgrepo.lfs.pointer import MAX_POINTER_BYTES, Pointer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from csgrepo.git.index import Entry
    from csgrepo.git.runner import Git

__all__ = [
    "PointerFile",
    "in_commits",
    "in_entries",
    "in_tree",
    "in_work_tree",
    "is_still_pointer",
]

_SMALLEST = 100  # shorter than any pointer
_WORTH_TWO = 4000  # objects from which on a second process pays
_AT_ONCE = 20_000  # of 1 KiB at most


@dataclass(frozen=True, slots=True)
class PointerFile:
    """A file of the work tree that is still a pointer.

    Attributes:
        path: relative to the work tree's root.
        oid: SHA-256 of the content it stands for.
        size: length of that content in bytes.
        extensions: names of pointer extensions: the object is not the file, but what their programs
            made of it.
    """

    path: str
    oid: str
    size: int
    extensions: tuple[str, ...] = ()

    @property
    def pointer(self) -> Pointer:
        """The pointer itself."""
        return Pointer(self.oid, self.size)


def in_commits(git: Git, include: Sequence[str], exclude: Iterable[str] = ()) -> dict[Pointer, str]:
    """Return the pointers that these revisions bring, each with a path it has.

    Args:
        git: git in the repository.
        include: the revisions to look at, with all their history.
        exclude: revisions whose history does not count, because the remote has it.
    """
    revisions = "".join(f"{revision}\n" for revision in [*include, *(f"^{o}" for o in exclude)])
    # Blobs too large to be pointers are left out by git itself.
    wanted = f"--filter=blob:limit={MAX_POINTER_BYTES + 1}"
    listing = git.run("rev-list", "--objects", wanted, "--stdin", stdin=revisions.encode()).stdout
    names: dict[bytes, str] = {}
    for line in listing.split(b"\n"):
        oid, space, name = line.partition(b" ")
        if space and name:  # commits and root trees have no name
            names.setdefault(oid, os.fsdecode(name))
    found: dict[Pointer, str] = {}
    for blob, content in _blobs(git, list(names)):
        if pointer := Pointer.parse(content):
            found.setdefault(pointer, names[blob])
    return found


def in_tree(git: Git, revision: str) -> dict[str, Pointer]:
    """Return path → pointer for every large file of one commit's tree."""
    listing = git.run("ls-tree", "-r", "-z", "-l", "--full-tree", revision).stdout
    candidates = _possible_pointers(listing)
    found: dict[str, Pointer] = {}
    while portion := list(islice(candidates, _AT_ONCE)):
        paths: dict[bytes, list[str]] = {}
        for blob, path in portion:
            paths.setdefault(blob, []).append(path)
        for blob, content in _contents(git, list(paths)):
            if pointer := Pointer.parse(content):
                found |= dict.fromkeys(paths[blob], pointer)
    return found


def _possible_pointers(listing: bytes) -> Iterator[tuple[bytes, str]]:
    """Yield blob and path of those entries of a tree that have a pointer's size.

    One at a time: a list of the entries would take several times the memory of the listing.
    """
    start = 0
    while (end := listing.find(b"\0", start)) >= 0:
        facts, _, name = listing[start:end].partition(b"\t")
        fields = facts.split()
        if len(fields) == 4 and fields[1] == b"blob" and _fits(fields[3]):
            yield fields[2], os.fsdecode(name)
        start = end + 1


def in_entries(git: Git, entries: Iterable[Entry]) -> dict[str, Pointer]:
    """Return path → pointer for every large file of the index, whether committed or not."""
    paths: dict[bytes, list[str]] = {}
    for entry in entries:
        if entry.is_regular:
            paths.setdefault(entry.oid.encode("ascii"), []).append(entry.path)
    found: dict[str, Pointer] = {}
    for blob, content in _blobs(git, list(paths)):
        if pointer := Pointer.parse(content):
            found |= dict.fromkeys(paths[blob], pointer)
    return found


def _fits(size: bytes) -> bool:
    return size.isdigit() and _SMALLEST <= int(size) <= MAX_POINTER_BYTES


def _blobs(git: Git, oids: Sequence[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Yield id and content of those objects that are blobs small enough to be pointers."""
    if not oids:
        return
    checked = _asked(git, "--batch-check=%(objectname) %(objecttype) %(objectsize)", oids)
    facts = (line.split() for line in checked.split(b"\n"))
    small = [f[0] for f in facts if len(f) == 3 and f[1] == b"blob" and _fits(f[2])]
    yield from _contents(git, small)


def _contents(git: Git, oids: Sequence[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Yield id and content of small blobs, so many at a time that they fit into little memory."""
    for first in range(0, len(oids), _AT_ONCE):
        portion = oids[first : first + _AT_ONCE]
        output = _asked(git, "--batch", portion)
        at = 0
        for oid in portion:
            end = output.index(b"\n", at)
            named, _, size = output[at:end].partition(b" blob ")
            if named != oid:
                raise GitError(f"git cat-file answered {output[at:end]!r} for {oid!r}")
            start = end + 1
            at = start + int(size) + 1
            yield oid, output[start : at - 1]


def _asked(git: Git, how: str, oids: Sequence[bytes]) -> bytes:
    """Return what `git cat-file` says of these objects; two of them say it where there are many."""
    middle = len(oids) // 2 if len(oids) >= _WORTH_TWO else 0
    parts = [part for part in (oids[:middle], oids[middle:]) if part]

    def ask(part: Sequence[bytes]) -> bytes:
        return git.run("cat-file", "--buffer", how, stdin=b"\n".join(part) + b"\n").stdout

    if len(parts) == 1:
        return ask(parts[0])
    with ThreadPoolExecutor(2, thread_name_prefix="csgrepo-scan") as pool:
        return b"".join(pool.map(ask, parts))


def in_work_tree(git: Git, root: Path, entries: Iterable[Entry]) -> list[tuple[PointerFile, Entry]]:
    """Return the files that are still exactly the pointer that the index has for them.

    A pointer that a person has changed by hand is that person's work and not reported.

    Args:
        git: git at the work tree's root.
        root: that root.
        entries: the index.
    """
    may_be = {
        entry.path: entry
        for entry in entries
        if entry.is_regular
        and entry.stage == 0
        and (entry.stat.size == 0 or _SMALLEST <= entry.stat.size <= MAX_POINTER_BYTES)
    }
    found = []
    for path in sorted(attributes.filtered(git, may_be)):
        content = _small_content(root / path)
        pointer = Pointer.parse(content)
        if pointer and pointer.size and blob_id(content, may_be[path].oid) == may_be[path].oid:
            file = PointerFile(path, pointer.oid, pointer.size, pointer.extensions)
            found.append((file, may_be[path]))
    return found


def is_still_pointer(path: Path, entry: Entry) -> bool:
    """Tell whether a file that was found to be the index's pointer still is."""
    return blob_id(_small_content(path), entry.oid) == entry.oid


def _small_content(path: Path) -> bytes:
    """Return a file's content if it is a file and short enough for a pointer."""
    if path.is_symlink():
        return b""
    try:
        with path.open("rb") as stream:
            return stream.read(MAX_POINTER_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return b""
