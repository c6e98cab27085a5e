"""The token: in the worker's memory and nowhere else."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest

from csgrepo.repo_id import parse_remote
from csgrepo.repository.access import Access
from tests.functional.jobs_clone import (
    PATIENCE_S,
    Clone,
    clone_fixture,  # noqa: F401 - gives `clone`
    until,
)

TOKEN = "tok-9f8e7d6c5b4a"


def _files_with(token: str, folder: Path) -> list[Path]:
    """Return the files that hold it; the worker may be at work there meanwhile."""
    places = ((place, name) for place, _, names in os.walk(folder) for name in names)
    return [path for path in itertools.starmap(Path, places) if token.encode() in _read(path)]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it is gone, or was never a file
        return b""


def test_token_while_a_push_runs_then_is_in_no_file_argument_or_environment(
    clone: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CSGHUB_TOKEN", TOKEN)
    monkeypatch.setenv("CSG_TOKEN", TOKEN)
    clone.close_gate()
    command = clone.submit(token=TOKEN)
    until(lambda: clone.arrived, "the push to arrive")
    worker = Path("/proc", str(command._process.pid))
    assert b"jobs_worker" in (worker / "cmdline").read_bytes()
    for facts in ("cmdline", "environ"):
        assert TOKEN.encode() not in (worker / facts).read_bytes()
    monkeypatch.undo()
    holding = [
        path for path in Path("/proc").glob("[0-9]*/cmdline") if TOKEN.encode() in _read(path)
    ]
    assert holding == []
    assert _files_with(TOKEN, tmp_path) == []
    clone.open_gate()
    assert command.wait(PATIENCE_S).status == 0
    assert _files_with(TOKEN, tmp_path) == []


def test_token_when_the_server_repeats_it_then_is_masked_everywhere(
    clone: Clone, tmp_path: Path
) -> None:
    command = clone.submit(token=TOKEN, says_token=True).wait(PATIENCE_S)
    assert command.failed
    assert "remote: hello ****" in command.stderr
    assert command.error == "the server does not like ****"
    assert TOKEN not in f"{command.stdout}{command.stderr}{command!r}"
    assert _files_with(TOKEN, tmp_path) == []


def test_token_of_the_environment_when_the_clone_is_from_another_host_then_stays_with_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CSGHUB_TOKEN", TOKEN)
    hub, other = "https://hub.example", "https://git.example/a/b.git"
    secrets = Access.of(hub, True).to(parse_remote(other, endpoint=hub)).secrets(tmp_path)
    monkeypatch.delenv("CSGHUB_TOKEN")  # the worker has none of its own

    worker = Access.from_secrets(secrets, hub).credentials(tmp_path)

    assert worker.authorization(f"{hub}/api")["Authorization"].reveal() == f"Bearer {TOKEN}"
    assert worker.authorization(other) == {}
    assert worker.git_config(parse_remote(other, endpoint=hub)) == []
