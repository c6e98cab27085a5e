"""What a training script feels: how long a save holds it up, how fast the import is."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

from tests.bench import checks
from tests.bench.contenders import CSGREPO, FLOOR, removed, working_copy
from tests.bench.disk import disk
from tests.bench.large import put
from tests.bench.measuring import Sample, command
from tests.bench.serving import Remote
from tests.bench.stage import Stage, noise

ADD = "git_add of a checkpoint"
SAVE = "push_to_hub(blocking=False) of it"
IMPORT = "import csgrepo"
PYTHON = "python, doing nothing"
VERSION = "csgrepo --version"
LOOP = "a training loop during that push"
REFLINK = "add and commit on {kind}"

_DISK = 2 << 30


def saving(stage: Stage, size: int) -> None:
    """Compare an add alone with a save in the background, of the same checkpoint."""
    source = stage.root / "checkpoint"
    noise(source / "model.bin", size)
    digests = {"model.bin": checks.sha256(source / "model.bin")}
    for _ in range(stage.rounds):
        for row, step in ((ADD, "add"), (SAVE, "save")):
            remote, folder = stage.remote(), stage.folder("save")
            working_copy(remote, folder)
            put(source, folder)
            sample = stage.csgrepo.step(step, folder)
            stage.results.add(row, CSGREPO, sample)
            if step == "save":
                loop(stage, source / "model.bin", remote, sample)
                checks.committed(folder, digests)
                checks.pushed(folder, remote, digests)
            removed(folder, remote.path, remote.objects)
    removed(source)


def loop(stage: Stage, source: Path, remote: Remote, save: Sample) -> None:
    """Note what the loop lost to the push, and what it loses when curl sends the same bytes."""
    stage.results.add(LOOP, CSGREPO, replace(save, seconds=save.said["push"]))
    target = remote.objects / "bare"
    sent = stage.floors.train_beside_curl(source, f"{remote.objects_url}/bare")
    stage.results.add(LOOP, FLOOR, replace(sent, seconds=sent.said["push"]))
    target.unlink()


def starting(stage: Stage) -> None:
    """Time what is paid before anything is done, an empty Python beside it."""
    program = Path(sys.executable).with_name("csgrepo")
    version = [str(program)] if program.exists() else [sys.executable, "-m", "csgrepo.cli"]
    for _ in range(2 * stage.rounds):
        for row, args in (
            (PYTHON, [sys.executable, "-c", "pass"]),
            (IMPORT, [sys.executable, "-c", "import csgrepo"]),
            (VERSION, [*version, "--version"]),
        ):
            stage.results.add(row, CSGREPO, command(args, stage.root))


def reflinks(stage: Stage, size: int) -> list[str]:
    """Add a file on file systems that share blocks; returns why some were left out."""
    left_out = []
    for kind in ("XFS", "Btrfs"):
        try:
            with disk(stage.root / "disk", kind.lower(), _DISK) as place:
                _shared(stage, REFLINK.format(kind=kind), place, size)
        except OSError as error:
            left_out.append(f"{kind}: {error}")
    return left_out


def _shared(stage: Stage, row: str, place: Path, size: int) -> None:
    remote = stage.remote()
    for number in range(stage.rounds):
        folder = place / f"work-{number}"
        working_copy(remote, folder)
        noise(folder / "model.bin", size)
        os.sync()
        free = _free(place)
        sample = stage.csgrepo.add_and_commit(folder)
        os.sync()
        sample.said["disk"] = max(0, free - _free(place))
        stage.results.add(row, CSGREPO, sample)
        checks.committed(folder, {"model.bin": checks.sha256(folder / "model.bin")})
        target = place / "floor"
        target.mkdir()
        floor = stage.floors.hash_and_copy(target, [folder / "model.bin"])
        stage.results.add(row, FLOOR, floor)
        removed(folder, target, remote.path, remote.objects)
        remote = stage.remote()


def _free(place: Path) -> int:
    facts = os.statvfs(place)
    return facts.f_bavail * facts.f_frsize
