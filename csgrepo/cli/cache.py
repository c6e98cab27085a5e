"""``csgrepo cache``: what was downloaded, whether it is still right, and how it is made smaller."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from csgrepo.cli import options
from csgrepo.cli.command import group
from csgrepo.cli.exit_codes import FAILURE
from csgrepo.cli.output import note, print_json
from csgrepo.cli.table import print_table
from csgrepo.cli.words import tr
from csgrepo.progress.label import size

if TYPE_CHECKING:
    from collections.abc import Callable

    from csgrepo.cache.inventory import CachedRepo, CachedRevision

__all__ = ["cache"]

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_SPANS = {"h": 3600, "d": 86400, "w": 7 * 86400}


def _amount(units: dict[str, int]) -> Callable[[Any, Any, str | None], int | None]:
    """Return what reads a number with one of these units behind it."""

    def read(_: Any, __: Any, text: str | None) -> int | None:
        if text is None:
            return None
        match = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)([A-Za-z]?)", text.strip())
        if not match or match[2] not in units:
            known = ", ".join(f"5{unit}" for unit in units)
            raise click.BadParameter(f"{text!r} is none; write such as {known}")
        return int(float(match[1]) * units[match[2]])

    return read


_FOLDER = click.option(
    "--cache-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="The cache; CSGHUB_CACHE where not given.",
)


@group(example="csgrepo cache list")
def cache() -> None:
    """Look after what was downloaded."""


@cache.command("list", example="csgrepo cache list")
@_FOLDER
@options.as_json
def list_(*, cache_dir: Path | None, as_json: bool) -> None:
    """List the repositories in the cache, their commits, and what they take."""
    from csgrepo.cache import inventory

    repos = inventory(_place(cache_dir))
    if as_json:
        print_json([_fields(repo) for repo in repos])
        return
    if not repos:
        note("the cache is empty")
        return
    rows = [_row(repo, revision) for repo in repos for revision in repo.revisions or [None]]
    print_table(["REPOSITORY", "HUB", "COMMIT", "NAMES", "FILES", "SIZE", "USED"], rows)
    note("{size} in all", size=size(sum(repo.size_bytes for repo in repos)))


def _row(repo: CachedRepo, revision: CachedRevision | None) -> list[object]:
    named = [f"{repo.repo_type}/{repo.id}", repo.host]
    if revision is None:  # content that no commit names yet
        return [*named, "", "", 0, size(repo.size_bytes), ""]
    used = time.strftime("%Y-%m-%d %H:%M", time.localtime(revision.used_at))
    names = ", ".join(revision.names)
    return [*named, revision.commit[:12], names, revision.files, size(revision.size_bytes), used]


@cache.command(example="csgrepo cache verify --remove")
@_FOLDER
@click.option("--remove", is_flag=True, help="Remove what is damaged; it is fetched when needed.")
@options.as_json
def verify(*, cache_dir: Path | None, remove: bool, as_json: bool) -> int:
    """Read everything in the cache and tell what is not as it came.

    Ends with 1 if something is damaged, removed or not.
    """
    from csgrepo.download.checking import verify as checked

    count = 0
    damaged: list[dict[str, object]] = []
    for found in checked(_place(cache_dir)):
        count += 1
        if found.problem:
            if remove:
                found.blob.unlink(missing_ok=True)
            repo = found.repo
            fact = {"repo": repo.id, "repo_type": repo.repo_type, "path": found.file.path}
            damaged.append({**fact, "problem": found.problem, "removed": remove})
            if not as_json:
                gone = "; removed" if remove else ""
                click.echo(f"{repo.repo_type}/{repo.id} {found.file.path}: {found.problem}{gone}")
    if as_json:
        print_json({"files": count, "damaged": damaged})
    note("{files} files read, {damaged} damaged", files=count, damaged=len(damaged))
    return FAILURE if damaged else 0


@cache.command(
    example=["csgrepo cache prune --older-than 30d", "csgrepo cache prune --keep 50G --dry-run"]
)
@_FOLDER
@click.option(
    "--older-than",
    callback=_amount(_SPANS),
    help="Remove commits not used for so long, such as 30d.",
)
@click.option(
    "--keep",
    callback=_amount(_UNITS),
    help="Remove the commits used longest ago until so much is left, such as 50G.",
)
@click.option("--dry-run", is_flag=True, help="Only tell what would be removed.")
@options.as_json
def prune(
    *,
    cache_dir: Path | None,
    older_than: int | None,
    keep: int | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Remove commits from the cache, and the content that no other commit needs."""
    from csgrepo.cache import prune as pruned

    if older_than is None and keep is None:
        raise click.UsageError(tr("say what to remove: --older-than 30d, --keep 50G, or both"))
    gone = pruned(_place(cache_dir), older_than_s=older_than, keep_bytes=keep, dry_run=dry_run)
    if as_json:
        print_json([_pruned(repo, revision, removed=not dry_run) for repo, revision in gone])
        return
    word = tr("would remove") if dry_run else tr("removed")
    for repo, revision in gone:
        click.echo(f"{word} {repo.repo_type}/{repo.id} {revision.commit[:12]}")
    if not gone:
        note("nothing to remove")


def _place(given: Path | None) -> Path:
    from csgrepo.config import settings

    return given or settings().cache


def _pruned(repo: Any, revision: Any, *, removed: bool) -> dict[str, object]:
    named = {"repo": repo.id, "repo_type": repo.repo_type, "commit": revision.commit}
    return {**named, "size_bytes": revision.size_bytes, "removed": removed}


def _fields(repo: Any) -> dict[str, object]:
    from dataclasses import asdict

    return {**asdict(repo), "path": str(repo.path)}
