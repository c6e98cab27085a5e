"""Uploads in parts that are not complete yet, so that another process can go on with them.

Each has a file of its own, a line of JSON for the upload and one for every part that the server
has named. Names and ETags are all that is kept: addresses are secrets, and the server gives fresh
ones for the name. A file that is lost or torn costs bytes that are sent twice, and nothing else;
so nothing here waits for the disk, and a disk without room is no reason not to send.

Of two processes that begin to send the same object at once, one keeps the file. Others that come
later go on with what it says while it is still being written: every line is appended in one piece,
and the same part sent twice is the same bytes.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import re
import time
from typing import TYPE_CHECKING, Any

from csgrepo.lfs.pointer import OID

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from csgrepo.lfs.parts import Plan
    from csgrepo.lfs.pointer import Pointer

__all__ = ["ETAG", "Record", "Unfinished"]

ETAG = re.compile(r'(?:W/)?"?[\x21\x23-\x7e]{1,200}"?')

_VERSION = 1
_KEPT_S = 14 * 24 * 3600.0  # object stores drop parts that nobody completes after some days
_UPLOAD_ID = re.compile(r"[\x21-\x7e]{1,2000}")

_log = logging.getLogger(__name__)


class Record:
    """What one upload has come to.

    Attributes:
        upload_id: the server's name for it.
        part_bytes: the length of every part but the last.
        etags: what the server called each part that it has, by the part's number.
    """

    def __init__(self, path: Path | None, upload_id: str, part_bytes: int) -> None:
        self.upload_id = upload_id
        self.part_bytes = part_bytes
        self.etags: dict[int, str] = {}
        self._path = path

    def fits(self, plan: Plan) -> bool:
        """Tell whether a plan is for this very upload, cut the same way."""
        return (plan.upload_id, plan.part_bytes) == (self.upload_id, self.part_bytes)

    def add(self, number: int, etag: str) -> None:
        """Note that the server has a part."""
        self.etags[number] = etag
        self._append({"part": number, "etag": etag}, os.O_APPEND)

    def create(self) -> None:
        """Write it down for the first time."""
        if self._path:
            with contextlib.suppress(OSError):
                self._path.parent.mkdir(parents=True, exist_ok=True)
            fields = {"v": _VERSION, "upload_id": self.upload_id, "part_bytes": self.part_bytes}
            self._append(fields, os.O_CREAT | os.O_EXCL)

    def forget(self) -> None:
        """Drop it: the object is there, or this upload will never be completed."""
        self.etags.clear()
        if self._path:
            with contextlib.suppress(OSError):
                self._path.unlink()
            self._path = None

    def _append(self, fields: dict[str, object], flags: int) -> None:
        if self._path is None:
            return
        # The line break comes first, so that a line torn by a crash does not spoil this one.
        line = b"\n" + json.dumps(fields).encode("ascii")
        try:
            handle = os.open(self._path, os.O_WRONLY | flags | getattr(os, "O_BINARY", 0), 0o600)
            try:
                os.write(handle, line)
            finally:
                os.close(handle)
        except FileNotFoundError:  # another process completed the same upload
            self._path = None
        except OSError as error:
            _log.warning("%s cannot be written (%s); parts may be sent twice", self._path, error)
            self._path = None


class Unfinished:
    """The uploads to one server that were begun and not completed.

    Args:
        folder: where they are written down; made when first needed. ``None`` keeps nothing.
        server: the server's address, which keeps those of several servers apart.
    """

    def __init__(self, folder: Path | None, server: str) -> None:
        self._folder = folder
        self._mark = hashlib.sha256(server.encode()).hexdigest()[:16]

    def begin(self, plan: Plan) -> Record:
        """Write down an upload before its first part is sent."""
        # One part is sent again or not at all; there is nothing to go on with.
        kept = len(plan.parts) > 1 and plan.upload_id
        record = Record(
            self._path(plan.pointer.oid) if kept else None, plan.upload_id, plan.part_bytes
        )
        record.create()
        return record

    def find(self, pointer: Pointer) -> Record | None:
        """Return what is known of an upload of this object, if one was begun and not completed."""
        path = self._path(pointer.oid)
        if path is None:
            return None
        try:
            lines = path.read_bytes().split(b"\n")
        except OSError:
            return None
        record = _read(path, lines)
        if record is None:
            with contextlib.suppress(OSError):
                path.unlink()
        return record

    def oids(self) -> set[str]:
        """Return the objects that `find` may know; files too old to be of use are removed."""
        found = set()
        for path in self._files():
            oid, _, mark = path.name.partition(".")
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > _KEPT_S:
                    path.unlink()
                elif OID.fullmatch(oid) and mark == self._mark:
                    found.add(oid)
        return found

    def _files(self) -> Iterator[Path]:
        if self._folder:
            with contextlib.suppress(OSError):
                yield from self._folder.iterdir()

    def _path(self, oid: str) -> Path | None:
        if self._folder is None or not OID.fullmatch(oid):
            return None
        return self._folder / f"{oid}.{self._mark}"


def _read(path: Path, lines: list[bytes]) -> Record | None:
    """Return what a file says, as far as it makes sense."""
    entries = [_entry(line) for line in lines if line]
    head = entries[0] if entries else {}
    upload_id, part_bytes = head.get("upload_id"), head.get("part_bytes")
    if head.get("v") != _VERSION or not isinstance(part_bytes, int) or part_bytes <= 0:
        return None
    if not isinstance(upload_id, str) or not _UPLOAD_ID.fullmatch(upload_id):
        return None
    record = Record(path, upload_id, part_bytes)
    for entry in entries[1:]:
        number, etag = entry.get("part"), entry.get("etag")
        if isinstance(number, int) and isinstance(etag, str) and ETAG.fullmatch(etag):
            record.etags[number] = etag
    return record


def _entry(line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):  # torn by a crash
        return {}
    return value if isinstance(value, dict) else {}
