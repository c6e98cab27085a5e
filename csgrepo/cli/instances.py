"""``csgrepo instances``: models at work on the hub."""

from __future__ import annotations

import click

from csgrepo.cli import options
from csgrepo.cli.asking import hub_api
from csgrepo.cli.command import group
from csgrepo.cli.deploys import add_common, found, one, print_instances, show_instance
from csgrepo.cli.output import note

__all__ = ["instances"]

_LEAST = click.option(
    "--min-replica", type=int, default=1, show_default=True, help="Copies that always run."
)
_MOST = click.option(
    "--max-replica", type=int, default=1, show_default=True, help="Copies that run at most."
)


@group(example="csgrepo instances list")
def instances() -> None:
    """Set models to work on the hub, and look after them.

    MODEL is namespace/name, ID the number in `csgrepo instances list`. The name or the number of
    one of yours alone will do.
    """


@instances.command(
    "list", example=["csgrepo instances list", "csgrepo instances list -u wanda --limit 50"]
)
@click.argument("model", required=False)
@options.user
@click.option("--organization", metavar="NAME", help="Those of an organization.")
@options.limit
@options.endpoint
@options.token
@options.as_json
def list_(
    *,
    model: str | None,
    user: str | None,
    organization: str | None,
    limit: int | None,
    endpoint: str | None,
    token: str | None,
    as_json: bool,
) -> None:
    """List instances: yours, a model's or an organization's."""
    with hub_api(endpoint, token) as api:
        listed = api.instances.list(model, user=user, organization=organization)
        print_instances(listed, limit, as_json=as_json)


@instances.command(
    example="csgrepo instances create wanda/bert bert-1 --resource-id 1 --framework-id 1 --wait"
)
@click.argument("model")
@click.argument("name")
@click.option("--resource-id", type=int, required=True, help="The hardware; see resources.")
@click.option("--framework-id", type=int, required=True, help="The software; see frameworks.")
@_LEAST
@_MOST
@options.revision
@click.option("--public", is_flag=True, help="Let everyone ask it.")
@click.option("--env", multiple=True, metavar="NAME=VALUE", help="For the container; repeatable.")
@click.option("--engine-arg", multiple=True, metavar="NAME=VALUE", help="For the framework.")
@click.option("--entrypoint", metavar="FILE", help="What to serve, where there are several.")
@click.option("--organization", metavar="NAME", help="Whose it is to be; yours by default.")
@click.option("--wait", is_flag=True, help="Wait until it runs.")
@options.endpoint
@options.token
@options.as_json
def create(
    *,
    model: str,
    name: str,
    resource_id: int,
    framework_id: int,
    min_replica: int,
    max_replica: int,
    revision: str | None,
    public: bool,
    env: tuple[str, ...],
    engine_arg: tuple[str, ...],
    entrypoint: str | None,
    organization: str | None,
    wait: bool,
    endpoint: str | None,
    token: str | None,
    as_json: bool,
) -> None:
    """Set a model to work, and show what was made."""
    with hub_api(endpoint, token) as api:
        made = api.instances.create(
            model,
            name,
            resource_id=resource_id,
            framework_id=framework_id,
            min_replica=min_replica,
            max_replica=max_replica,
            revision=revision,
            private=not public,
            env=_pairs(env, "--env"),
            engine_args=_pairs(engine_arg, "--engine-arg"),
            entrypoint=entrypoint,
            organization=organization,
        )
        if wait:
            made = api.instances.wait_until_running(made)
    show_instance(made, as_json=as_json)


@instances.command(example="csgrepo instances wake wanda/bert 7")
@one
@options.endpoint
@options.token
@options.as_json
def wake(
    *, model: str, number: str | None, endpoint: str | None, token: str | None, as_json: bool
) -> None:
    """Wake one that sleeps because nobody used it."""
    with hub_api(endpoint, token) as api:
        instance = found(api, "instances", model, number)
        api.instances.wake_up(instance)
        instance = api.instances.get(instance.model_id, instance.id)
    show_instance(instance, as_json=as_json)


@instances.command(example="csgrepo instances scale wanda/bert 7 --min-replica 0 --max-replica 3")
@one
@_LEAST
@_MOST
@options.endpoint
@options.token
@options.as_json
def scale(
    *,
    model: str,
    number: str | None,
    min_replica: int,
    max_replica: int,
    endpoint: str | None,
    token: str | None,
    as_json: bool,
) -> None:
    """Change how many copies run; the hub wants it stopped first."""
    with hub_api(endpoint, token) as api:
        instance = found(api, "instances", model, number)
        scaled = api.instances.scale(instance, min_replica=min_replica, max_replica=max_replica)
    show_instance(scaled, as_json=as_json)
    note(
        "start it with: {command}", command=f"csgrepo instances start {scaled.model_id} {scaled.id}"
    )


add_common(instances, "instances")


def _pairs(given: tuple[str, ...], option: str) -> dict[str, str] | None:
    for text in given:
        if "=" not in text:
            raise click.BadParameter(f"{text!r} has no '='; write NAME=VALUE", param_hint=option)
    return dict(text.split("=", 1) for text in given) or None
