"""What the attribute fixtures say is what git says."""

from __future__ import annotations

import itertools
import json
import shutil
from pathlib import Path

import pytest

from tests.stock import StockGit

FOLDER = Path(__file__).parents[2] / "fixtures" / "attributes"
EXPECTED = json.loads((FOLDER / "expected.json").read_text("utf-8"))


@pytest.mark.parametrize("name", sorted({case["file"] for case in EXPECTED}))
def test_git_gives_the_expected_filter(name: str, git: StockGit) -> None:
    git("init", "--quiet", ".")
    shutil.copy(FOLDER / name, git.cwd / ".gitattributes")
    expected = {case["path"]: case["filter"] for case in EXPECTED if case["file"] == name}
    names = "".join(f"{path}\0" for path in expected).encode()

    answer = git("check-attr", "-z", "--stdin", "filter", stdin=names).split("\0")

    assert dict(zip(answer[::3], answer[2::3], strict=False)) == expected


def test_every_attribute_file_has_an_expectation() -> None:
    named = {case["file"] for case in EXPECTED}
    kept = {path.name for path in FOLDER.glob("*.gitattributes")}
    assert named == kept


def test_no_path_is_expected_twice() -> None:
    pairs = sorted((case["file"], case["path"]) for case in EXPECTED)
    assert all(first != second for first, second in itertools.pairwise(pairs))
