"""``csgrepo hub user`` and ``csgrepo hub token``: the accounts of a hub, in its folder.

Whoever may write to the folder may make accounts. The hub may be running meanwhile.
"""

from __future__ import annotations

import contextlib
import datetime
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from csgrepo.cli import options
from csgrepo.cli.command import group
from csgrepo.cli.output import note, print_json, print_json_line
from csgrepo.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator

    from csgrepo.server.accounts.users import User
    from csgrepo.server.records.database import Database

__all__ = ["ROOT", "token", "user"]

ROOT = click.Path(file_okay=False, path_type=Path)
_OF_HUB = click.option("--root", type=ROOT, required=True, help="The hub's folder.")


@group(example="csgrepo hub user add wanda --root my-hub")
def user() -> None:
    """Manage the accounts of a hub."""


@user.command(example="csgrepo hub user add wanda --root my-hub")
@click.argument("name")
@_OF_HUB
@click.option("--email", help="The account's address [default: NAME@localhost].")
@click.option(
    "--admin/--no-admin",
    default=None,
    help="Whether it may do everything everywhere [default: as it was; at first not].",
)
@options.as_json
def add(name: str, *, root: Path, email: str | None, admin: bool | None, as_json: bool) -> None:
    """Make an account and print its token, which cannot be shown again.

    For a name that exists another token is made. The hub may be running meanwhile.
    """
    from csgrepo.server.accounts.users import Accounts

    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _database(root) as database:
        accounts = Accounts(database)
        made = accounts.add_user(name, email)
        if admin is not None:
            accounts.set_admin(name, is_admin=admin)
    print_json({"user": name, "token": made}) if as_json else click.echo(made)


@group(example="csgrepo hub token list wanda --root my-hub")
def token() -> None:
    """Manage the access tokens of a hub's users."""


@contextlib.contextmanager
def _database(root: Path) -> Iterator[Database]:
    from csgrepo.server.records.database import DATABASE, Database

    with contextlib.closing(Database(root / DATABASE)) as database:
        yield database


@token.command(example="csgrepo hub token create wanda ci --days 30 --root my-hub")
@click.argument("username")
@click.argument("name")
@_OF_HUB
@click.option("--days", type=click.IntRange(1, 36500), help="It ends then [default: never].")
@options.as_json
def create(username: str, name: str, *, root: Path, days: int | None, as_json: bool) -> None:
    """Make a token named NAME for a user and print it; it cannot be shown again."""
    from csgrepo.server.accounts.tokens import Tokens

    expires_at = time.time() + days * 86400 if days else None
    with _existing(root) as database:
        made = Tokens(database).create(_user(database, username), name, expires_at=expires_at)
    print_json({"user": username, "name": name, "token": made}) if as_json else click.echo(made)


@token.command("list", example="csgrepo hub token list wanda --root my-hub")
@click.argument("username")
@_OF_HUB
@options.as_json
def list_(username: str, *, root: Path, as_json: bool) -> None:
    """List a user's tokens: name, first digits, when they were made and when they end."""
    from csgrepo.server.accounts.tokens import Tokens

    with _existing(root) as database:
        found = Tokens(database).of(_user(database, username))
    for item in found:
        if as_json:
            print_json_line(item)
            continue
        hint = f"{item.hint}..." if item.hint else "-"
        ends = _day(item.expires_at) if item.expires_at else "never"
        click.echo(f"{item.name}\t{hint}\tmade {_day(item.created_at)}\tends {ends}")


@token.command(example="csgrepo hub token revoke wanda ci --root my-hub")
@click.argument("username")
@click.argument("name")
@_OF_HUB
@options.as_json
def revoke(username: str, name: str, *, root: Path, as_json: bool) -> None:
    """Make the token named NAME worthless at once."""
    from csgrepo.server.accounts.tokens import Tokens

    with _existing(root) as database:
        Tokens(database).revoke(_user(database, username), name)
    if as_json:
        print_json({"user": username, "name": name})
    note("revoked {name}", name=name)


def _user(database: Database, name: str) -> User:
    from csgrepo.server.accounts.users import Accounts

    found = Accounts(database).user(name)
    if found is None:
        raise InvalidInput(f"the hub has no user {name!r}; `csgrepo hub user add` makes one")
    return found


@contextlib.contextmanager
def _existing(root: Path) -> Iterator[Database]:
    from csgrepo.server.records.database import DATABASE

    if not (root / DATABASE).is_file():
        raise InvalidInput(f"{root} is not a hub's folder: it has no {DATABASE}")
    with _database(root) as database:
        yield database


def _day(seconds: float) -> str:
    when = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return when.date().isoformat()
