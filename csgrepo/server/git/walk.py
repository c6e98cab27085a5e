"""Walking through a repository's objects with git's own plumbing, many at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from csgrepo.git.runner import Git

__all__ = ["blobs", "contents", "reachable"]


def reachable(git: Git, wanted: Sequence[str], *but_not: str) -> dict[bytes, bytes]:
    """Return the path, as far as git tells it, of every object that commits lead to.

    Args:
        git: git in the repository.
        wanted: the commits, or tags.
        but_not: what leads to objects that do not count, as git-rev-list(1) takes it.
    """
    if not wanted:
        return {}
    asked = "".join(f"{oid}\n" for oid in wanted).encode()
    options = ("--not", *but_not) if but_not else ()
    listed = git.run("rev-list", "--objects", "--stdin", *options, stdin=asked).stdout
    pairs = (line.partition(b" ") for line in listed.split(b"\n") if line)
    return {oid: path for oid, _, path in pairs}


def blobs(git: Git, names: Iterable[bytes]) -> Iterator[tuple[bytes, int]]:
    """Yield the id and the size of those objects that are files' contents."""
    asked = b"".join(oid + b"\n" for oid in names)
    checked = git.run("cat-file", "--batch-check", "--buffer", stdin=asked).stdout
    for line in checked.splitlines():
        oid, kind, size = line.split(b" ")
        if kind == b"blob":
            yield oid, int(size)


def contents(git: Git, oids: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Yield the id and the content of objects that are there; keep to small ones."""
    asked = b"".join(oid + b"\n" for oid in oids)
    output = git.run("cat-file", "--batch", "--buffer", stdin=asked).stdout
    at = 0
    while at < len(output):
        end = output.index(b"\n", at)
        oid, _, size = output[at:end].split(b" ")
        yield oid, output[end + 1 : end + 1 + int(size)]
        at = end + 2 + int(size)
