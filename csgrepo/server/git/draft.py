"""A commit that is to be made: what it does to which paths, and how git-fast-import(1) is told."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from csgrepo.errors import InvalidInput
from csgrepo.repo_id import check_ref_name

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Action", "CommitRefused", "Draft", "check_branch", "check_path", "stream"]

_LONGEST_PATH, _LONGEST_NAME = 4096, 255
_FILE, _PROGRAM = "100644", "100755"

Verb = Literal["create", "update", "delete", "move"]


class CommitRefused(Exception):
    """The commit cannot be made; the text says why."""


@dataclass(frozen=True, slots=True)
class Action:
    """What happens to one path.

    Attributes:
        verb: ``create`` wants the path free; ``update``, ``delete`` and ``move`` want a file.
        path: the path afterwards (the one that goes, for ``delete``).
        content: the file's bytes; ``None`` in a ``move`` keeps them.
        origin: where a ``move`` comes from.
    """

    verb: Verb
    path: str
    content: bytes | None = None
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """A commit to be made.

    Attributes:
        branch: where it goes; a branch that does not exist begins with it.
        message: its message.
        author: name and email address.
        actions: what it does, in this order.
        committer_name: where it differs from the author's.
        start: the branch that a new `branch` begins from.
        overwrites: every action on a file that is there becomes an update of it, a ``delete`` one
            that leaves it empty; so the contract has it for commits of many files.
    """

    branch: str
    message: str
    author: tuple[str, str]
    actions: Sequence[Action]
    committer_name: str = ""
    start: str = ""
    overwrites: bool = False


def check_branch(name: str) -> None:
    """Go on only with the name of a branch.

    Raises:
        CommitRefused: it is none.
    """
    try:
        check_ref_name(name)
        name.encode()
    except (InvalidInput, UnicodeEncodeError) as error:
        raise CommitRefused(f"{name!r} cannot be a branch") from error
    if name == "HEAD" or len(name) > _LONGEST_NAME:
        raise CommitRefused(f"{name[:_LONGEST_NAME]!r} cannot be a branch")


def stream(draft: Draft, parent: str, files: dict[str, str]) -> bytes:
    """Return what git-fast-import(1) is told.

    Args:
        draft: what is to be done.
        parent: the id of the commit before, empty for a first one.
        files: the mode of every path there; changed as the actions go.

    Raises:
        CommitRefused: an action does not fit the files, or a path cannot be.
    """
    name, email = (_plain(text) for text in draft.author)
    committer = _plain(draft.committer_name) or name
    message = draft.message.encode("utf-8", "replace")
    parts = [
        b"commit refs/heads/new\nmark :1\n",
        f"author {name} <{email}> now\ncommitter {committer} <{email}> now\n".encode(),
        b"data %d\n%s\n" % (len(message), message),
    ]
    if parent:
        parts.append(b"from %s\n" % parent.encode())
    folders = _folders(files)
    there = frozenset(files) if draft.overwrites else frozenset()
    for action in draft.actions:
        known = action.path in there
        parts += _steps(_update_of(action) if known else action, files, folders)
    return b"".join([*parts, b"\nget-mark :1\n"])


def _update_of(action: Action) -> Action:
    return Action("update", action.path, action.content or b"")


def _plain(text: str) -> str:
    """Return a name or an address without what would end it early in a commit."""
    kept = "".join(char for char in text if char not in "<>\n\0")
    return kept.encode("utf-8", "replace").decode().strip()


def _steps(action: Action, files: dict[str, str], folders: dict[str, int]) -> list[bytes]:
    """Return one action's lines, and note in `files` and `folders` what it changes."""
    if action.verb == "delete":
        _take(action.path, files, folders)
        return [b"D %s\n" % _quoted(action.path)]
    parts = []
    mode = _FILE
    if action.verb == "update":
        mode = files.get(action.path, "")
        if not mode:
            raise CommitRefused(f"there is no file {action.path!r} to change")
        mode = _PROGRAM if mode == _PROGRAM else _FILE
    else:
        if action.verb == "move":
            mode = _take(action.origin, files, folders)
            parts.append(b"R %s %s\n" % (_quoted(action.origin), _quoted(action.path)))
        _put(action.path, mode, files, folders)
    if action.content is not None:
        facts = (mode.encode(), _quoted(action.path), len(action.content), action.content)
        parts.append(b"M %s inline %s\ndata %d\n%s\n" % facts)
    return parts


def _take(path: str, files: dict[str, str], folders: dict[str, int]) -> str:
    mode = files.pop(path, "")
    if not mode:
        raise CommitRefused(f"there is no file {path!r}")
    for folder in _above(path):
        folders[folder] -= 1
    return mode


def _put(path: str, mode: str, files: dict[str, str], folders: dict[str, int]) -> None:
    check_path(path)
    if path in files or folders.get(path):
        raise CommitRefused(f"{path!r} exists already")
    if any(folder in files for folder in _above(path)):
        raise CommitRefused(f"{path!r} would stand below a file")
    files[path] = mode
    for folder in _above(path):
        folders[folder] = folders.get(folder, 0) + 1


def _folders(files: dict[str, str]) -> dict[str, int]:
    """Return how many files there are below each folder."""
    found: dict[str, int] = {}
    for path in files:
        for folder in _above(path):
            found[folder] = found.get(folder, 0) + 1
    return found


def _above(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


def check_path(path: str) -> None:
    """Go on only with a path that every system can check out.

    Git itself refuses what is left, such as the many spellings of ``.git``.

    Raises:
        CommitRefused: it is empty, too long, leads out of the repository, or is no text.
    """
    try:
        encoded = path.encode()
    except UnicodeEncodeError as error:
        raise CommitRefused(f"{path!r} is not text") from error
    names = path.split("/")
    if (
        len(encoded) > _LONGEST_PATH
        or any(len(name.encode()) > _LONGEST_NAME for name in names)
        or any(name in {"", ".", ".."} or name.lower() == ".git" for name in names)
        or any(char < " " or char in "\\\x7f" for char in path)
    ):
        raise CommitRefused(f"{path[:_LONGEST_NAME]!r} cannot be the path of a file")


def _quoted(path: str) -> bytes:
    """Return a path as git-fast-import(1) reads it, whatever bytes it has."""
    escaped = os.fsencode(path).replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    return b'"%s"' % escaped.replace(b"\n", b"\\n")
