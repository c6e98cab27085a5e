"""What git-lfs starts for multipart transfers, with the remote and the token that belong to them.

See `csgrepo.lfs.agent` for the protocol. Where this clone's own settings and `login` know a token,
the agent can ask for fresh addresses, and go on with an upload that was broken off; the transfers
themselves need none.
"""

from __future__ import annotations

import functools
import logging
import sys
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from csgrepo import config
from csgrepo.errors import CsgRepoError, TransferError
from csgrepo.git.runner import Git, inherited_variables
from csgrepo.http import Http
from csgrepo.lfs import agent
from csgrepo.lfs.batch import HttpServer
from csgrepo.lfs.filter_process import store_here
from csgrepo.lfs.multipart import PARTS_AT_ONCE
from csgrepo.lfs.sending import Desk
from csgrepo.lfs.unfinished import Unfinished
from csgrepo.repository.access import Access
from csgrepo.repository.connection import Connection
from csgrepo.repository.layout import WorkTree

if TYPE_CHECKING:
    from csgrepo.credentials import Credentials
    from csgrepo.lfs.pointer import Pointer
    from csgrepo.lfs.reply import Reply

__all__ = ["enable", "main"]

_log = logging.getLogger(__name__)


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
    with Http(silence_s=config.settings().stall_timeout_s) as http, ExitStack() as connections:

        def desk(remote: str) -> Desk:
            try:
                return _desk(connections.enter_context(_connection(credentials, remote)))
            except (CsgRepoError, OSError) as error:
                _log.info("parts are sent without a remote to ask: %s", error)
                return _lonely(http, credentials)

        agent.Agent(
            sys.stdout.buffer,
            http,
            auth=credentials.authorization,
            store=lambda: store_here().root,
            desk=functools.cache(desk),
        ).serve(sys.stdin.buffer)


def _credentials() -> Credentials:
    return Access.of(config.settings().endpoint, True).credentials(Path.cwd())


def _connection(credentials: Credentials, remote: str) -> Connection:
    here = Git(Path.cwd(), env=inherited_variables("GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR"))
    tree = WorkTree(Path(here.text("rev-parse", "--show-toplevel")))
    return Connection(tree, credentials, remote, url=remote if "://" in remote else None)


def _desk(connection: Connection) -> Desk:
    server = connection.object_server("upload")
    if not isinstance(server, HttpServer):
        raise TransferError(f"{server.url} is no web address, so nobody can be asked there")
    return server.desk


def _lonely(http: Http, credentials: Credentials) -> Desk:
    """What uploads share where nobody can be asked for fresh addresses."""

    def refuse(pointer: Pointer, _: str) -> Reply:
        raise TransferError(
            f"the addresses for object {pointer.oid[:12]} are used up, and this folder names no "
            "LFS server that could give fresh ones; push again"
        )

    slots = threading.BoundedSemaphore(PARTS_AT_ONCE)
    return Desk(http, credentials.authorization, refuse, Unfinished(None, ""), slots)
