"""Running one thing and noting how long it took and how much memory its processes had."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

# Linux counts in KiB, macOS in bytes.
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024


class Wrong(Exception):
    """A run whose result is not what it should be; its time means nothing."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One run.

    Attributes:
        seconds: its length.
        peak_bytes: the largest resident memory of any of its processes.
        said: what a step reported beside its time.
        cpu_s: processor time of all its processes, start-up included; on a machine that does other
            work at the same time it says more than the seconds on the clock.
    """

    seconds: float
    peak_bytes: int
    said: dict[str, float] = field(default_factory=dict)
    cpu_s: float = 0.0

    def __add__(self, other: Sample) -> Sample:
        peak = max(self.peak_bytes, other.peak_bytes)
        cpu_s = self.cpu_s + other.cpu_s
        return Sample(self.seconds + other.seconds, peak, self.said | other.said, cpu_s)


def command(args: Sequence[str | os.PathLike[str]], cwd: Path, **variables: str) -> Sample:
    """Run a program to its successful end, start-up included.

    Its process tree is waited for by the kernel's own account, so the memory is that of the largest
    process anywhere in it. The benchmark's own process must stay small for that: a child begins
    with its parent's peak.
    """
    with tempfile.TemporaryFile() as output:
        began = time.perf_counter()
        process = subprocess.Popen(
            args,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, "GIT_TERMINAL_PROMPT": "0", **variables},
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        said = output.read()
    if process.returncode:
        shown = " ".join(map(str, args))
        raise Wrong(f"{shown} gave {process.returncode}: {said[-2000:].decode(errors='replace')}")
    cpu_s = usage.ru_utime + usage.ru_stime
    return Sample(seconds, usage.ru_maxrss * _RSS_UNIT, _reported(said), cpu_s)


def _reported(said: bytes) -> dict[str, float]:
    last = said.strip().rpartition(b"\n")[2]
    return json.loads(last) if last.startswith(b'{"seconds"') else {}


def calls(args: Sequence[str | os.PathLike[str]], cwd: Path, **variables: str) -> Sample:
    """Run a program that times calls of a library itself, once that was imported."""
    sample = command(args, cwd, **variables)
    return replace(sample, seconds=sample.said["seconds"])


@dataclass(slots=True)
class Series:
    """The runs of one contender at one row."""

    samples: list[Sample] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(sample.seconds for sample in self.samples)

    @property
    def spread(self) -> tuple[float, float]:
        seconds = [sample.seconds for sample in self.samples]
        return min(seconds), max(seconds)

    @property
    def peak_bytes(self) -> int:
        return max(sample.peak_bytes for sample in self.samples)

    def said(self, name: str) -> float:
        return statistics.median(sample.said[name] for sample in self.samples)


class Results:
    """Row → contender → series, in the order in which they were first met."""

    def __init__(self, tell: Callable[[str], object]) -> None:
        self.rows: dict[str, dict[str, Series]] = {}
        self._tell = tell

    def add(self, row: str, contender: str, sample: Sample) -> None:
        series = self.rows.setdefault(row, {}).setdefault(contender, Series())
        series.samples.append(sample)
        peak = sample.peak_bytes / 2**20
        times = f"{sample.seconds:.3f} s, {sample.cpu_s:.3f} s of processors"
        self._tell(f"{row}: {contender}: {times}, {peak:.0f} MiB")

    def series(self, row: str, contender: str) -> Series | None:
        return self.rows.get(row, {}).get(contender)

    def ratio(self, row: str, contender: str, other: str, other_row: str = "") -> float | None:
        """Return how many times as long one took as another, median against median."""
        one, two = self.series(row, contender), self.series(other_row or row, other)
        return one.median / two.median if one and two and two.median else None
