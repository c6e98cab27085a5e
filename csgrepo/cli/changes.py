"""``csgrepo status``, ``add``, ``commit`` and ``checkout``: what changed, and keeping it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from csgrepo.cli import options
from csgrepo.cli.command import command
from csgrepo.cli.output import note, print_json
from csgrepo.cli.words import tr
from csgrepo.cli.working_copy import Place, repo_dir
from csgrepo.cli.working_copy import quiet as quiet_option

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from csgrepo.repository.overview import Change

__all__ = ["add", "checkout", "commit", "status"]


@command(example=["csgrepo status", "csgrepo status -C models/bert --json"])
@repo_dir
@options.as_json
def status(*, repo_dir: Path, as_json: bool) -> None:
    """Show what is to be added, committed, fetched and pushed.

    Only looks: nothing is staged, fetched or sent.
    """
    from csgrepo.cli import status_view
    from csgrepo.config import settings
    from csgrepo.repository import overview

    place = Place.at(repo_dir)
    found = overview.look(place.tree, settings().large_file_bytes)
    if as_json:
        print_json(found)
        return
    for line in status_view.lines(found, place):
        click.echo(line)


@command(example=["csgrepo add", "csgrepo add weights '*.json'", "csgrepo add --no-track notes"])
@click.argument("paths", nargs=-1)
@click.option("--no-track", is_flag=True, help="Leave large and binary files out of LFS.")
@repo_dir
@quiet_option
@options.as_json
def add(
    *, paths: tuple[str, ...], no_track: bool, repo_dir: Path, quiet: bool, as_json: bool
) -> None:
    """Stage what is new, changed or deleted, large and binary files in LFS.

    PATHS are files, folders and patterns; all of the current folder where none is given. A pattern
    in quotes is matched by git, in all folders below.
    """
    from csgrepo.repository import overview

    place = Place.at(repo_dir)
    with place.opened(quiet=quiet) as repo:
        before = repo.lfs_patterns()
        for path in paths or (".",):
            repo.git_add(place.path(path), auto_lfs_track=not no_track)
        tracked = [pattern for pattern in repo.lfs_patterns() if pattern not in before]
    staged = overview.staged(place.tree)
    if as_json:
        print_json({"staged": staged, "tracked": tracked})
        return
    click.echo(tr("staged {what}", what=_counted(staged)))
    if tracked:
        note("in LFS from now on: {patterns}", patterns=", ".join(tracked))


@command(example=["csgrepo commit -m 'Epoch 3'", "csgrepo commit -a -m 'Final weights'"])
@click.option("-m", "--message", required=True, help="What the commit says.")
@click.option("-a", "--all", "everything", is_flag=True, help="Add everything first.")
@repo_dir
@quiet_option
@options.as_json
def commit(*, message: str, everything: bool, repo_dir: Path, quiet: bool, as_json: bool) -> None:
    """Commit what is staged."""
    from csgrepo.repository import overview

    place = Place.at(repo_dir)
    with place.opened(quiet=quiet) as repo:
        if everything:
            repo.git_add(auto_lfs_track=True)
        staged = overview.staged(place.tree)
        repo.git_commit(message)
        branch, made = repo.current_branch, repo.git_head_hash()
    if as_json:
        print_json({"branch": branch, "commit": made, "message": message, "files": staged})
        return
    what = _counted(staged)
    click.echo(tr("{branch} is at {commit}: {what}", branch=branch, commit=made[:10], what=what))


@command(example=["csgrepo checkout v1", "csgrepo checkout -b experiment"])
@click.argument("revision")
@click.option("-b", "--create", is_flag=True, help="Start a branch of that name if there is none.")
@repo_dir
@quiet_option
@options.as_json
def checkout(*, revision: str, create: bool, repo_dir: Path, quiet: bool, as_json: bool) -> None:
    """Check out a branch, a tag or a commit.

    The content of large files is fetched, too.
    """
    place = Place.at(repo_dir)
    with place.opened(quiet=quiet) as repo:
        repo.git_checkout(revision, create_branch_ok=create)
    ref, oid = place.tree.refs.head_ref(), place.tree.refs.oid()
    branch = ref.removeprefix("refs/heads/") if ref else None
    if as_json:
        print_json({"branch": branch, "commit": oid})
        return
    at = oid[:10] if oid else tr("nothing yet")
    click.echo(tr("{branch} is at {commit}", branch=branch or tr("no branch"), commit=at))


def _counted(changes: Sequence[Change]) -> str:
    """Return how many files, and how much of them is in LFS."""
    from csgrepo.progress.label import size

    large = [change for change in changes if change.lfs]
    if not large:
        return tr("files: {count}", count=len(changes))
    return tr(
        "files: {count}, in LFS: {large} ({size})",
        count=len(changes),
        large=len(large),
        size=size(sum(change.size for change in large)),
    )
