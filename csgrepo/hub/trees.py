"""Folders of a repository at one commit, walked through the hub's paged listing."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from csgrepo.errors import HubError
from csgrepo.http.envelope import unwrap
from csgrepo.hub.connection import repo_path
from csgrepo.hub.file_results import RepoCommit, RepoObject
from csgrepo.hub.reading import objects, text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from csgrepo.hub.connection import HubConnection
    from csgrepo.repo_id import RepoId

__all__ = ["folder", "walk", "with_commits"]

_PAGE = 10_000  # the most entries the hub gives at once
_LOGS = 100


def walk(hub: HubConnection, repo: RepoId, commit: str, top: str = "") -> Iterator[RepoObject]:
    """Yield all files below a folder, each folder's own before those of its folders.

    Raises:
        HubError: the hub lists a folder, and then nothing in it; git has no empty ones.
    """
    waiting = [top]
    while waiting:
        inner = []
        empty = True
        for entry in folder(hub, repo, commit, path := waiting.pop()):
            empty = False
            if entry.type == "dir":
                inner.append(entry.path)
            else:
                yield entry
        if empty and path != top:
            raise HubError(f"the hub listed the folder {path!r} of {repo}, and then nothing in it")
        waiting.extend(reversed(inner))


def folder(hub: HubConnection, repo: RepoId, commit: str, path: str) -> Iterator[RepoObject]:
    """Yield the entries of one folder; nothing for what is not there or is no folder.

    Raises:
        HubError: the hub leads in circles, or names what lies elsewhere.
    """
    base = f"{repo_path(repo)}/refs/{commit}/tree/{quote(path)}"
    cursor, seen = "", set()
    while True:
        response = hub.ask("GET", base, params={"limit": _PAGE, "cursor": cursor or None})
        if not response.content:
            return  # the hub's word for a folder that does not exist
        data = unwrap(response).get("data")
        if not isinstance(data, dict) or "Files" not in data:
            raise response.unexpected("a folder without its 'Files'")
        for fields in objects(data["Files"], "files"):
            entry = RepoObject.read(fields)
            if entry.path.rpartition("/")[0] != path:
                raise HubError(f"the hub listed {entry.path!r} as an entry of {path!r}")
            yield entry
        cursor = text(data, "Cursor")
        if not cursor:
            return
        if cursor in seen:
            raise HubError(f"the hub lists the folder {path!r} of {repo} in circles")
        seen.add(cursor)


def with_commits(
    hub: HubConnection, repo: RepoId, commit: str, entries: Iterator[RepoObject]
) -> Iterator[RepoObject]:
    """Yield the entries with the commit that changed each last."""
    known: dict[str, dict[str, RepoCommit]] = {}
    for entry in entries:
        parent = entry.path.rpartition("/")[0]
        if parent not in known:
            known = {parent: dict(_changes(hub, repo, commit, parent))}  # one folder at a time
        yield replace(entry, last_commit=known[parent].get(entry.path))


def _changes(
    hub: HubConnection, repo: RepoId, commit: str, path: str
) -> Iterator[tuple[str, RepoCommit]]:
    base = f"{repo_path(repo)}/refs/{commit}/logs_tree/{quote(path)}"
    offset, before = 0, ""
    while True:
        data = hub.data(base, params={"limit": _LOGS, "offset": offset})
        listed = objects(data.get("Commits"), "commits")
        this = json.dumps(listed, sort_keys=True)
        if listed and this == before:
            raise HubError(f"the hub lists the history of {path!r} in {repo} in circles")
        yield from map(_change, listed)
        if len(listed) < _LOGS:
            return
        offset, before = offset + len(listed), this


def _change(fields: Mapping[str, object]) -> tuple[str, RepoCommit]:
    return text(fields, "path"), RepoCommit.read(fields)
