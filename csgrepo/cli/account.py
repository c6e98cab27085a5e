"""``csgrepo login``, ``logout`` and ``whoami``."""

from __future__ import annotations

import dataclasses
import json
import sys

import click

__all__ = ["login", "logout", "whoami"]


@click.command()
@click.option("--token", help="The access token; others on this machine may see it in `ps`.")
def login(*, token: str | None) -> None:
    """Keep an access token for later sessions.

    Asks for it on a terminal, without showing it; elsewhere the first line of standard input is
    it. It is kept only if the hub (CSGHUB_ENDPOINT) knows it, in a file that only you can read.
    """
    from csgrepo import hub

    if token is None and sys.stdin.isatty():
        token = click.prompt("Access token", hide_input=True, err=True)
    who = hub.login(token, from_stdin=token is None)
    click.echo(f"signed in as {who.name}", err=True)


@click.command()
def logout() -> None:
    """Forget the token that login kept; it stays valid on the hub until revoked there."""
    from csgrepo import hub

    click.echo("signed out" if hub.logout() else "no token was kept", err=True)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def whoami(*, as_json: bool) -> None:
    """Print the name of the account that the token belongs to."""
    from csgrepo import hub

    who = hub.whoami()
    click.echo(json.dumps(dataclasses.asdict(who), indent=2) if as_json else who.name)
