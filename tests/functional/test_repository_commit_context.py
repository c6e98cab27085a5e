"""`with repo.commit(...)`: all or nothing, and the process is where it was on every way out."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import pytest

from csgrepo import GitError, InvalidInput, PushRejected, RemoteUnreachable, Repository
from tests.functional.copies import (
    committed,
    noise,
    raised,
    refs,
    reject_pushes,
    seed,
    state,
    work_files,
)
from tests.stock import RemoteRepository, StockGit


@pytest.fixture
def remote(bare_remote) -> RemoteRepository:
    return bare_remote()


@pytest.fixture
def repo(remote, tmp_path: Path) -> Repository:
    repo = Repository(tmp_path / "copy", clone_from=remote.url)
    (tmp_path / "copy" / "a.txt").write_text("a\n")
    repo.push_to_hub("first")
    return repo


@pytest.fixture
def folder(repo: Repository) -> Path:
    return Path(repo.local_dir)


class Preempted(BaseException):
    """Not even an `Exception`."""


INTERRUPTIONS = [ValueError("bad batch"), KeyboardInterrupt(), SystemExit(3), Preempted()]


@pytest.mark.parametrize("error", INTERRUPTIONS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("blocking", [True, False], ids=["blocking", "later"])
def test_a_body_that_raises_commits_nothing(repo, folder, remote, error, blocking):
    (folder / "staged.txt").write_text("staged before")
    repo.git_add("staged.txt")
    before, there, here = state(folder), refs(remote.path), os.getcwd()

    def train() -> None:
        with repo.commit("half", blocking=blocking):
            Path("half.bin").write_bytes(noise())
            raise error

    caught = raised(type(error), train)
    assert caught is error
    after = state(folder)
    assert (after.head, after.refs, after.index) == (before.head, before.refs, before.index)
    assert set(after.files) - set(before.files) == {"half.bin"}
    assert refs(remote.path) == there
    assert os.getcwd() == here
    assert repo.command_queue == []


def test_the_body_runs_in_the_working_copy_and_the_rest_does_not(repo, folder):
    here = os.getcwd()
    with repo.commit("x"):
        assert Path.cwd() == folder
        Path("made.txt").write_text("made")
    assert os.getcwd() == here
    assert committed(StockGit(folder))["made.txt"] == b"made"


def test_a_body_may_change_the_folder_itself(repo, folder, tmp_path):
    here = os.getcwd()
    (tmp_path / "else").mkdir()
    with repo.commit("x"):
        os.chdir(tmp_path / "else")
        (folder / "made.txt").write_text("made")
    assert os.getcwd() == here
    assert "made.txt" in committed(StockGit(folder))


def test_a_push_that_fails_leaves_the_process_where_it_was(repo, folder, remote):
    reject_pushes(remote, "no")
    here, there = os.getcwd(), refs(remote.path)
    with pytest.raises(PushRejected), repo.commit("refused"):
        Path("w.bin").write_bytes(noise())
    assert os.getcwd() == here
    assert refs(remote.path) == there
    assert "w.bin" in committed(StockGit(folder))
    (remote.path / "hooks" / "pre-receive").unlink()
    with repo.commit("nothing new"):
        pass
    assert refs(remote.path)["refs/heads/main"] == repo.git_head_hash()


def test_an_add_that_fails_leaves_everything_where_it_was(repo, folder, remote):
    before, here = state(folder), os.getcwd()

    def train() -> None:
        with repo.commit("no attributes"):
            Path(".gitattributes").unlink(missing_ok=True)
            Path(".gitattributes").mkdir()
            Path("w.bin").write_bytes(noise())

    raised(InvalidInput, train)
    after = state(folder)
    assert (after.head, after.refs, after.index) == (before.head, before.refs, before.index)
    assert os.getcwd() == here


def test_a_remote_that_does_not_answer(repo, folder, remote, monkeypatch):
    """Blocking, it is known before the training has done the work."""
    StockGit(folder)("remote", "set-url", "origin", "http://127.0.0.1:9/a/b.git")
    before = state(folder)
    with pytest.raises(RemoteUnreachable), repo.commit("never begun"):
        pytest.fail("the body ran")
    assert state(folder) == before


def test_news_of_the_remote_come_in_first(git, repo, folder, remote):
    theirs = seed(git, remote, {"theirs.txt": b"theirs\n"})
    with repo.commit("mine"):
        assert Path("theirs.txt").read_text() == "theirs\n"
        Path("mine.txt").write_text("mine")
    assert StockGit(folder)("rev-parse", "HEAD^") == theirs
    assert set(committed(StockGit(remote.path), "main")) >= {"mine.txt", "theirs.txt"}


def test_nothing_made_is_nothing_committed(repo, remote):
    before = refs(remote.path)
    with repo.commit("nothing"):
        pass
    assert refs(remote.path) == before


def test_deleted_files_are_committed(repo, folder, remote):
    with repo.commit("delete"):
        Path("a.txt").unlink()
    assert "a.txt" not in committed(StockGit(remote.path), "main")


def test_a_branch_that_only_the_remote_has(git, repo, folder, remote):
    theirs = seed(git, remote, {"theirs.txt": b"1"}, branch="dev")
    with repo.commit("on theirs", branch="dev"):
        Path("mine.txt").write_text("mine")
    assert StockGit(remote.path)("rev-parse", "dev^") == theirs


@pytest.mark.parametrize("error", [None, ValueError("inner")])
def test_one_inside_the_other(bare_remote, repo, folder, tmp_path, error):
    other = Repository(tmp_path / "other", clone_from=bare_remote().url)
    here = os.getcwd()
    with repo.commit("outer"):
        Path("outer.txt").write_text("outer")
        try:
            with other.commit("inner"):
                assert Path.cwd() == tmp_path / "other"
                Path("inner.txt").write_text("inner")
                if error:
                    raise error
        except ValueError:
            pass
        assert Path.cwd() == folder
    assert os.getcwd() == here
    assert "outer.txt" in committed(StockGit(folder))
    inner = StockGit(tmp_path / "other").run("ls-tree", "--name-only", "HEAD").stdout.decode()
    assert ("inner.txt" in inner) == (error is None)


def test_two_threads_commit_to_two_repositories(bare_remote, tmp_path):
    remotes = [bare_remote(), bare_remote()]
    repos = [
        Repository(tmp_path / f"copy{n}", clone_from=remote.url) for n, remote in enumerate(remotes)
    ]
    here, environment = os.getcwd(), dict(os.environ)
    heard: list[set[str]] = [set(), set()]
    for number, repo in enumerate(repos):
        repo.reporter.listen(lambda event, n=number: heard[n].add(event.source))
    errors: list[BaseException] = []

    def train(number: int) -> None:
        try:
            for step in range(20):
                with repos[number].commit(f"step {step}", blocking=step % 4 == 0):
                    Path(f"{number}.bin").write_bytes(bytes([number, step]) * 500)
            repos[number].wait_for_commands()
        except BaseException as error:  # noqa: BLE001 - told to the test
            errors.append(error)

    threads = [threading.Thread(target=train, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert os.getcwd() == here
    assert dict(os.environ) == environment
    for number, (repo, remote) in enumerate(zip(repos, remotes, strict=True)):
        assert StockGit(remote.path)("rev-list", "--count", "main") == "20"
        assert refs(remote.path)["refs/heads/main"] == repo.git_head_hash()
        names = {name for name in work_files(tmp_path / f"copy{number}") if name.endswith(".bin")}
        assert names == {f"{number}.bin"}
        assert heard[number] == {repo.local_dir}


def test_pushes_in_the_background_arrive_in_order(repo, remote):
    for step in range(5):
        with repo.commit(f"step {step}", blocking=False):
            Path("w.bin").write_bytes(noise())
    assert len(repo.command_queue) == 5
    repo.wait_for_commands()
    assert [command.status for command in repo.command_queue] == [0] * 5
    subjects = StockGit(remote.path)("log", "--reverse", "--format=%s", "main").split("\n")
    assert subjects == ["first", *(f"step {step}" for step in range(5))]


def test_what_is_written_after_a_background_push_was_begun_is_not_in_it(repo, folder, tmp_path):
    first = noise(200_000)
    with repo.commit("step 1", blocking=False):
        Path("w.bin").write_bytes(first)
    (folder / "w.bin").write_bytes(noise(200_000))
    repo.wait_for_commands()
    Repository(tmp_path / "there", clone_from=repo.git_remote_url())
    assert (tmp_path / "there" / "w.bin").read_bytes() == first


def test_a_repository_that_is_gone_says_so(repo, folder):
    folder.rename(folder.with_name("moved"))
    here = os.getcwd()
    error = raised((GitError, InvalidInput), lambda: repo.commit("x").__enter__())
    assert str(folder) in str(error)
    assert os.getcwd() == here


def test_a_current_folder_that_is_gone_is_no_hindrance(repo, folder, tmp_path, monkeypatch):
    """A job's temporary folder may have been cleared away under it."""
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with repo.commit("x"):
        Path("made.txt").write_text("made")
    assert "made.txt" in committed(StockGit(folder))


