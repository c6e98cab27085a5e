"""A user of the embedded hub, who works with programs that nobody here wrote.

Each call is a process of its own: these libraries read the environment when they are imported,
change it and each other, and end the process that uses them.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from csgrepo.server import Hub
from tests import machine
from tests.peers import samples
from tests.stock import RemoteRepository, StockGit

PLURALS = {"model": "models", "dataset": "datasets", "space": "spaces", "code": "codes",
           "mcp": "mcps", "skill": "skills"}  # fmt: skip
GIT_PLURALS = {**PLURALS, "mcp": "mcpservers"}

# Runs the code it is given, which sets `result`, and prints that, or the error, as its last line.
_RUN = """
import json, sys
code, asked = json.loads(sys.stdin.read())
def plain(value):
    if hasattr(value, "__dict__"):
        return vars(value)
    return list(value) if hasattr(value, "__iter__") else str(value)
names = {"asked": asked}
try:
    exec(code, names)
    answer = {"result": names.get("result")}
except Exception as error:
    answer = {"error": [type(error).__name__, str(error)]}
print("\\n" + json.dumps(answer, default=plain))
"""


class Raised(Exception):
    """What a library raised, in its process.

    Attributes:
        kind: the name of the exception's class.
    """

    def __init__(self, kind: str, words: str) -> None:
        super().__init__(f"{kind}: {words}")
        self.kind = kind


def need(*distributions: str) -> None:
    """Go on only where these are installed."""
    for name in distributions:
        try:
            importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            machine.lacking(f"{name} is not installed")


@dataclass(frozen=True, slots=True)
class HubUser:
    """An account of the hub, and the folder its user works in.

    Attributes:
        hub: the hub.
        name: the account.
        token: its token.
        git: stock git in the folder, with git-lfs set up.
        variables: what the environment has beside what the test's own has.
    """

    hub: Hub
    name: str
    token: str
    git: StockGit
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return self.git.cwd

    def python(self, code: str, **asked: object) -> Any:
        """Run code that sets `result` from the mapping `asked`; return that.

        Raises:
            Raised: the code did.
        """
        given = json.dumps([code, asked], default=str)
        done = self.run(sys.executable, "-c", _RUN, stdin=given)
        lines = done.stdout.splitlines() or [""]
        assert done.returncode == 0, done.stderr
        answer = json.loads(lines[-1])
        if "error" in answer:
            raise Raised(*answer["error"])
        return answer["result"]

    def run(
        self, *command: str | os.PathLike[str], stdin: str = "", timeout_s: float = 500, **env: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a program to its end."""
        try:
            return subprocess.run(
                command,
                cwd=self.folder,
                input=stdin,
                env=self.environment(**env),
                capture_output=True,
                check=False,
                text=True,
                timeout=timeout_s,
            )
        except subprocess.TimeoutExpired as error:
            error.add_note((error.stderr or b"").decode(errors="replace")[-4000:])
            raise

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment: this Python's programs are found, the world outside is not."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        nowhere = "http://127.0.0.1:9"
        closed = {"http_proxy": nowhere, "https_proxy": nowhere, "no_proxy": "127.0.0.1,localhost"}
        # Left alone, huggingface_hub gives up after ten seconds; a busy machine may need longer.
        patience = {"HF_HUB_ETAG_TIMEOUT": "300", "HF_HUB_DOWNLOAD_TIMEOUT": "300"}
        return {**os.environ, "PATH": path, **closed, **patience, **self.variables, **more}

    def create(self, kind: str = "model", **more: object) -> str:
        """Make a repository over plain HTTP; return its id."""
        body = {"namespace": self.name, "name": f"r-{uuid.uuid4().hex[:12]}", **more}
        if kind == "space":
            body |= {"sdk": "gradio", "resource_id": 1, "cluster_id": "local"}
        url = f"{self.hub.url}/api/v1/{PLURALS[kind]}"
        headers = {"Authorization": f"Bearer {self.token}"}
        made = requests.post(url, json=body, headers=headers, timeout=300)
        assert made.status_code == 200, made.text
        return f"{self.name}/{body['name']}"

    def remote(self, repo_id: str, kind: str = "model") -> RemoteRepository:
        path = self.hub.git_dir(repo_id, kind)
        url = f"{self.hub.url}/{GIT_PLURALS[kind]}/{repo_id}.git"
        objects = self.hub.root / "lfs" / path.stem
        return RemoteRepository(url, self.name, self.token, path, objects)

    def push(
        self, repo_id: str, files: Mapping[str, bytes], kind: str = "model", branch: str = "main"
    ) -> str:
        """Commit files with stock git and git-lfs; return the commit."""
        folder = f"push-{uuid.uuid4().hex}"
        self.git("clone", "--quiet", self.remote(repo_id, kind).signed_url, folder)
        work = self.git.at(folder)
        samples.write(work.cwd, files)
        work("add", "--all")
        work("commit", "--quiet", "--message", "files")
        work("push", "--quiet", "origin", f"HEAD:refs/heads/{branch}")
        return work("rev-parse", "HEAD")

    def held(self, repo_id: str, kind: str = "model", ref: str = "main") -> dict[str, bytes]:
        """Return what a branch on the hub's disk holds but for the first commit's two files.

        Objects of Git LFS take the place of their pointers, once they proved to be what those say.
        """
        bare = StockGit(self.hub.git_dir(repo_id, kind))
        paths = bare("ls-tree", "-r", "-z", "--name-only", "--full-tree", ref).split("\0")
        wanted = [path for path in paths if path not in {"", ".gitattributes", "README.md"}]
        return {path: self._content(bare, repo_id, kind, f"{ref}:{path}") for path in wanted}

    def _content(self, bare: StockGit, repo_id: str, kind: str, spec: str) -> bytes:
        blob = bare.run("cat-file", "blob", spec).stdout
        if not blob.startswith(b"version https://git-lfs"):
            return blob
        oid = blob.split(b"sha256:")[1][:64].decode()
        content = self.hub.lfs_path(repo_id, oid, kind).read_bytes()
        assert hashlib.sha256(content).hexdigest() == oid
        return content

    def stored_in_lfs(self, repo_id: str, kind: str = "model", ref: str = "main") -> set[str]:
        """Return the paths whose content is an LFS object."""
        bare = StockGit(self.hub.git_dir(repo_id, kind))
        found = bare.run("grep", "-z", "-l", "^oid sha256:", ref).stdout.decode()
        return {line.partition(":")[2] for line in found.split("\0") if line}

    def asked(self, method: str, part: str) -> Iterator[int]:
        """Return the statuses of the requests that the hub was asked with this part in the path."""
        for request in list(self.hub.requests):
            if request.method == method and part in request.path:
                yield request.status


def files_below(folder: Path) -> dict[str, bytes]:
    """Return what a download left but for the first commit's two files and what begins with a dot.

    Libraries keep their own notes in hidden files and folders.
    """
    found = {}
    for path in folder.rglob("*"):
        name = path.relative_to(folder)
        if path.is_file() and not any(part.startswith(".") for part in name.parts):
            found[name.as_posix()] = path.read_bytes()
    found.pop("README.md", None)
    return found
