"""Where the benchmark happens: its folder, its server, its HOME, its files."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.contenders import Csgrepo, Floors, Git, Older
from tests.bench.measuring import Results
from tests.bench.serving import Remote, Server

PIECE = 1024 * 1024

_CONFIG = """\
[user]
    name = Wanda
    email = wanda@example.com
[init]
    defaultBranch = main
"""


@dataclass(slots=True)
class Stage:
    """What every part of the benchmark needs.

    Attributes:
        root: an empty folder on the file system that is measured.
        server: the server, running.
        results: where the samples go.
        rounds: how often csgrepo and the floors run; the median counts.
        slow_rounds: how often those run that take many times as long.
        older: huggingface_hub's Repository, if there is a Python that has it.
    """

    root: Path
    server: Server
    results: Results
    rounds: int
    slow_rounds: int
    older: Older | None = None
    csgrepo: Csgrepo = field(default_factory=Csgrepo)
    stock: Git = field(default_factory=Git)
    floors: Floors = field(default_factory=Floors)
    _made: int = 0

    @property
    def trace(self) -> Path:
        return self.root / "trace.json"

    def remote(self) -> Remote:
        """Make a repository on the server."""
        self._made += 1
        return self.server.create(f"r{self._made}")

    def folder(self, name: str) -> Path:
        """Return a name that is not taken yet."""
        self._made += 1
        return self.root / f"{name}-{self._made}"


def settle(home: Path) -> None:
    """Give git, git-lfs and the libraries a HOME without anybody's settings.

    git-lfs is set up the way its manual says, for the user.
    """
    home.mkdir()
    for name in [n for n in os.environ if n.startswith(("GIT_", "CSGHUB_", "CSG_", "HF_"))]:
        del os.environ[name]
    os.environ.update(
        HOME=str(home),
        XDG_CONFIG_HOME=str(home / ".config"),
        XDG_CACHE_HOME=str(home / ".cache"),
        GIT_CONFIG_GLOBAL=str(home / ".gitconfig"),
        GIT_CONFIG_NOSYSTEM="1",
        GIT_LFS_SKIP_PUSH="",
        HF_HUB_DISABLE_TELEMETRY="1",
        LC_ALL="C.UTF-8",
    )
    (home / ".gitconfig").write_text(_CONFIG)
    subprocess.run(["git", "lfs", "install", "--skip-repo"], check=True, capture_output=True)


def noise(path: Path, size: int) -> None:
    """Fill a file with bytes that cannot be compressed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as stream:
        for start in range(0, size, PIECE):
            stream.write(os.urandom(min(PIECE, size - start)))
