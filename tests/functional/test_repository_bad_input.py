"""What people get wrong: a typed error that says what to do, and everything as it was."""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path

import pytest

import csgrepo
from csgrepo import (
    AuthenticationFailed,
    CsgRepoError,
    Forbidden,
    GitError,
    InvalidInput,
    MergeConflict,
    NotARepository,
    NothingToCommit,
    PushRejected,
    QueueError,
    RemoteNotFound,
    RemoteUnreachable,
    Repository,
    Unauthorized,
    UnknownRevision,
)
from tests.conftest import Account
from tests.functional.copies import (
    committed,
    noise,
    raised,
    refs,
    reject_pushes,
    seed,
    state,
    work_files,
    write_hook,
)
from tests.stock import RemoteRepository, StockGit

REFUSED = (AuthenticationFailed, Unauthorized, Forbidden)


@pytest.fixture
def repo(bare_remote, tmp_path: Path) -> Repository:
    """A clone with one commit, of a remote that anybody may write."""
    remote = bare_remote()
    repo = Repository(tmp_path / "copy", clone_from=remote.url)
    (tmp_path / "copy" / "a.txt").write_text("a\n")
    (tmp_path / "copy" / "w.bin").write_bytes(noise())
    repo.push_to_hub("first")
    return repo


@pytest.fixture
def folder(repo: Repository) -> Path:
    return Path(repo.local_dir)


def remote_path(repo: Repository) -> Path:
    return Path(repo.git_remote_url().removeprefix("file://"))


# -- the folder ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["absent", "empty", "with files", "inside a repository"])
def test_no_repository(git, tmp_path, kind):
    folder = tmp_path / "here"
    if kind == "inside a repository":
        git("init", "--quiet", "outer")
        folder = tmp_path / "outer" / "sub"
    if kind != "absent":
        folder.mkdir()
    if kind == "with files":
        (folder / "a.txt").write_text("a")
    before = work_files(tmp_path)
    error = raised(NotARepository, lambda: Repository(folder))
    assert isinstance(error, ValueError)
    assert str(folder) in str(error)
    assert "clone_from" in str(error)
    assert work_files(tmp_path) == before
    assert folder.exists() == (kind != "absent")


def test_a_repository_without_anything_in_it(tmp_path):
    (tmp_path / "here" / ".git").mkdir(parents=True)
    with pytest.raises(NotARepository):
        Repository(tmp_path / "here")


def test_a_bare_repository_is_no_working_copy(git, tmp_path):
    git("init", "--quiet", "--bare", "bare.git")
    with pytest.raises(NotARepository):
        Repository(tmp_path / "bare.git")


