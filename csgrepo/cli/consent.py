"""Asking before what cannot be undone."""

from __future__ import annotations

import sys

import click

from csgrepo.cli.exit_codes import FAILURE
from csgrepo.cli.output import note
from csgrepo.cli.words import tr

__all__ = ["confirm"]


def confirm(question: str, *, yes: bool) -> None:
    """Go on only if the user agrees.

    Args:
        question: what is about to happen, translated, names and all.
        yes: whether ``--yes`` was given, so that nobody is asked.

    Raises:
        click.UsageError: there is no terminal to ask on; nothing was done.
        click.exceptions.Exit: the answer is no.
    """
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise click.UsageError(
            tr("there is no terminal to ask on, and this cannot be undone; say --yes")
        )
    click.echo(f"{question} [y/N] ", nl=False, err=True)
    if sys.stdin.readline().strip().lower() not in {"y", "yes", "是"}:
        note("nothing was done")
        raise click.exceptions.Exit(FAILURE)
