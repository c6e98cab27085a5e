"""The ranges of one large file: who fetches which, and the digest that follows behind."""

from __future__ import annotations

import base64
import random
import re
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from csgrepo.download.part import BLOCK
from csgrepo.errors import TransferError
from csgrepo.http.address import shown
from csgrepo.http.transfer import web_page
from csgrepo.http.wire import CutOff

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from csgrepo.download.content import Digests
    from csgrepo.download.part import Part
    from csgrepo.download.source import Source
    from csgrepo.http import Response

__all__ = ["Follower", "Ranges", "runs"]

_BLOCKS_PER_RANGE = 256  # 64 MiB: few enough requests, and the digest is never far behind
_RETRIES = 5
_BACKOFF_S = 0.25
_DIGEST = re.compile(r"(?:^|[\s,])sha-256=:([A-Za-z0-9+/]{43}=):")
_RANGE = re.compile(r"bytes ([0-9]{1,18})-[0-9]{1,18}/([0-9]{1,18})")


class _Cut(Exception):
    """An answer that ended before its time; asking for the rest may help."""


class _Whole(Exception):
    """An answer with the whole file, to one of several who had asked for a range of it."""


class Follower:
    """Hashes blocks in their order, in a thread, as soon as all before them are there."""

    def __init__(self, part: Part, digests: Digests) -> None:
        self._part = part
        self._digests = digests
        self._changed = threading.Condition()  # guards _ended
        self._ended = False
        self._failure: OSError | None = None
        self._thread = threading.Thread(target=self._run, name="csgrepo-digest", daemon=True)

    def __enter__(self) -> Follower:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify()
        self._thread.join()

    def tell(self) -> None:
        """Say that another block is there."""
        with self._changed:
            self._changed.notify()

    def finish(self) -> None:
        """Wait until every block was hashed.

        Raises:
            OSError: one could not be read.
        """
        self.__exit__()
        if self._failure:
            raise self._failure
        if self._part.missing():
            raise TransferError(f"{self._part.path.name}: the server ended before the file did")

    def _run(self) -> None:
        try:
            for index in range(self._part.count):
                with self._changed:
                    while not (self._part.has(index) or self._ended):
                        self._changed.wait()
                if not self._part.has(index):
                    return
                self._digests.update(self._part.read(index))
        except OSError as error:
            self._failure = error


