"""What was asked of the hub, kept for those who want to know."""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, overload

from csgrepo.redact import redact

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Record", "Request", "shown_path"]

_MOST = 100_000
_TOKEN_IN_PATH = re.compile(r"(?<=^/api/v1/token/)[^/]+")


@dataclass(frozen=True, slots=True)
class Request:
    """One request and how it ended.

    Attributes:
        method: the HTTP method.
        path: the decoded path, never the query; a token in it is masked.
        status: the HTTP status, 0 where the connection ended before an answer began.
        body_bytes_received: length of the body that came in.
        body_bytes_sent: length of the body that went out.
        authorized: whether it came with an ``Authorization`` header.
        request_id: what the answer says in ``X-Request-Id``.
        user: whose request it was, where the hub had to know.
        client: the address that it came from.
        seconds: how long it took.
    """

    method: str
    path: str
    status: int
    body_bytes_received: int
    body_bytes_sent: int
    authorized: bool
    request_id: str = ""
    user: str = ""
    client: str = ""
    seconds: float = 0.0


def shown_path(path: str) -> str:
    """Return a path as it may be shown: no token, no control characters."""
    masked = _TOKEN_IN_PATH.sub("****", redact(path))
    return "".join(char if char.isprintable() else "?" for char in masked)


class Record(Sequence[Request]):
    """The finished requests, oldest first; safe to read while the hub runs.

    The last hundred thousand are kept.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()  # guards _requests
        self._requests: deque[Request] = deque(maxlen=_MOST)

    def add(self, request: Request) -> None:
        """Append a finished request."""
        with self._changed:
            self._requests.append(request)
            self._changed.notify_all()

    def clear(self) -> None:
        """Forget everything."""
        with self._changed:
            self._requests.clear()

    def wait_for(self, method: str, pattern: str, timeout_s: float = 60.0) -> Request | None:
        """Wait for a request of that method whose path matches, and return the first one.

        What was answered is here before the client has the end of the answer; what a client broke
        off comes when the hub notices.
        """
        expression = re.compile(pattern)

        def found() -> Request | None:
            matching = (r for r in self._requests if r.method == method)
            return next((r for r in matching if expression.search(r.path)), None)

        with self._changed:
            return self._changed.wait_for(found, timeout_s)

    @overload
    def __getitem__(self, index: int) -> Request: ...

    @overload
    def __getitem__(self, index: slice) -> list[Request]: ...

    def __getitem__(self, index: int | slice) -> Request | list[Request]:
        """Return one request, or a list of them for a slice."""
        return self._copy()[index]

    def __len__(self) -> int:
        return len(self._requests)

    def __iter__(self) -> Iterator[Request]:
        return iter(self._copy())

    def __repr__(self) -> str:
        return f"Record({self._copy()!r})"

    def _copy(self) -> list[Request]:
        with self._changed:
            return list(self._requests)
