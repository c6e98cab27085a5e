"""`file_download`: one file of a repository."""

from __future__ import annotations

from typing import TYPE_CHECKING

from csgrepo.download.fleet import bring
from csgrepo.download.local import LocalFolder
from csgrepo.download.visit import Access, Visit
from csgrepo.files import safe_join

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from csgrepo.redact import Secret
    from csgrepo.repo_id import RepoType

__all__ = ["file_download"]

_CONNECTIONS = 4


def file_download(
    repo_id: str,
    file_name: str,
    *,
    subfolder: str | None = None,
    repo_type: str | RepoType | None = None,
    revision: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    local_dir: str | os.PathLike[str] | None = None,
    force_download: bool = False,
    local_files_only: bool = False,
    token: str | Secret | bool | None = None,
    endpoint: str | None = None,
    mirrors: Sequence[str] | None = None,
    headers: Mapping[str, str] | None = None,
    cookies: Mapping[str, str] | None = None,
    progress: bool = False,
) -> str:
    """Fetch one file of a repository, and return its path.

    It comes from the cache where that has its content already; the hub is asked which content that
    is, so that a branch or a tag that moved is noticed. Do not write to the file that is returned:
    other revisions share it. With `local_dir` it is one of your own.

    Args:
        repo_id: ``namespace/name``, or a name for one of your own.
        file_name: its path in the repository.
        subfolder: the folder that it is in, where `file_name` does not say so.
        repo_type: what the repository holds; a model where not given.
        revision: a branch, a tag or a commit; the default branch where not given.
        cache_dir: the cache; ``CSGHUB_CACHE`` where not given.
        local_dir: put a plain file below this folder instead.
        force_download: fetch it even if it is there.
        local_files_only: use no network; so does ``CSGHUB_OFFLINE``.
        token: an access token; ``False`` to be nobody in particular.
        endpoint: the hub's address.
        mirrors: addresses of other hosts with the same content, such as
            ``["https://mirror.example"]``: asked in turn where the hub is away or lacks something.
            ``CSGHUB_MIRRORS`` where not given. They get no token but the one that `login` kept for
            them.
        headers: sent along to the hub, and to no other host.
        cookies: sent along to the hub, and to no other host.
        progress: show a bar on standard error.

    Raises:
        NotFound: no such repository, revision or file.
        NotCached: it is not in the cache, and the network may not be used.
        DigestMismatch: its bytes are not what the hub said; nothing appeared.
        TransferError: it was cut off again and again; what came is kept for the next call.
        InvalidInput: a file that was not downloaded is in its place in `local_dir`.

    Example:
        >>> file_download("wanda/bert", "config.json")  # doctest: +SKIP
        '/home/wanda/.cache/csghub/hub.opencsg.com/models/wanda/bert/snapshots/…/config.json'
    """
    path = f"{subfolder.strip('/')}/{file_name}" if subfolder else file_name
    access = Access(endpoint, token, cache_dir, local_files_only, headers, cookies, mirrors)
    with Visit(access, repo_id, repo_type, revision) as visit:
        safe_join(visit.folder.root, path)
        commit = visit.commit()
        file = visit.file(commit, path)
        if local_dir is not None:
            plain = LocalFolder(local_dir)
            plain.update(
                visit, commit, [file], workers=_CONNECTIONS, force=force_download, progress=progress
            )
            return str(plain.path(file))
        folder = visit.folder
        if force_download or not folder.has(file):
            if visit.offline:
                raise visit.missing([path])
            folder.blobs.mkdir(parents=True, exist_ok=True)
            bring(
                visit.hosts,
                commit,
                [file],
                folder.blob,
                folder.parts,
                workers=_CONNECTIONS,
                force=force_download,
                progress=progress,
            )
        return str(folder.show(commit, file).absolute())
