"""Pushes that others have overtaken: merged away from the work tree, and nothing is lost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from csgrepo import GitError, MergeConflict, QueueError, Repository
from csgrepo.repository import merging
from csgrepo.repository.layout import WorkTree
from tests.functional.copies import (
    committed,
    noise,
    pointer_to,
    refs,
    seed,
    state,
    with_lfs,
    write_hook,
)
from tests.stock import RemoteRepository, StockGit

LFS_LINE = b"*.bin filter=lfs diff=lfs merge=lfs -text\n"


@pytest.fixture
def remote(git: StockGit, bare_remote) -> RemoteRepository:
    remote = bare_remote()
    card = b"# Model\n" + b"line\n" * 20 + b"## Licence\nMIT\n"
    seed(git, remote, {"README.md": card, "a.txt": b"a\n", ".gitattributes": LFS_LINE})
    return remote


@pytest.fixture
def repo(remote, tmp_path: Path) -> Repository:
    return Repository(tmp_path / "copy", clone_from=remote.url)


@pytest.fixture
def folder(repo: Repository) -> Path:
    return Path(repo.local_dir)


def save(repo: Repository, name: str = "w.bin", *, blocking: bool = True) -> bytes:
    content = noise()
    Path(repo.local_dir, name).write_bytes(content)
    repo.push_to_hub(f"save {name}", blocking=blocking)
    repo.wait_for_commands()
    return content


@pytest.mark.parametrize("blocking", [True, False], ids=["blocking", "later"])
def test_a_model_card_changed_there_and_weights_here(git, repo, folder, remote, blocking):
    card = (folder / "README.md").read_bytes().replace(b"# Model", b"# A better model")
    big = noise()
    theirs = seed(git, remote, {"README.md": card, **with_lfs(remote, {"theirs.bin": big})})
    mine = save(repo, blocking=blocking)
    tip = refs(remote.path)["refs/heads/main"]
    assert StockGit(remote.path)("rev-parse", f"{tip}^2") == theirs
    there = committed(StockGit(remote.path), tip)
    assert there["README.md"] == card
    assert there["w.bin"] == pointer_to(mine).encode()
    assert repo.git_head_hash() == tip
    assert (folder / "README.md").read_bytes() == card
    assert (folder / "theirs.bin").read_bytes() == big
    assert (folder / "w.bin").read_bytes() == mine
    assert StockGit(folder)("status", "--porcelain") == ""
    assert repo.verify()


def test_a_file_that_is_changed_here_and_not_committed_stays(git, repo, folder, remote):
    seed(git, remote, {"a.txt": b"theirs\n"})
    (folder / "w.bin").write_bytes(noise())
    repo.git_add("w.bin")
    repo.git_commit("weights")
    (folder / "a.txt").write_text("being written")
    mine = repo.git_head_hash()
    repo.git_push()
    assert (folder / "a.txt").read_text() == "being written"
    assert repo.git_head_hash() == mine
    assert StockGit(remote.path)("rev-parse", "main^1") == mine
    (folder / "a.txt").write_text("a\n")
    with repo.commit("the next one"):
        assert Path("a.txt").read_text() == "theirs\n"


def test_a_commit_over_changed_files_and_news_of_the_same(git, repo, folder, remote):
    """The block runs, and its push merges what was in the way."""
    (folder / "README.md").write_bytes((folder / "README.md").read_bytes() + b"mine\n")
    card = committed(StockGit(remote.path), "main")["README.md"]
    seed(git, remote, {"README.md": card.replace(b"# Model", b"# A better model")})
    with repo.commit("with changes"):
        Path("w.bin").write_bytes(noise())
    there = committed(StockGit(remote.path), "main")
    assert there["README.md"].startswith(b"# A better model")
    assert there["README.md"].endswith(b"mine\n")
    assert (folder / "README.md").read_bytes() == there["README.md"]


@pytest.mark.parametrize("blocking", [True, False], ids=["blocking", "later"])
def test_the_same_file_on_both_sides_is_a_conflict_that_names_it(
    git, repo, folder, remote, blocking
):
    theirs = seed(git, remote, {"a.txt": b"theirs\n", **with_lfs(remote, {"w.bin": noise()})})
    (folder / "a.txt").write_text("mine\n")
    (folder / "w.bin").write_bytes(noise())
    repo.git_add()
    repo.git_commit("mine")
    before = state(folder)
    if blocking:
        with pytest.raises(MergeConflict) as caught:
            repo.git_push()
        assert caught.value.paths == ("a.txt", "w.bin")
    else:
        _, command = repo.git_push(blocking=False)
        with pytest.raises(QueueError, match=r"both sides changed a\.txt, w\.bin"):
            repo.wait_for_commands()
        assert command.failed
    after = state(folder)
    assert (after.head, after.index, after.files) == (before.head, before.index, before.files)
    assert refs(remote.path)["refs/heads/main"] == theirs


def test_histories_that_have_nothing_in_common_are_refused(git, tmp_path, remote):
    git("init", "--quiet", "alone")
    (tmp_path / "alone" / "b.txt").write_text("b")
    repo = Repository(tmp_path / "alone")
    repo.git_add()
    repo.git_commit("alone")
    git.at("alone")("remote", "add", "origin", remote.url)
    before, there = state(tmp_path / "alone"), refs(remote.path)
    with pytest.raises(GitError, match="unrelated histories"):
        repo.git_push()
    after = state(tmp_path / "alone")
    assert (after.head, after.files, refs(remote.path)) == (before.head, before.files, there)


@pytest.mark.parametrize("version", [(2, 30), (2, 38)], ids=["old git", "new git"])
def test_attributes_that_both_sides_added_are_all_there(
    git, repo, folder, remote, monkeypatch, version
):
    if merging.git_version() < version:
        pytest.skip("this git cannot")
    monkeypatch.setattr(merging, "git_version", lambda: version)
    line = b"*.pt filter=lfs diff=lfs merge=lfs -text\n"
    card = (folder / "README.md").read_bytes().replace(b"# Model", b"# A better model")
    seed(git, remote, {".gitattributes": LFS_LINE + line, "new.txt": b"n\n", "README.md": card})
    repo.lfs_track("*.onnx")
    (folder / "README.md").write_bytes((folder / "README.md").read_bytes() + b"mine\n")
    save(repo, "w.onnx")
    there = committed(StockGit(remote.path), "main")
    assert there[".gitattributes"].count(b"filter=lfs") == 3
    assert there["README.md"] == card + b"mine\n"
    assert there["new.txt"] == b"n\n"
    assert (folder / ".gitattributes").read_bytes() == there[".gitattributes"]


def test_a_merge_by_old_git_finds_the_same_conflicts(git, repo, folder, remote, monkeypatch):
    monkeypatch.setattr(merging, "git_version", lambda: (2, 30))
    files = {"a.txt": b"theirs\n", "both.txt": b"theirs\n", "只有.txt": b"1"}
    theirs = seed(git, remote, {**files, **with_lfs(remote, {"w.bin": noise()})})
    for name in ("a.txt", "both.txt"):
        (folder / name).write_text("mine\n")
    (folder / "w.bin").write_bytes(noise())
    repo.git_add()
    repo.git_commit("mine")
    git.at("copy")("fetch", "--quiet")
    with pytest.raises(MergeConflict) as caught:
        merging.merge(WorkTree(folder), repo.git_head_hash(), theirs, "no")
    assert caught.value.paths == ("a.txt", "both.txt", "w.bin")


@pytest.mark.skipif(sys.platform == "win32", reason="git runs a shell script amid the fetch")
@pytest.mark.parametrize("how", ["commit", "pull", "rebase", "branch"])
def test_a_fetch_amid_which_a_push_of_this_copy_moves_the_same_ref_is_made_again(
    git, repo, folder, remote, tmp_path, how
):
    theirs = seed(git, remote, {"a.txt": b"theirs\n"})
    here = StockGit(folder)
    sent = here("commit-tree", "-m", "sent by a worker", "HEAD^{tree}")
    move = f"git -C '{folder}' update-ref refs/remotes/origin/main {sent}"
    once = f"mkdir '{tmp_path}/moved' 2>/dev/null"
    script = f'{once} && env -i PATH="$PATH" HOME="$HOME" {move}\nexec "$@"\n'
    write_hook(tmp_path / "amid", script)
    git("config", "--global", "uploadpack.packObjectsHook", str(tmp_path / "amid"))
    if how == "commit":
        with repo.commit("mine"):
            Path("mine.txt").write_text("mine")
    elif how == "branch":
        git.at(remote.path)("branch", "other", theirs)
        repo.git_checkout("other")
    else:
        repo.git_pull(rebase=how == "rebase")
    assert (tmp_path / "moved").is_dir()
    assert (folder / "a.txt").read_bytes() == b"theirs\n"
    assert here("merge-base", "--is-ancestor", theirs, "HEAD") == ""


PUSHER = """
import sys
from pathlib import Path
from csgrepo import Repository
url, folder, number = sys.argv[1:]
repo = Repository(folder, clone_from=url)
for step in range(10):
    with repo.commit(f"{number}: step {step}", blocking=int(number) % 2 == 0):
        Path(f"{number}.txt").write_text(f"{step}")
repo.wait_for_commands()
"""


def test_eight_processes_push_to_one_branch_and_no_commit_is_lost(tmp_path, remote):
    pushers = [
        subprocess.Popen([sys.executable, "-c", PUSHER, remote.url, tmp_path / f"c{n}", str(n)])
        for n in range(8)
    ]
    assert [pusher.wait() for pusher in pushers] == [0] * 8
    bare = StockGit(remote.path)
    subjects = bare("log", "--no-merges", "--format=%s", "main").split("\n")
    wanted = {f"{number}: step {step}" for number in range(8) for step in range(10)}
    assert wanted <= set(subjects)
    assert len(subjects) == len(set(subjects))
    files = committed(bare, "main")
    assert [files[f"{number}.txt"] for number in range(8)] == [b"9"] * 8
    bare("fsck", "--strict")
