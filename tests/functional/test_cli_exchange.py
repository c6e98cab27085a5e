"""Push, pull, verify, prune: what people and programs read, and what every failure ends with."""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from csgrepo import HubApi, Repository
from csgrepo.server import Answer, Hub, Stall
from tests.conftest import Account
from tests.functional.cli import as_json, csgrepo, inside
from tests.functional.copies import LARGE, noise, refs, reject_pushes, seed
from tests.stock import RemoteRepository, StockGit

NAME = "模型 final.bin"


@pytest.fixture(autouse=True)
def _small_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CSGHUB_LARGE_FILE_BYTES", str(LARGE))


@pytest.fixture
def remote(bare_remote: Callable[..., RemoteRepository], git: StockGit) -> RemoteRepository:
    made = bare_remote()
    seed(git, made, {"notes.txt": b"notes\n"})
    return made


@pytest.fixture
def folder(remote: RemoteRepository, tmp_path: Path) -> Path:
    made = tmp_path / "my copy"
    Repository(made, clone_from=remote.url)
    return made


@pytest.fixture
def on_hub(signed_in: Account, hub_remote: Callable[..., RemoteRepository], tmp_path: Path) -> Path:
    made = tmp_path / "hub copy"
    Repository(made, clone_from=hub_remote().url)
    return made


@pytest.fixture
def two_pushed(on_hub: Path) -> Path:
    """A working copy on the hub with an object that is pushed and no longer checked out."""
    for _ in range(2):
        save(on_hub)
        assert inside("push", "-q", "-C", str(on_hub)).returncode == 0
    return on_hub


def save(folder: Path, content: bytes = b"") -> str:
    """Commit a large file, and return the commit."""
    (folder / NAME).write_bytes(content or noise())
    assert inside("commit", "-a", "-m", "step", "-q", "-C", str(folder)).returncode == 0
    return StockGit(folder)("rev-parse", "HEAD")


def test_push_when_done_then_confirmed_and_its_page_printed(on_hub: Path) -> None:
    commit = save(on_hub)
    done = inside("push", "-C", str(on_hub))
    facts = as_json("push", "-q", "-C", str(on_hub))

    assert done.returncode == 0, done.stderr
    first, url = done.stdout.splitlines()
    assert first == f"main at {commit[:10]} is pushed, and confirmed"
    assert url.endswith(f"/commit/{commit}")
    assert facts == {"branch": "main", "commit": commit, "url": url, "job": None}
    for phase in ("upload", "push", "verify"):
        assert re.search(rf"^{phase}: 1 done", done.stderr, re.MULTILINE), done.stderr


def test_push_when_told_where_then_there_and_followed(
    folder: Path, remote: RemoteRepository
) -> None:
    commit = save(folder)
    first = inside("push", "origin", "experiment", "-q", "-C", str(folder))

    assert first.returncode == 0, first.stderr
    assert refs(remote.path)["refs/heads/experiment"] == commit
    assert "origin/experiment" in inside("status", "-C", str(folder)).stdout
    inside("checkout", "-b", "other", "-q", "-C", str(folder))
    assert inside("push", "origin", "-q", "-C", str(folder)).returncode == 0
    assert refs(remote.path)["refs/heads/other"] == commit


def test_push_when_it_fails_then_code_by_kind(
    folder: Path, remote: RemoteRepository, git: StockGit
) -> None:
    save(folder)
    misused = inside("push", "--policy", "latest", "-C", str(folder))
    nowhere = inside("push", "nowhere", "-C", str(folder))
    reject_pushes(remote, "frozen for the release")
    refused = inside("push", "-q", "-C", str(folder))
    (remote.path / "hooks" / "pre-receive").unlink()
    seed(git, remote, {NAME: b"theirs"})
    conflict = inside("push", "-q", "-C", str(folder))
    StockGit(folder)("checkout", "--detach", "--quiet")
    detached = inside("push", "-C", str(folder))

    assert (misused.returncode, nowhere.returncode) == (2, 1), nowhere.stderr
    assert refused.returncode == 5
    assert "frozen for the release" in refused.stderr
    assert conflict.returncode == 5
    assert NAME in conflict.stderr
    assert detached.returncode == 2
    assert "`csgrepo checkout main`" in detached.stderr
    assert {one.stdout for one in (misused, nowhere, refused, conflict, detached)} == {""}


