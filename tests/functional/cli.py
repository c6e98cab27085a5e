"""The command line as a process of its own, as users run it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator


def csgrepo(*args: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run it to its end, without a terminal."""
    return subprocess.run(
        [sys.executable, "-m", "csgrepo", *args],
        input=stdin,
        env=os.environ | environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=100,
    )


@contextlib.contextmanager
def running(*args: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Start it, and have it end with the block, whatever happens."""
    process = subprocess.Popen(
        [sys.executable, "-m", "csgrepo", *args],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | environment,
        encoding="utf-8",
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def ends_when_told(process: subprocess.Popen[str], number: int = signal.SIGINT) -> tuple[str, str]:
    """Send a signal, and return the rest of both outputs once the process ended."""
    process.send_signal(number)
    return process.communicate(timeout=30)
