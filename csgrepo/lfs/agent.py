"""The transfer agent: csgrepo's ``multipart`` engine in the hands of stock git-lfs.

git-lfs starts it, tells it one object after the other, a line of JSON each, and is told how far it
is. What goes wrong is an answer, never the end of the process: git-lfs shows it to the user and
goes on with the next object.

Follows https://github.com/git-lfs/git-lfs/blob/main/docs/custom-transfers.md.
"""

from __future__ import annotations

import json
import os
import secrets
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from csgrepo import files
from csgrepo.errors import DigestMismatch, HubHTTPError, InvalidInput, TransferError
from csgrepo.git.callback import python_command
from csgrepo.lfs.partial import Partial
from csgrepo.lfs.parts import Plan
from csgrepo.lfs.pointer import OID, Pointer
from csgrepo.lfs.reply import Action, Reply
from csgrepo.lfs.sending import Sending
from csgrepo.redact import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from csgrepo.git.runner import Git
    from csgrepo.http import Auth, Http
    from csgrepo.lfs.sending import Desk

    OpenDesk = Callable[[str], Desk]

__all__ = ["Agent", "install"]

_FAILED = 1
_OUR_FAULT = 70


def install(git: Git) -> None:
    """Let git-lfs in this repository, and nowhere else, hand multipart transfers to csgrepo.

    Args:
        git: git in the repository.
    """
    program, *args = python_command("csgrepo", "lfs-multipart-upload")
    line = shlex.join(args)  # git-lfs quotes the program itself, and leaves the rest to `sh`
    section = "lfs.customtransfer.multipart"
    git.run("config", "--local", f"{section}.path", program)
    git.run(
        "config",
        "--local",
        f"{section}.args",
        line.replace("\\", "/") if sys.platform == "win32" else line,
    )
    git.run("config", "--local", f"{section}.concurrent", "true")


class Agent:
    """One agent, which serves one git-lfs.

    Args:
        sink: where the answers go.
        http: connections.
        auth: proves who is asking where an action does not.
        store: names the folder of the LFS store; what is fetched goes to its subfolders.
        desk: what uploads to the named remote share.
    """

    def __init__(
        self,
        sink: BinaryIO,
        http: Http,
        *,
        auth: Auth,
        store: Callable[[], Path],
        desk: OpenDesk,
    ) -> None:
        self._sink = sink
        self._http = http
        self._auth = auth
        self._store = store
        self._desk = desk
        self._remote = ""

    def serve(self, source: Iterable[bytes]) -> None:
        """Answer every line, until git-lfs says that it is done, or is gone."""
        for line in source:
            message = _object(line)
            event = message.get("event")
            if event == "terminate":
                return
            if event == "init":
                self._remote = str(message.get("remote") or "")
                self._answer({})
            elif event in {"upload", "download"}:
                self._transfer(message)
            else:
                self._answer({"error": _error(InvalidInput(f"no such event: {event!r:.100}"))})

    def _transfer(self, message: dict[str, Any]) -> None:
        answer: dict[str, object] = {"event": "complete", "oid": message.get("oid")}
        try:
            progress = _Progress(self._answer, message.get("oid"))
            if message["event"] == "upload":
                self._upload(message, progress)
            else:
                answer["path"] = str(self._download(message, progress))
        except Exception as error:  # noqa: BLE001 - git-lfs hears of whatever it was, and goes on
            answer = {"event": "complete", "oid": message.get("oid"), "error": _error(error)}
        self._answer(answer)

    def _upload(self, message: dict[str, Any], progress: _Progress) -> None:
        pointer = _pointer(message)
        plan = Plan.read(pointer, message.get("action"))
        path = message.get("path")
        if not isinstance(path, str) or not path:
            raise InvalidInput("git-lfs names no file to send")

        reply = Reply("multipart", {"upload": message.get("action")})
        sending = Sending(self._desk(self._remote), pointer, reply)
        sending.send_parts(plan, Path(path), progress, lambda why: None)

    def _download(self, message: dict[str, Any], progress: _Progress) -> Path:
        """Return where the object is now; git-lfs checks it once more and moves it."""
        pointer = _pointer(message)
        action = Action.read(message.get("action"))
        if action is None:
            raise TransferError(f"the LFS server does not offer object {pointer.oid[:12]}")
        store = self._store()
        partial = Partial(store / "incomplete", pointer.oid)
        with partial.open() as target:
            if os.fstat(target.fileno()).st_size > pointer.size:
                _empty(target)
            oid, kept = self._fetch(pointer, action, target, progress)
            if oid != pointer.oid and kept:  # what an earlier process left may be to blame
                progress(-pointer.size)
                _empty(target)
                oid, _ = self._fetch(pointer, action, target, progress)
            if oid != pointer.oid:
                _empty(target)
                raise DigestMismatch(f"object {pointer.oid[:12]}", pointer.oid, oid)
            path = store / "tmp" / f"csgrepo-{pointer.oid}-{secrets.token_hex(6)}"
            partial.become(path)
        return path

    def _fetch(
        self, pointer: Pointer, action: Action, target: BinaryIO, progress: _Progress
    ) -> tuple[str, int]:
        """Fetch what is missing; return the digest of the whole, and how much was there."""
        sink = files.HashedSink(target)
        if kept := sink.adopt():
            progress(kept)
        with sink:
            self._http.download(
                action.href,
                sink,
                headers=action.headers,
                auth=None if action.authenticated else self._auth,
                start=kept,
                expected_size=pointer.size,
                on_bytes=progress,
                on_restart=sink.restart,
            )
        return sink.oid, kept

    def _answer(self, message: dict[str, object]) -> None:
        self._sink.write(json.dumps(message).encode("ascii") + b"\n")
        self._sink.flush()


class _Progress:
    """Says how far one object is."""

    def __init__(self, answer: Callable[[dict[str, object]], None], oid: object) -> None:
        self._answer = answer
        self._oid = oid
        self._so_far = 0

    def __call__(self, count: int) -> None:
        self._so_far += count
        self._answer(
            {
                "event": "progress",
                "oid": self._oid,
                "bytesSoFar": self._so_far,
                "bytesSinceLast": count,
            }
        )


def _empty(target: BinaryIO) -> None:
    target.seek(0)
    target.truncate()


def _object(line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _pointer(message: dict[str, Any]) -> Pointer:
    oid, size = message.get("oid"), message.get("size")
    if not isinstance(oid, str) or not OID.fullmatch(oid):
        raise InvalidInput(f"{oid!r:.100} is not an object id")
    if not isinstance(size, int) or size < 0:
        raise InvalidInput(f"{size!r:.100} is not the size of an object")
    return Pointer(oid, size)


def _error(error: Exception) -> dict[str, object]:
    ours = not isinstance(error, OSError | InvalidInput)
    said = f"a fault in csgrepo itself: {type(error).__name__}: {error}" if ours else str(error)
    code = error.status if isinstance(error, HubHTTPError) else _OUR_FAULT if ours else _FAILED
    return {"code": code, "message": redact(said)}
