"""Folders of a repository as git keeps them: read through REST, checked, and changed.

REST tells each entry's name, mode and id, which is all that a folder's own id is made of. So an
entry that was left out, or told wrongly, is noticed, and nothing is ever taken from a repository
because a list was incomplete.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from csgrepo.errors import HubError, InvalidInput
from csgrepo.hub import trees as listing
from csgrepo.hub.commits.pack import (
    FILE,
    FOLDER,
    PROGRAM,
    TreeEntry,
    first_object,
    object_id,
    tree_bytes,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from csgrepo.hub.connection import HubConnection
    from csgrepo.repo_id import RepoId

__all__ = ["UNTOLD", "Base", "Trees", "changed"]

_TREE = re.compile(rb"tree ([0-9a-f]{40}(?:[0-9a-f]{24})?)\n")
_ENOUGH = 1024 * 1024
# Stands, before a commit's id, for its root folder's, which REST does not tell: such a list cannot
# be checked, and no folder may be made from it.
UNTOLD = "?"


@dataclass(frozen=True, slots=True)
class Base:
    """What a commit is made on.

    Attributes:
        commit: the commit, ``""`` where there is none yet.
        tree: the id of its root folder, ``""`` likewise.
    """

    commit: str = ""
    tree: str = ""


@dataclass(slots=True)
class Trees:
    """The folders of one repository; each is asked for once.

    Attributes:
        hub: the hub.
        repo: the repository.
        used: its hash function.
    """

    hub: HubConnection
    repo: RepoId
    used: str = "sha1"
    _known: dict[str, dict[str, TreeEntry]] = field(default_factory=dict)

    def base(self, commit: str) -> Base:
        """Return a commit with its root folder's id (``POST …/git-upload-pack``).

        Raises:
            HubError: what came is not that commit.
        """
        if not commit:
            return Base()
        content = _fetched_commit(self.hub, self.repo, commit, self.used)
        match = _TREE.match(content)
        if match is None or object_id("commit", content, self.used) != commit:
            raise HubError(
                f"the hub was asked for commit {commit} of {self.repo}, and sent another"
            )
        return Base(commit, match[1].decode())

    def folder(self, base: Base, path: str, oid: str) -> dict[str, TreeEntry]:
        """Return a folder's entries by name.

        Raises:
            HubError: what the hub lists is not all that is in it.
        """
        if not oid:
            return {}
        if oid not in self._known:
            found = [
                TreeEntry(entry.path.rpartition("/")[2].encode(), entry.mode, entry.sha)
                for entry in listing.folder(self.hub, self.repo, base.commit, path)
            ]
            try:
                is_whole = object_id("tree", tree_bytes(found), self.used) == oid
            except ValueError:  # an id that is none
                is_whole = False
            if not (is_whole or oid.startswith(UNTOLD)):
                raise HubError(
                    f"the hub's list of {path or 'the root folder'!r} in {self.repo} at "
                    f"{base.commit[:10]} does not agree with git's id for it, so that a commit "
                    "made from it might lose files. Nothing was changed; use a clone instead."
                )
            self.know(oid, found)
        return self._known[oid]

    def know(self, oid: str, entries: list[TreeEntry]) -> None:
        """Remember a folder that need not be asked for."""
        self._known[oid] = {entry.name.decode(): entry for entry in entries}

    def find(self, base: Base, path: str) -> TreeEntry | None:
        """Return what is at a path, if anything is."""
        oid, above = base.tree, ""
        *folders, name = path.split("/")
        for part in folders:
            entry = self.folder(base, above, oid).get(part)
            if entry is None or not entry.is_folder:
                return None
            oid, above = entry.oid, f"{above}/{part}" if above else part
        return self.folder(base, above, oid).get(name)

    def below(self, base: Base, path: str, oid: str) -> Iterator[str]:
        """Yield the paths of all files in a folder and its folders."""
        for name, entry in self.folder(base, path, oid).items():
            inner = f"{path}/{name}" if path else name
            if entry.is_folder:
                yield from self.below(base, inner, entry.oid)
            else:
                yield inner


def changed(
    trees: Trees,
    base: Base,
    written: Mapping[str, str],
    deleted: frozenset[str],
    programs: frozenset[str] = frozenset(),
) -> tuple[str, dict[str, bytes]]:
    """Return the root folder's new id, and the folders that are new with it, by their ids.

    Args:
        trees: the folders there are.
        base: what is changed.
        written: the blobs to be put somewhere, by path. A program stays a program.
        deleted: the files to take away; what is not there is not there.
        programs: those of the written that may be executed.

    Raises:
        InvalidInput: a file would stand where a folder is, or below a file.
    """
    fresh: dict[str, bytes] = {}
    root = _Folder.of(written, deleted, programs)
    oid = _changed(trees, base, "", base.tree, root, fresh)
    if not oid:
        oid = object_id("tree", b"", trees.used)
        fresh[oid] = b""
        trees.know(oid, [])
    return oid, fresh


@dataclass(slots=True)
class _Folder:
    """What changes in one folder: the blobs that come, whether they are programs; what goes."""

    files: dict[str, tuple[str, bool] | None] = field(default_factory=dict)
    folders: dict[str, _Folder] = field(default_factory=dict)

    @classmethod
    def of(
        cls, written: Mapping[str, str], deleted: frozenset[str], programs: frozenset[str]
    ) -> _Folder:
        root = cls()
        for path in deleted - written.keys():
            root._put(path, None)
        for path, blob in written.items():
            root._put(path, (blob, path in programs))
        return root

    def _put(self, path: str, blob: tuple[str, bool] | None) -> None:
        *folders, name = path.split("/")
        place = self
        for part in folders:
            place = place.folders.setdefault(part, _Folder())
        place.files[name] = blob


def _changed(  # noqa: PLR0917 - one step of a walk
    trees: Trees, base: Base, path: str, oid: str, change: _Folder, fresh: dict[str, bytes]
) -> str:
    """Return the new id of one folder, ``""`` where nothing is left in it."""
    entries = dict(trees.folder(base, path, oid))
    for name, blob in change.files.items():
        if blob is None and name in entries and not entries[name].is_folder:
            del entries[name]
    for name, inner in change.folders.items():
        inside = f"{path}/{name}" if path else name
        known = entries.get(name)
        if known and not known.is_folder:
            if all(blob is None for blob in inner.files.values()) and not inner.folders:
                continue
            raise InvalidInput(f"{inside} is a file in the repository; delete it first")
        new = _changed(trees, base, inside, known.oid if known else "", inner, fresh)
        if new:
            entries[name] = TreeEntry(name.encode(), FOLDER, new)
        else:
            entries.pop(name, None)
    for name, blob in change.files.items():
        if blob is not None:
            known = entries.get(name)
            if known and known.is_folder:
                inside = f"{path}/{name}" if path else name
                raise InvalidInput(f"{inside} is a folder in the repository; delete it first")
            written, is_program = blob
            mode = PROGRAM if is_program or (known and known.mode == PROGRAM) else FILE
            entries[name] = TreeEntry(name.encode(), mode, written)
    if not entries:
        return ""
    content = tree_bytes(entries.values())
    new = object_id("tree", content, trees.used)
    if new != oid:
        fresh[new] = content
    trees.know(new, list(entries.values()))
    return new


def _fetched_commit(hub: HubConnection, repo: RepoId, commit: str, used: str) -> bytes:
    """Fetch a commit and, where the hub knows how, nothing else; see gitprotocol-v2(5)."""
    lines = [b"command=fetch\n", f"object-format={used}\n".encode()]
    wants = [f"want {commit}\n".encode(), b"deepen 1\n", b"filter tree:0\n", b"done\n"]
    body = b"".join(map(_packet, lines)) + b"0001" + b"".join(map(_packet, wants)) + b"0000"
    url = f"{repo.git_url(hub.endpoint)}/git-upload-pack"
    response = hub.http.request(
        "POST",
        url,
        data=body,
        headers={
            "Content-Type": "application/x-git-upload-pack-request",
            "Git-Protocol": "version=2",
        },
        auth=hub.credentials.authorization,
        idempotent=True,
        stream=True,
        timeout_s=hub.timeout_s,
    )
    with response:
        kind, content = first_object(_beginning_of_pack(response.pieces(), url))
        response.abort()
    if kind != "commit":
        raise HubError(f"{url} was asked for a commit, and sent a {kind}")
    return content


def _packet(line: bytes) -> bytes:
    return b"%04x" % (len(line) + 4) + line


def _beginning_of_pack(pieces: Iterator[bytes], url: str) -> bytes:
    """Return what the pack in an answer begins with; commits come first in every pack."""
    received = bytearray()
    for piece in pieces:
        received += piece
        if len(received) > _ENOUGH:
            break
    pack = bytearray()
    at = 0
    while at + 4 <= len(received):
        try:
            length = int(bytes(received[at : at + 4]), 16)
        except ValueError:
            length = 3
        if length == 3 or length > 65520:
            raise HubError(
                f"{url} answered with something other than git's protocol; a proxy or another "
                "server is at this address"
            )
        line = bytes(received[at + 4 : at + length]) if length > 4 else b""
        if line.startswith(b"ERR ") or line.startswith(b"\x03"):
            words = line[4:].decode("utf-8", "replace").strip()
            raise HubError(f"{url} did not give a commit: {words[:1000]}")
        if line.startswith(b"\x01"):
            pack += line[1:]
        at += max(length, 4)
    return bytes(pack)
