"""``csgrepo push``, ``pull`` and ``verify``: what goes to the remote and comes from it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import click

from csgrepo.cli import options
from csgrepo.cli.advice import in_commands
from csgrepo.cli.command import command
from csgrepo.cli.exit_codes import UNSOUND
from csgrepo.cli.output import note, print_json
from csgrepo.cli.words import tr
from csgrepo.cli.working_copy import Place, note_pointers, repo_dir
from csgrepo.cli.working_copy import quiet as quiet_option

if TYPE_CHECKING:
    from pathlib import Path

    from csgrepo.jobs import Command
    from csgrepo.repository.layout import WorkTree

__all__ = ["pull", "push", "verify"]


@command(
    example=[
        "csgrepo push",
        "csgrepo push origin experiment",
        "csgrepo push --no-wait --policy latest",
    ]
)
@click.argument("remote", required=False)
@click.argument("branch", required=False)
@click.option("--no-wait", is_flag=True, help="Leave it to a process of its own, and go on.")
@click.option(
    "--policy",
    type=click.Choice(["all", "latest"]),
    help="With --no-wait: whether this push takes the place of older ones that still wait.",
)
@click.option(
    "--prune", is_flag=True, help="Remove local LFS objects afterwards that are not checked out."
)
@repo_dir
@options.token
@quiet_option
@options.as_json
def push(
    *,
    remote: str | None,
    branch: str | None,
    no_wait: bool,
    policy: Any,
    prune: bool,
    repo_dir: Path,
    token: str | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Push the current branch, and have the remote confirm all of it.

    REMOTE and BRANCH are where to; what the branch follows where not given, and what it follows
    from then on. Ctrl-C leaves the remote as it was or as it is to be; what was sent is not sent
    again.
    """
    if policy and not no_wait:
        raise click.UsageError(tr("--policy is for pushes in the background; add --no-wait"))
    place = Place.at(repo_dir)
    with place.opened(token=token, quiet=quiet) as repo:
        here = repo.current_branch
        upstream = f"{remote} {branch or here}" if remote else None
        pushed: Any = repo.git_push(
            upstream, blocking=not no_wait, auto_lfs_prune=prune, policy=policy
        )
        commit = repo.git_head_hash()
    if no_wait:
        _tell_background(place, here, commit, *pushed, as_json=as_json)
    elif as_json:
        print_json({"branch": here, "commit": commit, "url": pushed, "job": None})
    else:
        click.echo(
            tr("{branch} at {commit} is pushed, and confirmed", branch=here, commit=commit[:10])
        )
        click.echo(pushed)


def _tell_background(
    place: Place, branch: str, commit: str, url: str, command: Command, *, as_json: bool
) -> None:
    from csgrepo.jobs import exits

    exits.forget(command)  # what there is to say of it is said here
    if as_json:
        print_json({"branch": branch, "commit": commit, "url": url, "job": command.id})
        return
    click.echo(
        tr(
            "push {number} goes on in the background: {branch} at {commit}",
            number=command.id,
            branch=branch,
            commit=commit[:10],
        )
    )
    folder = shlex.quote(str(place.root))
    note(
        "follow it with: csgrepo jobs log {number} {folder} --follow",
        number=command.id,
        folder=folder,
    )
    note("wait for it with: csgrepo jobs wait {folder}", folder=folder)


@command(example=["csgrepo pull", "csgrepo pull --rebase", "csgrepo pull --lfs"])
@click.option("--rebase", is_flag=True, help="Put own commits on top instead of merging.")
@click.option("--lfs", is_flag=True, help="Fetch the content of all files that are pointers, too.")
@repo_dir
@options.token
@quiet_option
@options.as_json
def pull(
    *, rebase: bool, lfs: bool, repo_dir: Path, token: str | None, quiet: bool, as_json: bool
) -> None:
    """Bring in what is new on the remote.

    The content of large files is fetched, too, unless the clone left it to the remote.
    """
    place = Place.at(repo_dir)
    with place.opened(token=token, quiet=quiet) as repo:
        before = place.tree.refs.oid()
        repo.git_pull(rebase=rebase, lfs=lfs)
        branch, after = repo.current_branch, repo.git_head_hash()
        left = repo.pointers()
    files = _count_changed(place.tree, before, after)
    if as_json:
        facts = {"branch": branch, "before": before, "after": after, "files": files}
        print_json({**facts, "pointers": len(left)})
        return
    if before == after:
        click.echo(tr("{branch} is at {commit}, as before", branch=branch, commit=after[:10]))
    else:
        click.echo(
            tr(
                "{branch} is at {commit}; files changed: {files}",
                branch=branch,
                commit=after[:10],
                files=files,
            )
        )
    note_pointers(left)


def _count_changed(tree: WorkTree, before: str | None, after: str) -> int:
    from csgrepo.git import parse

    if before is None:
        return len(tree.entries())
    listing = tree.git.run("diff-tree", "-r", "-z", "--name-only", "--no-renames", before, after)
    return len(parse.paths(listing.stdout))


@command(example=["csgrepo verify", "csgrepo verify --local"])
@click.option("--local", is_flag=True, help="Look at this working copy only; ask nobody.")
@repo_dir
@options.token
@options.as_json
def verify(*, local: bool, repo_dir: Path, token: str | None, as_json: bool) -> int:
    """Check that nothing is missing, here and on the remote.

    All large files are to be here, the commit and each of them on the remote. Ends with 7 if
    anything is missing.
    """
    from dataclasses import replace

    from csgrepo.progress.label import printable

    place = Place.at(repo_dir)
    with place.opened(token=token) as repo:
        found = repo.verify(remote=not local)
    found = replace(found, problems=tuple(map(in_commands, found.problems)))
    if as_json:
        print_json(found)
    elif found:
        facts = {"commit": found.commit[:10], "count": found.objects}
        click.echo(tr("{commit} is complete: {count} large files, nothing missing", **facts))
    else:
        for line in found.problems:
            click.echo(printable(line))
    return 0 if found else UNSOUND
