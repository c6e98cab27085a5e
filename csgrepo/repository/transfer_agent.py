"""What git-lfs starts for multipart transfers, with the remote and the token that belong to them.

See `csgrepo.lfs.agent` for the protocol. Where this clone's own settings and `login` know a token,
the agent can ask for fresh addresses; the transfers themselves need none.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from csgrepo import config
from csgrepo.errors import TransferError
from csgrepo.git.runner import Git, inherited_variables
from csgrepo.http import Http
from csgrepo.lfs import agent
from csgrepo.lfs.batch import HttpServer
from csgrepo.lfs.filter_process import store_here
from csgrepo.repository.access import Access
from csgrepo.repository.connection import Connection
from csgrepo.repository.layout import WorkTree

if TYPE_CHECKING:
    from csgrepo.credentials import Credentials
    from csgrepo.lfs.parts import Plan

__all__ = ["enable", "main"]


def enable(folder: Path) -> None:
    """Let stock git-lfs in this clone send files of more than 5 GB, in parts.

    Args:
        folder: the clone's root.

    Raises:
        NotARepository: it is none.
    """
    agent.install(WorkTree(folder).plain_git)


def main() -> None:
    """Serve the git-lfs that started this process."""
    credentials = _credentials()

    def renew(remote: str, plan: Plan) -> Plan:
        return _renewed(credentials, remote, plan)

    with Http() as http:
        agent.Agent(
            sys.stdout.buffer,
            http,
            auth=credentials.authorization,
            temporary=lambda: store_here().root / "tmp",
            renew=renew,
        ).serve(sys.stdin.buffer)


def _credentials() -> Credentials:
    return Access.of(config.settings().endpoint, True).credentials(Path.cwd())


def _renewed(credentials: Credentials, remote: str, plan: Plan) -> Plan:
    here = Git(Path.cwd(), env=inherited_variables("GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR"))
    tree = WorkTree(Path(here.text("rev-parse", "--show-toplevel")))
    url = remote if "://" in remote else None
    with Connection(tree, credentials, remote, url=url) as connection:
        server = connection.object_server("upload")
        if not isinstance(server, HttpServer):
            raise TransferError(f"{server.url} is no web address, so it has no parts to renew")
        return server.renewed(plan)
