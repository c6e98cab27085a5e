"""A training script whose remote is away all the time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from csgrepo import Repository
from tests.functional.cli import csgrepo

SCRIPT = """
import sys
from pathlib import Path
from csgrepo import Repository
folder, on_exit = sys.argv[1:]
repo = Repository(folder, on_exit=on_exit)
for step in range(2):
    Path(folder, "模型.bin").write_bytes(bytes([0, step]))
    repo.push_to_hub(f"step {step}", blocking=False)
print("trained to the end")
"""


@pytest.mark.parametrize(("on_exit", "status"), [("warn", 0), ("raise", 8)])
def test_training_goes_to_its_end_and_the_pushes_can_be_resumed(
    bare_remote, git, tmp_path, on_exit, status
):
    remote = bare_remote()
    folder = tmp_path / "my work"
    with Repository(folder, clone_from=remote.url).commit("first"):
        Path("README.md").write_text("a model\n")
    away = remote.path.rename(tmp_path / "away")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, folder, on_exit],
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=300,
    )
    assert (done.returncode, done.stdout) == (status, "trained to the end\n"), done.stderr
    failures = [line for line in done.stderr.splitlines() if " failed: " in line]
    assert len(failures) == 2
    command = f"csgrepo jobs resume '{folder}'"
    assert all(line.endswith(f" - resume with: {command}") for line in failures)

    away.rename(remote.path)
    resumed = csgrepo("jobs", "resume", str(folder), "--json")
    assert resumed.returncode == 0, resumed.stderr
    assert [job["state"] for job in json.loads(resumed.stdout)] == ["done", "done"]
    assert git("ls-remote", remote.url, "main").split()[0] == git.at(folder)("rev-parse", "HEAD")
