"""Stock git, as a user runs it, to test against; and repositories on servers."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit


@dataclass(frozen=True, slots=True)
class RemoteRepository:
    """A repository to clone from and push to.

    Attributes:
        url: its address, without credentials.
        username: who may, or `""` where everybody may.
        password: their password or token.
        path: the bare repository on this disk.
        objects: the folder of its LFS objects on this disk.
    """

    url: str
    username: str
    password: str
    path: Path
    objects: Path

    @property
    def signed_url(self) -> str:
        """The address with the credentials in it."""
        if not self.username:
            return self.url
        parts = urlsplit(self.url)
        user = f"{quote(self.username, safe='')}:{quote(self.password, safe='')}"
        return urlunsplit(parts._replace(netloc=f"{user}@{parts.netloc}"))

    def object_path(self, oid: str) -> Path | None:
        """Return the file that holds an LFS object, or None where the remote has it not."""
        return next(self.objects.rglob(oid), None)


class StockGit:
    """Git in a folder, with the environment of the test.

    Example:
        git("init", "repo")
        git.at("repo")("status", "--porcelain")
    """

    def __init__(self, cwd: Path) -> None:
        self.cwd = cwd

    def at(self, folder: str | os.PathLike[str]) -> StockGit:
        return StockGit(self.cwd / folder)

    def __call__(self, *args: str | os.PathLike[str], stdin: bytes = b"", **env: str) -> str:
        """Run a command that must succeed; return its output without the newline at its end."""
        done = self.run(*args, stdin=stdin, **env)
        said = done.stderr.decode("utf-8", "replace")
        assert done.returncode == 0, f"git {args} in {self.cwd} gave {done.returncode}: {said}"
        return os.fsdecode(done.stdout).removesuffix("\n")

    def run(
        self, *args: str | os.PathLike[str], stdin: bytes = b"", **env: str
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command that may fail."""
        return subprocess.run(
            ["git", *args],
            cwd=self.cwd,
            input=stdin,
            env={**os.environ, "GIT_TERMINAL_PROMPT": "0", **env},
            capture_output=True,
            check=False,
            timeout=300,
        )

    def sign_in(self, remote: RemoteRepository) -> None:
        """Have git's own `store` helper, in the test's HOME, answer for the remote's host."""
        if remote.username:
            store = Path(os.environ["HOME"], ".git-credentials")
            lines = store.read_text() if store.exists() else ""
            signed = urlsplit(remote.signed_url)
            store.write_text(f"{lines}{signed.scheme}://{signed.netloc}\n")
            self("config", "--global", "credential.helper", "store")
