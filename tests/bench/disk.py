"""A file system of one's own, kept in a file, for as long as it is looked at."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

# XFS and Btrfs have reflinks. Blocks are cleared when they are used, not when the disk is made.
KINDS = {"xfs": ["mkfs.xfs", "-q", "-K"], "btrfs": ["mkfs.btrfs", "-q", "-K"]}


@contextlib.contextmanager
def disk(place: Path, kind: str, size: int) -> Iterator[Path]:
    """Mount a new file system of so many bytes; only what is in use takes room.

    Args:
        place: the folder, which does not exist yet; the file is beside it.
        kind: one of `KINDS`.
        size: in bytes; XFS needs 300 MiB.

    Raises:
        OSError: it needs root, or the program that makes it, or leave to mount.
    """
    if os.name != "posix" or os.geteuid() != 0:
        raise OSError("mounting a disk needs root")
    image = place.with_name(f"{place.name}.img")
    with image.open("xb") as stream:
        stream.truncate(size)
    place.mkdir()
    try:
        _run([*KINDS[kind], str(image)])
        _run(["mount", "-o", "loop,discard", str(image), str(place)])
        try:
            yield place
        finally:
            subprocess.run(["umount", "-l", place], check=True)
    finally:
        image.unlink()
        place.rmdir()


def _run(args: list[str]) -> None:
    # What makes and mounts file systems is not on everybody's path.
    program = shutil.which(args[0], path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if program is None:
        raise OSError(f"{args[0]} is not installed")
    done = subprocess.run([program, *args[1:]], capture_output=True, check=False, text=True)
    if done.returncode:
        raise OSError(f"{args[0]}: {done.stderr.strip()}")
