from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from datetime import datetime, timezone
from pathlib import Path

import pytest

from csgrepo.errors import GitError
from csgrepo.jobs import Journal, Progress, Push, PushReceipt
from csgrepo.jobs.job import Ending
from csgrepo.jobs.process import Owner, Process
from csgrepo.jobs.roster import Roster, Worker

COMMIT = "0123456789abcdef0123456789abcdef01234567"
PUSH = Push("origin", "https://hub.example/模型.git", COMMIT, "refs/heads/main", title="push main")
RECEIPT = PushReceipt("u", "r", PUSH.ref, COMMIT, None, 0, 0, 0, 0, datetime.now(timezone.utc))


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "工作 copy" / ".git")


def _mine(journal: Journal) -> Worker:
    """Put this process on the roster as its own worker."""
    worker = Roster(journal).start(Owner.mine(), Process.mine)
    assert worker is not None
    return worker


def _gone(pid: int = 1) -> Process:
    """A process that has ended: nothing started at the beginning of time."""
    return Process(pid, "1-never", Process.mine().home)


def test_journal_when_only_read_then_makes_no_file(journal: Journal) -> None:
    assert journal.jobs() == []
    assert journal.get(1) is None
    assert not journal.is_cancelled(1)
    assert not Roster(journal).has_waiting(Owner.mine())
    assert not journal.exists
    assert not journal.folder.exists()


def test_job_when_submitted_then_waits_with_its_intent(journal: Journal) -> None:
    assert [journal.submit(PUSH, Owner.mine()) for _ in range(2)] == [1, 2]
    job = journal.get(1)
    assert job is not None
    assert (job.push, job.state, job.status, job.runs) == (PUSH, "waiting", None, 0)
    assert job.submitter_pid == os.getpid()
    assert [job.id for job in journal.jobs("waiting")] == [1, 2]


def test_job_when_claimed_and_finished_then_is_done_with_its_receipt(journal: Journal) -> None:
    journal.submit(PUSH, Owner.mine())
    worker = _mine(journal)
    job = Roster(journal).claim(worker)
    assert job is not None
    assert (job.state, job.runs, job.worker_pid) == ("running", 1, os.getpid())
    progress = Progress("upload", "模型.bin", 3, 10, "B", 1, 2.5)
    journal.record(1, worker.id, progress)
    assert journal.jobs("running")[0].progress == progress
    journal.finish(1, worker.id, RECEIPT)
    job = journal.get(1)
    assert job is not None
    assert (job.state, job.status, job.receipt) == ("done", 0, RECEIPT)
    assert Roster(journal).claim(worker) is None
    assert journal.cancel(1) is False


def test_job_when_another_worker_reports_on_it_then_is_left_alone(journal: Journal) -> None:
    journal.submit(PUSH, Owner.mine())
    worker = _mine(journal)
    Roster(journal).claim(worker)
    journal.finish(1, worker.id + 1, RECEIPT)
    journal.fail(1, worker.id + 1, Ending("failed", 1, "Error", "no"))
    journal.record(1, worker.id + 1, Progress("upload"))
    job = journal.get(1)
    assert job is not None
    assert (job.state, job.progress.phase) == ("running", "")


def test_job_when_it_failed_then_its_error_is_masked_and_bounded(journal: Journal) -> None:
    journal.submit(PUSH, Owner.mine())
    worker = _mine(journal)
    Roster(journal).claim(worker)
    said = f"{'x' * 100_000} https://wanda:tok-12345678@hub.example/m refused"
    journal.fail(1, worker.id, Ending("failed", 128, "PushRejected", said))
    job = journal.get(1)
    assert job is not None
    assert (job.state, job.status, job.error_type) == ("failed", 128, "PushRejected")
    assert job.error.endswith("https://****@hub.example/m refused")
    assert len(job.error) <= 8000


def test_jobs_when_their_process_and_worker_are_gone_then_are_seen_interrupted(
    journal: Journal,
) -> None:
    journal.submit(PUSH, Owner(_gone()))
    (job,) = journal.jobs()
    assert (job.state, job.status) == ("interrupted", 1)
    assert journal.cancel(1) is True
    assert [job.state for job in journal.jobs()] == ["cancelled"]


def test_claim_when_the_lock_is_held_then_takes_other_running_jobs_for_dead(
    journal: Journal,
) -> None:
    roster = Roster(journal)
    for _ in range(2):
        journal.submit(PUSH, Owner.mine())
    first = _mine(journal)
    roster.claim(first)
    job = roster.claim(first)
    assert job is not None
    assert job.id == 2
    assert [(job.state, job.status) for job in journal.jobs()] == [
        ("interrupted", 137),
        ("running", None),
    ]


def test_claim_when_an_older_job_of_a_live_worker_waits_then_it_goes_first(
    journal: Journal,
) -> None:
    roster = Roster(journal)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        theirs = Process.of(other.pid)
        journal.submit(PUSH, Owner(theirs))
        roster.start(Owner(theirs), lambda: theirs)
        journal.submit(PUSH, Owner.mine())
        mine = _mine(journal)
        assert roster.claim(mine) is None
        other.kill()
    job = roster.claim(mine)
    assert job is not None
    assert job.id == 2


def test_retire_when_work_came_in_then_the_worker_stays(journal: Journal) -> None:
    roster = Roster(journal)
    journal.submit(PUSH, Owner.mine())
    worker = _mine(journal)
    assert roster.retire(worker) is False
    roster.claim(worker)
    journal.finish(1, worker.id, RECEIPT)
    assert roster.retire(worker) is True
    assert not roster.has_worker(Owner.mine())
    journal.submit(PUSH, Owner.mine())
    assert roster.retire(worker) is True  # off the roster: another one has to come
    assert roster.claim(worker) is None


