"""A training loop, and how much slower it gets while something else goes on."""

from __future__ import annotations

import time
from collections.abc import Callable

QUIET_S = 1.0
_TURN_S = 0.05


def work(seconds: float) -> int:
    """Train: do as many small steps of arithmetic as there is time for."""
    until = time.perf_counter() + seconds
    done = 0
    while time.perf_counter() < until:
        sum(i * i for i in range(2000))
        done += 1
    return done


def lost_during(goes_on: Callable[[], object], quiet: int) -> tuple[float, float]:
    """Train for as long as it goes on.

    Args:
        goes_on: says whether it does.
        quiet: how many steps were done in `QUIET_S` when nothing else went on.

    Returns:
        How long that was, in seconds, and the share of the work that was lost meanwhile.
    """
    began = time.perf_counter()
    done = 0
    while goes_on():
        done += work(_TURN_S)
    seconds = time.perf_counter() - began
    return seconds, max(0.0, 1 - (done / seconds) / (quiet / QUIET_S)) if done else 0.0
