"""The options that several commands take, each declared once."""

from __future__ import annotations

import click

__all__ = [
    "as_json",
    "endpoint",
    "limit",
    "repo_type",
    "revision",
    "revision_or_new",
    "token",
    "user",
    "yes",
]

TYPES = ("model", "dataset", "space", "code", "mcp", "skill")


def _branches(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    from csgrepo.cli.completion import branches

    return branches(context, parameter, incomplete)


as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
endpoint = click.option(
    "-e",
    "--endpoint",
    metavar="URL",
    help="The hub's address; CSGHUB_ENDPOINT where not given.",
)
token = click.option(
    "-k",
    "--token",
    metavar="TOKEN",
    help="The access token, which others on this machine may see in `ps`; the environment's or "
    "the one that login kept where not given.",
)
repo_type = click.option(
    "-t",
    "--repo-type",
    "--repo_type",
    "--type",
    type=click.Choice(TYPES),
    default="model",
    show_default=True,
    help="What the repository holds.",
)
revision = click.option(
    "-r",
    "--revision",
    metavar="NAME",
    shell_complete=_branches,
    help="A branch, a tag or a commit.",
)
revision_or_new = click.option(
    "-r",
    "--revision",
    metavar="NAME",
    shell_complete=_branches,
    help="A branch, a tag or a commit; of a name that there is none of, a branch is begun.",
)
user = click.option("-u", "--user", "--username", metavar="NAME", help="Whose; yours by default.")
yes = click.option("-y", "--yes", is_flag=True, help="Do it without asking.")
limit = click.option(
    "--limit", type=click.IntRange(min=1), metavar="N", help="List so many at most."
)
