"""A journal that an earlier release wrote."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from csgrepo.jobs import Journal, Push
from csgrepo.jobs.process import Owner, Process

VERSION_1 = Path(__file__).parents[2] / "fixtures/journals/version-1.sql"
PUSH = Push("origin", "https://hub.example/a/b.git", "a" * 40, "refs/heads/main")


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    journal = Journal(tmp_path)
    journal.folder.mkdir()
    with closing(sqlite3.connect(journal.database.path)) as old:
        old.executescript(VERSION_1.read_text("utf-8"))
    return journal


def _columns(journal: Journal) -> list[dict[str, object]]:
    with closing(sqlite3.connect(journal.database.path)) as rows:
        rows.row_factory = sqlite3.Row
        return [dict(row) for row in rows.execute("SELECT * FROM jobs ORDER BY id")]


def test_old_journal_when_read_then_every_job_is_as_it_was(journal: Journal) -> None:
    before = _columns(journal)
    jobs = journal.jobs()
    after = _columns(journal)

    assert [job.id for job in jobs] == [1, 2, 3, 4, 5, 6]
    assert [row["state"] for row in after] == [
        *("done", "failed", "cancelled", "running", "waiting", "waiting")
    ]
    assert [{**row, "successor": None} for row in before] == after
    assert jobs[0].receipt is not None
    assert jobs[0].receipt.size_bytes == 3000
    assert jobs[1].push.auto_lfs_prune
    assert (jobs[1].error_type, jobs[1].error) == ("PushRejected", "quota is used up")
    assert (jobs[3].progress.item, jobs[3].progress.tries) == ("模型.bin", 2)
    assert jobs[4].push.policy == "all"


def test_old_journal_when_written_then_numbers_go_on_and_jobs_can_be_superseded(
    journal: Journal,
) -> None:
    assert journal.submit(PUSH, Owner.mine()) == 7
    assert journal.submit(PUSH, Owner.mine(), [7]) == 8
    seventh = journal.get(7)
    assert seventh is not None
    assert (seventh.state, seventh.successor) == ("superseded", 8)


def test_old_journal_when_several_processes_open_it_then_one_brings_it_up_to_date(
    journal: Journal,
) -> None:
    script = f"""
from csgrepo.jobs import Journal, Push
from csgrepo.jobs.process import Owner
journal = Journal({str(journal.folder.parent)!r})
journal.submit(Push.from_json({PUSH.to_json()!r}), Owner.mine())
"""
    others = [subprocess.Popen([sys.executable, "-c", script]) for _ in range(4)]
    assert [other.wait(60) for other in others] == [0] * 4
    assert [job.id for job in journal.jobs()] == list(range(1, 11))


def test_owner_when_written_and_read_then_is_the_same() -> None:
    old = "4711 1000 trainer-7/4b1c2f4e/pid:[4026531836]"
    assert Owner.parse(old) == Owner(Process(4711, "1000", "trainer-7/4b1c2f4e/pid:[4026531836]"))
    for owner in (Owner.mine(), Owner.mine("0123abcd")):
        assert Owner.parse(str(owner)) == owner
    assert str(Owner.parse(old)) == old
