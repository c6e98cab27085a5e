"""Which process of a distributed run this is: one of them pushes, the others go on at once."""

from __future__ import annotations

import sys

from csgrepo import config
from csgrepo.jobs import Command, Journal

__all__ = ["LeftToRankZero", "rank"]


def rank() -> int:
    """Return this process's rank in its distributed run, 0 where there is no such run.

    What `torch.distributed` says comes first, if the program has loaded and initialized it; it is
    never loaded from here. Then comes the variable ``RANK``, which launchers set.
    """
    distributed = sys.modules.get("torch.distributed")
    if distributed is not None and distributed.is_available() and distributed.is_initialized():
        return int(distributed.get_rank())
    return config.settings().rank


class LeftToRankZero(Command):
    """What a process gets whose push is left to rank 0: over at once, without receipt or error.

    Args:
        folder: the working copy.
    """

    def __init__(self, folder: str) -> None:
        super().__init__(Journal(folder), 0, folder)

    @property
    def job(self) -> None:
        """There is none."""

    @property
    def title(self) -> str:
        """What is done."""
        return "left to rank 0"

    @property
    def status(self) -> int:
        """0: nothing was to be done, and nothing failed; only rank 0 knows of the push."""
        return 0

    @property
    def error(self) -> str:
        """Nothing."""
        return ""

    def cancel(self) -> bool:
        """Stop nothing; returns false."""
        return False
