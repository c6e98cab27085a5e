"""The local store: content under ``.git/lfs/objects``, named by its SHA-256.

The layout is git-lfs's own, so that either can use what the other put there.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from csgrepo import files
from csgrepo.errors import DigestMismatch, FileChanged
from csgrepo.lfs.pointer import MAX_POINTER_BYTES, OID, Pointer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["EMPTY_OID", "Added", "Store", "Twin"]

EMPTY_OID = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

_TEMPORARY = re.compile(r"csgrepo-(\d+)-[0-9a-f]+")
_SETTLING_NS = 20 * 10**6
_SETTLING_TRIES = 10


@dataclass(frozen=True, slots=True)
class Added:
    """A file that was read into the store.

    Attributes:
        pointer: what stands for it in git.
        stat: the file's stat data as it was while it was read.
        content: what git keeps in its place; the pointer's text.
    """

    pointer: Pointer
    stat: os.stat_result
    content: bytes


class Store:
    """Objects by digest.

    Args:
        root: the ``lfs`` folder, usually ``.git/lfs``; made when first written to.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, oid: str) -> Path:
        """Return where an object is, or would be.

        Raises:
            ValueError: the id is not 64 lower-case hex digits, and so must not become a path.
        """
        if not OID.fullmatch(oid):
            raise ValueError(f"{oid!r} is not an object id")
        return self.root / "objects" / oid[:2] / oid[2:4] / oid

    def has(self, pointer: Pointer) -> bool:
        """Tell whether the object is here in its full length."""
        if pointer.size == 0:
            return True
        try:
            return self.path(pointer.oid).stat().st_size == pointer.size
        except (FileNotFoundError, NotADirectoryError):
            return False

    def oids(self) -> Iterator[str]:
        """Yield the id of every object that is here."""
        for path in (self.root / "objects").glob("[0-9a-f][0-9a-f]/[0-9a-f][0-9a-f]/*"):
            if OID.fullmatch(path.name):
                yield path.name

    def add(
        self, source: Path, name: str, on_bytes: Callable[[int], object] | None = None
    ) -> Added:
        """Read a file once: its digest becomes known and its content is kept.

        A file that already is a pointer stands for itself, as `git lfs clean` has it.

        Args:
            source: the file.
            name: what to call it in errors.
            on_bytes: told of every piece that was read.

        Raises:
            FileChanged: it vanished or was written to meanwhile; nothing was kept.
            DiskFull: there is no room; nothing was kept.
        """
        with _opened(source, name) as stream:
            before = _settled(stream, name)
            small = (
                stream.read(MAX_POINTER_BYTES + 1) if before.st_size <= MAX_POINTER_BYTES else b""
            )
            if pointer := Pointer.parse(small):
                added = Added(pointer, before, small)
            elif before.st_size == 0:
                added = Added(Pointer(EMPTY_OID, 0), before, b"")
            else:
                stream.seek(0)
                pointer = self._keep(stream, source, name, before, on_bytes)
                added = Added(pointer, before, pointer.encode())
            _check_unchanged(source, name, before)
        return added

    def _keep(
        self,
        stream: BinaryIO,
        source: Path,
        name: str,
        before: os.stat_result,
        on_bytes: Callable[[int], object] | None,
    ) -> Pointer:
        with self.temporary() as (temporary, target):
            if not files.reflink(stream, target):
                oid, size = files.write_hashed(stream, target, on_bytes)
            elif files.dates_every_write(stream):
                # The source, if unchanged to the end, is what was cloned; and it is in memory
                # where it was just saved, while the clone would have to come from the disk.
                oid, size = files.hash_stream(stream, on_bytes)
            else:
                # The clone cannot change any more, so it is the clone that is hashed.
                with temporary.open("rb", buffering=0) as snapshot:
                    oid, size = files.hash_stream(snapshot, on_bytes)
            _check_unchanged(source, name, before)
            if size != before.st_size:
                raise FileChanged(name, "its length changed")
            self.place(temporary, target, oid)
        return Pointer(oid, size)

    @contextlib.contextmanager
    def temporary(self) -> Iterator[tuple[Path, BinaryIO]]:
        """Open a file in the store that is removed on leaving, unless it was put in place."""
        folder = self.root / "tmp"
        with files.disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            temporary = folder / f"csgrepo-{os.getpid()}-{secrets.token_hex(8)}"
            try:
                with temporary.open("xb") as target:
                    files.own(target)
                    yield temporary, target
            finally:
                temporary.unlink(missing_ok=True)

    def sweep(self) -> int:
        """Remove the unfinished files of processes that died; returns how many."""
        return files.sweep(self.root / "tmp", _TEMPORARY)

    def place(self, temporary: Path, target: BinaryIO, oid: str) -> None:
        """Flush and rename; a copy that is there already is replaced by this verified one."""
        target.flush()
        os.fsync(target.fileno())
        final = self.path(oid)
        final.parent.mkdir(parents=True, exist_ok=True)
        temporary.replace(final)

    def put(
        self,
        pointer: Pointer,
        write: Callable[[BinaryIO], tuple[str, int]],
        twin: Path | None = None,
    ) -> Path:
        """Fill an object from elsewhere; it appears only if its digest is right.

        Args:
            pointer: what it must turn out to be.
            write: writes the content and returns its SHA-256 and length.
            twin: a file that gets the same bytes meanwhile, and is there afterwards only if that
                worked; whoever wants it need not copy the object.

        Raises:
            DigestMismatch: the content is something else; nothing was kept.
        """
        with self.temporary() as (temporary, target):
            with Twin(target, twin) if twin else contextlib.nullcontext(target) as sink:
                oid, _ = write(cast("BinaryIO", sink))
                if oid != pointer.oid:
                    raise DigestMismatch(f"object {pointer.oid[:12]}", pointer.oid, oid)
            self.place(temporary, target, oid)
        return self.path(pointer.oid)

    def remove(self, oid: str) -> int:
        """Remove an object; returns the bytes set free (0 if it was not there)."""
        path = self.path(oid)
        try:
            size = path.stat().st_size
            path.unlink()
        except FileNotFoundError:
            return 0
        return size


