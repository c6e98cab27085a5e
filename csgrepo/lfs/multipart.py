"""The ``multipart`` transfer: an object sent in parts, several at once, then put together there.

It is CSGHub's, not the LFS specification's; what git-lfs needs for it is in `csgrepo.lfs.agent`.
Each part is a PUT of its slice; the server names what arrived by an ETag, and the completion lists
them all. Only an empty answer of status 200 means that the object is whole: CSGHub answers 200
with words where it refuses.

Every part that the server has named is written down at once, so that an upload which was broken
off, by a lost network or a killed process, goes on where it was.
"""

from __future__ import annotations

import threading
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, BinaryIO, cast

from csgrepo.errors import HubHTTPError, HubUnreachable, TransferError
from csgrepo.http import error_for
from csgrepo.lfs.unfinished import ETAG

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from csgrepo.http import Http
    from csgrepo.lfs.parts import Part, Plan
    from csgrepo.lfs.server import OnBytes
    from csgrepo.lfs.unfinished import Record

    Renew = Callable[[Plan], Plan]

__all__ = ["PARTS_AT_ONCE", "Moved", "Upload", "UploadLost"]

PARTS_AT_ONCE = 4
# The server reads every part once more to put them together, and says nothing meanwhile.
COMPLETION_TIMEOUT_S = 1800.0
_COMPLETIONS = 3


class UploadLost(TransferError):
    """The server does not go on with this upload; one begun anew may succeed."""


class _Stopped(Exception):
    """Another part has failed, so this one need not be sent to its end."""


