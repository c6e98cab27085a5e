"""The examples of the interface that `Repository` succeeds, as its users typed them."""

from __future__ import annotations

import inspect
import json
import os
from pathlib import Path

import pytest

import csgrepo
from csgrepo import Command, Repository
from tests.functional.copies import committed, noise, refs, seed
from tests.stock import RemoteRepository, StockGit


@pytest.fixture(autouse=True)
def _at_work(tmp_path: Path, signed_in, monkeypatch: pytest.MonkeyPatch) -> None:
    """The examples name folders relative to the current one, by somebody who is signed in."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def model(hub_remote) -> RemoteRepository:
    return hub_remote()


def id_of(remote: RemoteRepository) -> str:
    """``user/name``, as one types it."""
    return "/".join(remote.url.removesuffix(".git").split("/")[-2:])


# -- instances -------------------------------------------------------------------------------------


def test_a_path_to_a_local_clone(git, model):
    git.sign_in(model)
    git("clone", "--quiet", model.url, "folder")
    repo = Repository("folder")
    assert repo.local_dir == str(git.cwd / "folder")
    assert repo.git_head_hash() == git.at("folder")("rev-parse", "HEAD")


def test_clone_from_a_url(git, model):
    repo = Repository("huggingface-hub", clone_from=model.url)
    assert repo.git_head_hash() == refs(model.path)["refs/heads/main"]
    assert repo.git_remote_url() == model.url
    assert repo.is_repo_clean()
    assert git.at("huggingface-hub")("status", "--porcelain") == ""


def test_clone_from_a_url_without_git_at_its_end(model):
    repo = Repository("copy", clone_from=model.url.removesuffix(".git"))
    assert repo.git_head_hash() == refs(model.path)["refs/heads/main"]


def test_clone_from_an_id(model):
    repo = Repository("w2v2", clone_from=id_of(model))
    assert repo.git_head_hash() == refs(model.path)["refs/heads/main"]
    assert repo.git_remote_url() == model.url


def test_clone_from_as_a_method(git, model):
    git("init", "--quiet", "w2v2")
    git.at("w2v2")("remote", "add", "origin", model.url)
    repo = Repository("w2v2")
    repo.clone_from(id_of(model))
    assert repo.git_remote_url() == model.url


def test_clone_from_a_url_with_the_token_in_it(git, model, monkeypatch):
    monkeypatch.delenv("CSGHUB_TOKEN")
    repo = Repository("my-model", clone_from=model.signed_url)
    assert repo.git_remote_url() == model.url
    Path("my-model/a.txt").write_text("a")
    assert repo.push_to_hub() == repo.git_head_commit_url()
    assert committed(git.at("my-model"), "origin/main")["a.txt"] == b"a"


def test_my_model_with_token_true(git, model):
    repo = Repository("my-model", clone_from=id_of(model), token=True)
    Path("my-model/a.txt").write_text("a")
    url = repo.push_to_hub()
    assert refs(model.path)["refs/heads/main"] == repo.git_head_hash()
    assert url == repo.git_head_commit_url()
    assert url.endswith(f"/models/{id_of(model)}/commit/{repo.git_head_hash()}")


def test_my_model_with_the_token_that_login_kept(model, account, monkeypatch):
    monkeypatch.delenv("CSGHUB_TOKEN")
    csgrepo.login(account.token)
    repo = Repository("my-model", clone_from=id_of(model), token=True)
    Path("my-model/a.txt").write_text("a")
    assert repo.push_to_hub() == repo.git_head_commit_url()


def test_a_token_passed_as_text(hub, hub_remote, account, monkeypatch):
    monkeypatch.delenv("CSGHUB_TOKEN")
    remote = hub_remote()
    repo = Repository("my-model", clone_from=id_of(remote), token=account.token)
    Path("my-model/a.txt").write_text("a")
    assert repo.push_to_hub() == repo.git_head_commit_url()


@pytest.mark.parametrize(
    ("repo_type", "folder"), [("dataset", "datasets"), ("space", "spaces"), ("code", "codes")]
)
def test_other_types_are_named(hub_remote, repo_type, folder):
    remote = hub_remote(kind=folder)
    repo = Repository(f"my-{repo_type}", clone_from=id_of(remote), token=True, repo_type=repo_type)
    assert f"/{folder}/" in repo.git_remote_url()
    Path(repo.local_dir, "weights.bin").write_bytes(noise())
    assert f"/{folder}/{id_of(remote)}/commit/" in repo.push_to_hub()
    assert refs(remote.path)["refs/heads/main"] == repo.git_head_hash()


def test_changing_between_branches(git, model):
    seed(git, model, {"one.txt": b"1"}, branch="branch1")
    seed(git, model, {"two.txt": b"2"}, branch="branch2")
    repo = Repository("huggingface-hub", clone_from=id_of(model), revision="branch1")
    assert repo.current_branch == "branch1"
    assert Path("huggingface-hub/one.txt").read_text() == "1"
    repo.git_checkout("branch2")
    assert repo.current_branch == "branch2"
    assert Path("huggingface-hub/two.txt").read_text() == "2"
    assert csgrepo.is_tracked_upstream(repo.local_dir)


def test_a_revision_may_be_a_tag_or_a_commit(git, model):
    first = refs(model.path)["refs/heads/main"]
    StockGit(model.path)("tag", "v1", first)
    seed(git, model, {"one.txt": b"1"})
    assert Repository("by-tag", clone_from=id_of(model), revision="v1").git_head_hash() == first
    assert Repository("by-id", clone_from=id_of(model), revision=first).git_head_hash() == first


def test_git_user_and_git_email_stand_in_the_commit(git, hub_remote):
    remote = hub_remote(kind="datasets")
    repo = Repository(
        "my-dataset",
        clone_from=id_of(remote),
        token=True,
        repo_type="dataset",
        git_user="MyName",
        git_email="me@cool.mail",
    )
    Path("my-dataset/a.txt").write_text("a")
    repo.push_to_hub()
    author = StockGit(remote.path)("log", "-1", "--format=%an <%ae> %cn <%ce>", "main")
    assert author == "MyName <me@cool.mail> MyName <me@cool.mail>"


# -- wrappers of git -------------------------------------------------------------------------------


def test_add_commit_push_and_pull(git, model):
    one = Repository("one", clone_from=id_of(model))
    two = Repository("two", clone_from=id_of(model))
    Path("one/a.txt").write_text("a")
    one.git_add("a.txt")
    one.git_commit("add a")
    assert one.git_push() == one.git_head_commit_url()
    two.git_pull()
    assert Path("two/a.txt").read_text() == "a"
    assert git.at("two")("log", "-1", "--format=%s") == "add a"


def test_add_takes_a_pattern_and_nothing_else(git, model):
    repo = Repository("one", clone_from=id_of(model))
    for name in ("a.txt", "b.txt", "c.md"):
        Path("one", name).write_text(name)
    repo.git_add("*.txt")
    assert git.at("one")("diff", "--cached", "--name-only") == "a.txt\nb.txt"


def test_add_tracks_large_files_on_request(git, model):
    repo = Repository("one", clone_from=id_of(model))
    repo.large_file_bytes = 1000
    Path("one/large.txt").write_text("x" * 1001)
    Path("one/small.txt").write_text("x" * 999)
    repo.git_add(auto_lfs_track=True)
    repo.git_commit("both")
    files = committed(git.at("one"))
    assert files["large.txt"].startswith(b"version https://git-lfs")
    assert files["small.txt"] == b"x" * 999


def test_large_means_ten_mebibytes(model):
    assert Repository("one", clone_from=id_of(model)).large_file_bytes == 10 * 1024 * 1024


def test_pull_with_rebase_puts_own_commits_on_top(git, model):
    repo = Repository("one", clone_from=id_of(model))
    Path("one/mine.txt").write_text("mine")
    repo.git_add()
    repo.git_commit("mine")
    theirs = seed(git, model, {"theirs.txt": b"theirs"})
    repo.git_pull(rebase=True)
    assert git.at("one")("rev-parse", "HEAD^") == theirs
    assert Path("one/theirs.txt").read_text() == "theirs"
    assert repo.git_push() == repo.git_head_commit_url()


def test_pull_without_rebase_merges(git, model):
    repo = Repository("one", clone_from=id_of(model))
    Path("one/mine.txt").write_text("mine")
    repo.git_add()
    repo.git_commit("mine")
    theirs = seed(git, model, {"theirs.txt": b"theirs"})
    repo.git_pull()
    assert git.at("one")("rev-parse", "HEAD^2") == theirs


def test_push_to_a_named_upstream_follows_it_from_then_on(git, model):
    repo = Repository("one", clone_from=id_of(model))
    repo.git_checkout("trial", create_branch_ok=True)
    assert not csgrepo.is_tracked_upstream("one")
    Path("one/a.txt").write_text("a")
    repo.git_add()
    repo.git_commit("a")
    repo.git_push(upstream="origin experiment")
    assert refs(model.path)["refs/heads/experiment"] == repo.git_head_hash()
    assert csgrepo.is_tracked_upstream("one")
    assert csgrepo.commits_to_push("one") == 0
    assert git.at("one")("rev-parse", "--abbrev-ref", "@{upstream}") == "origin/experiment"


def test_a_push_of_a_new_branch_needs_no_upstream(model):
    repo = Repository("one", clone_from=id_of(model))
    repo.git_checkout("trial", create_branch_ok=True)
    Path("one/a.txt").write_text("a")
    repo.push_to_hub()
    assert refs(model.path)["refs/heads/trial"] == repo.git_head_hash()


# -- LFS -------------------------------------------------------------------------------------------


def test_track_takes_one_pattern_or_many(model):
    repo = Repository("one", clone_from=id_of(model))
    repo.lfs_track("*.aaa")
    repo.lfs_track(["*.bbb", "data/*.ccc"])
    for name in ("x.aaa", "sub/x.bbb", "data/x.ccc"):
        Path("one", name).parent.mkdir(exist_ok=True)
        Path("one", name).write_text("x")
        assert csgrepo.is_tracked_with_lfs(Path("one", name)), name
    assert not csgrepo.is_tracked_with_lfs("one/README.md")


def test_track_by_filename_takes_special_characters_as_they_are(git, model):
    repo = Repository("one", clone_from=id_of(model))
    repo.lfs_track(["w[1]*.odd"], filename=True)
    asked = git.at("one")("check-attr", "filter", "--", "w[1]*.odd", "w1.odd", "w[1]x.odd")
    assert asked == (
        "w[1]*.odd: filter: lfs\nw1.odd: filter: unspecified\nw[1]x.odd: filter: unspecified"
    )


def test_untrack_undoes_track(git, model):
    repo = Repository("one", clone_from=id_of(model))
    before = Path("one/.gitattributes").read_bytes() if Path("one/.gitattributes").exists() else b""
    repo.lfs_track(["*.xyz", "*.abc"])
    repo.lfs_track("a b[1].x", filename=True)
    repo.lfs_untrack(["*.xyz", "*.abc"])
    repo.lfs_untrack("a b[1].x")
    assert Path("one/.gitattributes").read_bytes() == before


def test_auto_track_large_files_returns_them(model):
    repo = Repository("one", clone_from=id_of(model))
    repo.large_file_bytes = 1000
    Path("one/large.weird").write_bytes(noise(1000))
    Path("one/small.weird").write_bytes(noise(999))
    assert repo.auto_track_large_files() == ["large.weird"]
    assert csgrepo.is_tracked_with_lfs("one/large.weird")
    assert not csgrepo.is_tracked_with_lfs("one/small.weird")
    assert repo.auto_track_large_files() == []


def test_auto_track_large_files_after_they_were_added_to_the_index(git, model):
    repo = Repository("one", clone_from=id_of(model))
    repo.large_file_bytes = 1000
    Path("one/large.weird").write_bytes(noise(1000))
    git.at("one")("add", "large.weird")
    assert repo.auto_track_large_files() == ["large.weird"]
    repo.git_add()
    repo.git_commit("large")
    assert committed(git.at("one"))["large.weird"].startswith(b"version https://git-lfs")


def test_auto_track_binary_files_returns_them(model):
    repo = Repository("one", clone_from=id_of(model))
    Path("one/x.odd").write_bytes(noise(10))
    Path("one/中文.odd2").write_text("文本")
    assert repo.auto_track_binary_files() == ["x.odd"]


def test_lfs_prune_frees_what_is_on_the_server_and_not_checked_out(model):
    repo = Repository("one", clone_from=id_of(model))
    for _ in range(2):
        Path("one/w.bin").write_bytes(noise())
        repo.push_to_hub()
    assert len(objects_in("one")) == 2
    assert repo.lfs_prune() > 0
    assert len(objects_in("one")) == 1


def test_auto_lfs_prune_frees_as_it_pushes(model):
    repo = Repository("one", clone_from=id_of(model))
    for _ in range(2):
        Path("one/w.bin").write_bytes(noise())
        repo.push_to_hub(auto_lfs_prune=True)
    assert len(objects_in("one")) == 1


def objects_in(folder: str) -> list[str]:
    return [p.name for p in Path(folder, ".git/lfs/objects").rglob("*") if p.is_file()]


# -- commit() and push_to_hub() --------------------------------------------------------------------


def test_a_text_file_in_the_commit_context(git, model):
    with Repository("text-files", clone_from=id_of(model), token=True).commit("My first file :)"):  # noqa: SIM117 - as it is documented
        with open("file.txt", "w+") as f:
            f.write(json.dumps({"hey": 8}))
    assert committed(StockGit(model.path), "main")["file.txt"] == b'{"hey": 8}'
    assert StockGit(model.path)("log", "-1", "--format=%s", "main") == "My first file :)"


def test_a_model_in_the_commit_context(git, model):
    numpy = pytest.importorskip("numpy")
    from safetensors.numpy import save_file

    tensors = {"layers.0.weight": numpy.arange(2_700_000, dtype="float32")}
    with Repository("torch-model", clone_from=id_of(model), token=True).commit("My cool model :)"):
        save_file(tensors, "model.pt")
    assert committed(StockGit(model.path), "main")["model.pt"].startswith(b"version https://git-lf")
    there = Repository("again", clone_from=id_of(model))
    assert Path("again/model.pt").read_bytes() == Path("torch-model/model.pt").read_bytes()
    assert there.pointers() == []


def test_the_commit_context_tracks_large_files_unless_told_not_to(git, model):
    repo = Repository("one", clone_from=id_of(model))
    repo.large_file_bytes = 1000
    with repo.commit("raw", track_large_files=False):
        Path("raw.weird").write_bytes(noise(1000))
    with repo.commit("tracked"):
        Path("tracked.strange").write_bytes(noise(1000))
    files = committed(StockGit(model.path), "main")
    assert len(files["raw.weird"]) == 1000
    assert files["tracked.strange"].startswith(b"version https://git-lfs")


def test_the_commit_context_takes_a_branch(git, model):
    repo = Repository("one", clone_from=id_of(model))
    with repo.commit("on a branch", branch="dev"):
        Path("a.txt").write_text("a")
    assert repo.current_branch == "dev"
    assert "a.txt" in committed(StockGit(model.path), "dev")
    assert "a.txt" not in committed(StockGit(model.path), "main")


def test_the_commit_context_gives_the_repository(model):
    repo = Repository("one", clone_from=id_of(model))
    with repo.commit("same") as inside:
        assert inside is repo
        assert os.getcwd() == repo.local_dir


def test_push_to_hub_adds_commits_and_pushes(git, model):
    repo = Repository("one", clone_from=id_of(model))
    Path("one/a.txt").write_text("a")
    assert repo.push_to_hub("commit message") == repo.git_head_commit_url()
    assert StockGit(model.path)("log", "-1", "--format=%s", "main") == "commit message"


def test_push_to_hub_returns_none_when_there_is_nothing(model):
    repo = Repository("one", clone_from=id_of(model))
    before = refs(model.path)
    assert repo.push_to_hub() is None
    assert refs(model.path) == before
    with pytest.raises(csgrepo.NothingToCommit, match="nothing to commit"):
        repo.push_to_hub(clean_ok=False)


def test_push_to_hub_pushes_what_was_committed_before(model):
    repo = Repository("one", clone_from=id_of(model))
    Path("one/a.txt").write_text("a")
    repo.git_add()
    repo.git_commit()
    assert repo.push_to_hub() == repo.git_head_commit_url()
    assert refs(model.path)["refs/heads/main"] == repo.git_head_hash()


# -- in the background -----------------------------------------------------------------------------


def test_the_last_command_tells_of_its_push(model):
    repo = Repository("one", clone_from=id_of(model))
    with repo.commit("Commit message", blocking=False):
        Path("weights.bin").write_bytes(noise())
    last_command = repo.command_queue[-1]
    assert last_command.status in {-1, 0}
    repo.wait_for_commands()
    assert last_command.status == 0
    assert last_command.is_done
    assert not last_command.failed
    assert isinstance(last_command.stderr, str)
    assert isinstance(last_command.stdout, str)
    assert (repo.commands_failed, repo.commands_in_progress) == ([], [])
    assert refs(model.path)["refs/heads/main"] == repo.git_head_hash()


def test_push_returns_url_and_command_when_not_blocking(model):
    repo = Repository("one", clone_from=id_of(model))
    Path("one/a.txt").write_text("a")
    repo.git_add()
    repo.git_commit()
    url, command = repo.git_push(blocking=False)
    assert url == repo.git_head_commit_url()
    assert isinstance(command, Command)
    assert command is repo.command_queue[-1]
    assert not command.wait(300).failed
    assert refs(model.path)["refs/heads/main"] == repo.git_head_hash()


def test_push_to_hub_not_blocking(model):
    repo = Repository("one", clone_from=id_of(model))
    Path("one/w.bin").write_bytes(noise())
    url, command = repo.push_to_hub(blocking=False)
    assert url == repo.git_head_commit_url()
    command.wait(300)
    assert command.receipt.objects == 1
    assert command.receipt.commit == repo.git_head_hash()


# -- tags ------------------------------------------------------------------------------------------


def test_tags_here_and_there(model):
    repo = Repository("one", clone_from=id_of(model))
    assert not repo.tag_exists("v1")
    repo.add_tag("v1")
    assert repo.tag_exists("v1")
    assert not repo.tag_exists("v1", remote="origin")
    repo.add_tag("v2", "with a message", remote="origin")
    assert repo.tag_exists("v2", remote="origin")
    assert StockGit(model.path)("for-each-ref", "--format=%(contents:subject)", "refs/tags/v2") == (
        "with a message"
    )
    assert repo.delete_tag("v2")
    assert not repo.tag_exists("v2")
    assert repo.tag_exists("v2", remote="origin")
    assert repo.delete_tag("v2", remote="origin")
    assert not repo.tag_exists("v2", remote="origin")
    assert not repo.delete_tag("v2", remote="origin")
    assert not repo.delete_tag("never")
    assert repo.delete_tag("v1")


def test_a_tag_stays_where_it_cannot_be_deleted_on_the_remote(model):
    repo = Repository("one", clone_from=id_of(model))
    repo.add_tag("v1")
    with pytest.raises(csgrepo.GitError, match="nowhere"):
        repo.delete_tag("v1", remote="nowhere")
    assert repo.tag_exists("v1")


def test_a_tag_brings_its_commit_and_the_objects_of_it(model):
    repo = Repository("one", clone_from=id_of(model))
    Path("one/w.bin").write_bytes(noise())
    repo.git_add(auto_lfs_track=True)
    repo.git_commit("only tagged")
    repo.add_tag("v1", remote="origin")
    Repository("two", clone_from=id_of(model), revision="v1")
    assert Path("two/w.bin").read_bytes() == Path("one/w.bin").read_bytes()


def test_a_tag_that_exists_is_not_moved(model):
    repo = Repository("one", clone_from=id_of(model))
    repo.add_tag("v1")
    with pytest.raises(csgrepo.GitError, match="the tag 'v1' exists"):
        repo.add_tag("v1", "other")


def test_a_tag_goes_to_the_remote_that_is_named(git, model, bare_remote):
    other = bare_remote()
    repo = Repository("one", clone_from=id_of(model))
    git.at("one")("remote", "add", "backup", other.url)
    repo.add_tag("v1", remote="backup")
    assert repo.tag_exists("v1", remote="backup")
    assert not repo.tag_exists("v1", remote="origin")
    assert repo.delete_tag("v1", remote="backup")
    assert "refs/tags/v1" not in refs(other.path)


# -- questions -------------------------------------------------------------------------------------


def test_clean_or_not(model):
    repo = Repository("one", clone_from=id_of(model))
    assert repo.is_repo_clean()
    Path("one/a.txt").write_text("a")
    assert not repo.is_repo_clean()
    repo.git_add()
    assert not repo.is_repo_clean()
    repo.git_commit()
    assert repo.is_repo_clean()


def test_deleted_files_are_listed_by_their_whole_names(model):
    repo = Repository("one", clone_from=id_of(model))
    names = ["a b.txt", "中 文.txt", "sub/c.txt"]
    for name in names:
        Path("one", name).parent.mkdir(exist_ok=True)
        Path("one", name).write_text(name)
    repo.push_to_hub()
    assert repo.list_deleted_files() == []
    for name in names:
        Path("one", name).unlink()
    assert repo.list_deleted_files() == sorted(names)
    repo.git_add()
    assert repo.list_deleted_files() == sorted(names)


def test_functions_beside_it(git, model):
    repo = Repository("one", clone_from=id_of(model))
    assert csgrepo.is_git_repo("one")
    assert not csgrepo.is_git_repo(".")
    assert csgrepo.is_local_clone("one", model.url)
    assert csgrepo.is_local_clone("one", model.signed_url)
    assert not csgrepo.is_local_clone("one", model.url.replace("model", "other"))
    assert not csgrepo.is_local_clone(".", model.url)
    Path("one/.gitignore").write_text("*.tmp\n")
    Path("one/x.tmp").write_text("x")
    Path("one/text.txt").write_text("文本\n")
    Path("one/binary").write_bytes(b"\0\1\2")
    assert csgrepo.is_git_ignored("one/x.tmp")
    assert not csgrepo.is_git_ignored("one/text.txt")
    assert csgrepo.is_binary_file("one/binary")
    assert not csgrepo.is_binary_file("one/text.txt")
    staged = csgrepo.files_to_be_staged(folder="one")
    assert staged == [".gitignore", "binary", "text.txt"]
    assert csgrepo.files_to_be_staged("*.txt", folder="one") == ["text.txt"]
    assert csgrepo.is_tracked_upstream("one")
    assert csgrepo.commits_to_push("one") == 0
    repo.git_add()
    repo.git_commit()
    assert csgrepo.commits_to_push("one") == 1
    assert csgrepo.commits_to_push("one", "origin/main") == 1


def test_a_client_lends_its_endpoint_and_token(hub, hub_remote, account, monkeypatch):
    remote = hub_remote()
    monkeypatch.delenv("CSGHUB_TOKEN")
    monkeypatch.delenv("CSGHUB_ENDPOINT")
    client = csgrepo.HubApi(endpoint=account.endpoint, token=account.token)
    repo = Repository("one", clone_from=id_of(remote), client=client)
    assert repo.client is client
    Path("one/a.txt").write_text("a")
    assert repo.push_to_hub() == repo.git_head_commit_url()


# -- names and defaults ----------------------------------------------------------------------------

_CONSTRUCTOR = {
    "local_dir": inspect.Parameter.empty,
    "clone_from": None,
    "repo_type": None,
    "token": True,
    "git_user": None,
    "git_email": None,
    "revision": None,
    "skip_lfs_files": False,
    "client": None,
}
_ANY_TEXT = object()  # a commit's default words are each library's own
_REQUIRED = inspect.Parameter.empty
_METHODS = {
    "clone_from": {"repo_url": _REQUIRED, "token": None},
    "git_config_username_and_email": {"git_user": None, "git_email": None},
    "git_credential_helper_store": {},
    "git_head_hash": {},
    "git_remote_url": {},
    "git_head_commit_url": {},
    "list_deleted_files": {},
    "lfs_track": {"patterns": _REQUIRED, "filename": False},
    "lfs_untrack": {"patterns": _REQUIRED},
    "auto_track_binary_files": {"pattern": "."},
    "auto_track_large_files": {"pattern": "."},
    "lfs_prune": {"recent": False},
    "git_pull": {"rebase": False, "lfs": False},
    "git_add": {"pattern": ".", "auto_lfs_track": False},
    "git_commit": {"commit_message": _ANY_TEXT},
    "git_push": {"upstream": None, "blocking": True, "auto_lfs_prune": False},
    "git_checkout": {"revision": _REQUIRED, "create_branch_ok": False},
    "tag_exists": {"tag_name": _REQUIRED, "remote": None},
    "delete_tag": {"tag_name": _REQUIRED, "remote": None},
    "add_tag": {"tag_name": _REQUIRED, "message": None, "remote": None},
    "is_repo_clean": {},
    "push_to_hub": {
        "commit_message": _ANY_TEXT,
        "blocking": True,
        "clean_ok": True,
        "auto_lfs_prune": False,
    },
    "commit": {
        "commit_message": _REQUIRED,
        "branch": None,
        "track_large_files": True,
        "blocking": True,
        "auto_lfs_prune": False,
    },
}
_FUNCTIONS = {
    "is_git_repo": {"folder": _REQUIRED},
    "is_local_clone": {"folder": _REQUIRED, "remote_url": _REQUIRED},
    "is_tracked_with_lfs": {"filename": _REQUIRED},
    "is_git_ignored": {"filename": _REQUIRED},
    "is_binary_file": {"filename": _REQUIRED},
    "files_to_be_staged": {"pattern": ".", "folder": None},
    "is_tracked_upstream": {"folder": _REQUIRED},
    "commits_to_push": {"folder": _REQUIRED, "upstream": None},
}


def parameters(function: object) -> dict[str, object]:
    """What can be given by position: anything newer is given by name, and is in nobody's way."""
    found = inspect.signature(function).parameters.values()  # type: ignore[arg-type]
    return {
        one.name: one.default
        for one in found
        if one.name != "self" and one.kind is not one.KEYWORD_ONLY
    }


def agree(found: dict[str, object], wanted: dict[str, object]) -> bool:
    return list(found) == list(wanted) and all(
        isinstance(found[name], str) if default is _ANY_TEXT else found[name] == default
        for name, default in wanted.items()
    )


def test_the_constructor_takes_what_it_always_took():
    assert parameters(Repository) == _CONSTRUCTOR


@pytest.mark.parametrize("name", _METHODS)
def test_methods_take_what_they_always_took(name):
    found = parameters(getattr(Repository, name))
    assert agree(found, _METHODS[name]), found


@pytest.mark.parametrize("name", _FUNCTIONS)
def test_functions_take_what_they_always_took(name):
    assert parameters(getattr(csgrepo, name)) == _FUNCTIONS[name]


def test_waiting_takes_no_argument_but_may():
    assert parameters(Repository.wait_for_commands) == {"timeout": None}


def test_properties_and_attributes(model):
    repo = Repository("one", clone_from=id_of(model), skip_lfs_files=True)
    assert repo.current_branch == "main"
    assert repo.commands_failed == repo.commands_in_progress == repo.command_queue == []
    assert (repo.skip_lfs_files, repo.client, repo.repo_type) == (True, None, None)
    assert isinstance(repo.local_dir, str)
