"""Blocking work beside the event loop, and the git processes that are running for clients."""

from __future__ import annotations

import asyncio
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from csgrepo.git.runner import stop
from csgrepo.server.http.limits import GIT_PROCESSES

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from typing import TypeAlias

    Child: TypeAlias = subprocess.Popen[bytes]  # noqa: TID251 - named here, started by the runner

__all__ = ["Workers"]

logger = logging.getLogger("csgrepo.server")

P = ParamSpec("P")
T = TypeVar("T")

# Each git process may hold three threads (in, out, errors); the rest is for everything else.
_THREADS = GIT_PROCESSES * 3 + 32


class Workers:
    """The threads of one hub, and its children."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="csgrepo-hub-worker")
        self._lock = threading.Lock()  # guards _children and _closed
        self._children: set[Child] = set()
        self._closed = False

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run something that blocks in a thread, and return what it returns."""
        return await self.start(work, *args, **kwargs)

    def start(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[T]:
        """Start something that blocks in a thread, and return its future."""
        return asyncio.wrap_future(self._threads.submit(work, *args, **kwargs))

    def begin(self, work: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
        """Start something that nobody waits for, from any thread; its failure is logged."""
        self._threads.submit(_logged, work, *args, **kwargs)

    def adopt(self, child: Child) -> None:
        """Remember a child, so that it does not outlive the hub."""
        with self._lock:
            self._children.add(child)
            closed = self._closed
        if closed:
            stop(child)

    def release(self, child: Child) -> None:
        """Forget a child that has ended."""
        with self._lock:
            self._children.discard(child)

    def end_children(self) -> None:
        """Stop all children; those that start later are stopped at once."""
        with self._lock:
            self._closed = True
            children = list(self._children)
        for child in children:
            stop(child, patience_s=0.3)

    def close(self) -> None:
        """Wait for the threads to end; nothing may be started afterwards."""
        self._threads.shutdown(wait=True, cancel_futures=True)


def _logged(work: Callable[P, object], /, *args: P.args, **kwargs: P.kwargs) -> None:
    try:
        work(*args, **kwargs)
    except Exception:
        logger.exception("%s failed in the background", getattr(work, "__qualname__", work))
