"""Addresses of web pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from csgrepo.git import ssh

if TYPE_CHECKING:
    from csgrepo.repo_id import Remote

__all__ = ["commit_url", "repository_url"]


def repository_url(remote: Remote, endpoint: str) -> str:
    """Return the page of a repository; its address itself where it has no page."""
    if remote.repo:
        return remote.repo.web_url(endpoint)
    if address := ssh.split_address(remote.url):
        host = address[0][-1].rpartition("@")[2]
        return f"https://{host}/{address[1].strip('/').removesuffix('.git')}"
    return remote.url.removesuffix(".git")


def commit_url(remote: Remote, commit: str, endpoint: str) -> str:
    """Return the page of a commit."""
    return f"{repository_url(remote, endpoint)}/commit/{commit}"
