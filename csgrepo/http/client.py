"""The client: asks, follows, repeats, and moves files both ways."""

from __future__ import annotations

import functools
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from csgrepo.errors import HubHTTPError, InvalidInput, TransferError
from csgrepo.http import ending
from csgrepo.http.address import origin, shown
from csgrepo.http.call import SILENCE_TIMEOUT_S, Auth, Call
from csgrepo.http.refusal import error_for, may_repeat, refused_redirect, retry_after
from csgrepo.http.transfer import Download, FileBody, Sink
from csgrepo.http.wire import NoAnswer, Response, Wire

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    from csgrepo.http.address import Origin
    from csgrepo.redact import Secret

__all__ = ["Http"]

logger = logging.getLogger(__name__)

RETRIES = 5
BACKOFF_S = 0.25
LONGEST_BACKOFF_S = 30.0
DEADLINE_S = 300.0
# A hub that is restarted is back within a minute or two; a push in the background waits for it.
PATIENT_RETRIES = 9
PATIENT_DEADLINE_S = 1800.0
# Where nobody ever answered there is more often a wrong address than a pause.
RETRIES_OF_STRANGERS = 2
MAX_REDIRECTS = 10

_SUCCESS = frozenset(range(200, 300))


class Http:
    """A pool of connections, to be shared by threads.

    Args:
        retries: how often a request is repeated, where repeating may help and does no harm.
        backoff_s: the first wait between attempts; each next one is twice as long, up to 30 s.
        deadline_s: the longest a call may spend waiting between attempts.
        silence_s: the longest time in which not one byte moves.
        patient: nobody waits for the outcome: a server that is away is asked for longer, also
            where it never answered before. Takes the place of `retries` and `deadline_s`.

    Example:
        >>> with Http() as http:  # doctest: +SKIP
        ...     http.request("GET", "https://hub.opencsg.com/api/v1/version").mapping()
    """

    def __init__(
        self,
        *,
        retries: int = RETRIES,
        backoff_s: float = BACKOFF_S,
        deadline_s: float = DEADLINE_S,
        silence_s: float = SILENCE_TIMEOUT_S,
        patient: bool = False,
    ) -> None:
        if patient:
            retries, deadline_s = PATIENT_RETRIES, PATIENT_DEADLINE_S
        self._retries = functools.partial(_Retries, retries, backoff_s, deadline_s)
        self._retries_of_strangers = retries if patient else RETRIES_OF_STRANGERS
        self._silence_s = silence_s
        self._met: set[Origin] = set()  # who has answered; only ever grows
        self._wire = Wire()

    def __enter__(self) -> Http:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the pooled connections; a later request opens new ones."""
        self._wire.close()

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str | Secret] | None = None,
        json: object = None,
        data: bytes | None = None,
        params: Mapping[str, str | int] | None = None,
        auth: Auth | None = None,
        stream: bool = False,
        timeout_s: float | None = None,
        idempotent: bool | None = None,
        ok: Collection[int] = _SUCCESS,
    ) -> Response:
        """Ask, and return the answer if it is one of those the caller can use.

        Args:
            method: ``"GET"`` and its like.
            url: where.
            headers: sent along; a `Secret` never follows a redirect to another origin.
            json: a body that is sent as JSON.
            data: a body that is sent as it is.
            params: the query.
            auth: gives the headers that authenticate to the URL; they never reach another origin.
            stream: leave the body on the wire; the caller closes the answer.
            timeout_s: the longest silence, if not the usual; connecting may take 10 s at most.
            idempotent: whether asking twice does no harm; not given, all but POST and PATCH.
            ok: the statuses that are answers rather than errors.

        Raises:
            HubUnreachable: no answer.
            HubHTTPError: an answer that says no; the class tells which kind.
            InvalidInput: no HTTP address, or a header that cannot be sent.
        """
        call = Call(
            method.upper(),
            url,
            {**(headers or {}), **(auth(url) if auth else {})},
            json=json,
            data=data,
            params=params,
            stream=stream,
            timeout_s=timeout_s or self._silence_s,
            answer_timeout_s=timeout_s or self._silence_s,
        )
        return self._ask(call, self._retries(), ok, idempotent)

    def upload(
        self,
        method: str,
        url: str,
        source: Path | Callable[[], BinaryIO],
        size: int,
        *,
        headers: Mapping[str, str | Secret] | None = None,
        auth: Auth | None = None,
        on_bytes: Callable[[int], object] | None = None,
        on_retry: Callable[[str], object] | None = None,
        on_unanswered: Callable[[], object] | None = None,
        stall_timeout_s: float | None = None,
        repeat_500: bool = False,
        ok: Collection[int] = _SUCCESS,
    ) -> Response:
        """Send a file, in pieces of 1 MiB and from its beginning in each attempt.

        Args:
            method: ``"PUT"`` as a rule.
            url: where to.
            source: the file, or what opens it (and seeks to where the part begins).
            size: how many bytes to send.
            headers: sent along.
            auth: gives the headers that authenticate to the URL.
            on_bytes: told how many bytes went out; a negative number takes back those of an
                attempt that failed.
            on_retry: told in a few words why it is sent again.
            on_unanswered: called before a body is sent again that went out in full and got no
                answer of the server's own; what it raises ends the attempts.
            stall_timeout_s: the longest time in which not one byte moves, if not the usual.
            repeat_500: the address is an object store's, whose status 500 passes; the hub's own
                stands for many things that do not.
            ok: the statuses that mean success.

        Raises:
            TransferError: the source has fewer bytes, or the server took fewer.
            HubUnreachable: no connection, or it broke in every attempt.
            HubHTTPError: the server refused.
        """
        stall_timeout_s = stall_timeout_s or self._silence_s
        body = FileBody(source, size, on_bytes)

        def before_repeat(error: Exception) -> None:
            # A gateway's own words tell nothing of what the server behind it has done.
            status = error.status if isinstance(error, HubHTTPError) else 504
            if on_unanswered and body.sent == size and status in {502, 504}:
                on_unanswered()
            if on_retry:
                on_retry(str(error))

        call = Call(
            method.upper(),
            url,
            {**(headers or {}), **(auth(url) if auth else {})},
            data=body if size else b"",  # requests would send an empty stream in chunks
            timeout_s=stall_timeout_s,
            # The last megabytes are still in the kernel when sending ends, and servers may hash
            # what they got before they answer.
            answer_timeout_s=5 * stall_timeout_s,
        )
        retries = self._retries(before_repeat=before_repeat)
        response = self._ask(call, retries, ok, repeat_500=repeat_500)
        if body.sent != size:
            raise TransferError(
                f"{shown(url)} answered {response.status} after {body.sent} of {size} bytes, so it "
                "cannot have stored the file; try again"
            )
        return response

    def download(
        self,
        url: str,
        sink: Sink,
        *,
        headers: Mapping[str, str | Secret] | None = None,
        auth: Auth | None = None,
        start: int = 0,
        expected_size: int | None = None,
        on_bytes: Callable[[int], object] | None = None,
        on_restart: Callable[[], object] | None = None,
        on_retry: Callable[[str], object] | None = None,
        on_answer: Callable[[str, int | None], object] | None = None,
        etag: str = "",
        stall_timeout_s: float | None = None,
    ) -> int:
        """Fetch a file into a sink, and go on where a broken connection left off.

        Args:
            url: where from.
            sink: gets the bytes in order.
            headers: sent along.
            auth: gives the headers that authenticate to the URL.
            start: how many bytes the sink has already.
            expected_size: the size of the whole file; any other is an error, or with `on_answer`
                a reason to begin anew.
            on_bytes: told how many bytes came in; a negative number takes them back.
            on_restart: empties the sink, when the server can send the file from its beginning
                only; not given, that is an error.
            on_retry: told in a few words why it is asked for again.
            on_answer: told before the first byte of each answer the server's tag for the file
                (``""`` where it gives none that stands for every byte) and the file's size.
            etag: the tag of the file that the sink has the beginning of. It goes on only while
                the server gives it that tag.
            stall_timeout_s: the longest silence, if not the usual.

        Returns:
            The size of the whole file.

        Raises:
            TransferError: the file has another size, or ended early in every attempt.
            HubUnreachable: no connection.
            HubHTTPError: the server refused.
        """
        state = Download(url, sink, start, expected_size, on_bytes, on_restart, on_answer, etag)
        state.done = 0 < start == expected_size
        stall_timeout_s = stall_timeout_s or self._silence_s

        def before_repeat(error: Exception) -> None:
            if on_retry:
                on_retry(str(error))

        retries = self._retries(before_repeat=before_repeat)
        furthest = start
        given = {**(headers or {}), **(auth(url) if auth else {})}
        while not state.done:
            call = Call(
                "GET",
                url,
                {**given, **state.headers()},
                stream=True,
                timeout_s=stall_timeout_s,
                answer_timeout_s=stall_timeout_s,
            )
            with self._ask(call, retries, {200, 206, 416}) as response:
                problem = state.take(response)
            if state.position > furthest:  # not merely as far again, from the beginning
                furthest = state.position
                retries.reset()
            if problem:
                retries.wait_or_raise(problem, problem.__cause__)
        return state.position

    def _ask(
        self,
        call: Call,
        retries: _Retries,
        ok: Collection[int],
        idempotent: bool | None = None,
        *,
        repeat_500: bool = False,
    ) -> Response:
        harmless = call.method not in {"POST", "PATCH"} if idempotent is None else idempotent
        while True:
            try:
                response = self._follow(call)
            except NoAnswer as failure:
                is_stranger = failure.unsent and origin(call.url) not in self._met
                times = self._retries_of_strangers if is_stranger else None
                if not failure.may_repeat(harmless=harmless):
                    raise failure.error from failure.cause
                retries.wait_or_raise(failure.error, failure.cause, times=times)
                continue
            self._met.add(origin(call.url))
            if response.status in ok:
                return response
            with response:
                error = error_for(response)
            passing = call.method in {"GET", "HEAD"} or repeat_500
            if not may_repeat(error, harmless=harmless, repeat_500=passing):
                raise error
            retries.wait_or_raise(error, after_s=retry_after(response))

    def _follow(self, call: Call) -> Response:
        for _ in range(MAX_REDIRECTS + 1):
            response = self._wire.send(call)
            location = response.location
            if response.status not in {301, 302, 303, 307, 308} or not location:
                return response
            with response:
                call = _next_call(call, response, location)
        raise refused_redirect(response, f"more than {MAX_REDIRECTS} redirects in a row")


def _next_call(call: Call, response: Response, location: str) -> Call:
    if call.method not in {"GET", "HEAD"} and response.status not in {307, 308}:
        # Browsers turn this into a GET, and its answer would pass for the one to a POST.
        raise refused_redirect(response, f"it moved to {shown(location)}; use that address")
    try:
        return call.redirected(location)
    except InvalidInput as error:
        why = f"the redirect to {shown(location)} is not followed: {error}"
        raise refused_redirect(response, why) from error


@dataclass(slots=True)
class _Retries:
    """How often, how long and until when a call may be repeated."""

    times: int
    backoff_s: float
    deadline_s: float
    before_repeat: Callable[[Exception], object] | None = None
    done: int = 0
    waited_s: float = 0.0

    def reset(self) -> None:
        """Begin anew: the last attempt got further."""
        self.done, self.waited_s = 0, 0.0

    def wait_or_raise(
        self,
        error: Exception,
        cause: BaseException | None = None,
        *,
        after_s: float | None = None,
        times: int | None = None,
    ) -> None:
        """Wait as long as the server wishes, or a little longer each time, or give up."""
        delay = (
            min(self.backoff_s * 2**self.done, LONGEST_BACKOFF_S) if after_s is None else after_s
        )
        import random

        delay *= random.uniform(1.0, 1.25)  # noqa: S311 - keeps clients apart, guards nothing
        limit = self.times if times is None else min(times, self.times)
        if self.done >= limit or self.waited_s + delay > self.deadline_s:
            raise error from cause
        if self.before_repeat:
            self.before_repeat(error)
        logger.info("%s; trying again in %.1f s", error, delay)
        if ending.rest(delay):
            raise error from cause
        self.done += 1
        self.waited_s += delay
