"""An LFS server reached over HTTP: the batch API, and the transfers it chooses from.

Follows https://github.com/git-lfs/git-lfs/blob/main/docs/api/batch.md and
https://github.com/git-lfs/git-lfs/blob/main/docs/api/basic-transfers.md. Uploads are offered as
``multipart`` (see `csgrepo.lfs.multipart`) or ``basic``: CSGHub takes more than 5 GB only in
parts, and answers in parts whenever it may; servers that do not know the word choose ``basic``.
Downloads are ``basic`` everywhere.
"""

from __future__ import annotations

import functools
import itertools
import threading
from typing import TYPE_CHECKING, BinaryIO, cast

from csgrepo import files
from csgrepo.errors import HubHTTPError, LfsError, NotFound, ObjectMissing
from csgrepo.lfs.reply import MEDIA_TYPE, Action, Reply, read_replies
from csgrepo.lfs.sending import Desk, Sending
from csgrepo.lfs.unfinished import Unfinished

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from csgrepo.http import Auth, Http
    from csgrepo.lfs.pointer import Pointer
    from csgrepo.lfs.server import Fetch, OnBytes, Send

__all__ = ["HttpServer"]

_OBJECTS_PER_REQUEST = 100  # what stock git-lfs asks; some servers refuse more
_TRANSFERS = {"upload": ("multipart", "basic"), "download": ("basic",)}
_PARTS_AT_ONCE = 8  # of all objects together
_UNKNOWN_UPLOAD = frozenset({400, 404, 409, 410, 422})


class HttpServer:
    """An LFS server.

    Args:
        url: its address, without the ``/objects/batch`` at the end.
        http: connections.
        auth: proves who is asking, to the origins it knows.
        ref: the ref that is pushed or fetched, for servers that decide by it.
        unfinished: the folder where uploads are noted until they are complete; with none, those
            that are broken off are begun anew.
    """

    def __init__(
        self,
        url: str,
        http: Http,
        auth: Auth,
        ref: str | None = None,
        unfinished: Path | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self._http = http
        self._auth = auth
        self._ref = ref
        slots = threading.BoundedSemaphore(_PARTS_AT_ONCE)
        remembered = Unfinished(unfinished, self.url)
        self._desk = Desk(http, auth, self._ask_for_one, remembered, slots)

    @property
    def desk(self) -> Desk:
        """What uploads to this server share."""
        return self._desk

    def lacking(self, pointers: Sequence[Pointer]) -> dict[Pointer, Send]:
        """See `ObjectServer.lacking`.

        Raises:
            LfsError: the server refuses an object, in its own words.
        """
        begun = self._desk.unfinished.oids()
        resumed = [pointer for pointer in pointers if pointer.oid in begun]
        fresh = [pointer for pointer in pointers if pointer.oid not in begun]
        replies = [(pointer, self._ask_to_go_on(pointer)) for pointer in resumed]
        sends: dict[Pointer, Send] = {}
        for pointer, reply in itertools.chain(replies, self._batch("upload", fresh)):
            if reply.error is not None:
                raise LfsError(
                    f"{self.url} refuses object {pointer.oid[:12]} ({pointer.size} bytes): "
                    f"{reply.error}"
                )
            if reply.actions.get("upload"):
                sends[pointer] = Sending(self._desk, pointer, reply)
        return sends

    def _ask_to_go_on(self, pointer: Pointer) -> Reply:
        """Ask by the name of the upload that was begun; a new one where the server knows none."""
        record = self._desk.unfinished.find(pointer)
        if record:
            try:
                reply = self._ask_for_one(pointer, record.upload_id)
            except HubHTTPError as error:
                if error.status not in _UNKNOWN_UPLOAD:
                    raise
                reply = None
            if reply and reply.error is None and reply.actions.get("upload"):
                return reply
            record.forget()
            if reply and reply.error is None:
                return reply
        return self._ask_for_one(pointer)

    def _ask_for_one(self, pointer: Pointer, upload_id: str = "") -> Reply:
        return self._ask("upload", [pointer], upload_id)[0]

    def offered(self, pointers: Sequence[Pointer]) -> dict[Pointer, Fetch | LfsError]:
        """See `ObjectServer.offered`."""
        offers: dict[Pointer, Fetch | LfsError] = {}
        for pointer, reply in self._batch("download", pointers):
            download = Action.read(reply.actions.get("download"))
            if reply.error is None and download:
                offers[pointer] = functools.partial(self._fetch, pointer, reply)
            else:
                offers[pointer] = self._refusal(pointer, reply)
        return offers

    def _refusal(self, pointer: Pointer, reply: Reply) -> LfsError:
        said = reply.error or "no download offered"
        message = f"{self.url} does not give object {pointer.oid[:12]}: {said} (code {reply.code})"
        if reply.code in {0, 404, 410}:
            return ObjectMissing(pointer.oid, f"{message}. Push it again from a clone that has it.")
        return LfsError(message)

    def _batch(
        self, operation: str, pointers: Sequence[Pointer]
    ) -> Iterator[tuple[Pointer, Reply]]:
        for start in range(0, len(pointers), _OBJECTS_PER_REQUEST):
            part = pointers[start : start + _OBJECTS_PER_REQUEST]
            yield from zip(part, self._ask(operation, part), strict=True)

    def _ask(self, operation: str, pointers: Sequence[Pointer], upload_id: str = "") -> list[Reply]:
        transfers = _TRANSFERS[operation]
        question: dict[str, object] = {
            "operation": operation,
            "transfers": transfers,
            "objects": [{"oid": pointer.oid, "size": pointer.size} for pointer in pointers],
            "hash_algo": "sha256",
        }
        if self._ref:
            question["ref"] = {"name": self._ref}
        if upload_id:
            question["upload_id"] = upload_id
        try:
            answer = self._http.request(
                "POST",
                f"{self.url}/objects/batch",
                json=question,
                headers={"Accept": MEDIA_TYPE, "Content-Type": MEDIA_TYPE},
                auth=self._auth,
                idempotent=True,
            ).mapping()
        except NotFound as error:
            raise LfsError(
                f"{error}\nIf the repository exists, its host has no LFS server at {self.url}; "
                "set one with `git config lfs.url`."
            ) from error
        return read_replies(self.url, answer, pointers, transfers)

    def _fetch(
        self, pointer: Pointer, reply: Reply, target: BinaryIO, on_bytes: OnBytes
    ) -> tuple[str, int]:
        is_fresh = reply.is_stale("download")
        if is_fresh:
            reply = self._offer_again(pointer)
        with files.HashedSink(target) as sink:
            try:
                self._read(pointer, reply, sink, on_bytes)
            except HubHTTPError as refusal:
                if is_fresh or not reply.may_have_expired("download", refusal):
                    raise
                self._read(pointer, self._offer_again(pointer), sink, on_bytes)
        return sink.oid, sink.size

    def _offer_again(self, pointer: Pointer) -> Reply:
        [reply] = self._ask("download", [pointer])
        if reply.error is not None or not reply.actions.get("download"):
            raise self._refusal(pointer, reply)
        return reply

    def _read(
        self, pointer: Pointer, reply: Reply, sink: files.HashedSink, on_bytes: OnBytes
    ) -> None:
        """Go on where the sink ends."""
        download = cast("Action", Action.read(reply.actions.get("download")))
        self._http.download(
            download.href,
            sink,
            headers=download.headers,
            auth=None if download.authenticated else self._auth,
            start=sink.size,
            expected_size=pointer.size,
            on_bytes=on_bytes,
            on_restart=sink.restart,
        )
