"""Moving objects: which, in which order, how many at once, and what is said meanwhile.

The largest go first, so that no worker is left alone with a giant at the end. One that fails does
not stop the others: what has arrived need not be moved again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, TypeVar

from csgrepo.crew import share_out
from csgrepo.errors import CsgRepoError, LfsError, ObjectMissing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from csgrepo.lfs.pointer import Pointer
    from csgrepo.lfs.server import Fetch, ObjectServer
    from csgrepo.lfs.store import Store
    from csgrepo.progress import Reporter

    Names = Mapping[Pointer, str]

__all__ = ["WORKERS", "Uploaded", "confirm", "confirmed", "download", "each", "upload"]

WORKERS = 8

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Uploaded:
    """What an upload did: objects sent, and their bytes."""

    objects: int
    size_bytes: int


def upload(
    server: ObjectServer, store: Store, names: Names, reporter: Reporter, workers: int = WORKERS
) -> Uploaded:
    """Bring objects to a server that lacks them.

    Args:
        server: where to.
        store: where from.
        names: the objects, each with the path a person knows it by.
        reporter: is told of every object.
        workers: how many are sent at once.

    Raises:
        ObjectMissing: an object is neither on the server nor here.
        LfsError: the server refuses an object.
        TransferError: bytes could not be moved.
    """
    wanted = [pointer for pointer in names if pointer.size]
    sends = server.lacking(wanted)
    for pointer in sends:
        if not store.has(pointer):
            raise ObjectMissing(
                pointer.oid,
                f"{names[pointer]}: its content (object {pointer.oid[:12]}, {pointer.size} bytes) "
                f"is neither here nor on {server.url}. Put the file back and commit it again, or "
                "fetch it from a clone that has it.",
            )

    def send(pointer: Pointer) -> None:
        with reporter.task("upload", names[pointer], pointer.size) as task:
            sends[pointer](store.path(pointer.oid), task.advance, task.retry)

    failures = each(sends, send, workers)
    for error in failures.values():
        raise error
    return Uploaded(len(sends), sum(pointer.size for pointer in sends))


def download(
    server: ObjectServer,
    store: Store,
    names: Names,
    reporter: Reporter,
    workers: int = WORKERS,
    *,
    twins: Mapping[Pointer, Path] | None = None,
) -> dict[Pointer, BaseException]:
    """Bring objects into the store, digests checked on arrival.

    Args:
        server: where from.
        store: where to.
        names: the objects, each with the path a person knows it by.
        reporter: is told of every object.
        workers: how many are fetched at once.
        twins: objects of which a second copy is made on the way, and where; see `Store.put`.

    Returns:
        What could not be fetched, and why; all others are complete.
    """
    wanted = [pointer for pointer in names if not store.has(pointer)]
    offers = server.offered(wanted) if wanted else {}
    fetches: dict[Pointer, Fetch] = {}
    failures: dict[Pointer, BaseException] = {}
    for pointer, offer in offers.items():
        if isinstance(offer, LfsError):
            failures[pointer] = offer
        else:
            fetches[pointer] = offer

    def fetch(pointer: Pointer) -> None:
        with reporter.task("download", names[pointer], pointer.size) as task:

            def write(target: BinaryIO) -> tuple[str, int]:
                return fetches[pointer](target, task.advance)

            store.put(pointer, write, (twins or {}).get(pointer))

    return failures | each(fetches, fetch, workers)


def confirm(server: ObjectServer, names: Names) -> list[str]:
    """Ask the server for objects it should have; returns one sentence for each it lacks."""
    offers = _offers(server, names)
    return [
        f"{names[pointer]}: {offer}"
        for pointer, offer in offers.items()
        if isinstance(offer, LfsError)
    ]


def confirmed(server: ObjectServer, names: Names) -> list[Pointer]:
    """Ask the server for objects; returns those it has, in their full length."""
    offers = _offers(server, names)
    return [pointer for pointer, offer in offers.items() if not isinstance(offer, LfsError)]


def _offers(server: ObjectServer, names: Names) -> dict[Pointer, Fetch | LfsError]:
    wanted = [pointer for pointer in names if pointer.size]
    return server.offered(wanted) if wanted else {}


def each(
    pointers: Iterable[Pointer], move: Callable[[Pointer], None], workers: int
) -> dict[Pointer, BaseException]:
    """Move them all, the largest first; returns what failed.

    Args:
        pointers: the objects.
        move: moves one.
        workers: how many are moved at once, at most.
    """
    done = share_out(pointers, move, size=_size, workers=max(1, workers), name="csgrepo-transfer")
    failures: dict[Pointer, BaseException] = {}
    for one in done:
        if isinstance(one.error, (CsgRepoError, OSError)):
            failures[one.item] = one.error
        elif one.error:
            raise one.error
    return failures


def _size(pointer: Pointer) -> int:
    return pointer.size
