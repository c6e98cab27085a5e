"""`push_model`: what it wants of a folder, and what it makes on the hub."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from csgrepo import HubApi, errors, push_model
from tests.conftest import Account
from tests.functional.uploads import folder

MODEL = {"configuration.json": b'{"task": "chat"}', "模型.bin": b"w" * 70_000, "notes.tmp": b"x"}


@pytest.fixture
def api(signed_in: Account) -> Iterator[HubApi]:
    with HubApi() as api:
        yield api


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return folder(tmp_path / "out", MODEL)


def test_a_folder_without_a_configuration_is_refused_before_the_hub_is_asked(
    hub, signed_in, tmp_path
):
    hub.requests.clear()
    out = folder(tmp_path / "out", {"model.bin": b"w"})
    with pytest.raises(ValueError, match=r"configuration\.json"):
        push_model(f"{signed_in.name}/bert", out)
    (out / "configuration.json").mkdir()
    with pytest.raises(ValueError, match=r"configuration\.json"):
        push_model(f"{signed_in.name}/bert", out)
    (out / "configuration.json").rmdir()
    (out / "configuration.json").write_text("{}")
    with pytest.raises(errors.InvalidInput, match="visibility"):
        push_model(f"{signed_in.name}/bert", out, visibility=3)
    with pytest.raises(errors.InvalidInput, match="tag"):
        push_model(f"{signed_in.name}/bert", out, tag="a..b")
    assert [request for request in hub.requests if signed_in.name in request.path] == []


def test_repository_branch_and_tag_are_made(api, signed_in, model):
    name = f"{signed_in.name}/bert"
    info = push_model(
        name,
        model,
        visibility=1,
        license="apache-2.0",
        chinese_name="伯特",
        commit_message="第一版",
        tag="v1.0",
        revision="release",
        original_model_id=f"{signed_in.name}/base",
        ignore_file_pattern="*.tmp",
    )
    shown = api.repo_info(name, revision="release")
    assert (shown.private, shown.license, shown.nickname) == (True, "apache-2.0", "伯特")
    assert shown.fields["base_model"] == f"{signed_in.name}/base"
    assert (info.branch, info.added) == ("release", ("configuration.json", "模型.bin"))
    assert shown.sha == info.oid
    assert [(tag.name, tag.target_commit) for tag in api.list_repo_refs(name).tags] == [
        ("v1.0", info.oid)
    ]
    assert "模型.bin" not in api.list_repo_files(name)  # the default branch is as it was
    again = push_model(name, model, tag="v1.0", revision="release", ignore_file_pattern="*.tmp")
    assert (again.oid, again.commits, again.unchanged) == (info.oid, (), info.added)


def test_what_is_there_stays_and_a_tag_is_not_moved(api, signed_in, model):
    name = f"{signed_in.name}/bert"
    api.create_repo(name, private=True)
    api.upload_file(path_or_fileobj=b"keep", path_in_repo="keep.txt", repo_id=name)
    first = push_model(name, model, tag="v1")
    assert api.repo_info(name).private  # the visibility is that of a repository that is made
    (model / "模型.bin").write_bytes(b"better" * 9000)
    with pytest.raises(errors.Conflict, match="give it another tag"):
        push_model(name, model, tag="v1")
    refs = api.list_repo_refs(name)
    assert {tag.name: tag.target_commit for tag in refs.tags} == {"v1": first.oid}
    again = push_model(name, model, tag="v2")
    assert again.commits == ()  # it was uploaded before the tag was refused
    assert {"keep.txt", "模型.bin"} <= set(api.list_repo_files(name))
