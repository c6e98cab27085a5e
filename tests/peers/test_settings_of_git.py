"""What people, hosts and CI runners have set in git is obeyed, or does no harm."""

from __future__ import annotations

import base64
import os
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from csgrepo import Repository
from csgrepo.errors import LfsError
from tests.peers import samples
from tests.peers.conftest import Shared
from tests.stock import RemoteRepository, StockGit

ONE, TWO = samples.content("one", 3000), samples.content("two", 3000)

Make = Callable[..., RemoteRepository]


@pytest.fixture
def remote(bare_remote: Make, stock_lfs: StockGit) -> RemoteRepository:
    """A `file://` remote with `w.bin` in LFS and a small file, on two branches."""
    made = bare_remote()
    begin(made, stock_lfs)
    return made


def begin(remote: RemoteRepository, git: StockGit) -> None:
    git.sign_in(remote)
    git("clone", "--quiet", remote.url, "begin")
    work = git.at("begin")
    work("checkout", "--quiet", "-B", "main")
    work("lfs", "track", "*.bin")
    samples.write(work.cwd, {"w.bin": ONE, "note.txt": b"small\n"})
    work("add", ".")
    work("commit", "--quiet", "-m", "Begin")
    work("push", "--quiet", "origin", "main", "main:side")


def check_round_trip(repo: Repository, remote: RemoteRepository) -> None:
    """Push a change and see that the remote has it, object and all."""
    samples.write(Path(repo.local_dir), {"w.bin": TWO, "new.txt": b"new\n"})
    assert not repo.is_repo_clean()
    repo.push_to_hub("Change")
    assert StockGit(remote.path)("rev-parse", repo.current_branch) == repo.git_head_hash()
    assert remote.object_path(samples.digest(TWO))
    assert repo.verify()
    assert repo.is_repo_clean()


# -- where the remote is -----------------------------------------------------------------------


def test_address_that_git_rewrites_is_rewritten_for_the_objects_too(
    remote: RemoteRepository, git: StockGit
) -> None:
    base = remote.url.removesuffix(remote.path.name)
    git("config", "--global", f"url.{base}.insteadOf", "https://hub.example.invalid/wanda/")
    git("config", "--global", "--add", f"url.{base}.insteadOf", "mirror:")
    git("clone", "--quiet", f"mirror:{remote.path.name}", "stock")

    repo = Repository(
        git.cwd / "clone", clone_from=f"https://hub.example.invalid/wanda/{remote.path.name}"
    )

    assert (git.cwd / "clone/w.bin").read_bytes() == ONE
    check_round_trip(repo, remote)
    stock = Repository(git.cwd / "stock")
    stock.git_pull(lfs=True)
    assert (git.cwd / "stock/w.bin").read_bytes() == TWO
    assert stock.verify()


def test_address_that_git_rewrites_for_pushes_only(
    remote: RemoteRepository, bare_remote: Make, git: StockGit
) -> None:
    """Objects that are fetched from one place are pushed to the other."""
    mirror = bare_remote()
    git("clone", "--quiet", "--mirror", remote.url, "mirror.git")
    git.at("mirror.git")("lfs", "fetch", "--all")
    read_from = (git.cwd / "mirror.git").as_uri()
    git("config", "--global", f"url.{mirror.url}.pushInsteadOf", read_from)

    repo = Repository(git.cwd / "clone", clone_from=read_from)
    samples.write(git.cwd / "clone", {"w.bin": TWO})
    repo.push_to_hub("Change")

    assert StockGit(mirror.path)("rev-parse", "main") == repo.git_head_hash()
    assert mirror.object_path(samples.digest(TWO))
    assert mirror.object_path(samples.digest(ONE))


def test_push_url_of_the_remote_gets_commits_and_objects(
    remote: RemoteRepository, bare_remote: Make, git: StockGit
) -> None:
    other = bare_remote()
    repo = Repository(git.cwd / "clone", clone_from=remote.url)
    git.at("clone")("remote", "set-url", "--push", "origin", other.url)

    check_round_trip(repo, other)

    assert remote.object_path(samples.digest(TWO)) is None
    assert other.object_path(samples.digest(ONE))


