"""The command ``csgrepo`` itself."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from csgrepo._version import __version__
from csgrepo.cli.account import login, logout, whoami
from csgrepo.cli.cache import cache
from csgrepo.cli.demo import demo
from csgrepo.cli.exit_codes import PIPE_CLOSED
from csgrepo.cli.hub import hub
from csgrepo.cli.jobs import jobs
from csgrepo.cli.large_files import lfs_enable_largefiles, lfs_multipart_upload
from csgrepo.cli.plumbing import git_credential, lfs_filter, lfs_pre_push

__all__ = ["csgrepo"]


class _Root(click.Group):
    """A group that ends quietly when nobody reads on, as in ``csgrepo jobs list | head``."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            # What is still buffered is flushed at exit, and would complain once more.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise click.exceptions.Exit(PIPE_CLOSED) from error


@click.group(cls=_Root, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="csgrepo %(version)s")
def csgrepo() -> None:
    """Keep models and datasets in Git: clone, track large files, commit and push."""


for _command in (
    cache,
    demo,
    git_credential,
    hub,
    jobs,
    lfs_enable_largefiles,
    lfs_filter,
    lfs_multipart_upload,
    lfs_pre_push,
    login,
    logout,
    whoami,
):
    csgrepo.add_command(_command)
