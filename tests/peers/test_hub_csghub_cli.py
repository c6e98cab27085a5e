"""The command of csghub-sdk 0.9.3 on the embedded hub.

It works in two ways: by the SDK's own code, or, unless `CSGHUB_DISABLE_XNET` says otherwise, by
huggingface_hub on the hub's `/hf` route.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from csgrepo.server import Hub
from tests.conftest import Account
from tests.peers import samples
from tests.peers.hub_user import HubUser, files_below, need
from tests.stock import StockGit

FILES = {
    "weights.bin": samples.content("weights", 3_000_000),
    "config.json": b'{"layers": 2}\n',
    "data/子/模型 [1].txt": "你好\n".encode(),
    "data/子/[x] y.bin": samples.content("y", 300),
}
WORK = Path("/tmp/csg")  # where the command clones what it uploads a folder to, by name alone

own_code = pytest.mark.parametrize("own", [True], ids=["own code"])
by_huggingface_hub = pytest.mark.parametrize("own", [False], ids=["huggingface_hub"])
both_ways = pytest.mark.parametrize("own", [True, False], ids=["own code", "huggingface_hub"])


@pytest.fixture
def user(hub: Hub, account: Account, stock_lfs: StockGit, tmp_path: Path, own: bool) -> HubUser:
    need("csghub-sdk")
    variables = {
        "CSGHUB_DOMAIN": hub.url,
        "CSGHUB_TOKEN": account.token,
        "CSGHUB_HOME": str(tmp_path / "csghub"),
        "CSGHUB_DISABLE_XNET": str(own).lower(),
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }
    return HubUser(hub, account.name, account.token, stock_lfs, variables)


@pytest.fixture
def repo_id(user: HubUser) -> Iterator[str]:
    """The id of a repository that is not there yet; what the command leaves behind goes."""
    repo_id = f"{user.name}/new-{user.name}"
    yield repo_id
    shutil.rmtree(WORK / repo_id.partition("/")[2], ignore_errors=True)


def csghub(user: HubUser, *command: str, fails: bool = False, **env: str) -> str:
    done = user.run("csghub-cli", *command, **env)
    said = done.stdout + done.stderr
    assert bool(done.returncode) is fails, said
    return "".join(said.split())  # it breaks lines wherever the screen ends


@both_ways
def test_download_of_a_repository(user: HubUser) -> None:
    repo_id = user.create()
    user.push(repo_id, FILES)

    csghub(user, "download", repo_id, "--local-dir", "here")

    assert files_below(user.folder / "here") == FILES


@both_ways
def test_download_of_a_dataset_by_pattern(user: HubUser) -> None:
    repo_id = user.create("dataset")
    user.push(repo_id, FILES, "dataset")

    csghub(user, "download", repo_id, "-t", "dataset", "-ld", "here", "--allow-patterns", "*.bin")

    assert sorted(files_below(user.folder / "here")) == ["data/子/[x] y.bin", "weights.bin"]


@both_ways
def test_download_of_chosen_files(user: HubUser) -> None:
    repo_id = user.create()
    user.push(repo_id, FILES)

    csghub(user, "download", repo_id, "data/子/模型 [1].txt", "-ld", "one")
    csghub(user, "download", repo_id, "config.json", "weights.bin", "-ld", "two")

    assert files_below(user.folder / "one") == {k: v for k, v in FILES.items() if "[1]" in k}
    assert files_below(user.folder / "two") == {k: v for k, v in FILES.items() if "/" not in k}


@own_code
def test_fault_of_the_sdk_dry_run_downloads(user: HubUser) -> None:
    repo_id = user.create()
    user.push(repo_id, FILES)

    csghub(user, "download", repo_id, "-ld", "here", "--dry-run")

    assert files_below(user.folder / "here") == FILES


@both_ways
def test_download_of_what_is_not_there_ends_with_an_error(user: HubUser) -> None:
    said = csghub(user, "download", f"{user.name}/none", "-ld", "here", fails=True)
    assert "500" in said or "none" in said


@own_code
def test_upload_of_a_folder_makes_the_repository(user: HubUser, repo_id: str) -> None:
    samples.write(user.folder / "up", FILES)

    csghub(user, "upload", repo_id, "up")

    assert user.held(repo_id) == FILES
    assert user.stored_in_lfs(repo_id) == {"weights.bin", "data/子/[x] y.bin"}


@own_code
@pytest.mark.parametrize("kind", ["dataset", "code", "skill"])
def test_upload_of_a_folder_of_each_type(user: HubUser, repo_id: str, kind: str) -> None:
    samples.write(user.folder / "up", FILES)

    csghub(user, "upload", repo_id, "up", "-t", kind)

    assert user.held(repo_id, kind) == FILES


@own_code
def test_upload_of_a_folder_to_a_branch_that_is_new(user: HubUser, repo_id: str) -> None:
    samples.write(user.folder / "up", FILES)
    csghub(user, "upload", repo_id, "up")
    samples.write(user.folder / "up", {"config.json": b"{}"})

    csghub(user, "upload", repo_id, "up", "--revision", "dev")

    assert user.held(repo_id, ref="dev") == {**FILES, "config.json": b"{}"}
    assert user.held(repo_id) == FILES


@own_code
def test_fault_of_the_sdk_upload_of_a_folder_deletes_what_only_the_hub_has(
    user: HubUser, repo_id: str
) -> None:
    samples.write(user.folder / "up", FILES)
    csghub(user, "upload", repo_id, "up")
    user.push(repo_id, {"notes/of-others.txt": b"precious"})

    csghub(user, "upload", repo_id, "up")

    assert user.held(repo_id) == FILES


@own_code
def test_fault_of_the_sdk_a_file_with_a_space_in_its_name_cannot_be_deleted(
    user: HubUser, repo_id: str
) -> None:
    """It reads `git status` by words."""
    samples.write(user.folder / "up", {**FILES, "two words.txt": b"x"})
    csghub(user, "upload", repo_id, "up")
    (user.folder / "up" / "two words.txt").unlink()

    assert "FileNotFoundError" in csghub(user, "upload", repo_id, "up", fails=True)


@own_code
def test_fault_of_the_sdk_one_file_is_uploaded_into_a_folder_of_its_name(
    user: HubUser, repo_id: str
) -> None:
    samples.write(user.folder, FILES)

    csghub(user, "upload", repo_id, "config.json")
    csghub(user, "upload", repo_id, "weights.bin", "renamed.bin")

    assert user.held(repo_id) == {
        "config.json/config.json": FILES["config.json"],
        "renamed.bin/weights.bin": FILES["weights.bin"],
    }
    assert user.stored_in_lfs(repo_id) == {"renamed.bin/weights.bin"}


@own_code
def test_fault_of_the_sdk_include_and_exclude_are_ignored(user: HubUser, repo_id: str) -> None:
    samples.write(user.folder / "up", FILES)

    csghub(user, "upload", repo_id, "up", "--include", "*.json", "--exclude", "data/*")

    assert user.held(repo_id) == FILES


@own_code
def test_fault_of_the_sdk_the_token_stays_in_the_clone_it_worked_in(
    user: HubUser, repo_id: str
) -> None:
    samples.write(user.folder / "up", FILES)

    csghub(user, "upload", repo_id, "up")

    config = (WORK / repo_id.partition("/")[2] / ".git" / "config").read_text()
    assert user.token in config


@by_huggingface_hub
def test_upload_through_huggingface_hub(user: HubUser, repo_id: str) -> None:
    samples.write(user.folder / "up", FILES)
    samples.write(user.folder, FILES)

    csghub(user, "upload", repo_id, "up", HF_HUB_DISABLE_XET="1")
    csghub(user, "upload", repo_id, "config.json", "renamed.json", HF_HUB_DISABLE_XET="1")

    assert user.held(repo_id) == {**FILES, "renamed.json": FILES["config.json"]}
    assert user.stored_in_lfs(repo_id) == {"weights.bin", "data/子/[x] y.bin"}


@by_huggingface_hub
def test_fault_of_the_sdk_large_files_want_xet_routes_that_the_contract_has_not(
    user: HubUser, repo_id: str
) -> None:
    """Where hf-xet is installed, and huggingface_hub installs it, LFS is not tried."""
    need("hf-xet")
    samples.write(user.folder / "up", FILES)

    said = csghub(user, "upload", repo_id, "up", fails=True)

    assert "xet-write-token" in said
    assert user.held(repo_id) == {}
