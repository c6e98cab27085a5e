"""Asking a server once, briefly, and what its silence means."""

from __future__ import annotations

import email.utils
import json
import socket
import ssl
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from csgrepo import config
from csgrepo.doctor.report import Check, Finding
from csgrepo.errors import CsgRepoError, HubHTTPError, HubUnreachable, ServerError
from csgrepo.http import origin
from csgrepo.http.address import shown
from csgrepo.http.refusal import error_for
from csgrepo.http.wire import html_notice

if TYPE_CHECKING:
    from collections.abc import Mapping

    from csgrepo.http import Http, Response
    from csgrepo.http.call import Auth
    from csgrepo.redact import Secret

__all__ = [
    "Answer",
    "Asker",
    "clock_finding",
    "git_proxy_check",
    "is_exposed",
    "place_of",
    "trouble",
]

_PROXY_PATIENCE_S = 1.0
_CURLS_PROXY_PORT = 1080  # where none is named
_NO_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL"})
_LONGEST = 256 * 1024
_EVERY_STATUS = range(100, 600)
_WRONG_CLOCK_S = 300.0
_LOOPBACK = ("localhost", "127.", "[::1]", "::1")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        url: what was asked.
        status: the HTTP status, 0 where nothing came.
        body: its content, of a success only and not all of a long one.
        error: what the silence or the refusal means; ``None`` for a success.
        date: the server's clock, seconds since the epoch; ``None`` where it does not tell.
        at: this machine's clock at that time.
        authorized: whether the request carried a token.
        content_type: what kind of content it calls itself.
    """

    url: str
    status: int = 0
    body: bytes = b""
    error: CsgRepoError | None = None
    date: float | None = None
    at: float = 0.0
    authorized: bool = False
    content_type: str = ""

    def fields(self) -> dict[str, object] | None:
        """Return the JSON object it is, or ``None``."""
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        return value if isinstance(value, dict) else None


@dataclass(frozen=True, slots=True)
class Asker:
    """Asks servers; threads may share it.

    Attributes:
        auth: proves who is asking, to the places it knows.
        http: the connections.
    """

    auth: Auth
    http: Http

    def ask(
        self,
        method: str,
        url: str,
        *,
        json: object = None,
        headers: Mapping[str, str | Secret] | None = None,
    ) -> Answer:
        """Ask once.

        Raises:
            InvalidInput: no HTTP address, or a token that cannot be sent.
        """
        began = time.time()
        try:
            response = self.http.request(
                method,
                url,
                json=json,
                headers=headers,
                auth=self.auth,
                stream=True,
                idempotent=False,  # a second try would take the time of others
                ok=_EVERY_STATUS,
            )
        except HubUnreachable as error:
            return Answer(url, error=error)
        except HubHTTPError as error:  # a redirect that may not be followed
            return Answer(url, error.status, error=error)
        at = (began + time.time()) / 2
        with response:
            return _read(url, response, at)


def _read(url: str, response: Response, at: float) -> Answer:
    error: CsgRepoError | None = None
    body = b""
    if response.status >= 400:
        error = error_for(response)
    else:
        try:
            for piece in response.pieces():
                body += piece
                if len(body) >= _LONGEST:
                    break
        except CsgRepoError as cut:
            error = cut
    date = _seconds(response.headers.get("Date", ""))
    kind = response.headers.get("Content-Type", "")
    return Answer(url, response.status, body, error, date, at, response.authorized, kind)


def _seconds(date: str) -> float | None:
    try:
        return email.utils.parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return None


def trouble(answer: Answer, what: str = "hub") -> Finding | None:
    """Return what is wrong where no proper answer came: silence, a web page, a server's fault.

    Args:
        answer: what came.
        what: what was looked for there; ``"hub"`` or ``"LFS server"``.
    """
    place = place_of(answer.url)
    if not answer.status:
        return _unanswered(answer)
    if answer.status == 407:
        words = f"the proxy {_proxy(answer.url)} wants a login of its own"
        return Finding("CSG303", words, _PROXY_LINE, place)
    said = getattr(answer.error, "server_message", "")
    if html_notice(answer.body) or "an HTML page" in said:
        words = f"{shown(answer.url)} answers {answer.status} with an HTML page, not as a {what}"
        line = "open the address in a browser; set CSGHUB_ENDPOINT to the hub's"
        return Finding("CSG602" if what == "LFS server" else "CSG306", words, line, place)
    if isinstance(answer.error, ServerError):
        words = f"{shown(answer.url)} answers {answer.status}: {said or 'a fault of its own'}"
        return Finding("CSG307", words, "try again later, or tell those who run it", place)
    return None


_PROXY_LINE = "set HTTPS_PROXY to one that lets you through, or NO_PROXY to what needs none"


def _unanswered(answer: Answer) -> Finding:
    """Return why nothing came back."""
    place, error = place_of(answer.url), answer.error
    cause = error.__cause__ if error else None
    why = error.why if isinstance(error, HubUnreachable) else str(error)
    proxy = _proxy(answer.url)
    if proxy and ("Tunnel connection failed" in why or not _listens(proxy)):
        return Finding(
            "CSG303", f"the proxy {proxy} is in the way of {place}: {why}", _PROXY_LINE, place
        )
    if isinstance(cause, ssl.SSLError) and cause.reason in _NO_TLS:
        words = f"{place} does not speak TLS: {why}"
        line = "use the address that begins with http://, or the port that speaks TLS"
        return Finding("CSG301", words, line, place)
    if isinstance(cause, ssl.SSLError):
        words = f"the certificate of {place} is not trusted: {why}"
        line = "export REQUESTS_CA_BUNDLE=/path/to/authority.pem  # if you trust it"
        return Finding("CSG304", words, line, place)
    if isinstance(cause, TimeoutError):
        line = "try again; behind a firewall set HTTPS_PROXY"
        return Finding("CSG302", f"{place} does not answer: {why}", line, place)
    line = "check the address (CSGHUB_ENDPOINT) and the network; behind a firewall set HTTPS_PROXY"
    return Finding("CSG301", f"{place} cannot be reached: {why}", line, place)


def _proxy(url: str) -> str:
    return shown(config.proxy_for(url))


def _listens(address: str) -> bool:
    try:
        _, host, port = origin(address)
    except CsgRepoError:
        return False
    return _is_reached(host, port)


def _is_reached(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), _PROXY_PATIENCE_S).close()
    except OSError:
        return False
    return True


def git_proxy_check(proxy: str, url: str) -> Check:
    """Judge the proxy that git's own settings name for an address; only git goes through it.

    Args:
        proxy: as in ``http.proxy``, with a scheme or without.
        url: what git is to reach through it.
    """
    parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    named = shown(parts.geturl())
    try:
        is_there = _is_reached(parts.hostname or "", parts.port or _CURLS_PROXY_PORT)
    except ValueError:  # no port number
        is_there = False
    if is_there:
        return Check("proxy", f"git goes through {named}")
    words = f"git is told to go through the proxy {named} (http.proxy), and nothing answers there"
    line = "git config --unset http.proxy  # --global where it is set for all"
    return Check("proxy", findings=(Finding("CSG303", words, line, place_of(url)),))


def place_of(url: str) -> str:
    """Return scheme, host and port of an address, as they are written."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def clock_finding(answer: Answer) -> Finding | None:
    """Return what is wrong with this machine's clock, if the server's is to be believed."""
    if answer.date is None or abs(ahead := answer.at - answer.date) < _WRONG_CLOCK_S:
        return None
    word = "fast" if ahead > 0 else "slow"
    words = (
        f"the clock of this machine is {abs(ahead) / 60:.0f} minutes {word}, "
        f"as {place_of(answer.url)} has it"
    )
    return Finding("CSG305", words, "sudo timedatectl set-ntp true")


def is_exposed(url: str) -> bool:
    """Tell whether what is sent there can be read on its way."""
    parts = urlsplit(url)
    return parts.scheme == "http" and not (parts.hostname or "").startswith(_LOOPBACK)
