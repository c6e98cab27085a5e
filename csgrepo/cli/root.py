"""The command ``csgrepo`` itself: it finds the command that is meant, and loads no other."""

from __future__ import annotations

import contextlib
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

import click

from csgrepo._version import __version__
from csgrepo.cli.command import Group, paint_nothing
from csgrepo.cli.commands import ALIASES, HIDDEN, SECTIONS
from csgrepo.cli.exit_codes import PIPE_CLOSED
from csgrepo.cli.words import tr
from csgrepo.config import without_color

if TYPE_CHECKING:
    from collections.abc import Iterator

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

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        with _ended_by_its_reader():  # --help and --version print here
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        if without_color():
            ctx.color = False
        with _ended_by_its_reader():
            return super().invoke(ctx)


@contextlib.contextmanager
def _ended_by_its_reader() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError as error:
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
