"""Background pushes to a hub with faults, for a while; then everything is compared.

    python -m tests.bench.fault_soak --seconds 120 --seed 7

Every round commits files of random length, switches on random faults (refusals, resets, stalls,
truncations, objects that are dropped after the hub said that it has them, a hub that goes away)
and pushes. A push that fails has to say so with an error of its own and leave the branch alone; it
is pushed again without faults. The same seed draws the same rounds. It ends with 0 if the hub
holds exactly what was acknowledged, every object has its digest, both sides are sound, and no
object was sent twice in full without need.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import click

from csgrepo import CsgRepoError, errors
from csgrepo.jobs import Command
from csgrepo.server import Answer, Fault, Hub, Reset, Stall, Swallow, Truncate
from csgrepo.server.faults.faults import Effect
from tests import small_parts
from tests.small_parts import PART, Place
from tests.stock import StockGit

STEPS = {
    "refs": ("GET", "/info/refs$"),
    "batch": ("POST", "/objects/batch$"),
    "part": ("PUT", "/_parts/"),
    "completion": ("POST", "/complete_multipart$"),
    "verify": ("POST", "/info/lfs/verify$"),
    "push": ("POST", "/git-receive-pack$"),
}
EFFECTS: list[Effect] = [
    Answer(500),
    Answer(503),
    Answer(429, {"Retry-After": "0"}),
    Answer(403),
    Answer(404),
    Reset(on="request"),
    Reset(on="response"),
    Reset(on="request", after=1000),
    Truncate(after=50),
    Swallow(),
]
PATIENCE_S = 150.0
SENT_AGAIN_FROM = 4  # parts; a smaller object is a part or two, which lost answers do send again


class Soak:
    """One clone, one hub, and what has happened so far."""

    def __init__(self, folder: Path, rng: random.Random) -> None:
        self.folder = folder
        self.rng = rng
        self.counts: Counter[str] = Counter()
        self.struck: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.objects: dict[str, bytes] = {}
        self._sent: Counter[str] = Counter()  # bytes that the hub took, by object
        self._excused: set[str] = set()
        self._undo = contextlib.ExitStack()
        self._port = 0
        self.hub = self._serve()
        self.place = small_parts.place(self.hub)
        self.repo = self.place.clone(folder / "work")
        self.repo.lfs_track("*.bin")

    def _serve(self) -> Hub:
        serving = small_parts.serving(self.folder / "hub", self._port)
        self.hub = self._undo.enter_context(serving)
        self._port = self.hub.port
        return self.hub

    def close(self) -> None:
        self._undo.close()

    def round(self) -> None:
        fresh = self._commit()
        commit = self.repo.git_head_hash()
        before = self.place.tip()
        faults, drops = self._faults()
        hold = threading.Event()
        if self.rng.random() < 0.1:
            faults.append(self.hub.faults.add(*STEPS["part"], Stall(event=hold)))
        away = self.rng.random() < 0.08
        self.repo.git_push(blocking=False)
        command = self.repo.command_queue[-1]
        if away:
            time.sleep(self.rng.uniform(0.2, 1.0))
            self._note(faults)
            self._go_away(self.rng.uniform(0.2, 4.0))
            faults = []
        command.wait(PATIENCE_S)
        hold.set()
        self._note(faults)
        self.hub.faults.clear()
        if drops:
            self._excused |= set(fresh)
        if command.status == 0:
            self.counts["done at once"] += 1
        else:
            self._failed(command, before, commit)
        self._check(fresh, commit)

    def _commit(self) -> dict[str, bytes]:
        fresh = {}
        for number in range(self.rng.randint(1, 3)):
            data = self.rng.randbytes(self.rng.randint(1, 40 * PART))
            Path(self.repo.local_dir, f"权重 {number}.bin").write_bytes(data)
            fresh[hashlib.sha256(data).hexdigest()] = data
        self.repo.git_add()
        self.repo.git_commit(f"Round {self.counts['rounds']}")
        self.counts["rounds"] += 1
        self.objects |= fresh
        return fresh

    def _faults(self) -> tuple[list[Fault], bool]:
        """Switch some on; tells too whether one of them loses what was sent."""
        faults: list[Fault] = []
        drops = False
        for _ in range(self.rng.choice([0, 1, 1, 2, 3])):
            step = self.rng.choice(list(STEPS))
            effect = self.rng.choice(EFFECTS)
            drops |= isinstance(effect, Swallow) or effect == Answer(404)
            times, skip = self.rng.choice([1, 1, 1, 2, 8]), self.rng.randint(0, 4)
            faults.append(self.hub.faults.add(*STEPS[step], effect, times=times, skip=skip))
        return faults, drops

    def _go_away(self, seconds: float) -> None:
        self.counts["hub went away"] += 1
        self._count_sent()
        self._undo.close()
        time.sleep(seconds)
        self._serve()
        self.place = Place(self.hub, self.place.name, self.place.token)

    def _note(self, faults: list[Fault]) -> None:
        for fault in faults:
            if fault.hits:
                self.struck[type(fault.effect).__name__] += fault.hits

    def _failed(self, command: Command, before: str, commit: str) -> None:
        job = command.job
        assert job is not None
        self.counts[f"failed: {job.error_type}"] += 1
        kind = getattr(errors, job.error_type, None)
        if not (isinstance(kind, type) and issubclass(kind, CsgRepoError)):
            self.wrong.append(f"no error of its own: {job.state} {job.error_type}: {job.error}")
        if self.place.tip() not in {before, commit}:
            self.wrong.append(f"the branch is {self.place.tip()}, after {job.error}")
        self.repo.git_push()
        self.counts["gone on with"] += 1

    def _check(self, fresh: dict[str, bytes], commit: str) -> None:
        if self.place.tip() != commit:
            self.wrong.append(f"acknowledged {commit}, but the branch is {self.place.tip()}")
        for oid, data in fresh.items():
            if self.place.stored(data) != data:
                self.wrong.append(f"acknowledged {commit} without its object {oid}")
        self._count_sent()

    def _count_sent(self) -> None:
        for request in self.hub.requests:
            if request.method == "PUT" and request.status == 200 and "/_parts/" in request.path:
                oid = next(word for word in request.path.split("/") if len(word) == 64)
                self._sent[oid] += request.body_bytes_received
        self.hub.requests.clear()

    def judge(self) -> None:
        """Compare all that was ever acknowledged."""
        for oid, data in self.objects.items():
            size = len(data)
            again = self._sent[oid] >= 2 * size and size > SENT_AGAIN_FROM * PART
            if again and oid not in self._excused:
                self.wrong.append(f"object {oid} of {size} bytes: {self._sent[oid]} were sent")
        total = sum(map(len, self.objects.values()))
        sent = sum(self._sent.values())
        click.echo(f"{len(self.objects)} objects, {total / 1e6:.1f} MB; "
                   f"{sent / 1e6:.1f} MB were taken by the hub")  # fmt: skip
        copy = self.place.clone(self.folder / "copy")
        for name in os.listdir(self.repo.local_dir):
            if name.endswith(".bin"):
                ours, theirs = (Path(r.local_dir, name).read_bytes() for r in (self.repo, copy))
                if ours != theirs:
                    self.wrong.append(f"{name} is another file in a fresh clone")
        work, remote = StockGit(Path(self.repo.local_dir)), StockGit(self.place.remote.path)
        for git, words in (
            (work, ["fsck", "--full", "--strict"]),
            (remote, ["fsck", "--full", "--strict"]),
            (work, ["lfs", "fsck"]),
        ):
            done = git.run(*words)
            if done.returncode:
                self.wrong.append(f"git {words} in {git.cwd}: {done.stderr.decode()[-500:]}")
        left = list((Path(self.repo.local_dir) / ".git/csgrepo/uploads").glob("*"))
        if left:
            self.wrong.append(f"uploads still noted: {left}")


@click.command()
@click.option("--seconds", default=60.0, show_default=True, type=click.FloatRange(1, 36000))
@click.option("--seed", default=0, help="Drawn, and printed, where not given.")
def main(seconds: float, seed: int) -> None:
    """Push in the background to a hub with faults, and see whether anything gets lost."""
    seed = seed or random.SystemRandom().randrange(1, 10**6)
    os.environ["CSGHUB_STALL_TIMEOUT"] = "1"
    click.echo(f"seed {seed}")
    folder = Path(tempfile.mkdtemp(prefix="csgrepo-fault-soak-"))
    soak = Soak(folder, random.Random(seed))
    try:
        until = time.monotonic() + seconds
        while time.monotonic() < until and not soak.wrong:
            soak.round()
        soak.judge()
    finally:
        soak.close()
    for name, times in sorted(soak.counts.items()):
        click.echo(f"{times:6d} {name}")
    click.echo("faults that struck: " + ", ".join(f"{k} {n}" for k, n in soak.struck.most_common()))
    for line in soak.wrong:
        click.echo(f"WRONG: {line}", err=True)
    if not soak.wrong:
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(1 if soak.wrong else 0)


if __name__ == "__main__":
    main()
