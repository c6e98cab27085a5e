"""Git LFS uploads in parts: signed addresses, the parts themselves, and putting them together.

As CSGHub has it: the batch answer's upload action holds no headers but the parts' addresses under
their numbers, sorted as text, and every address carries the caller's ``Authorization``. Completing
with a wrong signature is answered with status 200 and words; only an empty 200 is success.

An upload has no record of its own: what may be done with it is in the signed addresses, and its
parts lie in a folder that the first of them makes.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from csgrepo.server.http.bodies import json_object, read_all, take_in
from csgrepo.server.http.limits import MAX_PARTS, SIGNED_URL_SECONDS
from csgrepo.server.http.refusal import Refusal
from csgrepo.server.lfs.storage import Arrived

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.requests import Request
    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp

    from csgrepo.server.backend import Backend
    from csgrepo.server.lfs.objects import LfsCall
    from csgrepo.server.lfs.storage import Incoming

__all__ = ["routes", "upload_action", "wanted"]

_COMPLETION = "/api/v1/complete_multipart"
_UPLOAD_ID = re.compile(r"([0-9]{1,18})-[0-9a-f]{32}")
_ETAG = re.compile(r'"?([0-9a-f]{64})"?')
_BLOCK = 1024 * 1024
_FAILED = "complete multipart upload failed: "


def routes(backend: Backend) -> list[BaseRoute]:
    """Return the routes that take parts in and put them together."""
    part = "/_parts/{kind}/{namespace}/{name}/{oid}/{number:int}"
    return [
        Route(part, _take_part(backend), methods=["PUT"]),
        Route(_COMPLETION, _complete(backend), methods=["POST"]),
    ]


def wanted(body: dict[str, Any]) -> bool:
    """Tell whether a batch request offers to upload in parts."""
    transfers = body.get("transfers")
    return isinstance(transfers, list) and "multipart" in transfers


def upload_action(call: LfsCall, oid: str, size: int) -> dict[str, object]:
    """Return the action that uploads an object in parts.

    Raises:
        Refusal: 400, the upload that the request names is not one of this repository.
    """
    upload_id = _named_upload(call) or f"{call.repository.id}-{secrets.token_hex(16)}"
    chunk_size = max(call.backend.min_part_bytes, -(-size // MAX_PARTS))
    header = {"chunk_size": str(chunk_size)}
    for number in range(1, -(-size // chunk_size) + 1):
        length = min(chunk_size, size - (number - 1) * chunk_size)
        header[str(number)] = _part_address(call, oid, upload_id, number, length)
    in_text_order = dict(sorted(header.items()))
    href = _completion_address(call.backend, call.repository.id, oid, upload_id)
    return {"href": href, "header": in_text_order}


def _named_upload(call: LfsCall) -> str:
    """Return the upload that a request wants fresh addresses for; ``""`` for a new one."""
    upload_id = call.body.get("upload_id") or call.request.query_params.get("upload_id", "")
    if not upload_id:
        return ""
    found = _UPLOAD_ID.fullmatch(upload_id) if isinstance(upload_id, str) else None
    if found is None or int(found[1]) != call.repository.id:
        raise Refusal(400, "REQ-ERR-6")
    return str(upload_id)


def _part_address(call: LfsCall, oid: str, upload_id: str, number: int, length: int) -> str:
    repository = call.repository
    path = f"/_parts/{repository.type.rest_plural}/{repository.path}/{oid}/{number}"
    facts = {"uploadId": upload_id, "partNumber": str(number), "partBytes": str(length)}
    if call.authorization:
        facts["Authorization"] = call.authorization
    return f"{call.backend.url}{call.backend.signer.sign(path, facts)}"


def _completion_address(backend: Backend, number: int, oid: str, upload_id: str) -> str:
    expires = datetime.now(timezone.utc) + timedelta(seconds=SIGNED_URL_SECONDS)
    completion = _Completion(_object_key(number, oid), upload_id, f"{expires:%Y-%m-%dT%H:%M:%SZ}")
    query = {
        "expiresAt": completion.expires_at,
        "objectKey": completion.object_key,
        "signature": completion.signature(backend),
        "uploadId": completion.upload_id,
    }
    return f"{backend.url}{_COMPLETION}?{urlencode(query)}"


def _object_key(number: int, oid: str) -> str:
    folder = hashlib.sha256(str(number).encode()).hexdigest()
    return f"repos/{folder[:2]}/{folder[2:4]}/{folder}/{oid}"


@dataclass(frozen=True, slots=True)
class _Completion:
    """Which upload is to become which object, as it is signed."""

    object_key: str
    upload_id: str
    expires_at: str

    def signature(self, backend: Backend) -> str:
        return backend.signer.seal(f"{self.object_key}:{self.upload_id}:{self.expires_at}")

    @property
    def expired(self) -> bool:
        until = datetime.strptime(self.expires_at, "%Y-%m-%dT%H:%M:%SZ")
        return until.replace(tzinfo=timezone.utc) < datetime.now(timezone.utc)

    @property
    def repository(self) -> int:
        return int(self.upload_id.partition("-")[0])

    @property
    def oid(self) -> str:
        return self.object_key.rpartition("/")[2]


def _folder(backend: Backend, upload_id: str) -> Path:
    """Return where an upload's parts are; below its repository's, and removed with it.

    Raises:
        Refusal: 404, the repository is gone.
    """
    number = int(upload_id.partition("-")[0])  # ours: it was signed
    if backend.catalogue.by_id(number) is None:
        raise Refusal(404, "", f"{_FAILED}the upload does not exist")
    return backend.objects.upload_folder(number, upload_id)


def _take_part(backend: Backend) -> Any:
    """Return the route that takes one part in, as an object store would."""

    def opened(request: Request) -> tuple[Path, int, Incoming]:
        query = dict(request.query_params)
        if not backend.signer.valid(request.scope["path"], query):
            raise Refusal(403, "", "the signature does not match, or has expired")
        return (
            _folder(backend, query["uploadId"]),
            int(query["partBytes"]),
            backend.objects.receive(),
        )

    async def answer(request: Request) -> ASGIApp:
        folder, size, incoming = await backend.workers.run(opened, request)
        try:
            await take_in(request.receive, incoming, size, backend.workers)
            if incoming.size != size:
                raise Refusal(400, "", f"the part has {size} bytes, but {incoming.size} arrived")
            etag = incoming.oid
            number = request.path_params["number"]
            await backend.workers.run(_keep_part, incoming, folder, number)
        finally:
            await backend.workers.run(incoming.drop)
        return Response(b"", headers={"ETag": f'"{etag}"'})

    return answer


def _keep_part(incoming: Incoming, folder: Path, number: int) -> None:
    """Keep a part under its number and ETag, in place of an earlier one of that number."""
    target = folder / f"{number}-{incoming.oid}"
    incoming.keep(target)
    for other in folder.glob(f"{number}-*"):
        if other != target:
            other.unlink(missing_ok=True)


def _complete(backend: Backend) -> Any:
    """Return the route that makes an object of its parts."""

    async def answer(request: Request) -> ASGIApp:
        query = request.query_params
        completion = _Completion(
            query.get("objectKey", ""), query.get("uploadId", ""), query.get("expiresAt", "")
        )
        given = query.get("signature", "").encode("utf-8", "surrogateescape")
        if (
            not hmac.compare_digest(completion.signature(backend).encode(), given)
            or completion.expired
        ):
            return JSONResponse({"msg": "invalid signature"})
        body = json_object(await read_all(request.receive))
        await backend.workers.run(_assemble, backend, completion, body)
        return Response(b"")

    return answer


def _assemble(backend: Backend, completion: _Completion, body: dict[str, Any]) -> None:
    folder = _folder(backend, completion.upload_id)
    known = backend.objects.path(completion.repository, completion.oid) is not None
    if not known or body.get("oid") != completion.oid:
        raise Refusal(400, "REQ-ERR-1")
    incoming = _joined(backend, _listed(folder, body))
    try:
        if incoming.oid != completion.oid:
            shutil.rmtree(folder, ignore_errors=True)  # no order of these parts will mend it
            raise Refusal(400, "", f"{_FAILED}the parts hash to {incoming.oid}")
        backend.objects.keep(incoming, completion.repository, completion.oid)
    finally:
        incoming.drop()
    shutil.rmtree(folder, ignore_errors=True)


def _listed(folder: Path, body: dict[str, Any]) -> list[Path]:
    """Return the parts in the order of their numbers, each with the ETag it was answered with."""
    listed = body.get("parts")
    if not isinstance(listed, list):
        raise Refusal(400, "REQ-ERR-1")
    if listed and not folder.is_dir():
        raise Refusal(404, "", f"{_FAILED}the upload does not exist, or was completed already")
    paths, last = [], 0
    for part in listed:
        fields = part if isinstance(part, dict) else {}
        number, etag = fields.get("partNumber"), _ETAG.fullmatch(str(fields.get("etag")))
        if not isinstance(number, int) or number <= last:
            raise Refusal(400, "", f"{_FAILED}the parts are not in ascending order")
        path = folder / f"{number}-{etag[1] if etag else ''}"
        if not path.is_file():
            raise Refusal(400, "", f"{_FAILED}part {number} is not there, or has another ETag")
        paths.append(path)
        last = number
    return paths


def _joined(backend: Backend, paths: list[Path]) -> Incoming:
    """Return the parts as one object; a single part is one as it is."""
    if len(paths) == 1:
        return Arrived(paths[0], paths[0].name.partition("-")[2])
    incoming = backend.objects.receive()
    try:
        for path in paths:
            _append(path, incoming)
    except BaseException:
        incoming.drop()
        raise
    return incoming


def _append(path: Path, incoming: Incoming) -> None:
    with path.open("rb", buffering=0) as stream:
        while piece := stream.read(_BLOCK):
            incoming.take(piece)