class Upload:
    """One object on its way.

    Args:
        http: connections.
        plan: the parts and their addresses.
        record: what has arrived already, and where it is noted what arrives.
        source: the file with the content.
        on_bytes: told how many bytes went out; a negative number takes back those that must be
            sent again. Parts that had arrived before count as sent. Called by one thread at a
            time.
        on_retry: told in a few words why a part is sent again.
        renew: asks the server for fresh addresses of the same upload, when one has expired.
        is_there: asks the server whether it has the object, when a completion's answer was lost.
        slots: bounds how many parts are sent at once by several uploads together.
    """

    def __init__(
        self,
        http: Http,
        plan: Plan,
        record: Record,
        source: Path,
        on_bytes: OnBytes | None = None,
        *,
        on_retry: Callable[[str], object] | None = None,
        renew: Renew | None = None,
        is_there: Callable[[], bool] | None = None,
        slots: threading.Semaphore | None = None,
    ) -> None:
        self._http = http
        self._record = record
        self._source = source
        self._on_bytes = on_bytes
        self._on_retry = on_retry
        self._is_there = is_there or (lambda: False)
        self._slots = slots or threading.BoundedSemaphore(PARTS_AT_ONCE)
        self._telling = threading.Lock()  # held while on_bytes runs
        self._planning = threading.Lock()  # guards _plan and _record
        self._plan = plan
        self._renew = renew
        self._stop = threading.Event()

    def run(self) -> None:
        """Send all parts and complete the upload; the object is verified by the caller.

        Raises:
            UploadLost: the server does not know this upload any more, or takes its parts but
                does not make an object of them.
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
        self._send_all()
        self._complete()

    def _send_all(self) -> None:
        there = [part for part in self._plan.parts if part.number in self._record.etags]
        for part in there:
            self._tell(part.size)
        rest = [part.number for part in self._plan.parts if part not in there]
        if len(rest) < 2:
            for number in rest:
                self._send(number)
            return
        with ThreadPoolExecutor(
            min(len(rest), PARTS_AT_ONCE), thread_name_prefix="csgrepo-part"
        ) as pool:
            futures = [pool.submit(self._send, number) for number in rest]
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
        for future in futures:
            future.result()

    def _send(self, number: int) -> None:
        moved = Moved(self._tell)
        size = self._plan.parts[number - 1].size

        def on_bytes(count: int) -> None:
            moved(count)
            if self._stop.is_set() and moved.count < size:  # else its answer is worth hearing
                raise _Stopped

        with self._slots:
            if self._stop.is_set():
                raise _Stopped
            plan = self._plan
            for is_fresh in (False, True):
                try:
                    etag = self._put(plan.parts[number - 1], on_bytes)
                except HubHTTPError as error:
                    if error.status == 404:
                        raise self._lost(error) from error
                    if error.status != 403:
                        raise
                    if is_fresh:
                        raise self._refused(error) from error
                    moved.take_back()
                    plan = self._renewed(plan, error)
                else:
                    with self._planning:
                        self._record.add(number, etag)
                    return

    def _put(self, part: Part, on_bytes: OnBytes) -> str:
        def opened() -> BinaryIO:
            stream = self._source.open("rb", buffering=0)
            stream.seek(part.start)
            return cast("BinaryIO", stream)

        answer = self._http.upload(
            "PUT",
            part.url,
            opened,
            part.size,
            on_bytes=on_bytes,
            on_retry=self._on_retry,
            repeat_500=True,
        )
        etag = answer.headers.get("ETag", "").strip()
        if not ETAG.fullmatch(etag):
            raise TransferError(
                f"the server took part {part.number} of object {self._plan.pointer.oid[:12]} but "
                "did not name it (no ETag), so the upload cannot be completed; a proxy may be "
                "dropping headers"
            )
        return etag

    def _renewed(self, stale: Plan, refusal: HubHTTPError) -> Plan:
        """Return a plan with fresh addresses; the first part that is refused asks for all."""
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
        fresh = self._renew(stale)
        if not fresh.continues(stale):
            raise UploadLost(
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

    def _lost(self, refusal: HubHTTPError) -> UploadLost:
        return UploadLost(
            f"{refusal.url} does not know the upload of object {self._plan.pointer.oid[:12]} any "
            f"more (HTTP {refusal.status}: {refusal.server_message or 'no reason given'}); push "
            "again"
        )

    def _complete(self) -> None:
        """Have the parts put together; where the answer does not tell, the server is asked."""
        left = _COMPLETIONS
        is_fresh = False
        while problem := self._ask_for_completion():
            if self._is_there():
                return
            left -= 1
            if not isinstance(problem, HubHTTPError) or problem.status >= 500:
                if not left:
                    raise problem  # the server's own failure, or none of its answers arrived
            elif problem.status != 200 or is_fresh or not self._plan.upload_id:
                raise self._not_put_together(problem) from problem
            else:  # its address may have expired
                self._plan, is_fresh = self._fresh(self._plan, problem), True

    def _ask_for_completion(self) -> HubUnreachable | HubHTTPError | None:
        etags = sorted(self._record.etags.items())
        parts = [{"partNumber": number, "etag": etag} for number, etag in etags]
        try:
            answer = self._http.request(
                "POST",
                self._plan.completion,
                json={"oid": self._plan.pointer.oid, "parts": parts},
                timeout_s=COMPLETION_TIMEOUT_S,
                ok={200},
            )
        except (HubUnreachable, HubHTTPError) as error:
            return error
        return error_for(answer) if answer.content else None

    def _not_put_together(self, refusal: HubHTTPError) -> UploadLost:
        return UploadLost(
            f"object {self._plan.pointer.oid[:12]} was sent, but {refusal.url} did not put it "
            f"together: {refusal.server_message or 'no reason given'} (HTTP {refusal.status}). "
            "Push again."
        )

    def _tell(self, count: int) -> None:
        if self._on_bytes:
            with self._telling:
                self._on_bytes(count)


class Moved:
    """Counts what was sent, to take it back when it must be sent anew.

    Attributes:
        count: bytes sent.
    """

    def __init__(self, tell: OnBytes) -> None:
        self.count = 0
        self._tell = tell

    def __call__(self, count: int) -> None:
        """Pass a count on."""
        self.count += count
        self._tell(count)

    def take_back(self) -> None:
        """Tell that nothing was sent."""
        if self.count:
            self(-self.count)
