"""csghub-sdk 0.9.3 downloads from the embedded hub, by its functions and its command."""

from __future__ import annotations

from pathlib import Path

import pytest

from csgrepo.server import Corrupt, Hub, Truncate
from tests.conftest import Account
from tests.peers import samples
from tests.peers.hub_user import HubUser, Raised, files_below, need
from tests.stock import StockGit

FILES = {
    "weights.bin": samples.content("weights", 3_000_000),
    "config.json": b'{"layers": 2}\n',
    "data/子/模型 [1].txt": "你好\n".encode(),
    "data/子/[x] y.bin": samples.content("y", 300),
}
SNAPSHOT = """
from pycsghub.snapshot_download import snapshot_download
result = snapshot_download(**asked)
"""
FILES_ONE_BY_ONE = """
from pycsghub.file_download import file_download
names = asked.pop("names")
result = [file_download(file_name=name, repo_type="model", **asked) for name in names]
"""
FILE = """
from pycsghub.file_download import file_download
result = file_download(**asked)
"""


@pytest.fixture
def user(hub: Hub, account: Account, stock_lfs: StockGit, tmp_path: Path) -> HubUser:
    need("csghub-sdk")
    variables = {
        "CSGHUB_DOMAIN": hub.url,
        "CSGHUB_TOKEN": account.token,
        "CSGHUB_HOME": str(tmp_path / "csghub"),
    }
    return HubUser(hub, account.name, account.token, stock_lfs, variables)


@pytest.mark.parametrize("kind", ["model", "dataset", "space", "code", "mcp", "skill"])
def test_snapshot_of_every_type_is_whole(user: HubUser, kind: str) -> None:
    repo_id = user.create(kind, private=True)
    user.push(repo_id, FILES, kind)

    folder = user.python(SNAPSHOT, repo_id=repo_id, repo_type=kind, local_dir="here")

    assert files_below(user.folder / folder) == FILES


@pytest.mark.parametrize("source", ["csg", "hf", "ms"])
def test_one_file_comes_by_each_of_the_mapping_routes(user: HubUser, source: str) -> None:
    repo_id = user.create()
    user.push(repo_id, FILES)

    paths = user.python(FILES_ONE_BY_ONE, repo_id=repo_id, source=source, names=list(FILES))

    assert [Path(path).read_bytes() for path in paths] == list(FILES.values())


def test_patterns_choose_what_is_downloaded(user: HubUser) -> None:
    repo_id = user.create()
    user.push(repo_id, FILES)

    folder = user.python(
        SNAPSHOT, repo_id=repo_id, local_dir="here", allow_patterns=["data/*", "*.json"],
        ignore_patterns="*.bin",
    )  # fmt: skip

    assert sorted(files_below(user.folder / folder)) == ["config.json", "data/子/模型 [1].txt"]


def test_branch_tag_and_commit_are_revisions(user: HubUser) -> None:
    repo_id = user.create()
    first = user.push(repo_id, {"a.txt": b"one"})
    user.push(repo_id, {"a.txt": b"two"}, branch="dev")
    StockGit(user.hub.git_dir(repo_id))("tag", "v1", first)

    read = {}
    for revision in ("main", "dev", "v1", first):
        where = f"at-{revision}"
        user.python(SNAPSHOT, repo_id=repo_id, revision=revision, local_dir=where, cache_dir=where)
        read[revision] = files_below(user.folder / where)["a.txt"]

    assert read == {"main": b"one", "dev": b"two", "v1": b"one", first: b"one"}


def test_private_repository_is_not_there_without_the_token(user: HubUser) -> None:
    repo_id = user.create(private=True)
    user.push(repo_id, FILES)
    stranger = HubUser(user.hub, "", "", user.git, {**user.variables, "CSGHUB_TOKEN": ""})

    with pytest.raises(Raised, match="500 Server Error") as raised:
        stranger.python(SNAPSHOT, repo_id=repo_id, local_dir="here")

    assert raised.value.kind == "HTTPError"
    assert not (user.folder / "here").exists()


@pytest.mark.parametrize("path", ["/resolve/", "/_objects/"])
def test_download_that_broke_off_is_gone_on_with(user: HubUser, path: str) -> None:
    name = "weights.bin" if path == "/_objects/" else "long.txt"
    content = samples.content(name, 2_500_000).hex().encode() + b"\n"
    repo_id = user.create()
    user.push(repo_id, {name: content})
    fault = user.hub.faults.add("GET", f"{path}.*{repo_id}|{repo_id}{path}", Truncate(1_200_000))

    found = user.python(FILE, repo_id=repo_id, file_name=name, repo_type="model", local_dir="here")

    assert fault.hits == 1
    assert Path(user.folder, found).read_bytes() == content


def test_fault_of_the_sdk_a_flipped_bit_is_taken_for_the_file(user: HubUser) -> None:
    """It asks for no digest, and compares none."""
    repo_id = user.create()
    user.push(repo_id, FILES)
    user.hub.faults.add("GET", f"/_objects/models/{repo_id}/", Corrupt(at=1_000_000))

    folder = user.python(SNAPSHOT, repo_id=repo_id, local_dir="here", allow_patterns="weights.bin")

    arrived = files_below(user.folder / folder)["weights.bin"]
    assert len(arrived) == len(FILES["weights.bin"])
    assert arrived != FILES["weights.bin"]


def test_fault_of_the_sdk_branches_are_kept_by_name_for_ever(user: HubUser) -> None:
    """A file is not asked for again when its branch moved, nor when the name is only longer."""
    repo_id = user.create()
    user.push(repo_id, {"a.txt": b"old"})
    # With several threads the SDK's list of what it has loses entries: two write it at once.
    user.python(SNAPSHOT, repo_id=repo_id, local_dir="here", max_workers=1)
    user.push(repo_id, {"a.txt": b"new"})
    user.push(repo_id, {"a.txt": b"other"}, branch="mainline")

    for revision in ("main", "mainline"):
        user.python(SNAPSHOT, repo_id=repo_id, local_dir="here", revision=revision, max_workers=1)
        assert files_below(user.folder / "here") == {"a.txt": b"old"}

    user.python(SNAPSHOT, repo_id=repo_id, local_dir="here", force_download=True)
    assert files_below(user.folder / "here") == {"a.txt": b"new"}
