"""Git and LFS servers that nobody here wrote, on loopback.

nginx stands in front. It asks for a password (HTTP Basic) and hands git's requests to
`git http-backend` through fcgiwrap, and those below `<repository>.git/info/lfs`, where every LFS
client looks first, to giftless under gunicorn. giftless signs what it offers: the addresses of the
batch answer carry a token (in a header to upload and verify, in the query to download), and nginx
lets such requests through to be judged by giftless.

Every socket is bound here, at a port the system chooses, and handed down open: a connection waits
in its queue until the server is there to take it, so nobody has to poll or to sleep.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import jwt

from tests import machine
from tests.machine import MARK
from tests.stock import RemoteRepository

if TYPE_CHECKING:
    from types import TracebackType

USER = "wanda"
_STOP_S = 120.0

_NGINX = """\
{user}
daemon off;
worker_processes 1;
pid {root}/nginx.pid;
error_log {root}/nginx-error.log info;
events {{ worker_connections 256; }}
http {{
    access_log {root}/nginx-access.log;
    client_body_temp_path {root}/nginx-body;
    proxy_temp_path {root}/nginx-proxy;
    fastcgi_temp_path {root}/nginx-fastcgi;
    uwsgi_temp_path {root}/nginx-uwsgi;
    scgi_temp_path {root}/nginx-scgi;
    client_max_body_size 0;
    gzip off;

    # A token of giftless's own making goes through; anybody else shows a password.
    map "$arg_jwt|$http_authorization" $lfs_realm {{
        default "repositories";
        "~^[^|]" off;
        "~*^\\|Bearer " off;
    }}
    map "$arg_jwt|$http_authorization" $lfs_authorization {{
        default "Bearer {token}";
        "~^[^|]" "";
        "~*^\\|Bearer " $http_authorization;
    }}

    server {{
        listen 127.0.0.1:{port};
        location ~ ^/[^/]+/[^/]+\\.git/info/lfs/ {{
            auth_basic $lfs_realm;
            auth_basic_user_file {root}/htpasswd;
            proxy_pass http://127.0.0.1:{giftless_port};
            proxy_http_version 1.1;
            proxy_request_buffering off;
            proxy_buffering off;
            proxy_read_timeout 600;
            proxy_set_header Host $http_host;
            proxy_set_header Authorization $lfs_authorization;
        }}
        location ~ \\.git(/|$) {{
            auth_basic "repositories";
            auth_basic_user_file {root}/htpasswd;
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
            fastcgi_param REMOTE_USER $remote_user;
            fastcgi_param REMOTE_ADDR $remote_addr;
        }}
    }}
}}
"""


class PeerServer:
    """nginx, `git http-backend` and giftless, from entering to leaving the context.

    Args:
        root: an empty folder for everything they write.

    Attributes:
        url: their address.
        repositories: the folder of the bare repositories.
        objects: the folder of the LFS objects, `<namespace>/<name>/<oid>`.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.repositories = root / "repositories"
        self.objects = root / "lfs"
        self.password = secrets.token_hex(16)
        self.url = ""
        self._stack = ExitStack()

    def __enter__(self) -> PeerServer:
        with ExitStack() as stack:
            self._start(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def create(self, name: str) -> RemoteRepository:
        """Make an empty bare repository, `namespace/name`."""
        path = self.repositories / f"{name}.git"
        self._git("init", "--quiet", "--bare", "--initial-branch=main", str(path))
        self._git("-C", str(path), "config", "http.receivepack", "true")
        url = f"{self.url}/{name}.git"
        return RemoteRepository(url, USER, self.password, path, self.objects / name)

    def _start(self, stack: ExitStack) -> None:
        self.repositories.mkdir()
        (self.root / "gitconfig").write_text(machine.GIT_CONFIG)
        key = secrets.token_hex(32)
        web = stack.enter_context(_listening())
        web.setblocking(False)  # nginx takes it as it is, and must never wait for a client here
        lfs = stack.enter_context(_listening())
        cgi = stack.enter_context(_listening())
        self.url = f"http://127.0.0.1:{web.getsockname()[1]}"
        (self.root / "htpasswd").write_text(f"{USER}:{_sha1_password(self.password)}\n")
        (self.root / "nginx.conf").write_text(
            _NGINX.format(
                user="user root;" if os.geteuid() == 0 else "",
                root=self.root,
                port=web.getsockname()[1],
                giftless_port=lfs.getsockname()[1],
                cgi_port=cgi.getsockname()[1],
                token=_token_for_everything(key),
                backend=_http_backend(),
            )
        )
        self._run(stack, [machine.find("fcgiwrap") or "fcgiwrap", "-f", "-c", "4"], stdin=cgi)
        self._run(stack, self._gunicorn(key, lfs.fileno()), keep=lfs)
        conf = str(self.root / "nginx.conf")
        nginx = [machine.find("nginx") or "nginx", "-p", str(self.root), "-c", conf]
        self._run(stack, nginx, keep=web, NGINX=f"{web.fileno()};")
        self._check()

    def _gunicorn(self, key: str, handle: int) -> list[str]:
        config = {
            "LEGACY_ENDPOINTS": False,
            "AUTH_PROVIDERS": [],
            "PRE_AUTHORIZED_ACTION_PROVIDER": {"options": {"private_key": key}},
            "TRANSFER_ADAPTERS": {
                "basic": {"options": {"storage_options": {"path": str(self.objects)}}}
            },
        }
        (self.root / "giftless.json").write_text(json.dumps(config))  # JSON is YAML
        return [
            *(sys.executable, "-m", "gunicorn", "--bind", f"fd://{handle}"),
            *("--workers", "1", "--threads", "4", "--timeout", "600"),
            *("--worker-tmp-dir", str(self.root), "giftless.wsgi_entrypoint:app"),
        ]

    def _run(
        self,
        stack: ExitStack,
        command: list[str],
        *,
        stdin: socket.socket | None = None,
        keep: socket.socket | None = None,
        **variables: str,
    ) -> None:
        """Start a server that ends with the stack."""
        with (self.root / f"{Path(command[0]).name}-{len(command)}.log").open("wb") as log:
            process = subprocess.Popen(
                command,
                cwd=self.root,
                stdin=stdin or subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[keep.fileno()] if keep else [],
                env=self._environment(variables),
                start_new_session=True,
            )
        stack.callback(_stop, process)

    def _environment(self, variables: dict[str, str]) -> dict[str, str]:
        """Return an environment that is no test's own, though one of them is the first to ask."""
        outer = {name: text for name, text in os.environ.items() if name != MARK}
        own = {
            "HOME": str(self.root),
            "XDG_CONFIG_HOME": str(self.root),
            "GIT_CONFIG_GLOBAL": str(self.root / "gitconfig"),
            "TMPDIR": str(self.root),
            "GIFTLESS_CONFIG_FILE": str(self.root / "giftless.json"),
        }
        return {**outer, **own, **variables}

    def _check(self) -> None:
        """Ask each server once, and show what they wrote if one does not answer well."""
        self.create("check/ready")
        for path in ("info/refs?service=git-receive-pack", "info/lfs/objects/batch"):
            status = self._ask(f"/check/ready.git/{path}")
            if status not in {200, 405}:  # giftless wants a POST
                logs = "\n".join(log.read_text() for log in self.root.glob("*.log"))
                raise RuntimeError(f"the server answered {status} to {path}:\n{logs}")

    def _ask(self, path: str) -> int:
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=300)
        word = base64.b64encode(f"{USER}:{self.password}".encode()).decode()
        try:
            connection.request("GET", path, headers={"Authorization": f"Basic {word}"})
            return connection.getresponse().status
        finally:
            connection.close()

    def _git(self, *args: str) -> None:
        subprocess.run(["git", *args], check=True, env=self._environment({}))


def _listening() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0), backlog=256)


def _sha1_password(password: str) -> str:
    """Return it the way nginx reads it without the help of the system's crypt(3)."""
    return "{SHA}" + base64.b64encode(hashlib.sha1(password.encode()).digest()).decode()


def _token_for_everything(key: str) -> str:
    """Return what giftless takes from nginx, which has seen the password."""
    claims = {"sub": USER, "scopes": ["obj:*"], "exp": int(time.time()) + 24 * 3600}
    return jwt.encode(claims, key, "HS256", headers={"kid": "giftless-internal-jwt-key"})


def _http_backend() -> str:
    answer = subprocess.run(["git", "--exec-path"], capture_output=True, check=True, text=True)
    return str(Path(answer.stdout.strip(), "git-http-backend"))


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End a server and its workers; fcgiwrap would leave its own running."""
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(_STOP_S)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
