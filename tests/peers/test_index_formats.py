"""The index in every form git writes it: after csgrepo's add and commit nothing is lost or wrong.

Git's own commands judge: `fsck`, `status`, `ls-files --debug`, and the tree of the commit.
"""

from __future__ import annotations

import re
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from csgrepo import Repository
from csgrepo.errors import GitError
from csgrepo.git import index, locks
from csgrepo.lfs.pointer import Pointer
from csgrepo.progress import Event
from tests.peers import samples
from tests.processes import held_open
from tests.stock import StockGit

ONE, TWO = samples.content("one", 4000), samples.content("two", 4000)


def begin(git: StockGit, *options: str) -> StockGit:
    """Make a repository with fifty large and fifty small files in ten folders, by stock git."""
    git("init", "--quiet", *options, "work")
    work = git.at("work")
    work("lfs", "track", "*.bin")
    names = [f"d{i % 10}/{i:02}" for i in range(50)]
    samples.write(work.cwd, {f"{name}.bin": samples.content(name, 2000) for name in names})
    samples.write(work.cwd, {f"{name}.txt": f"{name}\n".encode() for name in names})
    work("add", ".")
    work("commit", "--quiet", "-m", "Begin")
    return work


@pytest.fixture
def work(stock_lfs: StockGit) -> StockGit:
    return begin(stock_lfs)


def change(folder: Path) -> dict[str, str]:
    """Change files of every kind; return what `git show --name-status` must say of the commit."""
    samples.write(
        folder,
        {
            "d1/01.bin": ONE,
            "d2/02.txt": b"changed\n",
            "d0/new.bin": TWO,
            "new/new.txt": b"new\n",
            "zz.bin": ONE,
        },
    )
    (folder / "d3/03.bin").unlink(missing_ok=True)
    (folder / "d4/04.txt").unlink(missing_ok=True)
    return {
        "d1/01.bin": "M",
        "d2/02.txt": "M",
        "d0/new.bin": "A",
        "new/new.txt": "A",
        "zz.bin": "A",
        "d3/03.bin": "D",
        "d4/04.txt": "D",
    }


def committed(work: StockGit) -> dict[str, str]:
    """Return path to letter for what the last commit changed."""
    fields = work("show", "--name-status", "--no-renames", "--format=", "-z").split("\0")
    return dict(zip(fields[1::2], fields[0::2], strict=False))


def noted(work: StockGit) -> dict[str, dict[str, int]]:
    """Return the stat data that git reads from the index: path to field to value."""
    found = {}
    listing = work("-c", "core.quotePath=false", "ls-files", "--debug")
    pattern = re.compile(
        r"^(?P<path>\S.*)\n  ctime: (?P<ctime>\d+):(?P<ctime_ns>\d+)\n"
        r"  mtime: (?P<mtime>\d+):(?P<mtime_ns>\d+)\n"
        r"  dev: (?P<dev>\d+)\tino: (?P<ino>\d+)\n"
        r"  uid: (?P<uid>\d+)\tgid: (?P<gid>\d+)\n"
        r"  size: (?P<size>\d+)\tflags: (?P<flags>[0-9a-f]+)$",
        re.MULTILINE,
    )
    for match in pattern.finditer(listing):
        facts = match.groupdict()
        path = facts.pop("path")
        found[path] = {
            name: int(value, 16 if name == "flags" else 10) for name, value in facts.items()
        }
    return found


def check(work: StockGit, expected: dict[str, str]) -> None:
    """See that the commit holds what was changed, pointers where due, and that git is content."""
    work("fsck", "--full", "--strict")
    work("lfs", "fsck")
    assert work("status", "--porcelain") == ""
    assert committed(work) == expected
    facts = noted(work)
    for path, letter in expected.items():
        if letter == "D":
            assert path not in facts
            continue
        content = (work.cwd / path).read_bytes()
        blob = work.run("cat-file", "blob", f"HEAD:{path}").stdout
        pointer = Pointer.parse(blob)
        assert (pointer.oid if pointer else None) == (
            samples.digest(content) if path.endswith(".bin") else None
        )
        seen = (work.cwd / path).lstat()
        assert facts[path]["size"] in {seen.st_size, 0}  # 0: to be looked at again
        if facts[path]["size"]:
            assert facts[path]["mtime"] == int(seen.st_mtime)
            assert facts[path]["ino"] == seen.st_ino & 0xFFFFFFFF


