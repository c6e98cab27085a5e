"""One very large object goes to the embedded hub and back with stock git and git-lfs.

    python -m tests.bench.hub_object --gib 2

It needs about four times the object's size of temporary disk. It ends with 0 if every byte came
back and the hub took no more memory than for a small file; times are only shown.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import click

from tests.bench.hub_soak import serving, watching
from tests.bench.soak_client import Place, Work

PIECE = 8 * 1024 * 1024
MEMORY_ALLOWED = 256 * 1024 * 1024


def written(path: Path, size: int) -> str:
    """Fill a file with bytes that do not repeat; return their SHA-256."""
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for start in range(0, size, PIECE):
            piece = os.urandom(min(PIECE, size - start))
            digest.update(piece)
            file.write(piece)
    return digest.hexdigest()


def read(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            digest.update(piece)
    return digest.hexdigest()


def run(size: int, folder: Path) -> bool:
    with serving(folder / "hub", ["wanda"], folder / "log") as (pid, url, (token,)):
        place = Place(url, "wanda", token, "large")
        place.fill(folder)
        author, reader = Work(folder / "author"), Work(folder / "reader")
        author.clone(place)
        digest = written(author.folder / "large.bin", size)
        with watching(pid) as seen:
            steps = {
                "git add and commit": lambda: author.commit({}, "large"),
                "git push": lambda: author.git("push", "--quiet", "origin", "HEAD:main"),
                "git clone": lambda: reader.clone(place, "--depth=1"),
            }
            for name, step in steps.items():
                began = time.monotonic()
                step()
                took = time.monotonic() - began
                click.echo(f"{name}: {took:.1f} s, {size / took / 1e6:.0f} MB/s")
    right = read(reader.folder / "large.bin") == digest
    peak = max(size for _, size, _ in seen)
    click.echo(f"the hub took {peak / 2**20:.0f} MiB at most; the bytes are "
               f"{'the same' if right else 'OTHERS'}")  # fmt: skip
    return right and peak <= MEMORY_ALLOWED


@click.command()
@click.option("--gib", default=2.0, show_default=True, type=click.FloatRange(0.001, 100))
def main(gib: float) -> None:
    """Push and clone one large object, and see whether it comes back."""
    folder = Path(tempfile.mkdtemp(prefix="hub-object-"))
    try:
        right = run(int(gib * 2**30), folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(0 if right else 1)


if __name__ == "__main__":
    main()
