"""The documentation: its examples run, it builds without a warning, it tells of everything."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import click
import pytest
import yaml

from csgrepo.cli.root import csgrepo as command_line
from csgrepo.doctor import CODES
from csgrepo.doctor.examination import examine
from csgrepo.server import Hub
from tests.functional import examples
from tests.machine import lacking

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
GENERATED = {"commands.md", "doctor.md", "exit-codes.md"}
PAGES = sorted(path for path in DOCS.rglob("*.md") if path.name not in GENERATED)
COMMANDS = set(command_line.list_commands(click.Context(command_line)))
NAMES = [path.relative_to(DOCS).as_posix() for path in PAGES]


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_examples_of_a_page_run_as_they_stand(
    page: Path, wandas_hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A hub that is silent for two seconds is a finding; here the machine may be that busy.
    assert examine.__kwdefaults__
    monkeypatch.setitem(examine.__kwdefaults__, "within_s", 300.0)
    written = page.read_text("utf-8")
    runnable = [e for e in examples.examples(written) if e.kind in {"python", "sh"}]
    unknown = {e.kind for e in examples.examples(written)} - {"python", "sh", *examples.SHOWN}

    assert not unknown, "a block in a language that nobody runs"
    assert examples.run(page, wandas_hub) == len(runnable)


def test_steps_of_the_ci_page_are_commands() -> None:
    text = (DOCS / "howto/ci.md").read_text("utf-8")
    (block,) = [e.text for e in examples.examples(text) if e.kind == "yaml"]

    steps = yaml.safe_load(block)["jobs"]["publish"]["steps"]

    ours = [step["run"].split()[1] for step in steps if step["run"].startswith("csgrepo ")]
    assert len(ours) >= 3
    assert set(ours) <= COMMANDS


def test_documentation_builds_without_a_warning_and_tells_of_everything(tmp_path: Path) -> None:
    if importlib.util.find_spec("sphinx") is None:
        lacking("Sphinx is not installed (pip install -e '.[docs]')")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html"),
            *("-d", str(tmp_path / "doctrees"), str(DOCS), str(tmp_path / "html")),
        ],
        capture_output=True,
        check=False,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr

    reference = tmp_path / "html/reference"
    library = (reference / "library.html").read_text("utf-8")
    assert 'id="csgrepo.Repository.push_to_hub"' in library
    assert 'id="csgrepo.errors.PushRejected"' in library
    commands = (reference / "commands.html").read_text("utf-8")
    assert all(f"csgrepo {name}" in commands for name in COMMANDS)
    codes = (reference / "doctor.html").read_text("utf-8")
    assert all(code in codes for code in CODES)
