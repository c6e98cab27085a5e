"""Handing pushes to a worker process, and keeping one there while there is work."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import secrets as randomness
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any, BinaryIO

from csgrepo.errors import InvalidInput
from csgrepo.git.callback import python_command
from csgrepo.git.runner import Git, child_environment
from csgrepo.jobs import exits
from csgrepo.jobs.command import Command
from csgrepo.jobs.journal import Journal
from csgrepo.jobs.lock import LockTimeout, PushLock
from csgrepo.jobs.process import Owner, Process, attend, dismiss
from csgrepo.jobs.roster import Roster

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    from csgrepo.jobs.exits import OnExit
    from csgrepo.jobs.push import Push
    from csgrepo.jobs.roster import Worker

__all__ = ["Queue"]

# The worker gets its token on a pipe; in its environment, `/proc` would show it.
_TOKEN_VARIABLES = ("CSGHUB_TOKEN", "CSG_TOKEN")
_LARGEST_LOG = 1024 * 1024
# Tells credentials apart in the journal; without the salt, which stays here, it says nothing.
_SALT = randomness.token_bytes(32)

_log = logging.getLogger(__name__)


class Queue:
    """The background pushes of one working copy, as this process sees them.

    Making one costs nothing and touches nothing.

    Args:
        git_dir: the repository's git directory.
        folder: the working copy, as a person would name it.
        worker_module: the module that is run as the worker, with ``git_dir`` and ``folder`` as its
            arguments and the secrets as one line of JSON on its standard input.
        secrets: returns what the worker needs to reach the remote; asked for with each push. Pushes
            with other credentials get a worker of their own.
        on_exit: what the end of this process does about pushes under way; see `csgrepo.jobs.exits`.

    Example:
        >>> queue = Queue("model/.git", "model", "csgrepo.repository.worker", dict)
        >>> queue.commands
        []
    """

    def __init__(
        self,
        git_dir: str | os.PathLike[str],
        folder: str | os.PathLike[str],
        worker_module: str,
        secrets: Callable[[], Mapping[str, Any]],
        on_exit: OnExit = "warn",
    ) -> None:
        self.journal = Journal(git_dir)
        self._git_dir = os.path.abspath(git_dir)
        self._folder = os.fspath(folder)
        self._worker_module = worker_module
        self._secrets = secrets
        self._on_exit = on_exit
        self._roster = Roster(self.journal)
        self._commands: list[Command] = []

    @property
    def commands(self) -> list[Command]:
        """The pushes that were submitted or resumed through this object, oldest first."""
        return list(self._commands)

    def submit(self, push: Push) -> Command:
        """Write a push down and have it carried out by a process of its own.

        It is on the disk when this returns. If no worker can be started, the push is not lost
        either: the command says that it failed, and why, and it can be resumed.

        Raises:
            DiskFull: there is no room for the journal.
            GitError: the journal cannot be written.
        """
        secrets = self._secrets()  # before anything is written: what fails here fails as a whole
        owner = Owner.mine(_fingerprint(secrets))
        command = self._command(self.journal.submit(push, owner, self._replaced(push, owner)))
        self._ensure_worker(owner, secrets)
        return command

    def _replaced(self, push: Push, owner: Owner) -> list[int]:
        """Return the jobs whose place a push takes: its commit contains theirs, as git has it."""
        older = [job for job in self.journal.waiting_of(owner) if push.may_replace(job.push)]
        return [job.id for job in older if self._contains(push.commit, job.push.commit)]

    def _contains(self, commit: str, older: str) -> bool:
        if commit == older:
            return True
        asked = ("merge-base", "--is-ancestor", older, commit)
        return Git(self._git_dir).run(*asked, ok=(0, 1, 128)).returncode == 0

    def resume(self, ids: Collection[int] | None = None, *, failed: bool = True) -> list[Command]:
        """Take up pushes that were interrupted, by whatever process they were submitted.

        Args:
            ids: which of them; all where not given.
            failed: whether those that failed are tried again too.

        Returns:
            A command for each push that is carried out again, oldest first.
        """
        return self._resume(ids, failed=failed) if self.journal.exists else []

    def retry(self, job_id: int) -> Command:
        """Carry out one push again, even one that was cancelled or superseded.

        Raises:
            InvalidInput: there is none of that number, it is done, or it goes on.
        """
        commands = self._resume([job_id], failed=True, dropped=True) if self.journal.exists else []
        if commands:
            return commands[0]
        job = self.journal.get(job_id)
        if job is None:
            raise InvalidInput(f"there is no push number {job_id} here; see `csgrepo jobs list`")
        raise InvalidInput(f"push {job_id} is {job.state}; there is nothing to retry")

    def _resume(
        self, ids: Collection[int] | None, *, failed: bool, dropped: bool = False
    ) -> list[Command]:
        secrets, error = self._secrets_or_error()
        owner = Owner.mine(_fingerprint(secrets))
        numbers = self._take_over(owner, ids, failed=failed, dropped=dropped)
        commands = [self._command(number) for number in numbers]
        if error is not None:
            self._roster.strand(owner, error)
        elif commands:
            self._ensure_worker(owner, secrets)
        self.journal.close()
        return commands

    def _secrets_or_error(self) -> tuple[Mapping[str, Any], Exception | None]:
        try:
            return self._secrets(), None
        except Exception as error:  # noqa: BLE001 - the jobs are told; the caller goes on
            return {}, error

    def _take_over(
        self, owner: Owner, ids: Collection[int] | None, *, failed: bool, dropped: bool
    ) -> list[int]:
        def take(*, has_lock: bool) -> list[int]:
            return self._roster.resume(
                owner, ids, failed=failed, dropped=dropped, has_lock=has_lock
            )

        try:
            with PushLock(self._git_dir).hold("resuming background pushes", 0):
                return take(has_lock=True)
        except LockTimeout:  # someone is at work; what they do not work on can be resumed
            return take(has_lock=False)

    def _command(self, job_id: int) -> Command:
        command = Command(self.journal, job_id, self._folder)
        self._commands.append(command)
        exits.expect(command, self._on_exit)
        return command

    def _ensure_worker(self, owner: Owner, secrets: Mapping[str, Any]) -> None:
        """Start a worker and a thread that awaits its end, unless there is one."""
        started = self._start_if_needed(owner, secrets)
        if started is not None:
            worker, child = started
            name = f"csgrepo-worker-{child.process.pid}"
            thread = threading.Thread(
                target=self._watch, args=(worker, child, secrets), name=name, daemon=True
            )
            try:
                thread.start()
            except RuntimeError:  # no threads any more at interpreter exit; the worker goes on
                dismiss(child.process)

    def _start_if_needed(
        self, owner: Owner, secrets: Mapping[str, Any]
    ) -> tuple[Worker, _Child] | None:
        """Start a worker, unless there is one or nothing waits."""
        try:
            if not self._roster.has_waiting(owner) or self._roster.has_worker(owner):
                return None
            return self._start(owner, secrets)
        except Exception as error:  # noqa: BLE001 - the jobs are told; the caller trains on
            self._roster.strand(owner, error)
            return None
        except BaseException as error:
            self._roster.strand(owner, error)
            raise

    def _start(self, owner: Owner, secrets: Mapping[str, Any]) -> tuple[Worker, _Child] | None:
        started: list[_Child] = []

        def start() -> Process:
            folder = os.path.abspath(self._folder)
            command = python_command(self._worker_module, self._git_dir, folder)
            started.append(_Child(command, self.journal))
            return started[0].process

        worker = self._roster.start(owner, start)
        if worker is None:
            return None
        started[0].tell(secrets)
        return worker, started[0]

    def _watch(self, worker: Worker, child: _Child, secrets: Mapping[str, Any]) -> None:
        """Wait for a worker's end, note it, and start the next while jobs wait."""
        started: tuple[Worker, _Child] | None = (worker, child)
        while started is not None:
            worker, child = started
            returncode = child.wait()
            try:
                self._roster.bury(worker, returncode)
                dismiss(child.process)
                started = self._start_if_needed(worker.owner, secrets)
            except OSError as error:  # the clone is gone, or its disk is full
                _log.warning("%s", error)
                dismiss(child.process)
                self._roster.strand(worker.owner, error)
                return
            finally:
                dismiss(child.process)
                self.journal.close()


