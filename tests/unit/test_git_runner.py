"""Running git: its environment, its pipes, its end, and the errors its failures become."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from csgrepo import errors
from csgrepo.git import packing, runner
from csgrepo.git.runner import Git, child_environment, git_version
from csgrepo.redact import Secret
from tests import processes
from tests.stock import StockGit

TOKEN = "s3cr3t-token-for-ps"


@pytest.fixture
def repo(tmp_path: Path) -> Git:
    """A repository with one commit, `a.txt`."""
    folder = tmp_path / "repo"
    folder.mkdir()
    repo = Git(folder)
    repo.run("init", "--quiet")
    (folder / "a.txt").write_text("hello\n")
    repo.run("add", "a.txt")
    repo.run("commit", "--quiet", "-m", "Begin")
    return repo


def shell(repo: Git, script: str) -> Git:
    """Return the same with an alias `sh` that runs the script."""
    return repo.configured(("alias.sh", f"!{script}"))


# --- the environment -------------------------------------------------------------------------


def test_environment_drops_every_variable_that_points_at_a_repository(
    monkeypatch: pytest.MonkeyPatch, git: StockGit
) -> None:
    named = set(git("rev-parse", "--local-env-vars").split())
    for name in named | runner.LOCAL_VARIABLES:
        monkeypatch.setenv(name, "elsewhere")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.bare")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "true")

    environment = child_environment()

    assert named <= runner.LOCAL_VARIABLES
    assert not [name for name in named if name in environment]
    assert "GIT_CONFIG_KEY_0" not in environment
    assert "GIT_CONFIG_VALUE_0" not in environment


def test_environment_keeps_the_rest_and_is_quiet_and_english(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SOMETHING_ELSE", "模型")
    monkeypatch.setenv("LANGUAGE", "zh_CN")
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")

    environment = child_environment({"EXTRA": "1", "LC_ALL": "C.UTF-8"})

    assert environment["SOMETHING_ELSE"] == "模型"
    assert environment["GIT_TERMINAL_PROMPT"] == "0"
    assert environment["EXTRA"] == "1"
    assert environment["LC_ALL"] == "C.UTF-8"
    assert child_environment()["LC_ALL"] == "C"
    assert "LANGUAGE" not in environment


def test_git_run_from_a_hook_of_another_repository_acts_on_its_own(
    repo: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    Git(other).run("init", "--quiet")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git" / "index"))
    monkeypatch.setenv("GIT_PREFIX", "sub/")

    assert Path(repo.text("rev-parse", "--show-toplevel")) == Path(repo.cwd)
    assert repo.text("ls-files") == "a.txt"


def pretend_version(monkeypatch: pytest.MonkeyPatch, version: tuple[int, ...]) -> None:
    monkeypatch.setattr(runner, "git_version", lambda: version)


@pytest.mark.parametrize("version", [(2, 31, 0), (2, 30, 9)], ids=["count", "parameters"])
@pytest.mark.parametrize(
    "value",
    [
        "plain",
        "",
        "it's",
        "a 'quoted' \"one\"",
        "模型",
        "back\\slash",
        "$(touch x)",
        "a=b",
        "line\nfeed",
    ],
    ids=ascii,
)
def test_settings_reach_git_through_either_transport(
    version: tuple[int, ...], value: str, repo: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend_version(monkeypatch, version)

    answer = repo.configured(("csgrepo.first", value), ("csgrepo.second", Secret("other-value")))

    assert answer.run("config", "-z", "csgrepo.first").stdout == f"{value}\0".encode()
    assert answer.text("config", "csgrepo.second") == "other-value"


def test_both_transports_are_really_different(monkeypatch: pytest.MonkeyPatch) -> None:
    setting = [("csgrepo.first", "x")]
    pretend_version(monkeypatch, (2, 31, 0))
    assert "GIT_CONFIG_COUNT" in child_environment(config=setting)
    pretend_version(monkeypatch, (2, 30, 9))
    assert "GIT_CONFIG_PARAMETERS" in child_environment(config=setting)


@pytest.mark.parametrize("version", [(2, 31, 0), (2, 30, 9)], ids=["count", "parameters"])
def test_a_setting_reaches_what_git_starts(
    version: tuple[int, ...], repo: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend_version(monkeypatch, version)

    inner = shell(repo, "git config csgrepo.first").configured(("csgrepo.first", "seen"))

    assert inner.text("sh") == "seen"


# --- the pipes -------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_child_that_prints_megabytes_does_not_block(repo: Git, stream: str) -> None:
    redirect = ">&2" if stream == "stderr" else ""
    talker = shell(repo, f"head -c 20000000 /dev/zero | tr '\\0' 'x' {redirect}; echo end >&2 #")

    done = talker.run("sh", timeout=60)

    text = done.stderr.encode() if stream == "stderr" else done.stdout
    assert text.count(b"x") == 20_000_000
    assert done.stderr.endswith("end\n")


def test_megabytes_in_and_out_at_once_do_not_block(repo: Git) -> None:
    content = os.urandom(20_000_000)

    oid = repo.run("hash-object", "-w", "--stdin", stdin=content).text

    assert repo.run("cat-file", "blob", oid).stdout == content
    assert shell(repo, "cat #").run("sh", stdin=content).stdout == content


def test_child_that_does_not_read_its_input_does_not_break_the_caller(repo: Git) -> None:
    assert shell(repo, "echo done #").run("sh", stdin=bytes(5_000_000)).text == "done"


def test_stderr_is_heard_while_the_child_runs(repo: Git, tmp_path: Path) -> None:
    fifo = tmp_path / "go"
    os.mkfifo(fifo)
    heard: list[bytes] = []

    def listen(piece: bytes) -> None:
        heard.append(piece)
        if b"first" in piece:
            fifo.write_bytes(b"go")

    waiting = shell(repo, f"echo first >&2; cat '{fifo}' >&2; echo second >&2 #")

    assert waiting.run("sh", on_stderr=listen, timeout=60).stderr == "first\ngosecond\n"
    assert b"".join(heard) == b"first\ngosecond\n"


def test_listener_that_raises_does_not_block_the_child_and_is_heard(repo: Git) -> None:
    def listen(_: bytes) -> None:
        raise LookupError("the listener broke")

    talker = shell(repo, "head -c 5000000 /dev/zero >&2 #")

    with pytest.raises(LookupError, match="the listener broke"):
        talker.run("sh", on_stderr=listen, timeout=60)


def test_output_that_is_not_utf8_is_kept(repo: Git) -> None:
    done = shell(repo, r"printf 'caf\351.bin\n'; printf 'caf\351' >&2 #").run("sh")

    assert done.stdout == b"caf\xe9.bin\n"
    assert os.fsencode(done.text) == b"caf\xe9.bin"
    assert done.stderr == "caf\ufffd"


def test_child_has_no_terminal_to_ask_on(repo: Git) -> None:
    """A session of its own has no controlling terminal: opening it fails."""
    assert shell(repo, "cat; (: < /dev/tty) 2> /dev/null || echo none #").run("sh").text == "none"


# --- the end ---------------------------------------------------------------------------------


def run_out_of_time(repo: Git, script: str) -> errors.CommandFailed:
    """Run a script that has no end; it says when it has begun, however long that takes."""
    for timeout in (0.3, 3, 30):
        with pytest.raises(errors.CommandFailed, match=f"did not end within {timeout} s") as caught:
            shell(repo, script).run("sh", timeout=timeout)
        if caught.value.stderr == "started\n":
            return caught.value
    pytest.fail("it never began")


def test_timeout_stops_the_child_and_what_it_started(repo: Git) -> None:
    mark = os.environ["TEST_PROCESS_MARK"]

    failed = run_out_of_time(repo, "sleep 300 & echo started >&2; sleep 300 #")

    assert failed.returncode == -signal.SIGTERM
    assert processes.left_behind(mark) == {}


def test_timeout_stops_those_who_ignore_being_asked(repo: Git) -> None:
    mark = os.environ["TEST_PROCESS_MARK"]

    run_out_of_time(repo, "trap '' TERM; sleep 300 & echo started >&2; sleep 300 #")

    assert processes.left_behind(mark) == {}


def test_what_outlives_git_and_holds_its_pipes_does_not_hold_the_caller(
    repo: Git, tmp_path: Path
) -> None:
    """As an ssh master connection does."""
    started = time.monotonic()

    done = shell(repo, f"setsid sleep 300 & echo $! > '{tmp_path}/pid'; echo done #").run("sh")
    took = time.monotonic() - started
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)

    assert done.text == "done"
    assert took < 100


def test_interrupt_while_git_runs_stops_it(repo: Git) -> None:
    """The interrupt comes as a Ctrl-C does: to the main thread, while it waits."""

    def interrupt(_: subprocess.Popen[bytes]) -> None:
        main = threading.main_thread().ident
        threading.Timer(0.2, signal.pthread_kill, [main, signal.SIGINT]).start()

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's `&` ignores it
    try:
        with pytest.raises(KeyboardInterrupt):
            shell(repo, "sleep 300 #").run("sh", on_start=interrupt)
    finally:
        signal.signal(signal.SIGINT, before)

    assert processes.left_behind(os.environ["TEST_PROCESS_MARK"]) == {}


def test_on_start_gets_the_process_and_may_stop_it(repo: Git) -> None:
    with pytest.raises(errors.CommandFailed) as caught:
        shell(repo, "sleep 300 #").run("sh", on_start=runner.stop)

    assert caught.value.returncode < 0


def test_commands_leave_no_thread_behind(repo: Git) -> None:
    before = set(threading.enumerate())
    for _ in range(5):
        repo.run("status", "--porcelain", stdin=b"")
    assert set(threading.enumerate()) <= before


# --- no token where others can read it ---------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason="/proc shows what ps shows")
@pytest.mark.parametrize("version", [(2, 31, 0), (2, 30, 9)], ids=["count", "parameters"])
def test_no_secret_in_any_argument_list(
    version: tuple[int, ...], repo: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend_version(monkeypatch, version)
    token = uuid.uuid4().hex  # no other test's, of which the arguments are seen too
    header = Secret(f"Authorization: Bearer {token}")
    script = 'printf %s "$TOKEN"; git config http.extraHeader; cat /proc/[0-9]*/cmdline 2>/dev/null'

    answer = shell(repo, f"{script}; true #").configured(
        ("http.extraHeader", header), env={"TOKEN": Secret(token)}
    )
    said = answer.run("sh").stdout

    assert said.count(token.encode()) == 2  # it was there to be used, and nowhere else


def test_failed_command_shows_no_secret(repo: Git) -> None:
    token = Secret(TOKEN)
    failing = shell(repo, f"echo {TOKEN}; echo https://wanda:{TOKEN}@h/x >&2; exit 3 #")

    with pytest.raises(errors.CommandFailed) as caught:
        failing.run("sh", f"--{token.reveal()}")

    error = caught.value
    assert error.returncode == 3
    assert TOKEN not in f"{error}{error.command}{error.stdout}{error.stderr}{error!r}"


# --- what failures become ----------------------------------------------------------------------


def fails(repo: Git, *args: str) -> errors.GitError:
    with pytest.raises(errors.GitError) as caught:
        repo.run(*args, timeout=60)
    return caught.value


@pytest.mark.parametrize(
    ("args", "kind"),
    [
        (("rev-parse", "--verify", "no-such-branch"), errors.UnknownRevision),
        (("log", "no-such-branch"), errors.UnknownRevision),
        (("checkout", "no-such-branch"), errors.UnknownRevision),
        (("push", "{bare}", "no-such-branch"), errors.UnknownRevision),
        (("fetch", "{bare}", "no-such-branch"), errors.UnknownRevision),
        (("clone", "--branch", "no-such-branch", "{bare}", "x"), errors.UnknownRevision),
        (("clone", "{bare}-missing", "x"), errors.RemoteNotFound),
        (("ls-remote", "{bare}-missing"), errors.RemoteNotFound),
        (("ls-remote", "http://127.0.0.1:1/x"), errors.RemoteUnreachable),
        (("commit", "-m", "Nothing"), errors.CommandFailed),
        (("no-such-command",), errors.CommandFailed),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else value.__name__,
)
def test_failure_of_real_git_becomes(
    args: tuple[str, ...], kind: type[errors.CommandFailed], repo: Git, tmp_path: Path
) -> None:
    bare = tmp_path / "bare.git"
    Git(tmp_path).run("init", "--quiet", "--bare", str(bare))
    repo.run("push", "--quiet", str(bare), "HEAD:main")

    error = fails(repo, *(argument.format(bare=bare) for argument in args))

    assert type(error) is kind
    assert isinstance(error, errors.CommandFailed)
    assert error.cwd == repo.cwd
    assert error.command[:2] == ("git", args[0])


def test_push_that_a_hook_refuses_is_rejected_with_its_words(repo: Git, tmp_path: Path) -> None:
    bare = tmp_path / "bare.git"
    Git(tmp_path).run("init", "--quiet", "--bare", str(bare))
    hook = bare / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho '模型 is too large' >&2\nexit 1\n")
    hook.chmod(0o755)

    error = fails(repo, "push", str(bare), "HEAD:main")

    assert type(error) is errors.PushRejected
    assert "模型 is too large" in str(error)


def test_push_that_is_no_fast_forward_is_rejected(repo: Git, tmp_path: Path) -> None:
    bare = tmp_path / "bare.git"
    Git(tmp_path).run("init", "--quiet", "--bare", str(bare))
    repo.run("push", "--quiet", str(bare), "HEAD:main")
    repo.run("commit", "--quiet", "--amend", "-m", "Other")

    assert type(fails(repo, "push", str(bare), "HEAD:main")) is errors.PushRejected


def test_merge_of_what_both_sides_changed_is_a_conflict(repo: Git) -> None:
    file = Path(repo.cwd, "a.txt")
    repo.run("checkout", "--quiet", "-b", "other")
    file.write_text("theirs\n")
    repo.run("commit", "--quiet", "-am", "Theirs")
    repo.run("checkout", "--quiet", "main")
    file.write_text("ours\n")
    repo.run("commit", "--quiet", "-am", "Ours")

    assert type(fails(repo, "merge", "other")) is errors.MergeConflict


def test_commit_without_an_identity_says_how_to_give_one(repo: Git) -> None:
    nobody = repo.configured(("user.useConfigOnly", "true"), env={"GIT_CONFIG_GLOBAL": os.devnull})

    error = fails(nobody, "commit", "--allow-empty", "-m", "Who")

    assert "git_user=" in str(error)


def test_file_that_may_not_be_read_is_not_a_matter_of_credentials(repo: Git) -> None:
    error = fails(
        shell(repo, "echo \"fatal: could not open 'a.bin': Permission denied\" >&2; exit 128 #"),
        "sh",
    )

    assert type(error) is errors.CommandFailed


@pytest.mark.parametrize(
    "said",
    [
        "git@host: Permission denied (publickey).",
        "Permission denied, please try again.",
        "fatal: could not read Username for 'https://h': terminal prompts disabled",
        "fatal: Authentication failed for 'https://h/x'",
        "fatal: unable to access 'https://h/x/': The requested URL returned error: 403",
    ],
)
def test_refused_credentials_are_named(said: str, repo: Git) -> None:
    script = f'printf %s\\\\n "{said}" >&2; exit 128 #'

    assert type(fails(shell(repo, script), "sh")) is errors.AuthenticationFailed


def test_full_disk_is_disk_full(repo: Git) -> None:
    script = "echo 'fatal: write error: No space left on device' >&2; exit 128 #"

    assert type(fails(shell(repo, script), "sh")) is errors.DiskFull


def test_question_is_answered_yes_no_or_with_an_error(repo: Git) -> None:
    assert repo.succeeds("show-ref", "--verify", "--quiet", "refs/heads/main") is True
    assert repo.succeeds("show-ref", "--verify", "--quiet", "refs/heads/other") is False
    with pytest.raises(errors.CommandFailed):
        repo.succeeds("merge-base", "--is-ancestor", "main", "no-such-branch")


def test_folder_that_is_missing_or_none_is_invalid_input(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "missing", tmp_path / "file"):
        with pytest.raises(errors.InvalidInput, match=folder.name):
            Git(folder).run("status")


def test_without_git_there_is_one_clear_line(no_git: None, tmp_path: Path) -> None:
    with pytest.raises(errors.GitNotFound) as caught:
        Git(tmp_path).run("status")

    assert str(caught.value).count("\n") == 0
    assert "install it" in str(caught.value)
    with pytest.raises(errors.GitNotFound):
        git_version()


def test_git_that_is_too_old_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "bin" / "git"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho git version 2.20.1\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", str(old.parent), prepend=os.pathsep)

    with pytest.raises(errors.GitNotFound, match=r"2\.20\.1 is too old; install 2\.30"):
        git_version()


def test_version_is_the_one_git_tells(git: StockGit) -> None:
    assert ".".join(map(str, git_version())) in git("version")


# --- many blobs in one pack ------------------------------------------------------------------


@pytest.fixture
def aside(tmp_path: Path) -> Path:
    folder = tmp_path / "aside"
    folder.mkdir()
    return folder


def test_blobs_are_written_in_the_order_of_their_contents(repo: Git, aside: Path) -> None:
    contents = [b"one\n", b"", b"blob\nmark :1\ndata 3\n", b"one\n", b"\0" * 300_000]

    oids = packing.write_blobs(repo, iter(contents), Path(repo.cwd, ".git"), aside)

    assert [repo.run("cat-file", "blob", oid).stdout for oid in oids] == contents
    assert not list(aside.iterdir())
    assert packing.write_blobs(repo, iter(()), Path(repo.cwd, ".git"), aside) == []


def test_what_the_contents_raise_is_raised_and_git_ends_well(repo: Git, aside: Path) -> None:
    def contents() -> Iterator[bytes]:
        yield b"content"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        packing.write_blobs(repo, contents(), Path(repo.cwd, ".git"), aside)

    assert not list(aside.iterdir())
    assert not list(Path(repo.cwd, ".git").glob("*crash*"))
    assert repo.succeeds("fsck")


def test_a_report_of_a_crash_is_left_to_nobody(repo: Git, aside: Path) -> None:
    packs = Path(repo.cwd, ".git", "objects", "pack")
    shutil.rmtree(packs)
    packs.write_text("no folder")

    with pytest.raises(errors.CommandFailed, match="fast-import"):
        packing.write_blobs(repo, iter([b"content"]), Path(repo.cwd, ".git"), aside)

    assert not list(Path(repo.cwd, ".git").glob("*crash*"))
    assert not list(aside.iterdir())


# --- how git ended -------------------------------------------------------------------------------

_COLLECTS = {
    "ignored": "signal.signal(signal.SIGCHLD, signal.SIG_IGN)",
    "collected": """
