"""The process that pushes in the background; started by `csgrepo.jobs.Queue`."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from csgrepo import config
from csgrepo.git.child import keep_statuses
from csgrepo.jobs.journal import Journal
from csgrepo.jobs.lock import PushLock
from csgrepo.jobs.worker import read_secrets, work
from csgrepo.repository import pushing
from csgrepo.repository.access import Access
from csgrepo.repository.connection import Connection
from csgrepo.repository.layout import WorkTree

if TYPE_CHECKING:
    from csgrepo.jobs.job import Job
    from csgrepo.jobs.receipt import PushReceipt
    from csgrepo.jobs.record import JobReporter

__all__ = ["main"]

_NICENESS = 10


def main(git_dir: str, folder: str) -> int:
    """Carry out the working copy's jobs; returns the exit status.

    Args:
        git_dir: the repository's git directory, where the journal is.
        folder: the work tree's root.
    """
    _let_training_go_first()
    keep_statuses()
    settings = config.settings()
    access = Access.from_secrets(read_secrets(), settings.endpoint)

    def carry_out(job: Job, reporter: JobReporter) -> PushReceipt:
        tree = WorkTree(Path(folder))
        credentials = access.credentials(tree.folder)
        # Where it was to go when it was handed in, whatever the remote's settings say by now.
        remote, url = job.push.remote or "origin", job.push.url
        with Connection(tree, credentials, remote, url=url, patient=True) as connection:
            return pushing.carry_out(
                job.push, connection, reporter, reporter.hear, reporter.started
            )

    return work(Journal(git_dir), PushLock(git_dir), carry_out, deadline_s=settings.push_deadline_s)


def _let_training_go_first() -> None:
    """Take what others leave of the processor, whether the system weighs processes or sessions."""
    with contextlib.suppress(AttributeError, OSError):
        os.nice(_NICENESS)
    with contextlib.suppress(OSError):
        Path("/proc/self/autogroup").write_text(f"{_NICENESS}\n", encoding="ascii")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
