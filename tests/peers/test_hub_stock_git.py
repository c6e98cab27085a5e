"""Stock git and git-lfs as clients of the embedded hub."""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.peers import samples
from tests.stock import RemoteRepository, StockGit

MIB = samples.MIB


@pytest.fixture
def remote(hub_remote: Callable[..., RemoteRepository], stock_lfs: StockGit) -> RemoteRepository:
    """A repository on the hub, whose owner git's own helper signs in."""
    made = hub_remote()
    stock_lfs.sign_in(made)
    return made


def clone(git: StockGit, remote: RemoteRepository, name: str, *options: str) -> StockGit:
    git("clone", "--quiet", *options, remote.url, name)
    return git.at(name)


def commit(work: StockGit, message: str) -> str:
    work("add", "--all")
    work("commit", "--quiet", "--message", message)
    return work("rev-parse", "HEAD")


def write_history(work: StockGit, steps: int = 12) -> None:
    """Commit an LFS file, a text and a file of a growing folder, `steps` times."""
    for step in range(steps):
        content = {
            "模型 [1].bin": samples.content(step, 30_000),
            "notes.txt": f"step {step}\n".encode(),
            f"logs/{step}.txt": samples.content(1000 + step, 2_000),
        }
        samples.write(work.cwd, content)
        commit(work, f"step {step}")


@pytest.fixture
def history(remote: RemoteRepository, stock_lfs: StockGit) -> RemoteRepository:
    """Twelve commits of stock git and git-lfs on the hub."""
    work = clone(stock_lfs, remote, "author")
    write_history(work)
    work("push", "--quiet", "origin", "HEAD:main")
    return remote


@pytest.mark.parametrize("version", ["0", "1", "2"])
def test_each_protocol_version_carries_a_history_there_and_back(
    remote: RemoteRepository, stock_lfs: StockGit, tmp_path: Path, version: str
) -> None:
    stock_lfs("config", "--global", "protocol.version", version)
    author = clone(stock_lfs, remote, "author")
    write_history(author)
    author("push", "--quiet", "origin", "HEAD:main")
    trace = tmp_path / "packets.log"

    stock_lfs("clone", "--quiet", remote.url, "reader", GIT_TRACE_PACKET=str(trace))

    reader = stock_lfs.at("reader")
    assert samples.tree(reader.cwd) == samples.tree(author.cwd)
    assert reader("log", "--format=%H%d") == author("log", "--format=%H%d")
    reader("fsck", "--full", "--strict")
    reader("lfs", "fsck")
    spoken = set(re.findall(r"git< version (\d)", trace.read_text()))
    assert spoken == ({version} if version != "0" else set())


@pytest.mark.parametrize(
    ("filter_spec", "version"),
    [("blob:none", "2"), ("blob:none", "0"), ("blob:limit=1k", "2"), ("tree:0", "2")],
)
def test_partial_clone_has_less_and_fetches_what_it_is_asked_for(
    history: RemoteRepository, stock_lfs: StockGit, filter_spec: str, version: str
) -> None:
    stock_lfs("config", "--global", "protocol.version", version)

    partial = clone(stock_lfs, history, "partial", f"--filter={filter_spec}", "--no-checkout")

    missing = partial("rev-list", "--objects", "--all", "--missing=print").count("?")
    assert missing >= 12  # the log of each step at least
    partial("checkout", "--quiet", "main")
    assert samples.tree(partial.cwd) == samples.tree(stock_lfs.at("author").cwd)
    partial("checkout", "--quiet", "HEAD~7")
    assert (partial.cwd / "模型 [1].bin").read_bytes() == samples.content(4, 30_000)
    samples.write(partial.cwd, {"模型 [1].bin": b"mended", "logs/4.txt": b"mended"})
    tip = commit(partial, "mend")
    partial("push", "--quiet", "origin", "HEAD:refs/heads/mended")
    assert stock_lfs("ls-remote", history.url, "refs/heads/mended").split()[0] == tip


@pytest.mark.parametrize("version", ["0", "2"])
def test_shallow_clone_is_deepened_and_pushed_from(
    history: RemoteRepository, stock_lfs: StockGit, version: str
) -> None:
    stock_lfs("config", "--global", "protocol.version", version)

    shallow = clone(stock_lfs, history, "shallow", "--depth=2")

    assert shallow("log", "--format=%s") == "step 11\nstep 10"
    assert samples.tree(shallow.cwd) == samples.tree(stock_lfs.at("author").cwd)
    samples.write(shallow.cwd, {"模型 [1].bin": samples.content("more", 40_000)})
    tip = commit(shallow, "more")
    shallow("push", "--quiet", "origin", "main")
    shallow("fetch", "--quiet", "--deepen=3")
    assert shallow("log", "--format=%s").splitlines() == [
        "more", "step 11", "step 10", "step 9", "step 8", "step 7"]  # fmt: skip
    shallow("fetch", "--quiet", "--unshallow")
    whole = clone(stock_lfs, history, "whole")
    assert whole("rev-parse", "HEAD") == tip
    assert shallow("rev-list", "HEAD") == whole("rev-list", "HEAD")
    assert samples.tree(whole.cwd) == samples.tree(shallow.cwd)
    shallow("fsck", "--full", "--strict")


