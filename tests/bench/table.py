"""The table: what was asked of csgrepo, what was measured, beside the others."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from csgrepo import __version__
from tests.bench import large, saving
from tests.bench.contenders import CSGREPO, FLOOR, OLDER, ONE_THREAD, PLAIN, STOCK, Older
from tests.bench.measuring import Results

MEMORY_MIB = 120


@dataclass(frozen=True, slots=True)
class Target:
    """One target: the row it is measured at, in words, and whether the figures meet it."""

    row: str
    words: str
    met: Callable[[Results], bool | None]


def at_most(row: str, factor: float, other: str, other_row: str = "") -> Target:
    of = other_row or other
    words = f"at most {factor:g} × {of}"

    def met(results: Results) -> bool | None:
        ratio = results.ratio(row, CSGREPO, other, other_row)
        return None if ratio is None else ratio <= factor

    return Target(row, words, met)


def faster(row: str, factor: float, other: str) -> Target:
    def met(results: Results) -> bool | None:
        ratio = results.ratio(row, other, CSGREPO)
        return None if ratio is None else ratio >= factor

    words = f"{factor:g} × faster than {other}" if factor > 1 else f"faster than {other}"
    return Target(row, words, met)


def under(row: str, seconds: float, beyond: str = "") -> Target:
    """A time; beyond that of another row, where one is named."""

    def met(results: Results) -> bool | None:
        series, other = results.series(row, CSGREPO), results.series(beyond, CSGREPO)
        if series is None or (beyond and other is None):
            return None
        return series.median - (other.median if other else 0) <= seconds

    words = f"at most {seconds * 1000:.0f} ms" + (f" more than {beyond}" if beyond else "")
    return Target(row, words, met)


def said(row: str, name: str, limit: float, words: str) -> Target:
    def met(results: Results) -> bool | None:
        series = results.series(row, CSGREPO)
        if series is None:
            return None
        return max(sample.said[name] for sample in series.samples) <= limit

    return Target(row, words, met)


def no_more(row: str, name: str, limit: float, words: str) -> Target:
    """A figure beside its time, and by how much it may exceed the floor's."""

    def met(results: Results) -> bool | None:
        one, floor = results.series(row, CSGREPO), results.series(row, FLOOR)
        return one.said(name) - floor.said(name) <= limit if one and floor else None

    return Target(row, words, met)


def targets(results: Results) -> list[Target]:
    """Return the targets of the rows that were measured."""
    track = [row for row in results.rows if row.startswith("auto-tracking")]
    files = [row for row in results.rows if "small files" in row]
    disks = [saving.REFLINK.format(kind=kind) for kind in ("XFS", "Btrfs")]
    found = [
        at_most(large.ADD_ONE, 1.15, FLOOR),
        faster(large.ADD_ONE, 6, STOCK),
        at_most(large.ADD_MANY, 0.7, ONE_THREAD),
        under(large.AGAIN, 0.3),
        said(large.STATUS_ADD, "filters", 0, "no filter runs"),
        said(large.STATUS_CLONE, "filters", 0, "no filter runs"),
        faster(large.CLONE, 6, STOCK),
        at_most(large.CLONE, 1.2, FLOOR),
        faster(large.PUSH, 1, large.LFS_PUSH),
        at_most(large.PUSH, 1.1, FLOOR),
        *(at_most(row, 1.15, PLAIN) for row in files),
        *(under(row, 1.0) for row in track),
        *(said(row, "processes", 6, "at most 6 processes") for row in track),
        under(saving.SAVE, 0.15, saving.ADD),
        no_more(saving.LOOP, "lost", 0.02, "loses under 2 % more than while curl sends the file"),
        *(said(row, "disk", 16 << 20, "no disk for the copy") for row in disks),
        under(saving.IMPORT, 0.06, saving.PYTHON),
        under(saving.VERSION, 0.15, saving.PYTHON),
    ]
    return [target for target in found if target.met(results) is not None]


