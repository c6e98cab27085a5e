"""The disk: how much room there is, and whether one may write."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from csgrepo.doctor.report import Check, Finding
from csgrepo.progress.label import size

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Room", "room_check", "room_of"]

_FULL_BYTES = 1024 * 1024
_LITTLE_BYTES = 1024**3
_FEW_FILES = 16


@dataclass(frozen=True, slots=True)
class Room:
    """What a folder's disk has to offer.

    Attributes:
        folder: the folder.
        free_bytes: what may be written there.
        free_files: how many files may be made; ``None`` where there is no such limit.
        is_writable: whether this user may write there.
    """

    folder: Path
    free_bytes: int
    free_files: int | None
    is_writable: bool


def room_of(folder: Path) -> Room:
    """Look at the disk of a folder, or of the nearest one above that exists."""
    place = next(path for path in (folder, *folder.parents) if path.exists())
    files = None
    if hasattr(os, "statvfs"):
        facts = os.statvfs(place)
        files = facts.f_favail if facts.f_files else None  # btrfs and its like have no limit
    return Room(place, shutil.disk_usage(place).free, files, os.access(place, os.W_OK | os.X_OK))


def room_check(room: Room, need_bytes: int = 0) -> Check:
    """Judge the disk.

    Args:
        room: what there is.
        need_bytes: what will be written.
    """
    said = f"{size(room.free_bytes)} free in {room.folder}"
    return Check("disk", said, tuple(_findings(room, need_bytes)))


def _findings(room: Room, need_bytes: int) -> list[Finding]:
    found = []
    free, where = size(room.free_bytes), f"the disk of {room.folder}"
    line = "free some room; `csgrepo cache prune --keep 10G` removes old downloads"
    if room.free_bytes < _FULL_BYTES:
        found.append(Finding("CSG201", f"{where} is full: {free} left", line))
    elif room.free_files is not None and room.free_files < _FEW_FILES:
        words = f"{where} takes no more files, however small (no inodes left)"
        found.append(Finding("CSG201", words, line))
    elif room.free_bytes < need_bytes:
        words = f"{where} has {free} left, and {size(need_bytes)} are needed"
        found.append(Finding("CSG202", words, line))
    elif room.free_bytes < _LITTLE_BYTES:
        found.append(Finding("CSG203", f"{where} has only {free} left", line))
    if not room.is_writable:
        words = f"{room.folder} may not be written by this user"
        found.append(Finding("CSG204", words, f"ls -ld '{room.folder}'  # who may"))
    return found