def test_a_thousand_refs_are_pushed_listed_fetched_and_deleted(
    remote: RemoteRepository, stock_lfs: StockGit
) -> None:
    author = clone(stock_lfs, remote, "author")
    first = author("rev-parse", "HEAD")
    expected = {"refs/heads/main": first}
    for number in range(100):
        tip = author("commit-tree", "-p", first, "-m", f"number {number}", f"{first}^{{tree}}")
        expected |= {f"refs/heads/runs/分支-{number}-{part}": tip for part in range(9)}
        expected[f"refs/tags/v{number}"] = tip
    assert len(expected) == 1001
    updates = "".join(f"update {ref} {tip}\n" for ref, tip in expected.items())
    author("update-ref", "--stdin", stdin=updates.encode())

    author("push", "--quiet", "origin", "refs/heads/*:refs/heads/*", "refs/tags/*:refs/tags/*")

    for version in ("0", "2"):
        stock_lfs("config", "--global", "protocol.version", version)
        listed = stock_lfs("ls-remote", "--heads", "--tags", remote.url).splitlines()
        assert {ref: tip for tip, ref in (line.split("\t") for line in listed)} == expected
        mirror = f"mirror-{version}"
        stock_lfs("clone", "--quiet", "--mirror", remote.url, mirror)
        shown = stock_lfs.at(mirror)("for-each-ref", "--format=%(objectname) %(refname)")
        assert {ref: tip for tip, ref in map(str.split, shown.splitlines())} == expected
    doomed = sorted(expected.keys() - {"refs/heads/main"})[:900]
    author("push", "--quiet", "origin", "--delete", *doomed)
    left = stock_lfs("ls-remote", "--heads", "--tags", remote.url).splitlines()
    assert {line.split("\t")[1] for line in left} == expected.keys() - set(doomed)


def test_eight_clients_push_to_branches_of_their_own_at_once(
    remote: RemoteRepository, stock_lfs: StockGit
) -> None:
    def push(number: int) -> dict[str, bytes]:
        work = clone(stock_lfs, remote, f"client-{number}")
        files = {
            f"{number}.bin": samples.content(number, 3 * MIB + number),
            "shared.bin": samples.content("shared", MIB),
            f"{number}.txt": f"{number}\n".encode(),
        }
        samples.write(work.cwd, files)
        commit(work, f"client {number}")
        work("push", "--quiet", "origin", f"HEAD:refs/heads/client/{number}")
        return files

    with ThreadPoolExecutor(8) as pool:
        pushed = list(pool.map(push, range(8)))

    reader = clone(stock_lfs, remote, "reader")
    for number, files in enumerate(pushed):
        reader("checkout", "--quiet", f"client/{number}")
        for name, content in files.items():
            assert (reader.cwd / name).read_bytes() == content
    reader("fsck", "--full", "--strict")
    reader("lfs", "fsck")


def test_eight_clients_push_to_one_branch_and_none_is_lost(
    remote: RemoteRepository, stock_lfs: StockGit
) -> None:
    ready = threading.Barrier(8, timeout=300)

    def push(number: int) -> int:
        work = clone(stock_lfs, remote, f"client-{number}")
        samples.write(work.cwd, {f"{number}.bin": samples.content(number, 100_000)})
        commit(work, f"client {number}")
        ready.wait()
        refused = 0
        while (done := work.run("push", "--quiet", "origin", "HEAD:main")).returncode:
            said = done.stderr.decode()
            assert "rejected" in said, said
            refused += 1
            assert refused < 50
            work("pull", "--quiet", "--rebase", "origin", "main")
        return refused

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(push, range(8))) >= 7  # all began with one commit, and one came first

    reader = clone(stock_lfs, remote, "reader")
    subjects = reader("log", "--format=%s").splitlines()
    assert sorted(subjects) == sorted([*(f"client {n}" for n in range(8)), "initial commit"])
    for number in range(8):
        assert (reader.cwd / f"{number}.bin").read_bytes() == samples.content(number, 100_000)


def test_a_large_object_goes_up_and_comes_down(
    remote: RemoteRepository, stock_lfs: StockGit
) -> None:
    work = clone(stock_lfs, remote, "author")
    digest = hashlib.sha256()
    with (work.cwd / "large.bin").open("wb") as file:
        for number in range(200):
            piece = os.urandom(1_000_003) + bytes([number])
            digest.update(piece)
            file.write(piece)
    commit(work, "large")
    work("push", "--quiet", "origin", "HEAD:main")

    reader = clone(stock_lfs, remote, "reader")

    arrived = hashlib.sha256()
    with (reader.cwd / "large.bin").open("rb") as file:
        while piece := file.read(MIB):
            arrived.update(piece)
    assert arrived.hexdigest() == digest.hexdigest()
    kept = remote.object_path(digest.hexdigest())
    assert kept is not None
    assert kept.stat().st_size == 200 * 1_000_004
