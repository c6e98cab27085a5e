"""The access log: one JSON object a line for every finished request."""

from __future__ import annotations

import datetime
import json
import logging
from logging.handlers import WatchedFileHandler
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from csgrepo.server.http.record import Request

__all__ = ["AccessLog"]


class AccessLog:
    """Writes lines to a file, and goes on in a new one when the file was moved away.

    A line holds no query and no header: neither tokens nor signatures get into it.

    Args:
        path: the file; what is there is kept.
    """

    def __init__(self, path: Path) -> None:
        self._handler = WatchedFileHandler(path, encoding="utf-8", errors="backslashreplace")

    def write(self, request: Request) -> None:
        """Append one request."""
        line = json.dumps(_fields(request), ensure_ascii=False)
        record = logging.LogRecord("csgrepo.access", logging.INFO, "", 0, line, None, None)
        self._handler.handle(record)

    def close(self) -> None:
        """Close the file."""
        self._handler.close()


def _fields(request: Request) -> dict[str, object]:
    now = datetime.datetime.now(datetime.timezone.utc)
    return {
        "time": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "request_id": request.request_id,
        "client": request.client,
        "user": request.user or None,
        "method": request.method,
        "path": request.path,
        "status": request.status,
        "bytes_in": request.body_bytes_received,
        "bytes_out": request.body_bytes_sent,
        "seconds": round(request.seconds, 4),
    }
