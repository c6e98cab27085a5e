"""An LFS server reached over HTTP: the batch API, and the transfers it chooses from.

Follows https://github.com/git-lfs/git-lfs/blob/main/docs/api/batch.md and
https://github.com/git-lfs/git-lfs/blob/main/docs/api/basic-transfers.md. Uploads are offered as
``multipart`` (see `csgrepo.lfs.multipart`) or ``basic``: CSGHub takes more than 5 GB only in
parts, and answers in parts whenever it may; servers that do not know the word choose ``basic``.
Downloads are ``basic`` everywhere.
"""

from __future__ import annotations

import functools
import threading
from typing import TYPE_CHECKING, BinaryIO

from csgrepo import files
from csgrepo.errors import LfsError, NotFound, ObjectMissing, TransferError
from csgrepo.lfs import multipart
from csgrepo.lfs.parts import Plan
from csgrepo.lfs.reply import Action, Reply, read_replies

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from csgrepo.http import Auth, Http
    from csgrepo.lfs.pointer import Pointer
    from csgrepo.lfs.server import Fetch, OnBytes, Send
    from csgrepo.redact import Secret

__all__ = ["HttpServer"]

_MEDIA_TYPE = "application/vnd.git-lfs+json"
_OBJECTS_PER_REQUEST = 100  # what stock git-lfs asks; some servers refuse more
_TRANSFERS = {"upload": ("multipart", "basic"), "download": ("basic",)}
_PARTS_AT_ONCE = 8  # of all objects together


class HttpServer:
    """An LFS server.

    Args:
        url: its address, without the ``/objects/batch`` at the end.
        http: connections.
        auth: proves who is asking, to the origins it knows.
        ref: the ref that is pushed or fetched, for servers that decide by it.
    """

    def __init__(self, url: str, http: Http, auth: Auth, ref: str | None = None) -> None:
        self.url = url.rstrip("/")
        self._http = http
        self._auth = auth
        self._ref = ref
        self._slots = threading.BoundedSemaphore(_PARTS_AT_ONCE)

    def lacking(self, pointers: Sequence[Pointer]) -> dict[Pointer, Send]:
        """See `ObjectServer.lacking`.

        Raises:
            LfsError: the server refuses an object, in its own words.
        """
        sends: dict[Pointer, Send] = {}
        for pointer, reply in self._batch("upload", pointers):
            if reply.error is not None:
                raise LfsError(
                    f"{self.url} refuses object {pointer.oid[:12]} ({pointer.size} bytes): "
                    f"{reply.error}"
                )
            if send := self._sending(pointer, reply):
                sends[pointer] = send
        return sends

    def _sending(self, pointer: Pointer, reply: Reply) -> Send | None:
        action = reply.actions.get("upload")
        verify = Action.read(reply.actions.get("verify"))
        if action and reply.transfer == "multipart":
            return functools.partial(self._send_parts, Plan.read(pointer, action), verify)
        upload = Action.read(action)
        return functools.partial(self._send, pointer, upload, verify) if upload else None

    def offered(self, pointers: Sequence[Pointer]) -> dict[Pointer, Fetch | LfsError]:
        """See `ObjectServer.offered`."""
        offers: dict[Pointer, Fetch | LfsError] = {}
        for pointer, reply in self._batch("download", pointers):
            download = Action.read(reply.actions.get("download"))
            if reply.error is None and download:
                offers[pointer] = functools.partial(self._fetch, pointer, download)
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
                headers={"Accept": _MEDIA_TYPE, "Content-Type": _MEDIA_TYPE},
                auth=self._auth,
                idempotent=True,
            ).mapping()
        except NotFound as error:
            raise LfsError(
                f"{error}\nIf the repository exists, its host has no LFS server at {self.url}; "
                "set one with `git config lfs.url`."
            ) from error
        return read_replies(self.url, answer, pointers, transfers)

    def renewed(self, plan: Plan) -> Plan:
        """Return an upload's plan with fresh addresses, for when those it has have expired.

        Raises:
            TransferError: the server does not go on with that upload.
            HubError: it refuses, or does not answer.
        """
        [reply] = self._ask("upload", [plan.pointer], plan.upload_id)
        if reply.transfer != "multipart" or reply.error is not None:
            raise TransferError(
                f"{self.url} gives no fresh addresses for the parts of object "
                f"{plan.pointer.oid[:12]}: {reply.error or 'it wants them no more'}. Push again."
            )
        return Plan.read(plan.pointer, reply.actions.get("upload"))

    def _send_parts(self, plan: Plan, verify: Action | None, path: Path, on_bytes: OnBytes) -> None:
        multipart.Upload(
            self._http, plan, path, on_bytes, renew=self.renewed, slots=self._slots
        ).run()
        self._verify(plan.pointer, verify)

    def _send(
        self,
        pointer: Pointer,
        upload: Action,
        verify: Action | None,
        path: Path,
        on_bytes: OnBytes,
    ) -> None:
        headers: dict[str, str | Secret] = {"Content-Type": "application/octet-stream"}
        headers |= upload.headers
        self._http.upload(
            "PUT",
            upload.href,
            path,
            pointer.size,
            headers=headers,
            auth=None if upload.authenticated else self._auth,
            on_bytes=on_bytes,
            repeat_500=True,  # a store's hiccup; the same object twice does no harm
        )
        self._verify(pointer, verify)

    def _verify(self, pointer: Pointer, verify: Action | None) -> None:
        if verify:
            self._http.request(
                "POST",
                verify.href,
                json={"oid": pointer.oid, "size": pointer.size},
                headers={"Accept": _MEDIA_TYPE, "Content-Type": _MEDIA_TYPE, **verify.headers},
                auth=None if verify.authenticated else self._auth,
                idempotent=True,
            )

    def _fetch(
        self, pointer: Pointer, download: Action, target: BinaryIO, on_bytes: OnBytes
    ) -> tuple[str, int]:
        with files.HashedSink(target) as sink:
            self._http.download(
                download.href,
                sink,
                headers=download.headers,
                auth=None if download.authenticated else self._auth,
                expected_size=pointer.size,
                on_bytes=on_bytes,
                on_restart=sink.restart,
            )
        return sink.oid, sink.size
