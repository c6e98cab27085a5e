"""Files on the wire: a body that is sent, a download that goes on where it was cut off."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol, cast

from csgrepo.errors import SizeMismatch, TransferError
from csgrepo.files import BLOCK
from csgrepo.http.address import shown
from csgrepo.http.wire import CutOff

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from csgrepo.http.wire import Response

__all__ = ["Download", "FileBody", "Sink", "content_range", "web_page"]


class Sink(Protocol):
    """Where a download goes: a file, or anything else that takes bytes."""

    def write(self, piece: bytes, /) -> object:
        """Take the next bytes."""


class FileBody:
    """A file as a request body: its length known, its pieces handed to the socket as they are.

    Attributes:
        sent: bytes given away in the present attempt.
        failure: what the source or the callback raised.
    """

    def __init__(
        self,
        source: Path | Callable[[], BinaryIO],
        size: int,
        on_bytes: Callable[[int], object] | None,
    ) -> None:
        self.sent = 0
        self.failure: Exception | None = None
        self._source = source
        self._size = size
        self._on_bytes = on_bytes

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[memoryview]:
        self.failure = None
        try:
            self._count(-self.sent)
            yield from self._pieces()
        except Exception as error:
            self.failure = error
            raise

    def _pieces(self) -> Iterator[memoryview]:
        buffer = memoryview(bytearray(min(BLOCK, self._size)))
        with self._open() as stream:
            while left := self._size - self.sent:
                count = stream.readinto(buffer[:left])  # type: ignore[attr-defined]
                if not count:
                    raise TransferError(
                        f"{getattr(stream, 'name', 'the source')} ends {left} bytes before its "
                        f"{self._size} bytes were sent; it changed meanwhile, and was not stored"
                    )
                yield buffer[:count]
                self._count(count)

    def _count(self, count: int) -> None:
        self.sent += count
        if self._on_bytes and count:
            self._on_bytes(count)

    def _open(self) -> BinaryIO:
        if isinstance(self._source, Path):
            return cast("BinaryIO", self._source.open("rb", buffering=0))
        return self._source()


@dataclass(slots=True)
class Download:
    """How far a download has come; each answer takes it further or says why not."""

    url: str
    sink: Sink
    position: int
    size: int | None
    on_bytes: Callable[[int], object] | None
    on_restart: Callable[[], object] | None
    on_answer: Callable[[str, int | None], object] | None = None
    etag: str = ""
    done: bool = False
    version: tuple[str, str] | None = None  # of the answer before, if there was one

    @property
    def fixed(self) -> bool:
        """Whether it must be one file of one size; who hears of each answer can take another."""
        return self.on_answer is None

    def headers(self) -> dict[str, str]:
        """Return what to ask with: for what is missing, and as it is."""
        wanted = {"Accept-Encoding": "identity"}
        if self.position and (self.fixed or self.etag or any(self.version or ())):
            wanted["Range"] = f"bytes={self.position}-"
            if self.etag:
                wanted["If-Range"] = self.etag
        return wanted

    def take(self, response: Response) -> TransferError | None:
        """Write what an answer brings, and return what is wrong if asking again may help.

        Raises:
            TransferError: what asking again will not mend.
        """
        if response.status == 416 or not self._continues(response):
            self._restart()
            return self._error("the server did not go on where the last part ended")
        if response.status == 200 and self.position:
            self._restart()
        self.etag, self.version = _strong_tag(response), _version(response)
        if self.on_answer:
            self.on_answer(self.etag, self.size)
        return self._write(response)

    def _continues(self, response: Response) -> bool:
        """Tell whether the answer starts where it was asked to, and learn the file's size."""
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise self._error(
                "it comes compressed, though it was asked not to; a proxy may be changing answers"
            )
        if response.status == 200:
            if self.position and not self.fixed:
                self.size = None  # it begins anew, and may be another file than it was
            self._learn_size(_number(response.headers.get("Content-Length")), response)
            return True
        first, total = content_range(response.headers.get("Content-Range", ""))
        if first != self.position or self._is_another(total, response):
            return False
        self._learn_size(total, response)
        return True

    def _is_another(self, total: int | None, response: Response) -> bool:
        """Tell whether what the answer goes on with may not be what came before.

        A file whose digest is known is checked in the end. Of any other nobody would notice that
        it has the beginning of one and the end of another.
        """
        etag = _strong_tag(response)
        if self.fixed:
            return len({self.etag, etag} - {""}) > 1
        if None not in {total, self.size} and total != self.size:
            return True
        if self.version is None:  # an earlier call took what came before
            return etag != self.etag
        version = _version(response)
        return version != self.version or not any(version)

    def _learn_size(self, total: int | None, response: Response) -> None:
        chunked = "chunked" in response.headers.get("Transfer-Encoding", "").lower()
        if total is None and self.size is None and not (chunked and response.status == 200):
            raise self._error(
                "the server does not say how long the file is, so a part could pass for the whole"
            )
        if total is not None and self.size is not None and total != self.size:
            if page := web_page(response):
                raise self._error(page)
            raise SizeMismatch(shown(self.url), self.size, total)
        self.size = self.size if total is None else total

    def _restart(self) -> None:
        if not self.position:
            raise self._error("the server does not send the file from its beginning")
        if self.on_restart is None:
            raise self._error("the server cannot send only the rest; start from the beginning")
        self.on_restart()
        self._moved(-self.position)
        if not self.fixed:
            self.size = None
        self.etag, self.version = "", None

    def _write(self, response: Response) -> TransferError | None:
        try:
            for piece in response.pieces():
                if self.size is not None and self.position + len(piece) > self.size:
                    raise self._error(f"the server sends more than the {self.size} bytes it has")
                self.sink.write(piece)
                self._moved(len(piece))
        except CutOff as cut:
            error = self._cut_off(cut.__cause__)
            error.__cause__ = cut.__cause__
            return error
        self.done = self.position == self.size or self.size is None  # None: chunks, properly ended
        return None if self.done else self._cut_off(None)

    def _moved(self, count: int) -> None:
        self.position += count
        if self.on_bytes:
            self.on_bytes(count)

    def _cut_off(self, cause: BaseException | None) -> TransferError:
        what = "the server fell silent" if isinstance(cause, TimeoutError) else "it was cut off"
        of = "" if self.size is None else f" of {self.size}"
        return self._error(f"{what} after {self.position}{of} bytes; try again")

    def _error(self, what: str) -> TransferError:
        return TransferError(f"{shown(self.url)} could not be downloaded: {what}")


def web_page(response: Response) -> str:
    """Return what to say of a file of the wrong length if it is a web page, else ``""``."""
    if not response.headers.get("Content-Type", "").lower().startswith("text/html"):
        return ""
    return "a web page came in its place, such as a proxy sends where one has to log in"


def _strong_tag(response: Response) -> str:
    """Return the tag that is the same only while all bytes are, if the server gives one."""
    etag = response.headers.get("ETag", "")
    return "" if etag.startswith("W/") else etag


def _version(response: Response) -> tuple[str, str]:
    """Return all that the server says of which state of the file this is."""
    return response.headers.get("ETag", ""), response.headers.get("Last-Modified", "")


def content_range(text: str) -> tuple[int | None, int | None]:
    """Return where a part of a file begins, and the length of the whole, as far as told."""
    match = re.fullmatch(r"bytes ([0-9]{1,18})-[0-9]{1,18}/([0-9]{1,18}|\*)", text.strip())
    return (int(match[1]), _number(match[2])) if match else (None, None)


def _number(text: str | None) -> int | None:
    return int(text) if text and re.fullmatch(r"[0-9]{1,18}", text) else None