def test_remote_of_another_name_is_found(remote: RemoteRepository, git: StockGit) -> None:
    git("clone", "--quiet", "--origin", "upstream", remote.url, "clone", GIT_LFS_SKIP_SMUDGE="1")

    repo = Repository(git.cwd / "clone")
    assert [file.path for file in repo.pointers()] == ["w.bin"]
    repo.git_pull(lfs=True)
    assert (git.cwd / "clone/w.bin").read_bytes() == ONE

    assert repo.git_remote_url() == remote.url
    check_round_trip(repo, remote)
    repo.git_checkout("side")
    assert (git.cwd / "clone/w.bin").read_bytes() == ONE
    check_round_trip(repo, remote)


def test_remote_at_a_relative_path_is_found_from_anywhere(
    remote: RemoteRepository, git: StockGit, monkeypatch: pytest.MonkeyPatch
) -> None:
    git("clone", "--quiet", remote.url, "clone", GIT_LFS_SKIP_SMUDGE="1")
    relative = os.path.relpath(remote.path, git.cwd / "clone")
    git.at("clone")("remote", "set-url", "origin", relative)
    monkeypatch.chdir(git.cwd.root)

    repo = Repository(git.cwd / "clone")
    repo.git_pull(lfs=True)

    assert (git.cwd / "clone/w.bin").read_bytes() == ONE
    check_round_trip(repo, remote)


def test_lfsconfig_of_the_repository_names_the_server(
    remote: RemoteRepository, peer_remote: Make, git: StockGit
) -> None:
    lfs = peer_remote()
    git.sign_in(lfs)
    begun = git.at("begin")
    begun("config", "--file", ".lfsconfig", "lfs.url", f"{lfs.url}/info/lfs")
    begun("add", ".")
    begun("commit", "--quiet", "-m", "Elsewhere")
    begun("lfs", "push", "--all", "origin", "main")
    begun("push", "--quiet", "origin", "main")

    repo = Repository(git.cwd / "clone", clone_from=remote.url)
    samples.write(git.cwd / "clone", {"w.bin": TWO})
    repo.push_to_hub("Change")

    assert lfs.object_path(samples.digest(TWO))
    assert remote.object_path(samples.digest(TWO)) is None
    assert repo.verify()


# -- who is asking -----------------------------------------------------------------------------


def test_header_a_ci_runner_has_set_serves_git_and_lfs(
    peer_remote: Make, stock_lfs: StockGit
) -> None:
    """A checkout action leaves the token as a header in the clone's own settings."""
    remote = peer_remote()
    begin(remote, stock_lfs)
    stock_lfs("clone", "--quiet", remote.url, "clone", GIT_LFS_SKIP_SMUDGE="1")
    stock_lfs("config", "--global", "--unset", "credential.helper")
    (Path.home() / ".git-credentials").unlink()
    word = base64.b64encode(f"{remote.username}:{remote.password}".encode()).decode()
    site = remote.url.removesuffix("".join(remote.url.partition("/wanda")[1:]))
    clone = stock_lfs.at("clone")
    clone("config", f"http.{site}/.extraHeader", f"AUTHORIZATION: basic {word}")
    assert clone.run("fetch").returncode == 0

    repo = Repository(clone.cwd)
    repo.git_pull(lfs=True)

    assert (clone.cwd / "w.bin").read_bytes() == ONE
    check_round_trip(repo, remote)


# -- where objects are kept --------------------------------------------------------------------


