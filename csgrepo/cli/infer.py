"""``csgrepo infer``: ask a model that runs on the hub."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from csgrepo.cli import options
from csgrepo.cli.command import command
from csgrepo.cli.output import note, print_json, print_json_line
from csgrepo.cli.words import tr
from csgrepo.progress.label import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from csgrepo.hub import InferenceApi

__all__ = ["infer"]

_FILE = click.Path(dir_okay=False, path_type=Path)


@command(
    example=[
        "csgrepo infer wanda/bert 'The goal of life is [MASK].' --task fill-mask",
        "csgrepo infer wanda/chat 'Hello' --chat --stream",
        "csgrepo infer wanda/hearing --data speech.wav",
    ]
)
@click.argument("model")
@click.argument("inputs", required=False)
@click.option("--task", metavar="NAME", help="Such as question-answering; the hub's by default.")
@click.option("--param", multiple=True, metavar="NAME=VALUE", help="How to answer; repeatable.")
@click.option("--data", type=_FILE, help="A picture or a sound to ask about.")
@click.option("--output", type=_FILE, help="Where to write an answer that is no text.")
@click.option("--chat", is_flag=True, help="Ask as one asks in a conversation.")
@click.option("--stream", is_flag=True, help="Print the answer while it is made.")
@click.option("--instance-url", metavar="URL", help="The instance's own address, if you trust it.")
@options.endpoint
@options.token
@options.as_json
def infer(
    *,
    model: str,
    inputs: str | None,
    task: str | None,
    param: tuple[str, ...],
    data: Path | None,
    output: Path | None,
    chat: bool,
    stream: bool,
    instance_url: str | None,
    endpoint: str | None,
    token: str | None,
    as_json: bool,
) -> None:
    """Ask a model that runs on the hub, and print the answer.

    INPUTS is a text; one that begins with { or [ is read as JSON, and - stands for standard
    input. With --json and --stream one object is printed for each piece of the answer.
    """
    from csgrepo.hub import InferenceApi

    params = dict(map(_pair, param))
    with InferenceApi(
        model, task, token, endpoint=endpoint, instance_url=instance_url
    ) as inference:
        if data is not None:
            _show(inference(data=data.read_bytes()), output, as_json=as_json)
            return
        asked = _inputs(inputs)
        if stream:
            _show_pieces(_pieces(inference, asked, params, chat=chat), as_json=as_json)
        elif chat:
            answer = inference.chat(asked, **params)
            _show(answer if as_json else _said(answer), output, as_json=as_json)
        else:
            _show(inference(asked, params), output, as_json=as_json)


def _inputs(text: str | None) -> Any:
    if text is None:
        raise click.UsageError(tr("missing: {name}", name="INPUTS"))
    if text == "-":
        text = sys.stdin.read()
    if not text.lstrip().startswith(("{", "[")):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text  # a text may begin with a bracket


def _pair(text: str) -> tuple[str, Any]:
    name, found, value = text.partition("=")
    if not found:
        raise click.BadParameter(f"{text!r} has no '='; write NAME=VALUE", param_hint="--param")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _pieces(
    inference: InferenceApi, asked: Any, params: Mapping[str, Any], *, chat: bool
) -> Iterator[str]:
    if chat:
        pieces: Iterator[str] = inference.chat(asked, stream=True, **params)
        return pieces
    return inference.generate(asked, params)


def _show_pieces(pieces: Iterator[str], *, as_json: bool) -> None:
    for piece in pieces:
        if as_json:
            print_json_line({"text": piece})
        else:
            click.echo("\n".join(map(printable, piece.split("\n"))), nl=False)
            sys.stdout.flush()
    if not as_json:
        click.echo()


def _said(answer: Mapping[str, Any]) -> Any:
    """Return what a conversation's answer says, or all of it where it is of another shape."""
    try:
        return answer["choices"][0]["message"]["content"]
    except (KeyError, IndexError, TypeError):
        return answer


def _show(answer: Any, output: Path | None, *, as_json: bool) -> None:
    if isinstance(answer, bytes):
        _write(answer, output)
    elif as_json or not isinstance(answer, str):
        print_json(answer)
    else:
        click.echo("\n".join(map(printable, answer.split("\n"))))


def _write(answer: bytes, output: Path | None) -> None:
    if output is None:
        raise click.UsageError(tr("the answer is no text; say where to write it: --output FILE"))
    from csgrepo.files import atomic

    with atomic(output) as stream:
        stream.write(answer)
    note("wrote {path}", path=printable(str(output)))
