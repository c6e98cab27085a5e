"""Trainer, worker or git is killed at a random moment, again and again; nothing may be lost.

    python -m tests.bench.crash_soak --runs 200 --seed 7

Each run starts a training script that saves and pushes, kills one of its processes with SIGKILL
somewhere in save, hash, upload, ref push or prune, and starts the script again. Then the remote,
the clone and the journal are looked at by git, git-lfs and the hub's own record. What is killed and
when is drawn from the seed and the run's number alone, so that `--first N --runs 1` draws run N
again; what the processes have done by then is the machine's affair.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import queue
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import click
import requests

from csgrepo.jobs import Journal
from csgrepo.jobs.job import ENDED
from csgrepo.server import Hub

MARK = "CSGREPO_CRASH_SOAK"
PATIENCE_S = 400.0
STAGES = {"save": 0.15, "hash": 0.5, "upload": 0.8, "ref": 0.08, "prune": 1.5}
SAID = {"save": "saving", "hash": "adding"}  # what the trainer says before it; else "submitted"
POINTER = re.compile(rb"oid sha256:([0-9a-f]{64})\nsize (\d+)\n")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is done to one run."""

    number: int
    stage: str
    victim: str
    delay_s: float
    blocking: bool
    saves: int

    @classmethod
    def drawn(cls, seed: int, number: int) -> Plan:
        """Draw what the seed has for this run."""
        dice = random.Random(f"{seed}/{number}")
        stage = dice.choice(sorted(STAGES))
        blocking = dice.random() < 0.3
        victims = ["trainer", "git"] if blocking or stage in SAID else ["trainer", "git", "worker"]
        return cls(
            number,
            stage,
            dice.choice(victims),
            dice.uniform(0, STAGES[stage]),
            blocking,
            dice.randint(1, 3),
        )

    @property
    def arguments(self) -> list[str]:
        """What the trainer is told."""
        flags = [*["blocking"] * self.blocking, *["prune"] * (self.stage == "prune")]
        return [str(self.saves), *flags]


