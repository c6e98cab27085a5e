"""How repositories are shown to people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from csgrepo.cli.table import print_facts, print_table
from csgrepo.cli.words import tr
from csgrepo.progress.label import size

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from csgrepo.hub import RepoInfo

__all__ = ["day", "print_info", "print_repos"]


def print_repos(repos: Sequence[RepoInfo]) -> None:
    """Print one line for each."""
    print_table(
        ["NAME", "PRIVATE", "DOWNLOADS", "LIKES", "UPDATED"],
        [
            [repo.id, _yes(repo.private), repo.downloads, repo.likes, day(repo.updated_at)]
            for repo in repos
        ],
    )


def print_info(repo: RepoInfo) -> None:
    """Print what is known about one, a fact a line, its files after it."""
    facts = [
        (tr("name"), f"{repo.id} ({repo.repo_type})"),
        (tr("page"), repo.url.url),
        (tr("clone"), f"git clone {repo.clone_url}"),
        (tr("commit"), repo.sha),
        (tr("branch"), repo.default_branch),
        (tr("private"), _yes(repo.private)),
        (tr("shown as"), repo.nickname),
        (tr("description"), repo.description),
        (tr("license"), repo.license),
        (tr("tags"), ", ".join(repo.tags)),
        (tr("liked, downloaded"), f"{repo.likes}, {repo.downloads}"),
        (tr("updated"), day(repo.updated_at)),
    ]
    print_facts(facts)
    if repo.siblings is not None:
        click.echo()
        rows = [[file.path, size(file.size), "LFS" if file.lfs else ""] for file in repo.siblings]
        print_table(["FILE", "SIZE", ""], rows)


def day(moment: datetime | None) -> str:
    """Return a moment to the minute, in the user's own time."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M") if moment else ""


def _yes(flag: bool) -> str:
    return tr("yes") if flag else tr("no")
