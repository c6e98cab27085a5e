"""What `csgrepo instances` and `csgrepo finetunes` have in common: both are things that run."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Literal

import click

from csgrepo.cli import options
from csgrepo.cli.asking import hub_api
from csgrepo.cli.command import similar
from csgrepo.cli.consent import confirm
from csgrepo.cli.exit_codes import NOT_FOUND
from csgrepo.cli.output import note, print_json, print_json_line
from csgrepo.cli.words import tr
from csgrepo.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from csgrepo.cli.command import Group
    from csgrepo.hub import HubApi, Instance, LogStream

__all__ = ["add_common", "found", "one", "print_instances", "print_log", "show_instance"]

Kind = Literal["instances", "finetunes"]


class NoneNamed(click.ClickException):
    """None of yours has that name."""

    exit_code = NOT_FOUND

    def __init__(self, name: str, kind: Kind, close: Sequence[str]) -> None:
        text = tr("you have none named {name} in `csgrepo {kind} list`", name=name, kind=kind)
        if close:
            text += "\n" + tr("Did you mean {names}?", names=", ".join(close))
        super().__init__(text)


SINCE = ("10mins", "30mins", "1hour", "6hours", "1day", "2days", "1week")

since = click.option("--since", type=click.Choice(SINCE), help="How far back to begin.")
lines = click.option(
    "--lines", type=click.IntRange(min=1), metavar="N", help="End after so many lines."
)


def one(function: Callable[..., Any]) -> Callable[..., Any]:
    """Take what names one of them: MODEL ID, or its name or number alone."""
    function = click.argument("number", metavar="ID", required=False)(function)
    return click.argument("model", metavar="[MODEL]")(function)


def found(api: HubApi, kind: Kind, model: str, number: str | None) -> Instance:
    """Return the one that is meant.

    Args:
        api: the hub.
        kind: what it is.
        model: the model it runs; or, alone, its own name or number among yours.
        number: the hub's number for it.

    Raises:
        InvalidInput: the number is none.
        NoneNamed: there is none of that name.
        NotFound: the model has none of that number.
    """
    calls = getattr(api, kind)
    if number is not None:
        if not number.isdecimal():
            raise InvalidInput(f"{number!r} is no ID; see `csgrepo {kind} list`")
        return _of(calls.get(model, int(number)))
    mine: list[Instance] = list(calls.list())
    for each in mine:
        if model in {each.name, str(each.id)}:
            return _of(calls.get(each.model_id, each.id))
    raise NoneNamed(model, kind, similar(model, [each.name for each in mine]))


def _of(instance: Instance) -> Instance:
    return instance


def add_common(group: Group, kind: Kind) -> None:
    """Add the commands that both have."""
    _add_lists(group, kind)
    _add_deeds(group, kind)

    @group.command(example=f"csgrepo {kind} logs wanda/bert 7 --since 10mins")
    @one
    @since
    @click.option("--replica", metavar="NAME", help="Only this copy; see show.")
    @lines
    @options.endpoint
    @options.token
    @options.as_json
    def logs(
        *,
        model: str,
        number: str | None,
        endpoint: str | None,
        token: str | None,
        as_json: bool,
        lines: int | None,
        since: Any,
        replica: str | None,
    ) -> None:
        """Print what its container says, as it says it, until Ctrl-C."""
        with hub_api(endpoint, token) as api:
            instance = found(api, kind, model, number)
            stream = getattr(api, kind).logs(instance, since=since, replica=replica)
            print_log(stream, lines, as_json=as_json)


def _add_lists(group: Group, kind: Kind) -> None:
    @group.command(example=f"csgrepo {kind} resources --type cpu --available")
    @click.option("--type", "resource_type", metavar="NAME", help="Such as cpu, gpu or npu.")
    @click.option("--available", is_flag=True, help="Only what is free.")
    @options.endpoint
    @options.token
    @options.as_json
    def resources(
        *,
        resource_type: str | None,
        available: bool,
        endpoint: str | None,
        token: str | None,
        as_json: bool,
    ) -> None:
        """List the hardware to choose from."""
        with hub_api(endpoint, token) as api:
            calls = getattr(api, kind)
            listed = list(calls.resources(resource_type=resource_type, available=available or None))
        if as_json:
            print_json(listed)
            return
        from csgrepo.cli.table import print_table

        free = [(tr("yes") if each.is_available else tr("no")) for each in listed]
        rows = [[r.id, r.name, r.type, f, r.price] for r, f in zip(listed, free, strict=True)]
        print_table(["ID", "NAME", "TYPE", "FREE", "PRICE"], rows)

    @group.command(example=f"csgrepo {kind} frameworks wanda/bert")
    @click.argument("model")
    @options.endpoint
    @options.token
    @options.as_json
    def frameworks(*, model: str, endpoint: str | None, token: str | None, as_json: bool) -> None:
        """List the software that can run a model."""
        with hub_api(endpoint, token) as api:
            listed = getattr(api, kind).frameworks(model)
        if as_json:
            print_json(listed)
            return
        from csgrepo.cli.table import print_table

        rows = [[each.id, each.name, each.version, each.compute_type] for each in listed]
        print_table(["ID", "NAME", "VERSION", "TYPE"], rows)


def _add_deeds(group: Group, kind: Kind) -> None:
    _add(group, kind, "show", _shown, "Show one as it is now.")
    _add(group, kind, "start", _started, "Start what was stopped.")
    _add(group, kind, "stop", _stopped, "Stop it; it costs nothing then, and start brings it back.")

    @group.command(example=f"csgrepo {kind} wait wanda/bert 7 --timeout 900")
    @one
    @click.option(
        "--timeout", type=float, default=600.0, show_default=True, help="Seconds to wait at most."
    )
    @options.endpoint
    @options.token
    @options.as_json
    def wait(
        *,
        model: str,
        number: str | None,
        timeout: float,
        endpoint: str | None,
        token: str | None,
        as_json: bool,
    ) -> None:
        """Wait until it runs.

        Exits with 6 if it does not in time, and with 1 if it is in a state that waiting does not
        mend.
        """
        with hub_api(endpoint, token) as api:
            calls = getattr(api, kind)
            instance = calls.wait_until_running(found(api, kind, model, number), timeout)
        show_instance(instance, as_json=as_json)

    @group.command(example=f"csgrepo {kind} delete wanda/bert 7")
    @one
    @options.yes
    @options.endpoint
    @options.token
    @options.as_json
    def delete(
        *,
        model: str,
        number: str | None,
        yes: bool,
        endpoint: str | None,
        token: str | None,
        as_json: bool,
    ) -> None:
        """Delete one, for good."""
        with hub_api(endpoint, token) as api:
            instance = found(api, kind, model, number)
            confirm(tr("Delete {name}, for good?", name=instance.name or instance.id), yes=yes)
            getattr(api, kind).delete(instance)
        if as_json:
            print_json({"id": instance.id, "name": instance.name, "model_id": instance.model_id})
        note("deleted {name}", name=instance.name or instance.id)


def _add(
    group: Group, kind: Kind, name: str, deed: Callable[[Any, Instance], Instance], text: str
) -> None:
    @group.command(name, help=text, example=f"csgrepo {kind} {name} wanda/bert 7")
    @one
    @options.endpoint
    @options.token
    @options.as_json
    def run(
        *, model: str, number: str | None, endpoint: str | None, token: str | None, as_json: bool
    ) -> None:
        with hub_api(endpoint, token) as api:
            instance = deed(getattr(api, kind), found(api, kind, model, number))
        show_instance(instance, as_json=as_json)


def _shown(_: Any, instance: Instance) -> Instance:
    return instance


def _started(calls: Any, instance: Instance) -> Instance:
    calls.start(instance)
    return _of(calls.get(instance.model_id, instance.id))


def _stopped(calls: Any, instance: Instance) -> Instance:
    calls.stop(instance)
    return _of(calls.get(instance.model_id, instance.id))


def show_instance(instance: Instance, *, as_json: bool) -> None:
    """Print one, a fact a line."""
    if as_json:
        print_json(instance)
        return
    from csgrepo.cli.repo_view import day
    from csgrepo.cli.table import print_facts

    copies = f"{instance.min_replica}-{instance.max_replica}" if instance.max_replica else ""
    facts = [
        (tr("name"), f"{instance.name} (ID {instance.id})"),
        (tr("model"), instance.model_id),
        (tr("state"), instance.status),
        (tr("why"), ": ".join(filter(None, (instance.reason, instance.message)))),
        (tr("address"), instance.endpoint),
        (tr("private"), tr("yes") if instance.private else tr("no")),
        (tr("task"), instance.task),
        (tr("framework"), instance.framework),
        (tr("copies"), copies),
        (tr("running copies"), ", ".join(instance.replicas)),
        (tr("made"), day(instance.created_at)),
    ]
    print_facts(facts)


def print_instances(listed: Iterable[Instance], limit: int | None, *, as_json: bool) -> None:
    """Print many, one a line."""
    some = list(itertools.islice(listed, limit))
    if as_json:
        print_json(some)
    elif not some:
        note("nothing runs there")
    else:
        from csgrepo.cli.table import print_table

        rows = [[each.id, each.name, each.model_id, each.status] for each in some]
        print_table(["ID", "NAME", "MODEL", "STATUS"], rows, paint=_painted)


def _painted(text: str) -> str:
    colors = {"Running": "green", "Sleeping": "cyan", "Stopped": "yellow"}
    if text in colors:
        return click.style(text, fg=colors[text])
    is_bad = text.endswith(("Failed", "Error", "Unhealthy"))
    return click.style(text, fg="red") if is_bad else text


def print_log(stream: LogStream, lines: int | None, *, as_json: bool) -> None:
    """Print lines as they come; Ctrl-C is how a person ends that."""
    from csgrepo.cli.signals import until_interrupted
    from csgrepo.progress.label import printable

    with stream, until_interrupted():
        for line in itertools.islice(stream, lines):
            print_json_line({"line": line}) if as_json else click.echo(printable(line))