def test_push_when_hub_refuses_or_is_away_then_3_and_6(
    on_hub: Path, hub: Hub, signed_in: Account
) -> None:
    save(on_hub)
    denied = inside("push", "-q", "-C", str(on_hub), CSGHUB_TOKEN="0" * 32)
    StockGit(on_hub)("remote", "set-url", "origin", "http://127.0.0.1:9/models/wanda/bert.git")
    away = inside("push", "-q", "-C", str(on_hub))

    assert denied.returncode == 3, denied.stderr
    assert signed_in.token not in denied.stderr
    assert away.returncode == 6, away.stderr


def test_push_when_not_waited_for_then_its_number_and_how_to_follow(
    on_hub: Path, hub: Hub, signed_in: Account
) -> None:
    go_on = threading.Event()
    fault = hub.faults.add("*", f"/{signed_in.name}/.*receive-pack", Stall(event=go_on))
    commit = save(on_hub)
    try:
        done = csgrepo("push", "--no-wait", "-C", str(on_hub))
        shown = inside("status", "-C", str(on_hub)).stdout
        later = as_json("push", "--no-wait", "--policy", "latest", "-C", str(on_hub))
    finally:
        go_on.set()
        hub.faults.remove(fault)
    ended = inside("jobs", "wait", str(on_hub))
    jobs = as_json("jobs", "list", str(on_hub))

    assert done.returncode == 0, done.stderr
    assert done.stdout == f"push 1 goes on in the background: main at {commit[:10]}\n"
    assert done.stderr == (
        f"follow it with: csgrepo jobs log 1 '{on_hub}' --follow\n"
        f"wait for it with: csgrepo jobs wait '{on_hub}'\n"
    )
    assert re.search(r"^background pushes: 1 running|1 waiting", shown, re.MULTILINE)
    assert (later["job"], later["commit"]) == (2, commit)
    assert ended.returncode == 0, ended.stderr
    assert {job["state"] for job in jobs} == {"done"}
    assert jobs[0]["receipt"]["commit"] == commit


def test_pull_and_verify_when_hub_refuses_or_is_away_then_3_and_6(
    on_hub: Path, signed_in: Account
) -> None:
    url = StockGit(on_hub)("remote", "get-url", "origin")
    with HubApi() as api:
        api.update_repo_settings("/".join(url.removesuffix(".git").split("/")[-2:]), private=True)
    before = StockGit(on_hub)("rev-parse", "HEAD", "origin/main")
    tag = ("tag", "add", "v1", "--remote", "origin")
    lines = [("pull", "-q"), ("verify", "--json"), tag, ("tag", "delete", *tag[2:], "--yes")]
    for words in lines:
        denied = inside(*words, "-C", str(on_hub), "-k", "0" * 32)
        assert (denied.returncode, denied.stdout) == (3, ""), denied.stderr
    StockGit(on_hub)("remote", "set-url", "origin", "http://127.0.0.1:9/models/wanda/bert.git")
    for words in lines:
        away = inside(*words, "-C", str(on_hub))
        assert (away.returncode, away.stdout) == (6, ""), away.stderr
        assert signed_in.token not in away.stderr
    assert StockGit(on_hub)("rev-parse", "HEAD", "origin/main") == before


def test_pull_when_there_is_news_then_counted(
    folder: Path, remote: RemoteRepository, git: StockGit
) -> None:
    where = ("-q", "-C", str(folder))
    before = StockGit(folder)("rev-parse", "HEAD")
    same = inside("pull", *where)
    after = seed(git, remote, {"a.txt": b"a", "notes.txt": b"new\n"})
    done = inside("pull", *where)
    newer = seed(git, remote, {"b\n.txt": b"b"})
    facts = as_json("pull", "--rebase", *where)

    assert same.stdout == f"main is at {before[:10]}, as before\n", same.stderr
    assert done.stdout == f"main is at {after[:10]}; files changed: 2\n", done.stderr
    assert facts == {"branch": "main", "before": after, "after": newer, "files": 1, "pointers": 0}


def test_pull_when_both_changed_a_file_then_5_and_nothing_is_lost(
    folder: Path, remote: RemoteRepository, git: StockGit
) -> None:
    seed(git, remote, {"notes.txt": b"theirs\n"})
    (folder / "notes.txt").write_text("mine\n")
    inside("commit", "-a", "-m", "mine", "-q", "-C", str(folder))
    done = inside("pull", "-q", "-C", str(folder))

    assert (done.returncode, done.stdout) == (5, "")
    assert "notes.txt" in done.stderr
    assert (folder / "notes.txt").read_text() == "mine\n"
    assert StockGit(folder)("status", "--porcelain") == ""


