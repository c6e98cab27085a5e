"""Large files: added, committed, added again, pushed, cloned; and git asked what it thinks."""

from __future__ import annotations

import os
from pathlib import Path

from tests.bench import checks
from tests.bench.contenders import (
    CSGREPO,
    FLOOR,
    OLDER,
    ONE_THREAD,
    STOCK,
    Contender,
    removed,
    working_copy,
)
from tests.bench.measuring import Sample, command
from tests.bench.serving import Remote
from tests.bench.stage import Stage, noise

ADD_ONE = "add and commit, one file"
ADD_MANY = "add and commit, 20 files"
AGAIN = "the same add again"
STATUS_ADD = "git status after the add"
STATUS_CLONE = "git status after the clone"
PUSH = "push, one file"
LFS_PUSH = "git lfs push"
CLONE = "clone, content included"


def one(stage: Stage, size: int) -> None:
    """Take one large file all the way, with each contender in turn."""
    source = stage.root / "source"
    noise(source / "model.bin", size)
    digests = {"model.bin": checks.sha256(source / "model.bin")}
    for number in range(stage.rounds):
        floor_of_add(stage, ADD_ONE, source)
        for contender in taking_part(stage, number):
            journey(stage, contender, source, digests)
    removed(source)


def many(stage: Stage, count: int, size: int) -> None:
    """Add several files at once."""
    source = stage.root / "sources"
    for number in range(count):
        noise(source / f"shard-{number:02}.bin", size)
    digests = {path.name: checks.sha256(path) for path in source.iterdir()}
    for number in range(stage.rounds):
        floor_of_add(stage, ADD_MANY, source)
        floor_of_add(stage, ADD_MANY, source, ONE_THREAD)
        for contender in taking_part(stage, number):
            remote, folder = stage.remote(), stage.folder("work")
            working_copy(remote, folder)
            put(source, folder)
            stage.results.add(ADD_MANY, contender.name, contender.add_and_commit(folder))
            checks.committed(folder, digests)
            removed(folder, remote.path, remote.objects)
    removed(source)


def taking_part(stage: Stage, number: int) -> list[Contender]:
    """Return who runs in a round: those who take long do not run in all of them."""
    slow: list[Contender] = [stage.stock]
    if stage.older:
        slow.append(stage.older)
    return [stage.csgrepo, *(slow if number < stage.slow_rounds else [])]


def put(source: Path, folder: Path) -> None:
    """Let the source's files appear in a folder, at no cost."""
    for path in source.iterdir():
        os.link(path, folder / path.name)


def floor_of_add(stage: Stage, row: str, source: Path, name: str = FLOOR) -> None:
    folder = stage.folder("floor")
    folder.mkdir()
    measure = stage.floors.hash_and_copy if name == FLOOR else stage.floors.one_thread
    stage.results.add(row, name, measure(folder, sorted(source.iterdir())))
    removed(folder)


def journey(stage: Stage, who: Contender, source: Path, digests: checks.Digests) -> None:
    remote, folder = stage.remote(), stage.folder("work")
    working_copy(remote, folder)
    put(source, folder)
    add = stage.results.add
    add(ADD_ONE, who.name, who.add_and_commit(folder))
    note_status(stage, STATUS_ADD, who.name, folder)
    if who.name == CSGREPO:
        add(AGAIN, who.name, stage.csgrepo.step("add", folder))
    elif who.name == STOCK:
        add(AGAIN, who.name, stage.stock.add(folder))
    checks.committed(folder, digests)
    if who.name != OLDER:
        floor_of_push(stage, source / "model.bin", remote)
    add(PUSH, who.name, who.push(folder))
    checks.pushed(folder, remote, digests)
    if who.name == STOCK:
        lfs_push(stage, folder, remote, digests)
    removed(folder)
    if who.name != OLDER:
        floor_of_clone(stage, remote, digests)
    clone = stage.folder("clone")
    add(CLONE, who.name, who.clone(remote, clone))
    note_status(stage, STATUS_CLONE, who.name, clone)
    checks.cloned(clone, digests)
    removed(clone, remote.path, remote.objects)


def note_status(stage: Stage, row: str, name: str, folder: Path) -> None:
    seconds, filters = checks.status(folder, stage.trace)
    stage.results.add(row, name, Sample(seconds, 0, {"filters": filters}))


def floor_of_push(stage: Stage, source: Path, remote: Remote) -> None:
    target = remote.objects / "bare"
    stage.results.add(PUSH, FLOOR, stage.floors.send(source, f"{remote.objects_url}/bare"))
    assert target.stat().st_size == source.stat().st_size
    target.unlink()


def lfs_push(stage: Stage, folder: Path, remote: Remote, digests: checks.Digests) -> None:
    """Have git-lfs alone send the objects once more."""
    for digest in digests.values():
        (remote.objects / digest).unlink()
    sample = command(["git", "lfs", "push", "--object-id", "origin", *digests.values()], folder)
    stage.results.add(PUSH, LFS_PUSH, sample)
    checks.pushed(folder, remote, digests)


def floor_of_clone(stage: Stage, remote: Remote, digests: checks.Digests) -> None:
    (digest,) = digests.values()
    target = stage.folder("received")
    sample = stage.floors.receive(f"{remote.objects_url}/{digest}", target)
    stage.results.add(CLONE, FLOOR, sample)
    target.unlink()