def machine() -> str:
    """Name the machine as the reader of the table would."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {platform.machine()}, {memory:.0f} GiB, {platform.system()}"


def versions(older: Older | None) -> dict[str, str]:
    """Return name → version of everybody who was measured."""
    found = {"csgrepo": __version__, "Python": platform.python_version()}
    for name, args in (("git", ["git", "version"]), ("git-lfs", ["git", "lfs", "version"])):
        words = subprocess.run(args, capture_output=True, check=False, text=True).stdout.replace(
            "/", " "
        )
        found[name] = next((word for word in words.split() if word[:1].isdigit()), "?")
    if older:
        found["huggingface_hub"] = older.version()
    return found


def file_system(folder: Path) -> str:
    asked = ["stat", "--file-system", "--format=%T", str(folder)]
    return subprocess.run(asked, capture_output=True, check=False, text=True).stdout.strip() or "?"


def markdown(results: Results, facts: dict[str, object]) -> str:
    """Return the table, the targets below it, and what it was measured on."""
    columns = [CSGREPO, FLOOR, ONE_THREAD, STOCK, OLDER, PLAIN]
    columns = [name for name in columns if any(name in row for row in results.rows.values())]
    if any(large.LFS_PUSH in row for row in results.rows.values()):
        columns.insert(columns.index(STOCK) + 1, large.LFS_PUSH)
    lines = [
        f"| work | {' | '.join(columns)} | csgrepo's memory |",
        f"|---|{'---|' * len(columns)}---|",
    ]
    for name, row in results.rows.items():
        cells = [_cell(results, name, column) for column in columns]
        memory = f"{row[CSGREPO].peak_bytes / 2**20:.0f} MiB" if CSGREPO in row else ""
        lines.append(f"| {name} | {' | '.join(cells)} | {'' if memory == '0 MiB' else memory} |")
    lines += ["", "| target | | measured |", "|---|---|---|"]
    for target in targets(results):
        met = "met" if target.met(results) else "**missed**"
        lines.append(f"| {target.row}: {target.words} | {met} | {_extra(results, target)} |")
    lines += [f"| no process above {MEMORY_MIB} MB | {_memory(results)} |", ""]
    lines += [f"{name}: {value}  " for name, value in facts.items()]
    return "\n".join(lines).rstrip() + "\n"


def _cell(results: Results, row: str, contender: str) -> str:
    series = results.series(row, contender)
    if series is None:
        return ""
    low, high = series.spread
    spread = f" ({_s(low)}–{_s(high)})" if len(series.samples) > 1 else ""
    ratio = results.ratio(row, contender, CSGREPO)
    times = f", {ratio:.1f} ×" if ratio is not None and contender != CSGREPO else ""
    return f"{_s(series.median)} s{spread}{times}"


def _s(seconds: float) -> str:
    return f"{seconds:.2f}" if seconds >= 0.1 else f"{seconds:.3f}"


def _extra(results: Results, target: Target) -> str:
    series = results.series(target.row, CSGREPO)
    assert series is not None
    names = {"filters", "processes", "lines", "lost", "disk"}
    facts = [f"{name} {series.said(name):.3g}" for name in series.samples[0].said if name in names]
    floor = results.series(target.row, FLOOR)
    beside = names & floor.samples[0].said.keys() if floor else set()
    facts += [f"floor {name} {floor.said(name):.3g}" for name in beside if floor]
    return ", ".join(facts)


def _memory(results: Results) -> str:
    peak = max(
        (row[CSGREPO].peak_bytes for row in results.rows.values() if CSGREPO in row), default=0
    )
    met = "met" if peak <= MEMORY_MIB * 10**6 else "**missed**"
    return f"{met} | {peak / 2**20:.0f} MiB"


def as_json(results: Results, facts: dict[str, object]) -> str:
    """Return every sample, for whoever wants to count again."""
    rows = {
        name: {
            contender: {
                "median_s": series.median,
                "peak_bytes": series.peak_bytes,
                "samples": [
                    {"seconds": s.seconds, "cpu_s": s.cpu_s, **s.said} for s in series.samples
                ],
            }
            for contender, series in row.items()
        }
        for name, row in results.rows.items()
    }
    met = {f"{t.row}: {t.words}": t.met(results) for t in targets(results)}
    return json.dumps({"facts": facts, "rows": rows, "targets": met}, indent=1) + "\n"