@pytest.mark.parametrize("absolute", [True, False])
def test_storage_for_objects_is_shared_with_git_lfs(
    remote: RemoteRepository, git: StockGit, absolute: bool
) -> None:
    git("clone", "--quiet", remote.url, "clone", GIT_LFS_SKIP_SMUDGE="1")
    clone = git.at("clone")
    storage = git.cwd / "storage" if absolute else clone.cwd / ".git/elsewhere"
    clone("config", "lfs.storage", str(storage) if absolute else "elsewhere")

    repo = Repository(clone.cwd)
    repo.git_pull(lfs=True)
    check_round_trip(repo, remote)

    kept = {
        folder: [path.name for path in (folder / "objects").rglob("*") if path.is_file()]
        for folder in (storage, clone.cwd / ".git/lfs")
    }
    assert sorted(kept[storage]) == sorted(samples.digest(data) for data in (ONE, TWO))
    assert kept[clone.cwd / ".git/lfs"] == []
    clone("lfs", "fsck")
    clone("checkout", "--quiet", "HEAD~1")
    assert (clone.cwd / "w.bin").read_bytes() == ONE


def test_file_that_only_a_pointer_extension_can_restore_is_left_to_git_lfs(
    remote: RemoteRepository, git: StockGit, caplog: pytest.LogCaptureFixture
) -> None:
    """Git-lfs pipes such files through programs of the user's; the object is not the file."""
    turn = shlex.join(["tr", "a-zA-Z", "n-za-mN-ZA-M"])
    for key, value in {"clean": turn, "smudge": turn, "priority": "0"}.items():
        git("config", "--global", f"lfs.extension.rot13.{key}", value)
    work = git.at("begin")
    samples.write(work.cwd, {"turned.bin": b"plain text " * 100})
    work("add", "turned.bin")
    work("commit", "--quiet", "-m", "Turned")
    work("push", "--quiet", "origin", "main")
    pointer = work.run("cat-file", "blob", "HEAD:turned.bin").stdout
    assert b"\next-0-rot13 sha256:" in pointer

    repo = Repository(git.cwd / "clone", clone_from=remote.url)

    clone = git.at("clone")
    assert "turned.bin stays a pointer" in caplog.text
    assert [file.path for file in repo.pointers()] == ["turned.bin"]
    assert (clone.cwd / "turned.bin").read_bytes() == pointer
    assert (clone.cwd / "w.bin").read_bytes() == ONE
    samples.write(clone.cwd, {"w.bin": TWO})
    with pytest.raises(LfsError, match="rot13"):  # what is to be turned must not go out plain
        repo.push_to_hub("Change")
    assert clone("diff", "--cached", "--name-only") == ""
    clone("add", "w.bin")
    repo.git_commit("Change")
    repo.git_push()
    assert clone.run("cat-file", "blob", "HEAD:turned.bin").stdout == pointer
    assert b"ext-0-rot13" in clone.run("cat-file", "blob", "HEAD:w.bin").stdout
    clone("lfs", "pull")
    assert (clone.cwd / "turned.bin").read_bytes() == b"plain text " * 100
    assert remote.object_path(samples.digest(TWO)) is None


# -- tastes ------------------------------------------------------------------------------------

TASTES = {
    "color.ui": "always",
    "core.pager": "false",
    "core.quotePath": "false",
    "core.abbrev": "5",
    "core.preloadIndex": "false",
    "status.showUntrackedFiles": "no",
    "status.relativePaths": "true",
    "status.branch": "true",
    "status.short": "true",
    "diff.noprefix": "true",
    "diff.renames": "copies",
    "diff.external": "false",
    "push.default": "nothing",
    "push.followTags": "true",
    "push.recurseSubmodules": "on-demand",
    "pull.ff": "only",
    "merge.ff": "only",
    "merge.conflictStyle": "diff3",
    "rebase.autoStash": "true",
    "branch.autoSetupMerge": "false",
    "branch.autoSetupRebase": "always",
    "checkout.guess": "false",
    "commit.verbose": "true",
    "commit.cleanup": "scissors",
    "commit.status": "false",
    "fetch.prune": "true",
    "fetch.writeCommitGraph": "true",
    "submodule.recurse": "true",
    "log.showSignature": "true",
    "log.date": "relative",
    "help.autoCorrect": "immediate",
    "advice.detachedHead": "false",
    "column.ui": "always",
    "tag.sort": "-version:refname",
    "grep.lineNumber": "true",
    "transfer.fsckObjects": "true",
    "feature.manyFiles": "true",
    "lfs.setLockableReadOnly": "false",
}


