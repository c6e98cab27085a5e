"""Copying a hub's folder into one that another hub can serve, while the hub works or not.

The order makes the copy whole. The database comes first: it names the repositories to copy, and
every object that it knows exists. Then the refs of each repository, with all that they reach. The
LFS objects come last: an object arrives before the ref that needs it, and stays.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import sqlite3
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from csgrepo.errors import GitError, InvalidInput, TransferError
from csgrepo.files import disk_errors, write_hashed
from csgrepo.git.runner import Git
from csgrepo.server.lfs.remote_objects import Location, RemoteObjects, storage_errors
from csgrepo.server.lfs.storage import note_path, object_path, stored_size
from csgrepo.server.records.database import DATABASE, SCHEMA_VERSION, damage

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Backup", "back_up"]


@dataclass(slots=True)
class Backup:
    """What was copied and checked.

    Attributes:
        folder: the copy.
        repositories: how many repositories.
        objects: how many LFS objects.
        object_bytes: their sizes together.
        elsewhere: where objects are that were not copied, as they are not in the folder.
        problems: what is damaged or missing at the source, and therefore not in the copy.
    """

    folder: Path
    repositories: int = 0
    objects: int = 0
    object_bytes: int = 0
    elsewhere: str = ""
    problems: list[str] = field(default_factory=list)


def back_up(root: Path, target: Path) -> Backup:
    """Copy a hub's folder; the copy appears under its name when all of it is there and checked.

    Git checks every object of the copied repositories, and every LFS object is hashed on the way.
    Something damaged does not keep the rest from being saved: it is left out and named.

    Args:
        root: the hub's folder.
        target: the copy; a folder that is not there yet, or is empty.

    Raises:
        InvalidInput: `root` is no hub's folder, its database is damaged, or something is at
            `target`.
        DiskFull: there is no room.
        TransferError: the objects are in a bucket, and that does not answer.
    """
    if not (root / DATABASE).is_file():
        raise InvalidInput(f"{root} is not a hub's folder: it has no {DATABASE}")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise InvalidInput(f"{target} exists and is not an empty folder; choose another")
    target.parent.mkdir(parents=True, exist_ok=True)
    growing = target.with_name(f".{target.name[:20]}.{secrets.token_hex(6)}.part")
    growing.mkdir(mode=0o700)
    try:
        with disk_errors(target):
            made = _Copying(root, growing).run()
            if target.exists():
                target.rmdir()
            growing.rename(target)
    finally:
        shutil.rmtree(growing, ignore_errors=True)
    made.folder = target
    return made


class _Copying:
    """One backup while it is made."""

    def __init__(self, root: Path, folder: Path) -> None:
        self._root = root
        self._folder = folder
        self._made = Backup(folder)
        self._elsewhere: RemoteObjects | None = None

    def run(self) -> Backup:
        with contextlib.closing(self._database()) as database:
            self._elsewhere = self._bucket(database)
            # All of this hub's names at this moment; what is made later is in the next backup.
            found = database.execute(
                "SELECT id, type || ' ' || namespace || '/' || name, default_branch "
                "FROM repositories ORDER BY id"
            ).fetchall()
            for kind in ("git", "lfs"):
                (self._folder / kind).mkdir(mode=0o700, exist_ok=True)
            for number, name, branch in found:
                before = replace(self._made, problems=[*self._made.problems])
                if self._repository(number, name, branch) and self._objects(number, name):
                    self._check_known(database, number, name)
                elif not self._source(number).exists():  # deleted in the meantime
                    self._forget(database, number)
                    self._made = before
        return self._made

    def _forget(self, database: sqlite3.Connection, number: int) -> None:
        """Leave a repository out, and all that was copied of it."""
        with database:
            database.execute("DELETE FROM repositories WHERE id = ?", (number,))
        for copy in ("git", f"{number}.git"), ("lfs", f"{number}"):
            shutil.rmtree(self._folder.joinpath(*copy), ignore_errors=True)

    def _database(self) -> sqlite3.Connection:
        path = self._folder / DATABASE
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        copy = sqlite3.connect(path)
        with contextlib.ExitStack() as undo:
            undo.callback(copy.close)
            self._fill(copy, self._root / DATABASE)
            undo.pop_all()
        return copy

    @staticmethod
    def _fill(copy: sqlite3.Connection, original: Path) -> None:
        with damage(original), contextlib.closing(sqlite3.connect(original)) as source:
            source.backup(copy)
        copy.execute("PRAGMA foreign_keys = ON")
        sound = copy.execute("PRAGMA integrity_check").fetchone()[0]
        version = copy.execute("PRAGMA user_version").fetchone()[0]
        if sound != "ok" or not 0 < version <= SCHEMA_VERSION:
            raise InvalidInput(
                f"{original} cannot be backed up: check says {sound!r}, schema is "
                f"{version} and this csgrepo knows {SCHEMA_VERSION}"
            )

    def _bucket(self, database: sqlite3.Connection) -> RemoteObjects | None:
        found = database.execute("SELECT value FROM settings WHERE name = 'objects'").fetchone()
        if found is None or not found[0]:
            return None
        location = Location.parse(found[0].decode())
        self._made.elsewhere = str(location)
        return RemoteObjects(self._folder / "lfs", self._folder, location)

    def _source(self, number: int) -> Path:
        return self._root / "git" / f"{number}.git"

    def _repository(self, number: int, name: str, branch: str) -> bool:
        """Fetch all refs in one go, as a client would: a repository at work stays consistent."""
        folder = self._folder / "git" / f"{number}.git"
        folder.mkdir(mode=0o700)
        git = Git(folder, env=_VARIABLES | {"GIT_DIR": str(folder)}, config=_SETTINGS)
        try:
            git.run("init", "--bare", "--quiet", "--template=", f"--initial-branch={branch}")
            source = str(self._source(number))
            git.run("fetch", "--quiet", "--no-auto-gc", source, "+refs/*:refs/*")
            git.run("fsck", "--full", "--no-dangling", "--no-progress")
        except GitError as error:
            shutil.rmtree(folder)
            if self._source(number).exists():
                self._made.problems.append(f"{name} (git/{number}.git): {error}")
            return False
        self._made.repositories += 1
        return True

    def _objects(self, number: int, name: str) -> bool:
        """Copy the objects of a repository, and tell whether it was there until all were copied."""
        try:
            self._copy_objects(number, name)
        except FileNotFoundError:
            if self._source(number).exists():
                raise
        return self._source(number).exists()

    def _copy_objects(self, number: int, name: str) -> None:
        source, target = (folder / "lfs" / str(number) for folder in (self._root, self._folder))
        for path in sorted(source.glob("*/*/*")):
            copy = object_path(target, path.name)
            if copy is None or path != object_path(source, path.name):
                continue
            copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            oid, size = _copy(path, copy)
            if oid != path.name:
                copy.unlink()
                self._made.problems.append(
                    f"{name}: the bytes of LFS object {path.name} hash to {oid}"
                )
                continue
            self._made.objects += 1
            self._made.object_bytes += size
        for note in sorted(source.glob("*/*/*.size")):
            self._note(note, number, name)

    def _note(self, note: Path, number: int, name: str) -> None:
        """Copy the note of an object that is kept elsewhere, if it is there; its bytes stay."""
        oid = note.name.removesuffix(".size")
        folder = self._folder / "lfs" / str(number)
        copy = object_path(folder, oid)
        if copy is None or copy.exists() or self._elsewhere is None:
            return
        with storage_errors(self._elsewhere.location, TransferError):
            size = self._elsewhere.stored(number, oid)
        if size is None or str(size) != note.read_text():
            self._made.problems.append(f"{name}: LFS object {oid} is missing in the bucket")
            return
        copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        note_path(copy).write_text(str(size))
        self._made.objects += 1
        self._made.object_bytes += size

    def _check_known(self, database: sqlite3.Connection, number: int, name: str) -> None:
        """Name the objects that the hub believes to have and has not."""
        folder, source = (where / "lfs" / str(number) for where in (self._folder, self._root))
        known = database.execute("SELECT oid FROM lfs_objects WHERE repository_id = ?", (number,))
        for (oid,) in known.fetchall():
            if stored_size(folder, oid) is not None:
                continue
            with database:  # so that a client may upload it again
                database.execute(
                    "DELETE FROM lfs_objects WHERE repository_id = ? AND oid = ?", (number, oid)
                )
            if stored_size(source, oid) is None:
                self._made.problems.append(f"{name}: LFS object {oid} is missing")


_VARIABLES = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
_SETTINGS = (("safe.directory", "*"), ("gc.auto", "0"), ("maintenance.auto", "false"))


def _copy(source: Path, target: Path) -> tuple[str, int]:
    with source.open("rb", buffering=0) as reading, target.open("xb", buffering=0) as writing:
        facts = write_hashed(reading, writing)
        os.fsync(writing.fileno())
    return facts
