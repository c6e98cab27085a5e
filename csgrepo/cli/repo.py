"""``csgrepo repo``: repositories on the hub, made, shown, listed, changed and deleted."""

from __future__ import annotations

import itertools
import sys
from typing import TYPE_CHECKING, Any

import click

from csgrepo.cli import options
from csgrepo.cli.asking import hub_api
from csgrepo.cli.command import group
from csgrepo.cli.consent import confirm
from csgrepo.cli.output import note, print_json
from csgrepo.cli.words import tr

if TYPE_CHECKING:
    from csgrepo.hub import RepoInfo, SpaceSettings

__all__ = ["repo"]

SORTS = ("trending", "recently_update", "most_download", "most_favorite", "most_star")

_repo_id = click.argument("repo_id", metavar="REPO")
_description = click.option("--description", metavar="TEXT", help="Up to 999 characters.")
_nickname = click.option("--nickname", metavar="TEXT", help="The name to be shown.")


@group(example="csgrepo repo create my-model --private")
def repo() -> None:
    """Make, show, list, change and delete repositories on the hub.

    REPO is namespace/name, or a name for one of your own.
    """


@repo.command(
    example=[
        "csgrepo repo create my-model --private",
        "csgrepo repo create lab/reviews --type dataset --exist-ok",
    ]
)
@click.argument("repo_id", metavar="REPO", required=False)
@options.repo_type
@click.option("--organization", metavar="NAME", help="Whose it is to be; yours by default.")
@click.option("--private", is_flag=True, help="Only those who may write can read it.")
@click.option("--exist-ok", is_flag=True, help="Take one that exists for success, as it is.")
@_nickname
@_description
@click.option("--license", metavar="NAME", help="Such as apache-2.0.")
@click.option("--default-branch", metavar="NAME", help="main where not given.")
@click.option("--space-sdk", "--space_sdk", metavar="NAME", help="What a space runs with.")
@click.option("--resource-id", type=int, metavar="ID", help="The hardware a space runs on.")
@click.option("--cluster-id", metavar="ID", help="The cluster that has it.")
@options.yes
@options.endpoint
@options.token
@options.as_json
def create(
    *,
    repo_id: str | None,
    repo_type: str,
    organization: str | None,
    space_sdk: str | None,
    resource_id: int | None,
    cluster_id: str | None,
    yes: bool,
    endpoint: str | None,
    token: str | None,
    as_json: bool,
    **settings: Any,
) -> None:
    """Make a repository and print the address of its page.

    On a terminal a name that is missing is asked for, unless --yes was given.
    """
    repo_id = repo_id or _asked(yes=yes)
    if organization:
        repo_id = f"{organization}/{repo_id}"
    with hub_api(endpoint, token) as api:
        space = _space(space_sdk, resource_id, cluster_id)
        url = api.create_repo(repo_id, repo_type=repo_type, space=space, **settings)
    if as_json:
        print_json({"id": url.repo_id, "repo_type": url.repo_type, "url": url.url})
    else:
        click.echo(url.url)
    note("clone it with: {command}", command=f"git clone {url.clone_url}")


def _asked(*, yes: bool) -> str:
    if yes or not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise click.UsageError(tr("missing: {name}", name="REPO"))
    return str(click.prompt(tr("Name of the repository"), err=True)).strip()


def _space(sdk: str | None, resource: int | None, cluster: str | None) -> SpaceSettings | None:
    if sdk is None and resource is None and cluster is None:
        return None
    if sdk is None or resource is None or cluster is None:
        raise click.UsageError(
            tr("a space needs --space-sdk, --resource-id and --cluster-id together")
        )
    from csgrepo.hub import SpaceSettings

    return SpaceSettings(sdk=sdk, resource_id=resource, cluster_id=cluster)


@repo.command(
    example=["csgrepo repo delete wanda/old-model", "csgrepo repo delete old --type dataset --yes"]
)
@_repo_id
@options.repo_type
@click.option("--missing-ok", is_flag=True, help="Take it for success that there is none.")
@options.yes
@options.endpoint
@options.token
@options.as_json
def delete(
    *,
    repo_id: str,
    repo_type: str,
    missing_ok: bool,
    yes: bool,
    endpoint: str | None,
    token: str | None,
    as_json: bool,
) -> None:
    """Delete a repository, its history and its large files, for good."""
    from csgrepo.cli.likely_repos import suggesting

    with hub_api(endpoint, token) as api, suggesting(api, repo_id, repo_type):
        was_there = not missing_ok or api.repo_exists(repo_id, repo_type=repo_type)
        if not yes and not missing_ok:
            api.repo_info(repo_id, repo_type=repo_type)  # no question about what is not there
        question = tr(
            "Delete the {type} {name} and all it holds, for good?", type=repo_type, name=repo_id
        )
        confirm(question, yes=yes)
        api.delete_repo(repo_id, repo_type=repo_type, missing_ok=missing_ok)
    if as_json:
        print_json({"id": repo_id, "repo_type": repo_type})
    if was_there:
        note("deleted {name}", name=repo_id)
    else:
        note("there was no {type} {name}", type=repo_type, name=repo_id)


