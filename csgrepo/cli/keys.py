"""``csgrepo keys`` and ``csgrepo tokens``: what the account is known by."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import click

from csgrepo.cli import options
from csgrepo.cli.asking import hub_api
from csgrepo.cli.command import group
from csgrepo.cli.consent import confirm
from csgrepo.cli.output import note, plain, print_json
from csgrepo.cli.words import tr

if TYPE_CHECKING:
    from csgrepo.hub import AccessToken

__all__ = ["keys", "tokens"]

_name = click.argument("name")


@group(example="csgrepo keys add laptop ~/.ssh/id_ed25519.pub")
def keys() -> None:
    """List, add and delete your SSH keys on the hub."""


@keys.command("list", example="csgrepo keys list")
@options.endpoint
@options.token
@options.as_json
def list_keys(*, endpoint: str | None, token: str | None, as_json: bool) -> None:
    """List your SSH keys."""
    with hub_api(endpoint, token) as api:
        found = list(api.list_ssh_keys())
    if as_json:
        print_json(found)
    elif not found:
        note("no SSH keys")
    else:
        from csgrepo.cli.repo_view import day
        from csgrepo.cli.table import print_table

        rows = [[key.name, key.fingerprint, day(key.created_at)] for key in found]
        print_table(["NAME", "FINGERPRINT", "ADDED"], rows)


@keys.command(example="csgrepo keys add laptop ~/.ssh/id_ed25519.pub")
@_name
@click.argument("key", metavar="FILE", type=click.Path())
@options.endpoint
@options.token
@options.as_json
def add(*, name: str, key: str, endpoint: str | None, token: str | None, as_json: bool) -> None:
    """Add the public key in FILE; a private one is refused before anything is sent."""
    file = Path(key).expanduser()
    if not file.is_file() and " " not in key.strip():  # with blanks it is the key's own text
        raise click.UsageError(tr("{path} does not exist", path=key))
    with hub_api(endpoint, token) as api:
        made = api.add_ssh_key(name, file if file.is_file() else key)
    if as_json:
        print_json(made)
    note("added {name}", name=made.name)


@keys.command("delete", example="csgrepo keys delete laptop")
@_name
@options.yes
@options.endpoint
@options.token
@options.as_json
def delete_key(
    *, name: str, yes: bool, endpoint: str | None, token: str | None, as_json: bool
) -> None:
    """Delete an SSH key by its name."""
    confirm(tr("Delete the SSH key {name}?", name=name), yes=yes)
    with hub_api(endpoint, token) as api:
        api.delete_ssh_key(name)
    if as_json:
        print_json({"name": name})
    note("deleted {name}", name=name)


@group(example="csgrepo tokens create ci --days 30")
def tokens() -> None:
    """List, make, renew and revoke your access tokens on the hub."""


@tokens.command("list", example="csgrepo tokens list")
@options.endpoint
@options.token
@options.as_json
def list_tokens(*, endpoint: str | None, token: str | None, as_json: bool) -> None:
    """List your access tokens, without their values."""
    with hub_api(endpoint, token) as api:
        found = api.list_access_tokens()
    if as_json:
        print_json([_facts(each) for each in found])
    else:
        from csgrepo.cli.repo_view import day
        from csgrepo.cli.table import print_table

        rows = [[t.name, day(t.created_at), day(t.expires_at) or tr("never")] for t in found]
        print_table(["NAME", "MADE", "ENDS"], rows)


@tokens.command(example="csgrepo tokens create ci --days 30")
@_name
@click.option("--days", type=click.IntRange(1, 36500), help="It ends then; never where not given.")
@options.endpoint
@options.token
@options.as_json
def create(
    *, name: str, days: int | None, endpoint: str | None, token: str | None, as_json: bool
) -> None:
    """Make an access token and print it; some hubs do not show it again."""
    expires_at = datetime.now(timezone.utc) + timedelta(days=days) if days else None
    with hub_api(endpoint, token) as api:
        _show(api.create_access_token(name, expires_at=expires_at), as_json=as_json)


@tokens.command(example="csgrepo tokens renew ci")
@_name
@options.endpoint
@options.token
@options.as_json
def renew(*, name: str, endpoint: str | None, token: str | None, as_json: bool) -> None:
    """Give an access token a new value and print it; the old one is worthless at once."""
    with hub_api(endpoint, token) as api:
        _show(api.rotate_access_token(name), as_json=as_json)


@tokens.command(example="csgrepo tokens revoke ci")
@_name
@options.yes
@options.endpoint
@options.token
@options.as_json
def revoke(*, name: str, yes: bool, endpoint: str | None, token: str | None, as_json: bool) -> None:
    """Make an access token worthless."""
    confirm(tr("Revoke the access token {name}?", name=name), yes=yes)
    with hub_api(endpoint, token) as api:
        api.delete_access_token(name)
    if as_json:
        print_json({"name": name})
    note("revoked {name}", name=name)


def _show(made: AccessToken, *, as_json: bool) -> None:
    """Print a new token's value: the one thing that the user asked for."""
    value = made.token.reveal()
    print_json({**_facts(made), "token": value}) if as_json else click.echo(value)


def _facts(token: AccessToken) -> dict[str, object]:
    names = ("name", "application", "expires_at", "created_at", "last_used_at")
    return {name: plain(getattr(token, name)) for name in names}
