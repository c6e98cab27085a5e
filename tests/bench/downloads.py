"""Snapshots of one hub by csgrepo and by huggingface_hub, in turn: time, memory, every byte.

    python -m tests.bench.downloads                      # 1 x 2 GiB, 200 x 1 MiB, 5,000 x 4 KiB
    python -m tests.bench.downloads --large-mib 256 --rounds 1

Each download is a process of its own with an empty cache. It needs about four times the largest
size of temporary disk. It ends with 0 if every byte came; times and memory are only shown, for the
machine it runs on is shared.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import click

from csgrepo import HubApi, Repository
from tests.bench.hub_object import read, written
from tests.bench.hub_soak import serving

OURS = """
import sys
from csgrepo import snapshot_download
print(snapshot_download(sys.argv[1], cache_dir=sys.argv[2]))
"""
THEIRS = """
import sys
from huggingface_hub import snapshot_download
print(snapshot_download(sys.argv[1], cache_dir=sys.argv[2]))
"""
CLIENTS = {"csgrepo": OURS, "huggingface_hub": THEIRS}


@dataclass(frozen=True, slots=True)
class Load:
    """Files of one size."""

    name: str
    count: int
    size: int

    def fill(self, folder: Path) -> dict[str, str]:
        """Write them; return their digests by name."""
        digests = {}
        for number in range(self.count):
            path = folder / f"part-{number % 50:02}" / f"{number:05}.bin"
            path.parent.mkdir(exist_ok=True)
            digests[path.relative_to(folder).as_posix()] = written(path, self.size)
        return digests


@dataclass(frozen=True, slots=True)
class Run:
    """One download: how long, how much memory at most, and whether every byte came."""

    seconds: float
    peak_mib: float
    right: bool


def upload(load: Load, url: str, token: str, folder: Path) -> tuple[str, dict[str, str]]:
    """Make a repository with these files in it; return its id and the files' digests."""
    repo_id = f"wanda/{load.name}"
    HubApi(url, token).create_repo(repo_id)
    repo = Repository(
        folder,
        clone_from=repo_id,
        endpoint=url,
        token=token,
        git_user="Wanda",
        git_email="wanda@example.com",
    )
    digests = load.fill(folder)
    repo.push_to_hub("files")
    return repo_id, digests


def download(
    program: str, repo_id: str, cache: Path, wanted: Mapping[str, str], variables: dict[str, str]
) -> Run:
    """Fetch a repository in a process of its own, and look at every byte of it."""
    command = [sys.executable, "-c", program, repo_id, str(cache)]
    began = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ | variables)
    assert child.stdout is not None
    said = child.stdout.read().decode().strip()
    _, status, usage = os.wait4(child.pid, 0)
    took = time.monotonic() - began
    child.stdout.close()
    child.returncode = os.waitstatus_to_exitcode(status)
    right = status == 0 and _digests(Path(said), wanted) == wanted
    shutil.rmtree(cache, ignore_errors=True)
    return Run(took, usage.ru_maxrss / 1024, right)


def _digests(folder: Path, wanted: Mapping[str, str]) -> dict[str, str]:
    return {name: read(folder / name) for name in wanted if (folder / name).exists()}


def compare(load: Load, rounds: int, folder: Path, url: str, token: str) -> bool:
    """Let the two take turns, and show what came of it."""
    variables = {
        "CSGHUB_ENDPOINT": url,
        "CSGHUB_TOKEN": token,
        "HF_ENDPOINT": f"{url}/hf",
        "HF_TOKEN": token,
        "HF_HOME": str(folder / "hf-home"),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    }
    repo_id, digests = upload(load, url, token, folder / load.name)
    shutil.rmtree(folder / load.name)
    runs: dict[str, list[Run]] = {name: [] for name in CLIENTS}
    for number in range(rounds):
        order = list(CLIENTS) if number % 2 == 0 else list(reversed(CLIENTS))
        for name in order:
            cache = folder / f"cache-{number}-{name}"
            runs[name].append(download(CLIENTS[name], repo_id, cache, digests, variables))
    for name, done in runs.items():
        took = sorted(run.seconds for run in done)
        click.echo(
            f"{load.count} x {load.size:,} B  {name:16} median {statistics.median(took):6.2f} s "
            f"(best {took[0]:.2f}, worst {took[-1]:.2f}), {max(r.peak_mib for r in done):.0f} MiB "
            f"at most; bytes {'right' if all(r.right for r in done) else 'WRONG'}"
        )
    ratios = [
        ours.seconds / theirs.seconds
        for ours, theirs in zip(runs["csgrepo"], runs["huggingface_hub"], strict=True)
    ]
    click.echo(f"  csgrepo takes {statistics.median(ratios):.2f} of the other's time, pair by pair")
    return all(run.right for done in runs.values() for run in done)


@click.command()
@click.option("--large-mib", default=2048, show_default=True, help="Size of the one large file.")
@click.option("--middle", default=200, show_default=True, help="How many files of 1 MiB.")
@click.option("--small", default=5000, show_default=True, help="How many files of 4 KiB.")
@click.option("--rounds", default=3, show_default=True, type=click.IntRange(1))
@click.option("--folder", type=click.Path(path_type=Path), help="Where to work.")
def main(large_mib: int, middle: int, small: int, rounds: int, folder: Path | None) -> None:
    """Download the same repositories with both, and compare."""
    loads = [
        Load("large", 1, large_mib * 2**20),
        Load("middle", middle, 2**20),
        Load("small", small, 4096),
    ]
    base = Path(tempfile.mkdtemp(prefix="downloads-", dir=folder))
    try:
        with serving(base / "hub", ["wanda"], base / "log") as (_, url, (token,)):
            right = [
                compare(load, rounds, base, url, token) for load in loads if load.count * load.size
            ]
    finally:
        shutil.rmtree(base, ignore_errors=True)
    sys.exit(0 if all(right) else 1)


if __name__ == "__main__":
    main()