def collect(*_):
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass
signal.signal(signal.SIGCHLD, collect)""",
}


@pytest.mark.skipif(not hasattr(os, "waitid"), reason="the system does not tell twice")
@pytest.mark.parametrize("how", _COLLECTS)
def test_status_when_the_process_throws_it_away_then_it_is_not_taken_for_success(how: str) -> None:
    script = f"""
import os, signal
from csgrepo.errors import CommandFailed, GitError
from csgrepo.git.runner import Git
{_COLLECTS[how]}
try:
    print("status", Git(".").run("rev-parse", "--verify", "none", ok=(0, 128)).returncode)
except CommandFailed:
    raise
except GitError as error:
    print(error)
"""
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    # What collects all children may come too late to take the status away.
    assert "how git ended is not known" in ran.stdout or (
        how == "collected" and ran.stdout == "status 128\n"
    ), ran


@pytest.mark.skipif(not hasattr(os, "waitid"), reason="the system does not tell twice")
def test_command_line_when_its_parent_ignores_children_then_it_learns_how_git_ended(
    tmp_path: Path,
) -> None:
    script = "import signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN); import csgrepo.cli; "
    script += "raise SystemExit(csgrepo.cli.main(['status']))"
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert "not known" not in ran.stderr
    assert "is not inside a working copy" in ran.stderr
