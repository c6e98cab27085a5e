"""The command line on a terminal: what a person sees, and what they type."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from types import TracebackType

from csgrepo.progress.label import width
from tests.functional.transcripts import record

_PATIENCE_S = 300
_WITH_A_TERMINAL = (  # so that Ctrl-C reaches it as a signal
    "import fcntl, runpy, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
    "runpy.run_module('csgrepo', run_name='__main__')"
)


class Terminal:
    """A command of csgrepo on a terminal of its own; ended with the block, whatever happens.

    Attributes:
        shown: all that appeared so far.
    """

    def __init__(self, *args: str, columns: int = 80, **environment: str) -> None:
        self.shown = ""
        self._args = args
        self._master, slave = pty.openpty()
        self._size(columns)
        own = {n: v for n, v in os.environ.items() if n not in {"COLUMNS", "LINES", "NO_COLOR"}}
        self._process = subprocess.Popen(
            [sys.executable, "-c", _WITH_A_TERMINAL, *args],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=own | {"TERM": "xterm"} | environment,
            start_new_session=True,
        )
        os.close(slave)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._master)

    def see(self, text: str) -> None:
        """Wait until a text was shown."""
        end = time.monotonic() + _PATIENCE_S
        while text not in self.shown:
            assert self._read(end - time.monotonic()), f"never saw {text!r} in {self.shown!r}"

    def type(self, text: str) -> None:
        """Type, as a person would; ``\\x03`` is Ctrl-C."""
        os.write(self._master, text.encode())

    def resize(self, columns: int) -> None:
        """Make the terminal so wide, and tell the command."""
        self._size(columns)
        self._process.send_signal(signal.SIGWINCH)

    def end(self) -> int:
        """Read to the end, and return the exit code."""
        while self._read(_PATIENCE_S):
            pass
        code = self._process.wait(_PATIENCE_S)
        record(self._args, code)
        return code

    @property
    def widest(self) -> int:
        """How many columns the longest line took, colours left out."""
        plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.shown)
        return max(width(line) for line in re.split(r"[\r\n]+", plain))

    def _size(self, columns: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def _read(self, patience_s: float) -> bool:
        """Take what has come; tell whether there may be more."""
        if not select.select([self._master], [], [], max(patience_s, 0))[0]:
            return False
        try:
            piece = os.read(self._master, 65536)
        except OSError:  # the last one who had it open is gone
            return False
        self.shown += piece.decode("utf-8", "replace")
        return bool(piece)
