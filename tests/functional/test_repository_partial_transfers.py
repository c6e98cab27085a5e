"""Transfers of which a part fails: the rest arrives, and nothing is called done that is not."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from csgrepo import (
    CsgRepoError,
    DigestMismatch,
    InvalidInput,
    ObjectMissing,
    PartialDownload,
    PushRejected,
    Repository,
    VerificationFailed,
)
from csgrepo.server import Answer, Corrupt, Hub, Truncate
from tests.functional.copies import (
    noise,
    pointer_to,
    raised,
    refs,
    seed,
    with_lfs,
    work_files,
    write_hook,
)
from tests.stock import RemoteRepository, StockGit

ATTRIBUTES = b"*.bin filter=lfs diff=lfs merge=lfs -text\n"


@pytest.fixture(autouse=True)
def _faultless_afterwards(hub, signed_in) -> Iterator[None]:
    """Somebody with a token, and no faults left to others."""
    yield
    hub.faults.clear()


@pytest.fixture
def five(git, hub_remote) -> tuple[RemoteRepository, dict[str, bytes]]:
    """A repository with five large files."""
    remote = hub_remote()
    contents = {f"weights {n}.bin": noise(3000 + n) for n in range(5)}
    seed(git, remote, {".gitattributes": ATTRIBUTES, **with_lfs(remote, contents)})
    return remote, contents


def oid(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def fetched(hub: Hub, since: int) -> list[str]:
    """The objects that were fetched, each by its id."""
    gets = [r for r in hub.requests[since:] if r.method == "GET" and "objects/" in r.path]
    return [next((word for word in r.path.split("/") if len(word) == 64), r.path) for r in gets]


# -- fetching --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "effect", [Answer(500), Answer(403), Answer(404)], ids=["500", "403", "404"]
)
def test_one_object_of_five_is_refused(hub, five, tmp_path, effect):
    remote, contents = five
    bad = "weights 2.bin"
    fault = hub.faults.add("GET", oid(contents[bad]), effect, times=None)
    error = raised(PartialDownload, lambda: Repository(tmp_path / "copy", clone_from=remote.url))
    assert error.paths == [bad]
    assert bad in str(error)
    assert "git_pull(lfs=True)" in str(error)
    there = work_files(tmp_path / "copy")
    assert there[bad] == pointer_to(contents[bad]).encode()
    assert {n: c for n, c in there.items() if n in contents and n != bad} == {
        n: c for n, c in contents.items() if n != bad
    }
    hub.faults.remove(fault)
    repo = Repository(tmp_path / "copy", skip_lfs_files=True)
    assert [(p.path, p.size) for p in repo.pointers()] == [(bad, len(contents[bad]))]
    assert not repo.verify(remote=False)
    since = len(hub.requests)
    repo.git_pull(lfs=True)
    assert fetched(hub, since) == [oid(contents[bad])]
    assert (tmp_path / "copy" / bad).read_bytes() == contents[bad]
    assert repo.pointers() == []
    assert StockGit(tmp_path / "copy")("status", "--porcelain") == ""


def test_wrong_bytes_of_the_right_length_are_not_used(hub, five, tmp_path):
    remote, contents = five
    bad = "weights 3.bin"
    hub.faults.add("GET", oid(contents[bad]), Corrupt(at=100), times=None)
    error = raised(PartialDownload, lambda: Repository(tmp_path / "copy", clone_from=remote.url))
    cause = error.causes[bad]
    assert isinstance(cause, DigestMismatch)
    assert cause.expected == oid(contents[bad])
    assert cause.actual != cause.expected
    assert (tmp_path / "copy" / bad).read_bytes() == pointer_to(contents[bad]).encode()
    kept = {p.name for p in (tmp_path / "copy" / ".git" / "lfs").rglob("*") if p.is_file()}
    assert kept == {oid(content) for name, content in contents.items() if name != bad}


def test_a_transfer_cut_short_is_taken_up(hub, five, tmp_path):
    remote, contents = five
    hub.faults.add("GET", oid(contents["weights 1.bin"]), Truncate(after=1000), times=1)
    Repository(tmp_path / "copy", clone_from=remote.url)
    there = work_files(tmp_path / "copy")
    assert {name: there[name] for name in contents} == contents


@pytest.mark.parametrize(
    "effect",
    [Answer(500), Answer(403), Answer(200, body=b"<html>log in"), Answer(200, body=b'{"a": 1}')],
    ids=["500", "403", "html", "other json"],
)
def test_a_batch_that_fails_leaves_a_clone_of_pointers(hub, five, tmp_path, effect):
    remote, contents = five
    fault = hub.faults.add("POST", "/objects/batch", effect, times=None)
    error = raised(PartialDownload, lambda: Repository(tmp_path / "copy", clone_from=remote.url))
    hub.faults.remove(fault)
    assert error.paths == sorted(contents)
    assert (tmp_path / "copy" / "README.md").exists()
    Repository(tmp_path / "copy", clone_from=remote.url)  # the same call again goes on
    there = work_files(tmp_path / "copy")
    assert {name: there[name] for name in contents} == contents


def test_an_object_that_the_server_never_had(git, bare_remote, tmp_path):
    remote = bare_remote()
    lost, there = noise(), noise()
    files = {"lost.bin": pointer_to(lost).encode(), **with_lfs(remote, {"there.bin": there})}
    seed(git, remote, {".gitattributes": ATTRIBUTES, **files})
    error = raised(PartialDownload, lambda: Repository(tmp_path / "copy", clone_from=remote.url))
    assert isinstance(error.causes["lost.bin"], ObjectMissing)
    assert error.causes["lost.bin"].oid == oid(lost)
    assert (tmp_path / "copy" / "there.bin").read_bytes() == there


@pytest.mark.parametrize("name", ["\\evil.bin", "a\\..\\evil.bin"])
def test_a_name_that_would_escape_elsewhere_does_not_stop_the_others(
    git, bare_remote, tmp_path, name
):
    remote = bare_remote()
    contents = {name: noise(), "z.bin": noise(), "a.bin": noise()}
    seed(git, remote, {".gitattributes": ATTRIBUTES, **with_lfs(remote, contents)})
    error = raised(PartialDownload, lambda: Repository(tmp_path / "copy", clone_from=remote.url))
    assert error.paths == [name]
    there = work_files(tmp_path / "copy")
    assert (there["a.bin"], there["z.bin"]) == (contents["a.bin"], contents["z.bin"])


def test_what_was_written_meanwhile_is_not_overwritten(five, tmp_path):
    """A download may take long, and the training does not wait for it."""
    remote, contents = five
    repo = Repository(tmp_path / "copy", clone_from=remote.url, skip_lfs_files=True)
    mine, gone = tmp_path / "copy" / "weights 0.bin", tmp_path / "copy" / "weights 1.bin"

    def save(event: object) -> None:
        if event.phase == "download" and event.state == "started" and gone.exists():
            mine.write_bytes(b"step 1000")
            gone.unlink(missing_ok=True)  # several threads tell of their downloads

    repo.reporter.listen(save)
    repo.git_pull(lfs=True)
    assert mine.read_bytes() == b"step 1000"
    assert not gone.exists()
    there = work_files(tmp_path / "copy")
    rest = {n: c for n, c in contents.items() if n not in {mine.name, gone.name}}
    assert {name: there[name] for name in rest} == rest
    assert sorted(StockGit(tmp_path / "copy")("status", "--porcelain").splitlines()) == [
        ' D "weights 1.bin"',
        ' M "weights 0.bin"',
    ]


# -- sending ---------------------------------------------------------------------------------------


def ready_to_push(remote: RemoteRepository, folder: Path) -> tuple[Repository, bytes]:
    content = noise()
    repo = Repository(folder, clone_from=remote.url)
    (folder / "new.bin").write_bytes(content)
    repo.git_add(auto_lfs_track=True)
    repo.git_commit("new")
    return repo, content


def test_a_server_that_says_yes_and_drops_the_object(hub, hub_remote, tmp_path):
    remote = hub_remote()
    before = refs(remote.path)
    repo, content = ready_to_push(remote, tmp_path / "copy")
    hub.faults.add("PUT", oid(content), Answer(200, {"ETag": '"1"'}), times=None)
    with pytest.raises(CsgRepoError):
        repo.git_push()
    assert refs(remote.path) == before


def test_a_server_that_confirms_what_it_dropped(hub, hub_remote, tmp_path):
    remote = hub_remote()
    before = refs(remote.path)
    repo, content = ready_to_push(remote, tmp_path / "copy")
    name = "/".join(remote.url.removesuffix(".git").split("/")[-2:])
    hub.faults.add("PUT", oid(content), Answer(200, {"ETag": '"1"'}), times=None)
    hub.faults.add("POST", "complete_multipart", Answer(200), times=None)
    hub.faults.add("POST", f"{name}.*/verify", Answer(200, body=b"{}"), times=None)
    with pytest.raises((VerificationFailed, PushRejected)):
        repo.git_push()
    assert refs(remote.path) == before


def test_an_object_lost_right_after_the_push_is_sent_once_more(bare_remote, tmp_path):
    remote = bare_remote()
    repo, content = ready_to_push(remote, tmp_path / "copy")
    write_hook(remote.path / "hooks" / "post-receive", "rm -rf lfs/objects\n")
    assert repo.git_push() == repo.git_head_commit_url()
    assert remote.object_path(oid(content)).read_bytes() == content


def test_an_object_that_is_lost_for_good_fails_the_push(bare_remote, tmp_path):
    remote = bare_remote()
    repo, content = ready_to_push(remote, tmp_path / "copy")
    lose = "rm -rf lfs/objects lfs/tmp; mkdir -p lfs; echo full >lfs/objects; echo full >lfs/tmp\n"
    write_hook(remote.path / "hooks" / "post-receive", lose)
    error = raised(VerificationFailed, repo.git_push)
    assert len(error.problems) == 1
    assert "new.bin" in error.problems[0]
    # The same call again mends it, though the ref is where it should be.
    (remote.path / "hooks" / "post-receive").unlink()
    for name in ("objects", "tmp"):
        (remote.path / "lfs" / name).unlink()
    assert repo.git_push() == repo.git_head_commit_url()
    assert remote.object_path(oid(content)).read_bytes() == content


@pytest.mark.parametrize("times", [1, None])
def test_an_object_lost_right_after_the_push_to_a_hub(hub, hub_remote, tmp_path, times):
    remote = hub_remote()
    repo, content = ready_to_push(remote, tmp_path / "copy")
    name = "/".join(remote.url.removesuffix(".git").split("/")[-2:])
    error = {"oid": oid(content), "size": len(content), "error": {"code": 404, "message": "gone"}}
    body = json.dumps({"transfer": "basic", "objects": [error]}).encode()
    hub.faults.add("POST", f"{name}.*/objects/batch", Answer(200, {}, body), skip=1, times=times)
    if times:
        assert repo.git_push() == repo.git_head_commit_url()
    else:
        failed = raised(VerificationFailed, repo.git_push)
        assert "new.bin" in failed.problems[0]
        assert "gone" in failed.problems[0]


def test_a_ref_that_moved_right_after_the_push(bare_remote, tmp_path):
    remote = bare_remote()
    repo, _ = ready_to_push(remote, tmp_path / "copy")
    write_hook(
        remote.path / "hooks" / "post-receive",
        "git update-ref refs/heads/main $(git commit-tree -m x $(git hash-object -t tree -w "
        "/dev/null) </dev/null)\n",
    )
    error = raised(VerificationFailed, repo.git_push)
    assert "refs/heads/main is" in error.problems[0]


def test_somebody_who_pushes_on_top_right_after_is_no_failure(bare_remote, tmp_path):
    remote = bare_remote()
    repo, _ = ready_to_push(remote, tmp_path / "copy")
    write_hook(
        remote.path / "hooks" / "post-receive",
        "git update-ref refs/heads/main $(git commit-tree -p main -m x main^{tree} </dev/null)\n",
    )
    assert repo.git_push() == repo.git_head_commit_url()


def test_an_object_that_is_neither_here_nor_there(hub, hub_remote, tmp_path):
    remote = hub_remote()
    before = refs(remote.path)
    repo, content = ready_to_push(remote, tmp_path / "copy")
    next((tmp_path / "copy" / ".git" / "lfs").rglob(oid(content))).unlink()
    error = raised(ObjectMissing, repo.git_push)
    assert error.oid == oid(content)
    assert "new.bin" in str(error)
    assert refs(remote.path) == before


def test_an_object_that_is_not_here_but_there(hub, hub_remote, tmp_path):
    """Pushing a file under another name from a clone of pointers needs no content."""
    remote = hub_remote()
    repo, content = ready_to_push(remote, tmp_path / "copy")
    repo.git_push()
    bare = Repository(tmp_path / "bare", clone_from=remote.url, skip_lfs_files=True)
    (tmp_path / "bare" / "new.bin").rename(tmp_path / "bare" / "renamed.bin")
    assert bare.push_to_hub() == bare.git_head_commit_url()
    repo.git_pull()
    assert (tmp_path / "copy" / "renamed.bin").read_bytes() == content


def test_every_object_of_many_is_sent_once(hub, hub_remote, tmp_path):
    remote = hub_remote()
    repo = Repository(tmp_path / "copy", clone_from=remote.url)
    contents = {f"{n}.bin": noise(200) for n in range(120)}  # more than one batch holds
    for name, content in contents.items():
        (tmp_path / "copy" / name).write_bytes(content)
    since = len(hub.requests)
    repo.push_to_hub()
    sent = [r.path.split("/")[-2] for r in hub.requests[since:] if r.method == "PUT"]
    assert sorted(sent) == sorted(oid(content) for content in contents.values())
    Repository(tmp_path / "there", clone_from=remote.url)
    there = work_files(tmp_path / "there")
    assert {name: there[name] for name in contents} == contents


def test_two_pushes_at_once_from_one_clone_take_turns(hub_remote, tmp_path):
    remote = hub_remote()
    one, _ = ready_to_push(remote, tmp_path / "copy")
    other = Repository(tmp_path / "copy")
    urls: list[object] = []
    threads = [
        threading.Thread(target=lambda repo=repo: urls.append(repo.git_push()))
        for repo in (one, other)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert urls == [one.git_head_commit_url()] * 2


def test_a_pointer_under_a_name_of_git_s_own_is_refused(bare_remote, tmp_path):
    repo = Repository(tmp_path / "copy", clone_from=bare_remote().url)
    (tmp_path / "copy" / "weights.safetensors").write_text(pointer_to(noise()))
    with pytest.raises(InvalidInput, match=r"weights\.safetensors"):
        repo.git_add()
    assert StockGit(tmp_path / "copy")("ls-files") == ""
