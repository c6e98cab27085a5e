"""Names of repositories: ids on the hub, and the addresses that git understands."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from csgrepo.errors import InvalidInput
from csgrepo.redact import Secret, redact

__all__ = [
    "Remote",
    "RepoId",
    "RepoType",
    "check_ref_name",
    "parse_remote",
    "same_remote",
]

_NAME = re.compile(r"[A-Za-z](?:[A-Za-z0-9]|([-_.])(?!\1))*")
_NAMESPACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SCP = re.compile(
    r"(?P<user>[A-Za-z0-9._-]+)@(?P<host>[A-Za-z0-9.-]+)(?P<sep>[:/])(?P<path>[^:].*)"
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SCHEMES = ("http", "https", "ssh", "git", "file")
_BAD_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(?:/|$)|^[-./]|[/.]$|^@$")


class RepoType(str, Enum):
    """What a repository holds; the value is the name users type."""

    MODEL = "model"
    DATASET = "dataset"
    SPACE = "space"
    CODE = "code"
    MCP = "mcp"
    SKILL = "skill"

    @classmethod
    def parse(cls, text: str | RepoType | None) -> RepoType:
        """Return the type of that name, singular or plural; a model where none is given.

        Raises:
            InvalidInput: for any other word.
        """
        if text is None:
            return cls.MODEL
        word = str(text.value if isinstance(text, RepoType) else text).lower()
        for kind in cls:
            if word in {kind.value, kind.rest_plural, kind.git_plural}:
                return kind
        known = ", ".join(kind.value for kind in cls)
        raise InvalidInput(f"unknown repo_type {text!r}; use one of {known}")

    @property
    def rest_plural(self) -> str:
        """The word in REST paths and in the addresses of web pages."""
        return f"{self.value}s"

    @property
    def git_plural(self) -> str:
        """The word in git and LFS addresses (the hub says ``mcpservers`` there)."""
        return "mcpservers" if self is RepoType.MCP else self.rest_plural

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class RepoId:
    """A repository on the hub: ``namespace/name`` and its type."""

    namespace: str
    name: str
    repo_type: RepoType = RepoType.MODEL

    @classmethod
    def parse(cls, text: str, repo_type: str | RepoType | None = None) -> RepoId:
        """Read ``namespace/name``, or ``datasets/namespace/name`` and its like.

        The hub's own rules for names are applied, so that a bad one fails before anything is sent.

        Raises:
            InvalidInput: what the name breaks.

        Example:
            >>> RepoId.parse("datasets/wanda/reviews").repo_type.value
            'dataset'
        """
        parts = text.split("/")
        if len(parts) == 3 and repo_type is None:
            repo_type = RepoType.parse(parts[0])
            parts = parts[1:]
        if len(parts) != 2:
            raise InvalidInput(f"{text!r} is not a repository id; write namespace/name")
        namespace, name = parts
        if not _NAMESPACE.fullmatch(namespace):
            raise InvalidInput(
                f"{namespace!r} is not a namespace; use letters, digits, '-', '_' and '.'"
            )
        _check_name(name)
        return cls(namespace, name, RepoType.parse(repo_type))

    def git_url(self, endpoint: str) -> str:
        """Return the address that git clones from.

        The public hub serves its pages at ``hub.opencsg.com`` and git at ``opencsg.com``.
        """
        base = endpoint.replace("://hub.opencsg.com", "://opencsg.com", 1)
        return f"{base}/{self.repo_type.git_plural}/{self.namespace}/{self.name}.git"

    def web_url(self, endpoint: str) -> str:
        """Return the address of the repository's page."""
        return f"{endpoint}/{self.repo_type.rest_plural}/{self.namespace}/{self.name}"

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


def _check_name(name: str) -> None:
    if not 2 <= len(name) <= 64:
        raise InvalidInput(f"{name!r}: a repository name has 2 to 64 characters")
    if not _NAME.fullmatch(name) or not name[-1].isalnum():
        raise InvalidInput(
            f"{name!r}: a repository name starts with a letter, ends with a letter or digit, and "
            "holds only letters, digits, '-', '_' and '.', none of these three twice in a row"
        )


@dataclass(frozen=True, slots=True)
class Remote:
    """Where a clone comes from, credentials taken out of the address.

    Attributes:
        url: what git is given; never holds a password.
        repo: the repository's id, where the address is one of the hub's.
        username: the user named in the address, or ``None``.
        password: the password or token found in the address, or ``None``.
    """

    url: str
    repo: RepoId | None = None
    username: str | None = None
    password: Secret | None = None

    @property
    def is_http(self) -> bool:
        """Whether git speaks HTTP to it."""
        return self.url.startswith(("http://", "https://"))

    @property
    def local_path(self) -> Path | None:
        """The folder it is, for a ``file://`` address or a plain path."""
        if self.url.startswith("file://"):
            return Path(unquote(urlsplit(self.url).path))
        return Path(self.url) if "://" not in self.url else None


