"""Where the benchmark happens: its folder, its server, its HOME, its files."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterator
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
        cache: a file without content, as large as the memory where that is to be filled.
        older: huggingface_hub's Repository, if there is a Python that has it.
    """

    root: Path
    server: Server
    results: Results
    rounds: int
    slow_rounds: int
    cache: Path
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

    def fill_memory(self) -> None:
        """Fill the memory that is free with file cache, as it is on a machine in use.

        A virtual machine may give free memory back to its host within seconds. To get it again
        takes longer than any copy, and would count against whoever happens to be next; what holds
        cache stays, and the kernel takes it for new files without asking anybody. The cache is
        that of a file without content, which needs no disk.
        """
        with self.cache.open("rb", buffering=0) as stream:
            buffer = bytearray(PIECE)
            while stream.readinto(buffer):
                pass

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


@contextlib.contextmanager
def hollow_file(*, as_large_as_memory: bool) -> Iterator[Path]:
    """Make a file that has no content and takes no disk; or an empty one."""
    with tempfile.NamedTemporaryFile(prefix="csgrepo-bench-") as file:
        if as_large_as_memory:
            with contextlib.suppress(OSError, ValueError):  # the system does not tell, or allow it
                file.truncate(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
        yield Path(file.name)


def noise(path: Path, size: int) -> None:
    """Fill a file with bytes that cannot be compressed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as stream:
        for start in range(0, size, PIECE):
            stream.write(os.urandom(min(PIECE, size - start)))
