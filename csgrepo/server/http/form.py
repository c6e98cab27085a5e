"""A form with files in it (RFC 7578), read as it arrives: files to the disk, fields to memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from csgrepo.server.http.bodies import pieces
from csgrepo.server.http.limits import MAX_BASIC_UPLOAD_BYTES
from csgrepo.server.http.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from csgrepo.server.http.work import Workers
    from csgrepo.server.lfs.storage import Incoming

__all__ = ["Form"]

_MOST_FIELD_BYTES = 1024 * 1024
_MOST_HEADER_BYTES = 16 * 1024
_MOST_FILES = 100
_MOST_PARTS = 1000


class Form:
    """One form; `drop` what it holds when done.

    Args:
        receive_file: begins a file's arrival.

    Attributes:
        fields: the values of each field, in their order.
        files: the content of the parts named ``file``, in their order.
    """

    def __init__(self, receive_file: Callable[[], Incoming]) -> None:
        self.fields: dict[str, list[str]] = {}
        self.files: list[Incoming] = []
        self._receive_file = receive_file
        self._header, self._value = bytearray(), bytearray()
        self._name = ""
        self._file: Incoming | None = None
        self._held = bytearray()
        self._parts = self._field_bytes = self._file_bytes = 0
        self._ended = False

    async def read(self, request: Request, workers: Workers) -> None:
        """Read a request's body to its end.

        Raises:
            Refusal: 500, it is no such form (the contract's own answer); 400, it is a broken one;
                413, it is too large.
        """
        parser = self._parser(request.headers.get("content-type", ""))
        try:
            async for piece in pieces(request.receive):
                await workers.run(parser.write, piece)
        except FormParserError as error:
            raise Refusal(400, "REQ-ERR-1") from error
        if not self._ended:
            raise Refusal(400, "REQ-ERR-1")

    def _parser(self, content_type: str) -> MultipartParser:
        kind, options = parse_options_header(content_type.encode("latin-1"))
        if kind != b"multipart/form-data" or not options.get(b"boundary"):
            raise Refusal(500, "SYS-ERR-0")
        heard: Any = {
            "on_part_begin": self._begin,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._open,
            "on_part_data": self._take,
            "on_part_end": self._close,
            "on_end": self._finish,
        }
        try:
            return MultipartParser(options[b"boundary"], heard)
        except FormParserError as error:
            raise Refusal(400, "REQ-ERR-1") from error

    def drop(self) -> None:
        """Remove the files that were not kept."""
        for file in self.files:
            file.drop()

    def _begin(self) -> None:
        self._parts += 1
        if self._parts > _MOST_PARTS:
            raise Refusal(413, "REQ-ERR-3")
        self._name, self._file = "", None
        self._held.clear()
        self._header.clear()
        self._value.clear()

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._bounded(self._header, data[start:end])

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._bounded(self._value, data[start:end])

    @staticmethod
    def _bounded(buffer: bytearray, piece: bytes) -> None:
        buffer += piece
        if len(buffer) > _MOST_HEADER_BYTES:
            raise Refusal(413, "REQ-ERR-3")

    def _header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            _, options = parse_options_header(bytes(self._value))
            self._name = options.get(b"name", b"").decode("utf-8", "replace")
            if self._name == "file" and b"filename" in options:
                if len(self.files) == _MOST_FILES:
                    raise Refusal(413, "REQ-ERR-3")
                self._file = self._receive_file()
                self.files.append(self._file)
        self._header.clear()
        self._value.clear()

    def _open(self) -> None:
        if not self._name:
            raise Refusal(400, "REQ-ERR-1")

    def _take(self, data: bytes, start: int, end: int) -> None:
        if self._file is not None:
            self._file_bytes += end - start
            if self._file_bytes > MAX_BASIC_UPLOAD_BYTES:
                raise Refusal(413, "REQ-ERR-3")
            self._file.take(data[start:end])
            return
        self._field_bytes += end - start
        if self._field_bytes > _MOST_FIELD_BYTES:
            raise Refusal(413, "REQ-ERR-3")
        self._held += data[start:end]

    def _close(self) -> None:
        if self._file is None:
            text = self._held.decode("utf-8", "replace")
            self.fields.setdefault(self._name, []).append(text)

    def _finish(self) -> None:
        self._ended = True
