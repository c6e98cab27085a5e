"""Checkouts, pulls and fetches that were killed half way: the next command finishes them."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from csgrepo import Repository
from csgrepo.repository import passage
from csgrepo.repository.layout import WorkTree
from tests.functional.copies import noise, seed, with_lfs, work_files
from tests.stock import RemoteRepository, StockGit

LFS_LINE = b"*.bin filter=lfs diff=lfs merge=lfs -text\n"

KILLED = """
import os, signal, sys
from pathlib import Path
from csgrepo.repository.layout import WorkTree
from csgrepo.repository.passage import Passage, recorded
from csgrepo.repository.turn import turn
tree = WorkTree(Path(sys.argv[1]))
old, new, ref, *done = sys.argv[2:]
with turn(tree, "a checkout"), recorded(tree, Passage(old, new, ref, "csgrepo: test")):
    (tree.git_dir / "index.lock").touch()
    for name in done:
        content = tree.git.run("cat-file", "blob", f"{new}:{name}").stdout
        (tree.folder / name).write_bytes(content)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def contents() -> dict[str, bytes]:
    return {f"w{n}.bin": noise() for n in range(3)}


@pytest.fixture
def remote(git: StockGit, bare_remote) -> RemoteRepository:
    remote = bare_remote()
    files = {"a.txt": b"a\n", "b.txt": b"b\n", "gone.txt": b"g\n", ".gitattributes": LFS_LINE}
    seed(git, remote, {**files, **with_lfs(remote, {"w0.bin": noise()})})
    return remote


@pytest.fixture
def folder(remote, tmp_path: Path) -> Path:
    return Path(Repository(tmp_path / "copy", clone_from=remote.url).local_dir)


def cut_short(folder: Path, remote: RemoteRepository, *done: str, ref: str) -> str:
    """Begin to go to the remote's tip, and die after some files are written."""
    git = StockGit(folder)
    git("fetch", "--quiet")
    old, new = git("rev-parse", "HEAD"), git("rev-parse", "origin/main")
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, folder, old, new, ref, *done], check=False
    )
    assert killed.returncode == -signal.SIGKILL
    return new


@pytest.mark.parametrize("ref", ["refs/heads/main", ""], ids=["pull", "checkout"])
@pytest.mark.parametrize("done", [(), ("a.txt", "new.txt", "w0.bin")], ids=["nothing", "some"])
def test_what_was_cut_short_is_finished(git, folder, remote, contents, done, ref):
    news = {"a.txt": b"a2\n", "b.txt": b"b2\n", "new.txt": b"n\n", "dir/新.txt": b"1"}
    seed(git, remote, {**news, **with_lfs(remote, contents)})
    new = cut_short(folder, remote, *done, ref=ref)
    (folder / "mine.txt").write_text("mine")
    repo = Repository(folder)
    assert repo.git_head_hash() == new
    there = work_files(folder)
    assert there.items() >= {**news, **contents}.items()
    assert StockGit(folder)("status", "--porcelain") == "?? mine.txt"
    assert not passage.is_pending(WorkTree(folder))


def test_a_half_written_file_is_written_anew(git, folder, remote):
    news = {"a.txt": b"a line, and more\n", "new.txt": b"new, and more\n"}
    seed(git, remote, news)
    new = cut_short(folder, remote, ref="refs/heads/main")
    (folder / "a.txt").write_bytes(b"a line, ")
    (folder / "new.txt").write_bytes(b"")
    assert Repository(folder).git_head_hash() == new
    assert work_files(folder).items() >= news.items()
    assert StockGit(folder)("status", "--porcelain") == ""


def test_what_somebody_changed_since_stays(git, folder, remote):
    seed(git, remote, {"a.txt": b"a2\n", "b.txt": b"b2\n"})
    old = StockGit(folder)("rev-parse", "HEAD")
    cut_short(folder, remote, "a.txt", ref="refs/heads/main")
    (folder / "b.txt").write_text("mine")
    repo = Repository(folder)
    assert repo.git_head_hash() == old
    assert (folder / "b.txt").read_text() == "mine"
    assert not (folder / ".git" / "index.lock").exists()
    assert not passage.is_pending(WorkTree(folder))
    (folder / "b.txt").write_text("b\n")
    repo.push_to_hub("goes on")  # the file that is there already merges with itself


def test_another_passage_meanwhile_settles_it(git, folder, remote):
    seed(git, remote, {"a.txt": b"a2\n"})
    cut_short(folder, remote, ref="refs/heads/main")
    (folder / ".git" / "index.lock").unlink()
    StockGit(folder)("commit", "--quiet", "--allow-empty", "-m", "by hand")
    by_hand = StockGit(folder)("rev-parse", "HEAD")
    assert Repository(folder).git_head_hash() == by_hand
    assert not passage.is_pending(WorkTree(folder))


def test_a_fetch_of_contents_that_was_killed_goes_on(git, remote, tmp_path, contents):
    seed(git, remote, with_lfs(remote, contents))
    folder = tmp_path / "thin"
    Repository(folder, clone_from=remote.url, skip_lfs_files=True)
    (folder / ".git" / "csgrepo" / "fetching").touch()
    Repository(folder, skip_lfs_files=True)
    assert (folder / "w1.bin").read_bytes() != contents["w1.bin"]
    assert Repository(folder).pointers() == []
    assert work_files(folder).items() >= contents.items()
    assert not (folder / ".git" / "csgrepo" / "fetching").exists()


def test_an_ignored_file_is_not_written_over_by_a_pull(git, folder, remote):
    (folder / ".git" / "info" / "exclude").write_text("secret.txt\n")
    (folder / "secret.txt").write_text("mine")
    seed(git, remote, {"secret.txt": b"theirs"})
    with Repository(folder).commit("a save"):
        Path("new.txt").write_text("new")
    assert (folder / "secret.txt").read_text() == "mine"


LITTERING = """
import os, signal, sys
from pathlib import Path
from csgrepo.lfs import attributes
from csgrepo.repository.layout import WorkTree
from csgrepo.repository.turn import turn
tree = WorkTree(Path(sys.argv[1]))
os.fsync = lambda handle: os.kill(os.getpid(), signal.SIGKILL)  # all is written, nothing renamed
with turn(tree, "a save"), tree.store.temporary() as (path, target):
    target.write(b"half")
    attributes.track(tree.folder, [b"*.new"], tree.temporary_dir())
"""


def test_a_killed_process_leaves_no_litter(folder):
    killed = subprocess.run([sys.executable, "-c", LITTERING, folder], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert StockGit(folder)("status", "--porcelain") == ""
    places = [folder / ".git" / "lfs" / "tmp", folder / ".git" / "csgrepo" / "tmp"]
    assert [len(list(place.iterdir())) for place in places] == [1, 1]
    tree = WorkTree(folder)
    with tree.store.temporary() as (mine, _):
        Repository(folder).git_add()
        assert [list(place.iterdir()) for place in places] == [[mine], []]
