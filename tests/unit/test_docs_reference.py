"""What the reference has to tell of, whoever adds it."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import csgrepo
from csgrepo import config, errors

REFERENCE = Path(__file__).parents[2] / "docs/reference"


def test_every_public_name_is_in_the_reference() -> None:
    page = (REFERENCE / "library.md").read_text("utf-8")
    named = set(re.findall(r":: csgrepo\.(\w+)$", page, re.MULTILINE))

    missing = set(csgrepo.__all__) - named - set(errors.__all__) - {"__version__"}

    assert not missing, "add it to docs/reference/library.md"


def test_every_variable_that_is_read_is_documented() -> None:
    read = set(re.findall(r'"((?:CSGHUB|CSG)_[A-Z_]+)"', Path(config.__file__).read_text("utf-8")))
    page = (REFERENCE / "environment.md").read_text("utf-8")

    assert read
    assert not [name for name in read if f"`{name}`" not in page], "add it to environment.md"


def test_page_of_commands_shows_prose_as_prose_and_every_option_with_its_values() -> None:
    outside = re.sub(r"^```.*?^```$", "", _commands(), flags=re.MULTILINE | re.DOTALL)

    assert not re.findall(r"^(?: {4}|\t).*", outside, re.MULTILINE), "Markdown takes it for code"
    assert r"--type [model\|dataset\|space\|code\|mcp\|skill]` | What the" in outside
    assert "| `--days INTEGER RANGE` | It ends then; never where not given. [1&lt;=x" in outside
    assert "| `--no-color` |" in outside


def _commands() -> str:
    source = REFERENCE.parent / "generate.py"
    spec = importlib.util.spec_from_file_location("generate", source)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return str(module.pages()["commands.md"])
