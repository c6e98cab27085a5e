"""A server that costs little: nginx for every byte, and a small batch endpoint beside it.

nginx stores an object as it comes and sends it as it lies there, and hands git's requests to
`git http-backend`. Which object is wanted where is answered by the benchmark's own process. So what
is measured is the client.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests import machine

_NGINX = """\
{user}
daemon off;
worker_processes 2;
pid {root}/nginx.pid;
error_log {root}/nginx-error.log warn;
events {{ worker_connections 256; }}
http {{
    access_log off;
    sendfile on;
    client_body_temp_path {root}/body;
    client_body_buffer_size 1m;
    proxy_temp_path {root}/proxy;
    fastcgi_temp_path {root}/fastcgi;
    uwsgi_temp_path {root}/uwsgi;
    scgi_temp_path {root}/scgi;
    client_max_body_size 0;
    gzip off;
    server {{
        listen 127.0.0.1:{port};
        location /objects/ {{
            root {root};
            dav_methods PUT;
            create_full_put_path on;
        }}
        location ~ /info/lfs/ {{
            proxy_pass http://127.0.0.1:{batch_port};
            proxy_set_header Host $http_host;
        }}
        location ~ \\.git(/|$) {{
            fastcgi_pass 127.0.0.1:{cgi_port};
            fastcgi_request_buffering off;
            fastcgi_read_timeout 600;
            fastcgi_param SCRIPT_FILENAME {backend};
            fastcgi_param GIT_PROJECT_ROOT {root}/repositories;
            fastcgi_param GIT_HTTP_EXPORT_ALL 1;
            fastcgi_param PATH_INFO $uri;
            fastcgi_param QUERY_STRING $query_string;
            fastcgi_param REQUEST_METHOD $request_method;
            fastcgi_param CONTENT_TYPE $content_type;
            fastcgi_param CONTENT_LENGTH $content_length;
            fastcgi_param HTTP_CONTENT_ENCODING $http_content_encoding;
            fastcgi_param HTTP_GIT_PROTOCOL $http_git_protocol;
            fastcgi_param GIT_PROTOCOL $http_git_protocol;
            fastcgi_param REMOTE_ADDR $remote_addr;
        }}
    }}
}}
"""


@dataclass(frozen=True, slots=True)
class Remote:
    """A repository on the server.

    Attributes:
        url: its address.
        path: the bare repository on this disk.
        objects: the folder of its LFS objects on this disk.
        objects_url: that folder's address, for bare uploads and downloads.
    """

    url: str
    path: Path
    objects: Path
    objects_url: str


class Server:
    """nginx and what stands behind it, from entering to leaving the context.

    Args:
        root: an empty folder, on the file system that is measured.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.url = ""
        self._stack = ExitStack()

    def __enter__(self) -> Server:
        with ExitStack() as stack:
            self._start(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def create(self, name: str) -> Remote:
        """Make an empty repository."""
        path = self.root / "repositories" / f"{name}.git"
        subprocess.run(
            ["git", "init", "--quiet", "--bare", "--initial-branch=main", path], check=True
        )
        subprocess.run(["git", "-C", path, "config", "http.receivepack", "true"], check=True)
        objects = self.root / "objects" / name
        objects.mkdir(parents=True)
        objects.chmod(0o777)
        address = f"{self.url}/objects/{name}"
        return Remote(f"{self.url}/{name}.git", path, objects, address)

    def _start(self, stack: ExitStack) -> None:
        web = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=256))
        web.setblocking(False)  # or of two workers that hear of a client one waits for the next
        cgi = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=256))
        self.url = f"http://127.0.0.1:{web.getsockname()[1]}"
        batch = _Batch(self.root / "objects", self.url)
        stack.enter_context(batch.running())
        backend = subprocess.run(["git", "--exec-path"], capture_output=True, check=True, text=True)
        conf = self.root / "nginx.conf"
        conf.write_text(
            _NGINX.format(
                user="user root;" if os.geteuid() == 0 else "",
                root=self.root,
                port=web.getsockname()[1],
                batch_port=batch.server_port,
                cgi_port=cgi.getsockname()[1],
                backend=Path(backend.stdout.strip(), "git-http-backend"),
            )
        )
        self._run(stack, [_found("fcgiwrap"), "-f", "-c", "2"], stdin=cgi)
        nginx = [_found("nginx"), "-p", str(self.root), "-c", str(conf)]
        self._run(stack, nginx, keep=web, NGINX=f"{web.fileno()};")

    def _run(
        self,
        stack: ExitStack,
        command: list[str],
        *,
        stdin: socket.socket | None = None,
        keep: socket.socket | None = None,
        **variables: str,
    ) -> None:
        with (self.root / f"{Path(command[0]).name}.log").open("wb") as log:
            process = subprocess.Popen(
                command,
                cwd=self.root,
                stdin=stdin or subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[keep.fileno()] if keep else [],
                env={**os.environ, **variables},
                start_new_session=True,
            )
        stack.callback(_stop, process)


def _found(program: str) -> str:
    found = machine.find(program)
    if found is None:
        raise SystemExit(f"{program} is not installed; the benchmark needs nginx and fcgiwrap")
    return found


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End a server and its workers; fcgiwrap would leave its own running."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(120)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class _Batch(ThreadingHTTPServer):
    """The LFS batch endpoint: says where an object is, or where it is to go."""

    daemon_threads = True

    def __init__(self, objects: Path, url: str) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.objects = objects
        self.url = url

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            self.shutdown()
            thread.join()
            self.server_close()

    def answer(self, name: str, operation: str, wanted: list[dict[str, object]]) -> object:
        objects = [self._offer(name, operation, item) for item in wanted]
        return {"transfer": "basic", "objects": objects}

    def _offer(self, name: str, operation: str, item: dict[str, object]) -> dict[str, object]:
        oid, size = str(item["oid"]), item["size"]
        path = self.objects / name / oid
        here = path.is_file() and path.stat().st_size == size
        href = f"{self.url}/objects/{name}/{oid}"
        offer: dict[str, object] = {"oid": oid, "size": size, "authenticated": True}
        if operation == "download" and not here:
            return offer | {"error": {"code": 404, "message": "not here"}}
        if operation == "upload" and here:
            return offer
        return offer | {"actions": {operation: {"href": href}}}


class _Answer(BaseHTTPRequestHandler):
    server: _Batch
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        name, _, rest = self.path.lstrip("/").partition(".git/info/lfs/")
        if rest != "objects/batch":
            self._say(404, {"message": "locks are not kept here"})
            return
        asked = json.loads(body)
        self._say(200, self.server.answer(name, asked["operation"], asked["objects"]))

    def do_GET(self) -> None:
        self._say(404, {"message": "nothing here"})

    def _say(self, status: int, answer: object) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/vnd.git-lfs+json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing: the terminal shows the table."""
