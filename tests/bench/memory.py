"""Memory that stays this machine's while it is measured: `python -m tests.bench.memory BYTES`.

A virtual machine may give free memory back to its host within seconds, in blocks of 2 MiB and more.
To have it again takes longer than any copy, and would count against whoever happens to be next.
This process touches what is free and lets it go again but for one page of every MiB: no block is
whole then, and all of it stays. It ends when its input does.
"""

from __future__ import annotations

import contextlib
import mmap
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

_BLOCK = 1 << 20
_LEFT_ALONE = 4 << 30  # bytes; for what this process and the others need meanwhile


@contextlib.contextmanager
def held() -> Iterator[None]:
    """Keep the memory that is free from being given back; elsewhere than on Linux do nothing."""
    size = available() - _LEFT_ALONE
    if size <= 0:
        yield
        return
    command = [sys.executable, "-m", __spec__.name, str(size)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as process:
        assert process.stdout
        assert process.stdin
        try:
            process.stdout.readline()
            yield
        finally:
            process.stdin.close()


def available() -> int:
    """Return the bytes that processes could have without anything being swapped out."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return 0


def _hold(size: int) -> None:
    with mmap.mmap(-1, size - size % _BLOCK, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
        memory.madvise(mmap.MADV_NOHUGEPAGE)
        for at in range(0, len(memory), mmap.PAGESIZE):
            memory[at] = 1
        for at in range(0, len(memory), _BLOCK):
            memory.madvise(mmap.MADV_DONTNEED, at + mmap.PAGESIZE, _BLOCK - mmap.PAGESIZE)
        sys.stdout.write("held\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    _hold(int(sys.argv[1]))
