"""Working copies: `Repository`, and what it is made of.

A push flows through these modules in this order: ``changes`` (what differs), ``tracking`` (which
of it is large), ``staging`` (files into store and index), ``small_files`` (those that git keeps
itself), ``pushing`` (objects, ref, receipt), with ``connection`` reaching the remote and ``worker``
doing it in the background. ``cloning`` and ``content`` are the way back. ``repository`` holds the
class that people use and only calls these.
"""

from csgrepo.repository.inquiry import (
    commits_to_push,
    files_to_be_staged,
    is_binary_file,
    is_git_ignored,
    is_git_repo,
    is_local_clone,
    is_tracked_upstream,
    is_tracked_with_lfs,
)
from csgrepo.repository.repository import Repository
from csgrepo.repository.verification import Verification

__all__ = [
    "Repository",
    "Verification",
    "commits_to_push",
    "files_to_be_staged",
    "is_binary_file",
    "is_git_ignored",
    "is_git_repo",
    "is_local_clone",
    "is_tracked_upstream",
    "is_tracked_with_lfs",
]
