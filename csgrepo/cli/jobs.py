"""``csgrepo jobs``: the background pushes of a working copy."""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from csgrepo.errors import CommandFailed, InvalidInput, NotARepository
from csgrepo.progress.label import duration, printable, size

if TYPE_CHECKING:
    from csgrepo.jobs import Job, Journal, Queue

__all__ = ["jobs"]

_repo = click.argument("repo", default=".", type=click.Path(path_type=Path))
_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def jobs() -> None:
    """See, resume and await background pushes.

    REPO is a working copy; the one the current folder belongs to where not given.
    """


@jobs.command("list")
@_repo
@_as_json
def list_jobs(*, repo: Path, as_json: bool) -> None:
    """List all pushes, oldest first."""
    found = _journal(repo).jobs()
    if as_json:
        click.echo(json.dumps([_facts(job) for job in found], indent=2))
        return
    if not found:
        click.echo("no background pushes", err=True)
    for job in found:
        click.echo(f"{job.id:>4}  {job.state:<11}  {_age(job):>10}  {_title(job)}{_tail(job)}")


@jobs.command()
@click.argument("number", type=int)
@_repo
@_as_json
def show(*, number: int, repo: Path, as_json: bool) -> None:
    """Show one push: what it is to do, how far it is, what was said."""
    journal = _journal(repo)
    job = journal.get(number)
    if job is None:
        raise InvalidInput(f"there is no push number {number} here; see `csgrepo jobs list`")
    if as_json:
        click.echo(json.dumps(_facts(job), indent=2))
        return
    for name, text in _rows(job, journal):
        click.echo(f"{name:<10}{text}")


@jobs.command()
@_repo
@click.option("--number", "numbers", type=int, multiple=True, help="Only this push; repeatable.")
def resume(*, repo: Path, numbers: tuple[int, ...]) -> None:
    """Carry out again what failed or was interrupted, and wait for it.

    Exits with 8 if a push fails again. Ctrl-C leaves the pushes going on in the background.
    """
    from csgrepo.cli.following import follow

    commands = _queue(repo).resume(numbers or None)
    if not commands:
        click.echo("nothing to resume", err=True)
    follow(commands)
    for command in commands:
        click.echo(printable(str(command.receipt)))


@jobs.command()
@_repo
@click.option("--timeout", type=float, metavar="SECONDS", help="Wait no longer than this.")
def wait(*, repo: Path, timeout: float | None) -> None:
    """Wait until no push waits or runs.

    Exits with 8 if one of them fails, and with 1 if they have not ended in time.
    """
    from csgrepo.cli.following import follow
    from csgrepo.jobs import Command

    journal = _journal(repo)
    under_way = journal.jobs("waiting", "running")
    follow([Command(journal, job.id, str(repo)) for job in under_way], timeout)


def _journal(repo: Path) -> Journal:
    from csgrepo.jobs import Journal

    return Journal(_git_dir(repo))


def _queue(repo: Path) -> Queue:
    """Return the working copy's queue, with the credentials of this process."""
    from csgrepo.config import settings
    from csgrepo.git.runner import Git
    from csgrepo.jobs import Queue
    from csgrepo.repository.access import Access

    git_dir = _git_dir(repo)
    root = Path(Git(repo).text("rev-parse", "--show-toplevel"))
    access = Access.of(settings().endpoint, True)
    return Queue(git_dir, root, "csgrepo.repository.worker", lambda: access.secrets(root))


def _git_dir(repo: Path) -> str:
    from csgrepo.git.runner import Git

    try:
        return Git(repo).text("rev-parse", "--absolute-git-dir")
    except CommandFailed as error:
        said = error.stderr.strip()
        raise NotARepository(f"{repo}: {said}; give the folder of a working copy") from error


def _facts(job: Job) -> dict[str, Any]:
    facts = dataclasses.asdict(job)
    if job.receipt:
        facts["receipt"]["verified_at"] = job.receipt.verified_at.isoformat()
    return facts


def _title(job: Job) -> str:
    push = job.push
    return printable(push.title or f"push {push.commit[:10]} to {push.ref} at {push.url}")


def _tail(job: Job) -> str:
    if job.state == "running":
        return f"  {_progress(job)}"
    return f"  ({printable(job.error.strip().splitlines()[0])})" if job.error.strip() else ""


def _progress(job: Job) -> str:
    done = job.progress
    total = f" of {size(done.total, done.unit)}" if done.total else ""
    rate = f", {size(done.rate, done.unit)}/s" if done.rate else ""
    return f"{done.phase} {printable(done.item)}: {size(done.done, done.unit)}{total}{rate}"


def _age(job: Job) -> str:
    since = job.ended or job.started or job.created
    return f"{duration(max(0, round(time.time() - since)))} ago"


def _rows(job: Job, journal: Journal) -> list[tuple[str, str]]:
    rows = [
        ("push", f"{job.id}: {_title(job)}"),
        ("state", job.state + (f", {_progress(job)}" if job.state == "running" else "")),
        ("commit", f"{job.push.commit} -> {printable(job.push.ref)}"),
        ("remote", printable(job.push.url)),
    ]
    rows += [("receipt", printable(str(job.receipt)))] if job.receipt else []
    rows += [("error", printable(line)) for line in job.error.splitlines()]
    rows += [("log", str(journal.log_of(job.id)))] if journal.log_of(job.id).exists() else []
    return rows
