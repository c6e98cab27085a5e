"""`snapshot_download`: all files of a revision, or those that match."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, overload

from csgrepo.download.fleet import WORKERS, bring
from csgrepo.download.local import LocalFolder
from csgrepo.download.visit import Access, Visit

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping, Sequence

    from csgrepo.cache import Tree, TreeFile
    from csgrepo.redact import Secret
    from csgrepo.repo_id import RepoType

__all__ = ["Plan", "snapshot_download"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What `snapshot_download` would do.

    Attributes:
        commit: the commit that the revision is.
        path: the folder that it would return.
        files: every file that matches, with its length in bytes.
        missing: those of them that would be fetched.
    """

    commit: str
    path: str
    files: Mapping[str, int]
    missing: tuple[str, ...]

    @property
    def missing_bytes(self) -> int:
        """How much would be fetched."""
        return sum(self.files[path] for path in self.missing)


@overload
def snapshot_download(
    repo_id: str,
    *,
    repo_type: str | RepoType | None = None,
    revision: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    local_dir: str | os.PathLike[str] | None = None,
    allow_patterns: str | Sequence[str] | None = None,
    ignore_patterns: str | Sequence[str] | None = None,
    max_workers: int = WORKERS,
    dry_run: Literal[False] = False,
    force_download: bool = False,
    local_files_only: bool = False,
    token: str | Secret | bool | None = None,
    endpoint: str | None = None,
    mirrors: Sequence[str] | None = None,
    headers: Mapping[str, str] | None = None,
    cookies: Mapping[str, str] | None = None,
    progress: bool = False,
) -> str: ...


@overload
def snapshot_download(
    repo_id: str,
    *,
    repo_type: str | RepoType | None = None,
    revision: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    local_dir: str | os.PathLike[str] | None = None,
    allow_patterns: str | Sequence[str] | None = None,
    ignore_patterns: str | Sequence[str] | None = None,
    max_workers: int = WORKERS,
    dry_run: Literal[True],
    force_download: bool = False,
    local_files_only: bool = False,
    token: str | Secret | bool | None = None,
    endpoint: str | None = None,
    mirrors: Sequence[str] | None = None,
    headers: Mapping[str, str] | None = None,
    cookies: Mapping[str, str] | None = None,
    progress: bool = False,
) -> Plan: ...


def snapshot_download(
    repo_id: str,
    *,
    repo_type: str | RepoType | None = None,
    revision: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    local_dir: str | os.PathLike[str] | None = None,
    allow_patterns: str | Sequence[str] | None = None,
    ignore_patterns: str | Sequence[str] | None = None,
    max_workers: int = WORKERS,
    dry_run: bool = False,
    force_download: bool = False,
    local_files_only: bool = False,
    token: str | Secret | bool | None = None,
    endpoint: str | None = None,
    mirrors: Sequence[str] | None = None,
    headers: Mapping[str, str] | None = None,
    cookies: Mapping[str, str] | None = None,
    progress: bool = False,
) -> str | Plan:
    """Fetch the files of a revision, and return the folder that holds them.

    Content that the cache has is not fetched again, whichever revision it came with. Do not write
    to the files in the folder that is returned: other revisions share them. With `local_dir` they
    are your own.

    Args:
        repo_id: ``namespace/name``, or a name for one of your own.
        repo_type: what the repository holds; a model where not given.
        revision: a branch, a tag or a commit; the default branch where not given.
        cache_dir: the cache; ``CSGHUB_CACHE`` where not given.
        local_dir: put plain files below this folder instead. What an earlier call put there and
            nobody changed is brought up to date, or removed where the revision no longer has it;
            anything else there is left alone, files of other repositories too.
        allow_patterns: fetch only files that match one of these, such as ``"*.json"``; ``*``
            matches slashes too, and a folder's name with a slash at its end all that is in it.
        ignore_patterns: leave out files that match one of these.
        max_workers: how many connections at most.
        dry_run: fetch nothing, and return what would be fetched.
        force_download: fetch what is there, too.
        local_files_only: use no network; so does ``CSGHUB_OFFLINE``.
        token: an access token; ``False`` to be nobody in particular.
        endpoint: the hub's address.
        mirrors: addresses of other hosts with the same content, such as
            ``["https://mirror.example"]``: asked in turn where the hub is away or lacks something.
            ``CSGHUB_MIRRORS`` where not given. They get no token but the one that `login` kept for
            them.
        headers: sent along to the hub, and to no other host.
        cookies: sent along to the hub, and to no other host.
        progress: show bars on standard error.

    Raises:
        NotFound: no such repository or revision.
        NotCached: something is not in the cache, and the network may not be used.
        UnsafePath: the hub names a file that would be written elsewhere; nothing was written.
        DigestMismatch: a file's bytes are not what the hub said; it did not appear.
        TransferError: files could not be fetched; the others are kept.
        InvalidInput: a file that was not downloaded is in the way in `local_dir`.

    Example:
        >>> snapshot_download("wanda/bert", allow_patterns="*.json")  # doctest: +SKIP
        '/home/wanda/.cache/csghub/hub.opencsg.com/models/wanda/bert/snapshots/…'
    """
    access = Access(endpoint, token, cache_dir, local_files_only, headers, cookies, mirrors)
    with Visit(access, repo_id, repo_type, revision) as visit:
        commit = visit.commit()
        tree = visit.tree(commit)
        wanted = _matching(tree, allow_patterns, ignore_patterns)
        if local_dir is not None:
            plain = LocalFolder(local_dir)
            gone = plain.gone(visit, tree.files.keys())
            if dry_run:
                return _plan(commit, str(plain.root), wanted, plain.stale(wanted, gone))
            plain.update(
                visit,
                commit,
                wanted,
                workers=max_workers,
                force=force_download,
                progress=progress,
                gone=gone,
            )
            return str(plain.root)
        folder = visit.folder
        path = str(folder.snapshot(commit).absolute())
        missing = wanted if force_download else [file for file in wanted if not folder.has(file)]
        if dry_run:
            return _plan(commit, path, wanted, missing)
        if missing:
            if visit.offline:
                raise visit.missing([file.path for file in missing])
            folder.blobs.mkdir(parents=True, exist_ok=True)
            bring(
                visit.hosts,
                commit,
                _distinct(missing),
                folder.blob,
                folder.parts,
                workers=max_workers,
                force=force_download,
                progress=progress,
            )
        folder.snapshot(commit).mkdir(parents=True, exist_ok=True)
        for file in wanted:
            folder.show(commit, file)
        return path


def _plan(commit: str, path: str, wanted: Iterable[TreeFile], missing: Iterable[TreeFile]) -> Plan:
    files = {file.path: file.size for file in wanted}
    return Plan(commit, path, files, tuple(file.path for file in missing))


def _distinct(files: Iterable[TreeFile]) -> list[TreeFile]:
    return list({file.blob: file for file in files}.values())


def _matching(
    tree: Tree, allow: str | Sequence[str] | None, ignore: str | Sequence[str] | None
) -> list[TreeFile]:
    allowed, ignored = _patterns(allow), _patterns(ignore)
    return [
        file
        for file in tree.files.values()
        if (allowed is None or _matches(file.path, allowed))
        and not (ignored and _matches(file.path, ignored))
    ]


def _patterns(given: str | Sequence[str] | None) -> list[str] | None:
    if given is None:
        return None
    listed = [given] if isinstance(given, str) else list(given)
    return [f"{pattern}*" if pattern.endswith("/") else pattern for pattern in listed]


def _matches(path: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(path, pattern) for pattern in patterns)
