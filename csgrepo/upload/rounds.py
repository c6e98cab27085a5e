"""The process that uploads a folder every so often, and once more when its parent is done or gone.

It is told what to do on standard input, a line of JSON first, and then a word a line: ``now N`` for
an upload at once, ``end N`` for the last. Of each upload it tells on standard output, with the
number of the last word it had heard before. If its input ends without a word, its parent has died:
then nobody writes to the folder any more, and it uploads what is there.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import sys
import threading
import time
from dataclasses import asdict, dataclass
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from csgrepo.errors import CsgRepoError, FileChanged, InvalidInput
from csgrepo.hub import HubApi
from csgrepo.hub.commits.folder import files_in
from csgrepo.redact import redact

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from csgrepo.hub import CommitInfo

__all__ = ["main", "upload"]

# A file that was written to so lately is being written, as a rule.
SETTLING_S = 2.0
_TRIES = 5
_LAST_TRIES = 5
_LONGEST_PAUSE_S = 60.0
_LOOK_S = (
    2.0  # how often it is looked whether the parent lives: others may hold its end of the pipe
)
_NICENESS = 5


def upload(api: HubApi, order: dict[str, Any], *, is_last: bool) -> CommitInfo:
    """Upload what is new in a folder that others may be writing to.

    A file that is being written is left for the next time, and so is one that changes while it is
    read. The last time there is no next, so everything counts.

    Args:
        api: the hub.
        order: the arguments of `HubApi.upload_folder`.
        is_last: whether nobody writes to the folder any more.

    Raises:
        CsgRepoError: as for `HubApi.upload_folder`.
    """
    top = (order.get("path_in_repo") or "").strip("/")
    left: set[str] = set()
    for attempt in range(_TRIES):
        before = _written_to(order) if not is_last else {}
        skipped = left | {name for name, age_s in before.items() if 0 <= age_s < SETTLING_S}
        ignored = [*_listed(order.get("ignore_patterns")), *map(escape, sorted(skipped))]
        try:
            return api.upload_folder(**{**order, "ignore_patterns": ignored})
        except FileChanged as error:
            if attempt == _TRIES - 1:
                raise
            if not is_last:
                left.add(error.path.removeprefix(f"{top}/") if top else error.path)
        except InvalidInput:
            # One that was rotated away between listing and reading; any other reason stays.
            if attempt == _TRIES - 1 or before.keys() <= _written_to(order).keys():
                raise
    raise AssertionError  # the last attempt returns or raises


def _listed(patterns: str | Iterable[str] | None) -> list[str]:
    return [patterns] if isinstance(patterns, str) else list(patterns or [])


def _written_to(order: dict[str, Any]) -> dict[str, float]:
    """Return how many seconds ago each file that is to be uploaded was written to."""
    ages = {}
    now = time.time()
    patterns = (order.get("allow_patterns"), order.get("ignore_patterns"))
    for name, path in files_in(Path(order["folder_path"]), *patterns).items():
        with contextlib.suppress(FileNotFoundError):
            ages[name] = now - path.stat().st_mtime
    return ages


@dataclass(frozen=True, slots=True)
class _Word:
    """What was asked for: ``now``, ``end``, ``gone``, or ``""`` where it was time."""

    verb: str
    number: int = 0


class _Words:
    """What comes on standard input."""

    def __init__(self, lines: Iterator[str], parent: int) -> None:
        self._words: queue.SimpleQueue[_Word] = queue.SimpleQueue()
        self._parent = parent
        threading.Thread(target=self._read, args=(lines,), daemon=True).start()

    def _read(self, lines: Iterator[str]) -> None:
        for line in lines:
            verb, _, number = line.strip().partition(" ")
            self._words.put(_Word(verb, int(number)))
        self._words.put(_Word("gone"))

    def wait(self, seconds: float) -> _Word:
        """Return the next word, or the empty one when the time is over."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            with contextlib.suppress(queue.Empty):
                return self._words.get(timeout=min(left, _LOOK_S))
            if os.name == "posix" and os.getppid() != self._parent:
                return _Word("gone")
        return _Word("")


def main() -> None:
    """Serve the process that started this one."""
    with contextlib.suppress(AttributeError, OSError):
        os.nice(_NICENESS)
    order = json.loads(sys.stdin.readline())
    every_s = order.pop("every_s")
    words = _Words(iter(sys.stdin.readline, ""), order.pop("parent"))
    with HubApi(order.pop("endpoint"), order.pop("token")) as api:
        heard = _Word("")
        while True:
            is_last = heard.verb in {"end", "gone"}
            has_failed = _round(api, order, heard, is_last=is_last)
            if is_last:
                break
            heard = words.wait(every_s)
        tries = 1
        while has_failed and heard.verb == "gone" and tries < _LAST_TRIES:
            time.sleep(min(every_s, _LONGEST_PAUSE_S))
            has_failed = _round(api, order, heard, is_last=True)
            tries += 1
    sys.exit(int(has_failed))


def _round(api: HubApi, order: dict[str, Any], heard: _Word, *, is_last: bool) -> bool:
    """Upload, tell what came of it, and return whether it failed."""
    said: dict[str, object]
    try:
        said = {"info": asdict(upload(api, order, is_last=is_last))}
    except (CsgRepoError, OSError) as error:
        said = {"error": redact(str(error)), "kind": type(error).__name__}
    with contextlib.suppress(OSError):  # nobody may be listening any more
        print(json.dumps({**said, "heard": heard.number}), flush=True)  # noqa: T201 - the protocol
    return "error" in said


if __name__ == "__main__":
    main()
