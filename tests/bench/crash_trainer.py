"""A training script that is killed again and again: it saves, and says where it is."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from csgrepo import Repository

SIZE = 2 * 1024 * 1024


def say(*words: object) -> None:
    """Tell whoever started this; it may be gone."""
    click.echo(" ".join(map(str, words)))


def train(folder: str, run: str, saves: int, *, blocking: bool, prune: bool) -> None:
    """Save so many checkpoints, and push each."""
    repo = Repository(folder)
    for step in range(saves):
        with repo.commit(f"run {run} save {step}", blocking=blocking, auto_lfs_prune=prune):
            say("saving")
            Path("model.bin").write_bytes(os.urandom(SIZE))
            Path(f"log-{run}.txt").write_text(f"step {step}\n")
            say("adding")
        say("submitted")
        if blocking:
            say("acknowledged", repo.git_head_hash())
    repo.wait_for_commands()
    for command in repo.command_queue:
        if command.receipt is not None:
            say("acknowledged", command.receipt.commit)


def restart(folder: str, run: str) -> None:
    """Come back: take up what was cut short, save once more, and have it all confirmed."""
    repo = Repository(folder)
    repo.wait_for_commands(120)
    with repo.commit(f"run {run} restart"):
        Path(f"log-{run}.txt").write_text("restarted\n")
    say("acknowledged", repo.git_head_hash())


if __name__ == "__main__":
    mode, where, name, *rest = sys.argv[1:]
    if mode == "restart":
        restart(where, name)
    else:
        train(where, name, int(rest[0]), blocking="blocking" in rest, prune="prune" in rest)
