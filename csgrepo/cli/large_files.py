"""The commands for files of more than 5 GB: one to type in a clone, one that git-lfs calls."""

from __future__ import annotations

from pathlib import Path

import click

from csgrepo.cli import options
from csgrepo.cli.command import command
from csgrepo.cli.output import note, print_json
from csgrepo.progress.label import printable

__all__ = ["lfs_enable_largefiles", "lfs_multipart_upload"]


@command(example="csgrepo lfs-enable-largefiles my-model")
@click.argument("path", type=click.Path(exists=True, file_okay=False, path_type=Path))
@options.as_json
def lfs_enable_largefiles(*, path: Path, as_json: bool) -> None:
    """Let git and git-lfs push files of more than 5 GB from the clone at PATH.

    Written to that clone's settings only. csgrepo's own pushes do not need it.
    """
    from csgrepo.repository import transfer_agent

    transfer_agent.enable(path)
    if as_json:
        print_json({"path": path.absolute()})
    note("git-lfs in {path} sends large files in parts from now on", path=printable(str(path)))


@click.command(hidden=True)
def lfs_multipart_upload() -> None:
    """Serve git-lfs as its transfer agent (git-lfs docs, "Adding Custom Transfer Agents").

    Written into a clone's settings by lfs-enable-largefiles; git-lfs starts it, nobody else.
    """
    from csgrepo.cli.signals import ending_at_once
    from csgrepo.repository import transfer_agent

    with ending_at_once():  # Ctrl-C that ends git-lfs comes here too, however silent the server is
        transfer_agent.main()
