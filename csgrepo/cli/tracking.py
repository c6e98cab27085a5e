"""``csgrepo track``, ``untrack`` and ``prune``: what is in LFS, and what of it is kept here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from csgrepo.cli import options
from csgrepo.cli.command import command
from csgrepo.cli.output import note, print_json
from csgrepo.cli.words import tr
from csgrepo.cli.working_copy import Place, repo_dir

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["prune", "track", "untrack"]


@command(
    example=["csgrepo track", "csgrepo track '*.bin' '*.pt'", "csgrepo track --filename 'w[1].bin'"]
)
@click.argument("patterns", nargs=-1)
@click.option("--filename", is_flag=True, help="Take special characters as part of a name.")
@repo_dir
@options.as_json
def track(*, patterns: tuple[str, ...], filename: bool, repo_dir: Path, as_json: bool) -> None:
    """Keep matching files in LFS from now on.

    Without patterns it lists what is kept there. The patterns are those of gitattributes(5), meant
    for the current folder and those below it. `csgrepo add` tracks large and binary files by
    itself.
    """
    place = Place.at(repo_dir)
    with place.opened() as repo:
        before = repo.lfs_patterns()
        if patterns:
            repo.lfs_track([place.attribute(p, filename=filename) for p in patterns], filename)
        after = repo.lfs_patterns()
    new = [pattern for pattern in after if pattern not in before]
    if as_json:
        print_json({"patterns": after, "changed": new})
    elif not patterns:
        for pattern in after:
            click.echo(_shown(pattern))
        if not after:
            note("nothing is kept in LFS")
    elif new:
        click.echo(tr("in LFS from now on: {patterns}", patterns=", ".join(map(_shown, new))))
    else:
        note("was in LFS before")


@command(example="csgrepo untrack '*.json'")
@click.argument("patterns", nargs=-1, required=True)
@repo_dir
@options.as_json
def untrack(*, patterns: tuple[str, ...], repo_dir: Path, as_json: bool) -> None:
    """Keep matching files in git itself from now on.

    Takes what track was given.
    """
    place = Place.at(repo_dir)
    with place.opened() as repo:
        before = repo.lfs_patterns()
        repo.lfs_untrack(
            [place.attribute(p, filename=name) for p in patterns for name in (False, True)]
        )
        after = repo.lfs_patterns()
    gone = [pattern for pattern in before if pattern not in after]
    if as_json:
        print_json({"patterns": after, "changed": gone})
    elif gone:
        shown = ", ".join(map(_shown, gone))
        click.echo(tr("in git itself from now on: {patterns}", patterns=shown))
    else:
        note("no such pattern; see `csgrepo track`")


@command(example=["csgrepo prune --dry-run", "csgrepo prune --recent"])
@click.option("--dry-run", is_flag=True, help="Only tell how much would go.")
@click.option(
    "--recent", is_flag=True, help="Also what branches and tags of the last seven days need."
)
@repo_dir
@options.token
@options.as_json
def prune(*, dry_run: bool, recent: bool, repo_dir: Path, token: str | None, as_json: bool) -> None:
    """Free disk: remove LFS objects that the server confirms to have.

    Those that are checked out stay.
    """
    from csgrepo.progress.label import size

    with Place.at(repo_dir).opened(token=token) as repo:
        freed = repo.lfs_prune(recent, dry_run=dry_run)
    if as_json:
        print_json({"bytes": freed, "dry_run": dry_run})
    elif dry_run:
        click.echo(tr("{size} would go", size=size(freed)))
    else:
        click.echo(tr("{size} set free", size=size(freed)))


def _shown(pattern: str) -> str:
    from csgrepo.progress.label import printable

    return printable(pattern)
