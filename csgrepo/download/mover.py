"""Bring one file to the disk: a small one at once, a large one in ranges, every byte checked."""

from __future__ import annotations

import io
import secrets
import shutil
from typing import TYPE_CHECKING

from filelock import FileLock

from csgrepo.download.content import Digests, check_bytes
from csgrepo.download.mending import mended
from csgrepo.download.part import BLOCK, Part
from csgrepo.download.ranges import Follower, Ranges
from csgrepo.errors import DiskFull
from csgrepo.files import disk_errors

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from csgrepo.cache import TreeFile
    from csgrepo.download.source import Source

__all__ = ["ask_room", "fetch"]

_SMALL = 2 * 1024 * 1024  # held in memory, by as many threads as move files


def ask_room(folder: Path, size: int) -> None:
    """Ask the disk for room before anything is fetched.

    Raises:
        DiskFull: there is less.
    """
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < size:
        raise DiskFull(str(folder), f"{size:,} bytes are to come, and {free:,} are free")


def fetch(
    source: Source,
    commit: str,
    file: TreeFile,
    target: Path,
    parts: Path,
    *,
    connections: int = 1,
    force: bool = False,
    on_bytes: Callable[[int], object] = lambda _: None,
) -> None:
    """Fetch a file and give it its name once every byte was checked.

    Args:
        source: where from.
        commit: the commit it is in.
        file: what it must be.
        target: where it is to appear.
        parts: a folder on the same disk for what is under way; an interrupted file goes on there.
        connections: how many ranges of a large file are fetched at a time.
        force: fetch it even if it is there.
        on_bytes: told how many bytes came in, or were there from before.

    Raises:
        DigestMismatch: the bytes are not the file's; nothing appeared.
        TransferError: it was cut off again and again; what came is kept for the next time.
        DiskFull: there is no room.
    """
    url = source.url(commit, file.path)
    if file.size <= _SMALL:
        _place(_small(source, url, file, on_bytes), target, parts)
        return
    parts.mkdir(parents=True, exist_ok=True)
    with FileLock(parts / f"{file.blob}.lock"):
        if not force and target.exists() and target.stat().st_size == file.size:
            on_bytes(file.size)  # another process brought it while this one waited
            return
        with Part(parts, file) as part:
            ask_room(parts, len(part.missing()) * BLOCK)
            _large(Ranges(source, url, part, on_bytes), part, file, connections)
            part.become(target)


def _small(source: Source, url: str, file: TreeFile, on_bytes: Callable[[int], object]) -> bytes:
    """Fetch a file into memory, once more where its bytes are wrong."""
    content = _body(source, url, file, on_bytes) if file.size else b""
    problem = check_bytes(content, file)
    if problem and file.size:
        on_bytes(-len(content))
        content = _body(source, url, file, on_bytes)
        problem = check_bytes(content, file)
    if problem:
        raise problem
    return content


def _body(source: Source, url: str, file: TreeFile, on_bytes: Callable[[int], object]) -> bytes:
    sink = io.BytesIO()

    def restart() -> None:
        sink.seek(0)
        sink.truncate()

    source.http.download(
        url,
        sink,
        headers=source.headers,
        expected_size=file.size,
        on_bytes=on_bytes,
        on_restart=restart,
    )
    return sink.getvalue()


def _place(content: bytes, target: Path, parts: Path) -> None:
    """Write a small file under another name and rename it.

    It is not flushed to the disk, which for thousands of files would take longer than fetching
    them: after a power cut such a file is empty or short, and its length is asked before each use.
    """
    temporary = parts / f"{secrets.token_hex(8)}.tmp"
    with disk_errors(target):
        try:
            temporary.write_bytes(content)
            temporary.replace(target)
        except FileNotFoundError:
            parts.mkdir(parents=True, exist_ok=True)
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(content)
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def _large(ranges: Ranges, part: Part, file: TreeFile, connections: int) -> None:
    digests = Digests(file)
    with Follower(part, digests) as follower:
        ranges.fetch_missing(connections, follower.tell)
        follower.finish()
    problem = digests.problem(part.path)
    if problem and not mended(ranges, part, file):
        part.discard()
        raise problem
