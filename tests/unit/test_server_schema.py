"""A hub's database written by an earlier version, opened by this one."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from pathlib import Path

import pytest

from csgrepo.errors import InvalidInput
from csgrepo.server.accounts.users import Accounts
from csgrepo.server.records.database import SCHEMA_VERSION, Database
from csgrepo.server.records.schema import STEPS


def first_version(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(STEPS[0])
        connection.executescript("""
            INSERT INTO namespaces VALUES ('wanda', 'user', 'u-1'), ('team', 'organization', 'u-2');
            INSERT INTO users VALUES (1, 'wanda', 'wanda@localhost', 'Wanda', 'u-1', 5.0);
            INSERT INTO members VALUES ('team', 1, 'admin');
            PRAGMA user_version = 1;
        """)


def test_an_earlier_database_is_brought_up_to_date_and_keeps_what_it_has(tmp_path):
    path = tmp_path / "hub.sqlite3"
    first_version(path)
    for _ in range(2):
        database = Database(path)
        accounts = Accounts(database)
        user = accounts.user("WANDA")
        assert (user.nickname, user.bio, user.is_admin) == ("Wanda", "", False)
        assert accounts.namespaces_of(user) == ["wanda", "team"]
        assert database.row("SELECT nickname FROM organizations")[0] == "team"
        assert database.row("PRAGMA user_version")[0] == SCHEMA_VERSION == len(STEPS)
        database.close()


def test_two_that_open_it_at_once_do_not_disturb_each_other(tmp_path):
    path = tmp_path / "hub.sqlite3"
    first_version(path)
    failures = []

    def open_it() -> None:
        try:
            Database(path).close()
        except (sqlite3.Error, InvalidInput) as error:
            failures.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_opening_waits_for_one_who_is_writing_to_an_earlier_database(tmp_path):
    path = tmp_path / "hub.sqlite3"
    first_version(path)
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    with contextlib.closing(other):
        other.execute("BEGIN IMMEDIATE")
        other.execute("INSERT INTO settings VALUES ('name', X'76')")
        done = threading.Timer(0.3, other.execute, ["COMMIT"])
        done.start()
        database = Database(path)
        assert database.setting("name", b"") == b"v"
        database.close()
        done.join()


def test_a_later_database_is_left_alone(tmp_path):
    path = tmp_path / "hub.sqlite3"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    with pytest.raises(InvalidInput, match="later csgrepo"):
        Database(path)
