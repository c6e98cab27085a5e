"""Waiting for a remote that is away, where nobody waits for the outcome."""

from __future__ import annotations

import logging
import random
import re
import time
from typing import TYPE_CHECKING, TypeVar

from csgrepo.errors import RemoteUnreachable

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["patiently"]

# Together a minute and a half: a hub that is restarted, or a network that comes back.
WAITS_S = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0)

# No patience mends these: the remote has moved, or nobody vouches for it.
_FOR_GOOD = re.compile(r"returned error: (?:3\d\d|501)|certificate", re.IGNORECASE)

_T = TypeVar("_T")

_log = logging.getLogger(__name__)


def patiently(ask: Callable[[], _T]) -> _T:
    """Ask a remote, and ask again while it does not answer.

    Args:
        ask: runs a git command that does no harm when it is run twice.

    Raises:
        RemoteUnreachable: it is away for longer than a minute or two, or for good.
    """
    for wait_s in WAITS_S:
        try:
            return ask()
        except RemoteUnreachable as error:
            if _FOR_GOOD.search(error.stderr):
                raise
            wait_s *= random.uniform(1.0, 1.25)  # noqa: S311, PLW2901 - keeps clients apart
            _log.info("%s; trying again in %.1f s", error, wait_s)
            time.sleep(wait_s)
    return ask()