def test_start_when_a_worker_is_there_or_nothing_waits_then_starts_none(journal: Journal) -> None:
    roster = Roster(journal)
    journal.cancel(journal.submit(PUSH, Owner.mine()))
    assert roster.start(Owner.mine(), lambda: pytest.fail("nothing waits")) is None
    journal.submit(PUSH, Owner.mine())
    _mine(journal)
    assert roster.start(Owner.mine(), lambda: pytest.fail("there is one")) is None


def test_a_journal_that_was_removed_with_its_clone_stays_removed(journal: Journal) -> None:
    journal.submit(PUSH, Owner.mine())
    worker = _mine(journal)
    journal.close()
    shutil.rmtree(journal.folder)
    with pytest.raises(GitError, match="is gone"):
        Roster(journal).bury(worker, -9)
    assert not journal.folder.exists()


def test_start_when_it_fails_then_the_roster_is_as_it_was(journal: Journal) -> None:
    roster = Roster(journal)
    journal.submit(PUSH, Owner.mine())

    def fail() -> Process:
        raise BlockingIOError("no more processes")

    with pytest.raises(BlockingIOError):
        roster.start(Owner.mine(), fail)
    assert not roster.has_worker(Owner.mine())
    roster.strand(Owner.mine(), BlockingIOError("no more processes"))
    (job,) = journal.jobs()
    assert (job.state, job.error_type) == ("interrupted", "BlockingIOError")
    assert "no more processes" in job.error


def test_journal_when_many_threads_and_processes_submit_then_every_job_is_there(
    journal: Journal,
) -> None:
    script = f"""
from csgrepo.jobs import Journal, Push
from csgrepo.jobs.process import Owner, Process
journal = Journal({str(journal.folder.parent)!r})
for _ in range(25):
    journal.submit(Push.from_json({PUSH.to_json()!r}), Owner.mine())
"""
    others = [subprocess.Popen([sys.executable, "-c", script]) for _ in range(3)]

    def submit() -> None:
        for _ in range(25):
            journal.submit(PUSH, Owner.mine())

    threads = [threading.Thread(target=submit) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [other.wait(60) for other in others] == [0, 0, 0]
    assert [job.id for job in journal.jobs()] == list(range(1, 151))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_journal_when_a_forked_child_uses_it_then_both_see_the_same(journal: Journal) -> None:
    journal.submit(PUSH, Owner.mine())
    child = os.fork()
    if child == 0:
        try:
            journal.submit(PUSH, Owner.mine())
            os._exit(len(journal.jobs()))
        finally:
            os._exit(99)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 2
    assert len(journal.jobs()) == 2


def test_journal_when_the_file_system_has_no_shared_memory_then_works_without_wal(
    journal: Journal,
) -> None:
    # SQLite cannot open its shared memory where a folder has its name.
    (journal.folder / "journal.db-shm").mkdir(parents=True)
    journal.submit(PUSH, Owner.mine())
    assert len(journal.jobs()) == 1
    again = Journal(journal.folder.parent)
    again.submit(PUSH, Owner.mine())
    assert len(journal.jobs()) == len(again.jobs()) == 2
    assert _pragma(journal, "journal_mode") == "delete"


def test_journal_when_made_then_uses_wal_and_has_a_version(journal: Journal) -> None:
    journal.submit(PUSH, Owner.mine())
    assert _pragma(journal, "journal_mode") == "wal"
    assert _pragma(journal, "user_version") == 2


def _pragma(journal: Journal, name: str) -> object:
    connection = sqlite3.connect(journal.database.path)
    try:
        return connection.execute(f"PRAGMA {name}").fetchone()[0]
    finally:
        connection.close()


@pytest.mark.parametrize("content", [b"", None])
def test_journal_when_its_maker_was_killed_then_is_made_whole(
    journal: Journal, content: bytes | None
) -> None:
    journal.folder.mkdir(parents=True)
    if content is None:  # a file with pages, and no tables yet
        connection = sqlite3.connect(journal.database.path)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA user_version = 0")
        connection.execute("VACUUM")
        connection.close()
    else:
        journal.database.path.write_bytes(content)
    assert journal.jobs() == []
    assert journal.submit(PUSH, Owner.mine()) == 1


def test_journal_when_a_newer_release_wrote_it_then_says_to_upgrade(journal: Journal) -> None:
    journal.submit(PUSH, Owner.mine())
    journal.close()
    connection = sqlite3.connect(journal.database.path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(GitError, match="newer csgrepo"):
        journal.jobs()
    with pytest.raises(GitError, match="newer csgrepo"):
        journal.submit(PUSH, Owner.mine())


def test_journal_when_it_is_no_database_then_says_what_to_do(journal: Journal) -> None:
    journal.folder.mkdir(parents=True)
    journal.database.path.write_bytes(b"this is not a database" * 100)
    with pytest.raises(GitError, match="Commits are safe"):
        journal.jobs()
    with pytest.raises(GitError, match="Commits are safe"):
        journal.submit(PUSH, Owner.mine())


def test_journal_when_its_folder_cannot_be_made_then_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "csgrepo").touch()
    journal = Journal(tmp_path)
    with pytest.raises(GitError, match="blocking=True"):
        journal.submit(PUSH, Owner.mine())
    assert journal.jobs() == []
