"""One object on its way to an HTTP server, until the server says that it has it.

What went out once is not sent again because an answer was lost: the server is asked whether the
object is there. And what the server took without keeping it is sent once more.
"""

from __future__ import annotations

import contextlib
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from csgrepo.errors import HubHTTPError, LfsError, TransferError
from csgrepo.lfs.multipart import Moved, Upload, UploadLost
from csgrepo.lfs.parts import Plan
from csgrepo.lfs.reply import MEDIA_TYPE, Action

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from pathlib import Path

    from csgrepo.http import Auth, Http
    from csgrepo.lfs.pointer import Pointer
    from csgrepo.lfs.reply import Reply
    from csgrepo.lfs.server import OnBytes, OnRetry
    from csgrepo.lfs.unfinished import Record, Unfinished

    Ask = Callable[[Pointer, str], Reply]

__all__ = ["Desk", "Sending"]

# What a verification answers that finds nothing, or something of another size.
_NOT_THERE = frozenset({400, 404, 409, 410, 422})
_VERIFIED = frozenset(range(200, 300))

_log = logging.getLogger(__name__)


class _Arrived(Exception):
    """The server has the object, although nobody heard it say so."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What all uploads to one server share.

    Attributes:
        http: connections.
        auth: proves who is asking, to the origins it knows.
        ask: asks the server for what to do about an object, with the name of an upload to go on
            with or ``""``.
        unfinished: the uploads that were begun.
        slots: bounds how many parts are on their way at once.
    """

    http: Http
    auth: Auth
    ask: Ask
    unfinished: Unfinished
    slots: threading.Semaphore


