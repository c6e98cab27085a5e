"""``csgrepo doctor`` and ``csgrepo env``: is all well, and what is here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from csgrepo.cli import options
from csgrepo.cli.command import command
from csgrepo.cli.output import print_json, say
from csgrepo.cli.words import tr
from csgrepo.progress.label import printable

if TYPE_CHECKING:
    from csgrepo.doctor import Report
    from csgrepo.doctor.codes import Severity

__all__ = ["doctor", "env"]

_COLOURS: dict[Severity, str] = {"error": "red", "warning": "yellow", "note": "cyan"}


@command(
    example=[
        "csgrepo doctor --need 20GB",
        "csgrepo doctor wanda/bert",
        "csgrepo doctor -t dataset wanda/reviews --json",
    ]
)
@click.argument("repo", required=False)
@options.repo_type
@click.option("--need", metavar="SIZE", help="What will be written here, such as 20GB.")
@click.option("--branch", metavar="NAME", help="The branch that will be pushed.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0.1),
    default=5.0,
    show_default=True,
    metavar="SECONDS",
    help="How long it may take.",
)
@options.endpoint
@options.token
@options.as_json
def doctor(
    *,
    repo: str | None,
    repo_type: str,
    need: str | None,
    branch: str | None,
    timeout: float,
    endpoint: str | None,
    token: str | None,
    as_json: bool,
) -> int:
    """Find what may keep a push from succeeding, before a run begins.

    REPO is a working copy, an id on the hub or an address; the working copy of the current folder
    where not given. Changes nothing, here or on the hub. Ends with 0 where there is no error, else
    with the exit code of the first.
    """
    from csgrepo.config import settings
    from csgrepo.doctor import examine, subject_of
    from csgrepo.repository.budget import parse_size

    hub = endpoint or settings().endpoint
    report = examine(
        subject_of(repo, hub, repo_type),
        endpoint=hub,
        token=token or True,
        need_bytes=parse_size(need) if need else 0,
        branch=branch,
        within_s=timeout,
    )
    if as_json:
        print_json(report.as_dict())
    else:
        _show(report)
    return report.exit_code


def _show(report: Report) -> None:
    from csgrepo.doctor import CODES

    for check in report.checks:
        if check.said:
            click.echo(f"{check.name:<13} {printable(check.said)}")
    words = {"error": tr("error"), "warning": tr("warning"), "note": tr("note")}
    for finding in report.findings:
        word = click.style(words[finding.severity], fg=_COLOURS[finding.severity], bold=True)
        click.echo(f"\n{word} {finding.code} {tr(CODES[finding.code].title)}")
        click.echo(f"    {printable(finding.message)}")
        if finding.remedy:
            click.echo("    " + tr("to mend it: {line}", line=printable(finding.remedy)))
    say(_summary(report))


def _summary(report: Report) -> str:
    of = [finding.severity for finding in report.findings]
    if not of:
        return tr("all is well, in {seconds} s", seconds=f"{report.seconds:.1f}")
    return tr(
        "errors: {errors}, warnings: {warnings}, notes: {notes}; in {seconds} s",
        errors=of.count("error"),
        warnings=of.count("warning"),
        notes=of.count("note"),
        seconds=f"{report.seconds:.1f}",
    )


@command(example="csgrepo env --json")
@options.as_json
def env(*, as_json: bool) -> None:
    """Show versions, folders and settings in force, fit for a bug report.

    There are no secrets among them.
    """
    from csgrepo.doctor.environment import environment

    facts = environment()
    if as_json:
        print_json(facts)
        return
    for group, entries in facts.items():
        if isinstance(entries, dict):
            click.echo(f"{group}:")
            for name, value in entries.items():
                click.echo(f"  {name:<17} {printable(_text(value))}")


def _text(value: object) -> str:
    if value is None:
        return "-"
    return str(value).lower() if isinstance(value, bool) else str(value)
