"""A small disk of a test's own, where this machine lets one be mounted."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.disk import disk

_SMALLEST_XFS = 300 << 20  # bytes; only what is written takes room


@contextlib.contextmanager
def mounted(folder: Path, options: str = "size=8m") -> Iterator[Path]:
    """Mount an empty memory disk; skip the test where that is not permitted."""
    if os.name != "posix" or os.geteuid() != 0:
        pytest.skip("mounting a disk needs root")
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("this machine does not let root mount a disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@contextlib.contextmanager
def sharing_blocks(folder: Path, kind: str) -> Iterator[Path]:
    """Mount an empty file system that has reflinks, "xfs" or "btrfs"; skip the test as above."""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(disk(folder, kind, _SMALLEST_XFS))
        except OSError as error:
            pytest.skip(str(error))
        yield folder


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Let nobody write below a folder; for root it has to be one that was mounted."""
    if os.geteuid() == 0:
        subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
        yield
        return
    places = [folder, *(path for path in folder.rglob("*") if path.is_dir())]
    for place in places:
        place.chmod(0o555)
    try:
        yield
    finally:
        for place in places:
            place.chmod(0o755)


def fill(disk: Path, leave: int) -> Path:
    """Take all room of a disk but so many bytes; return the file that takes it."""
    facts = os.statvfs(disk)
    ballast = disk / "ballast"
    try:
        ballast.write_bytes(bytes(max(0, facts.f_bavail * facts.f_frsize - leave)))
    except OSError as error:  # somebody else wrote meanwhile; it is full all the same
        if error.errno != errno.ENOSPC:
            raise
    return ballast
