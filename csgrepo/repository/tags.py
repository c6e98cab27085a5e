"""Tags, here and on the remote."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from csgrepo.errors import GitError, PushRejected, VerificationFailed
from csgrepo.repo_id import check_ref_name

if TYPE_CHECKING:
    from csgrepo.repository.connection import Connection
    from csgrepo.repository.layout import WorkTree

__all__ = ["Tag", "create", "delete", "delete_remote", "exists", "exists_remote", "listed"]


_FACTS = "%(refname:strip=2)%00%(if)%(*objectname)%(then)%(*objectname)%(else)%(objectname)%(end)"
_MESSAGE = "%00%(if)%(*objectname)%(then)%(contents:subject)%(end)"


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag.

    Attributes:
        name: its name.
        commit: the commit that it marks.
        message: the first line of its message, or ``""``.
    """

    name: str
    commit: str
    message: str = ""


def listed(tree: WorkTree) -> list[Tag]:
    """Return the tags of this clone, by name."""
    listing = tree.plain_git.run("for-each-ref", f"--format={_FACTS}{_MESSAGE}", "refs/tags").stdout
    lines = (line.split(b"\0") for line in listing.split(b"\n") if line)
    return [Tag(*(os.fsdecode(field) for field in fields)) for fields in lines]


def _ref(name: str) -> str:
    return f"refs/tags/{check_ref_name(name, 'tag')}"


def exists(tree: WorkTree, name: str) -> bool:
    """Tell whether the tag is in this clone."""
    return tree.refs.oid(_ref(name)) is not None


def exists_remote(connection: Connection, name: str) -> bool:
    """Ask the remote whether it has the tag."""
    return _ref(name) in connection.refs()


def create(tree: WorkTree, name: str, message: str | None, *, again: bool = False) -> str:
    """Tag HEAD, with a message or without; returns the tag's object id.

    Args:
        tree: the clone.
        name: what to call it.
        message: what it says.
        again: take one that is there and says the same, as an earlier call left it whose push
            failed.

    Raises:
        GitError: the tag exists, or there is no commit yet.
    """
    ref = _ref(name)
    if oid := tree.refs.oid(ref):
        subject = " ".join((message or "").strip().partition("\n\n")[0].split("\n"))
        if again and Tag(name, tree.refs.oid() or "", subject) in listed(tree):
            return oid
        raise GitError(f"the tag {name!r} exists; delete it first, or choose another name")
    options = ["-a", "-F", "-"] if message else []
    tree.write("tag", *options, "--", name, stdin=(message or "").encode())
    return tree.plain_git.text("rev-parse", "--verify", ref)


def delete(tree: WorkTree, name: str) -> bool:
    """Delete the tag here; returns whether there was one."""
    if not exists(tree, name):
        return False
    tree.write("tag", "-d", "--", name)
    return True


def delete_remote(connection: Connection, name: str) -> bool:
    """Delete the tag on the remote; returns whether there was one.

    Raises:
        PushRejected: the remote refuses.
        VerificationFailed: it still has the tag.
    """
    ref = _ref(name)
    if ref not in connection.refs():
        return False
    git = connection.git_for(connection.push_url)
    try:
        git.run("push", "--porcelain", "--no-verify", connection.name, f":{ref}")
    except PushRejected:
        if ref in connection.refs():  # somebody else may have deleted it meanwhile
            raise
    if ref in connection.refs():
        raise VerificationFailed(connection.push_url_shown, [f"{ref} is still there"])
    return True
