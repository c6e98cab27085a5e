"""What cannot be read cannot be saved, and nobody may believe that it was."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import machine
from tests.stock import StockGit

SCRIPT = """
import sys
from csgrepo import InvalidInput, Repository
try:
    Repository(sys.argv[1], token=False).git_add(auto_lfs_track=True)
except InvalidInput as error:
    print(error)
    raise SystemExit(7)
"""


@pytest.fixture
def work(git: StockGit, tmp_path: Path) -> Path:
    git("init", "--quiet", tmp_path / "work")
    (tmp_path / "work" / ".gitattributes").write_text("*.bin filter=lfs diff=lfs merge=lfs -text\n")
    return tmp_path / "work"


def add_as_ordinary_user(work: Path) -> subprocess.CompletedProcess[str]:
    """Run the add as somebody whom permissions bind, which root is only without these rights."""
    command = [sys.executable, "-c", SCRIPT, str(work)]
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            machine.lacking("setpriv is not installed")
        without = "-dac_override,-dac_read_search"
        command = ["setpriv", f"--bounding-set={without}", f"--inh-caps={without}", *command]
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": root, "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        command, cwd="/", env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("name", ["closed/model.bin", "model.bin", "notes.txt"])
def test_what_cannot_be_read_is_an_error_that_names_it(work: Path, name: str) -> None:
    target = work / name
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(b"weights")
    (work / "other.bin").write_bytes(b"other")
    closed = target if target.parent == work else target.parent
    closed.chmod(0)

    ended = add_as_ordinary_user(work)

    closed.chmod(0o755)
    assert ended.returncode == 7, ended.stderr
    assert closed.name in ended.stdout + ended.stderr
