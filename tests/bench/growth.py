"""What a small change costs in a repository that has grown; it should hardly matter how far."""

from __future__ import annotations

from pathlib import Path

from tests.bench import checks
from tests.bench.contenders import CSGREPO, PLAIN, Git, removed, working_copy
from tests.bench.measuring import Wrong
from tests.bench.small import history, texts
from tests.bench.stage import Stage, noise

UNCHANGED = "one new file beside {count:,} unchanged"
HISTORY = "one new commit on top of {count:,}"
FIRST = "push of {count} large files"
SECOND = "push after one of {count} changed"


def unchanged(stage: Stage, counts: list[int], size: int) -> None:
    """Add, commit and push one large file beside more and more small ones."""
    for count in counts:
        remote, folder = stage.remote(), stage.folder("grown")
        working_copy(remote, folder)
        texts(folder, count)
        Git(PLAIN).add_and_commit(folder)
        Git(PLAIN).push(folder)
        _more(stage, UNCHANGED.format(count=count), folder, size)
        checks.pushed(folder, remote, {})
        removed(folder, remote.path, remote.objects)


def long_history(stage: Stage, counts: list[int], size: int) -> None:
    """Do the same on top of a long history."""
    for count in counts:
        remote, folder = stage.remote(), stage.folder("old")
        working_copy(remote, folder)
        history(folder, count)
        Git(PLAIN).push(folder)
        _more(stage, HISTORY.format(count=count), folder, size)
        checks.pushed(folder, remote, {})
        removed(folder, remote.path, remote.objects)


def _more(stage: Stage, row: str, folder: Path, size: int) -> None:
    for number in range(stage.rounds):
        name = f"new-{number}.bin"
        noise(folder / name, size)
        sample = stage.csgrepo.add_and_commit(folder) + stage.csgrepo.push(folder)
        checks.committed(folder, {name: checks.sha256(folder / name)})
        stage.results.add(row, CSGREPO, sample)


def second_push(stage: Stage, count: int, size: int) -> None:
    """Push many large files, then one of them changed."""
    for _ in range(stage.rounds):
        remote, folder = stage.remote(), stage.folder("second")
        working_copy(remote, folder)
        for number in range(count):
            noise(folder / f"shard-{number}.bin", size)
        stage.csgrepo.add_and_commit(folder)
        stage.results.add(FIRST.format(count=count), CSGREPO, stage.csgrepo.push(folder))
        before = _inodes(remote.objects)
        noise(folder / "shard-0.bin", size)
        stage.csgrepo.add_and_commit(folder)
        sample = stage.csgrepo.push(folder)
        sent = len(_inodes(remote.objects) - before)
        if sent != 1:
            raise Wrong(f"{sent} objects were sent where one had changed")
        checks.pushed(folder, remote, {"": checks.sha256(folder / "shard-0.bin")})
        sample.said["sent"] = sent
        stage.results.add(SECOND.format(count=count), CSGREPO, sample)
        removed(folder, remote.path, remote.objects)


def _inodes(objects: Path) -> set[tuple[str, int]]:
    return {(path.name, path.stat().st_ino) for path in objects.iterdir()}
