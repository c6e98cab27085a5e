"""``csgrepo instances``, ``finetunes`` and ``infer``: what runs on the hub, from a shell."""

from __future__ import annotations

import json
import re
import signal
from typing import TYPE_CHECKING

import pytest

from csgrepo import HubApi
from csgrepo.server import Hub
from tests.functional.cli import as_json, check, inside, running
from tests.functional.terminal import Terminal

if TYPE_CHECKING:
    pass

CREATE = ("--resource-id", "1", "--framework-id", "1")


@pytest.fixture
def user(quick: Hub, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    name = f"user-{abs(hash(request.node.name))}"
    monkeypatch.setenv("CSGHUB_ENDPOINT", quick.url)
    monkeypatch.setenv("CSGHUB_TOKEN", quick.add_user(name))
    return name


@pytest.fixture
def bert(user: str) -> str:
    with HubApi() as api:
        api.create_repo("bert")
    return f"{user}/bert"


@pytest.fixture
def running_one(bert: str) -> int:
    """The number of an instance that runs."""
    made = as_json("instances", "create", bert, "talker", *CREATE, "--wait")
    assert made["status"] == "Running"
    return int(made["id"])


def status(number: int) -> str:
    with HubApi() as api:
        return next(each.status for each in api.instances.list() if each.id == number)


def test_instances_list_when_there_are_none_then_said(bert: str) -> None:
    done = inside("instances", "list")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "nothing runs there\n")
    assert as_json("instances", "list") == []
    assert as_json("finetunes", "list") == []


def test_instance_is_listed_shown_and_its_state_coloured(
    user: str, bert: str, running_one: int
) -> None:
    listed = inside("instances", "list")
    shown = inside("instances", "show", "talker")
    with (
        Terminal("instances", "list") as terminal,
        Terminal("instances", "list", "--no-color") as p,
    ):
        assert (terminal.end(), p.end()) == (0, 0)

    assert listed.stdout.splitlines()[1].split() == [str(running_one), "talker", bert, "Running"]
    assert f"talker (ID {running_one})" in shown.stdout
    assert as_json("instances", "show", bert, str(running_one))["name"] == "talker"
    assert [each["id"] for each in as_json("instances", "list", bert)] == [running_one]
    assert "\x1b[32mRunning" in terminal.shown
    assert "\x1b" not in p.shown


def test_instances_take_the_lines_of_the_older_command_line(
    user: str, bert: str, running_one: int, quick: Hub
) -> None:
    token = quick.add_user(user)
    other = quick.add_user(f"{user}-b")
    flags = ("-k", token, "-e", quick.url)

    listed = inside("inference", "list", "-u", user, "--limit", "50", *flags, CSGHUB_TOKEN="")
    stopped = inside("inference", "stop", bert, str(running_one), *flags)
    after_stop = status(running_one)
    started = inside("inference", "start", bert, str(running_one), *flags)

    assert listed.stdout.splitlines()[1].split()[:3] == [str(running_one), "talker", bert]
    assert (stopped.returncode, after_stop) == (0, "Stopped")
    assert (started.returncode, status(running_one) != "Stopped") == (0, True)
    assert inside("inference", "list", "-u", user, "-k", other).returncode == 3
    assert inside("instances", "stop", bert, str(running_one), "-k", other).returncode == 3
    assert inside("instances", "list", "-u", user, "--organization", "lab").returncode == 2


def test_instance_is_stopped_scaled_started_and_awaited(bert: str, running_one: int) -> None:
    number = str(running_one)
    busy = inside("instances", "scale", bert, number, "--min-replica", "0")
    stopped = as_json("instances", "stop", bert, number)
    never = inside("instances", "wait", bert, number)
    scaled = as_json("instances", "scale", bert, number, "--min-replica", "1", "--max-replica", "2")
    as_json("instances", "start", bert, number)
    back = as_json("instances", "wait", bert, number, "--timeout", "60")

    assert busy.returncode == 5
    assert stopped["status"] == "Stopped"
    assert (never.returncode, "Stopped" in never.stderr) == (1, True)
    assert (scaled["min_replica"], scaled["max_replica"]) == (1, 2)
    assert back["status"] == "Running"
    assert as_json("instances", "wake", "talker")["id"] == running_one
    assert inside("instances", "scale", bert, number, "--max-replica", "-1").returncode == 2


def test_instance_is_deleted_when_agreed_to(bert: str, running_one: int) -> None:
    refused = inside("instances", "delete", "talker")
    gone = as_json("instances", "delete", "talker", "--yes")

    assert (refused.returncode, "--yes" in refused.stderr) == (2, True)
    assert gone == {"id": running_one, "name": "talker", "model_id": bert}
    assert inside("instances", "show", bert, str(running_one)).returncode == 4


