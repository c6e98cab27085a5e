"""One large download, killed again and again: how many bytes it takes in all.

    python -m tests.bench.kills --mib 1024 --kills 50

It ends with 0 if the file came whole and the clients read no more than 1.1 times its bytes for it,
each piece they were reading when they were killed counted in full. What the hub sent is shown
beside that: it holds what the sockets' buffers of both sides had taken when the client died, tens
of megabytes on loopback.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click

from csgrepo import HubApi, Repository
from csgrepo.http.wire import PIECE
from csgrepo.server import Hub
from tests.bench.hub_object import read, written

CLIENT = """
import os, sys
from csgrepo import file_download
from csgrepo.http import Response
read = Response.pieces
log = os.open(sys.argv[3], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
def counted(response):
    for piece in read(response):
        os.write(log, b"%d\\n" % len(piece))
        yield piece
Response.pieces = counted
print(file_download(sys.argv[1], "large.bin", cache_dir=sys.argv[2]))
"""
RECORD = 12  # bytes in the journal for each block of 256 KiB
BLOCK = 256 * 1024
ALLOWED = 1.1


def blocks(cache: Path) -> int:
    """Return how many blocks are recorded."""
    return sum(path.stat().st_size // RECORD for path in cache.rglob("parts/*.blocks"))


def killed(command: list[str], cache: Path, after: int, variables: dict[str, str]) -> bool:
    """Run until so many more blocks are there, and kill it; tell whether it was still running."""
    goal = blocks(cache) + after
    child = subprocess.Popen(command, env=os.environ | variables, stdout=subprocess.DEVNULL)
    while child.poll() is None and blocks(cache) < goal:
        time.sleep(0.002)
    running = child.poll() is None
    child.kill()
    child.wait()
    return running


def run(size: int, kills: int, folder: Path, seed: int) -> bool:
    chance = random.Random(seed)
    with Hub(folder / "hub") as hub:
        variables = {"CSGHUB_ENDPOINT": hub.url, "CSGHUB_TOKEN": hub.add_user("wanda")}
        token = variables["CSGHUB_TOKEN"]
        HubApi(hub.url, token).create_repo("wanda/large")
        repo = Repository(
            folder / "author",
            clone_from="wanda/large",
            endpoint=hub.url,
            token=token,
            git_user="Wanda",
            git_email="wanda@example.com",
        )
        digest = written(folder / "author" / "large.bin", size)
        repo.push_to_hub("large")
        hub.requests.clear()
        cache = folder / "cache"
        command = [sys.executable, "-c", CLIENT, "wanda/large", str(cache), str(folder / "read")]
        done = 0
        for left in range(kills, 0, -1):
            # Half of it on average; one that dies late leaves less for the others.
            most = 2 * (size // BLOCK - blocks(cache)) // (left + 4)
            done += killed(command, cache, chance.randint(1, max(1, most)), variables)
        path = subprocess.check_output(command, env=os.environ | variables, text=True).strip()
        right = read(Path(path)) == digest
        time.sleep(1)  # the last entries of the record
        came = sum(map(int, (folder / "read").read_text().split())) + done * PIECE
        sent = sum(r.body_bytes_sent for r in hub.requests if "_objects" in r.path)
    click.echo(
        f"killed {done} times on the way to {size:,} bytes; {came:,} bytes were read, "
        f"{came / size:.3f} times the file (the hub sent {sent / size:.3f} times); "
        f"bytes {'right' if right else 'WRONG'}"
    )
    return right and came <= ALLOWED * size


@click.command()
@click.option("--mib", default=1024, show_default=True, type=click.IntRange(8))
@click.option("--kills", default=50, show_default=True, type=click.IntRange(1))
@click.option("--seed", default=7, show_default=True, help="Of the random moments.")
@click.option("--folder", type=click.Path(path_type=Path), help="Where to work.")
def main(mib: int, kills: int, seed: int, folder: Path | None) -> None:
    """Kill a download at random moments, and see what it costs."""
    base = Path(tempfile.mkdtemp(prefix="kills-", dir=folder))
    try:
        right = run(mib * 2**20, kills, base, seed)
    finally:
        shutil.rmtree(base, ignore_errors=True)
    sys.exit(0 if right else 1)


if __name__ == "__main__":
    main()
