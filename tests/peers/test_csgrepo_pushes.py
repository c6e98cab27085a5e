"""What csgrepo pushed, stock git and git-lfs check out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from csgrepo.server import Answer, Hub
from tests.peers import samples
from tests.peers.conftest import Shared
from tests.stock import StockGit


def large_files(git: StockGit) -> dict[str, str]:
    """Return what git-lfs takes for its files and has the content of: path to digest."""
    listing = git("lfs", "ls-files", "--long") + "\n"
    records = re.split(r"^([0-9a-f]{64}) \* ", listing, flags=re.MULTILINE)[1:]
    return {
        path.removesuffix("\n"): oid for oid, path in zip(records[::2], records[1::2], strict=True)
    }


def test_everything_csgrepo_pushed_arrives_whole_and_sound(shared: Shared) -> None:
    repo = shared.repository("ours")
    ours = shared.git.at("ours")
    repo.lfs_track("*.bin")
    samples.everything(ours.cwd)
    repo.push_to_hub("Add everything")
    files = samples.tree(ours.cwd)

    theirs = shared.clone("theirs", "--branch", "main")

    assert samples.tree(theirs.cwd) == files
    assert theirs("status", "--porcelain") == ""
    large = {
        path: samples.digest(data)
        for path, (kind, data) in files.items()
        if path.endswith(".bin") and kind != "link" and data
    }
    assert len(large) > 140
    assert large_files(ours) == large_files(theirs) == large
    for clone in (ours, theirs):
        clone("lfs", "fsck")
        clone("fsck", "--full", "--strict")
    bare = shared.git.at(shared.remote.path)
    bare("fsck", "--full", "--strict")
    for oid in set(large.values()):
        kept = shared.remote.object_path(oid)
        assert kept is not None
        assert samples.digest(kept.read_bytes()) == oid
    if shared.kind in {"file", "path"}:
        bare("lfs", "fsck", "--objects", "main")


def test_branches_and_tags_csgrepo_pushed_are_checked_out_by_stock_git(shared: Shared) -> None:
    repo = shared.repository("ours")
    folder = Path(repo.local_dir)
    repo.lfs_track("*.bin")
    samples.write(folder, {"w.bin": b"first"})
    repo.push_to_hub("First")
    repo.add_tag("v1", "the first", remote="origin")
    repo.add_tag("plain", remote="origin")
    repo.git_checkout("wip/模型", create_branch_ok=True)
    samples.write(folder, {"w.bin": b"second", "only-here.bin": b"third"})
    repo.push_to_hub("Second")

    theirs = shared.clone("theirs", "--branch", "wip/模型")

    assert (theirs.cwd / "w.bin").read_bytes() == b"second"
    assert theirs("cat-file", "-t", "v1") == "tag"
    assert theirs("tag", "-l", "--format=%(contents:subject)", "v1") == "the first"
    assert theirs("cat-file", "-t", "plain") == "commit"
    theirs("checkout", "--quiet", "v1")
    assert (theirs.cwd / "w.bin").read_bytes() == b"first"
    assert not (theirs.cwd / "only-here.bin").exists()
    theirs("checkout", "--quiet", "main")
    assert theirs("rev-parse", "main") == theirs("rev-parse", "plain")
    theirs("lfs", "fsck")


def test_renames_deletions_and_rewrites_reach_stock_git(shared: Shared) -> None:
    repo = shared.repository("ours")
    ours = shared.git.at("ours")
    repo.lfs_track("*.bin")
    samples.write(ours.cwd, samples.odd_files() | {"d/kept.bin": b"1", "d/gone.bin": b"2"})
    repo.push_to_hub("First")
    theirs = shared.clone("theirs", "--branch", "main")
    for number, name in enumerate(samples.ODD_NAMES):
        if number % 2:
            (ours.cwd / name).unlink()
        else:
            (ours.cwd / name).rename(ours.cwd / f"renamed-{number}.bin")
    (ours.cwd / "d/gone.bin").unlink()
    (ours.cwd / "d/kept.bin").write_bytes(b"3")
    repo.push_to_hub("Second")

    theirs("pull", "--quiet")

    assert samples.tree(theirs.cwd) == samples.tree(ours.cwd)
    theirs("lfs", "fsck")
    assert ours("status", "--porcelain") == ""


@pytest.mark.parametrize("how", ["file becomes folder", "folder becomes file", "file becomes link"])
def test_kind_changes_csgrepo_pushed_reach_stock_git(shared: Shared, how: str) -> None:
    repo = shared.repository("ours")
    ours = shared.git.at("ours")
    repo.lfs_track("*.bin")
    repo.lfs_track("x/**")
    samples.write(ours.cwd, {"other.bin": b"other"})
    changed = ours.cwd / "x.bin"
    if how == "folder becomes file":
        samples.write(ours.cwd, {"x.bin/one.bin": b"1", "x.bin/two": b"2"})
    else:
        changed.write_bytes(b"content")
    repo.push_to_hub("First")
    theirs = shared.clone("theirs", "--branch", "main")
    if how == "folder becomes file":
        for path in changed.iterdir():
            path.unlink()
        changed.rmdir()
        changed.write_bytes(b"content")
    else:
        changed.unlink()
        if how == "file becomes folder":
            samples.write(ours.cwd, {"x.bin/one.bin": b"1", "x.bin/two": b"2"})
        else:
            changed.symlink_to("other.bin")
    repo.push_to_hub("Second")

    theirs("pull", "--quiet")

    assert samples.tree(theirs.cwd) == samples.tree(ours.cwd)
    assert ours("status", "--porcelain") == ""


@pytest.mark.parametrize("shared", ["hub"], indirect=True)
def test_store_that_fails_once_is_asked_again(shared: Shared, hub: Hub) -> None:
    """Giftless does, when the first two objects of a repository arrive at the same moment."""
    repo = shared.repository("ours")
    repo.lfs_track("*.bin")
    samples.write(Path(repo.local_dir), {"w.bin": b"weights" * 1000})
    name = shared.remote.url.rpartition("/")[2].removesuffix(".git")
    fault = hub.faults.add("PUT", name, Answer(500, body=b"Internal Server Error"))

    repo.push_to_hub("Through the hiccup")

    assert fault.hits == 1
    assert repo.verify()
