"""``csgrepo upload``, known as ``upload-large-folder`` too."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import click

from csgrepo.cli import recurring_upload
from csgrepo.cli.command import command
from csgrepo.cli.output import note, print_json
from csgrepo.cli.transfer_words import PATH, SETTINGS, Named, common, patterns, token_of
from csgrepo.cli.words import tr
from csgrepo.cli.working_copy import working
from csgrepo.progress.label import printable

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from csgrepo.hub import CommitInfo, HubApi
    from csgrepo.redact import Secret

__all__ = ["upload"]


def _files_but_first(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete what is to be uploaded; the first word is the repository."""
    return PATH.shell_complete(context, parameter, incomplete) if context.params["words"] else []


@command(
    context_settings=SETTINGS,
    example=[
        "csgrepo upload wanda/bert out",
        "csgrepo upload wanda/bert model.safetensors weights/ --revision v2",
        "csgrepo upload wanda/reviews data -t dataset --include '*.parquet' --dry-run",
        "csgrepo upload wanda/bert out --every 5",
        "csgrepo upload -c config.json -r wanda/bert -p model.gguf",
    ],
)
@click.argument(
    "words", nargs=-1, metavar="REPO_ID [PATH] [PATH_IN_REPO]", shell_complete=_files_but_first
)
@common
@patterns
@click.option("-p", "--local-path", type=PATH, metavar="PATH", help="The file or folder to upload.")
@click.option("--path-in-repo", metavar="PATH", help="Where to, in the repository.")
@click.option(
    "--delete",
    multiple=True,
    metavar="PATTERN",
    help="Delete what matches in the repository and is not uploaded; repeatable.",
)
@click.option("--commit-message", metavar="TEXT", help="The first line of the commit.")
@click.option("--commit-description", metavar="TEXT", help="The rest of its message.")
@click.option("--private", is_flag=True, help="Make the repository private, if it is made.")
@click.option(
    "-u", "--username", "--user", metavar="NAME", help="Upload only if the token is this user's."
)
@click.option(
    "--every",
    type=click.FloatRange(min=0, min_open=True),
    metavar="MINUTES",
    help="Upload what is new every so often, until Ctrl-C, and then the rest.",
)
@click.option("--dry-run", is_flag=True, help="Change nothing, and tell what would be done.")
def upload(
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
    local_path: str | None,
    path_in_repo: str | None,
    delete: tuple[str, ...],
    commit_message: str | None,
    commit_description: str | None,
    private: bool,
    username: str | None,
    every: float | None,
    dry_run: bool,
) -> None:
    """Put a file or a folder into a repository.

    Repository and branch are made where they are not there. What the repository has already is not
    sent again, so a line that was interrupted is simply given again; `upload-large-folder` is
    another name for this. A file goes to PATH_IN_REPO, or into it where that ends with / or has no
    suffix and the file has one.

    With --every the folder may grow meanwhile: a file that is being written waits for the next
    time. The result is that of the last time, which comes after Ctrl-C.
    """
    named = Named.by(words, r=r, revision=revision, repo_id=repo_id)
    source, target = _places(named, local_path, path_in_repo)
    secret = token_of(token=token, api_token=api_token, config_path=config_path, writing=True)
    if source.is_file() and (include or exclude or delete):
        raise click.UsageError(tr("patterns are for folders; {path} is a file", path=str(source)))
    facts: dict[str, Any] = {
        "repo_id": named.repo_id,
        "repo_type": repo_type,
        "revision": named.revision,
        "commit_message": commit_message,
        "commit_description": commit_description,
        "create_repo": True,
        "private": private,
        "create_branch": True,
    }
    if every is not None and (source.is_file() or delete or dry_run):
        raise click.UsageError(tr("--every is for a folder, without --delete and --dry-run"))
    folder_facts = {
        "folder_path": source,
        "path_in_repo": target,
        "allow_patterns": include or None,
        "ignore_patterns": exclude or None,
        **facts,
    }
    with working(quiet=quiet), _hub(endpoint, secret, username) as api:
        is_new = dry_run and not api.repo_exists(named.repo_id, repo_type=repo_type)
        if every is not None:
            made = recurring_upload.run(api, folder_facts, endpoint, secret, every)
        elif source.is_file():
            made = api.upload_file(
                path_or_fileobj=source,
                path_in_repo=_target(source, target),
                dry_run=dry_run,
                **facts,
            )
        else:
            made = api.upload_folder(
                delete_patterns=delete or None, dry_run=dry_run, **folder_facts
            )
    if is_new:
        note("{repo} would be made", repo=printable(named.repo_id))
    _tell(made, as_json=as_json)


def _places(
    named: Named, local_path: str | None, path_in_repo: str | None
) -> tuple[Path, str | None]:
    """Return what is to be uploaded, and where to."""
    words = [*([] if local_path is None else [local_path]), *named.words]
    words += [] if path_in_repo is None else [path_in_repo]
    if not words:
        raise click.UsageError(tr("missing: {name}", name="PATH"))
    if len(words) > 2:
        raise click.UsageError(tr("one file or folder at a time, and one place for it"))
    source = Path(words[0]).expanduser()
    if not source.exists() and Path(named.repo_id).exists():
        raise click.UsageError(tr("name the repository first, then what is to be uploaded"))
    if not source.exists():
        raise click.UsageError(tr("{path} does not exist", path=str(source)))
    return source, words[1] if len(words) > 1 else None


def _hub(endpoint: str | None, token: Secret | None, username: str | None) -> HubApi:
    from csgrepo.errors import InvalidInput
    from csgrepo.hub import HubApi

    api = HubApi(endpoint, token)
    if username is not None and (name := api.whoami().name) != username:
        api.close()
        raise InvalidInput(f"the token is {name}'s, not {username}'s; nothing was uploaded")
    return api


def _target(source: Path, target: str | None) -> str:
    """Return the file's place in the repository.

    Example:
        >>> _target(Path("out/3.txt"), "folder1"), _target(Path("out/3.txt"), "data/4.txt")
        ('folder1/3.txt', 'data/4.txt')
    """
    if not target or target in {".", "./"}:
        return source.name
    is_folder = target.endswith("/") or (source.suffix and not PurePosixPath(target).suffix)
    return f"{target.rstrip('/')}/{source.name}" if is_folder else target


def _tell(made: CommitInfo, *, as_json: bool) -> None:
    from csgrepo.progress.label import size

    if as_json:
        print_json(made)
        return
    for path in made.ignored:
        note("left out, as .gitignore says: {path}", path=printable(path))
    if made.is_empty and made.unchanged:
        note("nothing to upload: all of it is there")
    elif made.is_empty:
        note("nothing to upload: no files")
    facts = {
        "added": len(made.added),
        "updated": len(made.updated),
        "deleted": len(made.deleted),
        "unchanged": len(made.unchanged),
    }
    if made.dry_run:
        text = tr(
            "would be added: {added}, updated: {updated}, deleted: {deleted}; "
            "as they are: {unchanged}",
            **facts,
        )
        click.echo(text)
        return
    sent = size(made.bytes_sent)
    text = tr(
        "added: {added}, updated: {updated}, deleted: {deleted}; as they were: {unchanged}; "
        "sent to LFS: {sent}",
        sent=sent,
        **facts,
    )
    click.echo(text)
    if made.url:
        click.echo(made.url)
