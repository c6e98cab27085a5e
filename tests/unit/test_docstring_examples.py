"""Examples in docstrings work as they stand; those that ask a hub are run against one elsewhere."""

from __future__ import annotations

import doctest
import importlib
import re
from pathlib import Path

import pytest

import csgrepo

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
ASKS_A_HUB = re.compile(r"\bapi\b|\b(?:HubApi|InferenceApi|inference|login|logout|whoami)\(")
ROOT = Path(csgrepo.__file__).parent
MODULES = sorted(
    ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__")
    for path in ROOT.rglob("*.py")
    if ">>> " in path.read_text("utf-8")
    and path.relative_to(ROOT).parts[0] not in {"integrations", "compat"}  # need other libraries
)


def test_there_are_as_many_modules_as_there_should_be() -> None:
    assert len(MODULES) >= 50


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_a_module(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=FLAGS, verbose=False)
    for test in doctest.DocTestFinder(exclude_empty=True).find(importlib.import_module(name)):
        if not any(ASKS_A_HUB.search(example.source) for example in test.examples):
            runner.run(test, out=said.append)

    assert not runner.summarize(verbose=False).failed, "".join(said)
