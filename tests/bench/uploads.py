"""Folders uploaded to one hub by csgrepo and by huggingface_hub, in turn: time, memory, every byte.

    python -m tests.bench.uploads                         # 20,000 x 4 KiB, 200 x 25 MiB
    python -m tests.bench.uploads --small 2000 --large-mib 2 --rounds 1

Both use `upload_folder`, csgrepo at the hub's own interface and huggingface_hub at the hub's
``/hf``. Each upload is a process of its own, to a new repository; each is made a second time, when
nothing is left to do. It needs about four times the larger load of temporary disk. What is on the
hub is compared with the folder: every path, every blob's id, every large object's SHA-256. It ends
with 0 if all is there; times and memory are only shown, for the machine it runs on is shared.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import click

from csgrepo import HubApi
from csgrepo.lfs.pointer import Pointer
from tests.bench.hub_object import read, written
from tests.bench.hub_soak import serving
from tests.bench.measuring import Sample, command

OURS = """
import sys
from csgrepo import HubApi
HubApi().upload_folder(repo_id=sys.argv[1], folder_path=sys.argv[2])
"""
THEIRS = """
import sys
from huggingface_hub import HfApi
HfApi().upload_folder(repo_id=sys.argv[1], folder_path=sys.argv[2])
"""
MADE_WITH_THE_REPOSITORY = {".gitattributes", "README.md", "LICENSE"}
CLIENTS = {"csgrepo": OURS, "huggingface_hub": THEIRS}


@dataclass(frozen=True, slots=True)
class Load:
    """Files of one size; those named ``.bin`` are kept in LFS."""

    name: str
    count: int
    size: int
    suffix: str

    @property
    def shown(self) -> str:
        return f"{self.count:,} x {self.size / 1024:,.0f} KiB"

    def fill(self, folder: Path) -> dict[str, str]:
        """Write them; return their SHA-256 by name."""
        digests = {}
        for number in range(self.count):
            path = folder / f"part-{number % 50:02}" / f"{number:05}{self.suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            digests[path.relative_to(folder).as_posix()] = written(path, self.size)
        return digests


@dataclass(frozen=True, slots=True)
class Upload:
    """One upload, the same once more, and what is wrong with what came of it."""

    first: Sample
    again: Sample
    problems: list[str]


def blob_id(content: bytes) -> str:
    head = b"blob %d\0" % len(content)
    return hashlib.sha1(head + content, usedforsecurity=False).hexdigest()


def expected(folder: Path, digests: dict[str, str]) -> dict[str, str]:
    """The blobs that git must have: a pointer for what LFS keeps, else the file."""
    return {
        name: blob_id(
            Pointer(digest, (folder / name).stat().st_size).encode()
            if name.endswith(".bin")
            else (folder / name).read_bytes()
        )
        for name, digest in digests.items()
    }


def problems_of(
    url: str, token: str, repo_id: str, root: Path, folder: Path, digests: dict[str, str]
) -> list[str]:
    """Say what the hub lacks, asked by stock git; its objects are read from its disk."""
    with tempfile.TemporaryDirectory() as temporary:
        signed = url.replace("://", f"://wanda:{token}@")
        clone = ["git", "clone", "--quiet", "--bare", f"{signed}/models/{repo_id}.git", temporary]
        subprocess.run(clone, check=True)
        listing = ["git", "-C", temporary, "ls-tree", "-r", "-z", "main"]
        lines = subprocess.run(listing, check=True, capture_output=True).stdout.split(b"\0")
    there = {
        os.fsdecode(name): facts.split()[2].decode()
        for facts, _, name in (line.partition(b"\t") for line in lines if line)
    }
    wanted = expected(folder, digests)
    found = [f"{name} is not as it was sent" for name in wanted if there.get(name) != wanted[name]]
    more = there.keys() - wanted.keys() - MADE_WITH_THE_REPOSITORY
    found += [f"{name} is there too" for name in more]
    kept = {path.name: path for path in (root / "lfs").rglob("*")}
    for digest in (digest for name, digest in digests.items() if name.endswith(".bin")):
        if digest not in kept or read(kept[digest]) != digest:
            found.append(f"object {digest[:12]} is not on the hub, or is damaged")
    return found


def upload(
    name: str, repo_id: str, folder: Path, digests: dict[str, str], base: Path, url: str, token: str
) -> Upload:
    """Upload a folder to a new repository, twice, and look at what is there."""
    HubApi(url, token).create_repo(repo_id)
    variables = {
        "CSGHUB_ENDPOINT": url,
        "CSGHUB_TOKEN": token,
        "HF_ENDPOINT": f"{url}/hf",
        "HF_TOKEN": token,
        "HF_HOME": str(base / "hf-home"),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    }
    program = [sys.executable, "-c", CLIENTS[name], repo_id, str(folder)]
    first = command(program, base, **variables)
    again = command(program, base, **variables)
    problems = problems_of(url, token, repo_id, base / "hub", folder, digests)
    HubApi(url, token).delete_repo(repo_id)
    return Upload(first, again, problems)


def compare(load: Load, rounds: int, base: Path, url: str, token: str) -> dict[str, list[Upload]]:
    """Let the two take turns."""
    folder = base / load.name
    digests = load.fill(folder)
    runs: dict[str, list[Upload]] = {name: [] for name in CLIENTS}
    for number in range(rounds):
        order = list(CLIENTS) if number % 2 == 0 else list(reversed(CLIENTS))
        for name in order:
            repo_id = f"wanda/{load.name}-{name.replace('_', '-')}-{number}"
            done = upload(name, repo_id, folder, digests, base, url, token)
            runs[name].append(done)
            click.echo(
                f"{load.shown}, {name}: {done.first.seconds:.2f} s, again {done.again.seconds:.2f} "
                f"s, {done.first.peak_bytes / 2**20:.0f} MiB; "
                f"{'; '.join(done.problems[:5]) or 'every byte right'}",
                err=True,
            )
    shutil.rmtree(folder)
    return runs


def row(load: Load, name: str, runs: list[Upload]) -> dict[str, object]:
    """The figures of one client at one load."""
    seconds = statistics.median(run.first.seconds for run in runs)
    return {
        "load": load.shown,
        "client": name,
        "seconds": round(seconds, 2),
        "again_seconds": round(statistics.median(run.again.seconds for run in runs), 2),
        "files_per_second": round(load.count / seconds),
        "mb_per_second": round(load.count * load.size / seconds / 1e6, 1),
        "peak_mib": round(max(run.first.peak_bytes for run in runs) / 2**20),
        "right": not any(run.problems for run in runs),
        "rounds": len(runs),
    }


def table(rows: list[dict[str, object]]) -> str:
    heads = list(rows[0])
    lines = [heads, ["---"] * len(heads), *([str(row[head]) for head in heads] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


@click.command()
@click.option("--small", default=20_000, show_default=True, help="How many files of 4 KiB.")
@click.option("--large", default=200, show_default=True, help="How many large files.")
@click.option("--large-mib", default=25.0, show_default=True, help="The size of each.")
@click.option("--rounds", default=1, show_default=True, type=click.IntRange(1))
@click.option("--folder", type=click.Path(path_type=Path), help="Where to work.")
def main(small: int, large: int, large_mib: float, rounds: int, folder: Path | None) -> None:
    """Upload the same folders with both, and compare."""
    loads = [
        Load("small", small, 4096, ".txt"),
        Load("large", large, int(large_mib * 2**20), ".bin"),
    ]
    rows = []
    base = Path(tempfile.mkdtemp(prefix="uploads-", dir=folder))
    try:
        with serving(base / "hub", ["wanda"], base / "log") as (_, url, (token,)):
            for load in loads:
                if load.count:
                    runs = compare(load, rounds, base, url, token)
                    rows += [row(load, name, done) for name, done in runs.items()]
    finally:
        shutil.rmtree(base, ignore_errors=True)
    click.echo(table(rows))
    click.echo(json.dumps(rows))
    sys.exit(0 if all(row["right"] for row in rows) else 1)


if __name__ == "__main__":
    main()
