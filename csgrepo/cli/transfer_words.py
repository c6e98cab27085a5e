"""The words of ``download`` and ``upload``: one spelling for what several tools call differently.

Lines written for csghub-cli and lines written for PyGPTPrompt's hub command work as they stand.
They differ in one letter, ``-r``, and the shape of the line decides: where the repository stands as
a word of its own, ``-r`` is a revision (``upload wanda/bert out -r v2``); where it does not, ``-r``
is the repository (``upload -r wanda/bert -p out``). ``--revision`` and ``--repo-id`` mean what they
say in both. Underscores may stand for dashes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from csgrepo.cli import options
from csgrepo.cli.words import tr
from csgrepo.cli.working_copy import quiet

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from csgrepo.redact import Secret

__all__ = ["FOLDER", "PATH", "SETTINGS", "Named", "common", "patterns", "token_of"]

# Where shells complete names of files and folders; what is there is looked at later.
PATH = click.Path()
FOLDER = click.Path(file_okay=False)

_F = TypeVar("_F", bound="Callable[..., Any]")

# `--repo_id` is `--repo-id`.
SETTINGS = {"token_normalize_func": lambda word: word.replace("_", "-")}

_COMMON = (
    click.option(
        "-r",
        "r",
        metavar="NAME",
        help="The revision; the repository where REPO_ID is no word of its own.",
    ),
    click.option("--revision", metavar="NAME", help="A branch, a tag or a commit."),
    click.option("--repo-id", metavar="REPO_ID", help="The repository."),
    options.repo_type,
    options.endpoint,
    options.token,
    click.option("-a", "--api-token", metavar="TOKEN", help="The same as --token."),
    click.option(
        "-c",
        "--config-path",
        type=PATH,
        metavar="FILE",
        help="A JSON file that names at app.env.path the .env file with the token.",
    ),
    quiet,
    options.as_json,
)
_PATTERNS = (
    click.option(
        "--include",
        "--allow-patterns",
        "include",
        multiple=True,
        metavar="PATTERN",
        help="Only files that match, such as '*.json'; repeatable.",
    ),
    click.option(
        "--exclude",
        "--ignore-patterns",
        "exclude",
        multiple=True,
        metavar="PATTERN",
        help="No files that match; repeatable.",
    ),
)


def common(function: _F) -> _F:
    """Give a command the options that name repository, revision and token."""
    return _with(_COMMON, function)


def patterns(function: _F) -> _F:
    """Give a command the options that choose files."""
    return _with(_PATTERNS, function)


def _with(decorators: Sequence[Callable[[_F], _F]], function: _F) -> _F:
    for decorate in reversed(decorators):
        function = decorate(function)
    return function


@dataclass(frozen=True, slots=True)
class Named:
    """What a line names.

    Attributes:
        repo_id: the repository.
        revision: a branch, a tag or a commit, or ``None``.
        words: the words that follow the repository.
    """

    repo_id: str
    revision: str | None
    words: tuple[str, ...]

    @classmethod
    def by(
        cls,
        words: tuple[str, ...],
        *,
        r: str | None,
        revision: str | None,
        repo_id: str | None,
    ) -> Named:
        """Tell by the shape of the line what it names.

        Example:
            >>> Named.by(("wanda/bert",), r="v2", revision=None, repo_id=None).revision
            'v2'
            >>> Named.by((), r="wanda/bert", revision="v2", repo_id=None).repo_id
            'wanda/bert'
        """
        if repo_id is None and not words:
            if r is None:
                raise click.UsageError(tr("missing: {name}", name="REPO_ID"))
            return cls(r, revision, ())
        if r is not None and revision is not None and r != revision:
            raise click.UsageError(tr("-r and --revision name different revisions"))
        if repo_id is None:
            repo_id, *rest = words
            words = tuple(rest)
        return cls(repo_id, revision or r, words)


def token_of(
    *,
    token: str | None,
    api_token: str | None,
    config_path: str | Path | None,
    writing: bool,
) -> Secret | None:
    """Return the token that a line names, or ``None`` for that of the environment or of `login`.

    Raises:
        InvalidInput: the configuration names no file that could hold it, or, where something is to
            be written, the file does not hold it.
    """
    from csgrepo.redact import Secret

    if given := token or api_token:
        return Secret(given)
    if config_path is None:
        return None
    from csgrepo.cli.token_files import token_by

    return token_by(config_path, writing=writing)
