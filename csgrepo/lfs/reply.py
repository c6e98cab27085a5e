"""What a batch reply says of each object, read and checked.

Follows https://github.com/git-lfs/git-lfs/blob/main/docs/api/batch.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from csgrepo.errors import LfsError, TransferError
from csgrepo.lfs.pointer import OID, Pointer
from csgrepo.redact import Secret

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

__all__ = ["MEDIA_TYPE", "Action", "Reply", "read_replies"]

MEDIA_TYPE = "application/vnd.git-lfs+json"


@dataclass(frozen=True, slots=True)
class Action:
    """Where to send or fetch something, and with which headers.

    Attributes:
        href: the address.
        headers: what to send along.
        authenticated: whether these prove who is asking; the caller's own proof then stays away.
    """

    href: str
    headers: Mapping[str, Secret]
    authenticated: bool

    @classmethod
    def read(cls, value: object) -> Action | None:
        """Read an action of a reply; ``None`` where there is none.

        Raises:
            TransferError: it is not one that can be followed.
        """
        if not isinstance(value, dict):
            return None
        href = value.get("href")
        if not isinstance(href, str) or not href.startswith(("http://", "https://")):
            raise TransferError("the LFS server answered with an action without an HTTP address")
        headers = value.get("header") or {}
        if not isinstance(headers, dict) or not all(
            isinstance(text, str) for text in headers.values()
        ):
            raise TransferError("the LFS server answered with headers that are not text")
        secret = {str(name): Secret(text) for name, text in headers.items()}
        named = any(name.lower() == "authorization" for name in secret)
        return cls(href, secret, named or value.get("authenticated") is True)


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server says about one object.

    Attributes:
        transfer: the kind of transfer that its actions are meant for.
        actions: what to do, as it came.
        error: why there is nothing to do, in the server's words.
        code: the number of that error.
    """

    transfer: str
    actions: Mapping[str, object]
    error: str | None = None
    code: int = 0


def read_replies(
    url: str, answer: Mapping[str, object], pointers: Sequence[Pointer], offered: Collection[str]
) -> list[Reply]:
    """Pair the replies with what was asked: by id, or by place where the id was left out.

    Args:
        url: the server, for messages.
        answer: what it answered.
        pointers: what it was asked for.
        offered: the kinds of transfer it could choose from.

    Raises:
        TransferError: it is no answer to the question.
        LfsError: the server has an object in another size.
    """
    transfer = answer.get("transfer") or "basic"
    objects = answer.get("objects")
    if not isinstance(transfer, str) or transfer not in offered or not isinstance(objects, list):
        raise TransferError(
            f"{url} answered with something other than a {' or '.join(offered)} transfer"
        )
    if not all(isinstance(entry, dict) for entry in objects):
        raise TransferError(f"{url} answered with objects that are not objects")
    entries = cast("list[dict[str, object]]", objects)
    by_oid = {str(entry.get("oid")): entry for entry in entries}
    replies = []
    for place, pointer in enumerate(pointers):
        entry = by_oid.get(pointer.oid)
        if entry is None and len(entries) == len(pointers):
            named = str(entries[place].get("oid") or "")
            entry = None if OID.fullmatch(named) else entries[place]
        if entry is None:
            raise TransferError(f"{url} said nothing about object {pointer.oid[:12]}")
        replies.append(_read_reply(url, transfer, entry, pointer))
    return replies


def _read_reply(url: str, transfer: str, entry: dict[str, object], pointer: Pointer) -> Reply:
    error = entry.get("error")
    if isinstance(error, dict):
        code = error.get("code")
        said = str(error.get("message") or "no reason given")
        return Reply(transfer, {}, said, code if isinstance(code, int) else 0)
    if entry.get("size") not in {None, pointer.size}:
        raise LfsError(
            f"{url} has object {pointer.oid[:12]} with {entry.get('size')} bytes instead of "
            f"{pointer.size}: one of the two copies is damaged"
        )
    actions = entry.get("actions") or entry.get("_links")
    return Reply(transfer, actions if isinstance(actions, dict) else {})
