"""A worker to test the queue with: it really pushes, and nothing else."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from csgrepo.errors import CsgRepoError
from csgrepo.git.runner import Git
from csgrepo.jobs import Job, Journal, PushLock, PushReceipt
from csgrepo.jobs.record import JobReporter
from csgrepo.jobs.worker import read_secrets, work
from csgrepo.redact import Secret

UNSTOPPABLE_S = 60.0


def main() -> int:
    secrets = read_secrets()
    if secrets.get("exit_at_start"):
        return int(secrets["exit_at_start"])
    git_dir = Path(sys.argv[1])
    token = Secret(secrets.get("token", "no-token-given"))
    return work(
        Journal(git_dir),
        PushLock(git_dir),
        _carry_out(git_dir, token, secrets),
        idle_s=secrets.get("idle_s", 0.2),
        grace_s=secrets.get("grace_s", 10.0),
        deadline_s=secrets.get("deadline_s"),
    )


def _carry_out(
    git_dir: Path, token: Secret, secrets: dict[str, Any]
) -> Callable[[Job, JobReporter], PushReceipt]:
    def carry_out(job: Job, reporter: JobReporter) -> PushReceipt:
        if secrets.get("says_token"):
            reporter.hear(f"remote: hello {token.reveal()}\n".encode())
            raise CsgRepoError(f"the server does not like {token.reveal()}")
        if secrets.get("does_not_stop"):
            _hold_on(git_dir)
        with reporter.task("upload", "model.bin", total=100) as task:
            task.advance(100)
        with reporter.task("push", job.push.ref, 1, "refs"):
            return _push(git_dir, job, reporter)

    return carry_out


def _push(git_dir: Path, job: Job, reporter: JobReporter) -> PushReceipt:
    git = Git(git_dir.parent)
    push = job.push
    git.run(
        "push",
        push.url,
        f"{push.commit}:{push.ref}",
        on_stderr=reporter.hear,
        on_start=reporter.started,
    )
    found = git.text("ls-remote", push.url, push.ref).split("\t")[0]
    if found != push.commit:
        raise CsgRepoError(f"{push.ref} is {found} at {push.url}")
    return PushReceipt(
        url=f"{push.url}/commit/{push.commit}",
        remote_url=push.url,
        ref=push.ref,
        commit=push.commit,
        previous=None,
        objects=0,
        size_bytes=0,
        uploaded_objects=0,
        uploaded_bytes=0,
        verified_at=datetime.now(timezone.utc),
    )


def _hold_on(git_dir: Path) -> None:
    """Keep running whoever asks to stop, like a transfer that waits for a dead server."""
    (git_dir / "holding-on").touch()
    deadline = time.monotonic() + UNSTOPPABLE_S
    while time.monotonic() < deadline:
        try:
            time.sleep(UNSTOPPABLE_S)
        except BaseException:  # noqa: BLE001 - that is the point
            continue


if __name__ == "__main__":
    sys.exit(main())
