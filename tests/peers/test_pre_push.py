"""A plain `git push` in a csgrepo clone brings the objects first, whoever's hook does it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from csgrepo import Repository
from csgrepo.errors import PushRejected
from tests.peers import samples
from tests.stock import RemoteRepository, StockGit

ONE, TWO = samples.content("one", 3000), samples.content("two", 3000)


@dataclass(frozen=True, slots=True)
class Clone:
    """A clone csgrepo made on a machine without git-lfs, with one pushed large file, `w.bin`."""

    repo: Repository
    git: StockGit
    remote: RemoteRepository

    @property
    def hook(self) -> Path:
        return self.git.cwd / ".git/hooks/pre-push"

    def commit(self, **files: bytes) -> None:
        """Commit `<name>.bin` by plain git."""
        samples.write(self.git.cwd, {f"{name}.bin": data for name, data in files.items()})
        self.git("add", ".")
        self.git("commit", "--quiet", "-m", "By git")

    def has(self, data: bytes) -> bool:
        return self.remote.object_path(samples.digest(data)) is not None

    def tip(self, branch: str = "main") -> str:
        return StockGit(self.remote.path)("rev-parse", "--verify", f"refs/heads/{branch}")


def made(remote: RemoteRepository, git: StockGit) -> Clone:
    git.sign_in(remote)
    repo = Repository(git.cwd / "clone", clone_from=remote.url)
    repo.lfs_track("*.bin")
    samples.write(git.cwd / "clone", {"w.bin": ONE})
    repo.push_to_hub("Begin")
    return Clone(repo, git.at("clone"), remote)


@pytest.fixture
def any_clone(
    no_git_lfs: None, any_remote: Callable[..., RemoteRepository], git: StockGit
) -> Clone:
    return made(any_remote(), git)


@pytest.fixture
def clone(no_git_lfs: None, bare_remote: Callable[..., RemoteRepository], git: StockGit) -> Clone:
    return made(bare_remote(), git)


# -- without git-lfs ---------------------------------------------------------------------------


def test_plain_push_without_git_lfs_brings_the_objects(any_clone: Clone, git: StockGit) -> None:
    any_clone.commit(w=TWO, more=ONE + TWO)
    assert any_clone.git("cat-file", "blob", "HEAD:w.bin").startswith("version https://git-lfs")

    any_clone.git("push", "--quiet")

    assert any_clone.has(TWO)
    assert any_clone.has(ONE + TWO)
    copy = Repository(git.cwd / "copy", clone_from=any_clone.remote.url)
    assert samples.tree(Path(copy.local_dir)) == samples.tree(any_clone.git.cwd)
    assert copy.verify()


def test_plain_push_of_branches_and_tags_brings_the_objects_of_all(clone: Clone) -> None:
    contents = {f"only-{name}": f"in {name}".encode() * 50 for name in ("a", "b", "tag")}
    for name, data in contents.items():
        clone.git("checkout", "--quiet", "-b", name, "main")
        clone.commit(**{name: data})
    clone.git("tag", "-m", "one", "v1", "only-tag")
    clone.git("checkout", "--quiet", "main")

    clone.git("push", "--quiet", "origin", "only-a", "only-b:refs/heads/renamed", "v1")

    assert all(clone.has(data) for data in contents.values())
    assert clone.tip("renamed") == clone.git("rev-parse", "only-b")
    clone.git("push", "--quiet", "--delete", "origin", "only-a", "v1")
    clone.git("push", "--quiet", "--all")
    assert clone.tip("only-tag")


@pytest.mark.parametrize("where", ["a folder below", "a linked work tree", "an address"])
def test_plain_push_from_elsewhere_brings_the_objects(
    clone: Clone, git: StockGit, where: str
) -> None:
    if where == "a linked work tree":
        clone.git("worktree", "add", "--quiet", "../linked", "-b", "side")
        clone = Clone(Repository(git.cwd / "linked"), git.at("linked"), clone.remote)
    clone.commit(w=TWO)
    (clone.git.cwd / "below").mkdir()

    if where == "a folder below":
        clone.git.at("below")("push", "--quiet")
    elif where == "an address":
        clone.git("push", "--quiet", clone.remote.url, "HEAD:main")
    else:
        clone.git("push", "--quiet", "origin", "HEAD:main")

    assert clone.has(TWO)
    assert clone.tip() == clone.git("rev-parse", "HEAD")


def test_plain_push_of_an_object_that_is_nowhere_is_refused(clone: Clone) -> None:
    before = clone.tip()
    clone.commit(w=TWO)
    oid = samples.digest(TWO)
    (clone.git.cwd / ".git/lfs/objects" / oid[:2] / oid[2:4] / oid).unlink()

    refused = clone.git.run("push")

    assert refused.returncode != 0
    assert b"w.bin" in refused.stderr
    assert b"Traceback" not in refused.stderr
    assert clone.tip() == before


def test_plain_push_that_cannot_bring_the_objects_is_refused(
    clone: Clone, peer_remote: Callable[..., RemoteRepository]
) -> None:
    before = clone.tip()
    clone.commit(w=TWO)
    clone.git("config", "lfs.url", f"{peer_remote().url}/info/lfs")  # wants a password

    refused = clone.git.run("push")

    assert refused.returncode != 0
    assert b"401" in refused.stderr
    assert b"Traceback" not in refused.stderr
    assert clone.tip() == before


def test_plain_push_does_not_ask_the_lfs_server_where_nothing_is_large(clone: Clone) -> None:
    clone.git("config", "lfs.url", "http://127.0.0.1:9/nobody/listens")
    samples.write(clone.git.cwd, {"note.txt": b"small\n"})
    clone.git("add", ".")
    clone.git("commit", "--quiet", "-m", "Small")

    clone.git("push", "--quiet")

    assert clone.tip() == clone.git("rev-parse", "HEAD")


def test_folder_named_as_the_library_is_not_run_by_the_hook(clone: Clone) -> None:
    samples.write(clone.git.cwd, {"csgrepo/__init__.py": b"raise SystemExit('not this one')\n"})
    clone.commit(w=TWO)

    clone.git("push", "--quiet")

    assert clone.has(TWO)


# -- with git-lfs ------------------------------------------------------------------------------


def test_clone_made_with_git_lfs_has_its_own_hook(
    stock_lfs: StockGit, bare_remote: Callable[..., RemoteRepository]
) -> None:
    clone = made(bare_remote(), stock_lfs)
    stock_lfs("init", "--quiet", "other")
    other = stock_lfs.at("other")
    other("lfs", "update")

    assert clone.hook.read_text() == (other.cwd / ".git/hooks/pre-push").read_text()
    clone.commit(w=TWO)
    pushed = clone.git.run("push", GIT_TRACE="1")
    assert pushed.returncode == 0
    assert b"git-lfs pre-push" in pushed.stderr
    assert clone.has(TWO)


def test_hook_of_csgrepo_steps_aside_once_git_lfs_is_there(
    bare_remote: Callable[..., RemoteRepository],
    git: StockGit,
    request: pytest.FixtureRequest,
) -> None:
    path = os.environ["PATH"]
    request.getfixturevalue("no_git_lfs")
    clone = made(bare_remote(), git)
    ours = clone.hook.read_text()
    clone.commit(w=TWO)

    there = {"PATH": path, "GIT_EXEC_PATH": ""}
    pushed = clone.git.run("push", GIT_TRACE="1", **there)

    assert pushed.returncode == 0, pushed.stderr
    assert b"git-lfs pre-push" in pushed.stderr
    assert clone.has(TWO)
    assert clone.hook.read_text() == ours


# -- hooks of the user's own -------------------------------------------------------------------


@pytest.fixture(params=["git-lfs", "no git-lfs"])
def machine(request: pytest.FixtureRequest) -> None:
    request.getfixturevalue("stock_lfs" if request.param == "git-lfs" else "no_git_lfs")


OWN = '#!/bin/sh\necho "$@" >> pushes.log\ncat >> pushes.log\n[ ! -e forbidden ]\n'


@pytest.mark.parametrize("place", [".git/hooks", "hooks of mine"])
def test_users_own_hook_is_kept_and_run(
    machine: None, bare_remote: Callable[..., RemoteRepository], git: StockGit, place: str
) -> None:
    remote = bare_remote()
    git("init", "--quiet", "clone")
    work = git.at("clone")
    work("remote", "add", "origin", remote.url)
    hook = work.cwd / place / "pre-push"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(OWN)
    hook.chmod(0o755)
    if place != ".git/hooks":
        work("config", "core.hooksPath", str(hook.parent))
    (work.cwd / ".gitignore").write_text("pushes.log\nforbidden\nhooks of mine\n")

    repo = Repository(work.cwd, clone_from=remote.url)
    repo.lfs_track("*.bin")
    samples.write(work.cwd, {"w.bin": ONE})
    repo.push_to_hub("First")

    log = (work.cwd / "pushes.log").read_text()
    assert f"origin {remote.url}" in log
    assert f"{repo.git_head_hash()} refs/heads/main" in log
    (work.cwd / "forbidden").touch()
    samples.write(work.cwd, {"w.bin": TWO})
    with pytest.raises(PushRejected):
        repo.push_to_hub("Second")
    assert StockGit(remote.path)("rev-list", "--count", "main") == "1"
    assert hook.read_text() == OWN
    names = [name for name in os.listdir(hook.parent) if not name.endswith(".sample")]
    assert names == ["pre-push"]
    (work.cwd / "forbidden").unlink()
    repo.git_push()
    assert repo.verify()


def test_users_own_hook_runs_in_a_background_push_too(clone: Clone) -> None:
    clone.hook.write_text(OWN)
    (clone.git.cwd / "forbidden").touch()
    clone.git("config", "core.excludesFile", str(clone.git.cwd / ".git/excluded"))
    (clone.git.cwd / ".git/excluded").write_text("forbidden\npushes.log\n")
    before = clone.tip()
    samples.write(clone.git.cwd, {"w.bin": TWO})

    _, command = clone.repo.push_to_hub("Later", blocking=False)  # type: ignore[misc]
    command.wait(300)

    assert command.failed
    assert clone.tip() == before
    assert (clone.git.cwd / "pushes.log").exists()
    assert clone.hook.read_text() == OWN
