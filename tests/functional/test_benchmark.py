"""The benchmark runs from end to end; how fast anything was is not judged here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests import machine
from tests.bench.__main__ import BEGIN, END, PARTS, replaced

ROOT = Path(__file__).parent.parent.parent


def test_benchmark_when_run_with_tiny_sizes_measures_every_row_and_writes_its_table(
    tmp_path: Path,
) -> None:
    for program in ("nginx", "fcgiwrap", "curl", "git-lfs"):
        if not machine.have(program):
            machine.lacking(f"the benchmark needs {program}")
    command = [sys.executable, "-m", "tests.bench", "--scale=tiny", "--rounds=1"]
    options = ["--slow-rounds=1", f"--folder={tmp_path}", f"--output={tmp_path / 'table'}"]
    options += [f"--only={part}" for part in PARTS if part not in {"reflinks", "many"}]

    done = subprocess.run(
        [*command, *options],
        cwd=ROOT,
        capture_output=True,
        check=False,
        text=True,
        timeout=300,
    )

    assert done.returncode == 0, done.stderr
    measured = json.loads((tmp_path / "table.json").read_text())
    rows = measured["rows"]
    assert {"floor", "csgrepo", "git + git-lfs"} <= set(rows["clone, content included"])
    assert all(row["csgrepo"]["median_s"] > 0 for row in rows.values())
    assert len(measured["targets"]) >= 11
    table = (tmp_path / "table.md").read_text(encoding="utf-8")
    assert all(f"| {name} |" in table for name in rows)
    assert [path.name for path in tmp_path.glob("csgrepo-bench-*")] == []


def test_table_when_put_into_a_readme_replaces_the_last_one_and_nothing_else(
    tmp_path: Path,
) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"# csgrepo\n\n{BEGIN}\n| old |\n{END}\n\nMore.\n", encoding="utf-8")

    replaced(readme, "| new |\n")

    assert readme.read_text("utf-8") == f"# csgrepo\n\n{BEGIN}\n| new |\n{END}\n\nMore.\n"


def test_table_when_the_readme_has_no_place_for_it_is_refused_and_changes_nothing(
    tmp_path: Path,
) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("# csgrepo\n", encoding="utf-8")

    with pytest.raises(Exception, match="lacks the lines"):
        replaced(readme, "| new |\n")

    assert readme.read_text("utf-8") == "# csgrepo\n"
