"""Whether a run did what it was timed for. A wrong one stops the benchmark."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.bench.measuring import Wrong, command
from tests.bench.serving import Remote

Digests = Mapping[str, str]  # file name → SHA-256


def git(folder: Path, *args: str, asked: str = "") -> str:
    done = subprocess.run(
        ["git", *args], cwd=folder, check=False, capture_output=True, text=True, input=asked
    )
    if done.returncode:
        raise Wrong(f"git {' '.join(args)} in {folder}: {done.stdout}{done.stderr}")
    return done.stdout


def sha256(path: Path) -> str:
    with path.open("rb") as stream:
        digest = hashlib.sha256()
        while piece := stream.read(1024 * 1024):
            digest.update(piece)
    return digest.hexdigest()


def committed(folder: Path, digests: Digests) -> None:
    """The commit holds a pointer to each file's content, and nothing is damaged."""
    names = "".join(f"HEAD:{name}\n" for name in digests)
    answers = git(folder, "cat-file", "--batch", asked=names).split("version https://")[1:]
    for (name, digest), pointer in zip(digests.items(), answers, strict=True):
        if f"oid sha256:{digest}\n" not in pointer:
            raise Wrong(f"{name} was committed as {pointer[:200]!r}")
    git(folder, "fsck", "--strict")
    if digests:
        git(folder, "lfs", "fsck")


def pushed(folder: Path, remote: Remote, digests: Digests) -> None:
    """The remote has the commit, and every object with the content that its name says."""
    here, there = git(folder, "rev-parse", "HEAD"), git(remote.path, "rev-parse", "main")
    if here != there:
        raise Wrong(f"the remote has {there} instead of {here}")
    git(remote.path, "fsck", "--strict")
    for digest in digests.values():
        path = remote.objects / digest
        if not path.is_file() or sha256(path) != digest:
            raise Wrong(f"the server does not have object {digest}")


def cloned(folder: Path, digests: Digests) -> None:
    """The clone has every byte, and git calls it clean."""
    for name, digest in digests.items():
        if sha256(folder / name) != digest:
            raise Wrong(f"{name} has other content in the clone")
    if said := git(folder, "status", "--porcelain"):
        raise Wrong(f"the clone is not clean: {said}")
    committed(folder, digests)


def processes(trace: Path) -> list[str]:
    """Return the commands that git ran, by its own account, and forget them."""
    if not trace.exists():
        return []
    events = [json.loads(line) for line in trace.read_text().splitlines()]
    trace.unlink()
    return [" ".join(e["argv"]) for e in events if e["event"] in {"start", "child_start"}]


def filters(started: Iterable[str]) -> list[str]:
    return [line for line in started if "filter-process" in line or "lfs clean" in line]


def status(folder: Path, trace: Path) -> tuple[float, int]:
    """Return how long a `git status` takes, and how many filters it started."""
    sample = command(["git", "status", "--porcelain"], folder, GIT_TRACE2_EVENT=str(trace))
    return sample.seconds, len(filters(processes(trace)))
