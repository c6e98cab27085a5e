"""`upload_file` and `upload_folder`: one call, one hub."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, overload

from csgrepo.errors import InvalidInput
from csgrepo.hub import HubApi
from csgrepo.progress.bars import bars
from csgrepo.redact import Secret
from csgrepo.upload.recurring import RecurringUpload

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence
    from typing import BinaryIO

    from csgrepo.hub import CommitInfo
    from csgrepo.repo_id import RepoType

__all__ = ["upload_file", "upload_folder"]


def upload_file(
    *,
    path_or_fileobj: str | Path | bytes | BinaryIO,
    path_in_repo: str,
    repo_id: str,
    repo_type: str | RepoType | None = None,
    revision: str | None = None,
    commit_message: str | None = None,
    commit_description: str | None = None,
    parent_commit: str | None = None,
    create_repo: bool = False,
    private: bool = False,
    create_branch: bool = False,
    dry_run: bool = False,
    token: str | Secret | bool | None = None,
    endpoint: str | None = None,
    progress: bool = False,
) -> CommitInfo:
    """Put one file into a repository; see `HubApi.upload_file`.

    Args:
        path_or_fileobj: a path, the content as bytes, or a binary stream.
        path_in_repo: where to.
        repo_id: ``namespace/name``, or a name for one of your own.
        repo_type: what the repository holds; a model where not given.
        revision: the branch; the default one where not given.
        commit_message: the commit's first line.
        commit_description: the rest of its message.
        parent_commit: the commit that the branch has to be at.
        create_repo: make the repository where there is none.
        private: whether one that is made is private.
        create_branch: make the branch where there is none.
        dry_run: change nothing, and tell what would be done.
        token: an access token; the environment's, or the one that `login` kept, where not given.
        endpoint: the hub's address.
        progress: show bars on standard error.

    Raises:
        CsgRepoError: as for `HubApi.create_commit`.

    Example:
        >>> upload_file(  # doctest: +SKIP
        ...     path_or_fileobj="model.bin", path_in_repo="model.bin", repo_id="wanda/bert"
        ... ).url
        'https://hub.opencsg.com/models/wanda/bert/commit/…'
    """
    with _asked(endpoint, token, progress=progress) as api:
        return api.upload_file(
            path_or_fileobj=path_or_fileobj,
            path_in_repo=path_in_repo,
            repo_id=repo_id,
            repo_type=repo_type,
            revision=revision,
            commit_message=commit_message,
            commit_description=commit_description,
            parent_commit=parent_commit,
            create_repo=create_repo,
            private=private,
            create_branch=create_branch,
            dry_run=dry_run,
        )


@overload
def upload_folder(
    *,
    repo_id: str,
    folder_path: str | os.PathLike[str],
    path_in_repo: str | None = None,
    repo_type: str | RepoType | None = None,
    revision: str | None = None,
    commit_message: str | None = None,
    commit_description: str | None = None,
    parent_commit: str | None = None,
    allow_patterns: str | Sequence[str] | None = None,
    ignore_patterns: str | Sequence[str] | None = None,
    delete_patterns: str | Sequence[str] | None = None,
    create_repo: bool = False,
    private: bool = False,
    create_branch: bool = False,
    dry_run: bool = False,
    token: str | Secret | bool | None = None,
    endpoint: str | None = None,
    progress: bool = False,
    every: None = None,
) -> CommitInfo: ...


@overload
def upload_folder(
    *,
    repo_id: str,
    folder_path: str | os.PathLike[str],
    path_in_repo: str | None = None,
    repo_type: str | RepoType | None = None,
    revision: str | None = None,
    commit_message: str | None = None,
    commit_description: str | None = None,
    parent_commit: str | None = None,
    allow_patterns: str | Sequence[str] | None = None,
    ignore_patterns: str | Sequence[str] | None = None,
    delete_patterns: str | Sequence[str] | None = None,
    create_repo: bool = False,
    private: bool = False,
    create_branch: bool = False,
    dry_run: bool = False,
    token: str | Secret | bool | None = None,
    endpoint: str | None = None,
    progress: bool = False,
    every: float,
) -> RecurringUpload: ...


def upload_folder(
    *,
    repo_id: str,
    folder_path: str | os.PathLike[str],
    path_in_repo: str | None = None,
    repo_type: str | RepoType | None = None,
    revision: str | None = None,
    commit_message: str | None = None,
    commit_description: str | None = None,
    parent_commit: str | None = None,
    allow_patterns: str | Sequence[str] | None = None,
    ignore_patterns: str | Sequence[str] | None = None,
    delete_patterns: str | Sequence[str] | None = None,
    create_repo: bool = False,
    private: bool = False,
    create_branch: bool = False,
    dry_run: bool = False,
    token: str | Secret | bool | None = None,
    endpoint: str | None = None,
    progress: bool = False,
    every: float | None = None,
) -> CommitInfo | RecurringUpload:
    """Put a folder's files into a repository; see `HubApi.upload_folder` for the rest.

    Args:
        repo_id: ``namespace/name``, or a name for one of your own.
        folder_path: the folder.
        path_in_repo: the folder of the repository to put them in; its root where not given.
        repo_type: what the repository holds; a model where not given.
        revision: the branch; the default one where not given.
        commit_message: the first line of each commit.
        commit_description: the rest of its message.
        parent_commit: the commit that the branch has to be at.
        allow_patterns: upload only files that match one of these.
        ignore_patterns: leave out files that match one of these.
        delete_patterns: delete what matches one of these and is not uploaded.
        create_repo: make the repository where there is none.
        private: whether one that is made is private.
        create_branch: make the branch where there is none.
        dry_run: change nothing, and tell what would be done.
        token: an access token; the environment's, or the one that `login` kept, where not given.
        endpoint: the hub's address.
        progress: show bars on standard error.
        every: for a folder that grows: upload what is new every so many minutes from now on, in a
            process of its own, and return once the first upload is made. Files are only ever
            added or changed, so `delete_patterns` cannot be used with it.

    Returns:
        What came of it; with `every`, what goes on with it and is to be told to stop.

    Raises:
        CsgRepoError: as for `HubApi.upload_folder`.
        InvalidInput: an argument cannot be used with `every`.

    Example:
        >>> upload_folder(repo_id="wanda/bert", folder_path="out")  # doctest: +SKIP
    """
    if every is not None:
        for name, value in {
            "delete_patterns": delete_patterns,
            "parent_commit": parent_commit,
            "dry_run": dry_run,
            "progress": progress,
        }.items():
            if value:
                raise InvalidInput(f"{name} cannot be used with every")
        secret = token.reveal() if isinstance(token, Secret) else token
        order = {
            "repo_id": repo_id,
            "folder_path": str(Path(folder_path).expanduser().absolute()),
            "path_in_repo": path_in_repo,
            "repo_type": repo_type,
            "revision": revision,
            "commit_message": commit_message,
            "commit_description": commit_description,
            "allow_patterns": allow_patterns,
            "ignore_patterns": ignore_patterns,
            "create_repo": create_repo,
            "private": private,
            "create_branch": create_branch,
        }
        return RecurringUpload({**order, "endpoint": endpoint, "token": secret}, every * 60)
    with _asked(endpoint, token, progress=progress) as api:
        return api.upload_folder(
            repo_id=repo_id,
            folder_path=folder_path,
            path_in_repo=path_in_repo,
            repo_type=repo_type,
            revision=revision,
            commit_message=commit_message,
            commit_description=commit_description,
            parent_commit=parent_commit,
            allow_patterns=allow_patterns,
            ignore_patterns=ignore_patterns,
            delete_patterns=delete_patterns,
            create_repo=create_repo,
            private=private,
            create_branch=create_branch,
            dry_run=dry_run,
        )


@contextlib.contextmanager
def _asked(
    endpoint: str | None, token: str | Secret | bool | None, *, progress: bool
) -> Iterator[HubApi]:
    with HubApi(endpoint, token) as api, bars() if progress else contextlib.nullcontext():
        yield api
