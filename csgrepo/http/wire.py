"""What touches the network: the only module that knows requests and urllib3."""

from __future__ import annotations

import contextlib
import functools
import importlib
import json
import logging
import re
import sys
import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from csgrepo import config
from csgrepo._version import __version__
from csgrepo.errors import HubHTTPError, HubUnreachable, InvalidInput, TransferError
from csgrepo.http import ending
from csgrepo.http.address import origin, shown
from csgrepo.http.call import Call
from csgrepo.redact import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import requests

__all__ = ["CutOff", "NoAnswer", "Response", "Wire", "html_notice", "loading"]

CONNECT_TIMEOUT_S = 10.0
CONNECTIONS = 32
LONGEST_REFUSAL = 64 * 1024
LONGEST_ANSWER = 512 * 1024 * 1024  # the description of a million files has half of that
# 408 and 429 pass; the others say no to every attempt.
_REFUSED_BY_PROXY = re.compile(r"Tunnel connection failed: 4(?!08|29)")
# What has come of a piece when the connection breaks is lost, so pieces are small where they come
# slowly. Where they come at once, the threads that take large ones wait for fewer turns.
PIECE = 256 * 1024
LARGE_PIECE = 1024 * 1024
_AT_ONCE_S = 0.05


@contextlib.contextmanager
def loading() -> Iterator[None]:
    """Load what the first request needs while the block waits for something else.

    That takes 70 ms, which nobody notices while git clones. It is over when the block is, so that
    no process that is forked later finds a module half loaded.
    """
    thread = threading.Thread(target=importlib.import_module, args=("requests",), daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join()


class NoAnswer(Exception):
    """A request that got no answer; inside this package only.

    The exceptions of requests quote URLs with their query, so of those only what lies beneath
    them, the operating system's error, is kept as the cause.
    """

    def __init__(self, call: Call, chain: list[BaseException]) -> None:
        from requests import exceptions
        from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

        super().__init__()
        unsent = (exceptions.ConnectTimeout, ConnectTimeoutError, NewConnectionError)
        hopeless = (
            exceptions.SSLError,
            exceptions.InvalidURL,
            exceptions.InvalidHeader,
            exceptions.InvalidSchema,  # a SOCKS proxy without the package it needs
        )
        self.unsent = any(isinstance(step, unsent) for step in chain)
        self.cause = chain[-1]
        self.hopeless = any(isinstance(step, hopeless) for step in chain) or bool(
            _REFUSED_BY_PROXY.search(str(self.cause))
        )
        by = "the proxy: " if any(isinstance(step, exceptions.ProxyError) for step in chain) else ""
        self.error = HubUnreachable(shown(call.url), by + self._why(call))

    def _why(self, call: Call) -> str:
        if isinstance(self.cause, TimeoutError):
            if self.unsent:
                return f"no connection within {min(call.timeout_s, CONNECT_TIMEOUT_S):g} s"
            return f"silence for {call.timeout_s:g} s"
        said = getattr(self.cause, "strerror", None) or str(self.cause)
        return redact(said or type(self.cause).__name__)[:1000]

    def may_repeat(self, *, harmless: bool) -> bool:
        """Tell whether asking again makes sense, and does no harm."""
        return not self.hopeless and (harmless or self.unsent)


class CutOff(TransferError):
    """A body that ended before its time; chained to the reason."""

    def __init__(self, url: str) -> None:
        super().__init__(f"the answer of {shown(url)} was cut off; try again")

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel as what it is to everybody else."""
        return (TransferError, self.args)


def _chain(error: BaseException, outer: BaseException | None) -> list[BaseException]:
    """Return an exception and what lies beneath it, down to what was being handled already."""
    chain = [error]
    while (step := chain[-1].__cause__ or chain[-1].__context__) not in {None, outer}:
        chain.append(step)
    return chain


class Response:
    """An answer: status and headers, and the body when it is asked for.

    Attributes:
        status: the HTTP status.
        headers: its headers, names in any case.
        url: what answered, after redirects.
        authorized: whether the request carried credentials.
    """

    __slots__ = ("_answer", "authorized", "headers", "status", "url")

    def __init__(self, answer: requests.Response, *, authorized: bool) -> None:
        self._answer = answer
        self.status = answer.status_code
        self.headers: Mapping[str, str] = answer.headers
        self.url = answer.url
        self.authorized = authorized

    def __enter__(self) -> Response:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the connection back, whether the body was read or not."""
        self._answer.close()

    def abort(self) -> None:
        """End the body now, also for a thread that waits for more of it."""
        shutdown = getattr(self._answer.raw, "shutdown", None)  # since urllib3 2.3
        if shutdown:
            with contextlib.suppress(OSError, RuntimeError, ValueError):
                shutdown()
        self.close()

    @property
    def location(self) -> str:
        """Where the answer points to, ``""`` for nowhere; some servers write it in plain UTF-8."""
        text = self.headers.get("Location", "")
        with contextlib.suppress(UnicodeError):
            return text.encode("latin-1").decode("utf-8")
        return text

    @property
    def content(self) -> bytes:
        """The body.

        Raises:
            TransferError: it was left on the wire, and the connection broke.
        """
        from requests import RequestException

        outer = sys.exc_info()[1]
        try:
            return self._answer.content or b""
        except RequestException as error:
            cause = _chain(error, outer)[-1]
        raise CutOff(self.url) from cause

    def json(self) -> object:
        """Return the body read as JSON.

        Raises:
            HubHTTPError: it is something else, such as a proxy's HTML page.
        """
        try:
            value: object = json.loads(self.content)
        except (ValueError, RecursionError) as error:
            raise self.unexpected("no valid JSON") from error
        return value

    def mapping(self) -> dict[str, object]:
        """Return the body, which has to be a JSON object.

        Raises:
            HubHTTPError: it is something else.
        """
        value = self.json()
        if not isinstance(value, dict):
            raise self.unexpected("JSON, but not an object")
        return value

    def unexpected(self, what: str) -> HubHTTPError:
        """Return the error for an answer that was to mean success and cannot be used."""
        return HubHTTPError(
            status=self.status,
            code="",
            server_message=html_notice(self.content) or f"{what} where an answer was expected",
            request_id=self.headers.get("X-Request-Id", ""),
            url=shown(self.url),
        )

    def pieces(self) -> Iterator[bytes]:
        """Yield the body of a streamed answer, 256 KiB at a time, or 1 MiB where it comes fast.

        Raises:
            TransferError: the connection broke or fell silent; chained to the reason.
        """
        return self._told(self._in_pieces())

    def _in_pieces(self) -> Iterator[bytes]:
        raw: Any = self._answer.raw
        if raw.chunked or self.headers.get("Content-Encoding"):
            yield from self._answer.iter_content(PIECE)
            return
        size = PIECE
        _keep_freed_memory()
        while True:
            began_s = time.monotonic()
            piece = raw.read(size)
            size = LARGE_PIECE if time.monotonic() - began_s < _AT_ONCE_S else PIECE
            if not piece:
                return
            yield piece

    def arriving(self) -> Iterator[bytes]:
        """Yield the body of a streamed answer as it comes in, however little comes at a time.

        Raises:
            TransferError: the connection broke or fell silent; chained to the reason.
        """
        return self._told(self._as_it_comes())

    def _as_it_comes(self) -> Iterator[bytes]:
        raw: Any = self._answer.raw
        # Chunks come as they are. Other bodies, of a proxy that takes chunks apart, would be
        # waited for until a piece is full; urllib3 before 2.1 can only be asked for single bytes.
        if raw.chunked or not hasattr(raw, "read1"):
            yield from self._answer.iter_content(PIECE if raw.chunked else 1)
            return
        while piece := raw.read1(PIECE, decode_content=True):
            yield piece

    def _told(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        from requests import RequestException
        from urllib3.exceptions import HTTPError

        outer = sys.exc_info()[1]
        try:
            yield from pieces
        except (RequestException, HTTPError) as error:
            cause = _chain(error, outer)[-1]
        else:
            return
        raise CutOff(self.url) from cause

    def beginning(self) -> bytes:
        """Return the first 64 KiB of the body, or what can be had of it."""
        try:
            return next(self._answer.iter_content(LONGEST_REFUSAL), b"")
        except OSError:  # the base of all that requests raises
            return b""


@functools.cache  # a second block would come from the memory that is kept, and be cleared
def _keep_freed_memory() -> None:
    """Have the C library use the memory of one piece for the next.

    glibc gives blocks of this size back when they are freed, and the kernel has to clear others
    for the next piece: tens of thousands of page faults in a large file. The largest block that was
    ever freed sets the size from which it does so (M_MMAP_THRESHOLD in mallopt(3)); this one is
    never touched. Elsewhere it does nothing.
    """
    bytes(8 * LARGE_PIECE)


def html_notice(body: bytes) -> str:
    """Return a sentence if the body is a web page, which itself is never shown."""
    start = body[:1000].lstrip().lower()
    if not start.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return ""
    return (
        "an HTML page instead of the hub's answer; a proxy, a login page or another server is "
        "at this address"
    )


class Wire:
    """The pooled connections, opened when first used."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards _session
        self._session: requests.Session | None = None
        self._environments: dict[tuple[object, ...], dict[str, Any]] = {}

    def close(self) -> None:
        """Close the connections; a later request opens new ones."""
        with self._lock:
            session, self._session = self._session, None
        if session:
            session.close()

    def send(self, call: Call) -> Response:
        """Send a request once, and return what came back, a redirect included.

        Raises:
            NoAnswer: nothing came back, or not all of it.
            InvalidInput: no HTTP address, or a header that cannot be sent.
        """
        from requests import RequestException
        from urllib3.exceptions import HTTPError

        origin(call.url)
        outer = sys.exc_info()[1]
        try:
            return Response(self._exchange(call), authorized=call.authorized)
        except (RequestException, HTTPError) as error:
            # What a body's own source raises would otherwise pass for the connection's failure.
            own = getattr(call.data, "failure", None)
            failure = own or NoAnswer(call, _chain(error, outer))
        raise failure

    def _exchange(self, call: Call) -> requests.Response:
        import requests

        session = self._opened()
        headers: Any = requests.structures.CaseInsensitiveDict(session.headers)
        headers.update(call.plain_headers())
        request = requests.Request(
            call.method,
            call.url,
            headers=headers,
            json=call.json,
            data=call.data,
            params=call.params,
            auth=session.auth,
        )
        # Neither prepared nor sent by the session, which keeps cookies and reads the bodies of
        # redirects.
        prepared = request.prepare()
        url = prepared.url or call.url
        adapter: Any = session.get_adapter(url)
        answer: requests.Response = adapter.send(
            prepared,
            stream=call.stream,
            timeout=(call.timeout_s, call.answer_timeout_s),
            **self._environment(session, url),
        )
        if not call.stream:
            _read_all(answer)
        return answer

    def _environment(self, session: requests.Session, url: str) -> dict[str, Any]:
        """Return what the environment has to say of a host: a proxy, certificates.

        requests looks through all of it for every request, which takes as long as a small file.
        """
        key = (origin(url), config.network_environment())
        known = self._environments.get(key)
        if known is None:
            known = {**session.merge_environment_settings(url, {}, None, None, None)}
            del known["stream"]
            _check_proxy(url, known["proxies"])
            self._environments[key] = known
        return known

    def _opened(self) -> requests.Session:
        with self._lock:
            if self._session is None:
                self._session = _new_session()
            return self._session


def _read_all(answer: requests.Response) -> None:
    """Read the body, so that a short one is noticed here, and one without end too.

    Raises:
        TransferError: it is longer than any answer can be.
    """
    body = bytearray()
    for piece in answer.iter_content(PIECE):
        body += piece
        if len(body) > LONGEST_ANSWER:
            answer.close()
            raise TransferError(
                f"{shown(answer.url)} sends more than {LONGEST_ANSWER >> 20} MiB where an answer "
                "was expected; another server may be at this address"
            )
    answer._content = bytes(body)


def _masked(record: logging.LogRecord) -> bool:
    """Let urllib3 say what it asks for, but not the secrets in signed addresses."""
    if isinstance(record.args, tuple):
        record.args = tuple(redact(arg) if isinstance(arg, str) else arg for arg in record.args)
    return True


def _new_session() -> requests.Session:
    """Return a session for many threads: no cookies, no passwords from ``~/.netrc``."""
    import requests
    from requests.adapters import HTTPAdapter

    # Its lines for debugging hold whole queries.
    logging.getLogger("urllib3.connectionpool").addFilter(_masked)

    class Adapter(HTTPAdapter):
        def init_poolmanager(self, *args: Any, **options: Any) -> None:
            super().init_poolmanager(*args, **options)
            _use_own_connections(self.poolmanager)

        def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
            manager = super().proxy_manager_for(proxy, **options)
            _use_own_connections(manager)
            return manager

    session = requests.Session()
    session.headers.clear()
    session.headers.update({"User-Agent": f"csgrepo/{__version__}", "Accept": "*/*"})
    session.auth = lambda request: request  # with none, requests looks into ~/.netrc
    for scheme in ("http://", "https://"):
        session.mount(scheme, Adapter(pool_connections=CONNECTIONS, pool_maxsize=CONNECTIONS))
    return session


def _use_own_connections(manager: Any) -> None:
    """Have a manager's connections, those through a SOCKS proxy too, take timeout for silence.

    urllib3 bounds the sending of each piece, however slow the line, by the time allowed for
    connecting. Here connecting has a bound of its own, and any byte that moves counts.
    """
    classes = manager.pool_classes_by_scheme
    if not any(hasattr(pool, "bounds_silence") for pool in classes.values()):  # a kept one
        manager.pool_classes_by_scheme = {
            scheme: _own_pool_class(pool) for scheme, pool in classes.items()
        }


def _own_pool_class(base: Any) -> Any:
    class Connection(base.ConnectionCls):  # type: ignore[misc]
        def connect(self) -> None:
            _connect(self, super().connect)

        def send(self, data: Any) -> None:
            _send_piece(self, data, super().send)

    class Pool(base):  # type: ignore[misc]
        ConnectionCls = Connection
        bounds_silence = True

    return Pool


def _check_proxy(url: str, proxies: Mapping[str, str]) -> None:
    """Refuse what the libraries below would stumble over with its password in their words.

    Raises:
        InvalidInput: the environment names a proxy that cannot be one.
    """
    from requests.utils import select_proxy

    proxy = select_proxy(url, proxies)
    if not proxy:
        return
    try:
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        valid = bool(parts.hostname) and parts.port != 0 and "@" not in parts.path
        valid = valid and ("://" in proxy or "@" not in proxy)  # a user would pass for a scheme
    except ValueError:
        valid = False
    if not valid:
        raise InvalidInput(
            "the environment (HTTPS_PROXY or its like) names a proxy whose host or port cannot be "
            "read; write http://host:port, and in a password %2F for a slash and %40 for an @"
        ) from None


def _connect(connection: Any, connect: Callable[[], None]) -> None:
    silence = connection.timeout
    connection.timeout = min(silence, CONNECT_TIMEOUT_S)
    try:
        connect()
    finally:
        connection.timeout = silence
    connection.sock.settimeout(silence)
    ending.note(connection.sock)


def _send_piece(connection: Any, data: Any, send_all: Callable[[Any], None]) -> None:
    if not isinstance(data, memoryview) or connection.sock is None:
        send_all(data)
        return
    while data:
        data = data[connection.sock.send(data) :]
