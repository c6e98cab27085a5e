"""Where the LFS objects of a remote are kept.

Follows https://github.com/git-lfs/git-lfs/blob/main/docs/api/server-discovery.md.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from csgrepo.errors import LfsError
from csgrepo.git import ssh
from csgrepo.redact import Secret, redact

if TYPE_CHECKING:
    from collections.abc import Mapping

    from csgrepo.git.settings import GitSettings

__all__ = ["Endpoint", "locate"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where objects are: a folder, or an address with headers of its own.

    Attributes:
        url: the address; a local repository's path where ``folder`` is set.
        folder: that repository, or ``None``.
        headers: what the host gave over SSH to be sent along.
    """

    url: str
    folder: Path | None = None
    headers: Mapping[str, Secret] = field(default_factory=dict)


def locate(
    remote: str,
    remote_url: str,
    operation: str,
    settings: GitSettings,
    shared: GitSettings,
) -> Endpoint:
    """Find the LFS server of a remote.

    Args:
        remote: the remote's name, or ``""``.
        remote_url: its address.
        operation: ``"upload"`` or ``"download"``.
        settings: git's settings.
        shared: the repository's ``.lfsconfig``; it travels with the repository, so only web and
            SSH addresses are taken from it.

    Raises:
        LfsError: the remote has none that can be reached.
    """
    keys = [f"remote.{remote}.lfsurl", "lfs.url"] if remote else ["lfs.url"]
    if operation == "upload":
        keys = [*([f"remote.{remote}.lfspushurl"] if remote else []), "lfs.pushurl", *keys]
    configured = next((settings.get(key) for key in keys if settings.get(key)), "")
    if not configured:
        candidates = (shared.get(key) for key in keys)
        configured = next((url for url in candidates if url.startswith(("http", "ssh://"))), "")
    if configured:
        return _endpoint(configured.rstrip("/"), operation, settings)
    return _default(remote_url, operation, settings)


def _endpoint(url: str, operation: str, settings: GitSettings) -> Endpoint:
    if url.startswith(("http://", "https://")):
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        return Endpoint(parts._replace(netloc=host).geturl())
    return _default(url, operation, settings)


def _default(url: str, operation: str, settings: GitSettings) -> Endpoint:
    if url.startswith(("http://", "https://")):
        base = url.rstrip("/")
        return Endpoint(f"{base if base.endswith('.git') else base + '.git'}/info/lfs")
    if url.startswith("file://"):
        return Endpoint(url, Path(unquote(urlsplit(url).path)))
    if address := ssh.split_address(url):
        return _over_ssh(*address, operation, settings)
    if "://" not in url:
        return Endpoint(url, Path(url))
    raise LfsError(f"no LFS server is known for {url}; set one with `git config lfs.url`")


def _over_ssh(host: list[str], path: str, operation: str, settings: GitSettings) -> Endpoint:
    answer = ssh.ask(host, ["git-lfs-authenticate", path, operation], settings)
    try:
        said: dict[str, Any] = json.loads(answer.stdout) if answer.returncode == 0 else {}
        href, headers = said["href"], said.get("header") or {}
        secret = {str(name): Secret(str(value)) for name, value in headers.items()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise LfsError(
            f"{host[-1]} did not say where its LFS server is (git-lfs-authenticate ended with "
            f"status {answer.returncode}: {redact(answer.stderr).strip()[-300:] or 'no words'}); "
            "set one with `git config lfs.url`"
        ) from error
    if not isinstance(href, str) or not href.startswith(("http://", "https://")):
        raise LfsError(f"{host[-1]} names an LFS server that is no web address")
    return Endpoint(href.rstrip("/"), None, secret)
