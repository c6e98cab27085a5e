"""What a batch reply says of each object, read and checked.

Follows https://github.com/git-lfs/git-lfs/blob/main/docs/api/batch.md.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from csgrepo.errors import LfsError, TransferError
from csgrepo.lfs.pointer import OID, Pointer
from csgrepo.redact import Secret

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from csgrepo.errors import HubHTTPError
__all__ = ["MEDIA_TYPE", "Action", "Reply", "read_replies"]

MEDIA_TYPE = "application/vnd.git-lfs+json"

_MARGIN_S = 10.0  # a request begun now must still find its address valid when it gets there


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
        at: when it came, by `time.time`.
    """

    transfer: str
    actions: Mapping[str, object]
    error: str | None = None
    code: int = 0
    at: float = field(default_factory=time.time)

    def is_stale(self, name: str) -> bool:
        """Tell whether an action's time is over, as far as the server said how long it has."""
        action = self.actions.get(name)
        fields = action if isinstance(action, dict) else {}
        end = _end(fields, self.at)
        return end is not None and time.time() > end - _MARGIN_S

    def may_have_expired(self, name: str, refusal: HubHTTPError) -> bool:
        """Tell whether an action that was refused may work with a fresh address.

        That is so for signed addresses, which hold their end in the query, of the ``basic``
        transfer: parts are renewed one by one.
        """
        action = Action.read(self.actions.get(name))
        is_signed = action is not None and bool(urlsplit(action.href).query)
        return is_signed and refusal.status == 403 and self.transfer == "basic"


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


def _end(action: Mapping[str, object], since: float) -> float | None:
    seconds = action.get("expires_in")  # the specification has it win over the other
    if isinstance(seconds, int | float) and seconds:
        return since + seconds
    text = action.get("expires_at")
    if not isinstance(text, str) or text.startswith("0001-"):  # Go's word for "never"
        return None
    try:
        # Fractions of a second may have any number of digits, which not every Python reads.
        end = datetime.fromisoformat(re.sub(r"\.[0-9]+", "", text).replace("Z", "+00:00"))
    except ValueError:
        return None
    return (end if end.tzinfo else end.replace(tzinfo=timezone.utc)).timestamp()