class Twin:
    """A file that is written, and a second one that gets the same bytes at the same time.

    The second is written by a thread of its own, so that the first does not wait for it. It is a
    convenience: if it cannot be written, it goes, and the first is written on.

    Args:
        target: the first, open and empty.
        path: where the second is made.
    """

    def __init__(self, target: BinaryIO, path: Path) -> None:
        self._target = target
        self._path = path
        self._second: BinaryIO | None = None
        self._lane: files.Lane | None = None

    def __enter__(self) -> Twin:
        with contextlib.suppress(OSError):
            self._second = self._path.open("xb", buffering=0)
            self._start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        second = self._settled()
        if second is None:
            return
        whole = os.fstat(second.fileno()).st_size == self._target.tell()
        if kind is None and whole:
            second.close()
        else:
            self._drop()

    def write(self, piece: bytes) -> int:
        """Write to both.

        Raises:
            OSError: the first cannot be written.
        """
        self._target.write(piece)
        if self._lane is not None:
            try:
                self._lane.put(bytes(piece))
            except OSError:
                self._drop()
        return len(piece)

    def seek(self, position: int) -> int:
        """Go on writing there, in both."""
        self._also(lambda second: second.seek(position))
        return self._target.seek(position)

    def truncate(self) -> int:
        """End both where the next byte would go."""
        self._also(lambda second: second.truncate())
        return self._target.truncate()

    def fileno(self) -> int:
        """Return the first's handle. Whoever asks writes past this object, so the second goes."""
        self._drop()
        return self._target.fileno()

    def _also(self, do: Callable[[BinaryIO], object]) -> None:
        second = self._settled()
        if second is not None:
            try:
                do(second)
            except OSError:
                self._drop()
            else:
                self._start()

    def _start(self) -> None:
        second = self._second
        if second is not None:
            self._lane = files.Lane("twin", lambda piece: _write_all(second, piece))

    def _settled(self) -> BinaryIO | None:
        """Return the second once all that was given to it is written, if it could be."""
        lane, self._lane = self._lane, None
        if lane is not None and lane.finish() is not None:
            self._drop()
        return self._second

    def _drop(self) -> None:
        if self._lane is not None:
            self._lane.finish()
            self._lane = None
        if self._second is not None:
            self._second.close()
            self._second = None
        self._path.unlink(missing_ok=True)


def _write_all(stream: BinaryIO, piece: bytes) -> None:
    view = memoryview(piece)
    while view:
        view = view[stream.write(view) :]


@contextlib.contextmanager
def _opened(source: Path, name: str) -> Iterator[BinaryIO]:
    try:
        stream = source.open("rb", buffering=0)
    except FileNotFoundError as error:
        raise FileChanged(name, "it vanished") from error
    except PermissionError as error:
        raise files.unreadable(name, error) from error
    with stream:
        yield stream


def _settled(stream: BinaryIO, name: str) -> os.stat_result:
    """Return stat data that every later write changes.

    The system notes times in ticks of some milliseconds, and a write's time when it begins: of a
    file written to this very moment they do not tell whether it is written to still.
    """
    for _ in range(_SETTLING_TRIES):
        stat = os.fstat(stream.fileno())
        age_ns = time.time_ns() - max(stat.st_mtime_ns, stat.st_ctime_ns)
        if not 0 <= age_ns < _SETTLING_NS:
            return stat
        time.sleep((_SETTLING_NS - age_ns) / 10**9)
    raise FileChanged(name, "it is written to all the time")


def _check_unchanged(source: Path, name: str, before: os.stat_result) -> None:
    try:
        after = source.lstat()
    except FileNotFoundError as error:
        raise FileChanged(name, "it vanished") from error
    if _identity(after) != _identity(before):
        what = "it grew or shrank" if after.st_size != before.st_size else "it was rewritten"
        raise FileChanged(name, what)


def _identity(stat: os.stat_result) -> tuple[int, ...]:
    return (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
