"""`upload_folder(every=)`: a folder that grows, while its writer lives, ends or is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from csgrepo import HubApi, RecurringUpload, errors, upload_folder
from csgrepo.server import Answer, Hub
from csgrepo.upload import rounds
from tests.conftest import Account
from tests.functional.jobs_clone import PATIENCE_S, until
from tests.functional.uploads import folder

A_WHILE = 1000.0  # minutes: nothing is uploaded but what the test asks for
TRAINER = """
import sys, time
from pathlib import Path
from csgrepo import upload_folder
upload_folder(repo_id=sys.argv[1], folder_path=sys.argv[2], every=1000)
Path(sys.argv[2], "last.txt").write_text("saved at the end")
print("saved", flush=True)
if sys.argv[3] == "wait":
    time.sleep(1000)
if sys.argv[3] == "raise":
    raise RuntimeError("out of memory")
"""


@pytest.fixture
def api(signed_in: Account) -> Iterator[HubApi]:
    with HubApi() as api:
        yield api


@pytest.fixture
def name(api: HubApi, signed_in: Account) -> str:
    api.create_repo(f"{signed_in.name}/run")
    return f"{signed_in.name}/run"


def out_of(tmp_path: Path, **files: bytes) -> Path:
    made = folder(tmp_path / "输出", {f"{name}.txt": data for name, data in files.items()})
    settle(made)
    return made


def settle(out: Path) -> None:
    """Have the files look as if they were written a while ago."""
    for path in out.rglob("*"):
        os.utime(path, (time.time() - 60,) * 2)


def uploaded(api: HubApi, name: str) -> set[str]:
    return {path for path in api.list_repo_files(name) if path.endswith(".txt")}


@pytest.fixture
def recurring(name: str, tmp_path: Path) -> Iterator[RecurringUpload]:
    made = upload_folder(repo_id=name, folder_path=out_of(tmp_path, a=b"1"), every=A_WHILE)
    yield made
    made.stop()


def test_what_is_new_is_uploaded_and_what_is_not_makes_no_commit(recurring, api, name, tmp_path):
    assert recurring.rounds == 1
    assert uploaded(api, name) == {"a.txt"}
    out_of(tmp_path, b=b"2")
    second = recurring.upload_now()
    assert second.added == ("b.txt",)
    assert recurring.upload_now().commits == ()
    assert recurring.last.oid == second.oid
    assert recurring.failure == ""


def test_it_is_uploaded_every_so_often_without_being_asked(api, name, tmp_path):
    out = out_of(tmp_path, a=b"1")
    with upload_folder(repo_id=name, folder_path=out, every=0.005) as recurring:
        out_of(tmp_path, b=b"2")
        until(lambda: "b.txt" in uploaded(api, name))
        until(lambda: recurring.rounds >= 2)  # it tells of a round that is over
    assert recurring.stop().oid == recurring.last.oid  # twice is as good as once


def test_what_is_being_written_waits_for_the_next_time_and_is_there_at_the_end(
    recurring, api, name, tmp_path
):
    (tmp_path / "输出" / "half [1].txt").write_bytes(b"ha")
    assert recurring.upload_now().added == ()
    info = recurring.stop()
    assert info.added == ("half [1].txt",)
    assert uploaded(api, name) == {"a.txt", "half [1].txt"}
    with pytest.raises(errors.InvalidInput, match="stopped already"):
        recurring.upload_now()


def test_a_file_that_changes_while_it_is_read_does_not_keep_the_others_back(
    hub: Hub, api, name, tmp_path
):
    """The writer is at work all the time; only its own file is left."""
    out = out_of(tmp_path, a=b"1", b=b"2")
    over = threading.Event()

    def write() -> None:
        while not over.wait(0.001):
            with (out / "log.txt").open("ab") as log:
                log.write(b"x" * 1000)
            os.utime(out / "log.txt", (time.time() - 60,) * 2)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        order = {"repo_id": name, "folder_path": str(out)}
        info = rounds.upload(api, order, is_last=False)
    finally:
        over.set()
        writer.join()
    assert {"a.txt", "b.txt"} <= set(info.added)
    assert "log.txt" in rounds.upload(api, order, is_last=True).added + info.added


def test_a_failure_is_told_and_does_not_end_it(hub: Hub, recurring, api, name, tmp_path):
    out_of(tmp_path, b=b"2")
    no = Answer(400, body=b'{"error":"closed on Sundays"}')
    fault = hub.faults.add("POST", f"/{name}.git/git-receive-pack", no, times=None)
    with pytest.raises(errors.TransferError, match="closed on Sundays"):
        recurring.upload_now()
    assert "closed on Sundays" in recurring.failure
    hub.faults.remove(fault)
    assert recurring.upload_now().added == ("b.txt",)
    assert recurring.failure == ""


def test_what_cannot_work_fails_at_once(api, name, tmp_path):
    out = out_of(tmp_path, a=b"1")
    with pytest.raises(errors.TransferError, match="HTTP 401"):
        upload_folder(repo_id=name, folder_path=out, every=A_WHILE, token="0" * 32)
    with pytest.raises(errors.InvalidInput, match="there is no folder"):
        upload_folder(repo_id=name, folder_path=out / "absent", every=A_WHILE)
    for words in ({"every": 0}, {"every": -1}, {"delete_patterns": "*"}, {"dry_run": True}):
        with pytest.raises(errors.InvalidInput, match="every"):
            upload_folder(repo_id=name, folder_path=out, **{"every": 1, **words})


def test_an_exception_in_the_block_is_the_one_that_is_raised_and_all_is_uploaded(
    api, name, tmp_path
):
    out = out_of(tmp_path, a=b"1")

    def train() -> None:
        with upload_folder(repo_id=name, folder_path=out, every=A_WHILE):
            (out / "b.txt").write_bytes(b"2")
            raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        train()
    assert uploaded(api, name) == {"a.txt", "b.txt"}


def test_a_process_that_vanished_is_an_error_and_no_success(recurring, tmp_path):
    recurring._process.kill()
    with pytest.raises(errors.TransferError, match="ended before its time"):
        recurring.upload_now()
    with pytest.raises(errors.TransferError):
        recurring.stop()
    recurring.stop = lambda: None  # for the fixture


def trained(name: str, out: Path, how: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", TRAINER, name, str(out), how],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(("how", "status"), [("end", 0), ("raise", 1)])
def test_the_end_of_a_script_uploads_the_rest_and_says_so(api, name, tmp_path, how, status):
    out = out_of(tmp_path, a=b"1")
    trainer = trained(name, out, how)
    said = trainer.communicate(timeout=PATIENCE_S)[1]
    assert trainer.returncode == status
    assert f"csgrepo: uploading what is new of {out} to {name}" in said
    assert uploaded(api, name) == {"a.txt", "last.txt"}


def test_a_script_that_was_killed_loses_nothing(api, name, tmp_path):
    out = out_of(tmp_path, a=b"1")
    trainer = trained(name, out, "wait")
    assert trainer.stdout
    assert trainer.stdout.readline() == "saved\n"
    assert uploaded(api, name) == {"a.txt"}
    trainer.send_signal(signal.SIGKILL)
    trainer.communicate()
    until(lambda: "last.txt" in uploaded(api, name))
