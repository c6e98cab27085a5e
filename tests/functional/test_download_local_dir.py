"""Plain files where the user wants them: kept up to date, and nothing else is touched."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from csgrepo import InvalidInput, NotCached, file_download, snapshot_download
from tests.functional.copies import noise, work_files
from tests.functional.downloads import LARGE, Shelf, bodies, shelf
from tests.stock import StockGit

__all__ = ["shelf"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "plain"


def files(folder: Path) -> dict[str, bytes]:
    return {
        path: content
        for path, content in work_files(folder).items()
        if not path.startswith(".csgrepo/") and path not in {"README.md", ".gitattributes"}
    }


def test_files_are_plain_and_follow_what_changed(shelf: Shelf, folder: Path) -> None:
    large = noise(LARGE)
    shelf.put({"目录/w.bin": large}, lfs=True)
    shelf.put({"a.txt": b"one", "b.txt": b"stays"})
    assert snapshot_download(shelf.id, local_dir=folder) == str(folder)
    assert files(folder) == {"目录/w.bin": large, "a.txt": b"one", "b.txt": b"stays"}
    assert not any(path.is_symlink() for path in folder.rglob("*"))
    shelf.asked(files=5)

    shelf.put({"a.txt": b"two!", "new.txt": b"n"})
    snapshot_download(shelf.id, local_dir=folder)

    assert {Path(request.path).name for request in bodies(shelf.asked(files=2))} == {
        "a.txt",
        "new.txt",
    }
    assert files(folder)["a.txt"] == b"two!"
    assert not list((folder / ".csgrepo" / "parts").glob("*.part"))


def test_what_the_user_changed_stops_the_update_before_anything_changes(shelf, folder) -> None:
    shelf.put({"a.txt": b"one", "b.txt": b"one"})
    snapshot_download(shelf.id, local_dir=folder)
    (folder / "a.txt").write_bytes(b"my own work")
    shelf.put({"a.txt": b"two", "b.txt": b"two"})
    before = files(folder)

    with pytest.raises(InvalidInput, match=r"a\.txt"):
        snapshot_download(shelf.id, local_dir=folder)
    with pytest.raises(InvalidInput, match=r"a\.txt"):
        file_download(shelf.id, "a.txt", local_dir=folder, force_download=True)

    assert files(folder) == before


def test_what_was_there_before_is_left_alone_or_taken_as_it_is(shelf: Shelf, folder: Path) -> None:
    shelf.put({"a.txt": b"same", "b.txt": b"theirs"})
    folder.mkdir()
    (folder / "a.txt").write_bytes(b"same")
    (folder / "notes.txt").write_bytes(b"mine")
    snapshot_download(shelf.id, local_dir=folder)
    assert "a.txt" not in {Path(request.path).name for request in bodies(shelf.asked())}

    assert files(folder) == {"a.txt": b"same", "b.txt": b"theirs", "notes.txt": b"mine"}


def test_file_that_the_revision_no_longer_has_goes_unless_it_was_changed(shelf, folder) -> None:
    kept = shelf.put({"a.txt": b"a"})
    later = shelf.put({"gone.txt": b"g", "edited.txt": b"e"})
    snapshot_download(shelf.id, local_dir=folder, revision=later)
    (folder / "edited.txt").write_bytes(b"edited by hand")

    snapshot_download(shelf.id, local_dir=folder, revision=kept)

    assert files(folder) == {"a.txt": b"a", "edited.txt": b"edited by hand"}


def test_what_the_cache_has_is_copied_and_works_offline(shelf: Shelf, folder: Path) -> None:
    shelf.put({"a.txt": b"cached"})
    snapshot_download(shelf.id)
    shelf.asked(files=3)

    path = file_download(shelf.id, "a.txt", local_dir=folder, local_files_only=True)
    with pytest.raises(NotCached):
        file_download(shelf.id, "x.txt", local_dir=folder, local_files_only=True)

    assert Path(path).read_bytes() == b"cached"
    assert shelf.asked() == []


def test_damaged_record_makes_files_the_users_own(shelf: Shelf, folder: Path) -> None:
    shelf.put({"a.txt": b"one"})
    snapshot_download(shelf.id, local_dir=folder)
    (folder / ".csgrepo" / "written.json").write_bytes(b"{torn")
    snapshot_download(shelf.id, local_dir=folder)  # the same content
    (folder / ".csgrepo" / "written.json").write_bytes(b"{torn")
    shelf.put({"a.txt": b"two"})

    with pytest.raises(InvalidInput, match=r"a\.txt"):
        snapshot_download(shelf.id, local_dir=folder)


def test_dry_run_tells_what_would_come(shelf: Shelf, folder: Path) -> None:
    shelf.put({"a.txt": b"one"})

    plan = snapshot_download(shelf.id, local_dir=folder, allow_patterns="*.txt", dry_run=True)

    assert (plan.missing, plan.path) == (("a.txt",), str(folder))
    assert not folder.exists()


def test_file_that_was_there_before_stays_what_it_is(shelf: Shelf, folder: Path) -> None:
    without = shelf.put({"a.txt": b"same"})
    with_both = shelf.put({"b.txt": b"same"})
    folder.mkdir()
    (folder / "a.txt").write_bytes(b"same")
    (folder / "b.txt").write_bytes(b"same")
    snapshot_download(shelf.id, local_dir=folder, revision=with_both)
    changed = shelf.put({"a.txt": b"other"})

    snapshot_download(shelf.id, local_dir=folder, revision=without)
    with pytest.raises(InvalidInput, match=r"a\.txt"):
        snapshot_download(shelf.id, local_dir=folder, revision=changed)

    assert files(folder) == {"a.txt": b"same", "b.txt": b"same"}


def test_repositories_share_a_folder_and_each_keeps_its_files(
    shelf: Shelf, hub_remote, folder: Path
) -> None:
    other = Shelf(shelf.hub, shelf.git, hub_remote())
    kept = shelf.put({"a.txt": b"a"})
    shelf.put({"gone.txt": b"g"})
    other.put({"b.txt": b"b"})

    snapshot_download(shelf.id, local_dir=folder)
    snapshot_download(other.id, local_dir=folder)
    assert files(folder) == {"a.txt": b"a", "gone.txt": b"g", "b.txt": b"b"}
    snapshot_download(shelf.id, local_dir=folder, revision=kept)

    assert files(folder) == {"a.txt": b"a", "b.txt": b"b"}


def test_calls_at_the_same_time_all_know_their_files_again(shelf: Shelf, folder: Path) -> None:
    names = [f"{number}.txt" for number in range(6)]
    shelf.put(dict.fromkeys(names, b"one"))

    def fetch(name: str) -> str:
        return snapshot_download(shelf.id, local_dir=folder, allow_patterns=name)

    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(fetch, names))
    shelf.put(dict.fromkeys(names, b"two!"))
    snapshot_download(shelf.id, local_dir=folder)

    assert files(folder) == dict.fromkeys(names, b"two!")


KILLED = """\
import os, sys
from csgrepo import snapshot_download
from csgrepo.progress import listen

