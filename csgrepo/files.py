"""Paths on disk: writing all or nothing, joining without escaping, reading and hashing at once."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import queue
import re
import secrets
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from csgrepo.errors import DiskFull, InvalidInput, UnsafePath

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = [
    "BLOCK",
    "HashedSink",
    "Lane",
    "atomic",
    "check_name",
    "dates_every_write",
    "disk_errors",
    "hash_file",
    "hash_stream",
    "own",
    "reflink",
    "safe_join",
    "shares_blocks",
    "sweep",
    "unreadable",
    "write_hashed",
    "write_private",
]

BLOCK = 1024 * 1024
_UNMARKED_S = 60.0
_LONGEST_PATH = 4096  # characters
_LONGEST_PART = 255  # bytes, on the file systems of Linux and macOS
_RING = 4  # blocks in flight between the reader and the hash

# linux/fs.h: _IOW(0x94, 9, int), the same on every architecture that has reflinks.
_FICLONE = 0x40049409

# linux/magic.h: file systems of this machine's own disks that have reflinks.
_XFS, _BTRFS = 0x58465342, 0x9123683E
_LONGS_IN_STATFS = 64  # more than it has on any architecture

_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\..*)?", re.IGNORECASE)
# HFS+ ignores these in names (git's core.protectHFS): there, ".g\u200cit" is ".git".
_IGNORED = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
_DOT_GIT = re.compile(r"(?:\.git|git~[0-9]+)[. ]*(?::.*)?", re.IGNORECASE)


@contextlib.contextmanager
def disk_errors(path: str | os.PathLike[str], what: str = "") -> Iterator[None]:
    """Turn "no space left" and "quota exceeded" into `DiskFull`, naming what did not fit."""
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise DiskFull(os.fspath(path), what) from error
        raise


def unreadable(name: str, error: OSError) -> InvalidInput:
    """Return the error of a file that cannot be read for want of permission."""
    return InvalidInput(
        f"{name} cannot be read ({error.strerror}), so it cannot be added; change its "
        "permissions, or list it in .gitignore"
    )


@contextlib.contextmanager
def atomic(
    target: Path, *, mode: int | None = None, aside: Path | None = None
) -> Iterator[BinaryIO]:
    """Write a file that appears whole or not at all.

    The content goes to a temporary file beside the target, is flushed to the disk and renamed
    over it; on any exception the temporary file is removed and the target is as it was.

    Args:
        target: the file to write.
        mode: permission bits; those of a new file under the umask where not given.
        aside: the folder of the temporary file, where the target's own must stay clean even if
            this process is killed.

    Raises:
        DiskFull: there is no room.
    """
    # Twenty characters are 80 bytes at most: a name may be as long as names can be.
    temporary = (aside or target.parent) / f".{target.name[:20]}.{secrets.token_hex(6)}.tmp"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    with disk_errors(target):
        handle = os.open(temporary, flags, 0o666 if mode is None else mode)
        try:
            with os.fdopen(handle, "wb") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            _replace(temporary, target, mode)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def _replace(temporary: Path, target: Path, mode: int | None) -> None:
    try:
        temporary.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        with atomic(target, mode=mode) as beside:  # they are on two disks
            beside.write(temporary.read_bytes())
        temporary.unlink()


def own(stream: BinaryIO) -> bool:
    """Mark an open file as this process's own, for as long as it is open; see `sweep`.

    Returns:
        Whether that could be done; not if another process owns it.
    """
    try:
        import fcntl

        fcntl.flock(stream.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (ImportError, OSError):
        return False
    return True


def sweep(folder: Path, names: re.Pattern[str]) -> int:
    """Remove temporary files whose owners have died; returns how many.

    Args:
        folder: where they are.
        names: what they are called; the first group is the number of the process that made it.
    """
    removed = 0
    with contextlib.suppress(FileNotFoundError):
        for path in folder.iterdir():
            match = names.fullmatch(path.name)
            if match and _is_orphan(path, int(match[1])):
                path.unlink(missing_ok=True)
                removed += 1
    return removed


def _is_orphan(path: Path, pid: int) -> bool:
    """Tell whether nobody owns a file; one that was just made may not be marked yet."""
    try:
        import fcntl
    except ImportError:
        return False
    try:
        if _lives(pid) and time.time() - path.stat().st_mtime < _UNMARKED_S:
            return False
        with path.open("rb") as stream:
            fcntl.flock(stream.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def write_private(target: Path, content: bytes) -> None:
    """Write a file that only its owner can read (mode 0600), atomically."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with atomic(target, mode=0o600) as stream:
        stream.write(content)


def safe_join(root: Path, name: str) -> Path:
    r"""Return ``root/name`` for a name that came from elsewhere.

    The name uses ``/`` and is judged by the rules of every platform, whatever this one is: no
    absolute path, no ``..``, no drive letter, no backslash, nothing git keeps for itself, and
    none of the existing parents may be a link.

    Raises:
        UnsafePath: which rule the name breaks.
    """
    parts = check_name(name)
    path = root
    for part in parts[:-1]:
        path /= part
        if path.is_symlink():
            raise UnsafePath(name, f"{part!r} is a link that may lead outside")
    return path / parts[-1]


