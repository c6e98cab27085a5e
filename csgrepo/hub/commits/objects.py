"""LFS objects on their way to the hub, and the hub asked whether it has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from csgrepo.config import settings
from csgrepo.errors import VerificationFailed
from csgrepo.http import Http
from csgrepo.lfs import transfer
from csgrepo.lfs.batch import HttpServer

if TYPE_CHECKING:
    from collections.abc import Collection

    from csgrepo.hub.commits.content import Content
    from csgrepo.hub.commits.routes import Site
    from csgrepo.lfs.pointer import Pointer

__all__ = ["Sent", "send_objects"]


@dataclass(frozen=True, slots=True)
class Sent:
    """How many objects went out, and how many bytes they have."""

    objects: int = 0
    size_bytes: int = 0

    def __add__(self, other: Sent) -> Sent:
        return Sent(self.objects + other.objects, self.size_bytes + other.size_bytes)


def send_objects(site: Site, contents: Collection[Content]) -> Sent:
    """Bring to the hub what it lacks, and return once it has said that it has everything.

    What is broken off is gone on with by the next call, also one of another process.

    Raises:
        FileChanged: a file is not what was read; what was sent of it is not used.
        LfsError: the hub refuses an object.
        TransferError: bytes could not be moved.
        VerificationFailed: the hub took an object and does not have it.
    """
    wanted = {content.pointer: content for content in contents if content.size}
    if not wanted:
        return Sent()
    url, hub = f"{site.address}/info/lfs", site.hub
    with Http(silence_s=min(hub.timeout_s, settings().stall_timeout_s)) as http:
        unfinished = settings().home / "uploads"
        server = HttpServer(url, http, hub.credentials.authorization, site.ref, unfinished)
        sends = server.lacking(list(wanted))

        def send(pointer: Pointer) -> None:
            content = wanted[pointer]
            with site.reporter.task("upload", content.name, content.size) as task:

                def advance(count: int) -> None:
                    if count > 0:
                        content.check()
                    task.advance(count)

                content.check()
                sends[pointer](content.on_disk(site.scratch), advance, task.retry)
                content.check()

        failures = transfer.each(sends, send, transfer.WORKERS)
        for error in failures.values():
            raise error
        names = {pointer: content.name for pointer, content in wanted.items()}
        if problems := transfer.confirm(server, names):
            raise VerificationFailed(url, problems)
    return Sent(len(sends), sum(pointer.size for pointer in sends))