@pytest.fixture
def tastes(git: StockGit) -> None:
    for key, value in TASTES.items():
        git("config", "--global", key, value)


def test_tastes_of_the_user_do_no_harm(
    tastes: None, remote: RemoteRepository, git: StockGit
) -> None:
    repo = Repository(git.cwd / "clone", clone_from=remote.url)
    folder = git.cwd / "clone"
    check_round_trip(repo, remote)
    samples.write(folder, {"untracked.txt": b"1\n"})
    assert not repo.is_repo_clean()
    repo.push_to_hub("# a message that begins with a hash\n\nand has a body")
    said = git.at("clone")("log", "-1", "--format=%B", "--no-show-signature")
    assert said.startswith("# a message that begins with a hash\n\nand has a body")

    repo.git_checkout("side")
    assert (folder / "w.bin").read_bytes() == ONE
    check_round_trip(repo, remote)
    repo.git_checkout("fresh", create_branch_ok=True)
    check_round_trip_on(repo, remote, {"w.bin": ONE + TWO})
    repo.add_tag("v1", "one", remote="origin")
    assert repo.tag_exists("v1", remote="origin")
    assert repo.delete_tag("v1", remote="origin")


def check_round_trip_on(
    repo: Repository, remote: RemoteRepository, files: dict[str, bytes]
) -> None:
    samples.write(Path(repo.local_dir), files)
    repo.push_to_hub("More")
    assert StockGit(remote.path)("rev-parse", repo.current_branch) == repo.git_head_hash()


@pytest.mark.parametrize("rebase", [True, False])
def test_tastes_of_the_user_do_no_harm_to_a_pull(
    tastes: None, remote: RemoteRepository, git: StockGit, rebase: bool
) -> None:
    repo = Repository(git.cwd / "clone", clone_from=remote.url)
    other = Repository(git.cwd / "other", clone_from=remote.url)
    check_round_trip_on(other, remote, {"other.bin": TWO})
    samples.write(git.cwd / "clone", {"mine.bin": TWO})
    repo.git_add()
    repo.git_commit("Mine")

    repo.git_pull(rebase=rebase)

    assert (git.cwd / "clone/other.bin").read_bytes() == TWO
    parents = git.at("clone")("show", "--no-patch", "--format=%P", "--no-show-signature").split()
    assert len(parents) == (1 if rebase else 2)
    repo.git_push()
    assert repo.verify()


# -- two people --------------------------------------------------------------------------------


def test_two_people_take_turns(shared: Shared) -> None:
    """One works with csgrepo, one with git and git-lfs."""
    ours = shared.repository("ours")
    folder = Path(ours.local_dir)
    ours.lfs_track("*.bin")
    samples.write(folder, {"w.bin": ONE, "shared.txt": b"0\n"})
    ours.push_to_hub("Begin")
    theirs = shared.clone("theirs", "--branch", "main")
    for turn in range(2):
        samples.write(theirs.cwd, {f"theirs-{turn}.bin": samples.content(turn, 400), "w.bin": TWO})
        theirs("add", ".")
        theirs("commit", "--quiet", "-m", f"Theirs {turn}")
        theirs("push", "--quiet")
        with ours.commit(f"Ours {turn}"):
            assert (folder / "w.bin").read_bytes() == TWO
            samples.write(folder, {f"ours-{turn}.bin": samples.content(-turn, 500), "w.bin": ONE})
        theirs("pull", "--quiet")
        assert samples.tree(theirs.cwd) == samples.tree(folder)

    assert ours.verify()
    theirs("lfs", "fsck")
    theirs("fsck", "--full")
    assert theirs("log", "--format=%s").count("\n") >= 4