def add_and_commit(work: StockGit) -> dict[str, str]:
    expected = change(work.cwd)
    repo = Repository(work.cwd)
    repo.git_add()
    assert work("diff", "--cached", "--name-only", "--no-renames").split("\n") == sorted(expected)
    assert work("diff", "--name-only") == ""
    repo.git_commit("By csgrepo")
    return expected


@pytest.mark.parametrize("version", ["2", "3", "4"])
def test_index_version_is_kept(work: StockGit, version: str) -> None:
    work("config", "index.version", version)
    work("update-index", "--index-version", version)

    check(work, add_and_commit(work))

    kept = (work.cwd / ".git/index").read_bytes()[7]
    assert kept in ({4} if version == "4" else {2, 3})


@pytest.mark.parametrize("configured", [True, False])
def test_split_index(work: StockGit, configured: bool) -> None:
    if configured:
        work("config", "core.splitIndex", "true")
    work("update-index", "--split-index")
    samples.write(work.cwd, {"d5/05.txt": b"into the split-off part\n"})
    work("add", "d5/05.txt")
    work("commit", "--quiet", "-m", "Split")
    assert list((work.cwd / ".git").glob("sharedindex.*"))

    check(work, add_and_commit(work))


def test_untracked_cache(work: StockGit) -> None:
    work("config", "core.untrackedCache", "true")
    work("update-index", "--force-untracked-cache")
    work("status")
    work("status")
    assert b"UNTR" in (work.cwd / ".git/index").read_bytes()

    check(work, add_and_commit(work))

    assert b"UNTR" in (work.cwd / ".git/index").read_bytes()
    samples.write(work.cwd, {"d6/later.txt": b"later\n"})
    assert work("status", "--porcelain") == "?? d6/later.txt"


def test_fsmonitor(work: StockGit, tmp_path: Path) -> None:
    hook = tmp_path / "monitor"
    hook.write_text("#!/bin/sh\nprintf 'token\\0/\\0'\n")  # everything may have changed
    hook.chmod(0o755)
    work("config", "core.fsmonitor", str(hook))
    work("update-index", "--fsmonitor")
    work("status")
    assert b"FSMN" in (work.cwd / ".git/index").read_bytes()

    check(work, add_and_commit(work))


def test_index_with_offset_table_for_threads(work: StockGit) -> None:
    work("config", "index.threads", "2")
    work("config", "index.recordEndOfIndexEntries", "true")
    work("config", "index.recordOffsetTable", "true")
    work("update-index", "--force-write-index")
    assert b"EOIE" in (work.cwd / ".git/index").read_bytes()

    check(work, add_and_commit(work))


@pytest.mark.parametrize("sparse_index", [True, False])
def test_sparse_checkout_by_folders(work: StockGit, sparse_index: bool) -> None:
    option = "--sparse-index" if sparse_index else "--no-sparse-index"
    work("sparse-checkout", "init", "--cone", option)
    work("sparse-checkout", "set", "d1", "d2", "d3")
    assert not (work.cwd / "d5").exists()
    before = work("ls-tree", "-r", "HEAD", "--", "d0", "d4", "d5", "d6", "d7", "d8", "d9")
    samples.write(work.cwd, {"d1/01.bin": ONE, "d2/02.txt": b"changed\n", "d1/new.bin": TWO})
    (work.cwd / "d3/03.bin").unlink()
    expected = {"d1/01.bin": "M", "d2/02.txt": "M", "d1/new.bin": "A", "d3/03.bin": "D"}
    repo = Repository(work.cwd)
    assert not repo.is_repo_clean()
    assert repo.list_deleted_files() == ["d3/03.bin"]

    repo.git_add()
    repo.git_commit("By csgrepo")

    check(work, expected)
    assert repo.is_repo_clean()
    after = work("ls-tree", "-r", "HEAD", "--", "d0", "d4", "d5", "d6", "d7", "d8", "d9")
    assert after == before
    assert not (work.cwd / "d5").exists()
    work("sparse-checkout", "disable")
    assert (work.cwd / "d5/05.bin").read_bytes() == samples.content("d5/05", 2000)
    assert work("status", "--porcelain") == ""


