"""How long a stalled answer is waited for on the machine that runs the tests."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

__all__ = ["stall_s"]


def stall_s(work: Callable[[], object]) -> int:
    """Return in seconds what is a stall here and now, by what the like takes that does not stall.

    A machine that is busy with others is not taken for a server that fell silent.
    """
    began = time.monotonic()
    work()
    return math.ceil(2 * (time.monotonic() - began))
