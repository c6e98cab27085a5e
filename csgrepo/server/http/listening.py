"""Hearing a client out, and hanging up on one that stops in the middle of what it says.

A machine that went to sleep in the middle of a push sends nothing more, not even that it is gone.
What was started for it would be kept for ever, and of git's processes there are only so many.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from csgrepo.server.http.record import shown_path
from csgrepo.server.http.wire import abort

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope

__all__ = ["Listener"]

logger = logging.getLogger("csgrepo.server")


class Listener:
    """The ``receive`` of one request, for which the connection ends when its body does not go on.

    Args:
        scope: the request.
        receive: where it comes from.
        silence_s: how long nothing may come, in seconds.
    """

    def __init__(self, scope: Scope, receive: Receive, silence_s: float) -> None:
        self._scope = scope
        self._receive = receive
        self._silence_s = silence_s
        self._since: float | None = None  # when it was begun to wait for the next piece
        self._timer: asyncio.TimerHandle | None = None
        self._is_heard_out = False

    async def __call__(self) -> Message:
        """Return what comes next."""
        if self._is_heard_out:
            return await self._receive()  # for the client to leave, which may take its time
        loop = asyncio.get_running_loop()
        self._since = loop.time()
        if self._timer is None:
            self._timer = loop.call_later(self._silence_s, self._look, loop)
        message = await self._receive()
        self._since = None
        if not message.get("more_body"):
            self.end()
        return message

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Look once in a while: a timer for every piece of a body would be dear."""
        silent_s = 0 if self._since is None else loop.time() - self._since
        if silent_s < self._silence_s:
            self._timer = loop.call_later(self._silence_s - silent_s, self._look, loop)
            return
        method, path = self._scope["method"], shown_path(self._scope["path"])
        logger.warning("%s %s: nothing came for %.0f s; hung up", method, path, silent_s)
        abort(self._scope)

    def end(self) -> None:
        """Watch no more."""
        self._is_heard_out = True
        if self._timer is not None:
            self._timer.cancel()
