"""A hub whose disk is full says so, goes on answering what needs no room, and keeps no halves."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from csgrepo.errors import DiskFull
from csgrepo.server import Hub
from csgrepo.server.records.database import Database
from tests.functional import disks
from tests.functional.rest import Api, b64
from tests.stock import StockGit


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with disks.mounted(tmp_path / "disk", "size=16m") as folder:
        yield folder


def test_a_full_disk_is_named_and_reading_goes_on(disk: Path, git: StockGit):
    with Hub(disk / "root") as hub:
        wanda = Api(hub.url, hub.add_user("wanda"), "wanda")
        base = wanda.create("first")
        wanda.put_file(base, "kept.txt", b"kept")
        ballast = disks.fill(disk, 0)

        content = os.urandom(600_000)
        oid = hashlib.sha256(content).hexdigest()
        put = f"/models/wanda/first.git/info/lfs/objects/{oid}/{len(content)}"
        change = {"message": "m", "branch": "main", "content": b64(bytes(200_000))}
        refused = [
            wanda("PUT", put, data=content),
            wanda("POST", f"{base}/raw/new.txt", json=change),
            wanda("POST", f"{base}/upload_file", files={"file": ("a", content)},
                  data={"file_path": "a.txt", "message": "m", "branch": "main"}),
            wanda("POST", "/api/v1/models", json={"name": "second"}),
        ]  # fmt: skip
        assert [answer.status_code for answer in refused] == [507] * 4
        assert all("disk is full" in answer.json()["msg"] for answer in refused)
        for _ in range(60):  # downloads are counted, and written down now and then
            read = wanda("GET", f"{base}/resolve/kept.txt")
            assert (read.status_code, read.content) == (200, b"kept")
        assert wanda("GET", base).status_code == 200  # whose facts are noted for the next time
        assert list((disk / "root/tmp").iterdir()) == []

        ballast.unlink()
        assert wanda("PUT", put, data=content).status_code == 200
        assert wanda("POST", f"{base}/raw/new.txt", json=change).status_code == 200
        assert wanda.create("second")
        assert wanda.get(base)["downloads"] == 60  # nothing that was counted is forgotten
        git.at(hub.git_dir("wanda/first"))("fsck", "--strict")


def test_a_transaction_that_finds_no_room_leaves_the_next_one_alone(tmp_path: Path):
    database = Database(tmp_path / "hub.sqlite3")
    large = "INSERT INTO settings VALUES ('large', zeroblob(1000000))"
    database.rows("PRAGMA max_page_count = 1")  # as many as there are

    with pytest.raises(DiskFull), database.change() as connection:
        connection.execute(large)
    with database.note() as connection:
        connection.execute(large)

    database.rows("PRAGMA max_page_count = 1000000")
    database.store_setting("small", b"1")
    assert database.setting("large", b"none") == b"none"
    database.close()
