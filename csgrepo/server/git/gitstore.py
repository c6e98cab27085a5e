"""The bare repositories on disk, and what the hub reads from them.

A repository's folder is named by its number, so that neither hostile names nor file systems that
fold case matter. Git runs with settings of the hub's own; the user's and the system's files are
not read.
"""

from __future__ import annotations

import os
import secrets
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from csgrepo.git.runner import Git, child_environment
from csgrepo.lfs.pointer import MAX_POINTER_BYTES, Pointer
from csgrepo.repo_id import check_ref_name
from csgrepo.server.git.commit_writer import CommitWriter
from csgrepo.server.git.told import (
    FORMAT,
    Branch,
    Change,
    Commit,
    Entry,
    change_of,
    commit_of,
    entry_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from csgrepo.server.accounts.users import User

__all__ = ["GitStore"]

_AT_ONCE = 256  # paths; the arguments of a process have an end


class GitStore:
    """The bare repositories of one hub.

    Args:
        root: the folder for them.
        hooks: the folder for the hooks that all of them share.
        temporary: where a new one is prepared; on the same file system as `root`.
        objects: the folder of the LFS objects, for the check of what is pushed.
    """

    def __init__(self, root: Path, hooks: Path, temporary: Path, objects: Path) -> None:
        self.root = root
        self._temporary = temporary
        self._hooks = hooks
        self.writer = CommitWriter(self, temporary)
        root.mkdir(mode=0o700, exist_ok=True)
        self._write_hooks(objects)

    def _write_hooks(self, objects: Path) -> None:
        package = Path(__file__).resolve().parents[3]
        start = (
            "import sys; sys.path[0] = sys.argv.pop(1); "
            "from csgrepo.server.git.push_check import main; sys.exit(main(sys.argv[1:]))"
        )
        command = shlex.join([sys.executable, "-c", start, str(package), str(objects)])
        given = '"$GIT_OBJECT_DIRECTORY" "$GIT_ALTERNATE_OBJECT_DIRECTORIES" "$GIT_QUARANTINE_PATH"'
        self._hook("pre-receive", f"exec {command} {given}")
        self._hook("post-receive", 'cat >/dev/null\necho "Welcome to OpenCSG!"')

    def _hook(self, name: str, body: str) -> None:
        self._hooks.mkdir(mode=0o700, exist_ok=True)
        path = self._hooks / name
        path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8", newline="\n")
        path.chmod(0o700)

    def path(self, repository_id: int) -> Path:
        """Return a repository's folder."""
        return self.root / f"{repository_id}.git"

    def settings(self) -> tuple[dict[str, str], list[tuple[str, str]]]:
        """Return the variables and the settings that every git process of the hub gets."""
        variables = {
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_ATTR_NOSYSTEM": "1",
            "HOME": str(self.root),
            "XDG_CONFIG_HOME": str(self.root),
        }
        config = [
            ("safe.directory", "*"),
            ("core.hooksPath", str(self._hooks)),
            ("core.quotePath", "false"),
            # A collection that goes on alone would still write after the hub has stopped.
            ("gc.autoDetach", "false"),
            ("maintenance.autoDetach", "false"),
            # What was answered with success is there after a power cut; by default git leaves
            # single objects to the system's cache.
            ("core.fsync", "committed"),
            ("core.fsyncMethod", "batch"),
            ("receive.fsckObjects", "true"),
            ("receive.fsck.badTimezone", "ignore"),
            ("receive.fsck.missingSpaceBeforeDate", "ignore"),
            ("receive.fsck.zeroPaddedFilemode", "ignore"),
            ("uploadpack.allowFilter", "true"),
            ("uploadpack.allowAnySHA1InWant", "true"),
        ]
        return variables, config

    def environment(self, extra: Mapping[str, str], *, push: bool) -> dict[str, str]:
        """Return the environment of a git process that serves a client."""
        variables, config = self.settings()
        config.append(("http.receivepack", "true" if push else "false"))
        return child_environment({**variables, **extra}, config)

    def git(self, repository_id: int) -> Git:
        """Return git in a repository."""
        return self.git_in(self.path(repository_id))

    def git_in(self, folder: Path) -> Git:
        """Return git in a bare repository of the hub's own making."""
        variables, config = self.settings()
        return Git(folder, env={**variables, "GIT_DIR": str(folder)}, config=config)

    def prepare(self, branch: str, files: Mapping[str, bytes], author: User) -> Path:
        """Make a bare repository with one commit, and return the folder it is in for now.

        Raises:
            GitError: git could not; nothing is left of it.
        """
        folder = self._temporary / f"{secrets.token_hex(12)}.git"
        folder.mkdir(mode=0o700)
        git = self.git_in(folder)
        first = _first_commit(branch, files, author)
        try:
            git.run("init", "--bare", "--quiet", "--template=", f"--initial-branch={branch}")
            git.run("fast-import", "--quiet", "--date-format=now", stdin=first)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return folder

    def place(self, prepared: Path, repository_id: int) -> None:
        """Move a prepared repository to where its number says."""
        prepared.rename(self.path(repository_id))

    def remove(self, repository_id: int) -> None:
        """Remove a repository."""
        shutil.rmtree(self.path(repository_id), ignore_errors=True)

    def set_head(self, repository_id: int, branch: str) -> None:
        """Make a branch the one that a clone checks out."""
        self.git(repository_id).run("symbolic-ref", "HEAD", f"refs/heads/{branch}")

    def branches(self, repository_id: int) -> list[Branch]:
        """Return all branches, by name."""
        form = "--format=%(refname:lstrip=2)%00%(objectname)%00%(contents:subject)"
        lines = self.git(repository_id).text("for-each-ref", form, "refs/heads").split("\n")
        return [Branch(*line.split("\0")) for line in lines if line]

    def resolve(self, repository_id: int, revision: str) -> str | None:
        """Return the commit that a branch, a tag or an id names, ``None`` for no such thing."""
        try:
            check_ref_name(revision, "revision")
        except ValueError:
            return None
        git = self.git(repository_id)
        for candidate in (f"refs/heads/{revision}", f"refs/tags/{revision}", revision):
            found = git.run(
                "rev-parse", "--verify", "--quiet", "--end-of-options", f"{candidate}^{{commit}}",
                ok=(0, 1, 128),
            )  # fmt: skip
            if found.returncode == 0:
                return found.text
        return None

    def commits(
        self, repository_id: int, revision: str, *, limit: int = 1, skip: int = 0
    ) -> list[Commit]:
        """Return commits from a resolved one backwards."""
        output = self.git(repository_id).text(
            "log",
            f"--format={FORMAT}%x00",
            f"--max-count={limit}",
            f"--skip={skip}",
            revision,
            "--",
        )
        return [commit_of(line) for line in output.split("\0\n") if line.strip("\0\n")]

    def count(self, repository_id: int, revision: str) -> int:
        """Return how many commits a resolved one has behind it, itself included."""
        return int(self.git(repository_id).text("rev-list", "--count", revision, "--"))

    def entry(self, repository_id: int, commit: str, path: str) -> Entry | None:
        """Return what a commit has at a path."""
        found = self._list(repository_id, commit, ["--", path]) if path else []
        exact = [entry for entry in found if entry.path == path]
        return self._with_pointers(repository_id, exact)[0] if exact else None

    def entries(self, repository_id: int, commit: str, paths: Sequence[str]) -> dict[str, Entry]:
        """Return what a commit has at each of many paths; nothing for a path that is not there."""
        asked = list(dict.fromkeys(paths))
        found: list[Entry] = []
        for begin in range(0, len(asked), _AT_ONCE):
            where = ["--", *asked[begin : begin + _AT_ONCE]]
            found += self._list(repository_id, commit, where, ["-t"])  # folders beside their files
        wanted = set(asked)
        exact = [entry for entry in found if entry.path in wanted]
        return {entry.path: entry for entry in self._with_pointers(repository_id, exact)}

    def tree(
        self, repository_id: int, commit: str, path: str = "", *, recursive: bool = False
    ) -> list[Entry]:
        """Return what a commit has in a folder; nothing for a folder that is not there."""
        options = ["-r"] if recursive else []
        where = ["--", f"{path.rstrip('/')}/"] if path.strip("/") else []
        found = self._list(repository_id, commit, where, options)
        return self._with_pointers(repository_id, found)

    def _list(
        self, repository_id: int, commit: str, where: Sequence[str], options: Sequence[str] = ()
    ) -> list[Entry]:
        if any("\0" in path for path in where):
            return []  # no path in git, and no argument of a process, can hold one
        git = self.git(repository_id).configured(env={"GIT_LITERAL_PATHSPECS": "1"})
        listed = git.run(
            "ls-tree", "-z", "-l", "--full-tree", *options, commit, *where, ok=(0, 128)
        )
        return [entry_of(line) for line in listed.stdout.split(b"\0") if line]

    def _with_pointers(self, repository_id: int, entries: list[Entry]) -> list[Entry]:
        small = [e for e in entries if e.kind == "blob" and 0 < e.size <= MAX_POINTER_BYTES]
        if not small:
            return entries
        contents = self._read(repository_id, [entry.sha for entry in small])
        found = {entry.sha: Pointer.parse(contents[entry.sha]) for entry in small}
        return [Entry(e.path, e.mode, e.kind, e.sha, e.size, found.get(e.sha)) for e in entries]

    def _read(self, repository_id: int, shas: Sequence[str]) -> dict[str, bytes]:
        asked = "".join(f"{sha}\n" for sha in dict.fromkeys(shas)).encode()
        output = self.git(repository_id).run("cat-file", "--batch", stdin=asked).stdout
        contents = {}
        at = 0
        while at < len(output):
            end = output.index(b"\n", at)
            sha, _, size = output[at:end].decode().split(" ")
            contents[sha] = output[end + 1 : end + 1 + int(size)]
            at = end + 2 + int(size)
        return contents

    def blob(self, repository_id: int, sha: str) -> bytes:
        """Return a blob's content."""
        return self.git(repository_id).run("cat-file", "blob", sha).stdout

    def archive(self, repository_id: int, commit: str, prefix: str, limit: int) -> bytes | None:
        """Return a commit's files in a zip archive, ``None`` where that is longer than a limit.

        Args:
            repository_id: whose files.
            commit: a resolved one.
            prefix: what stands before every path, with its slash.
            limit: in bytes.
        """
        path = self._temporary / f"{secrets.token_hex(12)}.zip"
        try:
            self.git(repository_id).run(
                "archive", "--format=zip", f"--prefix={prefix}", f"--output={path}", commit
            )
            return path.read_bytes() if path.stat().st_size <= limit else None
        finally:
            path.unlink(missing_ok=True)

    def change(self, repository_id: int, commit: str) -> Change:
        """Return what a commit does to its first parent; a first commit adds everything."""
        show = (
            "diff-tree",
            "--root",
            "-r",
            "-m",
            "--first-parent",
            "--no-commit-id",
            "--no-renames",
        )
        git = self.git(repository_id)
        counted = git.run(*show, "--numstat", "-z", commit).stdout.split(b"\0")
        patch = git.run(*show, "--patch", "--no-ext-diff", "--no-textconv", commit).stdout
        return Change(tuple(change_of(line) for line in counted if line), patch)

    def difference(self, repository_id: int, left: str, right: str) -> list[tuple[str, str]]:
        """Return the paths in which two commits differ, each with git's letter for how."""
        git = self.git(repository_id)
        told = git.run("diff-tree", "-r", "-z", "--no-renames", "--name-status", left, right)
        words = told.stdout.split(b"\0")[:-1]
        pairs = zip(words[::2], words[1::2], strict=True)
        return [(letter.decode(), os.fsdecode(path)) for letter, path in pairs]

    def last_changes(
        self, repository_id: int, commit: str, paths: Sequence[str]
    ) -> dict[str, Commit]:
        """Return for each path the commit that changed it last."""
        git = self.git(repository_id).configured(env={"GIT_LITERAL_PATHSPECS": "1"})
        found = {}
        for path in paths:
            output = git.text("log", f"--format={FORMAT}%x00", "--max-count=1", commit, "--", path)
            found[path] = commit_of(output)
        return found


def _first_commit(branch: str, files: Mapping[str, bytes], author: User) -> bytes:
    """Return the stream for git-fast-import(1)."""
    name = "".join(char for char in author.nickname or author.name if char not in "<>\n\0")
    email = "".join(char for char in author.email if char not in "<>\n\0")
    message = b"initial commit"
    parts = [
        f"commit refs/heads/{branch}\ncommitter {name} <{email}> now\n".encode(),
        b"data %d\n%s\n" % (len(message), message),
    ]
    for path, content in files.items():
        parts.append(b"M 100644 inline %s\ndata %d\n%s\n" % (path.encode(), len(content), content))
    return b"".join(parts)
