"""Many small files, and which of them belong in LFS."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

from tests.bench import checks
from tests.bench.contenders import CSGREPO, PLAIN, Csgrepo, Git, removed, working_copy
from tests.bench.large import taking_part
from tests.bench.measuring import Wrong
from tests.bench.stage import Stage

SMALL = "{count:,} small files: add, commit, push"
TRACK = "auto-tracking over {count:,} changed files"

OBJECTS = "{count:,} files of 20 kB in LFS: {work}"

_LARGE = 10 * 1024 * 1024


def together(stage: Stage, count: int) -> None:
    """Add, commit and push small text files, beside plain git."""
    for _ in range(stage.rounds):
        for who in (stage.csgrepo, Git(PLAIN)):
            remote, folder = stage.remote(), stage.folder("small")
            working_copy(remote, folder, lfs=False)
            texts(folder, count)
            sample = who.add_and_commit(folder) + who.push(folder)
            checks.committed(folder, {})
            checks.pushed(folder, remote, {})
            if (found := len(checks.git(folder, "ls-files").splitlines())) != count + 1:
                raise Wrong(f"{found} files were committed instead of {count + 1}")
            stage.results.add(SMALL.format(count=count), who.name, sample)
            removed(folder, remote.path, remote.objects)


def objects(stage: Stage, count: int) -> None:
    """Take many small files through LFS, as a dataset of pictures has them, beside git-lfs."""
    for number in range(stage.rounds):
        for who in taking_part(stage, number)[:2]:
            remote, folder, clone = stage.remote(), stage.folder("work"), stage.folder("clone")
            working_copy(remote, folder)
            digests = pictures(folder, count)
            samples = {"add and commit": who.add_and_commit(folder)}
            checks.committed(folder, digests)
            samples["push"] = who.push(folder)
            checks.pushed(folder, remote, digests)
            samples["clone"] = who.clone(remote, clone)
            checks.cloned(clone, digests)
            for work, sample in samples.items():
                stage.results.add(OBJECTS.format(count=count, work=work), who.name, sample)
            removed(folder, clone, remote.path, remote.objects)


def pictures(folder: Path, count: int) -> dict[str, str]:
    """Write files that are nothing but noise; returns name → SHA-256."""
    digests = {}
    for number in range(count):
        content = os.urandom(20_000)
        (folder / f"{number:05}.bin").write_bytes(content)
        digests[f"{number:05}.bin"] = hashlib.sha256(content).hexdigest()
    return digests


def texts(folder: Path, count: int, word: str = "first") -> None:
    for number in range(count):
        path = folder / f"d{number % 100:02}" / f"f{number:06}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{word} {number}\n" * 40)


def tracking(stage: Stage, count: int, special: int) -> None:
    """Find the few large or binary files among thousands of changed ones."""
    row = TRACK.format(count=count)
    for _ in range(stage.rounds):
        remote, folder = stage.remote(), stage.folder("track")
        working_copy(remote, folder, lfs=False)
        texts(folder, count - special)
        Csgrepo().add_and_commit(folder)
        texts(folder, count - special, "second")
        odd = special_files(folder, special)
        sample = stage.csgrepo.step("track", folder, stage.trace)
        sample.said["processes"] = len(checks.processes(stage.trace))
        lines = [line for line in (folder / ".gitattributes").read_text().split("\n") if line]
        sample.said["lines"] = len(lines) - 1  # the one that was there
        if sample.said["tracked"] != special or sample.said["lines"] != odd + 3:
            raise Wrong(f"tracking found {sample.said} instead of {special} files")
        stage.results.add(row, CSGREPO, sample)
        removed(folder, remote.path, remote.objects)


def special_files(folder: Path, count: int) -> int:
    """Make binary files of three suffixes, a few large ones, and two of odd names; count these."""
    for number in range(count - 2):
        path = folder / "weights" / f"w{number:04}.{('bin', 'pt', 'npy')[number % 3]}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"\0\1" + os.urandom(1000))
        if number < 9:
            os.truncate(path, _LARGE)
    (folder / "weights" / "no suffix").write_bytes(b"\0" * 100)
    (folder / "weights" / "模型[1]").write_bytes(b"\0" * 100)
    return 2


def history(folder: Path, commits: int) -> None:
    """Give a repository a long history, by way of `git fast-import`."""
    stream = []
    for number in range(commits):
        text = f"commit {number}\n"
        stream.append(
            f"commit refs/heads/main\ncommitter W <w@example.com> {1600000000 + number} +0000\n"
            f"data {len(text)}\n{text}"
            + ("from refs/heads/main^0\n" if not number else "")
            + f"M 644 inline notes/n{number % 50}.txt\ndata {len(text)}\n{text}\n"
        )
    subprocess.run(
        ["git", "fast-import", "--quiet"], cwd=folder, input="".join(stream).encode(), check=True
    )
    subprocess.run(["git", "reset", "--hard", "--quiet"], cwd=folder, check=True)
