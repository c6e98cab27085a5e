"""``csgrepo clone``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from csgrepo.cli import options
from csgrepo.cli.command import command
from csgrepo.cli.output import note, print_json
from csgrepo.cli.words import tr
from csgrepo.cli.working_copy import note_pointers, working
from csgrepo.cli.working_copy import quiet as quiet_option

if TYPE_CHECKING:
    from csgrepo.repository.overview import Overview

__all__ = ["clone"]


@command(
    example=[
        "csgrepo clone wanda/bert",
        "csgrepo clone wanda/reviews data/reviews -t dataset --revision v1",
        "csgrepo clone https://hub.example.com/models/wanda/bert.git --skip-lfs",
    ]
)
@click.argument("repo")
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@options.repo_type
@options.revision_or_new
@click.option("--skip-lfs", is_flag=True, help="Leave large files as pointers.")
@options.endpoint
@options.token
@quiet_option
@options.as_json
def clone(
    *,
    repo: str,
    folder: Path | None,
    repo_type: str,
    revision: str | None,
    skip_lfs: bool,
    endpoint: str | None,
    token: str | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Make a working copy of a repository.

    REPO is namespace/name on the hub, a URL, an SSH address or a path. FOLDER is named after it
    where not given. A folder with files joins the repository: its files become changes, nothing is
    overwritten. What was interrupted goes on when the same line is given again.
    """
    from csgrepo.repository import Repository

    folder = folder or _named_after(repo)
    had_files = folder.is_dir() and not (folder / ".git").exists() and any(folder.iterdir())
    with working(quiet=quiet):
        made = Repository(
            folder,
            clone_from=repo,
            repo_type=None if _names_its_type(repo) else repo_type,
            token=token or True,
            revision=revision,
            skip_lfs_files=skip_lfs,
            endpoint=endpoint,
            on_exit="detach",
            every_rank=True,  # whoever typed it means this process
        )
    found = made.status()
    url = made.git_remote_url()
    if as_json:
        print_json(_facts(found, url))
    else:
        _tell(found, folder, repo)
    if revision and found.branch == revision and not found.upstream:
        note("{name} is a new branch: there is nothing of that name to clone", name=revision)
    if had_files:
        note("the folder had files of its own; they are changes now, see `csgrepo status`")


def _named_after(repo: str) -> Path:
    name = re.split(r"[/\\:]", repo.rstrip("/\\"))[-1].removesuffix(".git")
    if not name or name in {".", ".."}:
        raise click.UsageError(tr("name the folder, too: {repo} does not tell it", repo=repo))
    return Path(name)


def _names_its_type(repo: str) -> bool:
    """Tell whether it is ``datasets/namespace/name`` or its like."""
    return repo.count("/") == 2 and "://" not in repo


def _facts(found: Overview, url: str) -> dict[str, object]:
    return {
        "folder": found.folder,
        "url": url,
        "branch": found.branch,
        "commit": found.commit,
        "pointers": [{"path": file.path, "size": file.size} for file in found.pointers],
    }


def _tell(found: Overview, folder: Path, repo: str) -> None:
    from csgrepo.progress.label import printable

    where = found.branch or tr("no branch")
    commit = found.commit[:10] if found.commit else tr("nothing yet")
    click.echo(
        tr(
            "{repo} is in {folder}: {branch} at {commit}",
            repo=printable(repo),
            folder=printable(str(folder)),
            branch=printable(where),
            commit=commit,
        )
    )
    note_pointers(found.pointers)
