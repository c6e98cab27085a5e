"""``csgrepo download``."""

from __future__ import annotations

import glob
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from csgrepo.cli.command import command
from csgrepo.cli.output import note, print_json
from csgrepo.cli.transfer_words import FOLDER, PATH, SETTINGS, Named, common, patterns, token_of
from csgrepo.cli.words import tr
from csgrepo.cli.working_copy import working

if TYPE_CHECKING:
    from csgrepo.download import Plan

__all__ = ["download"]


@command(
    context_settings=SETTINGS,
    example=[
        "csgrepo download wanda/bert",
        "csgrepo download wanda/bert config.json model.safetensors --local-dir bert",
        "csgrepo download wanda/reviews -t dataset -r v1 --include '*.parquet' --dry-run",
        "csgrepo download wanda/bert --mirror https://mirror.example",
        "csgrepo download -r wanda/bert -p models/bert/model.safetensors -f",
    ],
)
@click.argument("words", nargs=-1, metavar="REPO_ID [FILES]...")
@common
@patterns
@click.option(
    "-ld",
    "--local-dir",
    type=FOLDER,
    metavar="DIR",
    help="Put plain files into this folder, not the cache.",
)
@click.option(
    "-p",
    "--local-path",
    type=PATH,
    metavar="PATH",
    help="The same as --local-dir; with --file, the file to write.",
)
@click.option(
    "-f", "--file", "is_file", is_flag=True, help="Fetch the one file that --local-path names."
)
@click.option(
    "-d",
    "--resume/--no-resume",
    default=True,
    help="Go on with what was interrupted, as is done anyway; --no-resume begins anew.",
)
@click.option("--force-download", is_flag=True, help="Fetch what is there, too.")
@click.option(
    "-cd",
    "--cache-dir",
    type=FOLDER,
    metavar="DIR",
    help="The cache; CSGHUB_CACHE by default.",
)
@click.option(
    "-mw",
    "--max-workers",
    type=click.IntRange(min=1),
    default=8,
    metavar="N",
    help="So many connections at most.",
)
@click.option(
    "--mirror",
    "mirrors",
    multiple=True,
    metavar="URL",
    help="Ask there what the hub lacks or where it is away; CSGHUB_MIRRORS by default; repeatable.",
)
@click.option("--dry-run", is_flag=True, help="Fetch nothing, and tell what would be fetched.")
def download(
    *,
    words: tuple[str, ...],
    r: str | None,
    revision: str | None,
    repo_id: str | None,
    repo_type: str,
    endpoint: str | None,
    token: str | None,
    api_token: str | None,
    config_path: str | None,
    quiet: bool,
    as_json: bool,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    local_dir: str | None,
    local_path: str | None,
    is_file: bool,
    resume: bool,
    force_download: bool,
    cache_dir: str | None,
    max_workers: int,
    mirrors: tuple[str, ...],
    dry_run: bool,
) -> None:
    """Fetch a repository, or files of it, and print where they are.

    Every byte is checked before a file appears. What was interrupted goes on where it was, and what
    is there is not fetched again. Without --local-dir the files are in the cache, shared by all
    revisions: read them only.
    """
    named = Named.by(words, r=r, revision=revision, repo_id=repo_id)
    if local_dir and local_path:
        raise click.UsageError(tr("--local-dir and --local-path: name one of them"))
    if is_file and (named.words or not local_path):
        raise click.UsageError(tr("--file is for --local-path, and for no files besides"))
    if named.words and (include or exclude):
        raise click.UsageError(tr("name files or patterns, not both"))
    access = {
        "repo_type": repo_type,
        "revision": named.revision,
        "endpoint": endpoint,
        "token": token_of(token=token, api_token=api_token, config_path=config_path, writing=False),
        "cache_dir": cache_dir,
        "mirrors": mirrors or None,
    }
    fetching = _Fetching(
        named.repo_id, access, force=force_download or not resume, workers=max_workers
    )
    target = local_dir or local_path
    with working(quiet=quiet):
        if is_file:
            names, target = fetching.file_at(Path(str(local_path)))
        else:
            names = named.words
        wanted = {"allow": include or None, "ignore": exclude or None}
        place = target if dry_run else None
        is_chosen = dry_run or names or include or exclude
        plan = fetching.plan(names, place, **wanted) if is_chosen else None
        paths = [] if dry_run else fetching.fetch(names, plan, target, **wanted)
    if plan and not plan.files:
        note("no file matches the patterns")
    if as_json:
        shown = _facts(plan) if plan and dry_run else None
        print_json(
            {"repo_id": named.repo_id, "repo_type": repo_type, "paths": paths, "plan": shown}
        )
    elif plan and dry_run:
        _tell(plan)
    else:
        for path in paths:
            click.echo(path)


class _Fetching:
    """Files of one repository and revision, on their way here."""

    def __init__(self, repo_id: str, access: dict[str, Any], *, force: bool, workers: int) -> None:
        self._repo_id = repo_id
        self._access = access
        self._force = force
        self._workers = workers

    def file_at(self, path: Path) -> tuple[tuple[str, ...], str]:
        """Return the file that a local path stands for, and the folder that holds its tree.

        It is the one whose name in the repository is the longest end of the path; the last part
        alone where there is none, so that the hub says what is missing.
        """
        parts = path.parts
        ends = ["/".join(parts[start:]) for start in range(len(parts))]
        found = self.plan(tuple(ends), None).files
        name = next((end for end in ends if end in found), path.name)
        folder = Path(*parts[: len(parts) - name.count("/") - 1])
        return (name,), str(folder)

    def plan(self, names: tuple[str, ...], target: str | None, **wanted: Any) -> Plan:
        from csgrepo.download import snapshot_download

        return snapshot_download(
            self._repo_id,
            dry_run=True,
            local_dir=target,
            force_download=self._force,
            **_patterns(names, **wanted),
            **self._access,
        )

    def fetch(
        self, names: tuple[str, ...], plan: Plan | None, target: str | None, **wanted: Any
    ) -> list[str]:
        """Fetch, and return where it is: the folder, or each file that was named."""
        from csgrepo.download import file_download, snapshot_download

        for name in names:
            if plan and name not in plan.files:
                file_download(self._repo_id, name, local_dir=target, **self._access)  # says why not
        folder = snapshot_download(
            self._repo_id,
            local_dir=target,
            force_download=self._force,
            max_workers=self._workers,
            **_patterns(names, **wanted),
            **self._access,
        )
        return [str(Path(folder, name)) for name in names] or [folder]


def _patterns(names: tuple[str, ...], allow: Any = None, ignore: Any = None) -> dict[str, Any]:
    allowed = [glob.escape(name) for name in names] or allow
    return {"allow_patterns": allowed, "ignore_patterns": ignore}


def _facts(plan: Plan) -> dict[str, object]:
    missing = set(plan.missing)
    files = [
        {"path": path, "size": size, "missing": path in missing}
        for path, size in plan.files.items()
    ]
    return {"commit": plan.commit, "path": plan.path, "files": files}


def _tell(plan: Plan) -> None:
    from csgrepo.cli.table import print_table
    from csgrepo.progress.label import size

    missing = set(plan.missing)
    heads = (tr("FILE"), tr("SIZE"), tr("TO FETCH"))
    rows = [
        (path, size(length), tr("yes") if path in missing else "")
        for path, length in plan.files.items()
    ]
    print_table(heads, rows)
    note(
        "to fetch: {missing} of {files} files, {size}, to {path}",
        missing=len(missing),
        files=len(plan.files),
        size=size(plan.missing_bytes),
        path=plan.path,
    )
