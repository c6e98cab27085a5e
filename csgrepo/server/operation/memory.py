"""Giving memory back to the system.

Python frees what it no longer needs, and glibc keeps most of that for later, apart for each of many
threads: after an hour of many clients the hub would hold several times what it uses.
"""

from __future__ import annotations

import contextlib
import ctypes
import sys
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from csgrepo.server.http.record import Request

__all__ = ["Trimmer"]

_BYTES = 32 * 1024 * 1024
_REQUESTS = 200
_EVERY_S = 1.0


def _trim() -> Callable[[int], int] | None:
    """Return malloc_trim(3), ``None`` where there is none."""
    if sys.platform != "linux":
        return None
    with contextlib.suppress(OSError, AttributeError):
        found: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
        return found
    return None


class Trimmer:
    """Counts what goes through a hub, and gives memory back now and then.

    Args:
        begin: starts something that nobody waits for.
    """

    def __init__(self, begin: Callable[[Callable[[], object]], None]) -> None:
        self._begin = begin
        self._trim = _trim()
        self._lock = threading.Lock()  # guards the three below
        self._bytes = self._requests = 0
        self._last = 0.0

    def count(self, request: Request) -> None:
        """Count a finished request."""
        if self._trim is None:
            return
        with self._lock:
            self._requests += 1
            self._bytes += request.body_bytes_received + request.body_bytes_sent
            due = self._bytes >= _BYTES or self._requests >= _REQUESTS
            if not due or time.monotonic() - self._last < _EVERY_S:
                return
            self._bytes = self._requests = 0
            self._last = time.monotonic()
        trim = self._trim
        self._begin(lambda: trim(0))