def check_name(name: str) -> list[str]:
    """Return the parts of a name that `safe_join` could join to a folder.

    Raises:
        UnsafePath: which rule the name breaks.
    """
    if not name or "\0" in name:
        raise UnsafePath(name, "it is empty or holds a NUL byte")
    if len(name) > _LONGEST_PATH:
        raise UnsafePath(f"{name[:80]}…", f"it has {len(name)} characters, too many for a path")
    if name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", name):
        raise UnsafePath(name, "it is an absolute path")
    parts = name.split("/")
    for part in parts:
        _check_part(name, part)
    return parts


def _check_part(name: str, part: str) -> None:
    if part in {"", ".", ".."}:
        raise UnsafePath(name, "it climbs out of its folder")
    if "\\" in part and any(step in {"", ".", ".."} for step in part.split("\\")):
        raise UnsafePath(name, "on Windows it climbs out of its folder")
    if _DOT_GIT.fullmatch(_IGNORED.sub("", part)):
        raise UnsafePath(name, "git keeps that name for itself")
    try:
        length = len(os.fsencode(part))
    except UnicodeEncodeError:
        raise UnsafePath(ascii(name), "it holds half a character") from None
    if os.name == "posix" and length > _LONGEST_PART:
        raise UnsafePath(name, f"{length} bytes between two slashes; a name has 255 at most")
    if os.name == "nt" and ("\\" in part or ":" in part or _RESERVED.fullmatch(part)):
        raise UnsafePath(name, "Windows does not allow it")


def hash_stream(
    stream: BinaryIO, on_bytes: Callable[[int], object] | None = None
) -> tuple[str, int]:
    """Return SHA-256 (hex) and number of bytes from here to the stream's end."""
    digest = hashlib.sha256()
    size = 0
    buffer = memoryview(bytearray(BLOCK))
    while count := stream.readinto(buffer):  # type: ignore[attr-defined]
        digest.update(buffer[:count])
        size += count
        if on_bytes:
            on_bytes(count)
    return digest.hexdigest(), size


def hash_file(path: Path) -> tuple[str, int]:
    """Return SHA-256 (hex) and size of a file, read once."""
    with path.open("rb", buffering=0) as stream:
        return hash_stream(stream)


def reflink(source: BinaryIO, target: BinaryIO) -> bool:
    """Share the source's blocks with the empty target, where the file system can.

    Returns:
        Whether it could; where not, the target is as it was.
    """
    try:
        import fcntl
    except ImportError:
        return False
    try:
        fcntl.ioctl(target.fileno(), _FICLONE, source.fileno())
    except OSError:
        return False
    return True


def dates_every_write(stream: BinaryIO) -> bool:
    """Tell whether a file's times show every write to it that comes after a reflink of it.

    XFS and Btrfs hold writers off while they share the blocks, a mapped file's too, and date what
    is written afterwards. On a network file system (NFS and SMB have reflinks) another machine may
    write, and both the times and the content that are read here be those from before; of the
    others nothing is claimed. See statfs(2).
    """
    import ctypes

    try:
        facts = (ctypes.c_long * _LONGS_IN_STATFS)()  # the first is the kind of file system
        found: int = ctypes.CDLL(None).fstatfs(stream.fileno(), facts)
    except (OSError, AttributeError, TypeError):  # not on this system
        return False
    return found == 0 and facts[0] & 0xFFFFFFFF in {_XFS, _BTRFS}


def shares_blocks(folder: Path) -> bool:
    """Tell whether a copy costs nothing on this folder's file system, by making a small one."""
    source, target = (folder / f"csgrepo-{secrets.token_hex(6)}" for _ in range(2))
    try:
        with source.open("xb") as written:
            written.write(bytes(4096))
        with source.open("rb") as reader, target.open("xb") as writer:
            return reflink(reader, writer)
    finally:
        source.unlink(missing_ok=True)
        target.unlink(missing_ok=True)


def write_hashed(
    source: BinaryIO, target: BinaryIO, on_bytes: Callable[[int], object] | None = None
) -> tuple[str, int]:
    """Copy a stream and hash it on the way: every byte is read once.

    What was hashed is what was written, even if another process rewrites the source meanwhile.
    After the first block the hash runs in a thread of its own beside reading and writing (`hashlib`
    lets go of the interpreter lock), so the slower of the two sets the pace.

    Returns:
        SHA-256 (hex) and number of bytes.
    """
    hasher = _Hasher(_kept.blocks)
    try:
        size = 0
        while True:
            block = hasher.free.get()
            count = source.readinto(block)  # type: ignore[attr-defined]
            if not count:
                break
            part = memoryview(block)[:count]
            hasher.take(block, count)
            target.write(part)
            size += count
            if on_bytes:
                on_bytes(count)
    finally:
        digest = hasher.finish()
    return digest, size