def test_instance_that_is_mistyped_is_answered_with_what_may_be_meant(
    bert: str, running_one: int
) -> None:
    done = inside("instances", "show", "talkr")
    far = inside("finetunes", "stop", "no such", "--json", CSGHUB_LANG="zh")

    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr == (
        "csgrepo: you have none named talkr in `csgrepo instances list`\nDid you mean talker?\n"
    )
    assert (far.returncode, far.stdout) == (4, "")
    assert far.stderr == "csgrepo: `csgrepo finetunes list` 中没有您的 no such\n"


def test_instance_when_hardware_is_taken_or_nobodys_then_code_by_kind(bert: str) -> None:
    taken = inside("instances", "create", bert, "b-1", "--resource-id", "2", "--framework-id", "1")
    none = inside("instances", "create", bert, "b-1", "--resource-id", "99", "--framework-id", "1")
    bad = inside("instances", "create", bert, "b-1", *CREATE, "--env", "NOVALUE")

    assert (taken.returncode, none.returncode, bad.returncode) == (6, 4, 2)


@pytest.mark.parametrize("kind", ["instances", "finetunes"])
def test_what_there_is_to_choose_from(bert: str, kind: str) -> None:
    free = as_json(kind, "resources", "--available")

    assert [resource["id"] for resource in free] == [1]
    assert inside(kind, "resources").stdout.startswith("ID ")
    assert as_json(kind, "frameworks", bert)
    assert inside(kind, "frameworks", bert).stdout.startswith("ID ")
    assert inside(kind, "frameworks", f"{bert}2").returncode == 4


def test_instance_logs_end_after_so_many_lines_or_at_ctrl_c(bert: str, running_one: int) -> None:
    few = inside("instances", "logs", "talker", "--since", "10mins", "--lines", "1")
    (line,) = as_json("instances", "logs", "talker", "--lines", "1")
    with running("instances", "logs", "talker") as process:
        first = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=100)

    assert "talker" in few.stdout
    assert line["line"] == few.stdout.rstrip("\n")
    assert first == few.stdout
    assert (process.returncode, err) == (0, "")


def test_instance_when_for_people_then_its_facts_after_each_step(bert: str) -> None:
    made = inside("instances", "create", bert, "teller", *CREATE)
    waited = inside("instances", "wait", "teller")
    stopped = inside("instances", "stop", "teller")
    scaled = inside("instances", "scale", "teller", "--max-replica", "3")
    inside("instances", "start", "teller")
    woken = inside("instances", "wake", "teller")
    gone = inside("instances", "delete", "teller", "--yes")

    for done in (made, waited, stopped, scaled, woken, gone):
        assert done.returncode == 0, done.stderr
    assert re.search(r"^name +teller \(ID \d+\)$", made.stdout, re.MULTILINE)
    assert re.search(r"^state +Running$", waited.stdout, re.MULTILINE)
    assert re.search(r"^state +Stopped$", stopped.stdout, re.MULTILINE)
    assert re.search(r"^copies +1-3$", scaled.stdout, re.MULTILINE)
    assert "start it with: csgrepo instances start" in scaled.stderr
    assert "teller" in woken.stdout
    assert (gone.stdout, gone.stderr) == ("", "deleted teller\n")
    assert inside("instances", "list").stderr == "nothing runs there\n"


def test_notebook_when_for_people_then_its_facts_after_each_step(bert: str) -> None:
    with HubApi() as api:
        framework = str(api.finetunes.frameworks(bert)[0].id)
    args = ("--resource-id", "1", "--framework-id", framework)
    made = inside("finetunes", "create", bert, "tune-2", *args)
    waited = inside("finetunes", "wait", "tune-2")
    facts = as_json("finetunes", "wait", "tune-2")
    shown = inside("finetunes", "show", "tune-2")
    told = as_json("finetunes", "show", "tune-2")
    heard = inside("finetunes", "logs", "tune-2", "--lines", "1")
    (line,) = as_json("finetunes", "logs", "tune-2", "--lines", "1")
    stopped = inside("finetunes", "stop", "tune-2")
    started = inside("finetunes", "start", "tune-2")
    asked = inside("finetunes", "delete", "tune-2")
    gone = inside("finetunes", "delete", "tune-2", "--yes")

    for done in (made, waited, shown, heard, stopped, started, gone):
        assert done.returncode == 0, done.stderr
    assert re.search(r"^name +tune-2 \(ID \d+\)$", made.stdout, re.MULTILINE)
    assert re.search(r"^state +Running$", waited.stdout, re.MULTILINE)
    assert shown.stdout == waited.stdout
    assert told == facts
    assert (facts["status"], facts["name"]) == ("Running", "tune-2")
    assert as_json("finetunes", "list") == []
    assert heard.stdout == f"{line['line']}\n"
    assert re.search(r"^state +Stopped$", stopped.stdout, re.MULTILINE)
    assert (asked.returncode, "--yes" in asked.stderr) == (2, True)
    assert (gone.stdout, gone.stderr) == ("", "deleted tune-2\n")
    assert inside("finetunes", "show", bert, str(facts["id"]), "--json").returncode == 4


