"""Faults on purpose: what a client must survive, switched on for chosen requests."""

from __future__ import annotations

import itertools
import re
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "Answer",
    "Corrupt",
    "Effect",
    "Fault",
    "Faults",
    "NullData",
    "Redirect",
    "Reset",
    "Stall",
    "Swallow",
    "Truncate",
    "WrongLength",
]


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer at once, without doing what was asked.

    Attributes:
        status: the HTTP status.
        headers: such as ``{"Retry-After": "1"}``.
        body: what is said.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Reset:
    """Abort the connection (TCP reset).

    Attributes:
        on: ``"request"``: when more than `after` bytes of the request's body have come, so that
            the work is not done. ``"response"``: the work is done to its end and the answer is
            lost, or, with `after` above 0, cut off behind that many bytes of its body.
        after: bytes of the body that pass before.
    """

    on: Literal["request", "response"] = "response"
    after: int = 0


@dataclass(frozen=True, slots=True)
class Stall:
    """Fall silent, then go on.

    Attributes:
        seconds: for how long; for ever where neither this nor `event` is given.
        event: go on when it is set.
        on: before the request is looked at, or within the answer.
        after: bytes of the answer's body that pass before (0: not even its status).
    """

    seconds: float | None = None
    event: threading.Event | None = None
    on: Literal["request", "response"] = "request"
    after: int = 0


@dataclass(frozen=True, slots=True)
class Truncate:
    """Announce the whole body, send this many bytes of it, and close the connection."""

    after: int


@dataclass(frozen=True, slots=True)
class Corrupt:
    """Flip one bit of the body, this many bytes from its start; the length stays."""

    at: int = 0


@dataclass(frozen=True, slots=True)
class WrongLength:
    """Send a body of another length and announce that one, so that HTTP itself is in order.

    Attributes:
        by: bytes more (zeros are appended) or, below 0, fewer.
    """

    by: int


@dataclass(frozen=True, slots=True)
class NullData:
    """Do what was asked, and put ``null`` where the envelope's ``data`` should be."""


@dataclass(frozen=True, slots=True)
class Redirect:
    """Send the client to the same path, query included, of another host.

    Attributes:
        to: where that path is, such as ``http://localhost:8081``.
        status: 302, or another of the redirects.
    """

    to: str
    status: int = 302


@dataclass(frozen=True, slots=True)
class Swallow:
    """Read the whole body, keep nothing of it, and answer as if all were well.

    Attributes:
        status: the HTTP status.
        body: what is said.
    """

    status: int = 200
    body: bytes = b""


Effect = Answer | Reset | Stall | Truncate | Corrupt | WrongLength | NullData | Redirect | Swallow


@dataclass(eq=False, slots=True)
class Fault:
    """An effect and the requests that it strikes.

    Attributes:
        method: the method it strikes, ``"*"`` for any.
        path: a regular expression looked for in the decoded path.
        effect: what happens.
        times: how many requests it strikes; ``None`` for all.
        skip: how many matching requests it lets pass first.
        hits: how many it has struck.
        id: tells it from the others; counted from 1.
    """

    method: str
    path: str
    effect: Effect
    times: int | None = 1
    skip: int = 0
    hits: int = 0
    id: int = 0


class Faults:
    """The faults that are switched on, in the order they were added; one strikes a request."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards _faults and the counters in them
        self._faults: list[Fault] = []
        self._numbers = itertools.count(1)

    def add(
        self, method: str, path: str, effect: Effect, *, times: int | None = 1, skip: int = 0
    ) -> Fault:
        r"""Switch a fault on and return it; its `hits` tell whether it struck.

        Paths hold the repository's name, those of signed object addresses too, so that a pattern
        such as ``r"/wanda/first-model(\.git)?/"`` strikes one repository.

        Args:
            method: ``"GET"`` and so on, or ``"*"``.
            path: a regular expression looked for in the decoded path (without the query).
            effect: what happens.
            times: how many requests it strikes; ``None`` for all.
            skip: how many matching requests it lets pass first.

        Example:
            >>> faults = Faults()
            >>> fault = faults.add("PUT", "/objects/", Answer(503, {"Retry-After": "1"}), times=2)
            >>> faults.strike("PUT", "/models/a/b.git/info/lfs/objects/0/1") is fault.effect
            True
        """
        re.compile(path)
        fault = Fault(method.upper(), path, effect, times, skip, id=next(self._numbers))
        with self._lock:
            self._faults.append(fault)
        return fault

    def remove(self, fault: Fault) -> None:
        """Switch one fault off."""
        with self._lock:
            self._faults.remove(fault)

    def all(self) -> list[Fault]:
        """Return the faults that are switched on, those that have done their part included."""
        with self._lock:
            return list(self._faults)

    def clear(self) -> None:
        """Switch all faults off."""
        with self._lock:
            self._faults.clear()

    def strike(self, method: str, path: str) -> Effect | None:
        """Return what happens to a request, and count it."""
        with self._lock:
            for fault in self._faults:
                if fault.method not in {"*", method} or not re.search(fault.path, path):
                    continue
                if fault.skip:
                    fault.skip -= 1
                elif fault.times is None or fault.hits < fault.times:
                    fault.hits += 1
                    return fault.effect
        return None
