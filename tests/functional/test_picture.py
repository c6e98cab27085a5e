"""The picture of the demo: made from a real run, and fit for every page."""

from __future__ import annotations

import importlib.util
import os
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "docs/_static/demo.svg"

_spec = importlib.util.spec_from_file_location("picture", ROOT / "docs/picture.py")
assert _spec is not None
assert _spec.loader is not None
picture = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(picture)


def words(svg: str) -> list[str]:
    return [each.text or "" for each in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def test_picture_shows_the_demo_to_its_end_as_text_for_light_and_dark() -> None:
    svg = PICTURE.read_text("utf-8")

    assert len(svg.encode()) < 100_000
    shown = words(svg)
    assert shown[0] == "$ csgrepo demo"
    assert "Every byte that was saved came back." in shown
    assert any("step  45" in line for line in shown)
    assert "prefers-color-scheme: dark" in svg
    assert "docs/_static/demo.svg" in (ROOT / "README.md").read_text("utf-8")


def test_screen_when_bars_are_drawn_over_then_has_what_stays() -> None:
    bars = "one 0%\r\ntwo 0%\x1b[A\rone 100%\r\n\rtwo 100% done\x1b[5D\x1b[K\r\nend\r\n"

    assert picture.screen(bars) == ["one 100%", "two 100% done", "end"]


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
def test_record_when_a_command_runs_then_it_has_a_terminal_of_that_width() -> None:
    code = "import os, sys; print(sys.stdout.isatty(), os.get_terminal_size().columns, '<&>')"
    # The size is set once the child runs; it waits for it.
    wait = "import os, time\nwhile os.get_terminal_size().columns == 0: time.sleep(0.01)\n"

    written = picture.record([sys.executable, "-c", wait + code])

    svg = picture.svg("a <command>", picture.screen(written))
    assert words(svg) == ["$ a <command>", f"True {picture.COLUMNS} <&>"]


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
def test_record_when_the_command_fails_then_makes_no_picture() -> None:
    with pytest.raises(SystemExit, match="no such thing"):
        picture.record([sys.executable, "-c", "raise SystemExit('no such thing')"])
