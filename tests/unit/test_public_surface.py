"""What `csgrepo` shows, and what importing it costs."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

import csgrepo
from csgrepo import errors

EXPECTED = sorted(
    [
        *errors.__all__,
        "Command",
        "CommitInfo",
        "CommitOperationAdd",
        "CommitOperationDelete",
        "HubApi",
        "InferenceApi",
        "PushReceipt",
        "RecurringUpload",
        "RepoId",
        "RepoType",
        "Repository",
        "Verification",
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
)

ERRORS = [
    "AuthenticationFailed",
    "BadRequest",
    "CommandFailed",
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
    "HubError",
    "HubHTTPError",
    "HubUnreachable",
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
    "PushRejected",
    "QueueError",
    "RateLimited",
    "RemoteNotFound",
    "RemoteUnreachable",
    "ServerError",
    "SizeMismatch",
    "TransferError",
    "Unauthorized",
    "UnknownRevision",
    "UnsafePath",
    "VerificationFailed",
]

HEAVY = ("git", "gitdb", "requests", "urllib3", "tqdm", "click", "sqlite3", "starlette", "numpy")


def test_the_list_of_public_names_is_the_pinned_one() -> None:
    assert sorted(csgrepo.__all__) == EXPECTED
    assert len(csgrepo.__all__) == len(set(csgrepo.__all__))


def test_the_list_of_errors_is_the_pinned_one() -> None:
    assert sorted(errors.__all__) == ERRORS
    defined = {
        name
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, BaseException) and kind.__module__ == errors.__name__
    }
    assert defined == set(ERRORS)


@pytest.mark.parametrize("name", EXPECTED)
def test_public_name_resolves_and_is_listed_by_dir(name: str) -> None:
    assert getattr(csgrepo, name) is not None
    assert name in dir(csgrepo)


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_thing"):
        csgrepo.no_such_thing  # noqa: B018


def run_python(program: str) -> str:
    """Run a program in a fresh interpreter, warnings being errors."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_import_loads_no_heavy_library() -> None:
    loaded = run_python("import sys, csgrepo; print(*sys.modules)").split()

    assert [name for name in HEAVY if name in loaded] == []


def test_import_of_the_hub_loads_only_what_asking_it_takes() -> None:
    loaded = run_python("import sys, csgrepo.hub; print(*sys.modules)").split()

    unneeded = (*HEAVY, "subprocess", "email", "csgrepo.git", "csgrepo.lfs", "csgrepo.repository")
    assert [name for name in unneeded if name in loaded] == []


def test_import_prints_nothing_and_starts_no_thread() -> None:
    program = "import csgrepo, threading; assert threading.active_count() == 1"
    assert run_python(program) == ""


def test_star_import_gives_the_public_names() -> None:
    program = "from csgrepo import *; import csgrepo; print(set(csgrepo.__all__) - set(dir()))"
    assert run_python(program) == "set()"
