"""Commits that the hub makes for REST: built aside, then pushed through the door of every push.

git-fast-import(1) builds the commit in a scratch repository that borrows the real one's objects;
git-receive-pack(1) takes it from there as it takes a client's push: quarantine, checks, hooks, and
an update of the branch that happens only if it still stands where the commit began. A hub that is
killed in between leaves scratch and quarantine behind, and no half commit.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from csgrepo.errors import CommandFailed, DiskFull
from csgrepo.git.failure import is_full
from csgrepo.server.git.draft import CommitRefused, Draft, check_branch, stream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from csgrepo.git.runner import Git
    from csgrepo.server.git.gitstore import GitStore

__all__ = ["CommitWriter"]

_TRIES = 5
_NOTHING = "0" * 40


class CommitWriter:
    """Makes commits in the repositories of one hub.

    Args:
        store: the repositories.
        temporary: where scratch repositories are made, on the same file system.
    """

    def __init__(self, store: GitStore, temporary: Path) -> None:
        self._store = store
        self._temporary = temporary
        # Writers of one repository take turns here, so that they do not wear out their tries.
        self._turns = [threading.Lock() for _ in range(64)]

    def write(self, repository_id: int, draft: Draft) -> str:
        """Make a commit and return its id.

        Who else writes the branch meanwhile is not overwritten: the actions are applied anew to
        what is there then.

        Raises:
            CommitRefused: an action does not fit what the branch holds, a path or branch cannot
                be, the checks of every push say no, or the branch does not stand still.
        """
        if not draft.branch:
            raise CommitRefused("no branch was named")
        for name in filter(None, (draft.branch, draft.start)):
            check_branch(name)
        git = self._store.git(repository_id)
        with self._turns[repository_id % len(self._turns)]:
            for _ in range(_TRIES):
                tip, parent = self._parent(git, draft)
                files = _files(git, parent) if parent else {}
                told = stream(draft, parent, files)
                with self.scratch(repository_id) as scratch:
                    sha, pack = _build(scratch, told)
                if _push(git, draft.branch, tip, sha, pack):
                    return sha
        raise CommitRefused(
            f"the branch {draft.branch} could not be moved: others keep changing it (try again), "
            "or its name stands in the way of another's"
        )

    @staticmethod
    def _parent(git: Git, draft: Draft) -> tuple[str, str]:
        """Return where the branch stands, and the commit to build on; empty for neither."""
        tip = _tip(git, draft.branch)
        if not draft.start or draft.start == draft.branch:
            return tip, tip
        if tip:
            raise CommitRefused(f"the branch {draft.branch} exists already")
        start = _tip(git, draft.start)
        if not start:
            raise CommitRefused(f"there is no branch {draft.start} to start from")
        return tip, start

    @contextlib.contextmanager
    def scratch(self, lender_id: int | None = None) -> Iterator[Git]:
        """Make a bare repository without starting git, for as long as the block runs.

        Args:
            lender_id: the repository whose objects are there too.
        """
        folder = self._temporary / f"{secrets.token_hex(12)}.git"
        objects = folder / "objects"
        try:
            (objects / "info").mkdir(mode=0o700, parents=True)
            (folder / "refs").mkdir()
            (folder / "HEAD").write_text("ref: refs/heads/none\n", encoding="ascii")
            if lender_id is not None:
                _borrow(objects, self._store.path(lender_id) / "objects")
            yield self._store.git_in(folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _borrow(objects: Path, lender: Path) -> None:
    # Relative, and so free of whatever the path of the hub's folder holds.
    line = f"{os.path.relpath(lender, objects)}\n".encode("ascii")
    (objects / "info" / "alternates").write_bytes(line)


def _tip(git: Git, branch: str) -> str:
    found = git.run("rev-parse", "--verify", "--quiet", f"refs/heads/{branch}", ok=(0, 1))
    return found.text


def _files(git: Git, commit: str) -> dict[str, str]:
    """Return the mode of every path of a commit, folders left out."""
    listed = git.run("ls-tree", "-r", "-z", "--full-tree", commit).stdout
    pairs = (line.partition(b"\t") for line in listed.split(b"\0") if line)
    return {os.fsdecode(path): facts[:6].decode() for facts, _, path in pairs}


def _build(scratch: Git, told: bytes) -> tuple[str, bytes]:
    """Return the new commit's id and a pack of what it brings."""
    # What is built aside need not survive a power cut; what becomes of it is flushed in its place.
    git = scratch.configured(("fastimport.unpackLimit", "0"), ("core.fsync", "none"))
    sha = git.run("fast-import", "--quiet", "--date-format=now", stdin=told).text
    packs = list(Path(scratch.cwd, "objects", "pack").glob("*.pack"))
    if packs:
        return sha, packs[0].read_bytes()
    empty = b"PACK\0\0\0\2\0\0\0\0"  # everything was there before
    return sha, empty + hashlib.sha1(empty, usedforsecurity=False).digest()


def _push(git: Git, branch: str, old: str, new: str, pack: bytes) -> bool:
    """Hand a commit to git-receive-pack(1); return whether the branch stood where it should.

    See gitprotocol-pack(5), "Reference Update Request".

    Raises:
        CommitRefused: the checks said no.
    """
    ref = f"refs/heads/{branch}"
    command = f"{old or _NOTHING} {new} {ref}\0report-status".encode()
    request = b"%04x%s0000%s" % (len(command) + 4, command, pack)
    try:
        answer = git.run("receive-pack", "--stateless-rpc", git.cwd, stdin=request)
    except CommandFailed as error:
        raise CommitRefused("git did not take the commit") from error
    lines = list(_packets(answer.stdout))
    if f"ok {ref}" in lines:
        return True
    if "unpack ok" not in lines:
        if is_full(answer.stderr, git.cwd):
            raise DiskFull(git.cwd, answer.stderr.strip()[-300:])
        raise CommitRefused("git did not take the files: a name or a content is not allowed")
    if any("hook declined" in line for line in lines):
        raise CommitRefused(answer.stderr.strip())
    return False


def _packets(data: bytes) -> Iterator[str]:
    at = 0
    while at + 4 <= len(data):
        length = int(data[at : at + 4], 16)
        if length > 4:
            yield data[at + 4 : at + length].decode("utf-8", "replace").strip()
        at += max(length, 4)
