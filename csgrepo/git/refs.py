"""HEAD, branches and tags, read from git's files without starting it.

The only module that imports GitPython, and only for what that reads from files itself: commands
that GitPython starts would inherit ``GIT_DIR`` and its like, and act on another repository when
csgrepo is called from a hook.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from csgrepo.errors import GitError, NotARepository
from csgrepo.git.runner import Git, git_version

__all__ = ["Refs"]

_REFTABLE_HEAD = "ref: refs/heads/.invalid"
_OID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?$")


@dataclass(frozen=True, slots=True)
class _Places:
    """What GitPython's reader of refs wants to know of a repository.

    Its own `Repo` would take it from ``GIT_COMMON_DIR`` and its like, and expand variables in the
    folder's name.
    """

    git_dir: str
    common_dir: str
    re_hexsha_only: re.Pattern[str] = _OID  # GitPython's own knows nothing of SHA-256


class Refs:
    """What a repository's files say.

    Args:
        folder: the work tree's root, or a bare repository.

    Attributes:
        git_dir: the repository's own folder: the index and HEAD of this work tree are there.
        common_dir: the folder that all work trees of the repository share.

    Raises:
        NotARepository: the folder is neither.
    """

    def __init__(self, folder: Path) -> None:
        git_version()  # GitPython cannot be imported where git is not installed
        self._folder = folder
        self.git_dir = _git_dir(folder)
        self.common_dir = _common_dir(self.git_dir)
        needed = (self.git_dir / "HEAD", self.common_dir / "objects", self.common_dir / "refs")
        if not all(os.path.lexists(path) for path in needed):
            raise NotARepository(
                f"{folder} is not a Git repository; pass clone_from= to clone one there, "
                "or run `git init` in it"
            )

    def head_ref(self) -> str | None:
        """Return the ref HEAD stands for, such as ``refs/heads/main``; ``None`` if detached."""
        text = (self.git_dir / "HEAD").read_text(encoding="utf-8").strip()
        if text == _REFTABLE_HEAD:
            raise GitError(
                f"{self._folder} keeps its refs in a reftable, which is not supported; "
                "run `git refs migrate --ref-format=files`"
            )
        return text.removeprefix("ref:").strip() if text.startswith("ref:") else None

    def oid(self, ref: str = "HEAD") -> str | None:
        """Return the object id a full ref name points to; ``None`` if there is no such ref.

        Raises:
            GitError: its file is damaged.
        """
        if (found := self._branch(ref)) is not None:
            return found or None
        from git.refs.symbolic import SymbolicReference

        places: Any = _Places(str(self.git_dir), str(self.common_dir))
        try:
            return SymbolicReference.dereference_recursive(places, ref)
        except UnicodeDecodeError:  # somebody's ref has a name in another encoding
            asked = ("rev-parse", "--verify", "--quiet", "--end-of-options", ref)
            return Git(self._folder).run(*asked, ok=(0, 1)).text or None
        except ValueError:
            return None
        except AssertionError as error:  # of a file without a word in it
            raise GitError(
                f"the file of {ref} in {self.common_dir} is empty, as a power cut may leave it; "
                "the last line of the file below logs/ tells what it held (second word), and "
                "`git update-ref` writes it anew"
            ) from error

    def _branch(self, ref: str) -> str | None:
        """Return what the files say of a branch, or of HEAD: an id, or ``""`` if it is not there.

        ``None`` is for what they do not simply say. All else needs nobody's help, which would be an
        import of 50 ms and a process.
        """
        try:
            branch = self.head_ref() if ref == "HEAD" else ref
            if branch is None:
                text: bytes | None = (self.git_dir / "HEAD").read_bytes()
            elif branch.startswith("refs/heads/") and ".." not in branch:
                text = self._loose(branch)
            else:
                return None
        except (OSError, UnicodeError, GitError):
            return None
        if text is None:
            return ""
        oid = os.fsdecode(text.strip())
        return oid if _OID.match(oid) else None

    def _loose(self, branch: str) -> bytes | None:
        try:
            return (self.common_dir / branch).read_bytes()
        except FileNotFoundError:  # git writes it there before it removes the file
            return self._packed(branch)

    def _packed(self, branch: str) -> bytes | None:
        line = rb"^([0-9a-f]+) " + re.escape(os.fsencode(branch)) + rb"$"
        try:
            packed = (self.common_dir / "packed-refs").read_bytes()
        except FileNotFoundError:
            return None
        match = re.search(line, packed, re.MULTILINE)
        return match[1] if match else None


def _git_dir(folder: Path) -> Path:
    """Return ``.git``, or the folder that a file of that name points to."""
    dot_git = folder / ".git"
    if dot_git.is_file():
        target = dot_git.read_text(encoding="utf-8", errors="surrogateescape").strip()
        return Path(os.path.normpath(folder / target.removeprefix("gitdir:").strip()))
    return dot_git if dot_git.is_dir() else folder


def _common_dir(git_dir: Path) -> Path:
    try:
        target = (git_dir / "commondir").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return git_dir
    return Path(os.path.normpath(git_dir / target.strip()))
