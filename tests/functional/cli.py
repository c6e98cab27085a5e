"""The command line: a process of its own, as users run it, or inside the test, which is quick."""

from __future__ import annotations

import contextlib
import inspect
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import referencing

from csgrepo.cli import main
from tests.functional.transcripts import record

SCHEMAS = Path(inspect.getfile(main)).parent / "schemas"


def csgrepo(*args: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run it to its end, without a terminal; what it prints as JSON is held to its schema."""
    done = subprocess.run(
        [sys.executable, "-m", "csgrepo", *args],
        input=stdin,
        env=os.environ | environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=500,
    )
    record(args, done.returncode)
    if "--json" in args and done.stdout:
        documents(args, done.stdout)
    return done


@contextlib.contextmanager
def running(*args: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Start it, and have it end with the block, whatever happens."""
    process = subprocess.Popen(
        [sys.executable, "-m", "csgrepo", *args],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | environment,
        encoding="utf-8",
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()
        record(args, process.returncode)


def ends_when_told(process: subprocess.Popen[str], number: int = signal.SIGINT) -> tuple[str, str]:
    """Send a signal, and return the rest of both outputs once the process ended."""
    process.send_signal(number)
    return process.communicate(timeout=500)


class _Stream(io.TextIOWrapper):
    """Standard output or error, kept in memory."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", write_through=True)

    @property
    def text(self) -> str:
        return self.buffer.getvalue().decode("utf-8")


def inside(*args: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run it to its end within this process, without a terminal."""
    out, err = _Stream(), _Stream()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        patch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin.encode()), encoding="utf-8"))
        patch.setattr("sys.stdout", out)
        patch.setattr("sys.stderr", err)
        code = main(args)
    record(args, code)
    return subprocess.CompletedProcess(args, code, out.text, err.text)


@cache
def _schemas() -> referencing.Registry[Any]:
    found = {path.name: json.loads(path.read_text("utf-8")) for path in SCHEMAS.glob("*.json")}
    resources = {
        name: referencing.Resource.from_contents(contents) for name, contents in found.items()
    }
    return referencing.Registry().with_resources(resources.items())


def check(value: object, schema: str) -> None:
    """Hold a document to a command's schema, or to a part: ``infer.json#/$defs/piece``."""
    validator = jsonschema.Draft202012Validator(
        {"$ref": schema if ".json" in schema else f"{schema}.json"},
        registry=_schemas(),
        format_checker=jsonschema.FormatChecker(),
    )
    validator.validate(value)


def as_json(*args: str, code: int = 0, **environment: str) -> Any:
    """Run a command with --json, hold what it prints to its schema, and return that.

    Args:
        args: the command line; its first words name the command.
        code: the exit code it is to have.
        environment: variables to set.
    """
    done = inside(*args, "--json", **environment)
    assert done.returncode == code, done.stderr
    return documents(args, done.stdout)


def documents(args: tuple[str, ...], text: str) -> Any:
    """Read what a command printed with --json, one document or a list of them, by its schema."""
    schema = "-".join(_command_of(args))
    if json.loads((SCHEMAS / f"{schema}.json").read_text("utf-8")).get("x-lines"):
        lines = [json.loads(line) for line in text.splitlines()]
        for line in lines:
            check(line, schema)
        return lines
    value = json.loads(text)
    check(value, schema)
    return value


def _command_of(args: tuple[str, ...]) -> tuple[str, ...]:
    """Return the longest beginning of a command line that a schema is named after."""
    beginnings = [args[:count] for count in range(len(args), 0, -1)]
    return next(each for each in beginnings if (SCHEMAS / f"{'-'.join(each)}.json").is_file())
