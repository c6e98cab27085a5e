"""The exception tree: drawn, picklable, with its facts and advice."""

from __future__ import annotations

import copy
import inspect
import pickle
import re

import pytest

from csgrepo import errors

HTTP_FACTS = {
    "status": 403,
    "code": "AUTH-ERR-2",
    "server_message": "无权限",
    "request_id": "r-1",
    "url": "https://hub.example/api/v1/models",
}
COMMAND_FACTS = (["git", "push", "origin"], 128, "", "fatal: no 模型\n", "/work/模型")

KINDS = [getattr(errors, name) for name in errors.__all__]


def example(kind: type[errors.CsgRepoError]) -> errors.CsgRepoError:
    """Make one of each, by the constructor its family has."""
    if issubclass(kind, errors.HubHTTPError):
        return kind(**HTTP_FACTS)
    if issubclass(kind, errors.CommandFailed):
        return kind(*COMMAND_FACTS, advice="Try again.")
    arguments: dict[type[errors.CsgRepoError], tuple[object, ...]] = {
        errors.FileChanged: ("模型.bin", "it grew"),
        errors.DiskFull: ("/data/模型.bin", "4 GB"),
        errors.DiskBudgetExceeded: ("/data/模型", 100, 90, 20),
        errors.UnsafePath: ("../x", "it climbs out of its folder"),
        errors.ObjectMissing: ("ab" * 32, "no such object"),
        errors.DigestMismatch: ("模型.bin", "ab" * 32, "cd" * 32),
        errors.SizeMismatch: ("模型.bin", 5, 3),
        errors.PartialDownload: ({"b.bin": OSError("reset"), "a.bin": OSError("gone")},),
        errors.HubUnreachable: ("https://hub.example", "connection refused"),
        errors.VerificationFailed: ("origin", ["main is elsewhere", "an object is missing"]),
        errors.NotCached: ("model wanda/bert", ["config.json"]),
        errors.InstanceFailed: ("bert-1", "RuntimeError", "Crash", "exit code 1"),
        errors.QueueError: (["push 1 failed", "push 2 failed"],),
    }
    return kind(*arguments.get(kind, ("what failed",)))


def comparable(facts: dict[str, object]) -> dict[str, str]:
    return {name: repr(value) for name, value in facts.items()}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_error_when_pickled_keeps_class_message_and_facts(
    kind: type[errors.CsgRepoError], protocol: int
) -> None:
    error = example(kind)

    again = pickle.loads(pickle.dumps(error, protocol))

    assert type(again) is kind
    assert str(again) == str(error)
    assert again.args == error.args
    assert comparable(vars(again)) == comparable(vars(error))


@pytest.mark.parametrize("kind", KINDS)
def test_error_when_copied_keeps_its_message(kind: type[errors.CsgRepoError]) -> None:
    assert str(copy.copy(example(kind))) == str(example(kind))


def test_error_with_a_fact_set_later_keeps_it_when_pickled() -> None:
    error = example(errors.RateLimited)
    assert isinstance(error, errors.RateLimited)
    error.retry_after = 7.5
    conflict = example(errors.MergeConflict)
    assert isinstance(conflict, errors.MergeConflict)
    conflict.paths = ("模型.bin",)

    assert pickle.loads(pickle.dumps(error)).retry_after == 7.5
    assert pickle.loads(pickle.dumps(conflict)).paths == ("模型.bin",)


@pytest.mark.parametrize("kind", KINDS)
def test_error_has_a_docstring_and_one_base(kind: type[errors.CsgRepoError]) -> None:
    assert inspect.getdoc(kind)
    assert issubclass(kind, errors.CsgRepoError)


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (errors.InvalidInput, ValueError),
        (errors.NotARepository, ValueError),
        (errors.GitError, EnvironmentError),
        (errors.CommandFailed, EnvironmentError),
        (errors.LfsError, OSError),
        (errors.HubError, OSError),
        (errors.NotCached, FileNotFoundError),
        (errors.TransferError, OSError),
        (errors.VerificationFailed, OSError),
        (errors.QueueError, OSError),
    ],
)
def test_error_is_the_builtin_that_callers_catch(
    kind: type[errors.CsgRepoError], builtin: type[Exception]
) -> None:
    with pytest.raises(builtin):
        raise example(kind)


def test_the_drawn_tree_is_the_real_one() -> None:
    """Every name of the drawing exists, below the class it is drawn below, and none is left out."""
    drawn = {"CsgRepoError"}
    above = ["CsgRepoError"]
    for line in (errors.__doc__ or "").splitlines():
        branch = re.fullmatch(r" {4}(?P<lead>[ │├└─]*─ )(?P<names>[A-Z]\w+(?: +[A-Z]\w+)*).*", line)
        if branch:
            depth, names = len(branch["lead"]) // 4, branch["names"].split()
            parent = getattr(errors, above[depth - 1])
            assert all(parent in getattr(errors, name).__bases__ for name in names), line
            above[depth:] = [names[-1]]
            drawn.update(names)
    assert drawn == set(errors.__all__)


def test_command_failed_says_what_where_why_and_what_to_do() -> None:
    error = example(errors.PushRejected)

    assert str(error) == (
        "git push failed with status 128 in /work/模型: fatal: no 模型\nTry again."
    )


def test_command_killed_by_a_signal_says_so() -> None:
    error = errors.CommandFailed(["git", "push"], -9, "", "", "/work")

    assert str(error) == "git push was killed by signal 9 in /work"


def test_command_that_wrote_megabytes_keeps_the_end_of_it_in_the_message() -> None:
    error = errors.CommandFailed(["git", "push"], 1, "", "x" * 3_000_000 + "the reason", "/work")

    assert len(str(error)) < 5000
    assert str(error).endswith("the reason")
    assert len(error.stderr) > 3_000_000


def test_hub_error_says_status_code_words_request_and_advice() -> None:
    error = example(errors.Forbidden)

    first, advice = str(error).split("\n")
    assert first == (
        "https://hub.example/api/v1/models answered HTTP 403, AUTH-ERR-2: 无权限 (request r-1)"
    )
    assert "write access" in advice


def test_hub_error_of_a_good_answer_says_what_is_not_there_and_no_status() -> None:
    words = "wanda/bert has no branch 'x'"
    error = errors.NotFound(status=200, code="", server_message=words, request_id="", url="u")

    assert str(error) == "wanda/bert has no branch 'x' (asked of u)"


def test_hub_error_without_words_says_that_there_were_none() -> None:
    error = errors.ServerError(status=502, code="", server_message="", request_id="", url="u")

    assert "u answered HTTP 502: no reason given" in str(error)


def test_partial_download_names_the_files_and_how_to_go_on() -> None:
    error = example(errors.PartialDownload)

    assert isinstance(error, errors.PartialDownload)
    assert error.paths == ["a.bin", "b.bin"]
    assert "b.bin and 1 more" in str(error)
    assert "git_pull(lfs=True)" in str(error)
