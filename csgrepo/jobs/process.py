"""Which process it is, told apart from a later one that was given the same number."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Owner", "Process", "attend", "dismiss", "signal_name", "status_of"]

_PROC = Path("/proc")
_DYING_S = 5.0  # how long one that was killed may take on a machine that is busy with others

# Children that a thread of this process waits for: until it has written down how one ended, the
# child counts as alive, so that nobody sees a guess first and the fact later.
_attended: set[Process] = set()


@dataclass(frozen=True, slots=True)
class Process:
    """A process, on the machine and since the boot it belongs to.

    Attributes:
        pid: its number.
        started: when it started, as its system tells; ``""`` where it does not.
        home: the machine, boot and PID namespace in which the number means something.
    """

    pid: int
    started: str
    home: str

    @classmethod
    def of(cls, pid: int) -> Process:
        """Describe a process of this machine."""
        return cls(pid, _look(pid)[1], _home())

    @classmethod
    def mine(cls) -> Process:
        """Describe the process that asks."""
        return cls.of(os.getpid())

    @classmethod
    def parse(cls, text: str) -> Process:
        """Read what ``str()`` gave."""
        pid, started, home = text.split(" ", 2)
        return cls(int(pid), started.removeprefix("-"), home)

    def __str__(self) -> str:
        return f"{self.pid} {self.started or '-'} {self.home}"

    @property
    def is_local(self) -> bool:
        """Whether this process can see it; of others nobody here knows whether they live."""
        return self.home == _home()

    @property
    def is_alive(self) -> bool:
        """Whether it still runs; one on another machine is taken to.

        A zombie is dead. The same machine after another boot knows that all is gone.
        """
        if not self.is_local:
            theirs, ours = self.home.split("/"), _home().split("/")
            return not (theirs[0] == ours[0] and theirs[1] != ours[1])
        if self in _attended:
            return True
        exists, started = _look(self.pid)
        return exists and (not self.started or started == self.started)

    @property
    def is_stopped(self) -> bool:
        """Whether it is suspended, as by SIGSTOP or Ctrl-Z; only Linux tells."""
        if not self.is_local or not self.is_alive:
            return False
        with contextlib.suppress(OSError, ValueError):
            content = (_PROC / str(self.pid) / "stat").read_bytes()
            return content[content.rindex(b")") + 2 :].split()[0] in {b"T", b"t"}
        return False

    def send(self, number: int, *, group: bool = False) -> bool:
        """Send a signal, if it is still the process it was.

        Args:
            number: the signal.
            group: whether everything it started gets it as well; it must lead a group.

        Returns:
            Whether it was there to get it.
        """
        if not self.is_local or not self.is_alive:
            return False
        with contextlib.suppress(OSError):
            if group and os.name == "posix":
                os.killpg(self.pid, number)
            else:
                os.kill(self.pid, number)
            return True
        return False

    def stop_group(self, patience_s: float = 5.0) -> None:
        """End it and what it started, politely first, and wait until it is gone.

        Args:
            patience_s: how long it may take to end of itself.
        """
        kill = getattr(signal, "SIGKILL", signal.SIGTERM)
        for number, wait_s in ((signal.SIGTERM, patience_s), (kill, max(patience_s, _DYING_S))):
            if not self.send(number, group=True):
                return
            deadline = time.monotonic() + wait_s
            while self.is_alive and time.monotonic() < deadline:
                time.sleep(0.02)


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose jobs they are: a process, and one of the credentials it acts with.

    Attributes:
        process: the process that submits them.
        access: tells its credentials apart without saying what they are; ``""`` for the only ones.
    """

    process: Process
    access: str = ""

    @classmethod
    def mine(cls, access: str = "") -> Owner:
        """Describe the process that asks."""
        return cls(Process.mine(), access)

    @classmethod
    def parse(cls, text: str) -> Owner:
        """Read what ``str()`` gave, or what an older release wrote: a process alone."""
        process, _, access = text.partition("#")
        return cls(Process.parse(process.rstrip()), access)

    def __str__(self) -> str:
        return f"{self.process} #{self.access}" if self.access else str(self.process)


def attend(process: Process) -> None:
    """Take a child for alive until `dismiss`, when its end has been written down."""
    _attended.add(process)


def dismiss(process: Process) -> None:
    """Go by the facts again."""
    _attended.discard(process)


def signal_name(number: int) -> str:
    """Return a signal's name, such as ``SIGKILL``."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def status_of(returncode: int) -> int:
    """Return the exit status as a shell tells it: 128 and the signal's number for a signal."""
    return 128 - returncode if returncode < 0 else returncode


@functools.lru_cache
def _home() -> str:
    boot = namespace = ""
    with contextlib.suppress(OSError):
        boot = (_PROC / "sys/kernel/random/boot_id").read_text("ascii").strip()
        namespace = str((_PROC / "self/ns/pid").readlink())
    return f"{socket.gethostname()}/{boot}/{namespace}"


def _look(pid: int) -> tuple[bool, str]:
    """Return whether a process of this machine runs, and when it started."""
    if sys.platform == "win32":
        return _look_on_windows(pid)
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            return _parse_stat((_PROC / str(pid) / "stat").read_bytes())
        if (_PROC / "self").exists():
            return False, ""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False, ""
    except PermissionError:  # it is there, and another user's
        return True, ""
    return True, ""


def _parse_stat(content: bytes) -> tuple[bool, str]:
    """Read proc(5)'s stat; the name in it may hold blanks and parentheses."""
    fields = content[content.rindex(b")") + 2 :].split()
    return fields[0] not in {b"Z", b"X"}, fields[19].decode("ascii")


if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    _QUERY_AND_WAIT = 0x1000 | 0x100000  # PROCESS_QUERY_LIMITED_INFORMATION, SYNCHRONIZE
    _WAIT_TIMEOUT = 0x102

    def _look_on_windows(pid: int) -> tuple[bool, str]:
        """Ask the kernel; `os.kill` with signal 0 would end the process here."""
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.OpenProcess.restype = wintypes.HANDLE
        handle = wintypes.HANDLE(kernel.OpenProcess(_QUERY_AND_WAIT, False, pid))
        if not handle:
            return False, ""
        try:
            times = [wintypes.FILETIME() for _ in range(4)]
            kernel.GetProcessTimes(handle, *map(ctypes.byref, times))
            created = times[0].dwHighDateTime << 32 | times[0].dwLowDateTime
            return kernel.WaitForSingleObject(handle, 0) == _WAIT_TIMEOUT, str(created)
        finally:
            kernel.CloseHandle(handle)
