"""``csgrepo completion`` and ``csgrepo schema``: what shells and scripts need to know of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from csgrepo.cli.command import command

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["branches", "completion", "schema"]

_VARIABLE = "_CSGREPO_COMPLETE"
_SCHEMAS = Path(__file__).parent / "schemas"


@command(
    example=[
        'eval "$(csgrepo completion bash)"',
        "csgrepo completion zsh > ~/.zfunc/_csgrepo",
        "csgrepo completion fish > ~/.config/fish/completions/csgrepo.fish",
    ]
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(*, shell: str) -> None:
    """Print the script that lets a shell complete commands, options and values.

    Put the first example into ~/.bashrc; for zsh the folder of the second has to be in fpath
    before compinit runs.
    """
    from click.shell_completion import get_completion_class

    from csgrepo.cli.root import csgrepo

    made = get_completion_class(shell)
    if made is None:
        raise click.BadParameter(shell)
    script = made(csgrepo, {}, "csgrepo", _VARIABLE)
    # What a word means may hold commas; click's script for fish would end it at the first.
    template = script.source_template.replace('string split ","', 'string split --max 1 ","')
    click.echo(template % script.source_vars())


@command(example="csgrepo schema repo list")
@click.argument("words", nargs=-1, required=True, metavar="COMMAND...")
def schema(*, words: tuple[str, ...]) -> None:
    """Print the JSON schema of what a command prints with --json."""
    path = _SCHEMAS / f"{'-'.join(words)}.json"
    names = {entry.name for entry in _SCHEMAS.iterdir()}
    if path.name not in names:
        raise click.BadParameter(" ".join(words), param_hint="COMMAND")
    click.echo(json.dumps(_whole(json.loads(path.read_text(encoding="utf-8"))), indent=2))


def _whole(part: Any) -> Any:
    """Return a schema with the schemas that it names written out."""
    if isinstance(part, list):
        return [_whole(each) for each in part]
    if not isinstance(part, dict):
        return part
    found = {name: _whole(each) for name, each in part.items()}
    if named := found.pop("$ref", None):
        text = (_SCHEMAS / named).read_text(encoding="utf-8")
        return _whole(json.loads(text)) | found
    return found


def branches(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    """Complete branches and tags of the working copy one is in, read from its files."""
    here = Path.cwd()
    found = (_git_dir(folder) for folder in [here, *here.parents])
    git_dir = next((each for each in found if each), None)
    names = set(_refs(git_dir)) if git_dir else set()
    return sorted(name for name in names if name.startswith(incomplete))


def _git_dir(folder: Path) -> Path | None:
    """Return the folder that holds the refs; that of a linked work tree is elsewhere."""
    entry = folder / ".git"
    try:
        if not entry.is_file():
            return entry if entry.is_dir() else None
        own = folder / entry.read_text(encoding="utf-8").removeprefix("gitdir:").strip()
        shared = own / "commondir"
        return own / shared.read_text(encoding="utf-8").strip() if shared.exists() else own
    except (OSError, UnicodeError):
        return None


def _refs(git_dir: Path) -> Iterator[str]:
    for kind in ("heads", "tags"):
        root = git_dir / "refs" / kind
        yield from (path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    try:
        packed = (git_dir / "packed-refs").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    for line in packed.splitlines():
        _, _, ref = line.partition(" ")
        if ref.startswith(("refs/heads/", "refs/tags/")):
            yield ref.split("/", 2)[2]
