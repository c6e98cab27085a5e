"""Background pushes: a journal on disk, one worker process for a working copy, and who waits.

``push`` (what is to be done), ``receipt`` (the proof that it was), ``job`` (a row of the journal),
``journal`` and ``roster`` (the jobs and who works on them, on top of ``database``), ``queue``
(handing in), ``command`` (what the caller holds), ``exits`` (the end of a script), ``worker`` (the
loop of the worker process, with ``signals``, ``record`` and ``log``), ``lock`` (one push at a
time), ``process`` (telling processes apart).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from csgrepo.jobs.command import Command
from csgrepo.jobs.job import Job, Progress, State
from csgrepo.jobs.journal import Journal
from csgrepo.jobs.lock import LockTimeout, PushLock
from csgrepo.jobs.push import Policy, Push
from csgrepo.jobs.queue import Queue
from csgrepo.jobs.receipt import PushReceipt

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping

__all__ = [
    "Command",
    "Job",
    "Journal",
    "LockTimeout",
    "Policy",
    "Progress",
    "Push",
    "PushLock",
    "PushReceipt",
    "Queue",
    "State",
    "resume",
]


def resume(
    git_dir: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    worker_module: str,
    secrets: Callable[[], Mapping[str, Any]],
    *,
    failed: bool = True,
) -> list[Command]:
    """Take up the pushes of a working copy that were interrupted or failed.

    Args:
        git_dir: the repository's git directory.
        folder: the working copy, as a person would name it.
        worker_module: the module that carries them out; see `Queue`.
        secrets: returns what the worker needs to reach the remote.
        failed: whether those that failed are tried again too.

    Returns:
        A command for each push that is carried out again, oldest first.
    """
    return Queue(git_dir, folder, worker_module, secrets).resume(failed=failed)
