"""What every command and group of this command line has in common.

Declare with `command` and `group` of this module, and give at least one ``example``, a line as it
is typed: ``@command(example="csgrepo whoami")``.

The docstring is the help: its first sentence stands in lists, each paragraph is translated by
itself. What a command says, it says with `words.tr`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from csgrepo.cli.help import HelpContext, option_row

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = [
    "Command",
    "Group",
    "command",
    "first_sentence",
    "group",
    "paint_nothing",
    "similar",
    "summary",
]


class _Common(click.Command):
    context_class = HelpContext

    def __init__(self, *args: Any, example: str | Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = (example,) if isinstance(example, str) else tuple(example)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Add what every command takes."""
        given = super().get_params(ctx)
        has_it = any("--no-color" in parameter.opts for parameter in given)
        return given if has_it else [*given, _NO_COLOR]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, in the user's language."""
        # Newer releases of click have a row for an argument too, which the usage shows already.
        options = [each for each in self.get_params(ctx) if isinstance(each, click.Option)]
        rows = [option_row(option, ctx) for option in options]
        with formatter.section("Options"):
            formatter.write_dl([row for row in rows if row])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples, as they are typed."""
        if self.examples:
            with formatter.section("Example" if len(self.examples) == 1 else "Examples"):
                for line in self.examples:
                    formatter.write(f"{' ' * formatter.current_indent}{line}\n")
        super().format_epilog(ctx, formatter)


class Command(_Common):
    """A command with an example or more.

    Args:
        example: a line as it is typed, or several.
    """


class Group(_Common, click.Group):
    """A group that suggests names for those that are mistyped."""

    command_class = Command
    group_class = type  # a group in a group is one of these too

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, then the options."""
        self.format_commands(ctx, formatter)
        _Common.format_options(self, ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, each with the first sentence of its help."""
        with formatter.section("Commands"):
            formatter.write_dl(self.rows(ctx))

    def rows(self, ctx: click.Context) -> list[tuple[str, str]]:
        """Return the commands to list, each with what it does."""
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        return [(name, summary(each)) for name, each in found if each and not each.hidden]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is meant, by its name with dashes or underscores."""
        from csgrepo.cli.words import tr

        name = args[0]
        known = self.get_command(ctx, name) or self.get_command(ctx, name.replace("_", "-"))
        if known or ctx.resilient_parsing or name.startswith("-"):
            return (known.name, known, args[1:]) if known else super().resolve_command(ctx, args)
        if close := similar(name, self.list_commands(ctx)):
            names = ", ".join(close)
            text = tr("no such command: {name}. Did you mean {names}?", name=name, names=names)
        else:
            text = tr("no such command: {name}", name=name)
        raise click.UsageError(text, ctx)


def paint_nothing(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    """Take colours away from what this command and those below it print."""
    if value:
        ctx.color = False


_NO_COLOR = click.Option(
    ["--no-color"], is_flag=True, expose_value=False, hidden=True, callback=paint_nothing
)


def summary(of: click.Command) -> str:
    """Return the first sentence of a command's help, in the user's language."""
    from csgrepo.cli.words import tr

    return tr(first_sentence(of.help or ""))


def first_sentence(text: str) -> str:
    """Return the first sentence of a help text, without its full stop."""
    first = " ".join(text.strip().split("\n\n")[0].split())
    return first.partition(". ")[0].removesuffix(".")


def similar(word: str, known: Sequence[str]) -> list[str]:
    """Return the known words that somebody may have meant, the closest first."""
    import difflib

    return difflib.get_close_matches(word, known, n=3, cutoff=0.6)


def command(name: str | None = None, **attributes: Any) -> Callable[[Callable[..., Any]], Command]:
    """Make a command of a function; see the module."""
    return click.command(name, cls=Command, **attributes)


def group(name: str | None = None, **attributes: Any) -> Callable[[Callable[..., Any]], Group]:
    """Make a group of a function; its own ``command`` adds to it."""
    return click.group(name, cls=Group, **attributes)
