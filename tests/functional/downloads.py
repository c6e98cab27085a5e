"""A repository on the embedded hub to download from, and what was asked of the hub for it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from csgrepo.server import Hub, Request
from tests.functional.copies import seed, with_lfs
from tests.stock import RemoteRepository, StockGit

LARGE = 3 * 1024 * 1024 + 17  # more than is fetched in one piece


@dataclass
class Shelf:
    """A repository, changed with git's plumbing, asked for by its id."""

    hub: Hub
    git: StockGit
    remote: RemoteRepository
    seen: int = field(default=0)
    lfs: bool = False

    @property
    def id(self) -> str:
        namespace, name = self.remote.url.removesuffix(".git").split("/")[-2:]
        return f"{namespace}/{name}"

    @property
    def name(self) -> str:
        return self.id.split("/")[1]

    def put(self, files: dict[str, bytes], *, branch: str = "main", lfs: bool = False) -> str:
        self.lfs = lfs
        files = with_lfs(self.remote, files) if lfs else files
        return seed(self.git, self.remote, files, branch=branch)

    @property
    def body(self) -> str:
        """The pattern of the addresses that the bytes of the files put last come from."""
        return f"^/_objects/.*/{self.name}/" if self.lfs else f"/{self.name}/resolve/"

    def tag(self, name: str, commit: str) -> None:
        StockGit(self.remote.path)("update-ref", f"refs/tags/{name}", commit)

    def asked(self, *, size: int = 0, files: int = 0) -> list[Request]:
        """Return what was asked about this repository since the last time.

        An answer that was cut off may be read before the hub enters its request.

        Args:
            size: wait until so many bytes of files went out.
            files: wait until so many answers with a file's bytes went out.
        """
        deadline = time.monotonic() + 60
        while True:
            mine = [request for request in self.hub.requests if self.name in request.path]
            new = mine[self.seen :]
            sent = bodies(new)
            enough = sent_bytes(new) >= size and len(sent) >= files
            if enough or time.monotonic() > deadline:
                self.seen = len(mine)
                return new
            time.sleep(0.01)


def bodies(requests: list[Request]) -> list[Request]:
    """Return the requests that brought a file's bytes."""
    return [
        request
        for request in requests
        if request.method == "GET"
        and request.status in {200, 206}
        and ("/resolve/" in request.path or "/_objects/" in request.path)
    ]


def sent_bytes(requests: list[Request]) -> int:
    """Return how many bytes of files went out."""
    return sum(request.body_bytes_sent for request in bodies(requests))


@pytest.fixture
def shelf(hub: Hub, git: StockGit, hub_remote, signed_in) -> Iterator[Shelf]:
    yield Shelf(hub, git, hub_remote())
    hub.faults.clear()
