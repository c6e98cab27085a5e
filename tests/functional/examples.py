"""The examples in a page of documentation, to be run as they stand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from csgrepo.server import Hub

_BLOCK = re.compile(
    r"^```(?P<kind>\w+)\n(?P<text>.*?)^```$|^<!-- run\n(?P<hidden>.*?)^-->$",
    re.MULTILINE | re.DOTALL,
)
# What shows a form, and runs nothing.
SHOWN = {"text", "json", "yaml"}


class Example(NamedTuple):
    """A block of a page.

    Attributes:
        kind: the language it is marked with; what is hidden is Python.
        text: its lines.
        line: where it stands in the page.
    """

    kind: str
    text: str
    line: int


def examples(page: str) -> list[Example]:
    """Return the blocks of a page, those included that readers do not see."""
    return [
        Example(
            found["kind"] or "python",
            found["text"] if found["kind"] else found["hidden"],
            page.count("\n", 0, found.start()) + 2,
        )
        for found in _BLOCK.finditer(page)
    ]


def run(page: Path, hub: Hub) -> int:
    """Run the examples of a page one after the other, in one namespace; return how many.

    What readers do not see may reach for the hub that answers.
    """
    names: dict[str, object] = {"__name__": "__main__", "hub": hub}
    count = 0
    for kind, text, line in examples(page.read_text("utf-8")):
        if kind == "python":
            # Padded, so that a traceback names the line of the page.
            exec(compile("\n" * (line - 1) + text, page, "exec"), names)
        elif kind == "sh":
            _shell(text, f"{page}:{line}")
        else:
            continue
        count += 1
    return count


def _shell(text: str, where: str) -> None:
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-e", "-c", text],
        env=os.environ | {"PATH": programs},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        encoding="utf-8",
        timeout=500,
    )
    assert done.returncode == 0, f"{where}\n{done.stdout}\n{done.stderr}"
