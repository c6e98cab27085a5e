"""What the cache holds, and how it is made smaller."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from csgrepo.cache.folder import RepoFolder
from csgrepo.repo_id import RepoType

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["CachedRepo", "CachedRevision", "inventory", "prune"]

_UNDER_WAY_S = 24 * 3600.0  # what is younger may belong to a download that still runs


@dataclass(frozen=True, slots=True)
class CachedRevision:
    """A commit in the cache.

    Attributes:
        commit: its id.
        names: the branches and tags that were it when last asked for.
        files: how many of its files are here.
        size_bytes: their length; content shared with other commits counts in each.
        used_at: seconds since 1970 when it was last asked for.
    """

    commit: str
    names: tuple[str, ...]
    files: int
    size_bytes: int
    used_at: float


@dataclass(frozen=True, slots=True)
class CachedRepo:
    """A repository in the cache.

    Attributes:
        host: the hub it is from.
        repo_type: what it holds, in the plural.
        id: ``namespace/name``.
        path: its folder.
        size_bytes: what it takes on the disk, content under way included.
        revisions: its commits, the one used last first.
    """

    host: str
    repo_type: str
    id: str
    path: Path
    size_bytes: int
    revisions: tuple[CachedRevision, ...]


def inventory(cache: Path) -> list[CachedRepo]:
    """Return what the cache holds."""
    return [_described(folder) for folder in _folders(cache)]


def _folders(cache: Path) -> Iterator[RepoFolder]:
    for kind in RepoType:
        for root in sorted(cache.glob(f"*/{kind.rest_plural}/*/*")):
            if (root / "trees").is_dir() or (root / "blobs").is_dir():
                yield RepoFolder(root)


def _described(folder: RepoFolder) -> CachedRepo:
    host, plural, namespace, name = folder.root.parts[-4:]
    revisions = [_revision(folder, commit) for commit in folder.commits()]
    size = sum(_sizes([*folder.blobs.glob("*"), *folder.parts.glob("*")]))
    newest_first = sorted(revisions, key=lambda revision: -revision.used_at)
    return CachedRepo(host, plural, f"{namespace}/{name}", folder.root, size, tuple(newest_first))


def _revision(folder: RepoFolder, commit: str) -> CachedRevision:
    here = [file for file in folder.tree(commit).files.values() if folder.has(file)]
    names = tuple(name for name, kept in folder.revisions().items() if kept == commit)
    try:
        used_at = folder.tree_path(commit).stat().st_mtime
    except OSError:
        used_at = 0.0
    return CachedRevision(commit, names, len(here), sum(file.size for file in here), used_at)


def _sizes(paths: Iterable[Path]) -> Iterator[int]:
    for path in paths:
        with contextlib.suppress(OSError):
            facts = path.stat()  # of content under way only the parts that came take room
            yield facts.st_blocks * 512 if os.name == "posix" else facts.st_size


def prune(
    cache: Path,
    *,
    older_than_s: float | None = None,
    keep_bytes: int | None = None,
    dry_run: bool = False,
) -> list[tuple[CachedRepo, CachedRevision]]:
    """Remove commits that were not used lately, and the content that no other commit needs.

    Args:
        cache: the cache's folder.
        older_than_s: remove those not used for so many seconds.
        keep_bytes: remove the ones used longest ago until no more than this is left.
        dry_run: only tell which.

    Returns:
        The commits that were, or would be, removed.
    """
    now = time.time()
    repos = inventory(cache)
    pairs = [(repo, revision) for repo in repos for revision in repo.revisions]
    pairs.sort(key=lambda pair: pair[1].used_at)
    total = sum(repo.size_bytes for repo in repos)
    chosen: list[tuple[CachedRepo, CachedRevision]] = []
    for repo, revision in pairs:
        too_old = older_than_s is not None and now - revision.used_at > older_than_s
        too_much = keep_bytes is not None and total > keep_bytes
        if not (too_old or too_much):
            continue
        gone = {(r.path, v.commit) for r, v in chosen} | {(repo.path, revision.commit)}
        total -= _freed(repo, revision, gone)
        chosen.append((repo, revision))
    if not dry_run:
        for repo in repos:
            doomed = {v.commit: v.used_at for r, v in chosen if r is repo}
            _clean(RepoFolder(repo.path), doomed)
    return chosen


def _freed(repo: CachedRepo, revision: CachedRevision, gone: set[tuple[Path, str]]) -> int:
    """Return how many bytes only this commit still needed."""
    folder = RepoFolder(repo.path)
    others = {
        file.blob
        for other in repo.revisions
        if (repo.path, other.commit) not in gone
        for file in folder.tree(other.commit).files.values()
    }
    own = {f.blob: f for f in folder.tree(revision.commit).files.values() if folder.has(f)}
    return sum(file.size for blob, file in own.items() if blob not in others)


def _clean(folder: RepoFolder, doomed: dict[str, float]) -> None:
    with folder.lock():
        for commit, used_at in doomed.items():
            with contextlib.suppress(OSError):
                if folder.tree_path(commit).stat().st_mtime <= used_at:  # nobody came meanwhile
                    folder.remove(commit)
        needed = {f.blob for c in folder.commits() for f in folder.tree(c).files.values()}
        for path in folder.blobs.glob("*"):
            if path.name not in needed:
                path.unlink(missing_ok=True)
        for path in folder.parts.glob("*"):
            with contextlib.suppress(OSError):
                unused = path.name.partition(".")[0] not in needed
                if unused and time.time() - path.stat().st_mtime > _UNDER_WAY_S:
                    path.unlink()
