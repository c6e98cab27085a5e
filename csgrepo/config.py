"""Settings from the environment: the only module that reads it.

Arguments come first everywhere; what is read here is what is left when none was given. The
environment is read when asked, never at import, so that a test or a notebook may change it.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from csgrepo.redact import Secret

__all__ = [
    "DEFAULT_ENDPOINT",
    "LARGE_FILE_BYTES",
    "Settings",
    "bypasses_proxies",
    "language",
    "network_environment",
    "proxy_for",
    "settings",
    "skip_smudge",
    "without_color",
]

DEFAULT_ENDPOINT = "https://hub.opencsg.com"
LARGE_FILE_BYTES = 10 * 1024 * 1024
STALL_TIMEOUT_S = 60
LOCK_TIMEOUT_S = 600

_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
_NETWORK = (
    *_PROXIES,
    *map(str.upper, _PROXIES),
    "REQUEST_METHOD",  # in a CGI program HTTP_PROXY is what a client sent
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
)


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says, defaults filled in.

    Attributes:
        endpoint: the hub's address, without a trailing slash.
        mirrors: addresses of other hosts with the same content, in the order they are asked.
        token: the access token, if the environment has one.
        home: the folder of the token file.
        token_path: the token file.
        cache: where downloads are kept.
        offline: whether the network may not be used.
        progress: whether bars may be shown where a caller asks for them.
        large_file_bytes: from this size on a file belongs in LFS.
        stall_timeout_s: a transfer in which nothing moves for so many seconds is begun anew.
        lock_timeout_s: how long to wait for a working copy that another process is changing.
        push_deadline_s: after which a run of a background push is given up; ``None``: never.
        rank: the number of this process in its distributed run; 0 outside one.
    """

    endpoint: str
    mirrors: tuple[str, ...]
    token: Secret | None
    home: Path
    token_path: Path
    cache: Path
    offline: bool
    progress: bool
    large_file_bytes: int
    stall_timeout_s: int
    lock_timeout_s: float
    push_deadline_s: float | None
    rank: int


def settings() -> Settings:
    """Read the environment now."""
    home = Path(_first("CSGHUB_HOME") or _user_home() / ".csghub").expanduser()
    token = _first("CSGHUB_TOKEN", "CSG_TOKEN")
    return Settings(
        endpoint=_endpoint(_first("CSGHUB_ENDPOINT", "CSGHUB_DOMAIN") or DEFAULT_ENDPOINT),
        mirrors=tuple(map(_endpoint, re.findall(r"[^\s,]+", _first("CSGHUB_MIRRORS")))),
        token=Secret(token) if token else None,
        home=home,
        token_path=Path(_first("CSGHUB_TOKEN_PATH") or home / "token").expanduser(),
        cache=Path(_first("CSGHUB_CACHE") or _user_home() / ".cache" / "csghub").expanduser(),
        offline=_switch("CSGHUB_OFFLINE"),
        progress=not _switch("CSGHUB_DISABLE_PROGRESS"),
        large_file_bytes=_count("CSGHUB_LARGE_FILE_BYTES", LARGE_FILE_BYTES),
        stall_timeout_s=_count("CSGHUB_STALL_TIMEOUT", STALL_TIMEOUT_S),
        lock_timeout_s=_count("CSGHUB_LOCK_TIMEOUT", LOCK_TIMEOUT_S),
        push_deadline_s=_count("CSGHUB_PUSH_DEADLINE", 0) or None,
        rank=_rank(),
    )


def skip_smudge() -> bool:
    """Tell whether git-lfs's own switch says that pointers are to be left alone."""
    return _first("GIT_LFS_SKIP_SMUDGE").lower() in {"1", "true", "yes", "on", "t"}


def language() -> str:
    """Return the language to speak in: ``"zh"`` for Chinese, ``"en"`` for all others."""
    spoken = _first("CSGHUB_LANG", "LC_ALL", "LC_MESSAGES", "LANG")
    return "zh" if spoken.lower().startswith("zh") else "en"


def without_color() -> bool:
    """Tell whether colours are unwelcome (https://no-color.org: set to anything but nothing)."""
    return bool(os.environ.get("NO_COLOR"))


def proxy_for(url: str) -> str:
    """Return the proxy that a request to that address goes through, ``""`` for none.

    It is looked for where everybody looks: ``HTTPS_PROXY`` and its like, ``NO_PROXY``, and the
    settings of the system. It may hold a password.
    """
    from urllib.parse import urlsplit
    from urllib.request import getproxies

    if bypasses_proxies(url):
        return ""
    known = getproxies()
    return known.get(urlsplit(url).scheme) or known.get("all", "")


def network_environment() -> tuple[str | None, ...]:
    """Return all that requests reads of the environment: proxies, certificates."""
    return tuple(os.environ.get(name) for name in _NETWORK)


def bypasses_proxies(url: str) -> bool:
    """Tell whether ``NO_PROXY`` and its like have requests to an address go there directly."""
    from urllib.parse import urlsplit
    from urllib.request import proxy_bypass

    return bool(proxy_bypass(urlsplit(url).hostname or ""))


def _first(*names: str) -> str:
    """Return the first of the variables that holds more than blanks."""
    values = (os.environ.get(name, "").strip() for name in names)
    return next((value for value in values if value), "")


def _switch(name: str) -> bool:
    return _first(name).lower() in {"1", "true", "yes", "on"}


def _count(name: str, default: int) -> int:
    text = _first(name)
    return int(text) if text.isdecimal() and int(text) > 0 else default


def _rank() -> int:
    text = _first("RANK")
    return int(text) if text.isdecimal() else 0


def _endpoint(text: str) -> str:
    if "://" not in text:
        text = f"https://{text}"
    return text.rstrip("/")


def _user_home() -> Path:
    try:
        return Path.home()
    except RuntimeError:  # no HOME and no entry for this uid: common in containers
        return Path("/nonexistent") if os.name == "posix" else Path("C:/nonexistent")