def test_sparse_checkout_by_patterns(work: StockGit) -> None:
    work("sparse-checkout", "set", "--no-cone", "/*", "!d5/*.txt", "!*8.bin")
    assert not (work.cwd / "d5/05.txt").exists()
    assert not (work.cwd / "d8/08.bin").exists()

    check(work, add_and_commit(work))

    assert work("cat-file", "-e", "HEAD:d8/08.bin") == ""
    assert work("ls-files", "-t", "d8/08.bin", "d5/05.txt").count("S ") == 2


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
def test_files_git_was_told_not_to_look_at_are_left_alone(work: StockGit, flag: str) -> None:
    work("update-index", flag, "d7/07.bin", "d7/17.txt")
    samples.write(work.cwd, {"d7/07.bin": ONE, "d7/17.txt": b"private\n"})
    letters = {"--assume-unchanged": ("-v", "h "), "--skip-worktree": ("-t", "S ")}[flag]
    before = work("ls-files", letters[0])

    check(work, add_and_commit(work))

    assert (work.cwd / "d7/07.bin").read_bytes() == ONE
    after = set(work("ls-files", letters[0]).split("\n"))
    flagged = {line for line in before.split("\n") if line.startswith(letters[1])}
    assert len(flagged) == 2
    assert flagged <= after


def test_intent_to_add_is_added_and_else_left(work: StockGit) -> None:
    samples.write(work.cwd, {"zz.bin": ONE, "new/new.txt": b"new\n", "d0/new.bin": TWO})
    work("add", "--intent-to-add", "zz.bin", "new/new.txt", "d0/new.bin")
    repo = Repository(work.cwd)
    repo.git_add("zz.bin")
    assert work("status", "--porcelain") == " A d0/new.bin\n A new/new.txt\nA  zz.bin"
    repo.git_commit("One of them")
    assert committed(work) == {"zz.bin": "A"}
    assert work("status", "--porcelain") == " A d0/new.bin\n A new/new.txt"
    assert not repo.is_repo_clean()

    repo.git_add()
    repo.git_commit("The others")

    check(work, {"d0/new.bin": "A", "new/new.txt": "A"})


@pytest.mark.parametrize("resolution", ["content", "deletion"])
def test_unmerged_entries_are_resolved_by_what_is_in_the_work_tree(
    work: StockGit, resolution: str
) -> None:
    work("checkout", "--quiet", "-b", "side")
    samples.write(work.cwd, {"d1/01.bin": ONE, "d2/02.txt": b"side\n", "both.bin": ONE})
    work("rm", "--quiet", "d6/06.bin")
    work("add", ".")
    work("commit", "--quiet", "-m", "Side")
    work("checkout", "--quiet", "main")
    samples.write(
        work.cwd,
        {"d1/01.bin": TWO, "d2/02.txt": b"main\n", "both.bin": TWO, "d6/06.bin": TWO},
    )
    work("add", ".")
    work("commit", "--quiet", "-m", "Main")
    assert work.run("merge", "side").returncode == 1
    assert len(work("ls-files", "-u").split("\n")) == 10
    repo = Repository(work.cwd)

    paths = ("d1/01.bin", "d2/02.txt", "both.bin", "d6/06.bin")
    merged = {path: b"merged " + path.encode() * 50 for path in paths}
    if resolution == "content":
        samples.write(work.cwd, merged)
    else:
        for path in paths:
            (work.cwd / path).unlink()
    repo.git_add()
    assert work("ls-files", "-u") == ""
    repo.git_commit("Merged")

    assert len(work("show", "--no-patch", "--format=%P").split()) == 2
    work("fsck", "--full", "--strict")
    work("lfs", "fsck")
    assert work("status", "--porcelain") == ""
    listed = work("ls-tree", "-r", "--name-only", "HEAD").split("\n")
    assert [path in listed for path in paths] == [resolution == "content"] * 4
    if resolution == "content":
        pointer = Pointer.parse(work.run("cat-file", "blob", "HEAD:d6/06.bin").stdout)
        assert pointer is not None
        assert pointer.oid == samples.digest(merged["d6/06.bin"])


def test_index_without_checksum_stays_readable(work: StockGit) -> None:
    """Git from 2.40 on leaves it out under `index.skipHash`, and writes zeros."""
    path = work.cwd / ".git/index"
    samples.write(work.cwd, {"zz.bin": ONE})
    Repository(work.cwd).git_add()
    path.write_bytes(path.read_bytes()[:-20] + bytes(20))
    oid = work("rev-parse", ":zz.bin")

    filled = index.write_stats(work.cwd, path, {"zz.bin": (oid, (work.cwd / "zz.bin").lstat())})

    assert filled == 1
    assert path.read_bytes()[-20:] == bytes(20)
    assert work("status", "--porcelain") == "A  zz.bin"
    work("commit", "--quiet", "-m", "By git")
    check(work, {"zz.bin": "A"})


