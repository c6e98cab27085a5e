from __future__ import annotations

import inspect
import subprocess
import sys

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
