"""Merging in the object database: no file of the work tree is read or written.

A training run may write there while its last commit is merged with what others have pushed.
"""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from csgrepo.errors import CommandFailed, MergeConflict
from csgrepo.git import parse
from csgrepo.git.runner import git_version
from csgrepo.lfs import attributes
from csgrepo.repository.scratch import scratch

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from csgrepo.git.parse import StagedEntry
    from csgrepo.git.runner import Git
    from csgrepo.repository.layout import WorkTree

__all__ = ["TAKE_A_SIDE", "merge", "united"]

_WRITES_TREES = (2, 38)  # the first git whose merge-tree does
_SCRATCH = "merging"

TAKE_A_SIDE = (
    "To keep your side of those files, run `git pull --no-rebase -X ours` there; for theirs, "
    "`-X theirs`"
)

_Stages = dict[int, "StagedEntry"]


def merge(tree: WorkTree, ours: str, theirs: str, message: str) -> str:
    """Merge two commits and return the merge commit; it is on no branch yet.

    Lines that both sides have added to a ``.gitattributes`` for LFS are all taken over.

    Raises:
        MergeConflict: both sides changed the same paths, which it lists; nothing was changed.
        CommandFailed: the two have no common history.
    """
    bases = tree.git.run("merge-base", "--all", ours, theirs, ok=(0, 1)).text.split()
    if not bases:
        raise _unrelated(tree, ours, theirs)
    with scratch(tree.state_dir, _SCRATCH) as folder:
        git = tree.git.configured(env={"GIT_INDEX_FILE": str(folder / "index")})
        if git_version() >= _WRITES_TREES:
            conflicts = _by_merge_tree(git, ours, theirs)
        else:
            conflicts = _by_index(git, bases[0], ours, theirs)
        left = _resolve(git, conflicts, folder)
        if left:
            raise _conflict(tree, left)
        merged = git.text("write-tree")
    return _commit(tree, merged, (ours, theirs), message)


def _by_merge_tree(git: Git, ours: str, theirs: str) -> dict[str, _Stages]:
    """Let git merge; the index then holds what it could, and this returns the rest."""
    asked = ("merge-tree", "--write-tree", "-z", "--no-messages", ours, theirs)
    written, _, rest = git.run(*asked, ok=(0, 1)).stdout.partition(b"\0")
    git.run("read-tree", written.decode("ascii"))
    return _by_path(parse.staged_entries(rest))


def _by_index(git: Git, base: str, ours: str, theirs: str) -> dict[str, _Stages]:
    """Merge whole files, as every git can; returns those that both sides changed."""
    git.run("read-tree", "-i", "-m", "--aggressive", base, ours, theirs)
    listing = git.run("ls-files", "-u", "-z").stdout
    return _by_path(parse.staged_entries(listing))


def _by_path(entries: Iterable[StagedEntry]) -> dict[str, _Stages]:
    found: defaultdict[str, _Stages] = defaultdict(dict)
    for entry in entries:
        found[entry.path][entry.stage] = entry
    return dict(found)


def _resolve(git: Git, conflicts: dict[str, _Stages], folder: Path) -> list[str]:
    """Merge the contents of files that both sides changed; returns those where that fails."""
    left, lines = [], []
    for path, stages in sorted(conflicts.items()):
        content = _merged_content(git, path, stages, folder)
        if content is None:
            left.append(path)
            continue
        oid = git.text("hash-object", "-w", "--no-filters", "--stdin", stdin=content)
        lines += [f"0 {'0' * len(oid)}\t{path}", f"{_mode(stages)} {oid} 0\t{path}"]
    if lines and not left:
        git.run("update-index", "-z", "--index-info", stdin=parse.z_join(lines))
    return left


def _merged_content(git: Git, path: str, stages: _Stages, folder: Path) -> bytes | None:
    if not {2, 3} <= set(stages) or not all(entry.is_regular for entry in stages.values()):
        return None
    contents = {
        stage: git.run("cat-file", "blob", entry.oid).stdout for stage, entry in stages.items()
    }
    base, ours, theirs = contents.get(1, b""), contents[2], contents[3]
    if PurePosixPath(path).name == attributes.FILE:
        both = united(base, ours, theirs)
        if both is not None:
            return both
    return _merged_lines(git, base, ours, theirs, folder) if 1 in stages else None


def _merged_lines(git: Git, base: bytes, ours: bytes, theirs: bytes, folder: Path) -> bytes | None:
    names = [folder / name for name in ("ours", "base", "theirs")]
    for name, content in zip(names, (ours, base, theirs), strict=True):
        name.write_bytes(content)
    # The status counts the conflicts; 255 says that the files are no text.
    answer = git.run("merge-file", "-p", *map(str, names), ok=tuple(range(256)))
    return answer.stdout if answer.returncode == 0 else None


def united(base: bytes, ours: bytes, theirs: bytes) -> bytes | None:
    r"""Merge two ``.gitattributes`` to which both sides have only added lines for LFS.

    Example:
        >>> united(b"", b"*.a filter=lfs\n", b"*.b filter=lfs\n")
        b'*.a filter=lfs\n*.b filter=lfs\n'
        >>> united(b"*.a filter=lfs\n", b"", b"*.b filter=lfs\n") is None
        True
    """
    kept, mine, added = (text.splitlines(keepends=True) for text in (base, ours, theirs))
    for side in (mine, added):
        extra = [line for line in side if line not in kept]
        if [line for line in side if line in kept] != kept:
            return None
        if not all(attributes.is_lfs_line(line) for line in extra):
            return None
    start = ours if not ours or ours.endswith(b"\n") else ours + b"\n"
    return start + b"".join(line for line in added if line not in mine)


def _mode(stages: _Stages) -> str:
    base = stages[1].mode if 1 in stages else stages[2].mode
    return stages[3].mode if stages[2].mode == base else stages[2].mode


def _commit(tree: WorkTree, merged: str, parents: tuple[str, str], message: str) -> str:
    """Commit in the name of whoever made the first parent."""
    facts = tree.git.run("show", "-s", "--no-show-signature", "--format=%cn%x00%ce", parents[0])
    name, _, address = facts.text.partition("\0")
    people = {
        f"GIT_{who}_{what}": value
        for who in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", name), ("EMAIL", address))
    }
    options = [word for parent in parents for word in ("-p", parent)]
    git = tree.git.configured(env=people)
    return git.text("commit-tree", merged, *options, "-F", "-", stdin=os.fsencode(message))


def _conflict(tree: WorkTree, paths: list[str]) -> MergeConflict:
    listed = ", ".join(paths)
    error = MergeConflict(
        ["git", "merge"],
        1,
        "",
        f"both sides changed {listed}",
        str(tree.folder),
        "Nothing is lost, and no file here was touched: your commit is in this clone, theirs on "
        f"the remote. {TAKE_A_SIDE}, and push again.",
    )
    error.paths = tuple(paths)
    return error


def _unrelated(tree: WorkTree, ours: str, theirs: str) -> CommandFailed:
    return CommandFailed(
        ["git", "merge"],
        128,
        "",
        f"refusing to merge unrelated histories: {ours[:10]} here and {theirs[:10]} on the remote "
        "have no commit in common",
        str(tree.folder),
        "Push to another branch (upstream='origin my-branch'), or clone the repository and add "
        "your files there.",
    )
