"""What a bug report needs to say of a machine, without anything that is secret."""

from __future__ import annotations

import importlib.metadata
import platform
import sys
from typing import Any

from csgrepo import config
from csgrepo._version import __version__
from csgrepo.doctor import account, programs
from csgrepo.http.address import shown

__all__ = ["SCHEMA", "environment"]

SCHEMA = 1
_LIBRARIES = ("GitPython", "requests", "urllib3", "filelock", "click", "tqdm")
_EXTRAS = (
    "starlette",
    "uvicorn",
    "transformers",
    "torch",
    "datasets",
    "fsspec",
    "boto3",
    "keyring",
)


def environment() -> dict[str, Any]:
    """Return versions, paths and settings in force.

    Returns:
        JSON's own types only: ``schema``, and a dictionary for each of ``versions``, ``optional``,
        ``paths`` and ``settings``.

    Example:
        >>> environment()["schema"]
        1
    """
    settings = config.settings()
    return {
        "schema": SCHEMA,
        "versions": {
            "csgrepo": __version__,
            "python": platform.python_version(),
            "implementation": platform.python_implementation(),
            "system": platform.platform(),
            "git": programs.installed("git", "version").shown or None,
            "git-lfs": programs.installed("git-lfs", "version").shown or None,
            **{name: _version(name) for name in _LIBRARIES},
        },
        "optional": {name: _version(name) for name in _EXTRAS},
        "paths": {
            "python": sys.executable,
            "home": str(settings.home),
            "token_file": str(settings.token_path),
            "cache": str(settings.cache),
        },
        "settings": {
            "endpoint": shown(settings.endpoint),
            "token": account.found_token(settings.endpoint, True).source or None,
            "proxy": shown(config.proxy_for(settings.endpoint)) or None,
            "offline": settings.offline,
            "progress": settings.progress,
            "large_file_bytes": settings.large_file_bytes,
            "stall_timeout_s": settings.stall_timeout_s,
            "lock_timeout_s": settings.lock_timeout_s,
            "rank": settings.rank,
        },
    }


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
