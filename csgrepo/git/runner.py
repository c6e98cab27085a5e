"""Running git: the one place where it is started.

Commands are argument lists, never strings. The environment is built here: the parent's, minus
everything that would point git at another repository, plus what makes it quiet and predictable.
Everything a child prints is drained while it runs, and every wait has an end.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from csgrepo import errors
from csgrepo.git.child import drain, stop
from csgrepo.git.failure import failure, overtime
from csgrepo.redact import Secret, redact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

__all__ = [
    "Completed",
    "Git",
    "child_environment",
    "git_version",
    "inherited_variables",
    "spawn",
    "stop",
]

OLDEST_GIT = (2, 30)
DEFAULT_TIMEOUT_S = 3600.0

# `git rev-parse --local-env-vars`: set inside a hook of another repository, they would make every
# command act on that one.
LOCAL_VARIABLES = frozenset(
    {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_CONFIG",
        "GIT_CONFIG_PARAMETERS",
        "GIT_CONFIG_COUNT",
        "GIT_OBJECT_DIRECTORY",
        "GIT_DIR",
        "GIT_WORK_TREE",
        "GIT_IMPLICIT_WORK_TREE",
        "GIT_GRAFT_FILE",
        "GIT_INDEX_FILE",
        "GIT_NO_REPLACE_OBJECTS",
        "GIT_REPLACE_REF_BASE",
        "GIT_PREFIX",
        "GIT_SHALLOW_FILE",
        "GIT_COMMON_DIR",
        "GIT_INTERNAL_SUPER_PREFIX",
    }
)
_OTHER_VARIABLES = frozenset(
    {
        "GIT_CEILING_DIRECTORIES",
        "GIT_EXTERNAL_DIFF",
        "GIT_GLOB_PATHSPECS",
        "GIT_ICASE_PATHSPECS",
        "GIT_LFS_SKIP_SMUDGE",
        "GIT_LITERAL_PATHSPECS",
        "GIT_NAMESPACE",
        "GIT_NOGLOB_PATHSPECS",
        "GIT_QUARANTINE_PATH",
        "LANGUAGE",
    }
)
# Messages are matched in English. Git must fail rather than ask, on the terminal or in a window:
# nobody may be there to answer.
_QUIET = {
    "LC_ALL": "C",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "",
    "SSH_ASKPASS_REQUIRE": "never",
    "GCM_INTERACTIVE": "never",
}
_NUMBERED = re.compile(r"GIT_CONFIG_(?:KEY|VALUE)_\d+")

Child = subprocess.Popen[bytes]


@dataclass(frozen=True, slots=True)
class Completed:
    """A finished git command: exit status, output bytes, and what it complained about."""

    returncode: int
    stdout: bytes
    stderr: str

    @property
    def text(self) -> str:
        """The output as text, without the newline at its end."""
        return os.fsdecode(self.stdout).removesuffix("\n")


def child_environment(
    extra: Mapping[str, str | Secret] | None = None,
    config: Sequence[tuple[str, str | Secret]] = (),
) -> dict[str, str]:
    """Return the environment a git child gets.

    Args:
        extra: variables added to it.
        config: git settings for this command only; they travel in the environment, where `ps`
            does not show them.
    """
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in LOCAL_VARIABLES
        and name not in _OTHER_VARIABLES
        and not _NUMBERED.fullmatch(name)
    }
    environment |= _QUIET
    environment |= _config_variables(config)
    environment |= {name: _plain(value) for name, value in (extra or {}).items()}
    return environment


def inherited_variables(*names: str) -> dict[str, str]:
    """Return what git set for a process it started; only such a process may look at it."""
    return {name: os.environ[name] for name in names if os.environ.get(name)}


def _config_variables(config: Sequence[tuple[str, str | Secret]]) -> dict[str, str]:
    if not config:
        return {}
    if git_version() < (2, 31):  # no GIT_CONFIG_COUNT yet: what `git -c` itself sets
        quoted = (
            "'" + f"{key}={_plain(value)}".replace("'", "'\\''") + "'" for key, value in config
        )
        return {"GIT_CONFIG_PARAMETERS": " ".join(quoted)}
    variables = {"GIT_CONFIG_COUNT": str(len(config))}
    for number, (key, value) in enumerate(config):
        variables[f"GIT_CONFIG_KEY_{number}"] = key
        variables[f"GIT_CONFIG_VALUE_{number}"] = _plain(value)
    return variables


def _plain(value: str | Secret) -> str:
    return value.reveal() if isinstance(value, Secret) else value


def spawn(
    args: Sequence[str],
    *,
    cwd: str | os.PathLike[str],
    env: Mapping[str, str],
    stdin: int = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    """Start git and return the process, its output on pipes that the caller must drain.

    The child leads a session of its own: it has no terminal to ask questions on, and a Ctrl-C
    meant for the caller does not tear a push in two.

    Raises:
        GitNotFound: git is not installed.
    """
    try:
        return subprocess.Popen(
            [_executable(), *args],
            cwd=cwd,
            env=dict(env),
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=os.name == "posix",
        )
    except NotADirectoryError as error:
        raise errors.InvalidInput(f"{os.fspath(cwd)} is not a folder") from error
    except FileNotFoundError as error:
        if not Path(cwd).is_dir():
            raise errors.InvalidInput(f"the folder {os.fspath(cwd)} does not exist") from error
        raise _not_found() from error


def run_program(args: Sequence[str], *, timeout: float) -> Completed:
    """Run another program that git would run itself, such as ssh, and return what it answered.

    Raises:
        GitError: it is not installed, or did not answer in time.
    """
    try:
        answer = subprocess.run(
            args,
            env=child_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=timeout,
            start_new_session=os.name == "posix",
        )
    except FileNotFoundError as error:
        raise errors.GitError(f"{args[0]} is not installed, or not on PATH") from error
    except subprocess.TimeoutExpired as error:
        raise errors.GitError(f"{args[0]} did not answer within {timeout:.0f} s") from error
    stderr = redact(answer.stderr.decode("utf-8", "replace"))
    return Completed(answer.returncode, answer.stdout, stderr)


def _executable() -> str:
    found = shutil.which("git")
    if found is None:
        raise _not_found()
    return found


def _not_found() -> errors.GitNotFound:
    return errors.GitNotFound(
        "git is not installed, or not on PATH; install it (https://git-scm.com/downloads). "
        "git-lfs is not needed."
    )


def git_version() -> tuple[int, ...]:
    """Return git's version, such as ``(2, 39, 5)``; asked once for each git found on PATH.

    Raises:
        GitNotFound: git is not installed, or older than this library supports.
    """
    return _version_of(_executable())


@functools.lru_cache
def _version_of(executable: str) -> tuple[int, ...]:
    answer = subprocess.run([executable, "version"], capture_output=True, check=False, timeout=30)
    match = re.search(rb"(\d+)\.(\d+)(?:\.(\d+))?", answer.stdout)
    if not match:
        raise errors.GitNotFound(f"{executable} did not tell its version; reinstall git")
    version = tuple(int(part) for part in match.groups() if part)
    if version < OLDEST_GIT:
        raise errors.GitNotFound(
            f"git {'.'.join(map(str, version))} is too old; install 2.30 or later"
        )
    return version


class Git:
    """Git in one folder.

    Args:
        cwd: where commands run.
        env: variables added to every command's environment.
        config: settings for every command, as with ``git -c``, but unseen by `ps`.

    Example:
        >>> Git(".").text("rev-parse", "HEAD")  # doctest: +SKIP
        '9f2c…'
    """

    __slots__ = ("config", "cwd", "env")

    def __init__(
        self,
        cwd: str | os.PathLike[str],
        *,
        env: Mapping[str, str | Secret] | None = None,
        config: Sequence[tuple[str, str | Secret]] = (),
    ) -> None:
        self.cwd = os.fspath(cwd)
        self.env = dict(env or {})
        self.config = tuple(config)

    def configured(
        self,
        *config: tuple[str, str | Secret],
        env: Mapping[str, str | Secret] | None = None,
    ) -> Git:
        """Return the same with more settings and variables."""
        return Git(self.cwd, env={**self.env, **(env or {})}, config=(*self.config, *config))

    def run(
        self,
        *args: str,
        stdin: bytes | Iterator[bytes] | None = None,
        ok: tuple[int, ...] = (0,),
        timeout: float = DEFAULT_TIMEOUT_S,
        on_stderr: Callable[[bytes], None] | None = None,
        on_start: Callable[[subprocess.Popen[bytes]], None] | None = None,
    ) -> Completed:
        """Run a command to its end.

        Args:
            args: git's arguments.
            stdin: what it is fed; nothing where not given.
            ok: the exit statuses that are answers rather than failures.
            timeout: seconds after which it is stopped.
            on_stderr: gets the error stream piece by piece while the command runs.
            on_start: gets the process once it runs.

        Raises:
            CommandFailed: any other exit status; the class says which kind of failure.
            GitNotFound: git is not installed.
        """
        process = spawn(
            args,
            cwd=self.cwd,
            env=child_environment(self.env, self.config),
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
        )
        if on_start:
            on_start(process)
        ended = drain(process, stdin, timeout, on_stderr)
        stderr = redact(ended.stderr.decode("utf-8", "replace"))
        completed = Completed(ended.returncode, ended.stdout, stderr)
        if ended.overtime:
            raise overtime(args, completed, self.cwd, timeout)
        if completed.returncode not in ok:
            raise failure(args, completed, self.cwd)
        return completed

    def text(self, *args: str, stdin: bytes | None = None) -> str:
        """Return a command's output as text, without the newline at its end."""
        return self.run(*args, stdin=stdin).text

    def succeeds(self, *args: str) -> bool:
        """Ask a yes-or-no question: status 0 is yes, 1 is no, all else an error."""
        return self.run(*args, ok=(0, 1)).returncode == 0
