"""Asking the hub how it wants files, and what it has of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from csgrepo.errors import HubError
from csgrepo.http.envelope import unwrap
from csgrepo.hub.connection import repo_path
from csgrepo.hub.reading import flag, objects, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from csgrepo.hub.connection import HubConnection
    from csgrepo.repo_id import RepoId

__all__ = ["Answer", "preupload"]

_FILES_PER_REQUEST = 1000
_OID = re.compile(r"(?:[0-9a-f]{40}(?:[0-9a-f]{24})?)?")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the hub says about a path.

    Attributes:
        oid: the id of the blob that is there, or the SHA-256 of an LFS object; ``""`` for nothing.
        in_lfs: whether it keeps a file of that name and size in LFS.
        ignored: whether the repository's ``.gitignore`` leaves it out.
        is_folder: whether a folder is there.
    """

    oid: str = ""
    in_lfs: bool = False
    ignored: bool = False
    is_folder: bool = False


def preupload(
    hub: HubConnection, repo: RepoId, commit: str, sizes: Mapping[str, int]
) -> dict[str, Answer]:
    """Ask about some paths at a commit; changes nothing (``POST …/preupload/{commit}``).

    Args:
        hub: the hub.
        repo: the repository.
        commit: what to compare with.
        sizes: the paths, and how many bytes each is to have.

    Raises:
        HubHTTPError: the hub said no: you may not write, as a rule.
        HubError: its answer leaves a path out.
    """
    found: dict[str, Answer] = {}
    paths = list(sizes)
    for start in range(0, len(paths), _FILES_PER_REQUEST):
        part = paths[start : start + _FILES_PER_REQUEST]
        body = {"files": [{"path": path, "size": sizes[path], "sample": ""} for path in part]}
        url = f"{repo_path(repo)}/preupload/{commit}"
        data = unwrap(hub.ask("POST", url, json=body, idempotent=True)).get("data")
        listed = data.get("files") if isinstance(data, dict) else None
        for fields in objects(listed, "files"):
            found[text(fields, "path")] = _read(fields)
    for path in paths:
        if path not in found:
            raise HubError(f"the hub was asked about {path!r} of {repo} and said nothing of it")
    return found


def _read(fields: Mapping[str, object]) -> Answer:
    oid, mode = text(fields, "oid"), text(fields, "uploadMode")
    if not _OID.fullmatch(oid) or mode not in {"lfs", "regular"}:
        raise HubError(
            f"the hub answered for {text(fields, 'path')!r} with mode {mode[:100]!r} and id "
            f"{oid[:100]!r}, which cannot be"
        )
    return Answer(oid, mode == "lfs", flag(fields, "shouldIgnore"), flag(fields, "isDir"))
