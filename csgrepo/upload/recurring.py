"""A folder that grows, uploaded every so often: the handle of the process that does it.

The work is done by a process of its own, so that the one that trains is not held up by it, and so
that what was saved last is uploaded even if that one is killed.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import logging
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

from csgrepo import errors
from csgrepo.errors import CsgRepoError, InvalidInput, TransferError
from csgrepo.git.callback import python_command
from csgrepo.hub import CommitInfo

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["RecurringUpload"]

_log = logging.getLogger(__name__)


class RecurringUpload:
    """A folder that is uploaded every so many minutes until it is told to stop.

    Made by ``upload_folder(…, every=minutes)``, which has made the first upload by then. Uploads in
    which nothing is new make no commit. A file that is being written is left for the next upload.
    `stop` makes the last one; the end of the script does it where the script does not, and where
    the script is killed, its uploads go on until everything is there.

    Attributes:
        last: what came of the last upload that succeeded.
        failure: why the last upload failed, ``""`` if it did not.
        rounds: how many uploads were made.

    Example:
        >>> with upload_folder(repo_id="wanda/bert", folder_path="out", every=5):  # doctest: +SKIP
        ...     train()
    """

    def __init__(self, order: Mapping[str, Any], every_s: float) -> None:
        if not every_s > 0:
            raise InvalidInput(f"every is {every_s / 60:g} minutes; it has to be more than none")
        self.last: CommitInfo | None = None
        self.failure = ""
        self.rounds = 0
        self._kind = ""
        self._what = f"{order['folder_path']} to {order['repo_id']}"
        self._told = threading.Condition()  # guards all that the process tells
        self._asked = 0
        self._heard = -1
        self._has_ended = False
        self._owner = os.getpid()
        self._process = subprocess.Popen(  # noqa: TID251 - it is not git that is started
            python_command("csgrepo.upload.rounds"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            start_new_session=os.name == "posix",  # Ctrl-C is for the script alone
        )
        threading.Thread(target=self._listen, name="csgrepo-recurring", daemon=True).start()
        self._say(json.dumps({**order, "every_s": every_s, "parent": self._owner}))
        try:
            self._await(0)
        except BaseException:
            self._process.kill()
            self._process.wait()
            self._hang_up()
            raise
        atexit.register(self._at_exit)

    @property
    def is_over(self) -> bool:
        """Whether no more uploads come: it was stopped, or its process has died."""
        return self._has_ended

    def upload_now(self) -> CommitInfo:
        """Upload what is new at once, and return what came of it.

        Raises:
            TransferError: it failed; says why. Later uploads are tried all the same.
            InvalidInput: it was stopped before.
        """
        if self._process.stdin is None or self._process.stdin.closed:
            raise InvalidInput(f"the uploads of {self._what} were stopped already")
        self._asked += 1
        self._say(f"now {self._asked}")
        return self._await(self._asked)

    def stop(self) -> CommitInfo:
        """Upload what is new, files included that are still being written, and end.

        Twice is as good as once.

        Raises:
            TransferError: the last upload failed; says why. The call that began it, without
                ``every``, uploads what is missing.
        """
        atexit.unregister(self._at_exit)
        stdin = self._process.stdin
        if stdin and not stdin.closed:
            self._asked += 1
            self._say(f"end {self._asked}")
            self._hang_up()
        try:
            return self._await(self._asked)
        finally:
            if self._heard >= self._asked or self._has_ended:  # not where Ctrl-C leaves it alone
                self._process.wait()

    def __enter__(self) -> RecurringUpload:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            self.stop()
        except CsgRepoError as error:
            if kind is None:
                raise
            _log.error("%s", error)  # the script's own failure is the one to be raised

    def _say(self, line: str) -> None:
        stdin = self._process.stdin
        assert stdin is not None  # noqa: S101 - it was started with a pipe
        with contextlib.suppress(OSError):  # if it is dead, the answer does not come
            stdin.write(f"{line}\n")
            stdin.flush()

    def _hang_up(self) -> None:
        stdin = self._process.stdin
        assert stdin is not None  # noqa: S101 - it was started with a pipe
        with contextlib.suppress(OSError):  # it may be dead, and what was written unread
            stdin.close()

    def _listen(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - it was started with a pipe
        with self._process.stdout as lines:
            for line in lines:
                self._take(json.loads(line))
        with self._told:
            self._has_ended = True
            self._told.notify_all()

    def _take(self, said: Mapping[str, Any]) -> None:
        with self._told:
            self.rounds += 1
            self._heard = max(self._heard, said["heard"])
            self.failure, self._kind = said.get("error", ""), said.get("kind", "")
            if info := said.get("info"):
                lists = {name: tuple(v) for name, v in info.items() if isinstance(v, list)}
                self.last = CommitInfo(**{**info, **lists})
            self._told.notify_all()
        if self.failure:
            _log.warning("%s was not uploaded this time: %s", self._what, self.failure)

    def _await(self, number: int) -> CommitInfo:
        """Return what came of the upload that was asked for by that number, or of a later one."""
        with self._told:
            self._told.wait_for(lambda: self._heard >= number or self._has_ended)
            if self._heard < number:
                raise TransferError(
                    f"the process that uploads {self._what} has ended before its time; upload what "
                    "is missing with upload_folder, without every="
                )
            if self.failure:
                raise self._error()
            assert self.last is not None  # noqa: S101 - what did not fail has a result
            return self.last

    def _error(self) -> CsgRepoError:
        words = f"{self._what} was not uploaded: {self.failure}"
        # Classes with facts of their own cannot be made from words alone.
        kind = getattr(errors, self._kind, None)
        return InvalidInput(words) if kind is InvalidInput else TransferError(words)

    def _at_exit(self) -> None:
        """Make the last upload, and say so; of the exit status the script decides."""
        if os.getpid() != self._owner:
            return  # a fork of the script; the script itself goes on
        said = sys.stderr
        print(f"csgrepo: uploading what is new of {self._what}", file=said)
        try:
            self.stop()
        except KeyboardInterrupt:
            print(f"csgrepo: left to process {self._process.pid}", file=said)
        except CsgRepoError as error:
            print(f"csgrepo: {error}", file=said)
