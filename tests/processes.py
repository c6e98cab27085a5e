"""Which processes a test left behind.

A background worker leaves its parent's session and family tree, so counting children would miss
it. Each test therefore has a mark of its own in the environment, which everything it starts
inherits and Linux shows in `/proc/<pid>/environ`. Where there is no `/proc` nothing is looked for.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.machine import MARK

PATIENCE_S = 120.0


def marked(mark: str) -> dict[int, str]:
    """Return the running processes, other than this one, that carry the mark: pid to command."""
    needle = f"{MARK}={mark}\0".encode()
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        pid = int(folder.name)
        with contextlib.suppress(OSError):  # it ended, or is another user's
            if pid != os.getpid() and needle in (folder / "environ").read_bytes():
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ")
                if command:  # a zombie has none; it runs no more
                    found[pid] = command.decode("utf-8", "replace").strip()
    return found


def left_behind(mark: str, expected: frozenset[int] = frozenset()) -> dict[int, str]:
    """Return the marked processes that do not end of themselves in a while, and end them."""
    deadline = time.monotonic() + PATIENCE_S
    while rest := {pid: name for pid, name in marked(mark).items() if pid not in expected}:
        for pid in rest:
            if not wait_for_end(pid, deadline - time.monotonic()):
                end(rest)
                return rest
    return {}


def wait_for_end(pid: int, timeout_s: float) -> bool:
    """Wait for the event of a process ending, whoever its parent is."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], max(timeout_s, 0))[0])
    finally:
        os.close(handle)


def end(pids: dict[int, str]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@contextlib.contextmanager
def held_open(path: Path) -> Iterator[int]:
    """Have another process keep a file open; yields its number."""
    script = f"file = open({os.fspath(path)!r}); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        other.stdout.readline()
        try:
            yield other.pid
        finally:
            other.stdin.write(b"\n")
            other.stdin.close()
