"""``csgrepo demo``: the whole job on a hub of its own."""

from __future__ import annotations

import contextlib
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import click

from csgrepo.cli import options
from csgrepo.cli.command import command
from csgrepo.cli.output import print_json, say
from csgrepo.cli.signals import ending_in_order, until_interrupted, wait_for_interrupt
from csgrepo.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator

    from csgrepo.server import Hub

__all__ = ["demo"]

USER = "demo"
_PACKAGES = ("numpy", "safetensors", "starlette", "uvicorn")


@command(example="csgrepo demo --keep")
@click.option("--keep", is_flag=True, help="Leave the hub up afterwards, until Ctrl-C.")
@options.as_json
def demo(*, keep: bool, as_json: bool) -> None:
    """Train, save, push, clone, download and compare a model.

    It works on a hub of its own, which listens on a free port of this machine only. Everything is
    written to a temporary folder, which is removed at the end. Exits with 0 only if every byte
    came back.
    """
    _need_packages()
    from csgrepo.cli.trial import Trial

    with ending_in_order(), _hub() as (hub, token, folder):
        say(f"hub at {hub.url}, everything in {folder}")
        summary = Trial(hub.url, token, folder, say).run()
        print_json(summary) if as_json else click.echo(str(summary))
        if keep:
            with until_interrupted():
                _keep(hub, token, folder)
    say("the hub is stopped, its folder removed")


def _need_packages() -> None:
    missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise InvalidInput(
            f"the demo needs {', '.join(missing)}; install with: pip install 'csgrepo[demo]'"
        )


@contextlib.contextmanager
def _hub() -> Iterator[tuple[Hub, str, Path]]:
    import tempfile

    from csgrepo.server import Hub

    with tempfile.TemporaryDirectory(prefix="csgrepo-demo-") as name:
        folder = Path(name)
        with Hub(root=folder / "hub") as hub:
            yield hub, hub.add_user(USER), folder


def _keep(hub: Hub, token: str, folder: Path) -> None:
    from csgrepo.cli.trial import REPOSITORY
    from csgrepo.files import write_private

    path = folder / "token"
    write_private(path, f"{token}\n".encode())
    say(
        f"""
The hub stays up at {hub.url} until you press Ctrl-C; then its data goes too.
  its data     {folder / "hub"}
  clone it     git clone {hub.url}/models/{REPOSITORY}.git
  to push      the user name is {USER}, the password is the token in {path}
  csgrepo      export CSGHUB_ENDPOINT={hub.url} CSGHUB_TOKEN="$(cat {path})\""""
    )
    wait_for_interrupt()
