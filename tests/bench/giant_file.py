"""A file too large for one request goes to the embedded hub in parts, and memory is watched.

    python -m tests.bench.giant_file --gib 6 --way own
    python -m tests.bench.giant_file --gib 6 --way stock
    python -m tests.bench.giant_file --gib 6 --way http

`own` is csgrepo's push, `stock` is `git push` with stock git-lfs and csgrepo's transfer agent,
`http` is `HubApi.create_commit`, without a clone. The file is sparse but for a few bytes in every
part. Temporary disk of about three times its size is needed. It ends with 0 if the hub has every
byte and no process of the client took more than 150 MB.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import click
import requests

from csgrepo.files import hash_file
from tests.bench.hub_soak import serving
from tests.stock import StockGit

MEMORY_ALLOWED = 150 * 10**6
MARK_EVERY = 25 * 1024 * 1024

CLIENT = """
import os, sys, time
from pathlib import Path
from csgrepo import Repository

url, token, folder, size, every, pushes = *sys.argv[1:4], *map(int, sys.argv[4:])
repo = Repository(folder, clone_from=url, endpoint=url.partition("/models/")[0], token=token,
                  git_user="Wanda", git_email="wanda@example.com")
with Path(folder, "giant.bin").open("wb") as file:
    file.truncate(size)
    for start in range(0, size, every):
        file.seek(start)
        file.write(os.urandom(4096)[: size - start])
repo.lfs_track("*.bin")
began = time.monotonic()
repo.git_add()
repo.git_commit("Add a giant")
print(f"add and commit: {time.monotonic() - began:.1f} s", flush=True)
if pushes:
    began = time.monotonic()
    repo.git_push()
    print(f"push: {time.monotonic() - began:.1f} s", flush=True)
else:
    repo.lfs_enable_largefiles()
"""


WITHOUT_A_CLONE = """
import os, sys, time
from pathlib import Path
from csgrepo import CommitOperationAdd, HubApi

url, token, folder, size, every = *sys.argv[1:4], *map(int, sys.argv[4:])
path = Path(folder, "giant.bin")
path.parent.mkdir()
with path.open("wb") as file:
    file.truncate(size)
    for start in range(0, size, every):
        file.seek(start)
        file.write(os.urandom(4096)[: size - start])
endpoint = url.partition("/models/")[0]
began = time.monotonic()
with HubApi(endpoint, token) as api:
    add = CommitOperationAdd("giant.bin", path)
    api.create_commit("wanda/giant", [add], commit_message="Add a giant")
print(f"create_commit: {time.monotonic() - began:.1f} s", flush=True)
"""


class Watch:
    """Notes the most memory that each kind of process of a session took."""

    def __init__(self, session: int) -> None:
        self.peaks: dict[str, int] = {}
        self._session = session
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(0.05):
            for folder in Path("/proc").glob("[0-9]*"):
                try:
                    self._look(folder)
                except (OSError, IndexError, ValueError):  # it ended meanwhile
                    continue

    def _look(self, folder: Path) -> None:
        if os.getsid(int(folder.name)) != self._session:
            return
        words = (folder / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
        name = " ".join(Path(word).name for word in words[:2])
        if "lfs-multipart-upload" in words:
            name = "csgrepo, as git-lfs's transfer agent"
        elif words[1:2] == ["-c"]:
            name = "csgrepo"
        for line in (folder / "status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                peak = int(line.split()[1]) * 1024
                self.peaks[name] = max(peak, self.peaks.get(name, 0))


def watched(command: list[str | Path], folder: Path) -> dict[str, int]:
    """Run a command to its end; return what its processes took."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "GIT_TERMINAL_PROMPT": "0",
    }
    with subprocess.Popen(
        command, cwd=folder, env=environment, start_new_session=True
    ) as child, Watch(child.pid) as watch:  # fmt: skip
        status = child.wait()
    if status:
        raise click.ClickException(f"{command[0]} ended with {status}")
    return watch.peaks


def run(way: str, size: int, folder: Path) -> int:
    """Do it all below a folder; return the exit code."""
    with serving(folder / "hub", ["wanda"], folder / "hub.log") as (_, url, [token]):
        requests.post(
            f"{url}/api/v1/models",
            json={"name": "giant"},
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
        ).raise_for_status()
        remote, work = f"{url}/models/wanda/giant.git", folder / "work"
        facts = [remote, token, work, str(size), str(MARK_EVERY)]
        if way == "http":
            peaks = watched([sys.executable, "-c", WITHOUT_A_CLONE, *facts], folder)
        else:
            own = [sys.executable, "-c", CLIENT, *facts]
            peaks = watched([*own, str(int(way == "own"))], folder)
        if way == "stock":
            signed = remote.replace("://", f"://wanda:{token}@")
            StockGit(work)("config", f"url.{signed}.insteadOf", remote)
            began = time.monotonic()
            peaks |= watched(["git", "push", "--quiet", "origin", "HEAD:main"], work)
            click.echo(f"push: {time.monotonic() - began:.1f} s")
        oid, _ = hash_file(work / "giant.bin")
        kept = next((folder / "hub" / "lfs").rglob(oid), None)
        whole = kept is not None and hash_file(kept) == (oid, size)
    for name, peak in sorted(peaks.items(), key=lambda item: -item[1])[:6]:
        click.echo(f"{peak / 1e6:8.1f} MB at most: {name}")
    click.echo(f"{size / 2**30:g} GiB, {way}: {'whole' if whole else 'NOT THERE, or damaged'}")
    return 0 if whole and max(peaks.values()) <= MEMORY_ALLOWED else 1


@click.command()
@click.option("--gib", default=6.0, show_default=True, type=click.FloatRange(0.01, 100))
@click.option(
    "--way", default="own", show_default=True, type=click.Choice(["own", "stock", "http"])
)
def main(gib: float, way: str) -> None:
    """Push one giant file, and see what memory it takes."""
    size = int(gib * 2**30) + 17
    with tempfile.TemporaryDirectory(prefix="csgrepo-giant-") as temporary:
        folder = Path(temporary)
        if shutil.disk_usage(folder).free < 3.5 * size:
            raise click.ClickException(f"not enough room in {folder}")
        sys.exit(run(way, size, folder))


if __name__ == "__main__":
    main()
