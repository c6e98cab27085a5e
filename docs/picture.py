"""The picture of the demo in the README: a real run in a terminal, as an SVG with its text in it.

`python docs/picture.py` runs `csgrepo demo` and writes ``docs/_static/demo.svg``. It needs a system
with pseudo-terminals (Linux, macOS) and the extra `demo`.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from html import escape
from pathlib import Path

__all__ = ["record", "screen", "svg"]

COLUMNS, ROWS = 108, 40
_TARGET = Path(__file__).parent / "_static" / "demo.svg"
_STEP = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])|([\r\n])|([^\x1b\r\n]+)")
_PITCH, _LINE, _EDGE = 8.43, 20, 16  # of one character at 14 px; of one line; around them all

_STYLE = """
  text { font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; fill: #1f2328;
         white-space: pre; }
  .paper { fill: #f6f8fa; stroke: #d1d9e0; }
  .prompt { fill: #0969da; font-weight: 600; }
  .bar { fill: #59636e; }
  .good { fill: #1a7f37; font-weight: 600; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .paper { fill: #161b22; stroke: #30363d; }
    .prompt { fill: #58a6ff; }
    .bar { fill: #8b949e; }
    .good { fill: #3fb950; }
  }
"""


def record(command: Sequence[str], columns: int = COLUMNS) -> str:
    """Run a command in a terminal of that width, and return all it wrote there."""
    import fcntl
    import pty
    import struct
    import termios

    pid, terminal = pty.fork()
    if pid == 0:
        os.execvpe(command[0], command, os.environ | {"TERM": "xterm", "LANG": "C.UTF-8"})  # noqa: S606
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, columns, 0, 0))
    written = b""
    try:
        while piece := os.read(terminal, 65536):
            written += piece
    except OSError:  # Linux's way to say that the other side is closed
        pass
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed:\n{written.decode()}")
    return written.decode("utf-8")


def screen(written: str) -> list[str]:
    r"""Return the lines a terminal shows in the end; it knows what progress bars need.

    Example:
        >>> screen("50%\r\n99%\x1b[A\r100%\r\n")
        ['100%', '99%']
    """
    lines: list[list[str]] = [[]]
    row = column = 0
    for arguments, letter, control, text in _STEP.findall(written):
        count = int(arguments or 1) if arguments.isdigit() or not arguments else 1
        if control == "\r":
            column = 0
        elif control == "\n":
            row += 1
        elif letter == "A":
            row = max(0, row - count)
        elif letter == "K":
            del lines[row][column:]
        lines += [[] for _ in range(row + 1 - len(lines))]
        if text:
            line = lines[row]
            line += " " * (column - len(line))
            line[column : column + len(text)] = text
            column += len(text)
    shown = ["".join(line).rstrip() for line in lines]
    while shown and not shown[-1]:
        shown.pop()
    return shown


def svg(title: str, lines: Sequence[str]) -> str:
    """Return the picture of a terminal in which a command was run."""
    width = 2 * _EDGE + COLUMNS * _PITCH
    height = 2 * _EDGE + (len(lines) + 1) * _LINE
    texts = [_text(0, "prompt", f"$ {title}")]
    texts += [_text(number, _kind(line), line) for number, line in enumerate(lines, 1)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" '
        f'role="img" aria-label="{escape(title)} in a terminal">\n<style>{_STYLE}</style>\n'
        f'<rect class="paper" x="0.5" y="0.5" width="{width - 1:.0f}" height="{height - 1}" '
        f'rx="6"/>\n{"".join(texts)}</svg>\n'
    )


def _text(row: int, kind: str, line: str) -> str:
    named = f' class="{kind}"' if kind else ""
    y = _EDGE + 14 + row * _LINE
    # The length keeps columns in line whatever font there is.
    return (
        f'<text x="{_EDGE}" y="{y}"{named} xml:space="preserve" '
        f'textLength="{len(line) * _PITCH:.0f}">{escape(line)}</text>\n'
        if line
        else ""
    )


def _kind(line: str) -> str:
    if "|" in line and "%" in line:
        return "bar"
    return "good" if line.startswith("Every byte") else ""


def main() -> None:
    """Run the demo and write its picture."""
    lines = screen(record([sys.executable, "-m", "csgrepo", "demo"]))
    _TARGET.parent.mkdir(exist_ok=True)
    _TARGET.write_text(svg("csgrepo demo", lines), "utf-8")
    print(f"{_TARGET}: {_TARGET.stat().st_size} bytes")  # noqa: T201


if __name__ == "__main__":
    main()
