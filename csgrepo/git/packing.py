"""Many small blobs at once: one process writes them into one pack.

As loose objects ten thousand small files take longer to be created, and at every push to be opened,
than to be compressed. In a pack they are compressed once, and a push sends them as they are.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from csgrepo.errors import GitError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from csgrepo.git.runner import Child, Git

__all__ = ["write_blobs"]

_PIECE_BYTES = 256 * 1024


def write_blobs(git: Git, contents: Iterable[bytes], git_dir: Path, aside: Path) -> list[str]:
    """Write blobs; dying on the way leaves at most a pack that nothing refers to yet.

    Follows https://git-scm.com/docs/git-fast-import. Its pack holds whole blobs: looking for
    differences between neighbours takes half as long again and saves next to nothing.

    Args:
        git: git in the repository.
        contents: what the blobs hold; taken while the others are written.
        git_dir: the repository's own folder.
        aside: a folder for what git says of them, out of git's sight.

    Returns:
        Their ids, in the order of the contents.

    Raises:
        CommandFailed: git could not write them; the class says which kind of failure.
        BaseException: whatever `contents` raised.
    """
    marks = aside / f"marks-{secrets.token_hex(6)}"
    pids: list[int] = []
    options = ("--quiet", "--depth=0", f"--export-marks={marks}")
    given = _Counted(contents)
    try:
        git.run("fast-import", *options, stdin=given.stream(), on_start=_noting(pids))
        ids = _ids(marks.read_text(encoding="ascii") if given.count else "")
    finally:
        marks.unlink(missing_ok=True)
        for pid in pids:  # git's report of a failure, which is in its words already
            (git_dir / f"fast_import_crash_{pid}").unlink(missing_ok=True)
    if len(ids) != given.count:
        raise GitError(f"git fast-import wrote {len(ids)} of {given.count} objects")
    return ids


def _noting(pids: list[int]) -> Callable[[Child], None]:
    return lambda process: pids.append(process.pid)


class _Counted:
    """The stream that git reads, and how many blobs it has."""

    def __init__(self, contents: Iterable[bytes]) -> None:
        self._contents = contents
        self.count = 0

    def stream(self) -> Iterator[bytes]:
        """Yield commands, whole ones only: wherever the stream ends, git keeps what it has."""
        piece = bytearray()
        for content in self._contents:
            self.count += 1
            piece += b"blob\nmark :%d\ndata %d\n%b\n" % (self.count, len(content), content)
            if len(piece) >= _PIECE_BYTES:
                yield bytes(piece)
                piece.clear()
        yield bytes(piece)


def _ids(marks: str) -> list[str]:
    """Return the ids of the marks 1, 2, 3…, in that order."""
    found = {int(mark[1:]): oid for mark, oid in map(str.split, marks.splitlines())}
    return [found[number] for number in sorted(found)]
