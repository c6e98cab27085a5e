"""A working copy whose pushes a test can hold up, refuse, and watch."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from csgrepo.jobs import Command, Push, Queue, exits
from tests import processes
from tests.stock import RemoteRepository, StockGit

ROOT = Path(__file__).parents[2]
WORKER = "tests.functional.jobs_worker"
PATIENCE_S = 300.0  # ends a test that hangs; nothing else depends on it


def until(condition: Callable[[], Any], what: str = "") -> Any:
    """Return what the condition gives once that is true; fail if it does not become so in time."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited in vain for {what or condition}"
        time.sleep(0.005)
    return found


@dataclass
class Clone:
    """A working copy on `main`, and the bare repository it pushes to.

    While `gate` is closed, the remote's pre-receive hook holds every push; it writes the number
    of each to `arrived`.
    """

    git: StockGit
    remote: RemoteRepository
    queues: list[Queue] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        return self.git.cwd

    @property
    def git_dir(self) -> Path:
        return self.folder / ".git"

    def commit(self, text: str = "") -> str:
        self.git("commit", "--quiet", "--allow-empty", "-m", text or "change")
        return self.git("rev-parse", "HEAD")

    def push(self, commit: str | None = None, ref: str = "refs/heads/main", **details: Any) -> Push:
        commit = commit or self.commit()
        title = f"push {ref} at {commit[:8]}"
        return Push("", self.remote.url, commit, ref, title=title, **details)

    def queue(self, **secrets: Any) -> Queue:
        queue = Queue(self.git_dir, self.folder, WORKER, lambda: secrets)
        self.queues.append(queue)
        return queue

    def submit(self, **secrets: Any) -> Command:
        return self.queue(**secrets).submit(self.push())

    def remote_head(self, ref: str = "refs/heads/main") -> str:
        return self.git.run("ls-remote", self.remote.url, ref).stdout.decode().split("\t")[0]

    def hook(self, script: str) -> None:
        path = self.remote.path / "hooks" / "pre-receive"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    @property
    def gate(self) -> Path:
        return self.remote.path / "gate-is-open"

    @property
    def arrived(self) -> int:
        """How many pushes have reached the remote."""
        path = self.remote.path / "arrived"
        return len(path.read_text().splitlines()) if path.exists() else 0

    def close_gate(self) -> None:
        """Hold all pushes up, once they have arrived, until `open_gate`."""
        self.gate.unlink(missing_ok=True)
        here = self.remote.path
        self.hook(f'echo x >> "{here}/arrived"\nwhile ! [ -e "{self.gate}" ]; do sleep 0.02; done')

    def open_gate(self) -> None:
        self.gate.touch()


@contextmanager
def made_clone(git: StockGit, remote: RemoteRepository) -> Iterator[Clone]:
    """A clone, and no worker or push left when the block is over."""
    git("clone", "--quiet", remote.url, "工作 copy")
    clone = Clone(git.at("工作 copy"), remote)
    clone.git("switch", "--quiet", "-C", "main")
    clone.commit("first")
    try:
        yield clone
    finally:
        clone.open_gate()
        for queue in clone.queues:
            for command in queue.commands:
                if not command.is_done:
                    command.cancel()
                    command.wait(PATIENCE_S)
        for queue in clone.queues:
            for command in queue.commands:
                exits.forget(command)
            queue.journal.close()


@pytest.fixture(name="clone")
def clone_fixture(
    git: StockGit,
    bare_remote: Callable[..., RemoteRepository],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Clone]:
    """A clone whose workers find this folder; import it by name where it is used."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    with made_clone(git, bare_remote()) as made:
        yield made


def send_home(command: Command) -> None:
    """End the worker of a push that is over; it would wait for more, and may have gone already."""
    pid = command._process.pid
    if pid is not None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        if sys.platform == "linux":
            assert processes.wait_for_end(pid, PATIENCE_S)


def kill(command: Command, number: int = signal.SIGKILL) -> int:
    """Send a signal to a command's worker, as a stranger would."""
    pid = command._process.pid
    assert pid is not None
    os.kill(pid, number)
    return pid
