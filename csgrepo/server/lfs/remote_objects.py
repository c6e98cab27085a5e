"""LFS objects on S3-compatible storage.

Objects arrive at the hub, which hashes them, and go on to the bucket when they are what their name
says. Beside where the hub would keep an object itself it keeps a note of its size, so that the
bucket is not asked for every name; the bytes are fetched by clients through signed addresses of
the bucket.
"""

from __future__ import annotations

import contextlib
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from csgrepo.errors import InvalidInput
from csgrepo.files import atomic
from csgrepo.redact import redact
from csgrepo.server.http.downloads import disposition
from csgrepo.server.http.refusal import Refusal
from csgrepo.server.lfs.storage import ObjectStore, note_path

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from csgrepo.server.lfs.storage import Incoming

__all__ = ["Location", "RemoteObjects", "storage_errors"]

_LIFETIME_S = 3600  # of an address at the bucket; ours, which lead to it, live longer
_CONNECT_S, _READ_S, _ATTEMPTS = 10, 60, 5
_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Location:
    """A place in a bucket.

    Attributes:
        bucket: its name.
        prefix: what the objects' keys begin with, empty or with a slash at its end.
        endpoint: the storage's address; that of the environment where empty.
        region: its region; that of the environment where empty.
    """

    bucket: str
    prefix: str
    endpoint: str = ""
    region: str = ""

    @classmethod
    def parse(cls, text: str) -> Location:
        """Read ``s3://bucket/prefix?endpoint=https://host&region=name``.

        Raises:
            InvalidInput: it is none.
        """
        parts = urlsplit(text)
        query = dict(parse_qsl(parts.query))
        plain = parts.username is None and parts.port is None and query.keys() <= _QUERY
        if parts.scheme != "s3" or not parts.hostname or not plain:
            raise InvalidInput(
                f"{redact(text)!r} is no place for objects; write s3://bucket/prefix, and the keys "
                "into the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY)"
            )
        prefix = parts.path.strip("/")
        return cls(parts.netloc, f"{prefix}/" if prefix else "", **query)

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")


_QUERY = {"endpoint", "region"}


class RemoteObjects(ObjectStore):
    """The LFS objects of one hub in a bucket; those that were kept before stay where they are.

    Args:
        root: the folder for notes, and for objects that were kept before.
        temporary: where objects arrive.
        location: the place in the bucket.

    Raises:
        InvalidInput: boto3 is not installed, or the bucket cannot be reached.

    Attributes:
        location: where they go.
    """

    def __init__(self, root: Path, temporary: Path, location: Location) -> None:
        super().__init__(root, temporary)
        self.location = location
        self._client = _client(location)
        with storage_errors(location, InvalidInput):
            self._client.head_bucket(Bucket=location.bucket)

    def _key(self, repository_id: int, oid: str) -> str:
        return f"{self.location.prefix}{repository_id}/{oid[:2]}/{oid[2:4]}/{oid}"

    def keep(self, incoming: Incoming, repository_id: int, oid: str) -> None:
        """Send an object to the bucket, see that it is there whole, and note its size.

        Raises:
            Refusal: 503, the bucket did not take it.
        """
        target = self.path(repository_id, oid)
        assert target is not None  # noqa: S101 - callers have checked the name
        key = self._key(repository_id, oid)
        with storage_errors(self.location, _unavailable):
            with incoming.path.open("rb") as stream:
                self._client.upload_fileobj(stream, self.location.bucket, key)
            if self.stored(repository_id, oid) != incoming.size:
                raise _unavailable(f"{self.location} holds another size than was sent")
        note = note_path(target)
        note.parent.mkdir(parents=True, exist_ok=True)
        with atomic(note, mode=0o600) as writing:
            writing.write(str(incoming.size).encode())

    def stored(self, repository_id: int, oid: str) -> int | None:
        """Ask the bucket for an object's size; ``None`` where it has none."""
        from botocore.exceptions import ClientError

        try:
            found = self._client.head_object(
                Bucket=self.location.bucket, Key=self._key(repository_id, oid)
            )
        except ClientError as error:
            if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 404:
                return None
            raise
        return int(found["ContentLength"])

    def address(self, repository_id: int, oid: str, name: str) -> str | None:
        """Return the bucket's signed address of an object that is not kept here."""
        target = self.path(repository_id, oid)
        if target is None or target.is_file() or not note_path(target).is_file():
            return None
        url: str = self._client.generate_presigned_url(
            "get_object",
            Params={
                "Bucket": self.location.bucket,
                "Key": self._key(repository_id, oid),
                "ResponseContentDisposition": disposition(name),
                "ResponseContentType": "application/octet-stream",
            },
            ExpiresIn=_LIFETIME_S,
        )
        return url

    def remove(self, repository_id: int) -> None:
        """Remove everything a repository has; what the bucket keeps is tried again later."""
        with storage_errors(self.location, _unavailable):
            for keys in self._listed(f"{self.location.prefix}{repository_id}/"):
                self._client.delete_objects(
                    Bucket=self.location.bucket,
                    Delete={"Objects": [{"Key": key} for key in keys], "Quiet": True},
                )
        shutil.rmtree(self.root / str(repository_id), ignore_errors=True)

    def _listed(self, prefix: str) -> Iterator[list[str]]:
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self.location.bucket, Prefix=prefix, PaginationConfig={"PageSize": _PAGE}
        )
        for page in pages:
            if keys := [item["Key"] for item in page.get("Contents", [])]:
                yield keys


def _client(location: Location) -> Any:
    try:
        import boto3
        from botocore.config import Config
    except ImportError as error:
        raise InvalidInput(
            "objects on S3-compatible storage need boto3; run `pip install 'csgrepo[hub,s3]'`"
        ) from error
    settings = Config(
        signature_version="s3v4",
        connect_timeout=_CONNECT_S,
        read_timeout=_READ_S,
        retries={"max_attempts": _ATTEMPTS, "mode": "standard"},
        # An address for clients names the bucket in its path where the storage is not Amazon's.
        s3={"addressing_style": "path" if location.endpoint else "auto"},
    )
    return boto3.client(
        "s3",
        endpoint_url=location.endpoint or None,
        region_name=location.region or None,
        config=settings,
    )


def _unavailable(words: str) -> Refusal:
    return Refusal(503, "", words, headers={"Retry-After": "5"})


@contextlib.contextmanager
def storage_errors(location: Location, kind: Any) -> Iterator[None]:
    """Turn what the storage's client raises into an error of ours."""
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (Boto3Error, BotoCoreError, ClientError) as error:
        raise kind(f"the object storage {location} failed: {redact(str(error))}") from error
