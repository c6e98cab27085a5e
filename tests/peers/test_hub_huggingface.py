"""huggingface_hub as it is released, on the embedded hub's `/hf` route."""

from __future__ import annotations

from pathlib import Path

import pytest

from csgrepo.server import Truncate
from tests.peers import samples
from tests.peers.hub_user import HubUser, Raised, files_below, need
from tests.stock import StockGit

FILES = {
    "weights.bin": samples.content("weights", 3_000_000),
    "config.json": b'{"layers": 2}\n',
    "data/子/模型 [1].txt": "你好\n".encode(),
    "data/子/[x] y.bin": samples.content("y", 300),
}
IN_LFS = {"weights.bin", "data/子/[x] y.bin"}
COMMIT = """
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
operations = [CommitOperationAdd(path, path) for path in asked["add"]]
operations += [CommitOperationDelete(path) for path in asked.get("delete", [])]
made = HfApi().create_commit(asked["repo_id"], operations, commit_message="by huggingface_hub",
                             repo_type=asked.get("repo_type"))
result = made.oid, made.commit_url
"""


def api(call: str) -> str:
    """Return the code that calls a method of `HfApi` with what is asked."""
    return f"from huggingface_hub import HfApi\nresult = HfApi().{call}(**asked)"


@pytest.fixture
def user(huggingface_user: HubUser) -> HubUser:
    return huggingface_user


@pytest.fixture
def model(user: HubUser) -> str:
    """A private model with files."""
    repo_id = user.create(private=True)
    user.push(repo_id, FILES)
    return repo_id


def test_whoami(user: HubUser) -> None:
    found = user.python(api("whoami"))
    assert (found["name"], found["auth"]["accessToken"]["role"]) == (user.name, "write")


def test_whoami_with_a_wrong_token_is_refused(user: HubUser) -> None:
    with pytest.raises(Raised, match=r"401|Invalid"):
        user.python(api("whoami"), token="0" * 32)


def test_one_file_is_downloaded_and_kept_by_commit(user: HubUser, model: str) -> None:
    tip = StockGit(user.hub.git_dir(model))("rev-parse", "main")
    for name, content in FILES.items():
        path = Path(user.python(api("hf_hub_download"), repo_id=model, filename=name))
        assert path.read_bytes() == content
        assert tip in path.parts
    asked = len(user.hub.requests)

    again = user.python(api("hf_hub_download"), repo_id=model, filename="weights.bin")

    assert Path(again).read_bytes() == FILES["weights.bin"]
    assert [r.method for r in list(user.hub.requests)[asked:] if model in r.path] == ["HEAD"]


@pytest.mark.parametrize("kind", ["model", "dataset"])
def test_snapshot_is_whole(user: HubUser, kind: str) -> None:
    repo_id = user.create(kind, private=True)
    user.push(repo_id, FILES, kind)

    folder = user.python(
        api("snapshot_download"), repo_id=repo_id, repo_type=kind, local_dir="here"
    )

    assert files_below(Path(folder)) == FILES


def test_snapshot_of_a_model_is_kept_by_commit(user: HubUser, model: str) -> None:
    folder = Path(user.python(api("snapshot_download"), repo_id=model))

    assert folder.name == StockGit(user.hub.git_dir(model))("rev-parse", "main")
    assert files_below(folder) == FILES


def test_snapshot_of_a_dataset_is_kept_elsewhere_than_it_says_as_the_contract_has_it(
    user: HubUser,
) -> None:
    """Asked for a dataset's commit the contract's hub names the branch; each file has a commit."""
    repo_id = user.create("dataset")
    tip = user.push(repo_id, FILES, "dataset")

    folder = Path(user.python(api("snapshot_download"), repo_id=repo_id, repo_type="dataset"))

    assert folder.name == "main"
    assert not folder.exists()
    assert files_below(folder.with_name(tip)) == FILES


def test_snapshot_follows_a_branch_and_obeys_patterns(user: HubUser, model: str) -> None:
    first = user.python(api("snapshot_download"), repo_id=model)
    user.push(model, {"config.json": b"{}", "new.bin": b"new"})

    second = user.python(
        api("snapshot_download"), repo_id=model, allow_patterns=["*.json", "*.bin"],
        ignore_patterns="data/*",
    )  # fmt: skip

    assert files_below(Path(first)) == FILES
    assert files_below(Path(second)) == {
        "config.json": b"{}", "new.bin": b"new", "weights.bin": FILES["weights.bin"]}  # fmt: skip


def test_download_that_broke_off_is_gone_on_with(user: HubUser, model: str) -> None:
    content = samples.content("long", 25_000_000)  # it writes ten megabytes at a time
    user.push(model, {"long.bin": content})
    path = f"/_objects/models/{model}/"
    fault = user.hub.faults.add("GET", path, Truncate(15_000_000))

    found = user.python(api("hf_hub_download"), repo_id=model, filename="long.bin")

    assert fault.hits == 1
    assert Path(found).read_bytes() == content
    assert list(user.asked("GET", path))[-2:] == [200, 206]


def test_private_model_is_not_there_for_a_stranger(user: HubUser, model: str) -> None:
    token = user.hub.add_user(f"{user.name}-b")
    for call in ("model_info", "snapshot_download", "list_repo_files"):
        with pytest.raises(Raised):
            user.python(api(call), repo_id=model, token=token)
        with pytest.raises(Raised):
            user.python(api(call), repo_id=model, token=False)