listen(lambda event: event.done and "second" in event.item and os._exit(9))
snapshot_download(sys.argv[1], local_dir=sys.argv[2], max_workers=1)
"""


def test_files_of_a_call_that_was_killed_are_known_again(shelf: Shelf, folder: Path) -> None:
    shelf.put({"first.bin": noise(LARGE + 1), "second.bin": noise(LARGE)}, lfs=True)
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, shelf.id, str(folder)], capture_output=True, check=False
    )
    assert killed.returncode == 9, killed.stderr
    assert files(folder).keys() == {"first.bin"}
    new = {"first.bin": noise(LARGE + 1), "second.bin": b"s"}
    shelf.put(new, lfs=True)

    snapshot_download(shelf.id, local_dir=folder)

    assert files(folder) == new


def test_file_of_the_users_where_a_folder_has_to_be_stops_it_before_anything_changes(
    shelf: Shelf, folder: Path
) -> None:
    shelf.put({"a.txt": b"a", "sub/deep/x.txt": b"x"})
    folder.mkdir()
    (folder / "sub").write_bytes(b"mine")

    with pytest.raises(InvalidInput, match=r"sub/deep/x\.txt"):
        snapshot_download(shelf.id, local_dir=folder)
    with pytest.raises(InvalidInput, match="is a file"):
        snapshot_download(shelf.id, local_dir=folder / "sub")

    assert {path.name for path in folder.iterdir()} == {"sub"}


def test_file_may_become_a_folder_and_a_folder_a_file(shelf: Shelf, folder: Path) -> None:
    bare = StockGit(shelf.remote.path)

    def commit(files: dict[str, bytes]) -> str:
        """Make a commit with these files and no others."""
        bare.run("update-ref", "-d", "refs/heads/main")
        return shelf.put(files)

    first = {"a": b"file", "b/c/x": b"x", "b/y": b"y"}
    second = {"a/inner": b"file", "b": b"now a file"}
    commits = [commit(first), commit(second)]
    snapshot_download(shelf.id, local_dir=folder, revision=commits[0])
    plan = snapshot_download(shelf.id, local_dir=folder, revision=commits[1], dry_run=True)
    assert set(plan.missing) == set(second)

    snapshot_download(shelf.id, local_dir=folder, revision=commits[1])
    assert files(folder) == second
    snapshot_download(shelf.id, local_dir=folder, revision=commits[0])
    assert files(folder) == first
    (folder / "b" / "mine").write_bytes(b"mine")
    with pytest.raises(InvalidInput, match="for b;"):
        snapshot_download(shelf.id, local_dir=folder, revision=commits[1])
    assert files(folder) == {**first, "b/mine": b"mine"}


def test_files_with_the_same_content_are_fetched_once(shelf: Shelf, folder: Path) -> None:
    twins = dict.fromkeys(["a.txt", "b/a.txt", "c.txt"], b"the same")
    shelf.put(twins)

    snapshot_download(shelf.id, local_dir=folder, allow_patterns="*.txt")

    assert files(folder) == twins
    sent = bodies(shelf.asked(files=1))
    shelf.put({"a.txt": b"another"})
    snapshot_download(shelf.id, local_dir=folder, allow_patterns="*.txt")
    assert files(folder) == {**twins, "a.txt": b"another"}
    assert len(sent + bodies(shelf.asked(files=1))) == 2
