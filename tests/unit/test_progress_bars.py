from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator

import pytest

from csgrepo.progress import Reporter
from csgrepo.progress.bars import bars
from csgrepo.progress.label import width
from csgrepo.progress.stream import _global_listeners

NAMES = [
    "模型 final.bin",
    "a" * 255,
    "模" * 85,
    "{n_fmt} {0} %s",
    "\x1b[2J\x1b]0;owned\x07\r\n\tx",
    f"undecodable-{chr(0xDCFF)}",
    "",
]


class Terminal(io.StringIO):
    """A pseudo-terminal of a given size, and all that was written to it."""

    def __init__(self, columns: int) -> None:
        super().__init__()
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return self.slave

    def frames(self) -> list[str]:
        return [frame for frame in re.split(r"[\r\n]+", self.getvalue()) if frame.strip()]


@pytest.fixture
def terminal(request: pytest.FixtureRequest) -> Iterator[Terminal]:
    opened = Terminal(getattr(request, "param", 100))
    yield opened
    os.close(opened.master)
    os.close(opened.slave)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("terminal", [0, 30, 80, 200], indirect=True)
def test_bars_when_name_is_odd_then_line_fits_and_nothing_is_sent_raw(
    terminal: Terminal, name: str
) -> None:
    columns = os.get_terminal_size(terminal.slave).columns or 80
    with bars(terminal), Reporter().task("upload", name, total=50_000_000) as task:
        task.advance(20_000_000)
        task.retry("HTTP 503\x1b[31m")
        task.advance(30_000_000)

    assert terminal.frames()
    for frame in terminal.frames():
        assert width(frame.rstrip()) < columns
        assert frame.replace("\x1b[A", "").isprintable()


@pytest.mark.parametrize("terminal", [160], indirect=True)
def test_bars_when_several_files_move_then_one_line_says_amount_and_file(
    terminal: Terminal,
) -> None:
    reporter = Reporter()
    with (
        bars(terminal),
        reporter.task("upload", "模型 final.bin", total=30_000_000) as first,
        reporter.task("upload", "optimizer.safetensors", total=10_000_000) as second,
    ):
        first.advance(10_000_000)
        second.advance(10_000_000)
        second.retry("HTTP 503")
        first.advance(20_000_000)

    text = terminal.getvalue()
    assert "optimizer.safetensors: trying again, HTTP 503" in text
    assert re.search(r"upload +50% .* 20\.0M/40\.0MB", text)
    last = terminal.frames()[-1]
    assert re.search(r"upload +100% .* 40\.0M/40\.0MB .* 2 done", last)
    assert text.count("\n") == 1


def test_bars_when_total_is_unknown_then_amount_without_percentage(terminal: Terminal) -> None:
    with bars(terminal), Reporter().task("fetch", "main", unit="objects") as task:
        task.advance(7)

    assert re.match(r"fetch +0 objects", terminal.frames()[0])
    assert "%" not in terminal.frames()[0]
    assert re.match(r"fetch +100% .* 7/7 objects", terminal.frames()[-1])


def test_bars_when_work_fails_then_the_line_says_so(terminal: Terminal) -> None:
    with bars(terminal), pytest.raises(KeyError), Reporter().task("push", "main", total=5):
        raise KeyError

    assert "0 done, 1 failed" in terminal.frames()[-1]


def test_bars_when_advanced_very_often_then_drawn_about_ten_times_a_second(
    terminal: Terminal,
) -> None:
    started = time.monotonic()
    with bars(terminal), Reporter().task("hash", "x", total=400_000) as task:
        for _ in range(200_000):
            task.advance(2)
    elapsed = time.monotonic() - started

    assert len(terminal.frames()) <= elapsed * 10 + 6


def test_bars_when_ten_thousand_short_pieces_then_drawn_calmly_and_the_sum_is_right(
    terminal: Terminal,
) -> None:
    reporter = Reporter()
    started = time.monotonic()
    with bars(terminal):
        for number in range(10_000):
            with reporter.task("hash", f"part-{number}", total=10) as task:
                task.advance(10)
    elapsed = time.monotonic() - started

    assert len(terminal.frames()) <= elapsed * 20 + 22
    assert re.search(r"100k/100kB .* 10000 done", terminal.frames()[-1])


def test_bars_when_many_threads_report_then_the_sum_is_right(terminal: Terminal) -> None:
    reporter = Reporter()

    def work(number: int) -> None:
        with reporter.task("download", f"part-{number}", total=1_000_000) as task:
            for _ in range(1000):
                task.advance(1000)

    with bars(terminal):
        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert re.search(r"100% .* 8\.00M/8\.00MB .* 8 done", terminal.frames()[-1])


def test_bars_when_no_terminal_then_calm_lines_in_any_encoding() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    with bars(stream), Reporter().task("upload", "模型.bin", total=1000) as task:
        for _ in range(1000):
            task.advance(1)

    lines = raw.getvalue().decode("ascii").splitlines()
    assert lines[0] == "upload: \\u6a21\\u578b.bin (1.0 kB) started"
    assert re.fullmatch(r"upload: 1 done, 1\.0 kB in \d.* s", lines[-1])
    assert len(lines) == 2


def test_bars_when_switched_off_then_silent(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CSGHUB_DISABLE_PROGRESS", "1")
    with bars(terminal), Reporter().task("upload", "x", total=10) as task:
        task.advance(10)

    assert terminal.getvalue() == ""


def test_bars_when_body_raises_then_unsubscribed_and_line_ended(terminal: Terminal) -> None:
    before = list(_global_listeners)
    with pytest.raises(KeyError), bars(terminal), Reporter().task("upload", "x", total=10):
        raise KeyError

    assert _global_listeners == before
    assert terminal.getvalue().endswith("\n")


def test_bars_when_imported_then_tqdm_is_not() -> None:
    code = "import sys, csgrepo.progress.bars; sys.exit('tqdm' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_bars_when_used_then_no_thread_stays_behind(terminal: Terminal) -> None:
    before = set(threading.enumerate())
    with bars(terminal), Reporter().task("upload", "x", total=10) as task:
        task.advance(10)

    assert set(threading.enumerate()) <= before