@dataclass(slots=True)
class Soak:
    """A hub, a clone, and what has come of it so far."""

    hub: Hub
    git_dir: Path
    folder: Path
    token: str
    acknowledged: set[str] = field(default_factory=set)
    killed: Counter[str] = field(default_factory=Counter)

    def environment(self, mark: str = "") -> dict[str, str]:
        """Return what its processes run under."""
        asked = {"CSGHUB_ENDPOINT": self.hub.url, "CSGHUB_TOKEN": self.token}
        return {**os.environ, **asked, **({MARK: mark} if mark else {})}

    def git(self, folder: Path, *args: str) -> str:
        """Run git, which must agree."""
        return subprocess.run(
            ["git", *args],
            cwd=folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()


class Broken(AssertionError):
    """A promise was broken."""


@contextlib.contextmanager
def soaking() -> Iterator[Soak]:
    """Start a hub with a repository and a clone of it, in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="crash-soak-") as root, Hub(Path(root, "hub")) as hub:
        token = hub.add_user("wanda")
        answer = requests.post(
            f"{hub.url}/api/v1/models",
            json={"namespace": "wanda", "name": "model"},
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
        )
        answer.raise_for_status()
        soak = Soak(hub, hub.git_dir("wanda/model", "models"), Path(root, "copy"), token)
        begin = f"from csgrepo import Repository; Repository({str(soak.folder)!r}, 'wanda/model')"
        subprocess.run([sys.executable, "-c", begin], env=soak.environment(), check=True)
        for key, value in (("user.name", "Wanda"), ("user.email", "wanda@example.com")):
            soak.git(soak.folder, "config", key, value)
        yield soak


def carry_out(soak: Soak, plan: Plan, seed: int) -> None:
    """Do one run.

    Raises:
        Broken: a promise was.
    """
    mark = f"{seed}-{plan.number}-{os.getpid()}"
    trainer = [sys.executable, "-m", "tests.bench.crash_trainer"]
    command = [*trainer, "train", str(soak.folder), str(plan.number), *plan.arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    with subprocess.Popen(command, env=soak.environment(mark), **pipes) as process:  # type: ignore[call-overload]
        lines: queue.Queue[str] = queue.Queue()
        reader = threading.Thread(target=_read, args=(process, lines, soak.acknowledged))
        reader.start()
        _strike(soak, plan, process, lines, mark)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE_S)
        if process.poll() is None:
            process.kill()
            raise Broken("the trainer did not end")
        reader.join()
    again = subprocess.run(
        [*trainer, "restart", str(soak.folder), str(plan.number)],
        env=soak.environment(mark),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    if again.returncode:
        raise Broken(f"the restart failed: {again.stderr[-3000:]}")
    soak.acknowledged.add(again.stdout.split()[-1])
    _settle(mark)
    check(soak)


def _read(process: subprocess.Popen[str], lines: queue.Queue[str], known: set[str]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        word, _, rest = line.strip().partition(" ")
        if word == "acknowledged":
            known.add(rest)
        lines.put(word)
    lines.put("")


def _strike(
    soak: Soak, plan: Plan, process: subprocess.Popen[str], lines: queue.Queue[str], mark: str
) -> None:
    """Wait for the moment, and kill the victim if it is there before the trainer ends."""
    wanted = SAID.get(plan.stage, "saving" if plan.blocking else "submitted")
    while (said := lines.get(timeout=PATIENCE_S)) != wanted:
        if not said:
            return
    if plan.stage == "ref":
        _await_push(process, mark)
    time.sleep(plan.delay_s)
    while process.poll() is None:
        if pid := _victim(plan.victim, process.pid, mark):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                soak.killed[f"{plan.victim} in {plan.stage}"] += 1
            return
        time.sleep(0.002)


def _await_push(process: subprocess.Popen[str], mark: str) -> None:
    while process.poll() is None:
        if any("push" in words[1:2] for _, words in _processes(mark)):
            return
        time.sleep(0.002)


def _victim(kind: str, trainer: int, mark: str) -> int | None:
    if kind == "trainer":
        return trainer
    for pid, words in _processes(mark):
        is_git = Path(words[0]).name.startswith("git")
        is_worker = "csgrepo.repository.worker" in " ".join(words)
        if is_git if kind == "git" else is_worker:
            return pid
    return None


def _processes(mark: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the processes of a run, by the mark that they inherit."""
    needle = f"{MARK}={mark}\0".encode()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            if needle in (entry / "environ").read_bytes() + b"\0":
                line = (entry / "cmdline").read_bytes().rstrip(b"\0")
                if line:
                    yield int(entry.name), line.decode("utf-8", "replace").split("\0")


def _settle(mark: str) -> None:
    """Wait until nothing of a run is at work any more."""
    deadline = time.monotonic() + PATIENCE_S
    while left := list(_processes(mark)):
        if time.monotonic() > deadline:
            raise Broken(f"still at work: {left}")
        time.sleep(0.02)


def check(soak: Soak) -> None:
    """Look at everything.

    Raises:
        Broken: what is wrong.
    """
    tip = soak.git(soak.git_dir, "rev-parse", "main")
    if soak.git(soak.folder, "rev-parse", "HEAD") != tip:
        raise Broken("the remote is not where the clone is")
    there = set(soak.git(soak.git_dir, "rev-list", "main").split())
    if lost := soak.acknowledged - there:
        raise Broken(f"acknowledged, and not on the remote: {lost}")
    if soak.git(soak.folder, "status", "--porcelain"):
        raise Broken(f"left over: {soak.git(soak.folder, 'status', '--porcelain')}")
    for folder in (soak.git_dir, soak.folder):
        soak.git(folder, "fsck", "--strict", "--no-dangling")
    soak.git(soak.folder, "lfs", "fsck", "HEAD^..HEAD")
    _check_objects(soak)
    left = [
        path for path in (soak.folder / ".git").rglob("*.lock") if path.parent.name != "csgrepo"
    ]
    if left:
        raise Broken(f"still locked: {left}")
    jobs = Journal(soak.folder / ".git").jobs()
    if endless := [job for job in jobs if job.state not in ENDED]:
        raise Broken(f"without an end: {endless}")


def _check_objects(soak: Soak) -> None:
    """Have the hub hold what every commit needs, and no object sent there twice in full."""
    stored = soak.hub.root / "lfs" / soak.git_dir.stem
    for commit in soak.git(soak.git_dir, "rev-list", "-n", "8", "main").split():
        blob = subprocess.run(
            ["git", "cat-file", "blob", f"{commit}:model.bin"],
            cwd=soak.git_dir,
            capture_output=True,
            check=False,
        ).stdout
        if match := POINTER.search(blob):
            oid = match[1].decode()
            path = stored / oid[:2] / oid[2:4] / oid
            if hashlib.sha256(path.read_bytes()).hexdigest() != oid:
                raise Broken(f"the hub's {oid} is damaged")
    sent = Counter(
        request.path
        for request in soak.hub.requests
        if request.method == "PUT" and request.status == 200 and "lfs" in request.path
    )
    if twice := [path for path, count in sent.items() if count > 1]:
        raise Broken(f"uploaded twice: {twice}")


@click.command()
@click.option("--runs", default=200, help="How many times something is killed.")
@click.option("--seed", default=None, type=int, help="What the dice begin with.")
@click.option("--first", default=0, help="The number of the first run.")
def main(runs: int, seed: int | None, first: int) -> None:
    """Kill and restart; ends with 0 if nothing was lost."""
    seed = random.SystemRandom().randrange(10**6) if seed is None else seed
    click.echo(f"seed {seed}, runs {first} to {first + runs - 1}")
    failures = []
    began = time.monotonic()
    with soaking() as soak:
        for number in range(first, first + runs):
            plan = Plan.drawn(seed, number)
            try:
                carry_out(soak, plan, seed)
            except (Broken, subprocess.SubprocessError, OSError, queue.Empty) as error:
                failures.append(number)
                click.echo(f"BROKEN {plan}: {error} {getattr(error, 'stderr', '')}")
        commits = soak.git(soak.git_dir, "rev-list", "--count", "main")
        click.echo(json.dumps(dict(sorted(soak.killed.items()))))
    click.echo(
        f"seed {seed}: {runs} runs in {time.monotonic() - began:.0f} s, "
        f"{sum(soak.killed.values())} kills, {commits} commits on the remote, "
        f"{len(soak.acknowledged)} acknowledged, {len(failures)} broken {failures or ''}"
    )
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
