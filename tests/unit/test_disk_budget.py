from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from csgrepo.errors import DiskBudgetExceeded, DiskFull, HubUnreachable, InvalidInput
from csgrepo.repository.budget import make_room, parse_size, usage


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("20GB", 20 * 10**9),
        ("20 gb", 20 * 10**9),
        ("20G", 20 * 10**9),
        ("512MiB", 512 * 2**20),
        ("1.5 TiB", 3 * 2**39),
        ("4096", 4096),
        ("4096B", 4096),
        (4096, 4096),
    ],
)
def test_size_when_written_in_any_unit_then_is_bytes(text: str | int, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "much", "-1", "20 PB!", "0", 0, "GB", "1,5GB"])
def test_size_when_it_is_none_then_is_refused(text: str | int) -> None:
    with pytest.raises(InvalidInput):
        parse_size(text)


@pytest.mark.skipif(os.name != "posix", reason="du")
def test_usage_is_what_du_counts(tmp_path: Path) -> None:
    (tmp_path / "a" / "模型").mkdir(parents=True)
    (tmp_path / "a" / "模型" / "w.bin").write_bytes(b"x" * 123_456)
    (tmp_path / "a" / "again.bin").hardlink_to(tmp_path / "a" / "模型" / "w.bin")
    (tmp_path / "link").symlink_to("nowhere")
    with (tmp_path / "sparse").open("wb") as sparse:
        sparse.truncate(10**9)
    du = subprocess.run(["du", "-sk", tmp_path], capture_output=True, text=True, check=True)
    root = tmp_path.stat().st_blocks // 2
    assert usage(tmp_path) // 1024 == int(du.stdout.split()[0]) - root


def _fill(folder: Path, name: str, size: int) -> Path:
    (folder / name).write_bytes(os.urandom(size))
    return folder / name


def test_room_when_there_is_enough_then_nobody_is_asked(tmp_path: Path) -> None:
    _fill(tmp_path, "w.bin", 1000)
    make_room(
        str(tmp_path),
        10**6,
        1000,
        lambda _: pytest.fail("nothing need be freed"),
        lambda: pytest.fail("nothing need be awaited"),
    )


def test_room_when_freeing_gives_it_then_checked_out_objects_go_last(tmp_path: Path) -> None:
    old, current = _fill(tmp_path, "old", 10**5), _fill(tmp_path, "current", 10**5)
    asked = []

    def free(checked_out: bool) -> int:
        asked.append(checked_out)
        (current if checked_out else old).unlink()
        return 10**5

    make_room(str(tmp_path), 380_000, 10**5, free, lambda: False)
    assert asked == [False]
    _fill(tmp_path, "old", 10**5)
    make_room(str(tmp_path), 290_000, 10**5, free, lambda: False)
    assert asked == [False, False, True]


def test_room_when_a_push_ends_then_is_found(tmp_path: Path) -> None:
    _fill(tmp_path, "w.bin", 10**5)
    looks = iter([True, True, False])
    freed = []

    def free(_: bool) -> int:
        freed.append(len(freed))
        if len(freed) > 2:  # before the push has ended, the server confirms nothing
            (tmp_path / "w.bin").unlink()
        return 0

    make_room(str(tmp_path), 2 * 10**5, 10**5, free, lambda: next(looks, False))
    assert len(freed) == 3


def test_room_when_there_is_none_then_says_how_much_is_missing(tmp_path: Path) -> None:
    _fill(tmp_path, "w.bin", 10**5)

    def unreachable(_: bool) -> int:
        raise HubUnreachable("https://hub.example", "no route")

    with pytest.raises(DiskBudgetExceeded, match="raise disk_budget") as caught:
        make_room(str(tmp_path), 150_000, 10**5, unreachable, lambda: False)
    assert isinstance(caught.value, DiskFull)
    assert (caught.value.budget, caught.value.needed) == (150_000, 10**5)
    assert caught.value.used >= 10**5


def test_room_when_it_is_for_this_save_only_then_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _fill(tmp_path, "w.bin", 10**5)
    make_room(str(tmp_path), 220_000, 10**5, lambda _: 0, lambda: False)
    assert "next save" in caplog.text
