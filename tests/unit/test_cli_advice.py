"""What the library's errors advise, as somebody on the command line reads it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import csgrepo
from csgrepo.cli.advice import WORDS, in_commands
from csgrepo.errors import DigestMismatch, InvalidInput, PartialDownload

LIBRARY = Path(csgrepo.__file__).parent
ELSEWHERE = {"cli", "server", "integrations"}

# A call or an argument of Python, as advice names it.
PYTHON = re.compile(
    r"\b[a-z_]+\.?[a-z_]+\([^)]*=|\bgit_[a-z]+\(|api\.|HubApi|\b[a-z_]+=(?=[ ,;.)]|$)"
)

# What is no advice, or advice that no command can lead to.
OTHERS = {
    "__init__.py": "CommitInfo ",  # names of this library
    "doctor/codes.py": "`--need` or ",  # names both
    "download/addresses.py": "pass file_name=",  # of a call that no command makes
    "git/callback.py": "runpy",
    "hub/git_refs.py": "# service=",  # of the protocol
    "hub/inference.py": ", task=",  # a `repr`
}


def joined(node: ast.AST) -> str | None:
    """The text of a literal, with something in the place of what is filled in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        parts = (part.value if isinstance(part, ast.Constant) else "'x'" for part in node.values)
        return "".join(map(str, parts))
    return None


def said() -> Iterator[tuple[str, str]]:
    """Yield every sentence in the library that is no docstring, and where it is."""
    for path in LIBRARY.rglob("*.py"):
        if path.relative_to(LIBRARY).parts[0] in ELSEWHERE:
            continue
        tree = ast.parse(path.read_text("utf-8"))
        nodes = list(ast.walk(tree))
        passed = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
        passed |= {
            id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values
        }
        for node in nodes:
            text = joined(node)
            if text and " " in text and id(node) not in passed:
                yield path.relative_to(LIBRARY).as_posix(), text


def test_no_sentence_of_the_library_reaches_a_shell_with_a_call_of_python() -> None:
    left = [
        (where, text)
        for where, text in said()
        if PYTHON.search(in_commands(text)) and OTHERS.get(where, "\0") not in text
    ]

    assert not left, "say it for a shell in csgrepo/cli/advice.py"


def test_everything_that_is_replaced_is_said_somewhere() -> None:
    text = "\n".join(text for _, text in said())

    assert not [words.pattern for words, _ in WORDS if not words.search(text)]


@pytest.mark.parametrize(
    ("error", "read"),
    [
        (PartialDownload({"a.bin": OSError("cut off")}), "`csgrepo pull --lfs` fetches what"),
        (DigestMismatch("a.bin", "1", "2"), "run the same command again"),
        (
            InvalidInput("(git_pull(lfs=True)), or lfs_track('a b.bin', filename=True)."),
            "(`csgrepo pull --lfs`), or `csgrepo track --filename 'a b.bin'`.",
        ),
    ],
)
def test_error_when_it_advises_a_call_then_the_command(error: Exception, read: str) -> None:
    assert read in in_commands(str(error))
    assert read not in str(error)
