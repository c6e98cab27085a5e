"""Which bytes are a pointer: stock git-lfs and csgrepo agree on every fixture."""

from __future__ import annotations

from pathlib import Path

import pytest

from csgrepo.lfs.pointer import Pointer
from tests.stock import StockGit

FILES = sorted((Path(__file__).parents[2] / "fixtures" / "pointers").glob("*.txt"))

# git-lfs trims blanks around the whole file, reads sizes as Go does, and takes an empty file for
# the pointer of an empty file.
MORE_LENIENT = {"bad-blank-line-first", "bad-empty", "bad-plus-size"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_csgrepo_reads_a_fixture_as_its_name_says(path: Path) -> None:
    pointer = Pointer.parse(path.read_bytes())

    assert (pointer is not None) == path.stem.startswith("good-")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_stock_git_lfs_reads_a_fixture_the_same_way(path: Path, stock_lfs: StockGit) -> None:
    stock_lfs("init", "--quiet", ".")

    said = stock_lfs.run("lfs", "pointer", "--check", "--file", path)

    expected = path.stem.startswith("good-") or path.stem in MORE_LENIENT
    assert said.returncode == (0 if expected else 1)


def test_both_kinds_are_there() -> None:
    assert len([path for path in FILES if path.stem.startswith("good-")]) >= 8
    assert len([path for path in FILES if path.stem.startswith("bad-")]) >= 25
