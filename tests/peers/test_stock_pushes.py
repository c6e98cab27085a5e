"""What stock git and git-lfs pushed, csgrepo clones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.peers import samples
from tests.peers.conftest import Shared


def push_everything(shared: Shared) -> Path:
    theirs = shared.clone("theirs")
    theirs("lfs", "track", "*.bin")
    samples.everything(theirs.cwd)
    theirs("add", ".")
    theirs("commit", "--quiet", "-m", "Add everything")
    theirs("push", "--quiet", "origin", "HEAD:main")
    return theirs.cwd


def test_everything_stock_git_pushed_is_cloned_byte_for_byte(
    shared: Shared, filtered: Callable[[], set[str]]
) -> None:
    folder = push_everything(shared)
    assert len(filtered()) > 140  # this is how the trace shows them

    repo = shared.repository("ours")
    ours = shared.git.at("ours")

    assert samples.tree(ours.cwd) == samples.tree(folder)
    assert ours("status", "--porcelain") == ""
    # Reading an empty file again costs nothing; git wrote it, in this very second.
    assert filtered() <= {"empty.bin"}
    assert repo.is_repo_clean()
    assert repo.pointers() == []
    found = repo.verify()
    assert found, str(found)
    assert found.objects > 140
    ours("lfs", "fsck")
    ours("fsck", "--full", "--strict")
    assert ours("diff", "--stat") == ""


def test_clone_without_content_can_be_filled_by_either(shared: Shared) -> None:
    folder = push_everything(shared)

    repo = shared.repository("ours", skip_lfs_files=True)
    ours = shared.git.at("ours")
    assert len(repo.pointers()) > 140
    assert ours("status", "--porcelain") == ""
    ours("lfs", "pull", "--include", "shards")
    left = {file.path for file in repo.pointers()}
    assert left
    assert not any(path.startswith("shards/") for path in left)
    repo.git_pull(lfs=True)

    assert samples.tree(ours.cwd) == samples.tree(folder)
    assert ours("status", "--porcelain") == ""
    assert repo.verify()


def test_history_stock_git_pushed_is_walked_by_csgrepo(shared: Shared) -> None:
    theirs = shared.clone("theirs")
    theirs("checkout", "--quiet", "-B", "main")
    theirs("lfs", "track", "*.bin")
    for step in ("one", "two"):
        samples.write(theirs.cwd, {"w.bin": step.encode(), f"{step}.bin": b"x" * 300})
        theirs("add", ".")
        theirs("commit", "--quiet", "-m", step)
        theirs("tag", "-m", step, step)
    theirs("checkout", "--quiet", "-b", "side", "one")
    samples.write(theirs.cwd, {"w.bin": b"side"})
    theirs("commit", "--quiet", "-a", "-m", "side")
    theirs("push", "--quiet", "origin", "main", "side", "one", "two")

    repo = shared.repository("ours")
    folder = Path(repo.local_dir)
    seen = {}
    for revision in ("main", "side", "one", "two"):
        repo.git_checkout(revision)
        seen[revision] = (folder / "w.bin").read_bytes(), (folder / "two.bin").exists()
        assert repo.is_repo_clean()
        assert repo.pointers() == []

    assert seen == {
        "main": (b"two", True),
        "side": (b"side", False),
        "one": (b"one", False),
        "two": (b"two", True),
    }
