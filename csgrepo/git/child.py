"""A child on pipes: feeding it, emptying it, waiting for it with an end, stopping it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from csgrepo.errors import GitError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["Ended", "drain", "keep_statuses", "stop"]

# How often to look whether the child is gone while something it left behind holds its pipes (an
# ssh master connection does), and how long to read on after it is.
_LOOK_S = 1.0
_LINGER_S = 2.0
_GROUP_PATIENCE_S = 0.5


@dataclass(frozen=True, slots=True)
class Ended:
    """How a child ended, and what it wrote."""

    returncode: int
    stdout: bytes
    stderr: bytes
    overtime: bool


def drain(
    process: subprocess.Popen[bytes],
    stdin: bytes | Iterator[bytes] | None,
    timeout: float,
    on_stderr: Callable[[bytes], None] | None = None,
) -> Ended:
    """Feed and empty all three pipes at once, so that none of them can block the child.

    Args:
        process: a child with all its pipes.
        stdin: what it is fed, whole or in pieces; nothing where not given. What the pieces raise is
            raised in the end.
        timeout: seconds after which it and its group are stopped.
        on_stderr: gets the error stream piece by piece. What it raises is raised in the end.

    Raises:
        GitError: how the child ended cannot be known.
        BaseException: whatever `on_stderr` raised, or an interrupt; the child is stopped first.
    """
    pipes = _Pipes(process, on_stderr)
    deadline = time.monotonic() + timeout
    try:
        pipes.start(stdin)
        overtime = not _ended_in_time(process, pipes.threads, deadline)
    finally:
        stop(process)
        pipes.finish()
    if pipes.failure:
        raise pipes.failure
    stdout, stderr = (b"".join(list(pieces)) for pieces in (pipes.stdout, pipes.stderr))
    return Ended(process.returncode, stdout, stderr, overtime)


class _Pipes:
    """A thread for each pipe; each closes its own, so that none is closed under a reader."""

    def __init__(
        self, process: subprocess.Popen[bytes], on_stderr: Callable[[bytes], None] | None
    ) -> None:
        self._process = process
        self._on_stderr = on_stderr
        self.stdout: list[bytes] = []
        self.stderr: list[bytes] = []
        self.failure: BaseException | None = None
        self.threads: list[threading.Thread] = []

    def start(self, stdin: bytes | Iterator[bytes] | None) -> None:
        self._thread(self._read_stdout)
        self._thread(self._read_stderr)
        if stdin is not None:
            self._thread(self._write_stdin, [stdin] if isinstance(stdin, bytes) else stdin)

    def finish(self) -> None:
        """Read on for a moment: what the ended child wrote may still be in its pipes."""
        deadline = time.monotonic() + _LINGER_S
        for thread in self.threads:
            thread.join(_left(deadline))

    def _thread(self, target: Callable[..., None], *args: Iterable[bytes]) -> None:
        thread = threading.Thread(target=target, args=args, name="csgrepo-pipe", daemon=True)
        thread.start()
        self.threads.append(thread)

    def _read_stdout(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - spawn gave it a pipe
        with self._process.stdout as pipe:
            while piece := pipe.read1(1 << 20):  # type: ignore[attr-defined]
                self.stdout.append(piece)

    def _read_stderr(self) -> None:
        assert self._process.stderr is not None  # noqa: S101 - spawn gave it a pipe
        with self._process.stderr as pipe:
            while piece := pipe.read1(1 << 16):  # type: ignore[attr-defined]
                self.stderr.append(piece)
                self._tell(piece)

    def _tell(self, piece: bytes) -> None:
        """Pass a piece on; go on reading whatever the listener raises, or the child would block."""
        if self._on_stderr and not self.failure:
            try:
                self._on_stderr(piece)
            except BaseException as error:  # noqa: BLE001 - raised again where the caller waits
                self.failure = error

    def _write_stdin(self, pieces: Iterable[bytes]) -> None:
        assert self._process.stdin is not None  # noqa: S101 - only started with a pipe
        with contextlib.suppress(BrokenPipeError), self._process.stdin as pipe:
            try:
                for piece in pieces:
                    pipe.write(piece)
            except BrokenPipeError:
                raise
            except BaseException as error:  # noqa: BLE001 - raised again where the caller waits
                self.failure = error


def _ended_in_time(
    process: subprocess.Popen[bytes], threads: list[threading.Thread], deadline: float
) -> bool:
    """Wait for the ends of pipes and child; for the child's alone where the pipes stay open."""
    for thread in threads:
        while thread.is_alive():
            thread.join(min(_LOOK_S, _left(deadline)))
            if thread.is_alive() and _has_ended(process):
                return True
            if not _left(deadline):
                return False
    pause_s = 0.0005
    while not _has_ended(process):
        if not _left(deadline):
            return False
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, 0.05)
    return True


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Tell whether a child has ended, and learn how before anybody else can.

    Where somebody else has collected its end already, `Popen` takes it for success.

    Raises:
        GitError: that is so.
    """
    if process.returncode is not None or not hasattr(os, "waitid"):
        return process.poll() is not None
    try:
        ended = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError as error:
        process.poll()
        raise GitError(
            "how git ended is not known: this process ignores SIGCHLD, or a handler of its own "
            "collects the ends of all children. Call signal.signal(signal.SIGCHLD, "
            "signal.SIG_DFL), or have the handler wait for its own children only; then run the "
            "same call again."
        ) from error
    if ended is None:
        return False
    process.poll()
    has_exited = ended.si_code == os.CLD_EXITED
    process.returncode = ended.si_status if has_exited else -ended.si_status
    return True


def keep_statuses() -> None:
    """Have the system keep how children of this process end, whatever its parent has ignored.

    For programs that are ours; in anybody else's process, signals are theirs.
    """
    number = getattr(signal, "SIGCHLD", None)
    is_main = threading.current_thread() is threading.main_thread()
    if number is not None and is_main and signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.SIG_DFL)


def _left(deadline: float) -> float:
    return max(deadline - time.monotonic(), 0)


def stop(process: subprocess.Popen[bytes], patience_s: float = 3.0) -> None:
    """End a child and what it started: politely first, then for good.

    Does nothing where the child has ended: its number may belong to another process by then.
    """
    if process.poll() is not None:
        return
    _signal_group(process, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(patience_s)
    _await_group(process)
    _signal_group(process, getattr(signal, "SIGKILL", signal.SIGTERM))
    process.wait()


def _await_group(process: subprocess.Popen[bytes]) -> None:
    """Give those whom the child started a moment to end too; no event tells of them."""
    deadline = time.monotonic() + _GROUP_PATIENCE_S
    while process.returncode is not None and _group_lives(process) and _left(deadline):
        time.sleep(0.01)


def _group_lives(process: subprocess.Popen[bytes]) -> bool:
    if os.name != "posix":
        return False
    try:
        os.killpg(process.pid, 0)
    except OSError:
        return False
    return True


def _signal_group(process: subprocess.Popen[bytes], number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if os.name == "posix":
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
