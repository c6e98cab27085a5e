"""What cannot be read cannot be saved, and nobody may believe that it was."""

from __future__ import annotations

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


@pytest.mark.parametrize("name", ["closed/model.bin", "model.bin", "notes.txt"])
def test_what_cannot_be_read_is_an_error_that_names_it(work: Path, name: str) -> None:
    target = work / name
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(b"weights")
    (work / "other.bin").write_bytes(b"other")
    closed = target if target.parent == work else target.parent
    closed.chmod(0)

    ended = machine.as_ordinary_user(SCRIPT, work)

    closed.chmod(0o755)
    assert ended.returncode == 7, ended.stderr
    assert closed.name in ended.stdout + ended.stderr