@repo.command(
    example=["csgrepo repo info wanda/bert", "csgrepo repo info wanda/bert -r v1 --files"]
)
@_repo_id
@options.repo_type
@options.revision
@click.option("--files", is_flag=True, help="List its files too, with sizes and digests.")
@options.endpoint
@options.token
@options.as_json
def info(
    *,
    repo_id: str,
    repo_type: str,
    revision: str | None,
    files: bool,
    endpoint: str | None,
    token: str | None,
    as_json: bool,
) -> None:
    """Show what the hub knows about a repository."""
    from csgrepo.cli.likely_repos import suggesting

    with hub_api(endpoint, token) as api, suggesting(api, repo_id, repo_type):
        found = api.repo_info(repo_id, repo_type=repo_type, revision=revision, files_metadata=files)
    if as_json:
        print_json(found)
        return
    from csgrepo.cli.repo_view import print_info

    print_info(found)


@repo.command(
    "list",
    example=[
        "csgrepo repo list",
        "csgrepo repo list --type dataset --user wanda",
        "csgrepo repo list --all --search bert --limit 20",
    ],
)
@options.repo_type
@options.user
@click.option("--organization", metavar="NAME", help="Those of an organization.")
@click.option("--all", "everyone", is_flag=True, help="Everyone's that you may read.")
@click.option("--search", metavar="TEXT", help="Only those that have this in name or text.")
@click.option("--sort", type=click.Choice(SORTS), help="In which order.")
@options.limit
@options.endpoint
@options.token
@options.as_json
def list_(
    *,
    repo_type: str,
    user: str | None,
    organization: str | None,
    everyone: bool,
    search: str | None,
    sort: Any,
    limit: int | None,
    endpoint: str | None,
    token: str | None,
    as_json: bool,
) -> None:
    """List repositories: yours, a user's, an organization's or everyone's."""
    if sum(map(bool, (user, organization, everyone))) > 1:
        raise click.UsageError(tr("--user, --organization and --all: name one of them"))
    with hub_api(endpoint, token) as api:
        author = user if user or organization or everyone else api.whoami().name
        found = api.list_repos(
            repo_type, author=author, organization=organization, search=search, sort=sort
        )
        listed = list(itertools.islice(found, limit))
        total = found.total
    _print_list(listed, as_json=as_json)
    if total is not None and total > len(listed):
        note("{shown} of {total} shown; see --limit", shown=len(listed), total=total)


def _print_list(listed: list[RepoInfo], *, as_json: bool) -> None:
    if as_json:
        print_json(listed)
        return
    if not listed:
        note("no repositories")
        return
    from csgrepo.cli.repo_view import print_repos

    print_repos(listed)


@repo.command(
    example=[
        "csgrepo repo settings wanda/bert --private",
        "csgrepo repo settings wanda/bert --description 'BERT for reviews'",
    ]
)
@_repo_id
@options.repo_type
@click.option("--private/--public", default=None, help="Whether only some may read it.")
@_description
@_nickname
@click.option("--default-branch", metavar="NAME", help="The branch that a clone checks out.")
@options.endpoint
@options.token
@options.as_json
def settings(
    *,
    repo_id: str,
    repo_type: str,
    endpoint: str | None,
    token: str | None,
    as_json: bool,
    **changes: Any,
) -> None:
    """Change a repository's settings; what is not named stays."""
    from csgrepo.cli.likely_repos import suggesting

    if all(value is None for value in changes.values()):
        raise click.UsageError(tr("say what to change, such as --private"))
    with hub_api(endpoint, token) as api, suggesting(api, repo_id, repo_type):
        api.update_repo_settings(repo_id, repo_type=repo_type, **changes)
        found = api.repo_info(repo_id, repo_type=repo_type)
    if as_json:
        print_json(found)
    note("changed {name}", name=found.id)
