"""Repositories whose files are kept in Xet: their hub refuses git, and csgrepo says what to do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from csgrepo import Repository, errors
from csgrepo.server import Answer
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
    assert [request.path for request in hub.requests if "/info/lfs" in request.path] == []


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
