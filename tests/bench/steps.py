"""What csgrepo does in one measured process: `python -m tests.bench.steps STEP ARGUMENTS…`.

The library is imported first, as a training script has it; the calls are timed.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable

from csgrepo import Repository
from tests.bench.training_loop import QUIET_S, lost_during, work

MESSAGE = "Measure"


def timed(*steps: Callable[[], object]) -> float:
    began = time.perf_counter()
    for step in steps:
        step()
    return time.perf_counter() - began


def opened(folder: str) -> Repository:
    return Repository(folder, token=False)


def add(folder: str) -> dict[str, float]:
    repo = opened(folder)
    return {"seconds": timed(lambda: repo.git_add(auto_lfs_track=True))}


def add_and_commit(folder: str) -> dict[str, float]:
    repo = opened(folder)
    add_s = timed(lambda: repo.git_add(auto_lfs_track=True))
    return {"seconds": add_s + timed(lambda: repo.git_commit(MESSAGE)), "add": add_s}


def push(folder: str) -> dict[str, float]:
    repo = opened(folder)
    return {"seconds": timed(repo.git_push)}


def clone(url: str, folder: str) -> dict[str, float]:
    return {"seconds": timed(lambda: Repository(folder, clone_from=url, token=False))}


def track(folder: str, trace: str) -> dict[str, float]:
    repo = opened(folder)
    found: list[str] = []
    os.environ["GIT_TRACE2_EVENT"] = trace  # the processes of this call, and no others
    seconds = timed(lambda: found.extend(repo.auto_track_binary_files()))
    return {"seconds": seconds, "tracked": len(found)}


def save(folder: str) -> dict[str, float]:
    """Push in the background while a training loop goes on, and see what the loop lost."""
    repo = opened(folder)
    quiet = work(QUIET_S)
    seconds = timed(lambda: repo.push_to_hub(MESSAGE, blocking=False))
    push_s, lost = lost_during(lambda: repo.commands_in_progress, quiet)
    repo.wait_for_commands()
    return {"seconds": seconds, "push": push_s, "lost": lost}


STEPS = {step.__name__: step for step in (add, add_and_commit, push, clone, track, save)}


def main() -> None:
    step, *arguments = sys.argv[1:]
    sys.stdout.write("\n" + json.dumps(STEPS[step](*arguments)) + "\n")


if __name__ == "__main__":
    main()
