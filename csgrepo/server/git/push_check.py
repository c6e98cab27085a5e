"""The check of what is pushed, run by git as the pre-receive hook of every repository.

The new objects are still in quarantine: they are seen through the folders that git names to its
hooks, and vanish if the push is refused. Nothing large may enter git, and every LFS pointer must
stand for an object that has arrived.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from csgrepo.git.runner import Git
from csgrepo.lfs.pointer import MAX_POINTER_BYTES, Pointer
from csgrepo.server.git import walk
from csgrepo.server.http.limits import MAX_GIT_FILE_BYTES
from csgrepo.server.lfs.storage import stored_size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["main"]

_MOST_PROBLEMS = 20


def main(arguments: Sequence[str]) -> int:
    """Check the refs on standard input; say what is wrong and return 1, or return 0.

    Args:
        arguments: the folder of all LFS objects, then what git's variables for the object
            directory, its alternates and the quarantine hold.
    """
    objects, directory, alternates, quarantine = arguments
    repository = Path.cwd()
    variables = {
        "GIT_DIR": str(repository),
        "GIT_OBJECT_DIRECTORY": directory,
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": alternates,
        "GIT_QUARANTINE_PATH": quarantine,
    }
    # A push that only deletes refs brings no objects and has no quarantine.
    git = Git(repository, env={name: value for name, value in variables.items() if value})
    updates = [line.split() for line in sys.stdin.buffer.read().decode().splitlines()]
    wanted = [new for _, new, _ in updates if new.strip("0")]
    problems = []
    for problem in _problems(git, wanted, Path(objects) / repository.stem):
        problems.append(problem)
        if len(problems) == _MOST_PROBLEMS:
            problems.append(b"there may be more")
            break
    sys.stderr.buffer.write(b"".join(problem + b"\n" for problem in problems))
    return 1 if problems else 0


def _problems(git: Git, wanted: Sequence[str], store: Path) -> Iterator[bytes]:
    names = walk.reachable(git, wanted, "--all")
    small = []
    for oid, size in walk.blobs(git, names):
        if size > MAX_GIT_FILE_BYTES:
            yield b"file %s is too large, max size is %d bytes; track it with Git LFS" % (
                names[oid],
                MAX_GIT_FILE_BYTES,
            )
        elif size <= MAX_POINTER_BYTES:
            small.append(oid)
    for oid, content in walk.contents(git, small):
        pointer = Pointer.parse(content)
        if pointer and not _arrived(store, pointer):
            yield b"lfs object %s not found (file %s, %d bytes): upload it, then push again" % (
                pointer.oid.encode(),
                names[oid],
                pointer.size,
            )


def _arrived(store: Path, pointer: Pointer) -> bool:
    return stored_size(store, pointer.oid) == pointer.size