# -- event loops -----------------------------------------------------------------------------------


def test_tasks_of_one_loop_do_not_mix_what_they_save(repo, folder, remote, bare_remote, tmp_path):
    """A task that awaits in the body lets others run, which stand where it stands."""
    other = Repository(tmp_path / "other", clone_from=bare_remote().url)
    here = os.getcwd()

    async def main() -> list[object]:
        is_inside, may_leave = asyncio.Event(), asyncio.Event()

        async def save() -> None:
            with repo.commit("half"):
                Path("half.txt").write_text("half")
                is_inside.set()
                await may_leave.wait()
                await asyncio.gather(asyncio.to_thread(int), stage())  # its own tasks may
                Path("whole.txt").write_text("whole")

        async def stage() -> None:
            repo.git_add("half.txt")

        async def disturb() -> None:
            await is_inside.wait()
            try:
                for act in (repo.push_to_hub, other.commit("mixed up").__enter__):
                    error = raised(GitError, act)
                    assert "another task" in str(error)
                    assert "to_thread" in str(error)
            finally:
                may_leave.set()

        return await asyncio.gather(save(), disturb())

    asyncio.run(main())
    assert os.getcwd() == here
    assert set(committed(StockGit(remote.path), "main")) >= {"half.txt", "whole.txt"}
    assert not other.command_queue
    with other.commit("afterwards"):
        Path("mine.txt").write_text("mine")
