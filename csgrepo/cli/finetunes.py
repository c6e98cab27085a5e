"""``csgrepo finetunes``: notebooks beside a model, and finetunings that run by themselves."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import click

from csgrepo.cli import options
from csgrepo.cli.asking import hub_api
from csgrepo.cli.command import group
from csgrepo.cli.consent import confirm
from csgrepo.cli.deploys import (
    add_common,
    lines,
    print_instances,
    print_log,
    show_instance,
    since,
)
from csgrepo.cli.output import note, print_json
from csgrepo.cli.words import tr

if TYPE_CHECKING:
    from csgrepo.hub import FinetuneJob

__all__ = ["finetunes"]

_number = click.argument("number", type=int, metavar="ID")
_resource = click.option(
    "--resource-id", type=int, required=True, help="The hardware; see resources."
)
_framework = click.option(
    "--framework-id", type=int, required=True, help="The software; see frameworks."
)
_organization = click.option(
    "--organization", metavar="NAME", help="Whose it is to be; yours by default."
)


@group(example="csgrepo finetunes list")
def finetunes() -> None:
    """Finetune models on the hub: in a notebook, or by a job that ends by itself.

    MODEL is namespace/name, ID the number in `csgrepo finetunes list`. The name or the number of
    one of yours alone will do.
    """


@finetunes.command(
    "list", example=["csgrepo finetunes list", "csgrepo finetunes list -u wanda --limit 50"]
)
@options.user
@click.option("--organization", metavar="NAME", help="Those of an organization.")
@options.limit
@options.endpoint
@options.token
@options.as_json
def list_(
    *,
    user: str | None,
    organization: str | None,
    limit: int | None,
    endpoint: str | None,
    token: str | None,
    as_json: bool,
) -> None:
    """List notebooks: yours or an organization's."""
    with hub_api(endpoint, token) as api:
        listed = api.finetunes.list(user=user, organization=organization)
        print_instances(listed, limit, as_json=as_json)


@finetunes.command(
    example="csgrepo finetunes create wanda/bert tune-1 --resource-id 1 --framework-id 2"
)
@click.argument("model")
@click.argument("name")
@_resource
@_framework
@options.revision
@_organization
@click.option("--wait", is_flag=True, help="Wait until it runs.")
@options.endpoint
@options.token
@options.as_json
def create(
    *,
    model: str,
    name: str,
    wait: bool,
    endpoint: str | None,
    token: str | None,
    as_json: bool,
    **settings: Any,
) -> None:
    """Open a notebook beside a model, and show what was made."""
    with hub_api(endpoint, token) as api:
        made = api.finetunes.create(model, name, **settings)
        if wait:
            made = api.finetunes.wait_until_running(made)
    show_instance(made, as_json=as_json)


add_common(finetunes, "finetunes")


@finetunes.group(example="csgrepo finetunes jobs list")
def jobs() -> None:
    """Finetune a model with a dataset, by a job that ends by itself.

    ID is the number in `csgrepo finetunes jobs list`.
    """


@jobs.command("list", example="csgrepo finetunes jobs list")
@click.option("--organization", metavar="NAME", help="Those of an organization.")
@options.limit
@options.endpoint
@options.token
@options.as_json
def list_jobs(
    *,
    organization: str | None,
    limit: int | None,
    endpoint: str | None,
    token: str | None,
    as_json: bool,
) -> None:
    """List finetune jobs: yours or an organization's."""
    with hub_api(endpoint, token) as api:
        listed = list(itertools.islice(api.finetunes.list_jobs(organization=organization), limit))
    if as_json:
        print_json(listed)
    elif not listed:
        note("no finetune jobs")
    else:
        from csgrepo.cli.table import print_table

        rows = [[each.id, each.name, ", ".join(each.repos), each.status] for each in listed]
        print_table(["ID", "NAME", "REPOSITORIES", "STATUS"], rows)


@jobs.command("show", example="csgrepo finetunes jobs show 7")
@_number
@options.endpoint
@options.token
@options.as_json
def show_job(*, number: int, endpoint: str | None, token: str | None, as_json: bool) -> None:
    """Show a finetune job as it is now."""
    with hub_api(endpoint, token) as api:
        job = api.finetunes.get_job(number)
    _show(job, as_json=as_json)


@jobs.command(
    "create",
    example=[
        "csgrepo finetunes jobs create reviews-1 --model wanda/bert --dataset wanda/reviews "
        "--resource-id 1 --framework-id 2"
    ],
)
@click.argument("name")
@click.option("--model", "model_id", required=True, metavar="REPO", help="What to finetune.")
@click.option("--dataset", "dataset_id", required=True, metavar="REPO", help="What it learns from.")
@_resource
@_framework
@click.option(
    "--method",
    type=click.Choice(["sft", "rlhf", "pt"]),
    default="sft",
    show_default=True,
    help="How it learns.",
)
@click.option("--epochs", type=int, default=1, show_default=True, help="How often it sees all.")
@click.option("--learning-rate", type=float, default=1e-4, show_default=True, help="Its steps.")
@click.option("--description", default="", metavar="TEXT", help="What it is for.")
@click.option("--custom-args", default="", metavar="TEXT", help="More for the framework.")
@_organization
@options.endpoint
@options.token
@options.as_json
def create_job(
    *, name: str, endpoint: str | None, token: str | None, as_json: bool, **settings: Any
) -> None:
    """Begin to finetune a model with a dataset, and show the job."""
    with hub_api(endpoint, token) as api:
        made = api.finetunes.create_job(name, **settings)
    _show(made, as_json=as_json)


@jobs.command("logs", example="csgrepo finetunes jobs logs 7")
@_number
@since
@lines
@options.endpoint
@options.token
@options.as_json
def job_logs(
    *,
    number: int,
    endpoint: str | None,
    token: str | None,
    as_json: bool,
    lines: int | None,
    since: Any,
) -> None:
    """Print what a finetune job says, as it says it, until Ctrl-C."""
    with hub_api(endpoint, token) as api:
        print_log(api.finetunes.job_logs(number, since=since), lines, as_json=as_json)


@jobs.command("delete", example="csgrepo finetunes jobs delete 7")
@_number
@options.yes
@options.endpoint
@options.token
@options.as_json
def delete_job(
    *, number: int, yes: bool, endpoint: str | None, token: str | None, as_json: bool
) -> None:
    """Delete a finetune job, which ends it."""
    confirm(tr("Delete the finetune job {name}, for good?", name=number), yes=yes)
    with hub_api(endpoint, token) as api:
        api.finetunes.delete_job(number)
    if as_json:
        print_json({"id": number})
    note("deleted {name}", name=number)


def _show(job: FinetuneJob, *, as_json: bool) -> None:
    if as_json:
        print_json(job)
        return
    from csgrepo.cli.repo_view import day
    from csgrepo.cli.table import print_facts

    facts = [
        (tr("name"), f"{job.name} (ID {job.id})"),
        (tr("state"), job.status),
        (tr("why"), job.reason),
        (tr("repositories"), ", ".join(job.repos)),
        (tr("hardware"), job.resource),
        (tr("made"), day(job.submitted_at)),
    ]
    print_facts(facts)
