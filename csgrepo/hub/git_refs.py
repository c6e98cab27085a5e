"""Branches and tags through git's own protocol, for which the hub's REST interface has no calls.

Follows gitprotocol-pack(5) and gitprotocol-http(5). What a new ref stands for is on the hub
already, so nothing is fetched, and a push carries an empty pack, or one with the tag's message.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from csgrepo.errors import (
    BadRequest,
    Conflict,
    Forbidden,
    HubError,
    HubHTTPError,
    ServerError,
    Unauthorized,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from csgrepo.http import Response
    from csgrepo.hub.connection import HubConnection
    from csgrepo.repo_id import RepoId

__all__ = ["Advertised", "Change", "advertised", "apply", "command", "outcome", "tag_object"]

Service = Literal["git-upload-pack", "git-receive-pack"]

_LENGTH = re.compile(rb"[0-9a-fA-F]{4}")
_REF = re.compile(rb"([0-9a-f]{40}|[0-9a-f]{64}) (refs/[^\0\n]+|HEAD|capabilities\^\{\})")
_XET = re.compile(r"\bx(?:ne|e)t[- ]enabled", re.IGNORECASE)
_FLUSH = b"0000"
_BANDS = (b"\1", b"\2", b"\3")  # the report, messages, and a last message
_TAG = 4  # the number of tags among the types of objects in a pack


@dataclass(frozen=True, slots=True)
class Advertised:
    """What a repository has.

    Attributes:
        refs: full names and object ids.
        peeled: for tags with a message, the commits they stand for.
        head: the branch that ``HEAD`` names, ``""`` where it is not told.
        hash: the repository's hash function.
        talks: whether a push's answer may carry what the hub's own checks have to say.
    """

    refs: dict[str, str] = field(default_factory=dict)
    peeled: dict[str, str] = field(default_factory=dict)
    head: str = ""
    hash: str = "sha1"
    talks: bool = False

    @property
    def zero(self) -> str:
        """The id that stands for nothing."""
        return "0" * (2 * hashlib.new(self.hash, usedforsecurity=False).digest_size)


@dataclass(frozen=True, slots=True)
class Change:
    """A ref that is to be made or removed.

    Attributes:
        ref: its full name.
        new: what it is to stand for, ``None`` to remove it.
        content: a tag object that comes along, if `new` is one.
    """

    ref: str
    new: str | None
    content: bytes = b""


def advertised(hub: HubConnection, repo: RepoId, service: Service) -> Advertised:
    """Ask for the refs of a repository.

    Raises:
        NotFound: there is no such repository.
        Unauthorized, Forbidden: it is not for you to read, or to write.
        HubError: what came is no list of refs.
    """
    url = f"{repo.git_url(hub.endpoint)}/info/refs"
    response = hub.http.request(
        "GET",
        url,
        params={"service": service},
        auth=hub.credentials.authorization,
        timeout_s=hub.timeout_s,
    )
    lines = [line for line in _lines(response.content, url) if line is not None]
    if not lines or lines[0].rstrip(b"\n") != f"# service={service}".encode():
        raise response.unexpected("no list of refs")
    _check_error(lines, response.url, authorized=response.authorized)
    found = Advertised()
    options = b""
    for line in lines[1:]:
        name, nul, capabilities = line.rstrip(b"\n").partition(b"\0")
        options = capabilities if nul else options
        match = _REF.fullmatch(name)
        if not match:
            raise HubError(f"{url} listed a ref that cannot be one")
        oid, ref = match[1].decode(), match[2].decode("utf-8", "surrogateescape")
        if ref.endswith("^{}"):
            found.peeled[ref[:-3]] = oid
        elif ref.startswith("refs/"):
            found.refs[ref] = oid
    words = dict(word.partition(b"=")[::2] for word in options.split())
    head = next((w[12:] for w in options.split() if w.startswith(b"symref=HEAD:")), b"")
    used = words.get(b"object-format", b"sha1").decode("ascii", "replace")
    if used not in {"sha1", "sha256"}:
        raise HubError(f"{url} uses the hash function {used!r}, which git does not")
    return Advertised(
        found.refs,
        found.peeled,
        head.decode("utf-8", "surrogateescape"),
        used,
        talks=b"side-band-64k" in words,
    )


def apply(hub: HubConnection, repo: RepoId, known: Advertised, change: Change) -> None:
    """Make a ref or remove it, if it is still as it was when the refs were asked for.

    Raises:
        Conflict: it was changed meanwhile.
        Forbidden: you may not, or the hub refuses for another reason, which it says.
        HubError: the hub did not say what came of it.
    """
    body = command(known, change.ref, change.new)
    if change.new:
        body += _pack(change.content, known.hash)
    response = hub.http.request(
        "POST",
        f"{repo.git_url(hub.endpoint)}/git-receive-pack",
        data=body,
        headers={"Content-Type": "application/x-git-receive-pack-request"},
        auth=hub.credentials.authorization,
        timeout_s=hub.timeout_s,
    )
    outcome(response, change.ref)


def command(known: Advertised, ref: str, new: str | None) -> bytes:
    """Return what a push begins with: the ref, where it stood, and what it is to stand for."""
    old = known.refs.get(ref, known.zero)
    name = ref.encode("utf-8", "surrogateescape")
    line = b"%s %s %s\0report-status" % (old.encode(), (new or known.zero).encode(), name)
    if known.talks:
        line += b" side-band-64k"
    if known.hash != "sha1":
        line += b" object-format=" + known.hash.encode()
    return _packet(line) + _FLUSH


def outcome(response: Response, ref: str) -> None:
    """Go on only if the hub says that it changed the ref.

    Raises:
        Conflict: it was changed meanwhile.
        BadRequest: the hub's checks do not let it through, and say why.
        Forbidden: the hub refuses for another reason, which it says.
        HubError: it did not say what came of it.
    """
    url = response.url
    name = ref.encode("utf-8", "surrogateescape")
    report, said = _parted(response.content, url)
    lines = [line.rstrip(b"\n") for line in _lines(report, url) if line is not None]
    _check_error(lines, url, authorized=True)
    if lines[:1] == [b"unpack ok"] and b"ok " + name in lines[1:]:
        return
    refusal = next((line for line in lines if line.startswith(b"ng ")), b"")
    words = (refusal or b" ".join(lines[:1])).decode("utf-8", "replace")
    if not refusal:
        raise HubError(f"{url} did not say whether {ref} was changed {words}".rstrip())
    raced = "already exists" in words or "failed to" in words or "cannot lock" in words
    checked = "hook declined" in words
    kind = Conflict if raced else BadRequest if checked else Forbidden
    words = ": ".join(filter(None, (words.removeprefix("ng "), " ".join(said.split()))))
    raise _error(kind, words, url)


def _parted(body: bytes, url: str) -> tuple[bytes, str]:
    """Return the report in an answer, and what was said beside it; see "side-band"."""
    lines = list(_lines(body, url))
    if not lines or (lines[0] or b"")[:1] not in _BANDS:
        return body, ""
    bands = dict.fromkeys(_BANDS, b"")
    for line in filter(None, lines):
        bands[line[:1]] = bands.get(line[:1], b"") + line[1:]
    return bands[b"\1"], (bands[b"\2"] + bands[b"\3"]).decode("utf-8", "replace")


def tag_object(
    name: str, commit: str, message: str, *, tagger: str, when: int, used: str
) -> Change:
    """Return the change that makes a tag with a message.

    Args:
        name: the tag's short name.
        commit: what it stands for.
        message: what it says.
        tagger: ``name <address>``.
        when: seconds since 1970.
        used: the repository's hash function.
    """
    head = f"object {commit}\ntype commit\ntag {name}\ntagger {tagger} {when} +0000\n\n"
    content = f"{head}{message.rstrip()}\n".encode("utf-8", "surrogateescape")
    oid = hashlib.new(used, b"tag %d\0" % len(content) + content, usedforsecurity=False)
    return Change(f"refs/tags/{name}", oid.hexdigest(), content)


def _lines(body: bytes, url: str) -> Iterator[bytes | None]:
    """Yield the lines of a body, ``None`` where a part of it ends."""
    position = 0
    while position < len(body):
        digits = body[position : position + 4]
        length = int(digits, 16) if _LENGTH.fullmatch(digits) else -1
        if length in {1, 2, 3} or length < 0 or position + length > len(body):
            raise HubError(
                f"{url} answered with something other than git's protocol; a proxy or another "
                "server is at this address"
            )
        yield body[position + 4 : position + length] if length else None
        position += length or 4


def _packet(line: bytes) -> bytes:
    return b"%04x" % (len(line) + 4) + line


def _pack(tag: bytes, used: str) -> bytes:
    """Return a pack with one tag in it, or with nothing."""
    body = b"PACK" + (2).to_bytes(4, "big") + bool(tag).to_bytes(4, "big")
    if tag:
        size, rest = len(tag) & 15, len(tag) >> 4
        first = _TAG << 4 | size
        while rest:
            body += bytes([first | 0x80])
            first, rest = rest & 0x7F, rest >> 7
        body += bytes([first]) + zlib.compress(tag)
    return body + hashlib.new(used, body, usedforsecurity=False).digest()


def _check_error(lines: list[bytes], url: str, *, authorized: bool) -> None:
    """Raise what a line that says ``ERR`` stands for; it comes with status 200."""
    said = next((line[4:] for line in lines if line.startswith(b"ERR ")), None)
    if said is None:
        return
    words = said.decode("utf-8", "replace").strip()
    kind: type[HubHTTPError] = ServerError
    if "permission" in words.lower():
        kind = Forbidden if authorized else Unauthorized
    elif "syncing" in words.lower():
        kind = Conflict
    elif _XET.search(words):
        raise _error(BadRequest, words, url, "GIT-ERR-37")
    raise _error(kind, words, url)


def _error(kind: type[HubHTTPError], words: str, url: str, code: str = "") -> HubHTTPError:
    shown = "".join(char if char.isprintable() else " " for char in words)[:1000]
    where = url.partition("?")[0]
    return kind(status=200, code=code, server_message=shown, request_id="", url=where)