class Sending:
    """A `csgrepo.lfs.server.Send`.

    Args:
        desk: what is shared.
        pointer: the object.
        reply: what the server said is to be done about it.
    """

    def __init__(self, desk: Desk, pointer: Pointer, reply: Reply) -> None:
        self._desk = desk
        self._pointer = pointer
        self._reply = reply

    def __call__(self, path: Path, on_bytes: OnBytes, on_retry: OnRetry = lambda why: None) -> None:
        """Send the object, and return once the server has confirmed it.

        Raises:
            TransferError: it could not be sent, or the server does not keep what it is given.
            HubHTTPError: the server refused.
            HubUnreachable: no answer.
        """
        moved = Moved(on_bytes)
        self._move(path, moved, on_retry)
        is_confirmed = self._is_confirmed()
        self._forget()  # not before: an object that nobody verified is offered to be sent anew
        if not is_confirmed:
            on_retry("the server did not keep what it was given")
            moved.take_back()
            self._ask_again()
            self._move(path, moved, on_retry)
            is_confirmed = self._is_confirmed()
            self._forget()
            if not is_confirmed:
                raise TransferError(
                    f"object {self._pointer.oid[:12]} ({self._pointer.size} bytes) was sent and "
                    "taken twice, and the server does not have it: its storage may be full or "
                    "broken. Nothing refers to it; push again later."
                )

    def _move(self, path: Path, on_bytes: Moved, on_retry: OnRetry) -> None:
        """Send it; once more with a fresh address where the one at hand has expired in the queue.

        Parts renew their addresses themselves.
        """
        is_fresh = self._reply.is_stale("upload")
        if is_fresh:
            self._ask_again()
        try:
            self._move_once(path, on_bytes, on_retry)
        except HubHTTPError as refusal:
            if is_fresh or not self._reply.may_have_expired("upload", refusal):
                raise
            on_retry(str(refusal))
            on_bytes.take_back()
            self._ask_again()
            self._move_once(path, on_bytes, on_retry)

    def _ask_again(self) -> None:
        reply = self._desk.ask(self._pointer, "")
        if reply.error is not None:
            raise LfsError(
                f"object {self._pointer.oid[:12]} ({self._pointer.size} bytes) is refused: "
                f"{reply.error}"
            )
        self._reply = reply

    def _move_once(self, path: Path, on_bytes: OnBytes, on_retry: OnRetry) -> None:
        action = self._reply.actions.get("upload")
        if action and self._reply.transfer == "multipart":
            self._send_parts(Plan.read(self._pointer, action), path, on_bytes, on_retry)
        elif upload := Action.read(action):
            self._put(upload, path, on_bytes, on_retry)
        else:
            on_bytes(self._pointer.size)  # it is there by now

    # -- in parts ----------------------------------------------------------------------------------

    def send_parts(self, plan: Plan, path: Path, on_bytes: OnBytes, on_retry: OnRetry) -> None:
        """Send the object in parts, going on with an upload that was broken off.

        Raises:
            As calling it.
        """
        self._send_parts(plan, path, on_bytes, on_retry)
        self._forget()

    def _forget(self) -> None:
        if record := self._desk.unfinished.find(self._pointer):
            record.forget()

    def _send_parts(self, plan: Plan, path: Path, on_bytes: OnBytes, on_retry: OnRetry) -> None:
        try:
            self._go_on_or_begin(plan, path, on_bytes, on_retry)
        except UploadLost as lost:
            raise TransferError(str(lost)) from lost

    def _go_on_or_begin(self, plan: Plan, path: Path, on_bytes: OnBytes, on_retry: OnRetry) -> None:
        record, plan = self._resumed(plan)
        if record:
            moved = Moved(on_bytes)
            try:
                self._upload(plan, record, path, moved, on_retry)
            except UploadLost as lost:
                on_retry(str(lost))
                record.forget()
                moved.take_back()
                plan = Plan.read(self._pointer, self._ask_anew(lost).actions.get("upload"))
            else:
                return
        self._upload(plan, self._desk.unfinished.begin(plan), path, on_bytes, on_retry)

    def _resumed(self, plan: Plan) -> tuple[Record | None, Plan]:
        """Return what an earlier process left, with addresses for it, or none and the plan."""
        record = self._desk.unfinished.find(self._pointer)
        if record is None or record.fits(plan):
            return record, plan
        earlier = self._earlier(record.upload_id)
        if earlier and record.fits(earlier):
            return record, earlier
        record.forget()
        return None, plan

    def _earlier(self, upload_id: str) -> Plan | None:
        try:
            reply = self._desk.ask(self._pointer, upload_id)
            return Plan.read(self._pointer, reply.actions.get("upload"))
        except (HubHTTPError, LfsError, TransferError) as error:
            _log.info("the upload begun earlier is not gone on with: %s", error)
            return None

    def _ask_anew(self, lost: UploadLost) -> Reply:
        reply = self._desk.ask(self._pointer, "")
        if reply.transfer != "multipart" or not reply.actions.get("upload"):
            raise lost
        return reply

    def _upload(
        self, plan: Plan, record: Record, path: Path, on_bytes: OnBytes, on_retry: OnRetry
    ) -> None:
        Upload(
            self._desk.http,
            plan,
            record,
            path,
            on_bytes,
            on_retry=on_retry,
            renew=self._renewed,
            is_there=self._is_there,
            slots=self._desk.slots,
        ).run()

    def _renewed(self, plan: Plan) -> Plan:
        reply = self._desk.ask(self._pointer, plan.upload_id)
        if reply.transfer != "multipart" or reply.error is not None:
            raise TransferError(
                "the LFS server gives no fresh addresses for the parts of object "
                f"{self._pointer.oid[:12]}: {reply.error or 'it wants them no more'}. Push again."
            )
        return Plan.read(self._pointer, reply.actions.get("upload"))

    # -- in one piece ------------------------------------------------------------------------------

    def _put(self, upload: Action, path: Path, on_bytes: OnBytes, on_retry: OnRetry) -> None:
        def unanswered() -> None:
            if self._is_there():
                raise _Arrived

        with contextlib.suppress(_Arrived):
            self._desk.http.upload(
                "PUT",
                upload.href,
                path,
                self._pointer.size,
                headers={"Content-Type": "application/octet-stream", **upload.headers},
                auth=None if upload.authenticated else self._desk.auth,
                on_bytes=on_bytes,
                on_retry=on_retry,
                on_unanswered=unanswered,
                repeat_500=True,  # a store's hiccup; the same object twice does no harm
            )

    # -- is it there -------------------------------------------------------------------------------

    def _is_confirmed(self) -> bool:
        """Have the server verify the object, where it offers that."""
        if self._reply.is_stale("verify"):
            self._ask_again()
            if not (self._reply.actions.get("verify") or self._reply.actions.get("upload")):
                return True  # it knows the object without being told
        verify = Action.read(self._reply.actions.get("verify"))
        return verify is None or self._verified(verify)

    def _is_there(self) -> bool:
        """Ask whether the object is there, after an answer was lost."""
        if verify := Action.read(self._reply.actions.get("verify")):
            return self._verified(verify)
        reply = self._desk.ask(self._pointer, "")
        if verify := Action.read(reply.actions.get("verify")):
            return self._verified(verify)
        return reply.error is None and not reply.actions.get("upload")

    def _verified(self, verify: Action) -> bool:
        answer = self._desk.http.request(
            "POST",
            verify.href,
            json={"oid": self._pointer.oid, "size": self._pointer.size},
            headers={"Accept": MEDIA_TYPE, "Content-Type": MEDIA_TYPE, **verify.headers},
            auth=None if verify.authenticated else self._desk.auth,
            idempotent=True,
            ok=_VERIFIED | _NOT_THERE,
        )
        return answer.status in _VERIFIED
