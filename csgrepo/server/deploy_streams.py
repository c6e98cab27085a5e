"""What is told of a deploy as long as somebody listens: its state, and what its container says."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from csgrepo.server.accounts import Access
from csgrepo.server.deploys import DeployType
from csgrepo.server.refusal import Refusal
from csgrepo.server.rest import moment
from csgrepo.server.streams import EventStream, event

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from csgrepo.server.deploys import Deploy
    from csgrepo.server.rest import Call, Handler
    from csgrepo.server.streams import Pulse

__all__ = ["found_deploy", "logs", "status"]

_SINCE = {
    "10mins": 600,
    "30mins": 1800,
    "1hour": 3600,
    "6hours": 6 * 3600,
    "1day": 86400,
    "2days": 2 * 86400,
    "1week": 7 * 86400,
}


def found_deploy(call: Call, kind: DeployType | None, level: Access) -> Deploy:
    """Return the deploy that the path names, if the caller may do that with it."""
    number = call.part("id")
    if not number.isdecimal() or len(number) > 15:
        raise Refusal(400, "REQ-ERR-6")
    found = call.backend.deploys.find(kind, int(number))
    if found is None or found.repository_id != call.repository.id:
        raise Refusal(404, "SYS-ERR-3")
    if call.backend.accounts.role(call.caller, found.namespace) < level:
        raise Refusal(403, "AUTH-ERR-2")
    return found


def status(call: Call) -> EventStream:
    """Tell the state again and again; the first time after one interval."""
    found = found_deploy(call, DeployType.INFERENCE, Access.READ)
    deploys = call.backend.deploys

    async def events(pulse: Pulse) -> AsyncIterator[bytes]:
        while await pulse.pause(deploys.pace.status_s):
            current = await call.backend.workers.run(deploys.find, found.type, found.id)
            if current is None:
                yield event("error", "SYS-ERR-3: Record not found in database")
                return
            reason, message = current.trouble
            yield event(
                "status",
                {
                    "status": current.state.word,
                    "details": current.instances or None,
                    "message": message,
                    "reason": reason,
                },
            )

    return EventStream(call.backend.streams, events)


def logs(kind: DeployType) -> Handler:
    """Return the route that sends what the container said, and goes on with what it says."""

    def answer(call: Call) -> EventStream:
        found = found_deploy(call, kind, Access.READ)
        since = call.query("since", "1week")
        if since not in _SINCE:
            raise Refusal(400, "REQ-ERR-6")
        console = call.backend.consoles.of(found)
        instance = call.query("instance")
        silent = bool(instance) and instance not in {item["name"] for item in found.instances}

        async def events(pulse: Pulse) -> AsyncIterator[bytes]:
            with console.followed(pulse):
                seen = 0
                begin = time.time() - _SINCE[since]
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

    return answer
