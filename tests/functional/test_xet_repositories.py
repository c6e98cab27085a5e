"""Repositories whose files are kept in Xet: their hub refuses git, and csgrepo says what to do."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from csgrepo import (
    CommitOperationAdd,
    CommitOperationDelete,
    HubApi,
    Repository,
    errors,
    snapshot_download,
)
from csgrepo.server import Answer, Swallow
from tests.conftest import Account
from tests.functional.jobs_clone import PATIENCE_S
from tests.functional.rest import Api, said

WAY_OUT = r"upload_folder or create_commit"
XNET = "ERR Git operations are not supported in Xnet-enabled repositories."


def packet(text: str) -> bytes:
    return b"%04x%s" % (len(text) + 4, text.encode())


@pytest.fixture
def admin(hub, account) -> Api:
    name = f"admin-{account.name}"
    return Api(hub.url, hub.add_user(name, admin=True), name)


@pytest.fixture
def name(wanda: Api) -> str:
    return wanda.create("xet-model").removeprefix("/api/v1/models/")


def clone(account: Account, name: str, folder: Path) -> Repository:
    return Repository(
        folder,
        clone_from=name,
        endpoint=account.endpoint,
        token=account.token,
        git_user="Wanda",
        git_email="wanda@example.com",
    )


def enable(admin: Api, name: str) -> None:
    assert said(admin("PUT", f"/api/v1/models/{name}", json={"xnet_enabled": True})) == (200, "")


# -- the embedded hub ------------------------------------------------------------------------------


def test_only_an_administrator_enables_it_and_it_is_shown(wanda: Api, admin: Api, name: str):
    base = f"/api/v1/models/{name}"
    assert wanda.get(base)["xnet_enabled"] is False
    assert said(wanda("PUT", base, json={"xnet_enabled": True})) == (403, "AUTH-ERR-2")
    assert said(admin("PUT", base, json={"xnet_enabled": 1})) == (400, "REQ-ERR-1")
    enable(admin, name)
    assert said(wanda("PUT", base, json={"description": "new"})) == (200, "")
    assert wanda.get(base)["xnet_enabled"] is True
    assert said(admin("PUT", base, json={"xnet_enabled": False})) == (200, "")
    assert wanda.get(base)["xnet_enabled"] is False


def test_stock_git_may_read_and_not_write(account, admin, wanda, name, git, tmp_path):
    enable(admin, name)
    signed = f"{account.endpoint}/models/{name}.git".replace(
        "://", f"://{account.name}:{account.token}@"
    )
    git("clone", "--quiet", signed, "work")
    work = git.at("work")
    work("commit", "--quiet", "--allow-empty", "-m", "More")
    pushed = work.run("push", "origin", "HEAD:main")
    assert pushed.returncode == 128
    assert b"remote error: Git operations are not supported in Xnet-enabled" in pushed.stderr


# -- csgrepo ---------------------------------------------------------------------------------------


def test_a_push_is_refused_with_the_way_out_before_anything_large_is_sent(
    hub, account, admin, name, tmp_path
):
    repo = clone(account, name, tmp_path / "work")
    enable(admin, name)
    with (tmp_path / "work" / "weights.bin").open("wb") as file:
        file.truncate(17 * 2**20)
    repo.git_add(auto_lfs_track=True)
    repo.git_commit("Add weights")
    hub.requests.clear()
    with pytest.raises(errors.GitRefused, match=WAY_OUT):
        repo.git_push()
    sent = f"/{name}.git/info/lfs"
    assert [request.path for request in hub.requests if sent in request.path] == []


def test_a_push_of_little_is_refused_too_in_the_background_as_well(account, admin, name, tmp_path):
    repo = clone(account, name, tmp_path / "work")
    enable(admin, name)
    Path(repo.local_dir, "config.json").write_text("{}")
    repo.git_add()
    repo.git_commit("Add a config")
    with pytest.raises(errors.GitRefused, match=WAY_OUT) as caught:
        repo.git_push()
    assert account.token not in str(caught.value)
    command = repo.git_push(blocking=False)[1]
    assert command.wait(PATIENCE_S).failed
    assert "create_commit" in command.stderr


@pytest.mark.parametrize("words", [XNET, "ERR git is not available: xet-enabled repository"])
def test_hubs_that_refuse_reading_by_git_too(hub, account, name, tmp_path, words):
    repo = clone(account, name, tmp_path / "work")
    body = packet("# service=git-upload-pack\n") + b"0000" + packet(words)
    headers = {"Content-Type": "application/x-git-upload-pack-advertisement"}
    hub.faults.add("GET", f"/{name}.*/info/refs", Answer(200, headers, body), times=None)
    with pytest.raises(errors.GitRefused, match="snapshot_download"):
        clone(account, name, tmp_path / "other")
    assert not (tmp_path / "other" / ".git").exists()
    with pytest.raises(errors.GitRefused, match=WAY_OUT):
        repo.git_pull()


def test_a_hub_that_says_so_by_its_code_alone(hub, account, name, tmp_path):
    answer = Answer(500, body=b'{"code":"GIT-ERR-37","msg":"GIT-ERR-37"}')
    hub.faults.add("POST", f"/{name}.*/objects/batch", answer, times=None)
    repo = clone(account, name, tmp_path / "work")
    Path(repo.local_dir, "weights.bin").write_bytes(os.urandom(50_000))
    repo.lfs_track("*.bin")
    repo.git_add()
    repo.git_commit("Add weights")
    with pytest.raises(errors.BadRequest, match=WAY_OUT) as caught:
        repo.git_push()
    assert caught.value.code == "GIT-ERR-37"


# -- the way out -----------------------------------------------------------------------------------


@pytest.fixture
def api(account: Account) -> Iterator[HubApi]:
    with HubApi(account.endpoint, account.token) as api:
        yield api


def test_a_folder_is_uploaded_and_read_without_git(hub, account, admin, api, name, tmp_path):
    before = set(api.list_repo_files(name))
    enable(admin, name)
    weights, notes = os.urandom(3_000_000), "模型\n".encode()
    (tmp_path / "out" / "说明").mkdir(parents=True)
    (tmp_path / "out" / "weights.bin").write_bytes(weights)
    (tmp_path / "out" / "说明" / "notes.md").write_bytes(notes)
    (tmp_path / "out" / "odd.data").write_bytes(bytes(21 * 2**20))  # too large for git

    info = api.upload_folder(repo_id=name, folder_path=tmp_path / "out")

    assert info.added == ("odd.data", "weights.bin", "说明/notes.md")
    assert info.oid == info.commits[-1] == api.repo_info(name).sha
    assert info.objects_sent == 2
    got = Path(
        snapshot_download(
            name, endpoint=account.endpoint, token=account.token, cache_dir=tmp_path / "cache"
        )
    )
    assert (got / "weights.bin").read_bytes() == weights
    assert (got / "odd.data").stat().st_size == 21 * 2**20
    assert (got / "说明" / "notes.md").read_bytes() == notes
    assert set(api.list_repo_files(name)) == before | set(info.added)
    hub.requests.clear()
    assert api.upload_folder(repo_id=name, folder_path=tmp_path / "out").commits == ()
    assert [request for request in hub.requests if f"/{name}/commit/" in request.path] == []


def test_files_are_changed_and_deleted_without_git(admin, api, name):
    enable(admin, name)
    first = [CommitOperationAdd(f"runs/{n}.txt", b"%d" % n) for n in range(4)]
    api.create_commit(name, [*first, CommitOperationAdd("a.txt", b"1")], commit_message="First")

    info = api.create_commit(
        name,
        [CommitOperationAdd("a.txt", b"2"), CommitOperationDelete("runs/")],
        commit_message="Second",
    )

    assert (info.updated, len(info.deleted)) == (("a.txt",), 4)
    assert not [path for path in api.list_repo_files(name) if path.startswith("runs/")]
    with pytest.raises(errors.NotFound):
        api.create_commit(name, [CommitOperationDelete("runs/")], commit_message="Again")


def test_what_git_would_check_is_checked_without_it(admin, api, name):
    enable(admin, name)
    add = [CommitOperationAdd("a.txt", b"1")]
    with pytest.raises(errors.Conflict):
        api.create_commit(name, add, commit_message="Late", parent_commit="0" * 40)
    with pytest.raises(errors.NotFound, match="no branch"):
        api.create_commit(name, add, commit_message="Where", revision="dev", create_branch=True)
    with pytest.raises(errors.InvalidInput, match="without a slash"):
        api.create_commit(name, add, commit_message="Where", revision="a/b")
    assert "a.txt" not in api.list_repo_files(name)


def test_a_write_that_the_hub_only_confirmed_is_no_success(hub, admin, api, name):
    enable(admin, name)
    hub.faults.add("POST", f"/{name}/commit/main", Swallow(body=b'{"msg":"OK"}'))
    with pytest.raises(errors.VerificationFailed, match=r"a\.txt does not hold"):
        api.upload_file(path_or_fileobj=b"1", path_in_repo="a.txt", repo_id=name)
