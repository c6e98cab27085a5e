"""The event stream as bars on a terminal: one line for each phase."""

from __future__ import annotations

import collections
import contextlib
import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, TextIO

from csgrepo.config import settings
from csgrepo.progress.label import printable, shorten
from csgrepo.progress.lines import LogLines
from csgrepo.progress.stream import listen
from csgrepo.progress.tally import Tallies

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from csgrepo.progress.stream import Event
    from csgrepo.progress.tally import Tally

__all__ = ["Bars", "bars"]

_LEAST_INTERVAL_S = 0.1
_NEWS_A_SECOND = 10
_USUAL_COLUMNS = 80
_NUMBERS_COLUMNS = 52  # what phase, amounts, rate and time left take at most
_BAR_COLUMNS = 14
_LEAST_ITEM_COLUMNS = 12


@contextlib.contextmanager
def bars(stream: TextIO | None = None) -> Iterator[Callable[[Event], None]]:
    """Show how all work in this process goes while the block runs.

    On a terminal each phase has a bar; elsewhere it has a few calm lines (`LogLines`). With
    ``CSGHUB_DISABLE_PROGRESS`` set nothing is shown.

    Args:
        stream: where to; standard error where not given.

    Yields:
        What shows an event: for those of other processes.

    Example:
        >>> with bars():
        ...     pass
    """
    stream = sys.stderr if stream is None else stream
    if not settings().progress:
        yield lambda _event: None
        return
    listener = Bars(stream) if stream.isatty() else LogLines(_line_writer(stream))
    stop = listen(listener)
    try:
        yield listener
    finally:
        stop()
        listener.close()


def _line_writer(stream: TextIO) -> Callable[[str], None]:
    def write(line: str) -> None:
        stream.write(_encodable(line, stream) + "\n")
        stream.flush()

    return write


def _encodable(text: str, stream: TextIO) -> str:
    """Return the text with what the stream's encoding lacks escaped, rather than failing on it."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


class Bars:
    """One bar for each phase: amount, rate, time left and what is moved right now.

    Safe to call from several threads. A bar is drawn ten times a second, and ten times more for
    news such as an end, at most; when its phase rests the clock of its rate rests too.

    Args:
        stream: the terminal.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()  # guards all below
        self._tallies = Tallies()
        self._bars: dict[Tally, Any] = {}
        self._hurried: collections.deque[float] = collections.deque(maxlen=_NEWS_A_SECOND)
        self._closed = False

    def __call__(self, event: Event) -> None:
        """Take one event."""
        with self._lock:
            tally = None if self._closed else self._tallies.take(event)
            if tally is not None:
                self._draw(tally, event)

    def close(self) -> None:
        """Leave the bars as they stand, and draw nothing from now on."""
        with self._lock:
            self._closed = True
            for tally, bar in self._bars.items():
                self._describe(bar, tally)
                bar.close()
            self._bars.clear()

    def _draw(self, tally: Tally, event: Event) -> None:
        bar = self._bars.get(tally)
        is_news = bar is None or not tally.active or event.state in {"retrying", "failed"}
        if bar is None:
            bar = self._bars[tally] = _new_bar(self._stream, tally)
        elif event.state == "started" and tally.active == 1:
            bar.unpause()  # the phase rested until now
        self._describe(bar, tally)
        bar.update(tally.done - bar.n)
        if is_news and self._may_hurry():
            bar.refresh()

    def _may_hurry(self) -> bool:
        """Tell whether news may be drawn at once: in a phase of many short pieces all is news."""
        now = time.monotonic()
        if len(self._hurried) == self._hurried.maxlen and now - self._hurried[0] < 1.0:
            return False
        self._hurried.append(now)
        return True

    def _describe(self, bar: Any, tally: Tally) -> None:
        columns = _columns_of(self._stream)
        bar.ncols = columns - 1
        bar.total = tally.total
        bar.bar_format = _format(tally, columns)
        room = max(_LEAST_ITEM_COLUMNS, columns - _NUMBERS_COLUMNS - _bar_columns(columns))
        text = _encodable(shorten(_words(tally), room), self._stream)
        bar.set_description_str(shorten(text, room), refresh=False)


def _words(tally: Tally) -> str:
    if tally.active:
        item = printable(tally.item)
        return f"{item}: trying again, {printable(tally.note)}" if tally.note else item
    return f"{tally.finished} done" + (f", {tally.failed} failed" if tally.failed else "")


def _format(tally: Tally, columns: int) -> str:
    """Return tqdm's format: the file name, which may hold braces, comes in as ``{desc}``."""
    unit = "B" if tally.unit == "B" else f" {tally.unit}"
    if tally.total is None:
        return f"{tally.phase:<8} {{n_fmt}}{unit} {{rate_fmt}} [{{elapsed}}] {{desc}}"
    bar = f"|{{bar:{_BAR_COLUMNS}}}| " if _bar_columns(columns) else ""
    amounts = f"{{n_fmt}}/{{total_fmt}}{unit}"
    return (
        f"{tally.phase:<8} {{percentage:3.0f}}% {bar}{amounts} {{rate_fmt}} "
        "[{elapsed}<{remaining}] {desc}"
    )


def _bar_columns(columns: int) -> int:
    return _BAR_COLUMNS + 3 if columns >= _USUAL_COLUMNS else 0


def _columns_of(stream: TextIO) -> int:
    try:
        # A terminal that does not know its size (a container's, often) says 0.
        return os.get_terminal_size(stream.fileno()).columns or _USUAL_COLUMNS
    except (OSError, ValueError):
        return _USUAL_COLUMNS


def _new_bar(stream: TextIO, tally: Tally) -> Any:
    from tqdm import tqdm

    class Bar(tqdm):  # type: ignore[type-arg]
        monitor_interval = 0  # no watching thread: miniters=0 draws by the clock alone

    return Bar(
        file=stream,
        total=tally.total,
        unit=tally.unit if tally.unit == "B" else f" {tally.unit}",
        unit_scale=tally.unit == "B",
        mininterval=_LEAST_INTERVAL_S,
        miniters=0,
        leave=True,
        delay=1e-9,  # not drawn before its width is known
    )
