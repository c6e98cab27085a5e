"""Who is measured: csgrepo, stock git with git-lfs, plain git, and huggingface_hub's Repository."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.bench.measuring import Sample, calls, command
from tests.bench.serving import Remote

HERE = Path(__file__).parent
CSGREPO = "csgrepo"
STOCK = "git + git-lfs"
PLAIN = "plain git"
OLDER = "huggingface_hub"
FLOOR = "floor"
ONE_THREAD = "one thread"


class Contender(Protocol):
    """Someone who adds, commits, pushes and clones."""

    name: str

    def add_and_commit(self, folder: Path) -> Sample: ...
    def push(self, folder: Path) -> Sample: ...
    def clone(self, remote: Remote, folder: Path) -> Sample: ...


@dataclass(frozen=True, slots=True)
class Csgrepo:
    name: str = CSGREPO

    def add_and_commit(self, folder: Path) -> Sample:
        return self.step("add_and_commit", folder)

    def push(self, folder: Path) -> Sample:
        return self.step("push", folder)

    def clone(self, remote: Remote, folder: Path) -> Sample:
        return self.step("clone", remote.url, folder)

    def step(self, *args: str | Path) -> Sample:
        return calls([sys.executable, "-m", "tests.bench.steps", *args], HERE.parent.parent)


@dataclass(frozen=True, slots=True)
class Git:
    """Git from the command line; large files go to git-lfs where the attributes say so."""

    name: str = STOCK

    def add_and_commit(self, folder: Path) -> Sample:
        return self.add(folder) + self.commit(folder)

    def add(self, folder: Path) -> Sample:
        return command(["git", "add", "."], folder)

    def commit(self, folder: Path) -> Sample:
        return command(["git", "commit", "--quiet", "-m", "Measure"], folder)

    def push(self, folder: Path) -> Sample:
        return command(["git", "push", "--quiet", "origin", "HEAD:main"], folder)

    def clone(self, remote: Remote, folder: Path) -> Sample:
        return command(["git", "clone", "--quiet", remote.url, folder], folder.parent)


@dataclass(frozen=True, slots=True)
class Older:
    """huggingface_hub's Repository, in a Python of its own."""

    python: Path
    name: str = OLDER

    def add_and_commit(self, folder: Path) -> Sample:
        return self._step("add_and_commit", folder)

    def push(self, folder: Path) -> Sample:
        return self._step("push", folder)

    def clone(self, remote: Remote, folder: Path) -> Sample:
        return self._step("clone", remote.url, folder)

    def version(self) -> str:
        asked = "import huggingface_hub; print(huggingface_hub.__version__)"
        answer = subprocess.run(
            [self.python, "-c", asked], capture_output=True, check=False, text=True
        )
        return answer.stdout.strip()

    def _step(self, *args: str | Path) -> Sample:
        return calls([self.python, HERE / "older_steps.py", *args], HERE)


@dataclass(frozen=True, slots=True)
class Floors:
    """What nobody can do better."""

    def hash_and_copy(self, folder: Path, sources: list[Path]) -> Sample:
        return self._floor("hash_and_copy", folder, *sources)

    def one_thread(self, folder: Path, sources: list[Path]) -> Sample:
        return self._floor("one_thread", folder, *sources)

    def receive(self, url: str, target: Path) -> Sample:
        return self._floor("receive", url, target)

    def train_beside_curl(self, source: Path, url: str) -> Sample:
        return self._floor("train_beside_curl", source, url)

    def send(self, source: Path, url: str) -> Sample:
        return command(["curl", "-sSf", "-o", "/dev/null", "-T", source, url], source.parent)

    def _floor(self, *args: str | Path) -> Sample:
        return calls([sys.executable, "-m", "tests.bench.floors", *args], HERE.parent.parent)


def working_copy(remote: Remote, folder: Path, *, lfs: bool = True) -> None:
    """Make a clone as stock git makes it, `*.bin` in LFS; the same for every contender.

    The remote gets a first commit: huggingface_hub's Repository cannot push to one without.
    """
    _git(folder.parent, "clone", "--quiet", remote.url, str(folder))
    attributes = "*.bin filter=lfs diff=lfs merge=lfs -text\n" if lfs else "* -text\n"
    (folder / ".gitattributes").write_text(attributes)
    _git(folder, "add", ".gitattributes")
    _git(folder, "commit", "--quiet", "-m", "Begin")
    _git(folder, "push", "--quiet", "origin", "HEAD:main")
    _git(folder, "branch", "--quiet", "--set-upstream-to=origin/main")


def _git(folder: Path, *args: str) -> None:
    subprocess.run(["git", *args], cwd=folder, check=True, capture_output=True)


def removed(*folders: Path) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