def test_a_file_in_the_way(bare_remote, tmp_path):
    (tmp_path / "file").write_text("mine")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        error = raised(InvalidInput, lambda at=place: Repository(at, clone_from=bare_remote().url))
        assert f"{tmp_path / 'file'} is a file" in str(error)
    with pytest.raises(NotARepository):
        Repository(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"


def test_a_dangling_link_in_the_way(bare_remote, tmp_path):
    (tmp_path / "link").symlink_to("nowhere")
    error = raised(
        InvalidInput, lambda: Repository(tmp_path / "link", clone_from=bare_remote().url)
    )
    assert "link" in str(error)
    assert os.readlink(tmp_path / "link") == "nowhere"


def test_a_clone_of_something_else(bare_remote, repo, folder):
    before = state(folder)
    other = bare_remote("other")
    error = raised(InvalidInput, lambda: Repository(folder, clone_from=other.url))
    assert repo.git_remote_url() in str(error)
    assert other.url in str(error)
    assert state(folder) == before


def test_a_repository_without_a_remote(git, bare_remote, tmp_path):
    git("init", "--quiet", "here")
    (tmp_path / "here" / "a.txt").write_text("a")
    before = state(tmp_path / "here")
    error = raised(
        InvalidInput, lambda: Repository(tmp_path / "here", clone_from=bare_remote().url)
    )
    assert "git remote add origin" in str(error)
    assert state(tmp_path / "here") == before
    alone = Repository(tmp_path / "here")
    alone.git_add()
    alone.git_commit()
    for call in (alone.git_push, alone.git_pull, alone.git_remote_url, alone.lfs_prune):
        assert "has no remote 'origin'" in str(raised(GitError, call))


def test_the_same_clone_again_is_taken_as_it_is(repo, folder):
    (folder / "mine.txt").write_text("not committed")
    before = state(folder)
    again = Repository(folder, clone_from=repo.git_remote_url())
    assert again.git_head_hash() == repo.git_head_hash()
    assert state(folder) == before


# -- the remote ------------------------------------------------------------------------------------


def test_a_repository_that_does_not_exist(signed_in, bare_remote, tmp_path):
    for address in (f"{signed_in.name}/absent", f"file://{tmp_path}/absent.git"):
        error = raised(
            RemoteNotFound, lambda at=address: Repository(tmp_path / "copy", clone_from=at)
        )
        assert "check the name" in str(error) or "Check the address" in str(error)
        assert not (tmp_path / "copy").exists()
    assert [p.name for p in tmp_path.iterdir() if "copy" in p.name] == []


def test_the_wrong_type(signed_in, hub_remote, tmp_path):
    remote = hub_remote(kind="datasets")
    name = "/".join(remote.url.removesuffix(".git").split("/")[-2:])
    with pytest.raises(RemoteNotFound, match="repo_type"):
        Repository(tmp_path / "copy", clone_from=name)
    with pytest.raises(InvalidInput, match="unknown repo_type 'data'"):
        Repository(tmp_path / "copy", clone_from=name, repo_type="data")


def test_a_hub_that_is_not_there(tmp_path, monkeypatch):
    import socket

    with socket.socket() as taken:  # nobody listens on a port that is only bound
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("CSGHUB_ENDPOINT", f"http://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(RemoteUnreachable, match="Check the address and the network"):
            Repository(tmp_path / "copy", clone_from="wanda/model")
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize("token", ["0" * 32, "notatokenofthishub"])
def test_a_wrong_token(hub, hub_remote, tmp_path, account, token):
    api = csgrepo.HubApi(endpoint=hub.url, token=account.token)
    api.create_repo(f"{account.name}/secret-model", private=True)
    error = raised(
        (AuthenticationFailed, RemoteNotFound),
        lambda: Repository(
            tmp_path / "copy",
            clone_from=f"{account.name}/secret-model",
            token=token,
            endpoint=hub.url,
        ),
    )
    assert "csgrepo login" in str(error) or "needs a token" in str(error)
    assert token not in str(error)
    assert not (tmp_path / "copy").exists()
    public = hub_remote()
    repo = Repository(tmp_path / "copy", clone_from=public.url, token=token, endpoint=hub.url)
    (tmp_path / "copy" / "a.txt").write_text("a")
    error = raised(REFUSED, repo.push_to_hub)
    assert "csgrepo login" in str(error)
    assert token not in str(error)


@pytest.mark.parametrize("token", ["two words", "new\nline", "", "密码"])
def test_what_cannot_be_a_token(hub_remote, tmp_path, token):
    remote = hub_remote()
    with pytest.raises(InvalidInput, match="token"):
        Repository(tmp_path / "copy", clone_from=remote.url, token=token)
    assert not (tmp_path / "copy").exists()


@pytest.fixture
def stranger(hub) -> Account:
    """Somebody who may read what is public and write nothing of others."""
    name = f"stranger-{os.urandom(4).hex()}"
    return Account(name, hub.add_user(name), hub.url)


@pytest.mark.parametrize("content", [b"text\n", noise()], ids=["small", "large"])
def test_a_token_that_may_only_read(hub, hub_remote, stranger, tmp_path, content):
    remote = hub_remote()
    repo = Repository(
        tmp_path / "copy", clone_from=remote.url, token=stranger.token, endpoint=hub.url
    )
    (tmp_path / "copy" / "new.bin").write_bytes(content)
    repo.git_add(auto_lfs_track=True)
    repo.git_commit("mine")
    before, there = state(tmp_path / "copy"), refs(remote.path)
    error = raised(REFUSED, repo.git_push)
    assert "write access" in str(error)
    assert state(tmp_path / "copy") == before
    assert refs(remote.path) == there


def test_no_token_at_all(hub, hub_remote, tmp_path):
    remote = hub_remote()
    repo = Repository(tmp_path / "copy", clone_from=remote.url, token=False, endpoint=hub.url)
    (tmp_path / "copy" / "a.txt").write_text("a")
    there = refs(remote.path)
    error = raised(REFUSED, repo.push_to_hub)
    assert "csgrepo login" in str(error)
    assert refs(remote.path) == there


# -- revisions -------------------------------------------------------------------------------------


@pytest.mark.parametrize("revision", ["absent", "v9", "0" * 40, "main~9", "origin/absent"])
def test_an_unknown_revision(repo, folder, revision):
    before = state(folder)
    error = raised(UnknownRevision, lambda: repo.git_checkout(revision))
    assert revision in str(error)
    assert "create_branch_ok=True" in str(error)
    assert state(folder) == before


@pytest.mark.parametrize("revision", ["", "-b", "--orphan", "a\nb", "\0"])
def test_what_cannot_be_a_revision(repo, folder, revision):
    before = state(folder)
    with pytest.raises(InvalidInput):
        repo.git_checkout(revision)
    with pytest.raises(InvalidInput):
        repo.git_checkout(revision, create_branch_ok=True)
    assert state(folder) == before


@pytest.mark.parametrize("name", ["a b", "a..b", "a~b", "x.lock", "a\\b", "@{x}", "/a", "a/", ".a"])
def test_what_cannot_be_a_branch(repo, folder, name):
    before = state(folder)
    with pytest.raises((InvalidInput, UnknownRevision)):
        repo.git_checkout(name, create_branch_ok=True)
    assert state(folder) == before


@pytest.mark.parametrize("upstream", ["main", "origin", "origin main extra", "", "--all x", "a -f"])
def test_what_cannot_be_an_upstream(repo, folder, upstream):
    before, there = state(folder), refs(remote_path(repo))
    with pytest.raises((InvalidInput, GitError)):
        repo.git_push(upstream=upstream)
    assert (state(folder), refs(remote_path(repo))) == (before, there)


def test_an_upstream_on_an_unknown_remote(repo, folder):
    before = state(folder)
    assert "no remote 'elsewhere'" in str(
        raised(GitError, lambda: repo.git_push(upstream="elsewhere main"))
    )
    assert state(folder) == before


def test_a_checkout_of_a_branch_that_has_the_name_of_a_tag(repo, folder, tmp_path):
    """The branch is meant, here and in a new clone: nothing can be pushed to a tag."""
    repo.git_checkout("dev", create_branch_ok=True)
    repo.add_tag("dev", remote="origin")
    (folder / "a.txt").write_text("later than the tag")
    repo.push_to_hub("dev")
    repo.git_checkout("main")
    repo.git_checkout("dev")
    clone = Repository(tmp_path / "other", clone_from=repo.git_remote_url(), revision="dev")
    clone.git_checkout("HEAD")
    for each in (repo, clone):
        assert each.current_branch == "dev"
        assert Path(each.local_dir, "a.txt").read_text() == "later than the tag"


def test_a_checkout_over_changes(git, repo, folder):
    seed(
        git,
        RemoteRepository(repo.git_remote_url(), "", "", remote_path(repo), Path()),
        {"a.txt": b"theirs"},
        branch="other",
    )
    (folder / "a.txt").write_text("mine, not committed")
    before = state(folder)
    error = raised(MergeConflict, lambda: repo.git_checkout("other"))
    assert "a.txt" in str(error)
    after = state(folder)
    assert (after.head, after.index, after.files) == (before.head, before.index, before.files)


@pytest.mark.parametrize(
    "call",
    [
        lambda repo: repo.git_push(),
        lambda repo: repo.git_push(blocking=False),
        lambda repo: repo.push_to_hub(),
        lambda repo: repo.push_to_hub(blocking=False),
        lambda repo: repo.git_pull(),
        lambda repo: repo.current_branch,
        lambda repo: repo.commit("x").__enter__(),
    ],
    ids=["push", "push later", "push_to_hub", "push_to_hub later", "pull", "branch", "commit"],
)
def test_a_detached_head(repo, folder, call):
    repo.git_checkout(repo.git_head_hash())
    (folder / "new.txt").write_text("new")
    before, there = state(folder), refs(remote_path(repo))
    error = raised(InvalidInput, lambda: call(repo))
    assert "HEAD is detached" in str(error)
    assert "git_checkout('main')" in str(error)
    assert (state(folder), refs(remote_path(repo))) == (before, there)
    repo.git_checkout("rescue", create_branch_ok=True)
    repo.push_to_hub()
    assert "refs/heads/rescue" in refs(remote_path(repo))


# -- commits ---------------------------------------------------------------------------------------


def test_nothing_to_commit(repo, folder):
    before = state(folder)
    error = raised(NothingToCommit, repo.git_commit)
    assert "git_add()" in str(error)
    assert state(folder) == before
    (folder / "a.txt").write_text("changed, not added")
    with pytest.raises(NothingToCommit):
        repo.git_commit()


@pytest.mark.parametrize("message", ["", "  \n", "a\0b", "\ud800", None, b"bytes"])
def test_a_commit_without_a_message(repo, folder, message):
    (folder / "new.txt").write_text("new")
    before = state(folder)
    with pytest.raises(InvalidInput, match="message"):
        repo.push_to_hub(message)
    with pytest.raises(InvalidInput, match="message"), repo.commit(message):
        pytest.fail("the body of a commit that cannot be made has run")
    assert state(folder) == before
    repo.git_add()
    before = state(folder)
    with pytest.raises(InvalidInput, match="message"):
        repo.git_commit(message)
    assert state(folder) == before


@pytest.mark.parametrize(
    "message", ["# heading", "中文 🚀", "-m", "--amend", "a\n\nb\n# c", "\"'$`"]
)
def test_a_message_is_taken_as_it_is(repo, folder, message):
    (folder / "new.txt").write_text("new")
    repo.git_add()
    repo.git_commit(message)
    assert StockGit(folder)("log", "-1", "--format=%B").rstrip("\n") == message


def test_nobody_to_commit_as(git, repo, folder, monkeypatch):
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    StockGit(folder)("config", "user.useConfigOnly", "true")
    (folder / "new.txt").write_text("new")
    repo.git_add()
    before = state(folder)
    error = raised(GitError, repo.git_commit)
    assert "git_user=" in str(error)
    assert state(folder) == before


@pytest.mark.parametrize("value", ["", " ", "a\nb", "a<b", "a\0b"])
def test_what_cannot_be_a_name(repo, folder, value):
    before = state(folder)
    with pytest.raises(InvalidInput):
        repo.git_config_username_and_email(git_user=value)
    with pytest.raises(InvalidInput):
        repo.git_config_username_and_email(git_email=value)
    assert state(folder) == before


def test_a_commit_hook_that_says_no(repo, folder):
    write_hook(folder / ".git" / "hooks" / "pre-commit", "echo 'no tests, no commit' >&2; exit 1\n")
    (folder / "new.txt").write_text("new")
    repo.git_add()
    before = state(folder)
    with pytest.raises(GitError, match="no tests, no commit"):
        repo.git_commit()
    assert state(folder) == before


def test_no_commit_at_all(bare_remote, tmp_path):
    repo = Repository(tmp_path / "copy", clone_from=bare_remote().url)
    for call in (repo.git_head_hash, repo.git_push, repo.git_head_commit_url):
        assert "no commit yet" in str(raised(GitError, call))
    with pytest.raises(NothingToCommit):
        repo.git_commit()
    assert repo.push_to_hub() is None
    assert repo.is_repo_clean()
    assert repo.list_deleted_files() == []


# -- adding ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("pattern", ["absent.txt", "*.absent", "sub/"])
def test_a_pattern_that_matches_nothing(repo, folder, pattern):
    before = state(folder)
    error = raised(InvalidInput, lambda: repo.git_add(pattern))
    assert repr(pattern) in str(error)
    assert state(folder) == before


def test_a_pattern_that_is_ignored(repo, folder):
    (folder / ".gitignore").write_text("*.tmp\n")
    (folder / "x.tmp").write_text("x")
    before = state(folder)
    error = raised(InvalidInput, lambda: repo.git_add("x.tmp"))
    assert ".gitignore" in str(error)
    assert state(folder) == before


@pytest.mark.parametrize("pattern", ["", "\0", "../outside.txt", "/etc/passwd", ":(bogus)x", ":q"])
def test_what_cannot_be_a_pattern(repo, folder, pattern):
    (folder.parent / "outside.txt").write_text("outside")
    before = state(folder)
    with pytest.raises((InvalidInput, GitError)) as caught:
        repo.git_add(pattern)
    assert isinstance(caught.value, CsgRepoError)
    assert state(folder) == before


@pytest.mark.parametrize("pattern", ["", " ", "\0", "!x", []])
def test_what_cannot_be_tracked(repo, folder, pattern):
    before = state(folder)
    if pattern == []:
        repo.lfs_track(pattern)
    else:
        with pytest.raises(InvalidInput):
            repo.lfs_track(pattern)
    assert state(folder) == before


def test_a_nested_repository_is_named(git, repo, folder):
    """What git would record of it is a bare commit id, and every file in it would be lost."""
    git("init", "--quiet", "copy/nested")
    (folder / "nested" / "w.bin").write_bytes(noise())
    (folder / "new.txt").write_text("new")
    before = state(folder)
    error = raised(CsgRepoError, lambda: repo.git_add(auto_lfs_track=True))
    assert "nested" in str(error)
    assert state(folder) == before


# -- refused pushes --------------------------------------------------------------------------------

LEVELS = [logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL]
WORDS = "the branch is protected: 受保护的分支 (ask admin@example.com)"


@pytest.fixture
def _quiet_logging():
    root = logging.getLogger()
    before = root.level, logging.getLogger("csgrepo").level
    yield
    root.setLevel(before[0])
    logging.getLogger("csgrepo").setLevel(before[1])


@pytest.mark.usefixtures("_quiet_logging")
@pytest.mark.parametrize("level", LEVELS, ids=logging.getLevelName)
@pytest.mark.parametrize("blocking", [True, False], ids=["blocking", "later"])
def test_a_rejected_push_is_never_a_success(repo, folder, level, blocking):
    logging.getLogger().setLevel(level)
    logging.getLogger("csgrepo").setLevel(level)
    there = remote_path(repo)
    reject_pushes(RemoteRepository("", "", "", there, there), WORDS)
    (folder / "new.bin").write_bytes(noise())
    repo.git_add(auto_lfs_track=True)
    repo.git_commit("mine")
    before, remote_before = state(folder), refs(there)
    if blocking:
        error = raised(PushRejected, repo.git_push)
        assert WORDS in str(error)
        assert WORDS in error.stderr
    else:
        _, command = repo.git_push(blocking=False)
        command.wait(300)
        assert command.failed
        assert command.status > 0
        assert command.is_done
        assert WORDS in command.error
        assert WORDS in command.stderr
        assert command.receipt is None
        assert repo.commands_failed == [command]
        assert WORDS in str(raised(QueueError, repo.wait_for_commands))
    assert refs(there) == remote_before
    assert state(folder) == before


def test_a_push_that_was_refused_can_be_made_later(repo, folder):
    there = remote_path(repo)
    reject_pushes(RemoteRepository("", "", "", there, there), WORDS, hook="update")
    (folder / "new.bin").write_bytes(noise())
    with pytest.raises(PushRejected, match="protected"):
        repo.push_to_hub()
    (there / "hooks" / "update").unlink()
    assert repo.push_to_hub() == repo.git_head_commit_url()
    assert refs(there)["refs/heads/main"] == repo.git_head_hash()


def test_both_sides_changed_the_same_file(git, repo, folder):
    there = remote_path(repo)
    seed(git, RemoteRepository("", "", "", there, there), {"a.txt": b"theirs\n"})
    (folder / "a.txt").write_text("mine\n")
    repo.git_add()
    repo.git_commit("mine")
    before = state(folder)
    for rebase in (False, True):
        error = raised(MergeConflict, lambda how=rebase: repo.git_pull(rebase=how))
        assert error.paths == ("a.txt",)
        after = state(folder)
        assert (after.head, after.index, after.files) == (before.head, before.index, before.files)
        assert after.refs["refs/heads/main"] == before.refs["refs/heads/main"]
    # What the message says to do is all there is to do.
    (advice,) = re.findall(r"`git (pull [^`]*)`", str(error))
    StockGit(folder)(*advice.split(), "--quiet", "--no-edit")
    repo.git_push()
    assert committed(StockGit(there), "main")["a.txt"] == b"mine\n"


@pytest.mark.parametrize("name", ["a.txt", "w.bin"], ids=["text", "large"])
def test_a_conflict_that_nobody_has_decided(repo, folder, name):
    """What git left for somebody to choose from is no content, and is never pushed."""
    git = StockGit(folder)
    git("checkout", "--quiet", "-b", "side")
    (folder / name).write_bytes(b"theirs\n" + noise())
    repo.git_add()
    repo.git_commit("theirs")
    repo.git_checkout("main")
    (folder / name).write_bytes(b"mine\n" + noise())
    repo.git_add()
    repo.git_commit("mine")
    assert git.run("merge", "--quiet", "side").returncode == 1
    (folder / name).write_text("<<<<<<< HEAD\nmine\n=======\ntheirs\n>>>>>>> side\n")
    head = repo.git_head_hash()
    before = refs(remote_path(repo))
    for act in (repo.git_add, repo.push_to_hub):
        error = raised(MergeConflict, act)
        assert error.paths == (name,)
    assert (repo.git_head_hash(), refs(remote_path(repo))) == (head, before)
    (folder / name).write_bytes(b"decided\n")
    assert repo.push_to_hub("decided") == repo.git_head_commit_url()
    assert len(git("rev-list", "--parents", "-1", "HEAD").split()) == 3


@pytest.mark.parametrize("commits", [0, 1], ids=["empty", "with a commit"])
def test_a_repository_in_a_folder_of_the_working_copy(repo, folder, commits):
    """Git would push the name of its commit, and none of its files."""
    inner = StockGit(folder).at("run 7")
    inner.cwd.mkdir()
    inner("init", "--quiet")
    (inner.cwd / "weights.txt").write_text("weights")
    for _ in range(commits):
        inner("add", ".")
        inner("commit", "--quiet", "-m", "inner")
    before = refs(remote_path(repo))
    error = raised(InvalidInput, repo.push_to_hub)
    assert "run 7 in " in str(error)
    assert refs(remote_path(repo)) == before
    (inner.cwd / ".git").rename(folder.parent / "out of the way")
    repo.push_to_hub("its files are ours")
    assert committed(StockGit(remote_path(repo)), "main")["run 7/weights.txt"] == b"weights"


def test_a_clone_without_an_index(git, repo, folder):
    """What was never checked out is not deleted; what is here is known again."""
    there = remote_path(repo)
    git("clone", "--quiet", "--no-checkout", there.as_uri(), "bare of files")
    bare = git.at("bare of files")
    (bare.cwd / "new.txt").write_text("new")
    clone = Repository(bare.cwd)
    before = refs(there)
    for act in (clone.push_to_hub, lambda: clone.git_add("new.txt"), clone.git_commit):
        assert "such as " in str(raised(GitError, act))
    assert refs(there) == before
    (folder / ".git" / "index").unlink()
    (folder / "new.txt").write_text("new")
    repo.git_add("new.txt")
    repo.git_commit("new")
    repo.git_push()
    assert {"a.txt", "new.txt", "w.bin"} <= set(committed(StockGit(there), "main"))


def test_a_text_about_conflicts_is_a_text(repo, folder):
    text = "<<<<<<< HEAD\nmine\n=======\ntheirs\n>>>>>>> side\n"
    (folder / "a.txt").write_text(text)
    assert repo.push_to_hub() == repo.git_head_commit_url()


def test_a_hook_that_prints_megabytes_blocks_nobody(repo, folder):
    there = remote_path(repo)
    write_hook(
        there / "hooks" / "pre-receive",
        "i=0; while [ $i -lt 5000 ]; do printf '%01023d\\n' $i >&2; i=$((i+1)); done\n"
        "echo 'the last words' >&2\nexit 1\n",
    )
    (folder / "new.txt").write_text("new")
    repo.git_add()
    repo.git_commit("mine")
    error = raised(PushRejected, repo.git_push)
    assert "the last words" in str(error)
    assert len(error.stderr) > 5_000_000
    assert len(str(error)) < 10_000
    _, command = repo.git_push(blocking=False)
    with pytest.raises(QueueError, match="the last words"):
        repo.wait_for_commands(500)
    assert "the last words" in command.stderr


def test_a_hook_that_prints_megabytes_and_agrees(repo, folder):
    write_hook(
        remote_path(repo) / "hooks" / "post-receive",
        "head -c 5000000 /dev/zero | tr '\\0' x >&2\n",
    )
    (folder / "new.txt").write_text("new")
    assert repo.push_to_hub() == repo.git_head_commit_url()
