"""Plain files where the user wants them: kept up to date, and nothing else is touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from csgrepo import InvalidInput, NotCached, file_download, snapshot_download
from tests.functional.copies import noise, work_files
from tests.functional.downloads import LARGE, Shelf, bodies, shelf

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


def test_what_was_there_before_is_left_alone_or_adopted(shelf: Shelf, folder: Path) -> None:
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
    snapshot_download(shelf.id, local_dir=folder)  # the same content: adopted again
    (folder / ".csgrepo" / "written.json").write_bytes(b"{torn")
    shelf.put({"a.txt": b"two"})

    with pytest.raises(InvalidInput, match=r"a\.txt"):
        snapshot_download(shelf.id, local_dir=folder)


def test_dry_run_tells_what_would_come(shelf: Shelf, folder: Path) -> None:
    shelf.put({"a.txt": b"one"})

    plan = snapshot_download(shelf.id, local_dir=folder, allow_patterns="*.txt", dry_run=True)

    assert (plan.missing, plan.path) == (("a.txt",), str(folder))
    assert not folder.exists()
