"""Many files at once, the largest first; one that fails does not stop the others."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from csgrepo.download.mover import ask_room, fetch
from csgrepo.errors import (
    CsgRepoError,
    DigestMismatch,
    DiskFull,
    Forbidden,
    HubUnreachable,
    InvalidInput,
    SizeMismatch,
    TransferError,
    Unauthorized,
)
from csgrepo.progress import Reporter
from csgrepo.progress.bars import bars

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future
    from pathlib import Path

    from csgrepo.cache import TreeFile
    from csgrepo.download.hosts import Hosts
    from csgrepo.download.source import Source
    from csgrepo.progress import Task

__all__ = ["WORKERS", "bring"]

WORKERS = 8
_MOST_RANGES = 4  # of one file at a time
_DAMAGED = (DigestMismatch, SizeMismatch)
_FATAL = (DiskFull, Forbidden, HubUnreachable, Unauthorized)  # the next would fare no better


def bring(
    hosts: Hosts,
    commit: str,
    files: Sequence[TreeFile],
    target: Callable[[TreeFile], Path],
    parts: Path,
    *,
    workers: int = WORKERS,
    force: bool = False,
    progress: bool = False,
) -> None:
    """Fetch files.

    Args:
        hosts: where from.
        commit: the commit they are in.
        files: which; of several with the same content one is enough.
        target: where each is to appear.
        parts: a folder for what is under way, on the same disk.
        workers: how many connections at most.
        force: fetch those too that are there.
        progress: show bars on standard error.

    Raises:
        InvalidInput: no workers.
        DiskFull: there is no room for all of them; nothing was fetched.
        TransferError: several could not be fetched; the others are there.
        HubHTTPError, DigestMismatch: one could not be fetched.
    """
    if workers < 1:
        raise InvalidInput(f"max_workers={workers}: at least one is needed")
    if not files:
        return
    ask_room(parts, sum(file.size for file in files) - _under_way(parts))
    ordered = sorted(files, key=lambda file: -file.size)
    threads = min(workers, len(ordered))
    connections = min(_MOST_RANGES, workers // threads)
    reporter = Reporter(str(hosts.repo))

    def attempt(source: Source, file: TreeFile, task: Task) -> None:
        came: list[int] = []

        def count(size: int) -> None:
            came.append(size)
            task.advance(size)

        try:
            fetch(
                source,
                commit,
                file,
                target(file),
                parts,
                connections=connections,
                force=force,
                on_bytes=count,
            )
        except CsgRepoError:
            task.advance(-sum(came))  # another host may go on with it, and count it anew
            raise

    def move(file: TreeFile) -> None:
        with reporter.task("download", file.path, file.size) as task:
            hosts.first(lambda source: attempt(source, file, task))

    with bars() if progress else contextlib.nullcontext():
        if threads == 1:
            for file in ordered:
                move(file)
            return
        with ThreadPoolExecutor(threads, "csgrepo-download") as pool:
            _collect([(file, pool.submit(move, file)) for file in ordered], pool)


def _collect(futures: Sequence[tuple[TreeFile, Future[None]]], pool: ThreadPoolExecutor) -> None:
    failures: dict[str, Exception] = {}
    try:
        for file, future in futures:
            try:
                future.result()
            except _FATAL:
                raise
            except (CsgRepoError, OSError) as error:
                failures[file.path] = error
    except BaseException:
        pool.shutdown(wait=True, cancel_futures=True)
        raise
    if not failures:
        return
    first = next(iter(failures.values()))
    if len(failures) == 1:
        raise first
    said = "\n".join(f"- {path}: {error}" for path, error in list(failures.items())[:10])
    # A copy that is damaged on the server is what asking again will not mend.
    damaged = (error for error in failures.values() if isinstance(error, _DAMAGED))
    raise TransferError(
        f"{len(failures)} of {len(futures)} files could not be downloaded; the others are kept, "
        f"and the same call fetches what is missing:\n{said}"
    ) from next(damaged, first)


def _under_way(parts: Path) -> int:
    """Return how much room is taken already by what will be gone on with."""
    total = 0
    for path in parts.glob("*.part"):
        with contextlib.suppress(OSError):
            facts = path.stat()
            total += getattr(facts, "st_blocks", 0) * 512
    return total
