"""``csgrepo hub``: the embedded hub, for trying things out and for teams without a way out."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from csgrepo.cli import options
from csgrepo.cli.command import group
from csgrepo.cli.exit_codes import FAILURE, UNREACHABLE, UNSOUND
from csgrepo.cli.hub_accounts import ROOT, token, user
from csgrepo.cli.output import note, print_json, print_json_line, say
from csgrepo.cli.signals import ending_in_order, until_interrupted, wait_for_interrupt
from csgrepo.cli.table import print_facts
from csgrepo.cli.words import tr
from csgrepo.progress.label import printable, size

if TYPE_CHECKING:
    from csgrepo.server import Hub
    from csgrepo.server.operation.backup import Backup
    from csgrepo.server.operation.presence import Presence

__all__ = ["hub"]

_FILE = click.Path(dir_okay=False, path_type=Path)
_FOLDER = click.Path(path_type=Path)


@group(example="csgrepo hub serve --root my-hub --port 8080")
def hub() -> None:
    """Run a hub on this machine."""


hub.add_command(user)
hub.add_command(token)


@hub.command(example="csgrepo hub serve --root my-hub --port 8080")
@click.option("--root", type=ROOT, help="Where it keeps everything [default: a temporary folder].")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    metavar="NUMBER",
    default=0,
    help="The port [default: one that is free].",
)
@click.option("--url", help="The address that clients use, if it is another: that of a proxy.")
@click.option("--objects", help="Keep LFS objects in s3://BUCKET/PREFIX [default: in the folder].")
@click.option("--access-log", type=_FILE, help="A file for one JSON object a line per request.")
@click.option("--faults", is_flag=True, help="Let whoever has the admin token switch faults on.")
@options.as_json
def serve(
    *,
    root: Path | None,
    host: str,
    port: int,
    url: str | None,
    objects: str | None,
    access_log: Path | None,
    faults: bool,
    as_json: bool,
) -> None:
    """Serve until Ctrl-C.

    Prints its address on standard output once it answers. Without --root everything it keeps is
    removed when it ends. With a --host other than loopback the network can reach it; it speaks
    plain HTTP, so put a proxy with TLS in front and name that one's address with --url.

    With --objects the keys to the storage come from where Amazon's own programs look for them
    (AWS_ACCESS_KEY_ID and so on); for other storage add ?endpoint=https://HOST.
    """
    from csgrepo.server import Hub

    made = Hub(root, port, host, url=url, objects=objects, access_log=access_log, admin=faults)
    with ending_in_order(), made as running, until_interrupted():
        say(_directions(running))
        # Last: who reads it may send the signal to end at once.
        print_json_line({"url": running.url}) if as_json else click.echo(running.url)
        wait_for_interrupt()


def _directions(hub: Hub) -> str:
    """Say how each program finds the hub."""
    url, root = hub.url, shlex.quote(str(hub.root))
    text = f"""The hub keeps everything in {printable(str(hub.root))}. Ctrl-C stops it.
  in a browser      {url}
  make a user       csgrepo hub user add NAME --root {root}
                    (prints the TOKEN to use below)
  csgrepo           export CSGHUB_ENDPOINT={url} CSGHUB_TOKEN=TOKEN
  git               git clone {url}/models/NAME/REPOSITORY.git
                    (username NAME, password TOKEN)
  csghub-cli        export CSGHUB_DOMAIN={url} CSGHUB_TOKEN=TOKEN
  huggingface_hub   export HF_ENDPOINT={url}/hf HF_TOKEN=TOKEN HF_HUB_DISABLE_XET=1
  Prometheus        {url}/metrics"""
    if hub.admin_token:
        text += f"""
  faults            curl {url}/_admin/faults -H 'Authorization: Bearer {hub.admin_token}' \\
                      --data '{{"effect": "rate-limit", "path": "/NAME/REPOSITORY"}}'"""
    return text


@hub.command(example="csgrepo hub status --root my-hub")
@click.option("--root", type=ROOT, required=True, help="The hub's folder.")
@options.as_json
@click.pass_context
def status(context: click.Context, *, root: Path, as_json: bool) -> None:
    """Tell whether a hub serves a folder, where, and what it holds.

    Ends with 0 if one is running and answers, with 6 if it does not answer, with 1 if none is
    running.
    """
    from csgrepo.server.operation.presence import look

    found = look(root)
    print_json(found) if as_json else print_facts(_facts(root, found))
    if not found.answers:
        context.exit(UNREACHABLE if found.running else FAILURE)


def _facts(root: Path, found: Presence) -> list[tuple[str, object]]:
    held = found.inventory
    kinds = ", ".join(f"{count} {kind}" for kind, count in held.repositories.items() if count)
    return [
        (tr("folder"), root),
        (tr("hub"), _where(found)),
        (tr("users"), str(held.users)),
        (tr("organizations"), str(held.organizations)),
        (tr("repositories"), kinds or tr("none")),
        (tr("LFS objects"), f"{held.objects} ({size(held.object_bytes)})"),
    ]


def _where(found: Presence) -> str:
    if not found.running:
        return tr("not running")
    if found.answers:
        return tr("running at {url} (process {pid})", url=found.url, pid=found.pid)
    return tr(
        "running at {url} (process {pid}), but it does not answer", url=found.url, pid=found.pid
    )


@hub.command(example="csgrepo hub backup /mnt/backups/hub --root my-hub")
@click.argument("target", type=_FOLDER)
@click.option("--root", type=ROOT, required=True, help="The hub's folder.")
@options.as_json
@click.pass_context
def backup(context: click.Context, target: Path, *, root: Path, as_json: bool) -> None:
    """Copy a hub's folder to TARGET, whole and checked.

    The hub may be running meanwhile. `csgrepo hub serve --root TARGET` serves the copy. What is
    damaged or missing in the hub is named and left out of the copy; the exit code is 7 then.
    """
    from csgrepo.server.operation.backup import back_up

    made = back_up(root, target)
    if as_json:
        print_json(made)
    else:
        _tell(made)
    for problem in made.problems:
        note("csgrepo: not in the copy: {problem}", problem=printable(problem))
    if made.problems:
        context.exit(UNSOUND)


def _tell(made: Backup) -> None:
    text = tr(
        "{folder}: {repositories} repositories, {objects} LFS objects ({size})",
        folder=printable(str(made.folder)),
        repositories=made.repositories,
        objects=made.objects,
        size=size(made.object_bytes),
    )
    click.echo(text)
    if made.elsewhere:
        note("The objects in {place} stay there; the copy needs them too.", place=made.elsewhere)
