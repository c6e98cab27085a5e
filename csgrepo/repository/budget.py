"""A limit for what a working copy takes on the disk, kept before anything is written.

What counts is what `du` counts: the blocks of every file below the folder, ``.git`` included.
"""

from __future__ import annotations

import logging
import os
import re
import stat
import time
from typing import TYPE_CHECKING

from csgrepo.errors import CsgRepoError, DiskBudgetExceeded, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["make_room", "parse_size", "usage"]

_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(I?)B?\s*", re.IGNORECASE)
_LOOK_S = 0.2  # between two looks at pushes that will free something
_ASK_S = 5.0  # between two questions to the server meanwhile
_BLOCK = 512  # what `st_blocks` counts

_log = logging.getLogger(__name__)


def parse_size(text: str | int) -> int:
    """Read a size in bytes: a number, or one with a unit as in ``"20GB"`` or ``"512 MiB"``.

    Raises:
        InvalidInput: it is none, or it is 0.

    Example:
        >>> parse_size("20GB"), parse_size("1.5 GiB")
        (20000000000, 1610612736)
    """
    match = _SIZE.fullmatch(str(text))
    if not match:
        raise InvalidInput(f"{text!r} is not a size; write it as '20GB', '512MiB' or in bytes")
    base = 1024 if match[3] else 1000
    size = int(float(match[1]) * base ** " KMGT".index(match[2].upper() or " "))
    if size <= 0:
        raise InvalidInput("a disk budget of nothing lets nothing be saved")
    return size


def usage(folder: str | os.PathLike[str]) -> int:
    """Return the bytes that a folder takes on the disk; several names of one file count once."""
    seen: set[tuple[int, int]] = set()
    return sum(_size(found, seen) for found in _files(folder))


def _files(folder: str | os.PathLike[str]) -> Iterator[os.stat_result]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    found = entry.stat(follow_symlinks=False)
                except FileNotFoundError:  # gone since it was listed
                    continue
                yield found
                if stat.S_ISDIR(found.st_mode):
                    yield from _files(entry.path)
    except (FileNotFoundError, PermissionError):
        return


def _size(found: os.stat_result, seen: set[tuple[int, int]]) -> int:
    if found.st_nlink > 1 and not stat.S_ISDIR(found.st_mode):
        if (found.st_dev, found.st_ino) in seen:
            return 0
        seen.add((found.st_dev, found.st_ino))
    blocks: int | None = getattr(found, "st_blocks", None)  # Windows has none
    return found.st_size if blocks is None else blocks * _BLOCK


def make_room(
    folder: str,
    budget: int,
    needed: int,
    free: Callable[[bool], int],
    frees_later: Callable[[], bool],
) -> None:
    """See to it that so many bytes can be added, and the same again for the file saved next.

    What the server confirms to have is freed first, then pushes are awaited that will have it
    confirm more. Without room for the next save there is a warning, without room for this one an
    error.

    Args:
        folder: the working copy.
        budget: what it may take, in bytes.
        needed: what is to be added, in bytes.
        free: removes what the server confirms to have, with ``True`` also what is checked out.
        frees_later: tells whether there are pushes under way that `free` can gain from.

    Raises:
        DiskBudgetExceeded: there is no room; nothing was written.
    """

    def has_room() -> bool:
        return usage(folder) + 2 * needed <= budget

    if has_room():
        return
    for checked_out in (False, True):
        _try_to(free, checked_out)
        if has_room():
            return
    while is_waiting := frees_later():
        until = time.monotonic() + _ASK_S
        while (is_waiting := frees_later()) and time.monotonic() < until:
            time.sleep(_LOOK_S)
        _try_to(free, True)
        if has_room():
            return
        if not is_waiting:
            break
    used = usage(folder)
    if used + needed > budget:
        raise DiskBudgetExceeded(folder, budget, used, needed)
    _log.warning("%s: the next save may go beyond the disk budget of %d bytes", folder, budget)


def _try_to(free: Callable[[bool], int], checked_out: bool) -> None:
    try:
        free(checked_out)
    except CsgRepoError as error:
        _log.warning("no local LFS objects can be freed now: %s", error)
