from __future__ import annotations

import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest

from csgrepo import __version__, errors
from csgrepo.cli import exit_codes
from tests.functional.cli import csgrepo, inside

HEAVY = ("git", "requests", "tqdm", "numpy", "uvicorn", "starlette", "sqlite3")


def test_version_when_asked_then_printed_alone_on_stdout() -> None:
    done = csgrepo("--version")

    assert (done.returncode, done.stdout, done.stderr) == (0, f"csgrepo {__version__}\n", "")


def test_version_when_asked_then_nothing_heavy_is_imported() -> None:
    code = (
        "import sys; from csgrepo.cli import main; main(['--version']);"
        f"sys.exit(' '.join(m for m in {HEAVY} if m in sys.modules) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, text=True)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "args", [("--no-such-option",), ("no-such-command",), ("hub", "user", "add")]
)
def test_command_line_when_wrong_then_usage_on_stderr_and_2(args: tuple[str, ...]) -> None:
    done = csgrepo(*args)

    assert done.returncode == 2
    assert done.stdout == ""
    assert "Usage: csgrepo" in done.stderr


def test_error_when_raised_then_one_message_without_traceback(tmp_path) -> None:
    done = csgrepo("hub", "user", "add", "two words", "--root", str(tmp_path / "hub"))

    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("csgrepo: 'two words' is not a namespace")
    assert done.stderr.count("\n") == 1


def test_file_error_when_raised_then_path_and_reason_and_1(tmp_path) -> None:
    (tmp_path / "file").touch()
    done = csgrepo("hub", "user", "add", "wanda", "--root", str(tmp_path / "file" / "模型"))

    assert done.returncode == 1
    assert done.stderr == f"csgrepo: {tmp_path}/file/模型: Not a directory\n"


def test_output_when_encoding_lacks_letters_then_escaped_not_a_fault(tmp_path) -> None:
    (tmp_path / "file").touch()
    done = csgrepo(
        "hub",
        "user",
        "add",
        "w",
        "--root",
        str(tmp_path / "file" / "模"),
        PYTHONIOENCODING="latin-1",
    )

    assert done.returncode == 1
    assert "file/\\u6a21" in done.stderr


def test_error_when_it_quotes_progress_then_only_its_end_is_shown() -> None:
    done = csgrepo("jobs", "list", "Counting:  50% (1/2)\rCounting: 100% (2/2)\rCounting, done")

    assert done.stderr.startswith("csgrepo: Counting, done")


def test_error_when_it_quotes_control_characters_then_escaped() -> None:
    done = csgrepo("jobs", "list", "model\r\x1b[2J")

    assert "model\\r\\x1b[2J" in done.stderr


def every_error() -> list[type[errors.CsgRepoError]]:
    return [getattr(errors, name) for name in errors.__all__]


@pytest.mark.parametrize("kind", every_error(), ids=lambda kind: kind.__name__)
def test_exit_code_when_any_error_then_documented(kind: type[errors.CsgRepoError]) -> None:
    error = kind.__new__(kind)
    code = exit_codes.exit_code(error)

    assert code != 0
    assert f"\n{code} " in inspect.getdoc(exit_codes)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.CommandFailed, 1),
        (errors.NotARepository, 2),
        (errors.AuthenticationFailed, 3),
        (errors.Unauthorized, 3),
        (errors.NotFound, 4),
        (errors.PushRejected, 5),
        (errors.HubUnreachable, 6),
        (errors.RateLimited, 6),
        (errors.DigestMismatch, 7),
        (errors.VerificationFailed, 7),
        (errors.QueueError, 8),
        (errors.GitNotFound, 9),
        (errors.DiskFull, 9),
    ],
)
def test_exit_code_when_kind_is_known_then_as_in_the_table(
    kind: type[errors.CsgRepoError], code: int
) -> None:
    assert exit_codes.exit_code(kind.__new__(kind)) == code


@pytest.mark.parametrize("name", ["demo", "env", "logout", "doctor wanda/bert"])
def test_command_when_there_is_a_word_too_many_then_2(name: str) -> None:
    done = inside(*name.split(), "--json", "more")

    assert (done.returncode, done.stdout) == (2, "")
    assert "more" in done.stderr


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_command_when_a_standard_stream_is_closed_then_does_its_work(
    tmp_path: Path, closed: str
) -> None:
    folder = tmp_path / "work"
    subprocess.run(["git", "init", "-q", folder], check=True)
    (folder / "模型.txt").write_text("x")
    line = f'exec "$0" -m csgrepo "$@" {closed}'

    command = ["sh", "-c", line, sys.executable, "add", "-C", str(folder)]
    done = subprocess.run(command, capture_output=True, check=False)

    assert (done.returncode, b"fault" in done.stderr) == (0, False)
    staged = ["git", "-C", folder, "ls-files", "-z"]
    assert subprocess.check_output(staged).decode() == "模型.txt\0"


def test_login_when_standard_input_is_closed_then_says_that_there_is_no_token() -> None:
    line = 'exec "$0" -m csgrepo login <&-'

    command = ["sh", "-c", line, sys.executable]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("csgrepo: the token is empty")


@pytest.mark.parametrize("args", ["--help", "env"])
def test_output_when_nobody_reads_it_then_141_and_not_a_word(args: str) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write) as pipe:
        command = [sys.executable, "-m", "csgrepo", *args.split()]
        done = subprocess.run(command, stdout=pipe, stderr=subprocess.PIPE, check=False)

    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_output_when_its_disk_is_full_then_said_once_and_9() -> None:
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "csgrepo", "env"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False, text=True)

    assert (done.returncode, done.stderr) == (9, "csgrepo: No space left on device\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_messages_when_their_disk_is_full_then_the_work_is_done_all_the_same() -> None:
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "csgrepo", "cache", "prune", "--older-than", "1d"]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=full, check=False)

    assert (done.returncode, done.stdout) == (0, b"")
