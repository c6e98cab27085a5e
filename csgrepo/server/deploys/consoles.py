"""What the containers of deploys would have printed; kept while the hub runs."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from csgrepo.server.deploys.deploys import Deploy
    from csgrepo.server.deploys.tasks import Task
    from csgrepo.server.http.streams import Pulse

__all__ = ["Console", "Consoles"]

_MOST = 1000


class Console:
    """The lines of one deploy; any thread may add one.

    Attributes:
        said: how many lines there have been.
    """

    def __init__(self) -> None:
        self.said = 0
        self._lock = threading.Lock()  # guards all of it
        self._lines: deque[tuple[float, str]] = deque(maxlen=_MOST)
        self._followers: set[Pulse] = set()

    def say(self, line: str, when: float | None = None) -> None:
        """Add a line."""
        with self._lock:
            self._lines.append((time.time() if when is None else when, line))
            self.said += 1
            for pulse in self._followers:
                pulse.wake()

    def after(self, seen: int) -> tuple[int, list[tuple[float, str]]]:
        """Return how many lines there have been, and those of them that come after `seen`."""
        with self._lock:
            fresh = min(self.said - seen, len(self._lines))
            return self.said, list(self._lines)[len(self._lines) - fresh :]

    @contextlib.contextmanager
    def followed(self, pulse: Pulse) -> Iterator[None]:
        """Wake a stream with every new line."""
        with self._lock:
            self._followers.add(pulse)
        try:
            yield
        finally:
            with self._lock:
                self._followers.discard(pulse)


class Consoles:
    """The consoles of one hub."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards _consoles
        self._consoles: dict[str, Console] = {}

    def of(self, deploy: Deploy | Task) -> Console:
        """Return a deploy's console; a new one tells what is known of the deploy."""
        with self._lock:
            console = self._consoles.get(deploy.service)
            if console is None:
                console = self._consoles[deploy.service] = Console()
                console.say(f"{deploy.name}: created for {deploy.namespace}", deploy.created_at)
            return console