def test_verify_when_all_is_there_then_0_else_7(
    folder: Path, remote: RemoteRepository, tmp_path: Path
) -> None:
    save(folder)
    ahead = inside("verify", "-C", str(folder))
    inside("push", "-q", "-C", str(folder))
    whole = inside("verify", "-C", str(folder))
    sound = as_json("verify", "-C", str(folder))
    (stored,) = (path for path in remote.objects.rglob("*") if path.is_file())
    stored.unlink()
    facts = as_json("verify", "-C", str(folder), code=7)

    assert ahead.returncode == 7
    assert "main on" in ahead.stdout
    assert whole.returncode == 0, whole.stderr
    assert (sound["objects"], sound["problems"]) == (1, [])
    assert "is complete: 1 large files" in whole.stdout
    assert facts["objects"] == 1
    assert len(facts["problems"]) == 1
    assert NAME in facts["problems"][0]
    assert inside("verify", "--local", "-C", str(folder)).returncode == 0


def test_prune_when_only_asked_then_nothing_goes(folder: Path) -> None:
    where = ("-C", str(folder))
    for _ in range(2):
        save(folder)
        inside("push", "-q", *where)
    objects = folder / ".git" / "lfs" / "objects"
    before = sorted(os.listdir(objects))

    assert inside("prune", "--recent", "--dry-run", *where).stdout == "4.1 kB would go\n"
    assert sorted(os.listdir(objects)) == before
    assert as_json("prune", "--recent", *where) == {"bytes": LARGE, "dry_run": False}
    assert inside("prune", "--recent", *where).stdout == "0 B set free\n"


def objects(folder: Path) -> set[str]:
    """The names of the LFS objects that a clone keeps."""
    kept = (folder / ".git" / "lfs" / "objects").rglob("*")
    return {path.name for path in kept if path.is_file()}


def test_push_when_to_prune_then_what_is_not_checked_out_goes(folder: Path) -> None:
    first, second = noise(), noise()
    for content in (first, second):
        save(folder, content)
        assert inside("push", "-q", "-C", str(folder)).returncode == 0
    both = {hashlib.sha256(content).hexdigest() for content in (first, second)}
    assert objects(folder) == both
    facts = as_json("push", "--prune", "-q", "-C", str(folder))

    assert facts["job"] is None
    assert objects(folder) == {hashlib.sha256(second).hexdigest()}
    assert (folder / NAME).read_bytes() == second


def test_prune_when_hub_has_a_fault_then_code_by_kind_and_everything_stays(
    two_pushed: Path, hub: Hub, signed_in: Account
) -> None:
    before = objects(two_pushed)
    for status, code in ((401, 3), (403, 3), (404, 7), (422, 5), (500, 6)):
        where = f"/{signed_in.name}/.*batch"
        fault = hub.faults.add("POST", where, Answer(status), times=None)
        try:
            done = inside("prune", "--recent", "-C", str(two_pushed))
        finally:
            hub.faults.remove(fault)

        assert (done.returncode, done.stdout) == (code, ""), done.stderr
        assert f"HTTP {status}" in done.stderr
        assert signed_in.token not in done.stderr
    assert objects(two_pushed) == before
    assert as_json("prune", "--recent", "--dry-run", "-C", str(two_pushed))["bytes"] == LARGE


def test_prune_when_nobody_answers_or_the_token_is_wrong_then_6_and_3(two_pushed: Path) -> None:
    line = ("prune", "--recent", "--json", "-C", str(two_pushed))
    before = objects(two_pushed)
    url = StockGit(two_pushed)("remote", "get-url", "origin")
    with HubApi() as api:
        api.update_repo_settings("/".join(url.removesuffix(".git").split("/")[-2:]), private=True)
    denied = inside(*line, "-k", "0" * 32)
    StockGit(two_pushed)("remote", "set-url", "origin", "http://127.0.0.1:9/models/a/b.git")
    away = inside(*line)
    misused = inside(*line, "everything")

    assert [one.returncode for one in (denied, away, misused)] == [3, 6, 2], (denied, away)
    assert {one.stdout for one in (denied, away, misused)} == {""}
    assert objects(two_pushed) == before
