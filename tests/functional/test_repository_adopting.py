"""Cloning into folders that are not empty, not finished, or not alone."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from csgrepo import InvalidInput, Repository
from tests.functional.copies import (
    committed,
    noise,
    pointer_to,
    raised,
    refs,
    seed,
    state,
    with_lfs,
    work_files,
    write_hook,
)
from tests.functional.disks import mounted
from tests.stock import RemoteRepository, StockGit

ATTRIBUTES = b"*.bin filter=lfs diff=lfs merge=lfs -text\n"
WEIGHTS = {"old.bin": noise(), "data/deep [1].bin": noise()}
THEIRS = {"README.md": b"theirs\n", "data/a.txt": b"a\n", "run.sh": b"#!/bin/sh\n"}


@pytest.fixture
def remote(git, bare_remote) -> RemoteRepository:
    """A repository with text and two large files."""
    remote = bare_remote()
    seed(git, remote, {".gitattributes": ATTRIBUTES, **THEIRS, **with_lfs(remote, WEIGHTS)})
    return remote


EVERYTHING = {".gitattributes": ATTRIBUTES, **THEIRS, **WEIGHTS}


def write(folder: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


# -- folders with files ----------------------------------------------------------------------------


def test_files_of_a_folder_become_changes_and_nothing_is_overwritten(git, remote, tmp_path):
    mine = {"README.md": b"mine\n", "new.bin": noise(), "sub/note.txt": b"note\n"}
    write(tmp_path / "out", mine)
    repo = Repository(tmp_path / "out", clone_from=remote.url)
    assert work_files(tmp_path / "out") == EVERYTHING | mine
    status = git.at("out")("status", "--porcelain").splitlines()
    assert sorted(status) == [" M README.md", "?? new.bin", "?? sub/"]
    assert repo.current_branch == "main"


def test_a_push_from_an_adopted_folder_only_adds(git, remote, tmp_path):
    mine = {"README.md": b"mine\n", "new.bin": noise(), "sub/note.txt": b"note\n"}
    write(tmp_path / "out", mine)
    repo = Repository(tmp_path / "out", clone_from=remote.url)
    before = committed(StockGit(remote.path), "main")
    repo.push_to_hub("mine")
    after = committed(StockGit(remote.path), "main")
    wanted = mine | {"new.bin": pointer_to(mine["new.bin"]).encode()}
    assert after == before | wanted
    assert StockGit(remote.path)("rev-list", "--count", "main") == "2"


def test_large_files_that_are_as_in_the_repository_are_known_to_be(git, remote, tmp_path):
    """Or each `git status` would send them through the filter once more."""
    write(tmp_path / "out", {"old.bin": WEIGHTS["old.bin"]})
    os.utime(tmp_path / "out" / "old.bin", (10**9, 10**9))
    Repository(tmp_path / "out", clone_from=remote.url)
    no_filter = ("filter.lfs.process=", "filter.lfs.clean=false", "filter.lfs.required=true")
    options = [word for setting in no_filter for word in ("-c", setting)]
    assert git.at("out")(*options, "status", "--porcelain") == ""


def test_an_empty_repository_takes_a_folder_in(bare_remote, tmp_path):
    remote = bare_remote()
    mine = {"a.txt": b"a\n", "w.bin": noise()}
    write(tmp_path / "out", mine)
    Repository(tmp_path / "out", clone_from=remote.url).push_to_hub()
    there = Repository(tmp_path / "there", clone_from=remote.url)
    assert work_files(tmp_path / "there") == work_files(Path(there.local_dir)) != {}
    assert work_files(tmp_path / "there").items() >= mine.items()


def test_what_stands_where_a_folder_should_be_stays(git, remote, tmp_path):
    """A file named as a folder of the repository, and a folder named as a file of it."""
    mine = {"data": b"a file of mine\n", "run.sh/inner.txt": b"inner\n"}
    write(tmp_path / "out", mine)
    Repository(tmp_path / "out", clone_from=remote.url)
    found = work_files(tmp_path / "out")
    assert {name: found[name] for name in mine} == mine
    assert found["old.bin"] == WEIGHTS["old.bin"]
    assert "data/a.txt" not in found


def test_links_of_the_folder_are_not_followed(git, remote, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "data").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "out" / "README.md").symlink_to("nowhere")
    Repository(tmp_path / "out", clone_from=remote.url)
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert os.readlink(tmp_path / "out" / "README.md") == "nowhere"


def test_an_adopted_folder_is_an_ordinary_clone(git, stock_lfs, remote, tmp_path):
    write(tmp_path / "out", {"x.txt": b"x"})
    Repository(tmp_path / "out", clone_from=remote.url)
    stock = git.at("out")
    assert stock("rev-parse", "--abbrev-ref", "main@{upstream}") == "origin/main"
    assert stock("rev-parse", "origin/HEAD") == stock("rev-parse", "HEAD")
    stock("fsck")
    stock("lfs", "fsck")
    stock("add", "-A")
    stock("commit", "--quiet", "-m", "by stock git")
    stock("push", "--quiet")
    assert "x.txt" in committed(StockGit(remote.path), "main")


def test_an_empty_folder_on_a_disk_of_its_own(git, remote, tmp_path):
    """Such as an empty volume; what is cloned beside it could not be renamed into it."""
    (tmp_path / "volume").mkdir()
    with mounted(tmp_path / "volume"):
        Repository(tmp_path / "volume", clone_from=remote.url)
        assert work_files(tmp_path / "volume") == EVERYTHING
        assert git.at("volume")("status", "--porcelain") == ""
    assert sorted(p.name for p in tmp_path.iterdir() if "volume" in p.name) == ["volume"]


def test_a_link_to_an_empty_folder(remote, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    Repository(tmp_path / "link", clone_from=remote.url)
    assert (tmp_path / "link").is_symlink()
    assert work_files(tmp_path / "real") == EVERYTHING


def test_a_folder_whose_parents_are_missing(remote, tmp_path):
    Repository(tmp_path / "a" / "b" / "c", clone_from=remote.url)
    assert work_files(tmp_path / "a" / "b" / "c") == EVERYTHING
    assert [p.name for p in (tmp_path / "a" / "b").iterdir()] == ["c"]


def test_a_refusal_leaves_the_folder_as_it_was(bare_remote, tmp_path):
    mine = {"a.txt": b"a"}
    write(tmp_path / "out", mine)
    with pytest.raises(OSError, match="does not appear to be a git repository"):
        Repository(tmp_path / "out", clone_from=f"file://{tmp_path}/absent.git")
    assert work_files(tmp_path / "out") == mine
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["a.txt"]


# -- killed in the middle --------------------------------------------------------------------------

CLONING = """
import sys
from csgrepo import Repository
Repository(sys.argv[1], clone_from=sys.argv[2])
"""


def killed_at(step: str, folder: Path, url: str, tmp_path: Path) -> None:
    """Clone in a process that is killed right after git did the step."""
    real = shutil.which("git")
    wrapper = tmp_path / "killing" / "git"
    write_hook(
        wrapper,
        f"'{real}' \"$@\"\nresult=$?\n"
        f"case \" $* \" in *' {step} '*) kill -9 $PPID;; esac\nexit $result\n",
    )
    path = os.pathsep.join([str(wrapper.parent), os.environ["PATH"]])
    done = subprocess.run(
        [sys.executable, "-c", CLONING, folder, url],
        env={**os.environ, "PATH": path},
        capture_output=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == -signal.SIGKILL, (step, done.stderr)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("step", ["clone", "check-attr"])
@pytest.mark.parametrize("exists", [False, True], ids=["absent", "empty"])
def test_a_clone_that_was_killed_is_made_by_the_same_call(git, remote, tmp_path, step, exists):
    parent = tmp_path / "place"
    parent.mkdir()
    if exists:
        (parent / "copy").mkdir()
    killed_at(step, parent / "copy", remote.url, tmp_path)
    repo = Repository(parent / "copy", clone_from=remote.url)
    assert work_files(parent / "copy") == EVERYTHING
    assert git.at("place/copy")("status", "--porcelain") == ""
    assert repo.is_repo_clean()
    assert [path.name for path in parent.iterdir()] == ["copy"]
    assert not [p for p in (parent / "copy").iterdir() if p.name.startswith(".csgrepo")]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("step", ["init", "fetch", "read-tree", "checkout-index", "check-attr"])
def test_an_adoption_that_was_killed_is_made_by_the_same_call(git, remote, tmp_path, step):
    mine = {"README.md": b"mine\n", "new.bin": noise()}
    write(tmp_path / "place" / "out", mine)
    killed_at(step, tmp_path / "place" / "out", remote.url, tmp_path)
    left = work_files(tmp_path / "place" / "out")
    assert {name: left[name] for name in mine} == mine
    repo = Repository(tmp_path / "place" / "out", clone_from=remote.url)
    assert work_files(tmp_path / "place" / "out") == EVERYTHING | mine
    status = git.at("place/out")("status", "--porcelain").splitlines()
    assert sorted(status) == [" M README.md", "?? new.bin"]
    repo.push_to_hub()
    assert set(committed(StockGit(remote.path), "main")) == set(EVERYTHING | mine)


KILLED_FETCHING = """
import os, signal, sys
from csgrepo import Repository
from csgrepo.progress import listen
def kill(event):
    if event.phase == sys.argv[3] and event.state == sys.argv[4]:
        os.kill(os.getpid(), signal.SIGKILL)
