"""What is told of something at work as long as somebody listens: its state, and what it says."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from csgrepo.server.accounts.users import Access
from csgrepo.server.http.refusal import Refusal
from csgrepo.server.http.streams import EventStream, event
from csgrepo.server.rest.frame import moment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from csgrepo.server.deploys.consoles import Console
    from csgrepo.server.deploys.deploys import Deploy, DeployType
    from csgrepo.server.http.streams import Pulse
    from csgrepo.server.rest.frame import Call, Handler

__all__ = ["found_deploy", "listening", "logs", "number_of", "reporting", "said_since", "status"]

_SINCE = {
    "10mins": 600,
    "30mins": 1800,
    "1hour": 3600,
    "6hours": 6 * 3600,
    "1day": 86400,
    "2days": 2 * 86400,
    "1week": 7 * 86400,
}


def number_of(call: Call) -> int:
    """Return the number in the path.

    Raises:
        Refusal: 400, it is none.
    """
    number = call.part("id")
    if not (number.isascii() and number.isdecimal()) or len(number) > 15:
        raise Refusal(400, "REQ-ERR-6")
    return int(number)


def found_deploy(call: Call, kind: DeployType | None, level: Access) -> Deploy:
    """Return the deploy that the path names, if the caller may do that with it."""
    found = call.backend.deploys.find(kind, number_of(call))
    if found is None or found.repository_id != call.repository.id:
        raise Refusal(404, "SYS-ERR-3")
    if call.backend.accounts.role(call.caller, found.namespace) < level:
        raise Refusal(403, "AUTH-ERR-2")
    return found


def status(kind: DeployType) -> Handler:
    """Return the route that tells a deploy's state again and again."""

    def answer(call: Call) -> EventStream:
        found = found_deploy(call, kind, Access.READ)

        def look() -> dict[str, object] | None:
            current = call.backend.deploys.find(found.type, found.id)
            if current is None:
                return None
            reason, message = current.trouble
            return {
                "status": current.state.word,
                "details": current.instances or None,
                "message": message,
                "reason": reason,
            }

        return reporting(call, look)

    return answer


def reporting(call: Call, look: Callable[[], object]) -> EventStream:
    """Return a stream of what is seen, the first time after one interval, until that is nothing."""
    deploys = call.backend.deploys

    async def events(pulse: Pulse) -> AsyncIterator[bytes]:
        while await pulse.pause(deploys.pace.status_s):
            seen = await call.backend.workers.run(look)
            if seen is None:
                yield event("error", "SYS-ERR-3: Record not found in database")
                return
            yield event("status", seen)

    return EventStream(call.backend.streams, events)


def logs(kind: DeployType) -> Handler:
    """Return the route that sends what the container said, and goes on with what it says."""

    def answer(call: Call) -> EventStream:
        found = found_deploy(call, kind, Access.READ)
        instance = call.query("instance")
        silent = bool(instance) and instance not in {item["name"] for item in found.instances}
        return listening(call, call.backend.consoles.of(found), silent=silent)

    return answer


def _begin(call: Call) -> float:
    since = call.query("since", "1week")
    if since not in _SINCE:
        raise Refusal(400, "REQ-ERR-6")
    return time.time() - _SINCE[since]


def said_since(call: Call, console: Console) -> str:
    """Return what was said since the time that the query names, a line each."""
    begin = _begin(call)
    lines = console.after(0)[1]
    return "".join(f"{moment(when)} {line}\n" for when, line in lines if when >= begin)


def listening(call: Call, console: Console, *, silent: bool = False) -> EventStream:
    """Return a stream of what is said there since the time that the query names, and from now on.

    Raises:
        Refusal: 400, the query names no such time.
    """
    begin = _begin(call)

    async def events(pulse: Pulse) -> AsyncIterator[bytes]:
        with console.followed(pulse):
            seen = 0
            going = True
            while going:
                seen, lines = console.after(seen)
                for when, line in lines:
                    if when >= begin and not silent:
                        yield event("Container", f"{moment(when)} {line}")
                if not lines and seen:
                    yield event("Heartbeat", "keep-alive")
                going = await pulse.pause(call.backend.deploys.pace.heartbeat_s)

    return EventStream(call.backend.streams, events)
