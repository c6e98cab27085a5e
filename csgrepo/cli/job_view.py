"""How a background push is shown: a line of a list, a table of facts, or JSON."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Any

import click

from csgrepo.cli.advice import in_commands
from csgrepo.cli.table import print_table
from csgrepo.cli.words import tr
from csgrepo.progress.label import duration, printable, size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from csgrepo.jobs import Command, Job, Journal

__all__ = ["facts", "print_jobs", "rows"]


def facts(job: Job) -> dict[str, Any]:
    """Return it for JSON."""
    found = dataclasses.asdict(job)
    if job.receipt:
        found["receipt"]["verified_at"] = job.receipt.verified_at.isoformat()
    return found


def print_jobs(jobs: Sequence[Job]) -> None:
    """Print them, one a line."""
    rows = [[job.id, job.state, _age(job), f"{_title(job)}{_tail(job)}"] for job in jobs]
    print_table(["ID", "STATE", "AGE", "PUSH"], rows, paint=_painted)


def rows(job: Job, journal: Journal, command: Command) -> list[tuple[str, str]]:
    """Return what there is to know, each with a name."""
    log = journal.log_of(job.id)
    found = [
        (tr("push"), f"{job.id}: {_title(job)}"),
        (tr("state"), job.state + (f", {_progress(job)}" if job.state == "running" else "")),
        (tr("commit"), f"{job.push.commit} -> {job.push.ref}"),
        (tr("remote"), job.push.url),
    ]
    if job.successor is not None:
        found.append((tr("carried by"), f"push {job.successor}; see `csgrepo jobs show`"))
    found += [(tr("receipt"), str(job.receipt))] if job.receipt else []
    found += [(tr("error"), text) for text in in_commands(job.error).splitlines()]
    found += [(tr("waits for"), text) for text in [command.hindrance] if text]
    found += [(tr("log"), str(log))] if log.exists() else []
    return found


def _title(job: Job) -> str:
    push = job.push
    return printable(push.title or f"push {push.commit[:10]} to {push.ref} at {push.url}")


def _tail(job: Job) -> str:
    if job.state == "running":
        return f"  {_progress(job)}"
    if job.successor is not None:
        return f"  (carried by push {job.successor})"
    return f"  ({printable(job.error.strip().splitlines()[0])})" if job.error.strip() else ""


def _progress(job: Job) -> str:
    done = job.progress
    total = f" of {size(done.total, done.unit)}" if done.total else ""
    rate = f", {size(done.rate, done.unit)}/s" if done.rate else ""
    return f"{done.phase} {printable(done.item)}: {size(done.done, done.unit)}{total}{rate}"


def _age(job: Job) -> str:
    since = job.ended or job.started or job.created
    return tr("{span} ago", span=duration(max(0, round(time.time() - since))))


def _painted(text: str) -> str:
    colors = {"done": "green", "failed": "red", "running": "cyan"}
    return click.style(text, fg=colors[text]) if text in colors else text
