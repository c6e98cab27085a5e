from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from csgrepo import HubApi, Repository
from csgrepo.credentials import save_token
from csgrepo.server import Hub
from tests.conftest import Account
from tests.functional.cli import csgrepo
from tests.stock import StockGit

CONTENT = os.urandom(3_000_000)


def test_plumbing_when_help_is_asked_then_not_shown() -> None:
    shown = csgrepo("--help").stdout

    assert not any(name in shown for name in ("lfs-filter", "lfs-pre-push", "git-credential"))


def test_lfs_filter_when_stock_git_calls_it_then_pointer_in_and_content_out(
    git: StockGit, tmp_path: Path
) -> None:
    work = git.at("work")
    git("init", "--quiet", "work")
    command = shlex.join([sys.executable, "-m", "csgrepo", "lfs-filter"])
    work("config", "filter.lfs.process", command)
    work("config", "filter.lfs.required", "true")
    name = "模型 final.bin"
    (work.cwd / ".gitattributes").write_text("*.bin filter=lfs -text\n")
    (work.cwd / name).write_bytes(CONTENT)

    work("add", ".")
    work("commit", "--quiet", "-m", "one")
    (work.cwd / name).unlink()
    work("checkout", "--", name)

    oid = hashlib.sha256(CONTENT).hexdigest()
    assert f"oid sha256:{oid}\nsize 3000000" in work("cat-file", "-p", f"HEAD:{name}")
    assert (work.cwd / name).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("operation", "asked", "answered"),
    [
        ("get", "protocol=http\nhost={host}\n\n", True),
        ("get", "protocol=http\nhost={host}\npath=models/a/b.git\n", True),
        ("get", "protocol=https\nhost={host}\n\n", False),
        ("get", "protocol=http\nhost=127.0.0.1:9\n\n", False),
        ("get", "protocol=ssh\nhost={host}\n\n", False),
        ("get", "host={host}\n\n", False),
        ("get", "", False),
        ("store", "protocol=http\nhost={host}\nusername=x\npassword=y\n\n", False),
        ("erase", "protocol=http\nhost={host}\n\n", False),
        ("some-day", "protocol=http\nhost={host}\n\n", False),
    ],
)
def test_git_credential_when_asked_then_the_hub_alone_gets_the_token(
    signed_in: Account, operation: str, asked: str, answered: bool
) -> None:
    host = urlsplit(signed_in.endpoint).netloc
    done = csgrepo("git-credential", operation, stdin=asked.format(host=host))

    expected = f"username={signed_in.name}\npassword={signed_in.token}\n" if answered else ""
    assert (done.returncode, done.stdout, done.stderr) == (0, expected, "")


def test_git_credential_when_login_kept_a_token_for_another_hub_then_that_one_gets_it(
    account: Account,
) -> None:
    save_token(account.token, account.endpoint)
    host = urlsplit(account.endpoint).netloc
    elsewhere = {"CSGHUB_ENDPOINT": "http://127.0.0.1:1", "CSGHUB_TOKEN": "f" * 32}
    done = csgrepo("git-credential", "get", stdin=f"protocol=http\nhost={host}\n\n", **elsewhere)
    other = csgrepo(
        "git-credential", "get", stdin="protocol=http\nhost=127.0.0.1:9\n\n", **elsewhere
    )

    expected = f"username={account.name}\npassword={account.token}\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, expected, "")
    assert (other.returncode, other.stdout, other.stderr) == (0, "", "")


def test_git_credential_when_nobody_is_signed_in_then_silent(account: Account) -> None:
    asked = f"protocol=http\nhost={urlsplit(account.endpoint).netloc}\n\n"
    done = csgrepo("git-credential", "get", stdin=asked, CSGHUB_ENDPOINT=account.endpoint)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.usefixtures("no_git_lfs")
def test_plain_git_push_when_git_lfs_is_missing_then_objects_and_commit_arrive(
    git: StockGit, signed_in: Account, hub: Hub, tmp_path: Path
) -> None:
    repo_id = f"{signed_in.name}/model"
    with HubApi() as api:
        api.create_repo(repo_id, private=True)
    repo = Repository(tmp_path / "work", clone_from=repo_id)
    repo.git_credential_helper_store()
    (tmp_path / "work" / "模型 final.bin").write_bytes(CONTENT)
    repo.lfs_track("*.bin")

    work = git.at("work")
    work("add", ".")
    work("commit", "--quiet", "-m", "by plain git")
    pushed = work.run("push", "origin", "HEAD")

    assert pushed.returncode == 0, pushed.stderr
    oid = hashlib.sha256(CONTENT).hexdigest()
    assert hub.lfs_path(repo_id, oid).read_bytes() == CONTENT
    at_hub = git.at(hub.git_dir(repo_id))("rev-parse", "main")
    assert at_hub == work("rev-parse", "HEAD")
    assert repo.verify()
    assert signed_in.token.encode() not in pushed.stderr
    assert signed_in.token not in (tmp_path / "work/.git/config").read_text()


def test_pre_push_when_object_is_nowhere_then_nothing_is_pushed(
    git: StockGit, signed_in: Account, hub: Hub, tmp_path: Path, no_git_lfs: None
) -> None:
    repo_id = f"{signed_in.name}/model"
    with HubApi() as api:
        api.create_repo(repo_id)
    repo = Repository(tmp_path / "work", clone_from=repo_id)
    repo.git_credential_helper_store()
    before = repo.git_head_hash()
    (tmp_path / "work" / "a.bin").write_bytes(CONTENT)
    repo.git_add(auto_lfs_track=True)
    repo.git_commit("one")
    shutil.rmtree(tmp_path / "work/.git/lfs/objects")
    pushed = git.at("work").run("push", "origin", "HEAD")

    assert pushed.returncode != 0
    assert b"csgrepo: " in pushed.stderr
    assert b"Traceback" not in pushed.stderr
    assert git.at(hub.git_dir(repo_id))("rev-parse", "main") == before
