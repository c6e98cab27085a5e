"""Distributed runs: one process pushes, the others go on at once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from csgrepo import Repository

# What a training script does in every process; `git` cannot be started in any but the first.
SCRIPT = """
import sys
from pathlib import Path
from csgrepo import Repository
folder, url = sys.argv[1:]
repo = Repository(folder, clone_from=url, git_user="Wanda", git_email="wanda@example.org")
with repo.commit("step 1", blocking=False):
    Path("weights.bin").write_bytes(b"\\0 of all ranks")
Path(folder, "more.bin").write_bytes(b"\\0 more of all ranks")
pushed = repo.push_to_hub("step 2", blocking=False)
url, command = repo.git_push(blocking=False)
command.wait(300)
repo.wait_for_commands()
print(command.failed, command.is_done, command.receipt is None, len(repo.command_queue))
"""


def _run(folder: Path, url: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", SCRIPT, folder, url],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=300,
    )


def test_other_ranks_start_no_git_and_do_not_wait(bare_remote, git, tmp_path):
    (tmp_path / "no programs").mkdir()
    remote = bare_remote()
    folder = tmp_path / "work"
    first = _run(folder, remote.url, RANK="0", WORLD_SIZE="4")
    assert (first.returncode, first.stdout.split()) == (0, ["False", "True", "False", "3"])
    pushed = git("ls-remote", remote.url)
    for rank in ("1", "3"):
        other = _run(
            folder, remote.url, RANK=rank, WORLD_SIZE="4", PATH=str(tmp_path / "no programs")
        )
        assert other.stderr == ""
        assert (other.returncode, other.stdout.split()) == (0, ["False", "True", "True", "0"])
    assert git("ls-remote", remote.url) == pushed


def test_the_body_runs_in_every_rank_though_nobody_cloned_yet(tmp_path, monkeypatch, no_git):
    monkeypatch.setenv("RANK", "2")
    repo = Repository(tmp_path / "work", clone_from="wanda/model")
    with repo.commit("step 1"):
        Path("shard-2.bin").write_bytes(b"\0 of rank 2")
    assert (tmp_path / "work" / "shard-2.bin").exists()
    assert repo.git_push() == ""
    assert repo.push_to_hub() is None


def test_every_rank_pushes_where_told_to(bare_remote, git, tmp_path, monkeypatch):
    remote = bare_remote()
    monkeypatch.setenv("RANK", "1")
    repo = Repository(tmp_path / "work", clone_from=remote.url, every_rank=True)
    with repo.commit("of rank 1"):
        Path("shard-1.bin").write_bytes(b"\0 of rank 1")
    assert repo.git_head_hash() in git("ls-remote", remote.url)


@pytest.mark.parametrize(("rank", "aside"), [(0, False), (1, True)])
def test_torch_knows_better_than_the_environment(tmp_path, monkeypatch, rank, aside):
    """A module of that name, as torch has it, stands in for the one that is not installed."""
    monkeypatch.setenv("RANK", str(1 - rank))
    script = f"""
import sys, types
sys.modules["torch.distributed"] = types.SimpleNamespace(
    is_available=lambda: True, is_initialized=lambda: True, get_rank=lambda: {rank}
)
from csgrepo.repository import ranks
print(ranks.rank())
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert (done.stdout.strip() != "0") is aside


def test_torch_is_not_loaded_to_be_asked(tmp_path):
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("raise SystemExit('torch was loaded')")
    script = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
    script += "from csgrepo.repository import ranks; print(ranks.rank())"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "0\n"
