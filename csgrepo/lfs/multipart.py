"""The ``multipart`` transfer: an object sent in parts, several at once, then put together there.

It is CSGHub's, not the LFS specification's; what git-lfs needs for it is in `csgrepo.lfs.agent`.
Each part is a PUT of its slice; the server names what arrived by an ETag, and the completion lists
them all. Only an empty answer of status 200 means that the object is whole: CSGHub answers 200
with words where it refuses.
"""

from __future__ import annotations

import re
import threading
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, BinaryIO, cast

from csgrepo.errors import HubHTTPError, TransferError
from csgrepo.http import error_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from csgrepo.http import Http
    from csgrepo.lfs.parts import Part, Plan
    from csgrepo.lfs.server import OnBytes

    Renew = Callable[[Plan], Plan]

__all__ = ["PARTS_AT_ONCE", "Upload"]

PARTS_AT_ONCE = 4
# The server reads every part once more to put them together, and says nothing meanwhile.
COMPLETION_TIMEOUT_S = 1800.0

_ETAG = re.compile(r'(?:W/)?"?[\x21\x23-\x7e]{1,200}"?')


class _Stopped(Exception):
    """Another part has failed, so this one need not be sent to its end."""


class Upload:
    """One object on its way.

    Args:
        http: connections.
        plan: the parts and their addresses.
        source: the file with the content.
        on_bytes: told how many bytes went out; a negative number takes back those that must be
            sent again. Called by one thread at a time.
        renew: asks the server for fresh addresses of the same upload, when one has expired. It is
            asked by `Plan.upload_id`, by which an upload of an earlier process could be gone on
            with, too; which parts had arrived is not kept so far.
        slots: bounds how many parts are sent at once by several uploads together.
    """

    def __init__(
        self,
        http: Http,
        plan: Plan,
        source: Path,
        on_bytes: OnBytes | None = None,
        *,
        renew: Renew | None = None,
        slots: threading.Semaphore | None = None,
    ) -> None:
        self._http = http
        self._source = source
        self._on_bytes = on_bytes
        self._slots = slots or threading.BoundedSemaphore(PARTS_AT_ONCE)
        self._telling = threading.Lock()  # held while on_bytes runs
        self._planning = threading.Lock()  # guards _plan and _renew
        self._plan = plan
        self._renew = renew
        self._stop = threading.Event()

    def run(self) -> None:
        """Send all parts and complete the upload; the object is verified by the caller.

        Raises:
            TransferError: a part did not arrive, or the server does not confirm the whole.
            HubHTTPError: the server refused a part, in its own words.
            HubUnreachable: no answer.
        """
        pointer = self._plan.pointer
        if self._source.stat().st_size != pointer.size:
            raise TransferError(
                f"{self._source} has {self._source.stat().st_size} bytes, but object "
                f"{pointer.oid[:12]} has {pointer.size}; it was not sent"
            )
        self._complete(self._send_all())

    def _send_all(self) -> list[str]:
        """Return the ETags, in the order of the parts."""
        count = len(self._plan.parts)
        if count < 2:
            return [self._send(index) for index in range(count)]
        with ThreadPoolExecutor(
            min(count, PARTS_AT_ONCE), thread_name_prefix="csgrepo-part"
        ) as pool:
            futures = [pool.submit(self._send, index) for index in range(count)]
            try:
                wait(futures, return_when=FIRST_EXCEPTION)
            finally:
                self._stop.set()
                pool.shutdown(wait=False, cancel_futures=True)
        ended = [future for future in futures if not future.cancelled()]
        failures = [error for future in ended if (error := future.exception())]
        for error in failures:
            if not isinstance(error, _Stopped):
                raise error
        return [future.result() for future in futures]

    def _send(self, index: int) -> str:
        moved = _Moved(self._tell)
        with self._slots:
            plan = self._plan
            while True:
                try:
                    return self._put(plan.parts[index], moved)
                except HubHTTPError as error:
                    if error.status != 403:
                        raise
                    moved.take_back()
                    plan = self._renewed(plan, error)

    def _put(self, part: Part, on_bytes: OnBytes) -> str:
        def opened() -> BinaryIO:
            stream = self._source.open("rb", buffering=0)
            stream.seek(part.start)
            return cast("BinaryIO", stream)

        answer = self._http.upload(
            "PUT", part.url, opened, part.size, on_bytes=on_bytes, repeat_500=True
        )
        etag = answer.headers.get("ETag", "").strip()
        if not _ETAG.fullmatch(etag):
            raise TransferError(
                f"the server took part {part.number} of object {self._plan.pointer.oid[:12]} but "
                "did not name it (no ETag), so the upload cannot be completed; a proxy may be "
                "dropping headers"
            )
        return etag

    def _renewed(self, stale: Plan, refusal: HubHTTPError) -> Plan:
        """Return a plan with fresh addresses; the first part that is refused asks for all, once."""
        with self._planning:
            if self._stop.is_set():
                raise _Stopped
            if self._plan is stale:
                try:
                    self._plan = self._fresh(stale, refusal)
                except BaseException:
                    self._stop.set()
                    raise
            return self._plan

    def _fresh(self, stale: Plan, refusal: HubHTTPError) -> Plan:
        if self._renew is None or not stale.upload_id:
            raise self._refused(refusal) from refusal
        renew, self._renew = self._renew, None
        fresh = renew(stale)
        if not fresh.continues(stale):
            raise TransferError(
                f"the server began another upload of object {stale.pointer.oid[:12]} instead of "
                "continuing the one whose addresses had expired; push again"
            ) from refusal
        return fresh

    def _refused(self, refusal: HubHTTPError) -> TransferError:
        return TransferError(
            f"{refusal.url} refuses the parts of object {self._plan.pointer.oid[:12]} "
            f"(HTTP {refusal.status}: {refusal.server_message or 'no reason given'}). Their "
            "addresses may have expired; push again."
        )

    def _complete(self, etags: list[str]) -> None:
        pointer = self._plan.pointer
        parts = [{"partNumber": number, "etag": etag} for number, etag in enumerate(etags, 1)]
        answer = self._http.request(
            "POST",
            self._plan.completion,
            json={"oid": pointer.oid, "parts": parts},
            timeout_s=COMPLETION_TIMEOUT_S,
            ok={200},
        )
        if answer.content:
            refusal = error_for(answer)
            raise TransferError(
                f"object {pointer.oid[:12]} was sent, but {refusal.url} did not put it together: "
                f"{refusal.server_message or 'no reason given'}. Push again."
            ) from refusal

    def _tell(self, count: int) -> None:
        if self._stop.is_set() and count > 0:
            raise _Stopped
        if self._on_bytes:
            with self._telling:
                self._on_bytes(count)


class _Moved:
    """Counts what one part has sent, to take it back when it is sent anew to another address."""

    def __init__(self, tell: OnBytes) -> None:
        self._tell = tell
        self._count = 0

    def __call__(self, count: int) -> None:
        self._count += count
        self._tell(count)

    def take_back(self) -> None:
        if self._count:
            self(-self._count)
