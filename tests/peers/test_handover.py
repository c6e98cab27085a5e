"""One clone in two hands: csgrepo and plain git take turns in the middle of the work.

Each scene is played twice: with git-lfs on the machine, whose filters and hooks plain git then
runs, and without it, where csgrepo's own stand in.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from csgrepo import Repository
from csgrepo.errors import MergeConflict
from csgrepo.lfs.pointer import Pointer
from tests.peers import samples
from tests.stock import RemoteRepository, StockGit

ONE, TWO, THREE = (samples.content(seed, 5000) for seed in ("one", "two", "three"))


@dataclass(frozen=True, slots=True)
class Hands:
    """A clone of a remote whose `*.bin` are in LFS; `w.bin` and `v.bin` are pushed.

    Attributes:
        repo: csgrepo's view of the clone.
        git: plain git in it.
        remote: where it came from.
    """

    repo: Repository
    git: StockGit
    remote: RemoteRepository

    @property
    def folder(self) -> Path:
        return self.git.cwd

    def holds(self, path: str, revision: str = "HEAD") -> str | None:
        """Return the digest of the large file that a commit (`""`: the index) has at a path."""
        pointer = Pointer.parse(self.git.run("cat-file", "blob", f"{revision}:{path}").stdout)
        return pointer.oid if pointer else None

    def check_arrived(self, branch: str = "main") -> None:
        """See that the remote has the branch with every object, and that nothing is left to do."""
        assert self.git("status", "--porcelain") == ""
        assert self.repo.is_repo_clean()
        at_remote = StockGit(self.remote.path)
        assert at_remote("rev-parse", branch) == self.git("rev-parse", "HEAD")
        other = Repository(
            self.folder.parent / "check", clone_from=self.remote.url, revision=branch
        )
        assert samples.tree(Path(other.local_dir)) == samples.tree(self.folder)
        assert other.verify()


@pytest.fixture(params=["with git-lfs", "without git-lfs"])
def _machine(request: pytest.FixtureRequest) -> None:
    request.getfixturevalue("stock_lfs" if request.param == "with git-lfs" else "no_git_lfs")


@pytest.fixture
def remote(_machine: None, bare_remote: object) -> RemoteRepository:
    made: RemoteRepository = bare_remote()  # type: ignore[operator]
    return made


@pytest.fixture
def hands(remote: RemoteRepository, git: StockGit) -> Hands:
    repo = Repository(git.cwd / "clone", clone_from=remote.url)
    samples.write(git.cwd / "clone", {"w.bin": ONE, "v.bin": TWO, "note.txt": b"small\n"})
    repo.lfs_track("*.bin")
    repo.push_to_hub("Begin")
    return Hands(repo, git.at("clone"), remote)


@pytest.fixture
def stock_hands(remote: RemoteRepository, hands: Hands, git: StockGit) -> Hands:
    """The same, in a clone that plain git made and csgrepo opened."""
    git("clone", "--quiet", remote.url, "stock")
    repo = Repository(git.cwd / "stock")
    repo.git_pull(lfs=True)
    return Hands(repo, git.at("stock"), remote)


def test_git_commits_then_csgrepo_pushes(hands: Hands) -> None:
    samples.write(hands.folder, {"new.bin": THREE, "w.bin": TWO})
    hands.git("add", ".")
    hands.git("commit", "--quiet", "-m", "By git")
    assert hands.holds("new.bin") == samples.digest(THREE)

    hands.repo.git_push()

    hands.check_arrived()


def test_csgrepo_stages_then_git_commits_and_pushes(hands: Hands) -> None:
    samples.write(hands.folder, {"new.bin": THREE, "w.bin": TWO})
    hands.repo.git_add()
    assert hands.holds("new.bin", "") == samples.digest(THREE)

    hands.git("commit", "--quiet", "-m", "By git")
    assert hands.git("show", "--name-only", "--format=") == "new.bin\nw.bin"
    hands.git("push", "--quiet")

    hands.check_arrived()


def test_git_changes_what_csgrepo_added_and_the_other_way_round(hands: Hands) -> None:
    samples.write(hands.folder, {"ours.bin": ONE, "theirs.bin": ONE})
    hands.repo.git_add("ours.bin")
    hands.git("add", "theirs.bin")
    samples.write(hands.folder, {"ours.bin": TWO, "theirs.bin": TWO})  # as long as before
    assert hands.git("status", "--porcelain") == "AM ours.bin\nAM theirs.bin"
    hands.git("add", "ours.bin")
    hands.repo.git_add("theirs.bin")
    assert hands.holds("ours.bin", "") == hands.holds("theirs.bin", "") == samples.digest(TWO)
    hands.repo.git_commit("Both")
    samples.write(hands.folder, {"ours.bin": THREE, "theirs.bin": THREE})
    hands.git("add", "ours.bin")
    hands.repo.git_add("theirs.bin")
    hands.git("commit", "--quiet", "-m", "Once more")

    hands.repo.git_push()

    assert hands.holds("ours.bin") == hands.holds("theirs.bin") == samples.digest(THREE)
    hands.check_arrived()


def test_lfs_track_is_obeyed_by_git_add(hands: Hands) -> None:
    hands.repo.lfs_track("*.weights")
    hands.repo.lfs_track("odd [1].dat", filename=True)
    samples.write(hands.folder, {"a.weights": ONE, "odd [1].dat": TWO, "odd 1.dat": THREE})

    hands.git("add", ".")
    hands.git("commit", "--quiet", "-m", "By git")
    assert hands.holds("a.weights") == samples.digest(ONE)
    assert hands.holds("odd [1].dat") == samples.digest(TWO)
    assert hands.holds("odd 1.dat") is None
    hands.git("push", "--quiet")

    hands.check_arrived()


def test_lfs_track_in_a_clone_csgrepo_only_opened_is_obeyed_by_git(
    stock_hands: Hands,
) -> None:
    stock_hands.repo.lfs_track("*.weights")
    samples.write(stock_hands.folder, {"a.weights": ONE})

    stock_hands.git("add", ".")
    stock_hands.git("commit", "--quiet", "-m", "By git")
    assert stock_hands.holds("a.weights") == samples.digest(ONE)
    stock_hands.git("push", "--quiet")

    stock_hands.check_arrived()


def test_csgrepo_commits_in_a_clone_it_only_opened_then_git_pushes(stock_hands: Hands) -> None:
    samples.write(stock_hands.folder, {"w.bin": THREE})
    stock_hands.repo.git_add()
    stock_hands.repo.git_commit("By csgrepo")

    stock_hands.git("push", "--quiet")

    stock_hands.check_arrived()


def test_git_switches_branches_in_csgrepos_clone(hands: Hands) -> None:
    hands.git("checkout", "--quiet", "-b", "side")
    samples.write(hands.folder, {"w.bin": THREE, "side.bin": TWO})
    hands.repo.git_add()
    hands.repo.git_commit("Side")
    hands.repo.git_push()

    hands.git("checkout", "--quiet", "main")
    assert (hands.folder / "w.bin").read_bytes() == ONE
    assert not (hands.folder / "side.bin").exists()
    assert hands.repo.current_branch == "main"
    assert hands.repo.is_repo_clean()
    hands.git("checkout", "--quiet", "side")

    assert (hands.folder / "w.bin").read_bytes() == THREE
    hands.check_arrived("side")


def test_csgrepo_switches_branches_in_gits_clone(stock_hands: Hands) -> None:
    stock_hands.repo.git_checkout("side", create_branch_ok=True)
    samples.write(stock_hands.folder, {"w.bin": THREE, "side.bin": TWO})
    stock_hands.repo.push_to_hub("Side")

    stock_hands.repo.git_checkout("main")
    assert (stock_hands.folder / "w.bin").read_bytes() == ONE
    assert stock_hands.git("status", "--porcelain") == ""
    stock_hands.repo.git_checkout("side")

    assert (stock_hands.folder / "w.bin").read_bytes() == THREE
    stock_hands.check_arrived("side")


def diverge(hands: Hands, ours: dict[str, bytes], theirs: dict[str, bytes]) -> None:
    """Commit `theirs` on the branch `side` (by csgrepo) and `ours` on `main` (by git)."""
    hands.repo.git_checkout("side", create_branch_ok=True)
    samples.write(hands.folder, theirs)
    hands.repo.git_add()
    hands.repo.git_commit("Side")
    hands.repo.git_checkout("main")
    samples.write(hands.folder, ours)
    hands.git("add", ".")
    hands.git("commit", "--quiet", "-m", "Main")


def test_git_merges_and_csgrepo_pushes(hands: Hands) -> None:
    diverge(hands, {"w.bin": THREE}, {"v.bin": THREE, "side.bin": ONE})

    hands.git("merge", "--quiet", "--no-edit", "side")
    hands.repo.git_push()

    files = samples.tree(hands.folder)
    assert files["w.bin"][1] == files["v.bin"][1] == THREE
    assert files["side.bin"][1] == ONE
    hands.check_arrived()


def test_conflict_git_left_is_resolved_through_csgrepo(hands: Hands) -> None:
    diverge(hands, {"w.bin": TWO}, {"w.bin": THREE, "side.bin": ONE})
    assert hands.git.run("merge", "side").returncode == 1
    assert hands.git("diff", "--name-only", "--diff-filter=U") == "w.bin"
    assert not hands.repo.is_repo_clean()

    samples.write(hands.folder, {"w.bin": b"both\n" * 100})
    hands.repo.git_add("w.bin")
    hands.repo.git_commit("Merge by hand")
    hands.git("push", "--quiet")

    assert len(hands.git("show", "--format=%P", "--no-patch").split()) == 2
    assert hands.holds("w.bin") == samples.digest(b"both\n" * 100)
    hands.check_arrived()


def test_conflict_in_csgrepos_pull_is_undone_and_git_can_take_over(
    hands: Hands, git: StockGit
) -> None:
    other = Repository(git.cwd / "other", clone_from=hands.remote.url)
    samples.write(Path(other.local_dir), {"w.bin": TWO, "other.bin": ONE})
    other.push_to_hub("Other")
    samples.write(hands.folder, {"w.bin": THREE})
    hands.git("commit", "--quiet", "-a", "-m", "Mine")

    with pytest.raises(MergeConflict, match=r"w\.bin"):
        hands.repo.git_pull()
    assert hands.git("status", "--porcelain") == ""
    assert (hands.folder / "w.bin").read_bytes() == THREE
    hands.git("merge", "--quiet", "-X", "theirs", "--no-edit", "FETCH_HEAD")
    hands.repo.git_pull(lfs=True)  # where git-lfs is not there to fetch, git leaves a pointer
    hands.repo.git_push()

    assert (hands.folder / "w.bin").read_bytes() == TWO
    hands.check_arrived()


def test_csgrepo_pulls_what_others_pushed_into_gits_commits(hands: Hands, git: StockGit) -> None:
    other = Repository(git.cwd / "other", clone_from=hands.remote.url)
    samples.write(Path(other.local_dir), {"v.bin": ONE, "other.bin": THREE})
    other.push_to_hub("Other")
    samples.write(hands.folder, {"w.bin": THREE})
    hands.git("commit", "--quiet", "-a", "-m", "Mine")

    hands.repo.git_pull(rebase=True)
    hands.git("push", "--quiet")

    assert (hands.folder / "v.bin").read_bytes() == ONE
    assert (hands.folder / "other.bin").read_bytes() == THREE
    hands.check_arrived()


def test_stash_gives_back_what_csgrepo_staged_and_what_it_did_not(hands: Hands) -> None:
    samples.write(hands.folder, {"w.bin": THREE, "new.bin": THREE})
    hands.repo.git_add()
    samples.write(hands.folder, {"v.bin": THREE, "note.txt": b"changed\n"})

    hands.git("stash", "--quiet")
    assert (hands.folder / "w.bin").read_bytes() == ONE
    assert (hands.folder / "v.bin").read_bytes() == TWO
    assert hands.repo.is_repo_clean()
    hands.git("stash", "pop", "--quiet", "--index")

    files = samples.tree(hands.folder)
    assert files["w.bin"][1] == files["v.bin"][1] == files["new.bin"][1] == THREE
    assert hands.git("status", "--porcelain") == "A  new.bin\n M note.txt\n M v.bin\nM  w.bin"
    hands.repo.push_to_hub("All")
    hands.check_arrived()


def test_linked_work_tree_is_a_working_copy_of_its_own(hands: Hands, git: StockGit) -> None:
    hands.git("worktree", "add", "--quiet", "-b", "side", "../linked")
    repo = Repository(git.cwd / "linked")
    linked = Hands(repo, git.at("linked"), hands.remote)
    assert (linked.folder / "w.bin").read_bytes() == ONE
    assert repo.current_branch == "side"
    assert linked.git("status", "--porcelain") == ""

    samples.write(linked.folder, {"w.bin": THREE, "side.bin": TWO})
    with repo.commit("In the linked work tree"):
        samples.write(linked.folder, {"more.bin": ONE})

    linked.check_arrived("side")
    assert hands.git("status", "--porcelain") == ""
    assert (hands.folder / "w.bin").read_bytes() == ONE
    hands.git("merge", "--quiet", "side")
    assert (hands.folder / "w.bin").read_bytes() == THREE
    hands.git("fsck", "--full")


def test_submodule_is_left_to_git(hands: Hands, git: StockGit) -> None:
    git("init", "--quiet", "part")
    git.at("part")("commit", "--quiet", "--allow-empty", "-m", "Begin")
    hands.git("submodule", "--quiet", "add", (git.cwd / "part").as_uri(), "part")
    samples.write(hands.folder, {"w.bin": THREE})
    hands.repo.push_to_hub("With a part")
    assert hands.git("ls-files", "-s", "part").startswith("160000 ")
    assert hands.git("submodule", "status").startswith(" ")

    part = hands.git.at("part")
    part("commit", "--quiet", "--allow-empty", "-m", "More")
    samples.write(hands.folder, {"part/stray.bin": ONE})  # inside the other repository
    assert not hands.repo.is_repo_clean()
    hands.repo.git_add()
    hands.repo.git_commit("Follow the part")

    assert hands.git("rev-parse", "HEAD:part") == part("rev-parse", "HEAD")
    assert hands.git("ls-files", "part") == "part"
    (hands.folder / "part/stray.bin").unlink()
    hands.repo.git_push()
    assert hands.git("status", "--porcelain") == ""
    clone = Repository(git.cwd / "again", clone_from=hands.remote.url)
    assert clone.is_repo_clean()
    assert clone.push_to_hub("Nothing") is None
    assert clone.verify()


def test_git_takes_back_what_csgrepo_staged(hands: Hands) -> None:
    samples.write(hands.folder, {"w.bin": THREE, "new.bin": THREE})
    hands.repo.git_add()

    hands.git("reset", "--quiet")
    assert hands.git("status", "--porcelain") == " M w.bin\n?? new.bin"
    hands.git("checkout", "--", "w.bin")
    assert (hands.folder / "w.bin").read_bytes() == ONE
    hands.git("clean", "-qf")

    assert hands.repo.is_repo_clean()
    assert hands.repo.push_to_hub("Nothing") is None


def test_git_moves_and_removes_files_csgrepo_added(hands: Hands) -> None:
    hands.git("mv", "w.bin", "moved.bin")
    hands.git("rm", "--quiet", "v.bin")
    samples.write(hands.folder, {"moved.bin": THREE})

    assert hands.repo.list_deleted_files() == ["v.bin", "w.bin"]
    hands.repo.push_to_hub("Moved")

    assert hands.git("ls-files") == ".gitattributes\nmoved.bin\nnote.txt"
    hands.check_arrived()


def test_git_rebases_and_amends_csgrepos_commits(hands: Hands) -> None:
    diverge(hands, {"w.bin": THREE}, {"v.bin": THREE})
    hands.repo.git_push()
    hands.git("checkout", "--quiet", "side")

    hands.git("rebase", "--quiet", "main")
    samples.write(hands.folder, {"late.bin": TWO})
    hands.repo.git_add()
    hands.git("commit", "--quiet", "--amend", "--no-edit")
    hands.repo.git_push()

    assert (hands.folder / "w.bin").read_bytes() == THREE
    assert (hands.folder / "v.bin").read_bytes() == THREE
    hands.check_arrived("side")


def test_packed_refs_and_objects_are_read_by_csgrepo(hands: Hands) -> None:
    hands.repo.add_tag("v1", "one")
    hands.git("branch", "other")

    hands.git("gc", "--quiet", "--prune=now")
    hands.git("pack-refs", "--all")

    assert hands.repo.tag_exists("v1")
    assert hands.repo.git_head_hash() == hands.git("rev-parse", "HEAD")
    samples.write(hands.folder, {"w.bin": THREE})
    hands.repo.push_to_hub("After packing")
    hands.check_arrived()
    hands.repo.git_checkout("other")
    assert (hands.folder / "w.bin").read_bytes() == ONE


@pytest.mark.parametrize("option", ["--depth=1", "--filter=blob:none", "--filter=tree:0"])
def test_clone_git_made_with_less_history_can_be_pushed_from(
    hands: Hands, git: StockGit, option: str
) -> None:
    samples.write(hands.folder, {"w.bin": THREE})
    hands.repo.push_to_hub("Second")
    git.at(hands.remote.path)("config", "uploadpack.allowFilter", "true")
    git("clone", "--quiet", option, hands.remote.url, "thin")
    thin = Hands(Repository(git.cwd / "thin"), git.at("thin"), hands.remote)
    thin.repo.git_pull(lfs=True)
    assert thin.git("status", "--porcelain") == ""

    samples.write(thin.folder, {"new.bin": ONE + b"!"})
    thin.repo.push_to_hub("From a thin clone")

    thin.check_arrived()


def test_file_becomes_clean_again_by_its_old_content(hands: Hands) -> None:
    samples.write(hands.folder, {"w.bin": THREE})
    hands.repo.git_add()
    samples.write(hands.folder, {"w.bin": ONE})

    hands.repo.git_add()

    assert hands.git("status", "--porcelain") == ""
    assert hands.repo.is_repo_clean()
    assert hands.repo.push_to_hub("Nothing") is None


def test_git_running_in_a_hook_of_another_repository_does_not_mislead_csgrepo(
    hands: Hands, git: StockGit
) -> None:
    git("init", "--quiet", "outer")
    outer = git.at("outer")
    outer("commit", "--quiet", "--allow-empty", "-m", "Begin")
    samples.write(hands.folder, {"w.bin": THREE})
    script = f"from csgrepo import Repository; Repository({str(hands.folder)!r}).push_to_hub('x')"
    hook = outer.cwd / ".git/hooks/post-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -c "{script}"\n')
    hook.chmod(0o755)

    said = outer.run("commit", "--allow-empty", "-m", "Second", PYTHONPATH=str(Path.cwd()))

    assert said.returncode == 0, said.stderr
    assert outer("ls-tree", "-r", "HEAD") == ""
    assert outer("log", "--format=%s") == "Second\nBegin"
    hands.check_arrived()
    assert subprocess.run(["git", "status"], cwd=outer.cwd, check=False).returncode == 0
