"""Folders for unfinished work, made and cleared away by several at once."""

from __future__ import annotations

import threading
from pathlib import Path

from csgrepo.repository.scratch import scratch


def test_none_clears_away_what_another_has_only_just_made(tmp_path: Path) -> None:
    parent = tmp_path / "parent"
    parent.mkdir()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(100):
                with scratch(parent) as folder:
                    (folder / "file").write_bytes(b"work")
                    assert (folder / "file").read_bytes() == b"work"
        except BaseException as error:  # noqa: BLE001 - shown below
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    with scratch(parent):
        pass  # takes with it what two of them left when they met
    assert list(parent.iterdir()) == []


def test_what_a_dead_process_left_is_cleared_away(tmp_path: Path) -> None:
    left = tmp_path / ".csgrepo-joining-0123456789ab"
    (left / "work").mkdir(parents=True)
    (left / "work" / "half.bin").write_bytes(b"half")

    with scratch(tmp_path):
        assert not left.exists()
