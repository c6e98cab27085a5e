"""``csgrepo tag``: names for commits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from csgrepo.cli import options
from csgrepo.cli.command import group
from csgrepo.cli.consent import confirm
from csgrepo.cli.exit_codes import NOT_FOUND
from csgrepo.cli.output import note, print_json
from csgrepo.cli.table import print_table
from csgrepo.cli.words import tr
from csgrepo.cli.working_copy import Place, repo_dir

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["tag"]

_remote = click.option("--remote", metavar="NAME", help="Do it on this remote, too.")


@group(example=["csgrepo tag add v1 --remote origin", "csgrepo tag list"])
def tag() -> None:
    """List, add and delete tags."""


@tag.command("list", example="csgrepo tag list")
@repo_dir
@options.as_json
def list_tags(*, repo_dir: Path, as_json: bool) -> None:
    """List the tags of the working copy."""
    from csgrepo.repository import tags

    found = tags.listed(Place.at(repo_dir).tree)
    if as_json:
        print_json(found)
    elif found:
        rows = [(each.name, each.commit[:10], each.message) for each in found]
        print_table(["TAG", "COMMIT", "MESSAGE"], rows)
    else:
        note("there are no tags")


@tag.command("add", example=["csgrepo tag add v1", "csgrepo tag add v1 -m 'First' --remote origin"])
@click.argument("name")
@click.option("-m", "--message", help="What the tag says.")
@_remote
@repo_dir
@options.token
@options.as_json
def add_tag(
    *,
    name: str,
    message: str | None,
    remote: str | None,
    repo_dir: Path,
    token: str | None,
    as_json: bool,
) -> None:
    """Tag the commit that is checked out."""
    with Place.at(repo_dir).opened(token=token) as repo:
        repo.add_tag(name, message, remote)
        commit = repo.git_head_hash()
    if as_json:
        print_json({"name": name, "commit": commit, "remote": remote})
        return
    click.echo(tr("{name} is {commit}", name=name, commit=commit[:10]))


@tag.command("delete", example="csgrepo tag delete v1 --remote origin")
@click.argument("name")
@_remote
@options.yes
@repo_dir
@options.token
@options.as_json
def delete_tag(
    *,
    name: str,
    remote: str | None,
    yes: bool,
    repo_dir: Path,
    token: str | None,
    as_json: bool,
) -> int:
    """Delete a tag here and, with --remote, there, which it asks about first.

    Ends with 4 if there is none of that name.
    """
    place = Place.at(repo_dir)
    if remote is not None:
        question = tr("delete the tag {name} on {remote}?", name=name, remote=remote)
        confirm(question, yes=yes)
    with place.opened(token=token) as repo:
        deleted = repo.delete_tag(name, remote)
    if as_json:
        print_json({"name": name, "remote": remote, "deleted": deleted})
    elif deleted:
        click.echo(tr("{name} is deleted", name=name))
    else:
        note("there is no tag {name}; see `csgrepo tag list`", name=name)
    return 0 if deleted else NOT_FOUND