def test_index_with_skip_hash_setting(work: StockGit) -> None:
    work("config", "index.skipHash", "true")
    work("update-index", "--force-write-index")

    check(work, add_and_commit(work))


def test_sha256_repository(stock_lfs: StockGit) -> None:
    work = begin(stock_lfs, "--object-format=sha256")
    repo = Repository(work.cwd)
    repo.lfs_track("*.weights")
    repo.git_add()
    repo.git_commit("Track")
    assert len(repo.git_head_hash()) == 64

    check(work, add_and_commit(work))

    assert repo.is_repo_clean()
    repo.git_checkout("side", create_branch_ok=True)
    samples.write(work.cwd, {"d1/01.bin": TWO})
    repo.git_add()
    repo.git_commit("Side")
    repo.git_checkout("main")
    assert (work.cwd / "d1/01.bin").read_bytes() == ONE
    repo.add_tag("v1", "one")
    assert repo.tag_exists("v1")


def test_sha256_repository_is_pushed_and_cloned(stock_lfs: StockGit) -> None:
    stock_lfs("init", "--quiet", "--bare", "--object-format=sha256", "remote.git")
    work = begin(stock_lfs, "--object-format=sha256")
    work("remote", "add", "origin", stock_lfs.cwd / "remote.git")
    repo = Repository(work.cwd)

    repo.git_push()
    copy = Repository(stock_lfs.cwd / "copy", clone_from=str(stock_lfs.cwd / "remote.git"))

    assert samples.tree(Path(copy.local_dir)) == samples.tree(work.cwd)
    assert copy.verify()


def test_git_folder_apart_from_the_work_tree(stock_lfs: StockGit) -> None:
    work = begin(stock_lfs, f"--separate-git-dir={stock_lfs.cwd / 'apart'}")
    assert (work.cwd / ".git").is_file()

    check(work, add_and_commit(work))


def test_entry_in_every_stage_of_life_has_the_mode_of_its_file(work: StockGit) -> None:
    for name in ("d1/01.bin", "d2/02.txt"):
        (work.cwd / name).chmod(0o755)
    samples.write(work.cwd, {"tool.bin": ONE})
    (work.cwd / "tool.bin").chmod(0o755)
    repo = Repository(work.cwd)

    repo.git_add()
    repo.git_commit("Modes")

    check(work, {"d1/01.bin": "M", "d2/02.txt": "M", "tool.bin": "A"})
    listing = work("ls-files", "-s", "tool.bin", "d1/01.bin", "d2/02.txt")
    assert [line.split()[0] for line in listing.split("\n")] == ["100755"] * 3


def test_file_modes_are_ignored_where_git_ignores_them(work: StockGit) -> None:
    work("config", "core.fileMode", "false")
    work("update-index", "--chmod=+x", "d1/01.bin")
    work("commit", "--quiet", "-m", "A tool")
    samples.write(work.cwd, {"d1/01.bin": ONE, "new.bin": TWO})
    (work.cwd / "new.bin").chmod(0o755)
    assert not (work.cwd / "d1/01.bin").stat().st_mode & stat.S_IXUSR
    repo = Repository(work.cwd)

    repo.git_add()
    repo.git_commit("Content")

    check(work, {"d1/01.bin": "M", "new.bin": "A"})
    listing = work("ls-files", "-s", "d1/01.bin", "new.bin")
    assert [line.split()[0] for line in listing.split("\n")] == ["100755", "100644"]
    assert repo.is_repo_clean()


# -- the lock ----------------------------------------------------------------------------------


@pytest.fixture
def locked(work: StockGit) -> Path:
    lock = work.cwd / ".git/index.lock"
    lock.touch()
    return lock


def test_index_another_command_holds_is_a_clear_error_and_nothing_is_lost(
    work: StockGit, locked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "_OWNED_PATIENCE_S", 0.2)
    change(work.cwd)
    before = (work.cwd / ".git/index").read_bytes()
    files = samples.tree(work.cwd)
    repo = Repository(work.cwd)

    with held_open(locked) as other, pytest.raises(GitError, match=rf"held by .* {other}\)"):
        repo.git_add()

    assert (work.cwd / ".git/index").read_bytes() == before
    assert samples.tree(work.cwd) == files
    assert locked.exists()
    locked.unlink()
    check(work, add_and_commit(work))


