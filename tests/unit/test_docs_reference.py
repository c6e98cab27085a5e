"""What the reference has to tell of, whoever adds it."""

from __future__ import annotations

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
