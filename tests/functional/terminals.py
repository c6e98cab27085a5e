"""The command line on a terminal of its own: typed at, resized and read."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from types import TracebackType

from tests.functional.transcripts import record

PATIENCE_S = 300.0


class Terminal:
    """A process whose controlling terminal this is, so that Ctrl-C can be typed.

    Args:
        args: the command line.
        columns: how wide the terminal is.
    """

    def __init__(self, *args: str, columns: int = 80) -> None:
        self._shown = b""
        self._args = args
        self._master, slave = pty.openpty()
        self.resize(columns)
        self._process = subprocess.Popen(
            [sys.executable, "-c", _START, *args],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._master)

    def resize(self, columns: int) -> None:
        """Make it so wide; the process hears of it."""
        size = struct.pack("HHHH", 24, columns, 0, 0)
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, size)

    def type(self, keys: bytes) -> None:
        os.write(self._master, keys)

    @property
    def text(self) -> str:
        """All that was shown, but for what was forgotten."""
        return self._shown.decode("utf-8", "replace")

    def forget_until(self, text: str) -> None:
        """Go on with what was shown behind a text."""
        self._shown = self._shown.partition(text.encode())[2]

    def lines(self) -> list[str]:
        """What was shown, each redrawing as a line of its own, without what moves the cursor."""
        plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.text)
        return [line for line in re.split(r"[\r\n]+", plain) if line.strip()]

    def read_until(self, pattern: str) -> None:
        """Read until that was shown."""
        deadline = time.monotonic() + PATIENCE_S
        while not re.search(pattern, self.text):
            assert time.monotonic() < deadline, self.text
            assert self._read(1.0), self.text

    def wait(self) -> int:
        """Read to the end, and return the exit code."""
        deadline = time.monotonic() + PATIENCE_S
        while self._read(1.0):
            assert time.monotonic() < deadline, self.text
        code = self._process.wait(PATIENCE_S)
        record(self._args, code)
        return code

    def _read(self, timeout_s: float) -> bool:
        """Take what is there; false once the process has closed its side."""
        if select.select([self._master], [], [], timeout_s)[0]:
            with contextlib.suppress(OSError):  # EIO: nobody is on the other side
                if piece := os.read(self._master, 65536):
                    self._shown += piece
                    return True
            return False
        return True


# A session of its own has no terminal until it takes one; Ctrl-C is heard by whoever has it.
_START = """
import fcntl, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from csgrepo.cli import main
sys.exit(main(sys.argv[1:]))
"""
