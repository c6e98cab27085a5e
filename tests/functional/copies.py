"""Working copies looked at from outside, by stock git and by reading the disk."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.stock import RemoteRepository, StockGit

if TYPE_CHECKING:
    from collections.abc import Callable

LARGE = 4096  # what the tests call large, so that they need no tens of megabytes
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {size}\n"


def noise(size: int = LARGE) -> bytes:
    """Bytes that are no text, never the same twice, and without line ends that git may convert."""
    return b"\0" + os.urandom(size - 1).replace(b"\r", b"\0")


def pointer_to(content: bytes) -> str:
    """The pointer that stands in git for this content, written from the specification."""
    return POINTER.format(oid=hashlib.sha256(content).hexdigest(), size=len(content))


def work_files(folder: Path) -> dict[str, bytes]:
    """Every file of a work tree, by its path, with its content."""
    found = {}
    for path in folder.rglob("*"):
        name = path.relative_to(folder)
        if name.parts[0] != ".git" and path.is_file():
            found[name.as_posix()] = path.read_bytes()
    return found


def committed(git: StockGit, revision: str = "HEAD") -> dict[str, bytes]:
    """Every file of a commit, by its path, with what git itself holds of it: pointers as such."""
    names = [name for name in git("ls-tree", "-rz", "--name-only", revision).split("\0") if name]
    return {name: git.run("cat-file", "blob", f"{revision}:{name}").stdout for name in names}


def refs(folder: Path) -> dict[str, str]:
    """Every ref of a repository, and what it points to."""
    lines = StockGit(folder)("for-each-ref", "--format=%(refname) %(objectname)").splitlines()
    return dict(line.split() for line in lines)


@dataclass(frozen=True)
class State:
    """All that a failed command must not change."""

    head: str
    refs: dict[str, str]
    index: str
    files: dict[str, bytes]
    config: bytes


def state(folder: Path) -> State:
    """What a working copy is now."""
    git = StockGit(folder)
    return State(
        (folder / ".git" / "HEAD").read_text(),
        refs(folder),
        git("ls-files", "-s", "-z"),
        work_files(folder),
        (folder / ".git" / "config").read_bytes(),
    )


def reject_pushes(remote: RemoteRepository, words: str, *, hook: str = "pre-receive") -> None:
    """Have a repository refuse every push, in these words."""
    write_hook(remote.path / "hooks" / hook, f"cat <<'SAID' >&2\n{words}\nSAID\nexit 1\n")


def write_hook(path: Path, body: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}")
    path.chmod(0o755)


def seed(
    git: StockGit, remote: RemoteRepository, files: dict[str, bytes], *, branch: str = "main"
) -> str:
    """Put files on a branch of a remote with git's plumbing alone, and return the commit."""
    bare = StockGit(remote.path)
    tip = bare.run("rev-parse", "--verify", "--quiet", f"refs/heads/{branch}").stdout.decode()
    environment = {"GIT_INDEX_FILE": str(git.cwd / f"seed-{branch.replace('/', '-')}.index")}
    if tip.strip():
        bare("read-tree", tip.strip(), **environment)
    for name, content in files.items():
        blob = bare("hash-object", "-w", "--stdin", stdin=content)
        bare("update-index", "--add", "--cacheinfo", f"100644,{blob},{name}", **environment)
    tree = bare("write-tree", **environment)
    parents = ["-p", tip.strip()] if tip.strip() else []
    commit = bare("commit-tree", *parents, "-m", "seed", tree)
    bare("update-ref", f"refs/heads/{branch}", commit)
    Path(environment["GIT_INDEX_FILE"]).unlink()
    return commit


def with_lfs(remote: RemoteRepository, files: dict[str, bytes]) -> dict[str, bytes]:
    """Put contents on the remote's LFS store, and return the pointers that stand for them."""
    pointers = {}
    for name, content in files.items():
        oid = hashlib.sha256(content).hexdigest()
        path = remote.objects / oid[:2] / oid[2:4] / oid
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        pointers[name] = pointer_to(content).encode()
    return pointers


def raised(kind: type[BaseException], call: Callable[[], object]) -> BaseException:
    """Return what a call raises, which must be of that kind."""
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"{call} raised nothing")
