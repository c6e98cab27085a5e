"""A repository that is uploaded to, and stock git and git-lfs to judge what came of it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from csgrepo.hub import HubApi
from tests.functional.jobs_clone import until

if TYPE_CHECKING:
    from csgrepo.server import Hub
    from tests.stock import RemoteRepository, StockGit

__all__ = ["Target", "folder", "target", "until"]

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Target:
    """A model on the embedded hub.

    Attributes:
        api: asks as its owner.
        hub: the hub.
        remote: where it is.
        git: stock git, with git-lfs.
    """

    api: HubApi
    hub: Hub
    remote: RemoteRepository
    git: StockGit

    @property
    def repo_id(self) -> str:
        return self.remote.url.split("/models/")[1].removesuffix(".git")

    def head(self, branch: str = "main") -> str:
        return self.git.at(self.remote.path)("rev-parse", f"refs/heads/{branch}").strip()

    def commits(self, branch: str = "main") -> int:
        return int(self.git.at(self.remote.path)("rev-list", "--count", f"refs/heads/{branch}"))

    def pointers(self, branch: str = "main") -> set[str]:
        """The files that git keeps a pointer of."""
        bare = self.git.at(self.remote.path)
        start = "version https://git-lfs"
        return {
            name
            for name in self.names(branch)
            if bare("cat-file", "-p", f"{branch}:{name}")[:23] == start
        }

    def names(self, branch: str = "main") -> set[str]:
        """The paths of all files."""
        bare = self.git.at(self.remote.path)
        return set(bare("ls-tree", "-r", "-z", "--name-only", branch).split("\0")[:-1])

    def tree(self, branch: str = "main") -> dict[str, bytes]:
        """Clone with stock git and git-lfs, which must find nothing wrong; return all files."""
        folder = self.git.cwd / f"judge-{next(_numbers)}"
        self.git.sign_in(self.remote)
        self.git("clone", "--quiet", "--branch", branch, self.remote.url, folder)
        clone = self.git.at(folder)
        clone("fsck", "--strict", "--no-dangling")
        clone("lfs", "fsck")
        assert clone("status", "--porcelain") == ""
        return {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file() and ".git" not in path.relative_to(folder).parts
        }

    def asked(self, method: str = "", part: str = "") -> list[str]:
        """The paths of the requests that came for this repository."""
        return [
            request.path
            for request in self.hub.requests
            if request.method.startswith(method)
            and self.repo_id in request.path
            and part in request.path
        ]


def target(hub: Hub, make: Callable[..., RemoteRepository], git: StockGit) -> Target:
    """Make a model, and remember what it needs to be judged."""
    remote = make()
    return Target(HubApi(hub.url, remote.password), hub, remote, git)


def folder(root: Path, files: dict[str, bytes]) -> Path:
    """Write files below a folder."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root
