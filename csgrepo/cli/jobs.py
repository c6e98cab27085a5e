"""``csgrepo jobs``: the background pushes of a working copy."""

from __future__ import annotations

import contextlib
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from csgrepo.cli import job_view, options
from csgrepo.cli.command import group
from csgrepo.cli.exit_codes import FAILURE
from csgrepo.cli.output import note, print_json, say
from csgrepo.cli.table import print_facts
from csgrepo.errors import CommandFailed, InvalidInput, NotARepository
from csgrepo.progress.label import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from csgrepo.jobs import Command, Job, Journal, Queue

__all__ = ["jobs"]

_LOOK_S = 0.2  # between two looks at a log that grows
_PIECE = 64 * 1024

_repo = click.argument("repo", default=".", type=click.Path(path_type=Path))
_number = click.argument("number", type=int)


@group(example="csgrepo jobs list")
def jobs() -> None:
    """See, resume, retry, cancel and await background pushes.

    REPO is a working copy; the one the current folder belongs to where not given. NUMBER is that
    of `csgrepo jobs list`.
    """


@jobs.command("list", example="csgrepo jobs list")
@_repo
@options.as_json
def list_jobs(*, repo: Path, as_json: bool) -> None:
    """List all pushes, oldest first."""
    journal = _journal(repo)
    found = journal.jobs()
    if as_json:
        print_json([job_view.facts(job) for job in found])
        return
    job_view.print_jobs(found) if found else note("no background pushes")
    under_way = [job for job in found if not job.has_ended]
    for command in _commands(journal, under_way, repo)[:1]:  # what hinders one hinders all
        if hindrance := command.hindrance:
            say(printable(hindrance))


@jobs.command(example="csgrepo jobs show 3")
@_number
@_repo
@options.as_json
def show(*, number: int, repo: Path, as_json: bool) -> None:
    """Show one push: what it is to do, how far it is, what was said."""
    journal = _journal(repo)
    job = _job(journal, number)
    if as_json:
        print_json(job_view.facts(job))
        return
    (command,) = _commands(journal, [job], repo)
    print_facts(job_view.rows(job, journal, command))


@jobs.command(example="csgrepo jobs log 3 --follow")
@_number
@_repo
@click.option("--follow", is_flag=True, help="Go on until the push ends.")
@options.as_json
def log(*, number: int, repo: Path, follow: bool, as_json: bool) -> None:
    """Print what git, the server and csgrepo said while a push was carried out."""
    journal = _journal(repo)
    (command,) = _commands(journal, [_job(journal, number)], repo)
    if as_json:
        if follow:
            raise InvalidInput("--json and --follow do not go together: JSON is printed whole")
        said = {"id": number, "stdout": command.stdout, "stderr": command.stderr}
        print_json(said)
        return
    for piece in _pieces(journal, command, follow=follow):
        sys.stdout.buffer.write(piece)
        sys.stdout.flush()


@jobs.command(example="csgrepo jobs resume")
@_repo
@click.option("--number", "numbers", type=int, multiple=True, help="Only this push; repeatable.")
@options.as_json
def resume(*, repo: Path, numbers: tuple[int, ...], as_json: bool) -> None:
    """Carry out again what failed or was interrupted, and wait for it.

    Exits with 8 if a push fails again. Ctrl-C leaves the pushes going on in the background.
    """
    journal = _journal(repo)
    for number in numbers:
        _job(journal, number)  # an error where there is none of that number
    commands = _queue(repo).resume(numbers or None)
    if not commands:
        note("nothing to resume")
    _await(commands, as_json=as_json)


@jobs.command(example="csgrepo jobs retry 3")
@_number
@_repo
@options.as_json
def retry(*, number: int, repo: Path, as_json: bool) -> None:
    """Carry out one push again, even one that was cancelled or superseded, and wait for it.

    Exits with 8 if it fails again, and with 2 if it is done or goes on.
    """
    _await([_queue(repo).retry(number)], as_json=as_json)


@jobs.command(example="csgrepo jobs cancel 3")
@_number
@_repo
@options.as_json
def cancel(*, number: int, repo: Path, as_json: bool) -> int:
    """Stop one push, whether it waits or runs; what it has uploaded stays on the server.

    Exits with 2 if it had ended before, and with 1 if it was done before it could be stopped.
    """
    journal = _journal(repo)
    job = _job(journal, number)
    (command,) = _commands(journal, [job], repo)
    if not command.cancel():
        raise InvalidInput(f"push {number} is {job.state}; there is nothing to cancel")
    command.wait()
    job = _job(journal, number)
    if as_json:
        print_json(job_view.facts(job))
    elif job.state == "cancelled":
        note(
            "push {number} is cancelled; `csgrepo jobs retry {number}` takes it up again",
            number=number,
        )
    else:
        note("push {number} was {state} before it could be stopped", number=number, state=job.state)
    return 0 if job.state == "cancelled" else FAILURE


@jobs.command(example="csgrepo jobs wait --timeout 600")
@_repo
@click.option("--timeout", type=float, metavar="SECONDS", help="Wait no longer than this.")
@options.as_json
def wait(*, repo: Path, timeout: float | None, as_json: bool) -> None:
    """Wait until no push waits or runs.

    Exits with 8 if one of them fails, and with 1 if they have not ended in time.
    """
    journal = _journal(repo)
    under_way = journal.jobs("waiting", "running")
    _await(_commands(journal, under_way, repo), timeout, as_json=as_json, quiet=True)


def _await(
    commands: Sequence[Command],
    timeout: float | None = None,
    *,
    as_json: bool,
    quiet: bool = False,
) -> None:
    """Wait for pushes and show how they ended; JSON comes out even where one failed."""
    from csgrepo.cli.following import follow

    try:
        follow(commands, timeout)
    finally:
        if as_json:
            ended = [job for command in commands if (job := command.job)]
            print_json([job_view.facts(job) for job in ended])
    if not as_json and not quiet:
        for command in commands:
            click.echo(printable(str(command.receipt)))


def _pieces(journal: Journal, command: Command, *, follow: bool) -> Iterator[bytes]:
    with contextlib.ExitStack() as stack:
        stream = None
        while True:
            is_over = command.is_done or not follow  # asked first: then what follows is the rest
            if stream is None and journal.log_of(command.id).exists():
                stream = stack.enter_context(journal.log_of(command.id).open("rb"))
            while stream is not None and (piece := stream.read(_PIECE)):
                yield piece
            if is_over:
                return
            time.sleep(_LOOK_S)


def _job(journal: Journal, number: int) -> Job:
    job = journal.get(number)
    if job is None:
        raise InvalidInput(f"there is no push number {number} here; see `csgrepo jobs list`")
    return job


def _commands(journal: Journal, found: Sequence[Job], repo: Path) -> list[Command]:
    from csgrepo.jobs import Command

    return [Command(journal, job.id, str(repo)) for job in found]


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