def parse_remote(text: str, *, endpoint: str, repo_type: str | RepoType | None = None) -> Remote:
    """Tell what the caller of ``clone_from`` means: an id, a URL, an SSH address or a path.

    ``namespace/name`` is always an id; write ``./namespace/name`` for a folder. Transport helpers
    (``ext::``), options and control characters are refused: git would run them.

    Raises:
        InvalidInput: what cannot be an address.
    """
    if not text or _CONTROL.search(text):
        raise InvalidInput(f"{redact(repr(text))} is not a repository address")
    if text.startswith("-") or "::" in text.split("/", maxsplit=1)[0]:
        raise InvalidInput(
            f"{redact(repr(text))} looks like an option or a transport helper, and would run a "
            "command; use namespace/name, a URL, user@host:path or a path"
        )
    if "://" in text:
        return _from_url(text, endpoint)
    if scp := _SCP.fullmatch(text):
        return _from_scp(scp)
    if text.startswith((".", "/", "~", "\\")) or re.match(r"[A-Za-z]:[\\/]", text):
        return Remote(str(Path(text).expanduser().absolute()))
    repo = RepoId.parse(text, repo_type)
    return Remote(repo.git_url(endpoint), repo)


def _from_url(text: str, endpoint: str) -> Remote:
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:  # its words and the address may hold a password that nobody escaped
        raise InvalidInput(
            "not a valid URL: its host or port cannot be read; use https://host/path, and write "
            "%2F for a slash and %40 for an @ in a password"
        ) from None
    if parts.scheme not in _SCHEMES:
        raise InvalidInput(
            f"the scheme {parts.scheme!r} is not supported; use one of {', '.join(_SCHEMES)}"
        )
    if parts.scheme == "file":
        return Remote(text)
    if not host or unquote(host).startswith("-"):  # git unquotes it for ssh
        raise InvalidInput("a URL without a valid host; use https://host/path")
    host = f"[{host}]" if ":" in host else host
    username = unquote(parts.username) if parts.username else None
    password = Secret(unquote(parts.password)) if parts.password else None
    user = f"{quote(username)}@" if username and parts.scheme == "ssh" else ""
    if username and username.startswith("-"):
        raise InvalidInput("a user name that starts with '-' would be an option to ssh")
    path = parts.path.rstrip("/")
    url = urlunsplit((parts.scheme, f"{user}{host}{port}", path, "", ""))
    return Remote(url, _hub_repo(url, endpoint), username, password)


def _from_scp(match: re.Match[str]) -> Remote:
    path = match["path"].lstrip("/") if match["sep"] == "/" else match["path"]
    if match["user"].startswith("-") or match["host"].startswith("-"):
        raise InvalidInput(f"{match.string!r} would be an option to ssh")
    if match["sep"] == "/":
        return Remote(f"ssh://{match['user']}@{match['host']}/{path}", None, match["user"])
    return Remote(match.string, None, match["user"])


def _hub_repo(url: str, endpoint: str) -> RepoId | None:
    """Return the id behind a hub's web or git address, ``None`` for any other."""
    base = endpoint.replace("://hub.opencsg.com", "://opencsg.com", 1)
    for prefix in (endpoint, base):
        if url.startswith(prefix + "/"):
            path = url[len(prefix) + 1 :].removesuffix(".git")
            parts = path.split("/")
            try:
                return RepoId.parse("/".join(parts[1:]), parts[0]) if len(parts) == 3 else None
            except InvalidInput:
                return None
    return None


def same_remote(left: str, right: str) -> bool:
    """Tell whether two addresses name one repository.

    Case and default port of the host, a trailing slash, ``.git`` and user information do not count.
    """
    return _canonical(left) == _canonical(right)


def _canonical(url: str) -> str:
    if scp := _SCP.fullmatch(url):
        url = f"ssh://{scp['host']}/{scp['path'].lstrip('/')}"
    if "://" not in url:
        return str(Path(url).absolute()).removesuffix(".git")
    parts = urlsplit(url)
    if parts.scheme == "file":
        return str(Path(unquote(parts.path))).removesuffix(".git")
    default = {"http": 80, "https": 443, "ssh": 22}.get(parts.scheme)
    port = "" if parts.port in {None, default} else f":{parts.port}"
    path = unquote(parts.path).rstrip("/").removesuffix(".git")
    return f"{parts.scheme}://{(parts.hostname or '').lower()}{port}{path}"


def check_ref_name(name: str, what: str = "branch") -> str:
    """Return the name if git would take it for a branch, a tag or a revision.

    The rules are those of git-check-ref-format(1); a leading ``-`` would be an option.

    Raises:
        InvalidInput: what the name breaks.
    """
    if not name or _BAD_REF.search(name):
        raise InvalidInput(
            f"{name!r} cannot be a {what} name; see `git help check-ref-format` for the rules"
        )
    return name
