"""``csg://`` is written to by commits: what was whole when it was closed, and nothing else."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import IO, Any

import fsspec
import pytest
from fsspec.core import OpenFile

from csgrepo import InvalidInput, UnsafePath
from csgrepo.integrations.filesystem import CsgFileSystem
from csgrepo.server import Answer
from tests.functional.copies import noise
from tests.functional.downloads import LARGE
from tests.functional.uploads import Target, target
from tests.stock import StockGit


@pytest.fixture
def repo(hub, hub_remote, stock_lfs: StockGit, signed_in) -> Target:
    yield target(hub, hub_remote, stock_lfs)
    hub.faults.clear()


@pytest.fixture
def fs(signed_in) -> CsgFileSystem:
    return CsgFileSystem(endpoint=signed_in.endpoint, skip_instance_cache=True)


@pytest.fixture(autouse=True)
def no_draft_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = tmp_path / "drafts"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    yield
    assert list(folder.glob("*.draft")) == []


def own(files: dict[str, bytes]) -> dict[str, bytes]:
    return {name: content for name, content in files.items()
            if name not in {"README.md", ".gitattributes"}}  # fmt: skip


def test_file_is_committed_when_it_is_closed_and_read_back_at_once(fs, repo: Target) -> None:
    large, path = noise(LARGE), f"{repo.repo_id}/目录/w.safetensors"
    before = repo.commits()
    assert not fs.exists(path)
    with fs.open(path, "wb") as file:
        file.write(large[:1000])
        file.write(large[1000:])
        assert repo.commits() == before
    with fs.open(f"{repo.repo_id}/t.txt", "w", encoding="utf-8") as text:
        text.write("模型")

    assert fs.cat_file(path) == large
    assert fs.info(path)["size"] == LARGE
    assert repo.commits() == before + 2
    assert own(repo.tree()) == {"目录/w.safetensors": large, "t.txt": "模型".encode()}


def test_file_of_which_only_a_part_was_written_is_not_committed(fs, repo: Target) -> None:
    before, path = repo.head(), f"{repo.repo_id}/a.txt"
    where = {"endpoint": repo.hub.url, "token": repo.remote.password}

    def fails(file: IO[Any], half: str | bytes) -> None:
        with file as opened:
            opened.write(half)
            raise ZeroDivisionError

    for file, half in (
        (fs.open(path, "wb"), b"half"),
        (fs.open(path, "w"), "half"),
        (fs.open(path, "wb", compression="gzip"), b"half"),
        (OpenFile(CsgFileSystem(**where), path, "wb"), b"half"),
    ):
        with pytest.raises(ZeroDivisionError):
            fails(file, half)
    forgotten = fs.open(path, "wb")
    forgotten.write(b"half")
    del forgotten

    assert repo.head() == before


def test_file_is_written_while_another_error_is_dealt_with(fs, repo: Target) -> None:
    try:
        fs.cat_file(f"{repo.repo_id}/none.txt")
    except FileNotFoundError:
        with fs.open(f"{repo.repo_id}/none.txt", "wb") as file:
            file.write(b"now")

    assert fs.cat_file(f"{repo.repo_id}/none.txt") == b"now"


def test_transaction_is_one_commit_or_none(fs, repo: Target) -> None:
    fs.pipe_file(f"{repo.repo_id}/old.txt", b"old")
    before = repo.commits()
    with fs.transaction:
        for name in ("a.txt", "b/c.txt"):
            with fs.open(f"{repo.repo_id}/{name}", "wb") as file:
                file.write(name.encode())
        fs.rm(f"{repo.repo_id}/old.txt")
        assert repo.commits() == before

    assert repo.commits() == before + 1
    assert own(repo.tree()) == {"a.txt": b"a.txt", "b/c.txt": b"b/c.txt"}
    head = repo.head()

    def fails() -> None:
        with fs.transaction:
            fs.pipe_file(f"{repo.repo_id}/d.txt", b"d")
            with fs.open(f"{repo.repo_id}/e.txt", "wb") as file:
                file.write(b"e")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert repo.head() == head
    fs.pipe_file(f"{repo.repo_id}/f.txt", b"f")  # the transaction is over
    assert fs.cat_file(f"{repo.repo_id}/f.txt") == b"f"


def test_calls_for_many_files_make_one_commit_each(fs, repo: Target, tmp_path: Path) -> None:
    source, root = tmp_path / "out", repo.repo_id
    (source / "sub").mkdir(parents=True)
    (source / "a.bin").write_bytes(b"a")
    (source / "sub" / "b.bin").write_bytes(b"b")
    (tmp_path / "one.txt").write_bytes(b"1")
    before = repo.commits()

    fs.put(str(source), f"{root}/data/", recursive=True)
    fs.mv(f"{root}/data/out/a.bin", f"{root}/data/moved.bin")
    fs.copy(f"{root}/data/out", f"{root}/copy", recursive=True)
    fs.pipe({f"{root}/p/1": b"1", f"{root}/p/2": b"2"})
    fs.rm(f"{root}/data/out", recursive=True)
    fs.put_file(str(tmp_path / "one.txt"), f"{root}/one.txt")

    assert repo.commits() == before + 6
    assert own(repo.tree()) == {
        "data/moved.bin": b"a", "copy/sub/b.bin": b"b", "p/1": b"1", "p/2": b"2", "one.txt": b"1"
    }  # fmt: skip


def test_files_are_appended_to_and_made_anew_only_where_that_is_meant(fs, repo: Target) -> None:
    path = f"{repo.repo_id}/log.txt"
    for line in (b"one\n", b"two\n"):
        with fs.open(path, "ab") as file:
            file.write(line)

    assert fs.cat_file(path) == b"one\ntwo\n"
    with pytest.raises(FileExistsError):
        fs.open(path, "xb")
    with pytest.raises(FileExistsError):
        fs.pipe_file(path, b"", mode="create")


def test_branch_is_written_to_and_a_commit_is_not(fs, repo: Target) -> None:
    repo.api.create_branch(repo.repo_id, "feature/x")
    before = repo.head()

    fs.pipe_file(f"{repo.repo_id}@feature%2Fx/a.txt", b"there")

    assert (repo.head(), own(repo.tree("feature/x"))) == (before, {"a.txt": b"there"})
    with pytest.raises(InvalidInput, match="commit"):
        fs.open(f"{repo.repo_id}@{before}/a.txt", "wb")
    for wrong in (f"{repo.repo_id}@no-such/a.txt", f"{repo.repo_id}-x/a.txt"):
        with pytest.raises(FileNotFoundError):
            fs.pipe_file(wrong, b"a")


def test_what_cannot_be_written_is_refused_before_anything_is(fs, repo: Target) -> None:
    for path, kind in (
        (f"{repo.repo_id}/.git/config", UnsafePath),
        (f"{repo.repo_id}/a/../../b", UnsafePath),
        (repo.repo_id, IsADirectoryError),
        (f"{repo.repo_id}/a.txt", InvalidInput),
    ):
        with pytest.raises(kind):
            fs.open(path, "r+b" if kind is InvalidInput else "wb")
    with pytest.raises(InvalidInput, match="network"):
        CsgFileSystem(local_files_only=True, skip_instance_cache=True).open(
            f"{repo.repo_id}/a.txt", "wb"
        )
    with pytest.raises(IsADirectoryError):
        fs.rm(repo.repo_id)
    with pytest.raises(FileNotFoundError):
        fs.rm(f"{repo.repo_id}/none.txt")


def test_file_that_an_ignore_rule_leaves_out_is_not_said_to_be_written(fs, repo: Target) -> None:
    fs.pipe_file(f"{repo.repo_id}/.gitignore", b"*.log\n")

    with pytest.raises(InvalidInput, match=r"\.gitignore leaves out x\.log"):
        fs.pipe_file(f"{repo.repo_id}/x.log", b"text")


def test_file_whose_commit_failed_can_be_committed_again(fs, repo: Target) -> None:
    repo.hub.faults.add("POST", "", Answer(403), times=None)
    file = fs.open(f"{repo.repo_id}/a.txt", "wb")
    file.write(b"kept")
    with pytest.raises(OSError, match="403"):
        file.close()
    repo.hub.faults.clear()

    file.commit()

    assert fs.cat_file(f"{repo.repo_id}/a.txt") == b"kept"


def test_call_of_one_thread_leaves_out_what_another_writes_meanwhile(fs, repo, tmp_path) -> None:
    class Pausing(fsspec.callbacks.Callback):
        def relative_update(self, inc: int = 1) -> None:
            during.start()
            during.join()
            heads.append(repo.commits())

    during = threading.Thread(target=fs.pipe_file, args=(f"{repo.repo_id}/b.txt", b"b"))
    heads: list[int] = []
    (tmp_path / "a.txt").write_bytes(b"a")
    before = repo.commits()

    class One(fsspec.callbacks.Callback):
        def branched(self, *_: object, **__: object) -> fsspec.callbacks.Callback:
            return Pausing()

    fs.put([str(tmp_path / "a.txt")], [f"{repo.repo_id}/a.txt"], callback=One())

    assert heads == [before + 1]
    assert own(repo.tree()) == {"a.txt": b"a", "b.txt": b"b"}
