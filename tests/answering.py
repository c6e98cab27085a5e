"""A server on loopback that answers what a test tells it to, however odd."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

Answer = Callable[["Handler"], None]


class Asked(NamedTuple):
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: AnsweringServer

    def log_message(self, *args: object) -> None:
        pass

    def handle_any(self) -> None:
        answer = self.server.script.popleft() if self.server.script else self.server.default
        reads = getattr(answer, "reads_body", True)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))) if reads else b""
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.asked.append(Asked(self.command, self.path, headers, body))
        answer(self)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = do_CONNECT = handle_any  # noqa: N815


class AnsweringServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024  # of more than are let wait the system drops some, for a second each

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.server_port}"
        if tls:  # hands are shaken in the thread that answers, not where connections are taken
            self.socket = tls.wrap_socket(
                self.socket, server_side=True, do_handshake_on_connect=False
            )
        self.asked: list[Asked] = []
        self.script: deque[Answer] = deque()
        self.default: Answer = reply(200, {"msg": "OK"})

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # a client that hangs up is part of these tests


def reply(status: int, body: object = b"", **headers: str) -> Answer:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()

    def answer(handler: Handler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers and "Transfer_Encoding" not in headers:
            handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(content)

    return answer


def then_hang_up(answer: Answer) -> Answer:
    def cut(handler: Handler) -> None:
        answer(handler)
        handler.close_connection = True

    return cut


def serving(content: bytes, *, ranges: bool = True, etag: str = "") -> Answer:
    """A file server that understands ``Range: bytes=N-``."""

    def answer(handler: Handler) -> None:
        tag = {"ETag": etag} if etag else {}
        wanted = handler.headers.get("Range", "")
        fresh = handler.headers.get("If-Range", etag) == etag
        if not (wanted and ranges and fresh):
            return reply(200, content, **tag)(handler)
        start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        if start >= len(content):
            return reply(416, Content_Range=f"bytes */{len(content)}")(handler)
        where = f"bytes {start}-{len(content) - 1}/{len(content)}"
        return reply(206, content[start:], Content_Range=where, **tag)(handler)

    return answer


def asleep(handler: Handler) -> None:
    """Answer nothing for as long as the client waits."""
    handler.connection.settimeout(30)
    with contextlib.suppress(OSError):
        handler.connection.recv(1)  # until the client has had enough
    handler.close_connection = True


def hang_up(handler: Handler) -> None:
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def answering(tls: ssl.SSLContext | None = None) -> Iterator[AnsweringServer]:
    with AnsweringServer(tls) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
