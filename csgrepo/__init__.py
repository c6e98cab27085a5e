"""Models and datasets in Git: clone, track large files, commit and push while training goes on.

`Repository` is a working copy, `HubApi` the hub's REST interface. Everything public is listed in
``__all__``; each name is loaded when it is first used, so that the import costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from csgrepo._version import __version__

if TYPE_CHECKING:
    from csgrepo.download import file_download, file_url, http_get, snapshot_download
    from csgrepo.errors import (
        AuthenticationFailed,
        BadRequest,
        CommandFailed,
        Conflict,
        CsgRepoError,
        DigestMismatch,
        DiskBudgetExceeded,
        DiskFull,
        FileChanged,
        Forbidden,
        GitError,
        GitNotFound,
        GitRefused,
        HubError,
        HubHTTPError,
        HubUnreachable,
        InstanceFailed,
        InvalidInput,
        LfsError,
        MergeConflict,
        NotARepository,
        NotCached,
        NotFound,
        NothingToCommit,
        NotRunning,
        ObjectMissing,
        PartialDownload,
        PushRejected,
        QueueError,
        RateLimited,
        RemoteNotFound,
        RemoteUnreachable,
        ServerError,
        SizeMismatch,
        TransferError,
        Unauthorized,
        UnknownRevision,
        UnsafePath,
        VerificationFailed,
    )
    from csgrepo.hub import (
        CommitInfo,
        CommitOperationAdd,
        CommitOperationDelete,
        HubApi,
        InferenceApi,
        login,
        logout,
        whoami,
    )
    from csgrepo.jobs import Command, PushReceipt
    from csgrepo.repo_id import RepoId, RepoType
    from csgrepo.repository import (
        Repository,
        Verification,
        commits_to_push,
        files_to_be_staged,
        is_binary_file,
        is_git_ignored,
        is_git_repo,
        is_local_clone,
        is_tracked_upstream,
        is_tracked_with_lfs,
    )
    from csgrepo.upload import RecurringUpload, push_model, upload_file, upload_folder

_HOMES = {
    "csgrepo.download": "file_download file_url http_get snapshot_download",
    "csgrepo.errors": (
        "AuthenticationFailed BadRequest CommandFailed Conflict CsgRepoError DigestMismatch "
        "DiskBudgetExceeded DiskFull FileChanged Forbidden GitError GitNotFound GitRefused "
        "HubError HubHTTPError HubUnreachable "
        "InstanceFailed InvalidInput LfsError MergeConflict NotARepository NotCached NotFound "
        "NotRunning NothingToCommit ObjectMissing PartialDownload PushRejected QueueError "
        "RateLimited RemoteNotFound RemoteUnreachable ServerError SizeMismatch TransferError "
        "Unauthorized UnknownRevision UnsafePath VerificationFailed"
    ),
    "csgrepo.hub": (
        "CommitInfo CommitOperationAdd CommitOperationDelete HubApi InferenceApi login logout "
        "whoami"
    ),
    "csgrepo.jobs": "Command PushReceipt",
    "csgrepo.repo_id": "RepoId RepoType",
    "csgrepo.repository": (
        "Repository Verification commits_to_push files_to_be_staged is_binary_file is_git_ignored "
        "is_git_repo is_local_clone is_tracked_upstream is_tracked_with_lfs"
    ),
    "csgrepo.upload": "RecurringUpload push_model upload_file upload_folder",
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names.split()}

__all__ = [
    "AuthenticationFailed",
    "BadRequest",
    "Command",
    "CommandFailed",
    "CommitInfo",
    "CommitOperationAdd",
    "CommitOperationDelete",
    "Conflict",
    "CsgRepoError",
    "DigestMismatch",
    "DiskBudgetExceeded",
    "DiskFull",
    "FileChanged",
    "Forbidden",
    "GitError",
    "GitNotFound",
    "GitRefused",
    "HubApi",
    "HubError",
    "HubHTTPError",
    "HubUnreachable",
    "InferenceApi",
    "InstanceFailed",
    "InvalidInput",
    "LfsError",
    "MergeConflict",
    "NotARepository",
    "NotCached",
    "NotFound",
    "NotRunning",
    "NothingToCommit",
    "ObjectMissing",
    "PartialDownload",
    "PushReceipt",
    "PushRejected",
    "QueueError",
    "RateLimited",
    "RecurringUpload",
    "RemoteNotFound",
    "RemoteUnreachable",
    "RepoId",
    "RepoType",
    "Repository",
    "ServerError",
    "SizeMismatch",
    "TransferError",
    "Unauthorized",
    "UnknownRevision",
    "UnsafePath",
    "Verification",
    "VerificationFailed",
    "__version__",
    "commits_to_push",
    "file_download",
    "file_url",
    "files_to_be_staged",
    "http_get",
    "is_binary_file",
    "is_git_ignored",
    "is_git_repo",
    "is_local_clone",
    "is_tracked_upstream",
    "is_tracked_with_lfs",
    "login",
    "logout",
    "push_model",
    "snapshot_download",
    "upload_file",
    "upload_folder",
    "whoami",
]


def __getattr__(name: str) -> object:
    """Load a public name from its home (PEP 562)."""
    if name not in _HOME_OF:
        raise AttributeError(f"module 'csgrepo' has no attribute {name!r}")
    value: object = getattr(importlib.import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
