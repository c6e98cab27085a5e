"""``csgrepo login``, ``logout`` and ``whoami``."""

from __future__ import annotations

import sys

import click

from csgrepo.cli import options
from csgrepo.cli.command import command
from csgrepo.cli.output import note, print_json
from csgrepo.cli.words import tr
from csgrepo.config import settings

__all__ = ["login", "logout", "whoami"]


@command(
    example=[
        "csgrepo login",
        "csgrepo login --token-stdin < token.txt",
        "csgrepo login --endpoint https://hub.example.com --keyring",
    ]
)
@click.option(
    "-k",
    "-t",
    "--token",
    metavar="TOKEN",
    help="The access token; others on this machine may see it in `ps`.",
)
@click.option("--token-stdin", is_flag=True, help="Read the token from standard input.")
@click.option("--keyring", is_flag=True, help="Let the system's keyring hold it, not a file.")
@options.endpoint
@options.as_json
def login(
    *, token: str | None, token_stdin: bool, keyring: bool, endpoint: str | None, as_json: bool
) -> None:
    """Keep an access token for later sessions.

    Asks for it on a terminal, without showing it; elsewhere the first line of standard input is
    it. It is kept only if the hub knows it, for that hub alone, in a file that only you can read.
    """
    from csgrepo import hub

    if token and token_stdin:
        raise click.UsageError(tr("--token and --token-stdin: name one of them"))
    if token is None and not token_stdin and sys.stdin.isatty():
        token = click.prompt(tr("Access token"), hide_input=True, err=True)
    who = hub.login(token, endpoint=endpoint, from_stdin=token is None, keyring=keyring)
    if as_json:
        print_json(who)
    note("signed in as {name}", name=who.name)
    if settings().token:
        note("CSGHUB_TOKEN is set in the environment, and goes before the token that is kept")


@command(example="csgrepo logout")
@options.endpoint
@options.as_json
def logout(*, endpoint: str | None, as_json: bool) -> None:
    """Forget the token that login kept; it stays valid on the hub until revoked there."""
    from csgrepo import hub

    was_kept = hub.logout(endpoint=endpoint)
    if as_json:
        print_json({"was_kept": was_kept})
    note("signed out") if was_kept else note("no token was kept")
    if settings().token:
        note("CSGHUB_TOKEN is set in the environment, and goes on being used")


@command(example="csgrepo whoami")
@options.endpoint
@options.token
@options.as_json
def whoami(*, endpoint: str | None, token: str | None, as_json: bool) -> None:
    """Print the name of the account that the token belongs to."""
    from csgrepo import hub

    who = hub.whoami(token, endpoint=endpoint)
    print_json(who) if as_json else click.echo(who.name)
