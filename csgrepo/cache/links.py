"""A file under a second name: a link where links work, a copy where they do not."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
from pathlib import Path

from csgrepo.files import atomic, disk_errors, reflink

__all__ = ["copied", "is_copy", "linked", "shows"]

_NOT_ABOUT_LINKS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES})


def shows(path: Path, blob: Path) -> bool:
    """Tell whether a path is the link to a blob that it should be."""
    try:
        return str(path.readlink()) == _goal(path, blob)
    except OSError:  # absent, or no link
        return False


def is_copy(path: Path, size: int) -> bool:
    """Tell whether a path is no link, and of the length of what it should be a copy of."""
    try:
        facts = path.lstat()
    except OSError:
        return False
    return stat.S_ISREG(facts.st_mode) and facts.st_size == size


def linked(path: Path, blob: Path) -> bool:
    """Make a path a link to a blob, whatever was there; where links do not work, tell so.

    Raises:
        DiskFull: there is no room.
    """
    temporary = path.with_name(f".{secrets.token_hex(6)}.tmp")
    try:
        temporary.symlink_to(_goal(path, blob))
    except NotImplementedError:
        return False
    except OSError as error:
        if error.errno not in _NOT_ABOUT_LINKS:
            return False
        with disk_errors(path):
            raise
    try:
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return True


def copied(source: Path, target: Path) -> None:
    """Copy a file over whatever is at the target: shared blocks where the disk can, else bytes.

    Raises:
        DiskFull: there is no room; the target is as it was.
    """
    with source.open("rb") as reader, atomic(target) as writer:
        if not reflink(reader, writer):
            shutil.copyfileobj(reader, writer, 1024 * 1024)


def _goal(path: Path, blob: Path) -> str:
    return os.path.relpath(blob, path.parent)