@pytest.mark.parametrize("hook", [False, True])
def test_commit_while_another_command_holds_the_index_is_whole_or_a_clear_error(
    work: StockGit, monkeypatch: pytest.MonkeyPatch, hook: bool
) -> None:
    """Only a hook that may stage files needs the index itself."""
    monkeypatch.setattr(locks, "_OWNED_PATIENCE_S", 0.2)
    expected = change(work.cwd)
    repo = Repository(work.cwd)
    repo.git_add()
    lock = work.cwd / ".git/index.lock"
    lock.touch()

    if hook:
        program = work.cwd / ".git/hooks/pre-commit"
        program.parent.mkdir(exist_ok=True)
        program.write_text("#!/bin/sh\nexit 0\n")
        program.chmod(0o755)
        with held_open(lock) as other, pytest.raises(GitError, match=rf"held by .* {other}\)"):
            repo.git_commit("Too early")
        assert work("log", "--format=%s") == "Begin"
        lock.unlink()
        repo.git_commit("Now")
    else:
        repo.git_commit("What is staged")
        lock.unlink()

    check(work, expected)


def test_index_another_command_holds_for_a_moment_is_waited_for(
    work: StockGit, locked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "_PATIENCE_S", 500.0)
    expected = change(work.cwd)
    repo = Repository(work.cwd)
    timer = threading.Timer(0.3, locked.unlink)
    timer.start()

    repo.git_add()

    timer.join()
    repo.git_commit("By csgrepo")
    check(work, expected)


# -- seconds -----------------------------------------------------------------------------------


def test_rewrite_at_equal_length_right_after_the_add_is_noticed(work: StockGit) -> None:
    repo = Repository(work.cwd)
    samples.write(work.cwd, {"zz.bin": ONE, "d1/01.bin": ONE})
    repo.git_add()
    samples.write(work.cwd, {"zz.bin": TWO, "d1/01.bin": TWO})

    assert work("status", "--porcelain") == "MM d1/01.bin\nAM zz.bin"
    assert not repo.is_repo_clean()
    repo.git_add()

    repo.git_commit("Second")
    check(work, {"zz.bin": "A", "d1/01.bin": "M"})


def _begin_a_second() -> None:
    while time.time() % 1 > 0.3:
        time.sleep(0.01)


def _end_the_second() -> None:
    now = int(time.time())
    while int(time.time()) == now:
        time.sleep(0.01)


def test_rewrite_between_reading_and_the_index_is_noticed(work: StockGit) -> None:
    """Git compares whole seconds: an index written in the next one would call the file clean."""
    repo = Repository(work.cwd)

    def rewrite(event: Event) -> None:
        if (event.phase, event.item, event.state) == ("hash", "zz.bin", "done"):
            samples.write(work.cwd, {"zz.bin": TWO})
            _end_the_second()

    repo.reporter.listen(rewrite)
    _begin_a_second()
    samples.write(work.cwd, {"zz.bin": ONE})
    repo.git_add()
    assert (work.cwd / "zz.bin").read_bytes() == TWO

    assert work("status", "--porcelain") == "AM zz.bin"
    repo.git_add()
    repo.git_commit("Second")
    check(work, {"zz.bin": "A"})


def test_rewrite_after_a_checkout_is_noticed(work: StockGit) -> None:
    repo = Repository(work.cwd)
    repo.git_checkout("side", create_branch_ok=True)
    samples.write(work.cwd, {"zz.bin": ONE})
    repo.git_add()
    repo.git_commit("Side")
    repo.git_checkout("main")
    repo.git_checkout("side")
    assert work("status", "--porcelain") == ""

    samples.write(work.cwd, {"zz.bin": TWO})

    assert work("status", "--porcelain") == " M zz.bin"
    repo.git_add()
    repo.git_commit("Second")
    check(work, {"zz.bin": "M"})


def test_status_after_an_add_in_an_earlier_second_reads_no_large_file(
    work: StockGit, filtered: Callable[[], set[str]]
) -> None:
    samples.write(work.cwd, {"zz.bin": ONE, "d1/01.bin": ONE})
    _end_the_second()
    Repository(work.cwd).git_add()
    filtered()

    assert work("status", "--porcelain") == "M  d1/01.bin\nA  zz.bin"

    assert filtered() == set()