def _fingerprint(secrets: Mapping[str, Any]) -> str:
    """Return what tells these credentials from others, to this process and to nobody else."""
    text = json.dumps(dict(secrets), sort_keys=True).encode()
    return hashlib.blake2b(text, key=_SALT, digest_size=8).hexdigest()


class _Child:
    """A worker that was started; taken for alive until `dismiss` says that its end was noted.

    It outlives this process and its terminal. Nothing it prints goes into a pipe that could fill.

    Args:
        command: what is run.
        journal: whose folder holds its log.

    Raises:
        OSError: the system starts no more processes.
    """

    def __init__(self, command: list[str], journal: Journal) -> None:
        environment = child_environment()
        for name in _TOKEN_VARIABLES:
            environment.pop(name, None)
        with _open_log(journal.worker_log) as output:
            self._popen = subprocess.Popen(  # noqa: TID251 - it is not git that is started
                command,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                env=environment,
                cwd=journal.folder,  # the caller's may go away while the worker works
                **_apart(),
            )
        self.process = Process.of(self._popen.pid)
        attend(self.process)

    def tell(self, secrets: Mapping[str, Any]) -> None:
        """Give it the secrets, on a pipe that nobody else can read."""
        assert self._popen.stdin is not None  # noqa: S101 - it was started with a pipe
        with contextlib.suppress(OSError), self._popen.stdin as pipe:  # it may be dead already
            pipe.write(json.dumps(dict(secrets)).encode() + b"\n")

    def wait(self) -> int:
        """Wait until it ends; return its status, negative for a signal."""
        return self._popen.wait()


def _open_log(path: Path) -> BinaryIO:
    """Open the log to append to, or anew once it has grown large."""
    path.parent.mkdir(parents=True, exist_ok=True)
    is_large = path.exists() and path.stat().st_size > _LARGEST_LOG
    return path.open("wb" if is_large else "ab")


def _apart() -> dict[str, Any]:
    """Return what makes a child outlive its parent and its parent's terminal."""
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
        return {"creationflags": flags}
    return {"start_new_session": True}
