"""How a background push is shown: a line of a list, a table of facts, or JSON."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Any

from csgrepo.progress.label import duration, printable, size

if TYPE_CHECKING:
    from csgrepo.jobs import Command, Job, Journal

__all__ = ["facts", "line", "rows"]


def facts(job: Job) -> dict[str, Any]:
    """Return it for JSON."""
    found = dataclasses.asdict(job)
    if job.receipt:
        found["receipt"]["verified_at"] = job.receipt.verified_at.isoformat()
    return found


def line(job: Job) -> str:
    """Return it on one line."""
    return f"{job.id:>4}  {job.state:<11}  {_age(job):>10}  {_title(job)}{_tail(job)}"


def rows(job: Job, journal: Journal, command: Command) -> list[tuple[str, str]]:
    """Return what there is to know, each with a name."""
    log = journal.log_of(job.id)
    found = [
        ("push", f"{job.id}: {_title(job)}"),
        ("state", job.state + (f", {_progress(job)}" if job.state == "running" else "")),
        ("commit", f"{job.push.commit} -> {printable(job.push.ref)}"),
        ("remote", printable(job.push.url)),
    ]
    if job.successor is not None:
        found.append(("carried by", f"push {job.successor}; see `csgrepo jobs show`"))
    found += [("receipt", printable(str(job.receipt)))] if job.receipt else []
    found += [("error", printable(text)) for text in job.error.splitlines()]
    found += [("waits for", printable(text)) for text in [command.hindrance] if text]
    found += [("log", str(log))] if log.exists() else []
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
    return f"{duration(max(0, round(time.time() - since)))} ago"