def test_notebook_is_made_listed_stopped_and_deleted(user: str, bert: str) -> None:
    with HubApi() as api:
        framework = str(api.finetunes.frameworks(bert)[0].id)
    args = ("--resource-id", "1", "--framework-id", framework, "--wait")
    made = as_json("finetunes", "create", bert, "tune-1", *args)
    listed = inside("finetune", "list", "-u", user)
    stopped = as_json("finetunes", "stop", bert, str(made["id"]))

    assert made["status"] == "Running"
    assert listed.stdout.splitlines()[1].split() == [str(made["id"]), "tune-1", bert, "Running"]
    assert stopped["status"] == "Stopped"
    assert as_json("finetunes", "start", "tune-1")["id"] == made["id"]
    assert as_json("finetunes", "delete", "tune-1", "--yes")["id"] == made["id"]


def test_finetune_job_is_made_listed_shown_heard_and_deleted(user: str, bert: str) -> None:
    with HubApi() as api:
        api.create_repo("reviews", repo_type="dataset")
    empty = inside("finetunes", "jobs", "list")
    args = ("--model", bert, "--dataset", f"{user}/reviews", "--resource-id", "1")
    made = as_json("finetunes", "jobs", "create", "job-1", *args, "--framework-id", "2")
    number = str(made["id"])

    assert empty.stderr == "no finetune jobs\n"
    assert [job["id"] for job in as_json("finetunes", "jobs", "list")] == [made["id"]]
    assert "job-1" in inside("finetunes", "jobs", "list").stdout
    assert f"job-1 (ID {number})" in inside("finetunes", "jobs", "show", number).stdout
    assert as_json("finetunes", "jobs", "show", number)["name"] == "job-1"
    heard = inside("finetunes", "jobs", "logs", number, "--lines", "1").stdout
    (line,) = as_json("finetunes", "jobs", "logs", number, "--lines", "1")
    assert heard == f"{line['line']}\n"
    assert inside("finetunes", "jobs", "delete", number).returncode == 2
    assert as_json("finetunes", "jobs", "delete", number, "-y") == {"id": made["id"]}
    assert inside("finetunes", "jobs", "show", number).returncode == 4
    again = inside("finetunes", "jobs", "create", "job-2", *args, "--framework-id", "2")
    assert (again.returncode, "job-2" in again.stdout) == (0, True), again.stderr
    (second,) = as_json("finetunes", "jobs", "list")
    gone = inside("finetunes", "jobs", "delete", str(second["id"]), "-y")
    assert (gone.returncode, gone.stdout) == (0, "")


def test_infer_asks_and_prints_the_answer(bert: str, running_one: int) -> None:
    answer = as_json("infer", bert, "Hello 世界")
    chat = inside("infer", bert, "Hello 世界", "--chat")
    asked = inside("infer", bert, "-", "--chat", stdin="Hello 世界")
    streamed = inside("infer", bert, "Hello 世界", "--chat", "--stream")
    pieces = as_json("infer", bert, "Hello 世界", "--param", "max_new_tokens=5")

    assert answer
    assert "Hello 世界" in chat.stdout
    assert (asked.stdout, streamed.stdout) == (chat.stdout, chat.stdout)
    assert pieces


def test_infer_when_streamed_as_json_then_one_piece_a_line(bert: str, running_one: int) -> None:
    done = inside("infer", bert, "Hello there", "--stream", "--json")

    pieces = [json.loads(line) for line in done.stdout.splitlines()]
    for piece in pieces:
        check(piece, "infer.json#/$defs/piece")
    assert "Hello" in "".join(piece["text"] for piece in pieces)


def test_infer_when_nothing_runs_then_6(bert: str) -> None:
    done = inside("infer", bert, "Hello")

    assert (done.returncode, done.stdout) == (6, "")
    assert "no instance" in done.stderr
