"""Ports that stay free between two servers of one test."""

from __future__ import annotations

import os
import socket
from pathlib import Path

_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_FIRST, _LAST = 10_000, 64_000


def steady_port() -> int:
    """Return a free port that the system gives to nobody who does not ask for it by number.

    A port that a server left may otherwise be another's a moment later: of a test that runs beside
    this one, or of any connection of this machine.
    """
    low, high = _given_away()
    own = [port for port in range(_FIRST, _LAST) if not low <= port <= high]
    start = os.getpid() * 61 % max(len(own), 1)  # processes that run at once begin far apart
    for port in [*own[start:], *own[:start], 0]:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise AssertionError("no port is free")


def _given_away() -> tuple[int, int]:
    """Return the first and the last port that the system chooses from."""
    try:
        low, high = _RANGE.read_text().split()
    except (OSError, ValueError):  # elsewhere as IANA has it
        return 49_152, 65_535
    return int(low), int(high)
