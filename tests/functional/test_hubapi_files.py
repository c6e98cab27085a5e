"""Files and commits through `HubApi` on the embedded hub."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from csgrepo import errors
from csgrepo.hub import HubApi
from csgrepo.repo_id import RepoType
from tests.answering import answering, reply

if TYPE_CHECKING:
    from tests.functional.hub_callers import Callers

LARGE = b"\0weights" * 1000
FIRST = [".gitattributes", "README.md"]


def base(callers: Callers, repo: str, plural: str = "models") -> str:
    return f"/api/v1/{plural}/{repo}"


@pytest.fixture
def filled(callers: Callers) -> str:
    """A model with a folder, a large file and a Chinese name."""
    repo = callers.repo("filled")
    put = callers.rest.put_file
    put(base(callers, repo), "数据/a <b>.txt", b"one\n", message="Add <one> & more")
    put(base(callers, repo), "数据/deep/b.txt", b"two\n")
    # The hub keeps the content of a large file that comes this way under another name.
    from tests.functional.rest import b64

    put(base(callers, repo), "w.bin", b"", original_content=b64(LARGE))
    return repo


def test_files_are_listed_with_sizes_ids_and_digests(callers: Callers, filled: str) -> None:
    found = {entry.path: entry for entry in callers.anonymous.list_repo_objects(filled)}

    assert sorted(found) == sorted([*FIRST, "w.bin", "数据/a <b>.txt", "数据/deep/b.txt"])
    assert callers.anonymous.list_repo_files(filled) == sorted(found)
    text = found["数据/a <b>.txt"]
    blob = hashlib.sha1(b"blob 4\0one\n", usedforsecurity=False).hexdigest()
    assert (text.size, text.sha, text.type, text.lfs) == (4, blob, "file", None)
    large = found["w.bin"]
    assert large.lfs is not None
    assert (large.size, large.lfs.size) == (len(LARGE), len(LARGE))
    assert large.lfs.sha256 == hashlib.sha256(LARGE).hexdigest()
    assert 100 < large.lfs.pointer_size < 200


def test_one_folder_is_listed_with_its_folders_and_last_commits(
    callers: Callers, filled: str
) -> None:
    found = list(callers.anonymous.list_repo_objects(filled, "数据", recursive=False, expand=True))

    assert {(entry.path, entry.type) for entry in found} == {
        ("数据/a <b>.txt", "file"),
        ("数据/deep", "dir"),
    }
    commits = {entry.path: entry.last_commit for entry in found}
    assert all(commits.values())
    assert commits["数据/a <b>.txt"].message == "Add <one> & more"
    assert commits["数据/a <b>.txt"].author_name == callers.name


def test_paths_are_looked_up(callers: Callers, filled: str) -> None:
    api = callers.anonymous

    found = api.get_paths_info(
        filled, ["w.bin", "数据", "nothing", "数据/deep/b.txt", "x/y"], expand=True
    )

    assert [entry.path for entry in found] == ["w.bin", "数据", "数据/deep/b.txt"]
    assert all(entry.last_commit for entry in found)
    assert api.get_paths_info(filled, "README.md")[0].size > 0


@pytest.mark.parametrize(
    ("path", "revision", "there"),
    [
        ("数据/a <b>.txt", None, True),
        ("w.bin", "main", True),
        ("数据", None, False),
        ("nothing", None, False),
        ("w.bin", "no-such-branch", False),
    ],
)
def test_file_exists(
    callers: Callers, filled: str, path: str, revision: str | None, *, there: bool
) -> None:
    assert callers.anonymous.file_exists(filled, path, revision=revision) is there


def test_file_of_a_repository_that_is_not_there_does_not_exist(callers: Callers) -> None:
    assert callers.owner.file_exists(f"{callers.name}/none", "README.md") is False


@pytest.mark.parametrize("kind", [kind for kind in RepoType if kind is not RepoType.SPACE])
def test_files_of_each_type(callers: Callers, kind: RepoType) -> None:
    repo = callers.repo("typed", repo_type=kind)

    assert FIRST[1] in callers.owner.list_repo_files(repo, repo_type=kind)
    assert callers.owner.file_exists(repo, FIRST[1], repo_type=kind)
    assert callers.owner.repo_info(repo, repo_type=kind, files_metadata=True).siblings


def test_info_with_files(callers: Callers, filled: str) -> None:
    info = callers.owner.model_info(filled, files_metadata=True)

    assert info.siblings is not None
    assert sorted(file.path for file in info.siblings) == callers.owner.list_repo_files(filled)
    assert callers.owner.model_info(filled).siblings is None


def test_branch_with_a_slash_is_listed(callers: Callers, filled: str) -> None:
    callers.owner.create_branch(filled, "feature/x")
    callers.rest.put_file(base(callers, filled), "only-here.txt", b"x", branch="feature/x")

    assert "only-here.txt" in callers.owner.list_repo_files(filled, revision="feature/x")
    assert "only-here.txt" not in callers.owner.list_repo_files(filled)
    assert callers.owner.file_exists(filled, "only-here.txt", revision="feature/x")


def test_commits_are_listed_newest_first_and_shown(callers: Callers, filled: str) -> None:
    listed = callers.anonymous.list_repo_commits(filled)

    assert listed.total == 4
    commits = list(listed)
    assert commits[2].message == "Add <one> & more"
    assert commits[-1].message == "initial commit"
    shown = callers.anonymous.get_commit(filled, commits[2].id)
    assert shown.commit.message == "Add <one> & more"
    assert (shown.files, shown.parents) == (("数据/a <b>.txt",), (commits[3].id,))
    assert b"+one" in shown.diff
    assert (shown.additions, shown.deletions) == (1, 0)
    diff = callers.anonymous.diff_commits(filled, commits[3].id, "main")
    assert set(diff.added) == {"w.bin", "数据/a <b>.txt", "数据/deep/b.txt"}
    assert (diff.removed, diff.modified) == ((), ())


@pytest.mark.parametrize("path", ["../x", "a//b", "a/./b", "a\0b"])
def test_paths_that_lead_out_are_refused_before_anything_is_sent(path: str) -> None:
    with HubApi("http://127.0.0.1:9", False) as api:
        for call in (api.list_repo_objects, api.get_paths_info, api.file_exists):
            with pytest.raises(errors.InvalidInput):
                call("wanda/bert", path)


COMMIT = {"msg": "OK", "data": {"id": "a" * 40}}


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"path": "../up", "type": "file"}, "cannot be one"),
        ({"path": "elsewhere/f", "type": "file"}, "as an entry of"),
        ({"type": "file"}, "'path'"),
        ({"path": "f", "type": "file", "lfs": True}, "'lfs_sha256'"),
    ],
)
def test_files_a_hub_should_not_name_are_refused(entry: object, words: str) -> None:
    with answering() as server, HubApi(server.url, False) as api:
        tree = {"msg": "OK", "data": {"Files": [entry], "Cursor": ""}}
        server.script.extend([reply(200, COMMIT), reply(200, tree)])
        with pytest.raises(errors.HubError, match=words):
            api.list_repo_files("wanda/bert")


def test_folder_is_read_cursor_by_cursor_and_circles_are_noticed() -> None:
    def tree(name: str, cursor: str) -> object:
        files = [{"path": name, "type": "file", "size": 1, "sha": "b" * 40}]
        return reply(200, {"msg": "OK", "data": {"Files": files, "Cursor": cursor}})

    with answering() as server, HubApi(server.url, False) as api:
        server.script.extend([reply(200, COMMIT), tree("a", "1&2"), tree("b", "")])
        assert api.list_repo_files("wanda/bert") == ["a", "b"]
        assert "cursor=1%262" in server.asked[-1].path
        server.script.extend([reply(200, COMMIT), tree("a", "1"), tree("b", "1")])
        with pytest.raises(errors.HubError, match="circles"):
            api.list_repo_files("wanda/bert")