def test_model_info_has_commit_files_and_digests(user: HubUser, model: str) -> None:
    info = user.python(api("model_info"), repo_id=model, files_metadata=True)

    assert info["sha"] == StockGit(user.hub.git_dir(model))("rev-parse", "main")
    assert (info["id"], info["author"], info["private"]) == (model, user.name, True)
    files = {file["rfilename"]: file for file in info["siblings"]}
    assert files.keys() - {".gitattributes", "README.md"} == FILES.keys()
    for name, content in FILES.items():
        assert files[name]["size"] == len(content)
        lfs = files[name]["lfs"]
        assert (lfs and lfs["sha256"]) == (samples.digest(content) if name in IN_LFS else None)


def test_dataset_info_has_the_branch_where_a_commit_is_expected(user: HubUser) -> None:
    repo_id = user.create("dataset")
    user.push(repo_id, FILES, "dataset")

    info = user.python(api("dataset_info"), repo_id=repo_id)

    assert info["sha"] == "main"
    assert {file["rfilename"] for file in info["siblings"]} >= FILES.keys()


def test_tree_is_listed_by_folder_and_whole(user: HubUser, model: str) -> None:
    def listed(**asked: object) -> dict[str, int | None]:
        found = user.python(api("list_repo_tree"), repo_id=model, **asked)
        return {entry["path"]: entry.get("size") for entry in found if entry["path"][0] not in ".R"}

    sizes = {name: len(content) for name, content in FILES.items()}
    assert listed(recursive=True) == sizes
    assert listed() == {k: v for k, v in sizes.items() if "/" not in k} | {"data": None}
    assert listed(path_in_repo="data/子") == {k: v for k, v in sizes.items() if "/" in k}


@pytest.mark.parametrize("kind", ["model", "dataset"])
def test_repository_is_created_and_filled_in_one_commit(user: HubUser, kind: str) -> None:
    repo_id = f"{user.name}/made-{kind}"
    samples.write(user.folder, FILES)

    user.python(api("create_repo"), repo_id=repo_id, repo_type=kind, private=True)
    user.python(COMMIT, repo_id=repo_id, add=list(FILES), repo_type=kind)

    assert user.held(repo_id, kind) == FILES
    assert user.stored_in_lfs(repo_id, kind) == IN_LFS
    log = StockGit(user.hub.git_dir(repo_id, kind))("log", "--format=%an %s", "main")
    assert log.splitlines()[0] == f"{user.name} by huggingface_hub"


def test_repository_that_exists_is_a_conflict_unless_that_is_fine(user: HubUser) -> None:
    repo_id = user.create()
    with pytest.raises(Raised, match="409"):
        user.python(api("create_repo"), repo_id=repo_id)
    user.python(api("create_repo"), repo_id=repo_id, exist_ok=True)


def test_uploaded_file_is_changed_by_a_second_and_left_by_the_same(user: HubUser) -> None:
    repo_id = user.create()
    bare = StockGit(user.hub.git_dir(repo_id))
    tips = []
    for content in (b"one", b"two", b"two"):
        samples.write(user.folder, {"w.bin": content, "t.txt": content})
        for name in ("w.bin", "t.txt"):
            where = f"深/{name}"
            user.python(api("upload_file"), path_or_fileobj=name, path_in_repo=where,
                        repo_id=repo_id)  # fmt: skip
        tips.append(bare("rev-parse", "main"))

    assert user.held(repo_id) == {"深/w.bin": b"two", "深/t.txt": b"two"}
    assert user.stored_in_lfs(repo_id) == {"深/w.bin"}
    assert tips[1] == tips[2] != tips[0]


def test_folder_is_uploaded(user: HubUser) -> None:
    repo_id = user.create()
    samples.write(user.folder / "up", FILES)

    user.python(api("upload_folder"), repo_id=repo_id, folder_path="up", ignore_patterns="*.json")

    assert user.held(repo_id) == {name: FILES[name] for name in FILES if "json" not in name}


def test_deletion_in_a_commit_empties_the_file_as_the_contract_has_it(
    user: HubUser, model: str
) -> None:
    samples.write(user.folder, {"new.txt": b"new"})

    user.python(COMMIT, repo_id=model, add=["new.txt"], delete=["config.json"])

    assert user.held(model) == {**FILES, "new.txt": b"new", "config.json": b""}


def test_commit_tells_no_id_as_the_contract_has_it(user: HubUser) -> None:
    repo_id = user.create()
    samples.write(user.folder, FILES)

    made = user.python(COMMIT, repo_id=repo_id, add=["config.json"])

    assert made == ["", repo_id]


def test_large_file_goes_up_in_parts(user: HubUser) -> None:
    """Parts begin at 50 MiB; this is one more byte than one."""
    repo_id = user.create()
    content = samples.content("large", 50 * samples.MIB + 1)
    samples.write(user.folder, {"large.bin": content})

    user.python(COMMIT, repo_id=repo_id, add=["large.bin"])

    assert user.held(repo_id) == {"large.bin": content}
    assert list(user.asked("PUT", f"/_parts/models/{repo_id}/")) == [200, 200]


def test_large_files_go_nowhere_by_xet(user: HubUser) -> None:
    """Why HF_HUB_DISABLE_XET is set: the contract has no routes for it, and LFS is not tried."""
    need("hf-xet")
    repo_id = user.create()
    samples.write(user.folder, FILES)
    believer = HubUser(
        user.hub, user.name, user.token, user.git, {**user.variables, "HF_HUB_DISABLE_XET": "0"}
    )

    with pytest.raises(Raised, match="xet-write-token"):
        believer.python(COMMIT, repo_id=repo_id, add=list(FILES))
    believer.python(COMMIT, repo_id=repo_id, add=["config.json"])

    assert user.held(repo_id) == {"config.json": FILES["config.json"]}
