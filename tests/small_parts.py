"""An embedded hub whose parts are so small that a test's files have many."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from csgrepo import Repository
from csgrepo.server import Hub
from tests import machine
from tests.stock import RemoteRepository

PART = 4096

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Place:
    """A repository on such a hub, and its owner."""

    hub: Hub
    name: str
    token: str

    @property
    def remote(self) -> RemoteRepository:
        path = self.hub.git_dir(f"wanda/{self.name}")
        url = f"{self.hub.url}/models/wanda/{self.name}.git"
        return RemoteRepository(url, "wanda", self.token, path, self.hub.root / "lfs" / path.stem)

    def clone(self, folder: Path) -> Repository:
        return Repository(
            folder,
            clone_from=f"wanda/{self.name}",
            endpoint=self.hub.url,
            token=self.token,
            git_user="Wanda",
            git_email="wanda@example.com",
        )

    def batch(self, operation: str, oid: str, size: int, **more: object) -> requests.Response:
        """Ask as git-lfs would ask with the agent configured."""
        return requests.post(
            f"{self.remote.url}/info/lfs/objects/batch",
            json={
                "operation": operation,
                "transfers": ["multipart", "basic"],
                "objects": [{"oid": oid, "size": size}],
                **more,
            },
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=300,
        )

    def stored(self, content: bytes) -> bytes | None:
        """Return what the hub keeps under the content's digest."""
        oid = hashlib.sha256(content).hexdigest()
        path = self.hub.lfs_path(f"wanda/{self.name}", oid)
        return path.read_bytes() if path.exists() else None

    def asked(self, method: str, path: str) -> int:
        """Count the requests of this repository, or without its name, whose path holds that."""
        return sum(
            request.method == method and path in request.path and self._ours(request.path)
            for request in self.hub.requests
        )

    def _ours(self, path: str) -> bool:
        return f"/{self.name}" in path or path.startswith("/api/v1/complete")

    def tip(self) -> str:
        head = self.remote.path / "refs" / "heads" / "main"
        return head.read_text().strip() if head.exists() else ""


@contextlib.contextmanager
def serving(root: Path | None = None, port: int = 0) -> Iterator[Hub]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(machine.MARK, raising=False)  # what it starts is no test's own
        with Hub(root, port, min_part_bytes=PART) as hub:
            patch.undo()
            hub.add_user("wanda")
            yield hub


def place(hub: Hub) -> Place:
    hub.faults.clear()
    hub.requests.clear()
    token = hub.add_user("wanda")
    name = f"model-{next(_numbers)}"
    made = requests.post(
        f"{hub.url}/api/v1/models",
        json={"name": name},
        headers={"Authorization": f"Bearer {token}"},
        timeout=300,
    )
    assert made.status_code == 200, made.text
    return Place(hub, name, token)


def content(parts: int) -> bytes:
    """Return bytes for that many parts, the last of them short."""
    return os.urandom((parts - 1) * PART + 17)
