"""Bodies as they come in: piece by piece, with an end to what is held in memory."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from csgrepo.server.http.limits import MAX_JSON_BYTES
from csgrepo.server.http.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import Receive

    from csgrepo.server.http.work import Workers
    from csgrepo.server.lfs.storage import Incoming

__all__ = ["Disconnected", "json_object", "pieces", "read_all", "take_in"]

_PIECE = 1024 * 1024
_FLUSHED = 32 * _PIECE


class Disconnected(OSError):
    """The client went away in the middle of its request."""


async def pieces(receive: Receive) -> AsyncIterator[bytes]:
    """Yield a request's body as it arrives.

    Raises:
        Disconnected: it stopped before its end.
    """
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        more = message.get("more_body", False)
        if body := message.get("body", b""):
            yield body


async def read_all(receive: Receive, limit: int = MAX_JSON_BYTES) -> bytes:
    """Return a whole body.

    Raises:
        Refusal: 413, it is longer than the limit.
        Disconnected: it stopped before its end.
    """
    body = bytearray()
    async for piece in pieces(receive):
        body += piece
        if len(body) > limit:
            raise Refusal(413, "REQ-ERR-3")
    return bytes(body)


async def take_in(receive: Receive, incoming: Incoming, limit: int, workers: Workers) -> None:
    """Stream a body into a file and its digest, both beside the socket.

    One thread hashes and writes a piece while the next is received: a thread for each of the two
    took twice as long on two cores, waiting for the interpreter lock. What has been written is
    flushed to the disk meanwhile, so that little is left to wait for at the end. At most three
    pieces are held, whatever the length.

    Raises:
        Refusal: 400, it is longer than the limit.
        Disconnected: it stopped before its end.
    """
    length = unflushed = 0
    waiting: list[bytes] = []
    waiting_bytes = 0
    taking = flushing = workers.start(incoming.take, b"")
    try:
        async for piece in pieces(receive):
            length += len(piece)
            if length > limit:
                raise Refusal(400, "REQ-ERR-0", f"the body is longer than {limit} bytes")
            waiting.append(piece)
            waiting_bytes += len(piece)
            if waiting_bytes < _PIECE:
                continue
            await taking
            taking = workers.start(incoming.take, b"".join(waiting))
            unflushed += waiting_bytes
            waiting, waiting_bytes = [], 0
            if unflushed >= _FLUSHED and flushing.done():
                await flushing
                flushing = workers.start(incoming.flush)
                unflushed = 0
        await taking
        taking = workers.start(incoming.take, b"".join(waiting))
    finally:
        # Both have let go of the file before either's failure is told.
        await asyncio.wait({taking, flushing})
    await asyncio.gather(taking, flushing)


def json_object(body: bytes) -> dict[str, Any]:
    """Return a JSON body that is an object.

    Raises:
        Refusal: 400, it is anything else.
    """
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, "REQ-ERR-1") from error
    if not isinstance(value, dict):
        raise Refusal(400, "REQ-ERR-1")
    return value