class _Kept(threading.local):
    """The blocks that a thread copies through, file after file: new ones are cleared first."""

    def __init__(self) -> None:
        self.blocks = [bytearray(BLOCK) for _ in range(_RING)]


_kept = _Kept()


class _Hasher:
    """SHA-256 of a ring of blocks that are read, hashed, written and reused.

    A file that is no longer than a block is hashed sooner than a thread would have begun; the
    thread comes with the second.
    """

    def __init__(self, blocks: Iterable[bytearray]) -> None:
        self.free: queue.SimpleQueue[bytearray] = queue.SimpleQueue()
        for block in blocks:
            self.free.put(block)
        self._full: queue.SimpleQueue[tuple[bytearray, int] | None] = queue.SimpleQueue()
        self._digest = hashlib.sha256()
        self._taken = 0
        self._thread: threading.Thread | None = None

    def take(self, block: bytearray, count: int) -> None:
        """Hash the beginning of a block, and free it."""
        self._taken += 1
        if self._taken == 1:
            self._hash(block, count)
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="csgrepo-hash", daemon=True)
            self._thread.start()
        self._full.put((block, count))

    def finish(self) -> str:
        """Return the digest (hex) once all that was taken is hashed."""
        if self._thread is not None:
            self._full.put(None)
            self._thread.join()
        return self._digest.hexdigest()

    def _run(self) -> None:
        while item := self._full.get():
            self._hash(*item)

    def _hash(self, block: bytearray, count: int) -> None:
        self._digest.update(memoryview(block)[:count])
        self.free.put(block)


class HashedSink:
    """A file that takes what arrives; it is hashed in one thread and written in another.

    Receiving is bound by the hash, so neither the thread that reads the network nor the one that
    writes waits for it. The first block is hashed and written where it comes in: for a file that is
    no longer, threads would take longer to begin.

    Args:
        target: the empty file to fill.

    Example:
        >>> import io
        >>> with HashedSink(io.BytesIO()) as sink:
        ...     _ = sink.write(b"weights")
        >>> sink.size
        7
    """

    def __init__(self, target: BinaryIO) -> None:
        self._target = target
        self._digest = hashlib.sha256()
        self._lanes: list[Lane] = []
        self._came = 0  # bytes, before the threads
        self.size = 0

    def __enter__(self) -> HashedSink:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        failure = self._stop()
        if failure and kind is None:
            raise failure

    @property
    def oid(self) -> str:
        """SHA-256 (hex) of what was written; final once the ``with`` block was left."""
        return self._digest.hexdigest()

    def write(self, piece: bytes) -> int:
        """Take a piece; it is written soon.

        Raises:
            OSError: an earlier piece could not be written.
        """
        piece = bytes(piece)
        if self._came < BLOCK:
            self._came += len(piece)
            self._digest.update(piece)
            self._target.write(piece)
        else:
            if not self._lanes:
                self._start()
            for lane in self._lanes:
                lane.put(piece)
        self.size += len(piece)
        return len(piece)

    def adopt(self) -> int:
        """Take what the target holds already for the beginning; before anything is written.

        Returns:
            How many bytes that are.
        """
        self._target.seek(0)
        buffer = memoryview(bytearray(BLOCK))
        while count := self._target.readinto(buffer):  # type: ignore[attr-defined]
            self._digest.update(buffer[:count])
            self.size += count
        return self.size

    def restart(self) -> None:
        """Forget what was written: it begins anew."""
        self._stop()
        self._target.seek(0)
        self._target.truncate()
        self._digest = hashlib.sha256()
        self._came = 0
        self.size = 0

    def _start(self) -> None:
        self._lanes = [Lane("hash", self._digest.update), Lane("write", self._target.write)]

    def _stop(self) -> OSError | None:
        """Wait until all is done; returns what went wrong."""
        failures = [lane.finish() for lane in self._lanes]
        self._lanes = []
        return next((failure for failure in failures if failure), None)


class Lane:
    """A thread that does one thing with every piece, a few of them behind whoever gives them."""

    def __init__(self, name: str, take: Callable[[bytes], object]) -> None:
        self._take = take
        self._pieces: queue.Queue[bytes | None] = queue.Queue(_RING)
        self._failure: OSError | None = None
        self._thread = threading.Thread(target=self._run, name=f"csgrepo-{name}", daemon=True)
        self._thread.start()

    def put(self, piece: bytes) -> None:
        """Hand over the next piece, and wait while too many are on their way.

        Raises:
            OSError: an earlier piece failed.
        """
        if self._failure:
            raise self._failure
        self._pieces.put(piece)

    def finish(self) -> OSError | None:
        """Wait until all pieces are done; returns what went wrong."""
        self._pieces.put(None)
        self._thread.join()
        return self._failure

    def _run(self) -> None:
        while (piece := self._pieces.get()) is not None:
            if self._failure is None:
                try:
                    self._take(piece)
                except OSError as error:
                    self._failure = error
