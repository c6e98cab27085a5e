"""However many files there are, the same few processes do the work."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from csgrepo import Repository
from tests.peers import samples
from tests.stock import RemoteRepository, StockGit


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Counter[str]]:
    """Count what git was told to do, and what git itself started, since the last call."""
    trace = tmp_path / "processes.json"
    monkeypatch.setenv("GIT_TRACE2_EVENT", str(trace))

    def count() -> Counter[str]:
        lines = trace.read_text().splitlines() if trace.exists() else []
        trace.unlink(missing_ok=True)
        events = [json.loads(line) for line in lines]
        return Counter(
            f"{event['event']}: {called(event['argv'])}"
            for event in without_filters(events)
            if event["event"] in {"start", "child_start"}
        )

    return count


def without_filters(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out git-lfs as a filter, with the commands that it starts each time.

    Git has it look once more at an index entry of the very second in which the index is written,
    however many there are: whether it does, the clock decides.
    """
    children = [event for event in events if event["event"] == "child_start"]
    filtering = {event["sid"] for event in children if is_filter(event["argv"])}
    gits_own = {(event["sid"], *event["argv"][1:]) for event in children}

    def is_left(event: dict[str, Any]) -> bool:
        parent = event["sid"].rpartition("/")[0]
        if event["event"] == "start" and parent in filtering:
            return (parent, *event["argv"][1:]) in gits_own
        return event["event"] != "child_start" or not is_filter(event["argv"])

    return [event for event in events if is_left(event)]


def is_filter(argv: list[str]) -> bool:
    return "filter-process" in " ".join(argv)


def called(argv: list[str]) -> str:
    """Return the program and its command, without paths and options."""
    words = " ".join(argv[:3]).split()
    return " ".join([Path(words[0]).name, *(word for word in words[1:2] if word.isalpha())])


def shards(folder: Path, count: int) -> None:
    files = {f"s{i % 7}/{i:04}.bin": b"\0\1" + samples.content(i, 300) for i in range(count)}
    samples.write(folder, files)


def check_no_growth(few: dict[str, Counter[str]], many: dict[str, Counter[str]]) -> None:
    """Allow what has nothing to do with the number of files.

    Git unpacks fewer than a hundred objects by another program, and GitPython asks for git's
    version when it is first imported.
    """
    for step, counted in few.items():
        assert counted, step  # or the trace would prove nothing
        more = many[step] - counted
        assert more.total() <= 6, (step, more)
        assert counted.total() < 80, step


def add_and_clone(
    count: int, remote: RemoteRepository, root: Path, started: Callable[[], Counter[str]]
) -> dict[str, Counter[str]]:
    steps = {}
    repo = Repository(root / "clone", clone_from=remote.url)
    shards(root / "clone", count)
    started()
    repo.git_add(auto_lfs_track=True)
    steps["add"] = started()
    repo.git_commit("Add")
    steps["commit"] = started()
    repo.git_push()
    steps["push"] = started()
    copy = Repository(root / "copy", clone_from=remote.url)
    steps["clone"] = started()
    assert len(samples.tree(root / "copy")) == count + 1
    assert copy.verify()
    steps["verify"] = started()
    return steps


def change_and_delete(root: Path, started: Callable[[], Counter[str]]) -> dict[str, Counter[str]]:
    steps = {}
    repo, copy = Repository(root / "clone"), Repository(root / "copy")
    repo.git_checkout("side", create_branch_ok=True)
    for path in (root / "clone").rglob("*.bin"):
        path.write_bytes(path.read_bytes() + b"changed")
    started()
    repo.push_to_hub("Change")
    steps["change"] = started()
    repo.git_checkout("main")
    steps["switch"] = started()
    copy.git_checkout("side")
    steps["fetch another branch"] = started()
    assert copy.lfs_prune(recent=True)
    steps["prune"] = started()
    for path in (root / "clone").rglob("*.bin"):
        path.unlink()
    started()
    repo.push_to_hub("Delete")
    steps["delete"] = started()
    return steps


def test_adding_and_cloning_a_thousand_files_takes_no_more_processes_than_ten(
    stock_lfs: StockGit,
    bare_remote: Callable[..., RemoteRepository],
    started: Callable[[], Counter[str]],
) -> None:
    few = add_and_clone(10, bare_remote(), stock_lfs.cwd / "few", started)
    many = add_and_clone(1000, bare_remote(), stock_lfs.cwd / "many", started)

    check_no_growth(few, many)


def test_changing_switching_and_deleting_takes_no_more_processes_for_more_files(
    stock_lfs: StockGit,
    bare_remote: Callable[..., RemoteRepository],
    started: Callable[[], Counter[str]],
) -> None:
    add_and_clone(10, bare_remote(), stock_lfs.cwd / "few", started)
    few = change_and_delete(stock_lfs.cwd / "few", started)
    add_and_clone(120, bare_remote(), stock_lfs.cwd / "many", started)
    many = change_and_delete(stock_lfs.cwd / "many", started)

    check_no_growth(few, many)


def test_automatic_tracking_asks_git_six_times_at_most(
    stock_lfs: StockGit,
    bare_remote: Callable[..., RemoteRepository],
    started: Callable[[], Counter[str]],
) -> None:
    folder = stock_lfs.cwd / "clone"
    repo = Repository(folder, clone_from=bare_remote().url)
    samples.write(folder, {f"{i}.txt": b"text\n" for i in range(50)})
    repo.push_to_hub("Begin")
    stock_lfs.at("clone")("pack-refs", "--all")
    shards(folder, 50)
    samples.write(folder, {f"{i}.txt": b"other text\n" for i in range(50)})
    repo = Repository(folder)
    started()

    assert len(repo.auto_track_binary_files()) == 50

    assert 0 < started().total() <= 6


def test_clone_reads_the_settings_a_few_times_only(
    stock_lfs: StockGit,
    bare_remote: Callable[..., RemoteRepository],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    remote = bare_remote()
    folder = stock_lfs.cwd / "clone"
    repo = Repository(folder, clone_from=remote.url)
    shards(folder, 1)
    repo.push_to_hub("Begin")
    trace = tmp_path / "clone.json"
    monkeypatch.setenv("GIT_TRACE2_EVENT", str(trace))

    Repository(stock_lfs.cwd / "copy", clone_from=remote.url)

    events = [json.loads(line) for line in trace.read_text().splitlines()]
    own = [e for e in events if e["event"] == "start" and "/" not in e["sid"]]  # not git-lfs's
    counted = Counter(called(event["argv"]) for event in own)
    assert counted["git clone"] == 1
    assert 0 < sum("--list" in event["argv"] for event in own) <= 4