class Ranges:
    """Fetches blocks of a file, several ranges at a time, each going on where it was cut off.

    Each range is asked for at the file's own address, and redirected from there: a signed address
    that has expired is never used.

    Args:
        source: where from.
        url: the file's address.
        part: where the blocks go.
        on_bytes: told how many bytes are there.
    """

    def __init__(
        self, source: Source, url: str, part: Part, on_bytes: Callable[[int], object]
    ) -> None:
        self._source = source
        self._url = url
        self._part = part
        self._on_bytes = on_bytes
        self._stop = threading.Event()
        self._shared = False  # whether there are other ranges to ask for

    def fetch_missing(self, connections: int, tell: Callable[[], object]) -> None:
        """Fetch all blocks that are not there.

        Args:
            connections: how many ranges at a time.
            tell: called after each block.

        Raises:
            TransferError: a range was cut off again and again.
        """
        missing = self._part.missing()
        there = self._part.size - sum(map(self._part.length, missing))
        if there:
            self._on_bytes(there)
        waiting = deque(runs(missing))
        self._shared = len(waiting) > 1

        def take(index: int, content: bytes) -> None:
            if not self._part.has(index):
                self._part.write(index, content)
                self._on_bytes(len(content))
                tell()

        def work() -> None:
            while not self._stop.is_set():
                try:
                    first, last = waiting.popleft()
                except IndexError:
                    return
                self._fetch(first, last, take)

        try:
            self._at_once(work, min(connections, len(waiting)))
        except _Whole:  # each range would bring all that stands before it once more
            self._shared = False
            self._stop.clear()
            if missing := self._part.missing():
                self._fetch(missing[0], missing[-1], take)

    def _at_once(self, work: Callable[[], None], threads: int) -> None:
        if threads <= 1:
            work()
            return
        with ThreadPoolExecutor(threads, "csgrepo-range") as pool:
            futures = [pool.submit(work) for _ in range(threads)]
            try:
                for future in futures:
                    future.result()
            finally:
                self._stop.set()

    def fetch_again(self, first: int, last: int) -> bool:
        """Fetch blocks that are there once more; returns whether any came differently."""
        changed = False

        def take(index: int, content: bytes) -> None:
            nonlocal changed
            changed |= self._part.write(index, content)

        self._stop.clear()  # it is set once all missing ones came over several connections
        self._shared = False
        self._fetch(first, last, take)
        return changed

    def differs(self, first: int, last: int) -> bool | None:
        """Ask the server for the digest of blocks that are there; returns whether it is another.

        Returns:
            ``None`` where it tells none.
        """
        with self._asked(first, last, Want_Content_Digest="sha-256=10") as response:
            told = _DIGEST.search(response.headers.get("Content-Digest", ""))
            if not told or response.status != 206:
                return None
            self._first_block(response, first * BLOCK)
        own = base64.b64encode(self._part.digest(first, last)).decode()
        return told[1] != own

    def _fetch(self, first: int, last: int, take: Callable[[int, bytes], object]) -> None:
        """Fetch the blocks from first to last, going on after each cut."""
        failed = 0
        while first <= last and not self._stop.is_set():
            before = first
            try:
                for index, content in self._blocks(first, last):
                    take(index, content)
                    first = max(first, index + 1)
                    if first > last or self._stop.is_set():
                        break
            except (_Cut, CutOff) as cut:
                failed = 0 if first > before else failed + 1
                silent = isinstance(cut.__cause__, TimeoutError)
                if failed > _RETRIES or (self._source.hurried and (failed or silent)):
                    raise self._error(str(cut)) from cut
                _wait(failed)

    def _blocks(self, first: int, last: int) -> Iterator[tuple[int, bytes]]:
        """Yield whole blocks as they come; from the file's first where the server knows no ranges.

        Raises:
            TransferError: it ended before the last one.
        """
        with self._asked(first, last) as response:
            index = self._first_block(response, first * BLOCK)
            held = bytearray()
            for piece in response.pieces():
                if not held and index < self._part.count and len(piece) == self._part.length(index):
                    yield index, piece  # as it nearly always comes
                    index += 1
                    continue
                held += piece
                while index < self._part.count and len(held) >= self._part.length(index):
                    length = self._part.length(index)
                    yield index, bytes(held[:length])
                    del held[:length]
                    index += 1
                if index > last and held:
                    raise self._error("the server sends more than it was asked for")
        if index <= last:
            raise _Cut(f"it was cut off at {index * BLOCK} of {self._part.size} bytes")

    def _asked(self, first: int, last: int, **more: str) -> Response:
        """Ask for the blocks from first to last, and leave them on the wire."""
        end = last * BLOCK + self._part.length(last)
        headers = {
            **self._source.headers,
            "Accept-Encoding": "identity",
            "Range": f"bytes={first * BLOCK}-{end - 1}",
            **{name.replace("_", "-"): value for name, value in more.items()},
        }
        return self._source.http.request(
            "GET", self._url, headers=headers, stream=True, ok={200, 206}
        )

    def _first_block(self, response: Response, start: int) -> int:
        """Return which block an answer begins with."""
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise self._error("it comes compressed, though it was asked not to")
        if response.status == 200:
            length = response.headers.get("Content-Length", str(self._part.size))
            if length != str(self._part.size):
                what = web_page(response) or f"the server has {length} bytes of {self._part.size}"
                raise self._error(what)
            if start and self._shared:
                raise _Whole
            return 0
        match = _RANGE.fullmatch(response.headers.get("Content-Range", "").strip())
        if not match or int(match[1]) != start or int(match[2]) != self._part.size:
            raise self._error("the server sends another range than it was asked for")
        return start // BLOCK

    def _error(self, what: str) -> TransferError:
        return TransferError(f"{shown(self._url)} could not be downloaded: {what}; try again")


def runs(missing: list[int]) -> Iterator[tuple[int, int]]:
    """Yield first and last of the runs in a sorted list, none longer than a range may be."""
    first = last = -1
    for index in missing:
        if first < 0 or index != last + 1 or index - first >= _BLOCKS_PER_RANGE:
            if first >= 0:
                yield first, last
            first = index
        last = index
    if first >= 0:
        yield first, last


def _wait(failed: int) -> None:
    if failed:
        time.sleep(_BACKOFF_S * 2**failed * random.uniform(1.0, 1.25))  # noqa: S311
