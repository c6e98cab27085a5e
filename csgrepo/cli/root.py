"""The command ``csgrepo`` itself: it finds the command that is meant, and loads no other."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any, cast

import click

from csgrepo._version import __version__
from csgrepo.cli.command import Group, paint_nothing
from csgrepo.cli.commands import ALIASES, HIDDEN, SECTIONS
from csgrepo.cli.exit_codes import PIPE_CLOSED
from csgrepo.cli.words import tr
from csgrepo.config import without_color

__all__ = ["csgrepo"]


class _Root(Group):
    """A group that loads a command when it is called, and lists all without loading any.

    It ends quietly when nobody reads on, as in ``csgrepo jobs list | head``.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for commands in SECTIONS.values() for name in commands]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        name = ALIASES.get(cmd_name, cmd_name)
        places = {key: place for each in SECTIONS.values() for key, (place, _) in each.items()}
        place = places.get(name) or HIDDEN.get(name)
        if place is None:
            return None
        module = import_module(f"csgrepo.cli.{place}")
        return cast("click.Command", getattr(module, name.replace("-", "_")))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for section, commands in SECTIONS.items():
            with formatter.section(section):
                formatter.write_dl([(name, tr(text)) for name, (_, text) in commands.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        from click.shell_completion import CompletionItem

        if incomplete.startswith("-"):
            return click.Command.shell_complete(self, ctx, incomplete)
        return [
            CompletionItem(name, help=tr(text))
            for commands in SECTIONS.values()
            for name, (_, text) in commands.items()
            if name.startswith(incomplete)
        ]

    def invoke(self, ctx: click.Context) -> Any:
        if without_color():
            ctx.color = False
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            # What is still buffered is flushed at exit, and would complain once more.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise click.exceptions.Exit(PIPE_CLOSED) from error


@click.group(cls=_Root, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--no-color",
    is_flag=True,
    expose_value=False,
    callback=paint_nothing,
    help="Print without colours, as with NO_COLOR set.",
)
@click.version_option(__version__, "-V", "--version", message="csgrepo %(version)s")
def csgrepo() -> None:
    """Keep models and datasets in Git: clone, track large files, commit and push."""