listen(kill)
Repository(sys.argv[1], clone_from=sys.argv[2])
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("state_", ["started", "done"])
@pytest.mark.parametrize("phase", ["download", "checkout"])
def test_a_clone_that_was_killed_while_it_fetched_content(git, remote, tmp_path, phase, state_):
    done = subprocess.run(
        [sys.executable, "-c", KILLED_FETCHING, tmp_path / "copy", remote.url, phase, state_],
        capture_output=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    repo = Repository(tmp_path / "copy", clone_from=remote.url)
    assert work_files(tmp_path / "copy") == EVERYTHING
    assert git.at("copy")("status", "--porcelain") == ""
    assert repo.pointers() == []
    assert repo.push_to_hub() is None


def test_a_folder_that_another_process_is_joining_is_not_its_work(git, remote, tmp_path):
    """Half of an adoption lies in the folder while another process adds everything in it."""
    write(tmp_path / "out", {"mine.txt": b"mine"})
    killed_at("read-tree", tmp_path / "out", remote.url, tmp_path)
    git("init", "--quiet", "out")
    repo = Repository(tmp_path / "out")
    repo.git_add()
    assert git.at("out")("ls-files") == "mine.txt"


# -- several at once -------------------------------------------------------------------------------


TELLING = (
    CLONING
    + """
repo = Repository(sys.argv[1])
print(repo.git_head_hash(), [file.path for file in repo.pointers()])
"""
)


@pytest.mark.skipif(os.name == "nt", reason="the processes meet in a shell script")
@pytest.mark.parametrize("kind", ["absent", "empty", "with files"])
def test_four_processes_clone_into_one_folder(git, remote, tmp_path, kind):
    """As each rank of a distributed job does; none goes on before all have come equally far."""
    folder, meeting = tmp_path / "shared", tmp_path / "meeting"
    meeting.mkdir()
    mine = {"mine.txt": b"mine"} if kind == "with files" else {}
    if kind != "absent":
        folder.mkdir()
    write(folder, mine)
    step = "checkout-index" if mine else "clone"
    write_hook(
        tmp_path / "slow" / "git",
        f"'{shutil.which('git')}' \"$@\"\nresult=$?\n"
        f"case \" $* \" in *' {step} '*) touch '{meeting}'/$$; n=0;\n"
        f"while [ $(ls '{meeting}' | wc -l) -lt 4 ] && [ $n -lt 5000 ]; do sleep 0.1; n=$((n+1)); "
        "done;; esac\nexit $result\n",
    )
    path = os.pathsep.join([str(tmp_path / "slow"), os.environ["PATH"]])
    ranks = [
        subprocess.Popen(
            [sys.executable, "-c", TELLING, folder, remote.url],
            env={**os.environ, "PATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    outcomes = [(rank.communicate(timeout=300), rank.returncode) for rank in ranks]
    told = f"{refs(remote.path)['refs/heads/main']} []\n"
    assert outcomes == [((told, ""), 0)] * 4
    assert len(list(meeting.iterdir())) == 4
    assert work_files(folder) == EVERYTHING | mine
    assert git.at("shared")("status", "--porcelain") == "".join(f"?? {name}" for name in mine)
    assert [p.name for p in tmp_path.iterdir() if "shared" in p.name] == ["shared"]


def test_a_clone_of_another_repository_stays_as_it_is(git, remote, bare_remote, tmp_path):
    repo = Repository(tmp_path / "copy", clone_from=remote.url)
    (tmp_path / "copy" / "mine.txt").write_text("mine")
    before = state(tmp_path / "copy")
    other = bare_remote()
    error = raised(InvalidInput, lambda: repo.clone_from(other.url))
    assert "choose another folder" in str(error)
    assert state(tmp_path / "copy") == before
    assert repo.git_remote_url() == remote.url
