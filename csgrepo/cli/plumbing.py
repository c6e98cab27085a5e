"""The commands that git calls, and no person."""

from __future__ import annotations

import sys

import click

__all__ = ["git_credential", "lfs_filter", "lfs_pre_push"]


@click.command(hidden=True)
def lfs_filter() -> None:
    """Serve git as a long-running filter process (gitattributes(5), "filter.<driver>.process")."""
    from csgrepo.lfs import filter_process

    filter_process.main()


@click.command(hidden=True)
@click.argument("remote")
@click.argument("url")
def lfs_pre_push(*, remote: str, url: str) -> None:
    """Send LFS objects before git sends the commits that need them (githooks(5), "pre-push")."""
    from csgrepo.progress.bars import bars
    from csgrepo.repository import pre_push

    with bars():
        pre_push.main(remote, url, _lines())


@click.command(hidden=True)
@click.argument("operation")
def git_credential(*, operation: str) -> None:
    """Tell git user and token for a hub, and nothing for other places (gitcredentials(7)).

    Only "get" is answered: `csgrepo login` keeps tokens, `csgrepo logout` forgets them.
    """
    if operation != "get":
        return
    fields = dict(line.split("=", 1) for line in _lines() if "=" in line)
    for name, value in _login(fields).items():
        click.echo(f"{name}={value}")


def _login(asked: dict[str, str]) -> dict[str, str]:
    from csgrepo.config import settings
    from csgrepo.credentials import Credentials, account, read_own_token
    from csgrepo.http import origin

    url = f"{asked.get('protocol')}://{asked.get('host')}"
    if not url.startswith("http"):
        return {}
    if origin(url) in _places():
        credentials = Credentials(settings().endpoint)
    else:
        credentials = Credentials(url, read_own_token(url))
    token = credentials.token
    if token is None:
        return {}
    # The hub takes a token only from the user it belongs to.
    user = asked.get("username") or account(credentials).name
    return {"username": user, "password": token.reveal()}


def _places() -> set[tuple[str, str, int]]:
    """Return where the hub's pages are and where its git is: not always the same host."""
    from csgrepo.config import settings
    from csgrepo.http import origin
    from csgrepo.repo_id import RepoId

    endpoint = settings().endpoint
    return {origin(endpoint), origin(RepoId("any", "name").git_url(endpoint))}


def _lines() -> list[str]:
    """Return what git wrote; names in it need not be UTF-8, and may hold any other line break."""
    text = sys.stdin.buffer.read().decode("utf-8", "surrogateescape")
    return [line for line in text.split("\n") if line]
