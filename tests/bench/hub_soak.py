"""Many clients read from and push to the embedded hub for a while; every byte is compared.

    python -m tests.bench.hub_soak --clients 64 --seconds 60

The hub is a process of its own, on a free port of loopback and in a temporary folder, and the
clients are threads here and the stock git and git-lfs they start. It ends with 0 if nothing
failed, no byte was wrong and the hub's memory stayed where it was; times are only shown.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import click

from tests.bench.soak_client import Client, Place

REPOSITORIES = 8
SAMPLES_EVERY_S = 0.5
GROWTH_ALLOWED = 1.10
GROWTH_ALLOWED_BYTES = 24 * 1024 * 1024

SERVE = """
import sys
from csgrepo.server import Hub
def tell(hub):
    print(hub.url, *(hub.add_user(name) for name in sys.argv[2:]), flush=True)
Hub(sys.argv[1]).serve_forever(tell)
"""


@dataclass(slots=True)
class Soak:
    """What is going on: until when, what was done and what went wrong."""

    until: float
    most: int
    seconds: dict[str, list[float]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)  # guards the two above

    def over(self) -> bool:
        with self.lock:
            done = sum(map(len, self.seconds.values()))
        return time.monotonic() >= self.until or done >= self.most

    def do(self, name: str, action: Callable[[], None]) -> None:
        began = time.monotonic()
        try:
            action()
        except Exception as error:  # noqa: BLE001 - whatever goes wrong is what is looked for
            with self.lock:
                self.failures.append(f"{name}: {type(error).__name__}: {error}"[:1000])
        with self.lock:
            self.seconds.setdefault(name, []).append(time.monotonic() - began)


@contextlib.contextmanager
def serving(root: Path, names: list[str], log: Path) -> Iterator[tuple[int, str, list[str]]]:
    """Run a hub in a process of its own; return its pid, its address and its users' tokens."""
    command = [sys.executable, "-c", SERVE, str(root), *names]
    with (
        log.open("wb") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as child,
    ):
        try:
            assert child.stdout is not None
            url, *tokens = child.stdout.readline().split()
            yield child.pid, url, tokens
            child.terminate()
            child.wait(20)
        finally:
            child.kill()


@contextlib.contextmanager
def watching(pid: int) -> Iterator[list[tuple[float, int, int]]]:
    """Note the hub's resident bytes and open files, with the time, twice a second."""
    seen: list[tuple[float, int, int]] = []
    enough = threading.Event()

    def watch() -> None:
        while not enough.wait(SAMPLES_EVERY_S):
            pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
            files = len(os.listdir(f"/proc/{pid}/fd"))
            seen.append((time.monotonic(), pages * os.sysconf("SC_PAGE_SIZE"), files))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        enough.set()
        thread.join()


def judge_memory(seen: list[tuple[float, int, int]]) -> tuple[str, bool]:
    """Compare the last quarter of the time with the second, when all has been used once."""
    quarter = max(1, len(seen) // 4)
    early = statistics.median(size for _, size, _ in seen[quarter : 2 * quarter] or seen)
    late = statistics.median(size for _, size, _ in seen[-quarter:])
    peak = max(size for _, size, _ in seen)
    flat = late <= max(early * GROWTH_ALLOWED, early + GROWTH_ALLOWED_BYTES)
    mib = 1024 * 1024
    said = (
        f"hub's memory: {seen[0][1] / mib:.0f} MiB at first, {early / mib:.0f} MiB in the second "
        f"quarter, {late / mib:.0f} MiB in the last, {peak / mib:.0f} MiB at most; "
        f"open files: {max(files for *_, files in seen)} at most, {seen[-1][2]} at the end"
    )
    return said, flat


def judge_disk(root: Path) -> list[str]:
    """Look at what the hub keeps: every repository sound, every object what its name says."""
    wrong = []
    for repository in sorted((root / "git").glob("*.git")):
        done = subprocess.run(
            ["git", "-C", repository, "fsck", "--full", "--strict"],
            capture_output=True, check=False, text=True, timeout=300,
        )  # fmt: skip
        if done.returncode:
            wrong.append(f"git fsck of {repository.name}: {done.stderr[:500]}")
    for path in (root / "lfs").rglob("*"):
        if path.is_file() and len(path.name) == 64:
            with path.open("rb") as file:
                digest = hashlib.sha256()
                while piece := file.read(1024 * 1024):
                    digest.update(piece)
            if digest.hexdigest() != path.name:
                wrong.append(f"the object {path} has other bytes")
    left = [path.name for path in (root / "tmp").iterdir()] if (root / "tmp").is_dir() else []
    return wrong + [f"left behind in tmp: {name}" for name in left]


def report(soak: Soak, clients: list[Client], took: float) -> None:
    total = sum(map(len, soak.seconds.values()))
    moved = sum(client.bytes_moved for client in clients)
    click.echo(f"{len(clients)} clients, {took:.1f} s: {total} operations, {total / took:.0f} a "
               f"second, {moved / took / 1e6:.1f} MB a second compared")  # fmt: skip
    click.echo(f"{'operation':<10}{'times':>8}{'median s':>10}{'95 % s':>10}{'longest s':>11}")
    for name, times in sorted(soak.seconds.items()):
        ordered = sorted(times)
        late = ordered[int(0.95 * (len(ordered) - 1))]
        middle = statistics.median(ordered)
        click.echo(f"{name:<10}{len(times):>8}{middle:>10.3f}{late:>10.3f}{ordered[-1]:>11.3f}")


def run(clients: int, seconds: float, most: int, folder: Path) -> int:
    """Do it all below a folder; return the exit code."""
    names = [f"user-{number}" for number in range(REPOSITORIES)]
    root, log = folder / "hub", folder / "hub.log"
    with serving(root, names, log) as (pid, url, tokens):
        places = [
            Place(url, name, token, "soak") for name, token in zip(names, tokens, strict=True)
        ]
        for place in places:
            place.fill(folder)
        people = [
            Client(number, places[number % len(places)], folder / f"client-{number}",
                   random.Random(number)) for number in range(clients)
        ]  # fmt: skip
        began = time.monotonic()
        soak = Soak(began + seconds, most)

        def work(client: Client) -> None:
            while not soak.over():
                soak.do(*client.next())

        with watching(pid) as seen:
            threads = [threading.Thread(target=work, args=(client,)) for client in people]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            took = time.monotonic() - began
        for client in people:
            soak.do("compare", client.compare)
    report(soak, people, took)
    said, flat = judge_memory(seen)
    click.echo(said)
    wrong = [*soak.failures, *judge_disk(root)]
    troubled = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    for line, times in Counter(wrong).most_common(20):
        click.echo(f"WRONG ({times} times): {line}", err=True)
    for line in troubled[:20]:
        click.echo(f"the hub said: {line}", err=True)
    click.echo(f"wrong: {len(wrong)}; memory flat: {'yes' if flat else 'no'}")
    return 0 if flat and not wrong and not troubled else 1


@click.command()
@click.option("--clients", default=64, show_default=True, type=click.IntRange(1, 500))
@click.option("--seconds", default=60.0, show_default=True, type=click.FloatRange(1, 3600))
@click.option("--operations", default=100_000, show_default=True, help="Stop after so many.")
def main(clients: int, seconds: float, operations: int) -> None:
    """Let many clients work on an embedded hub, and see whether anything goes wrong."""
    if not Path("/proc/self/statm").exists():
        raise click.ClickException("the hub's memory is read from /proc, which this system lacks")
    folder = Path(tempfile.mkdtemp(prefix="hub-soak-"))
    try:
        code = run(clients, seconds, operations, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
