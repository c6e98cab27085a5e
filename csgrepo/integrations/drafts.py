"""What is to change below ``csg://``: collected on the disk, and committed when it is whole."""

from __future__ import annotations

import io
import logging
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from fsspec.transaction import Transaction

from csgrepo.hub import CommitOperationAdd, CommitOperationDelete

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from csgrepo.integrations.place import Place

__all__ = ["Change", "Changes", "Content", "Draft", "Removal"]

_log = logging.getLogger(__name__)


class Change(Protocol):
    """One thing that a commit is to do."""

    place: Place

    def operation(self) -> CommitOperationAdd | CommitOperationDelete | None:
        """Return it as the hub takes it; ``None`` where it was given up."""

    def discard(self) -> None:
        """Let go of what was kept for it."""


class Draft(io.BufferedRandom):
    """A file of a repository that is being written; a file on this disk until it is committed.

    A repository has no half-written files: a draft that is closed because an exception is on its
    way, or is forgotten, is thrown away.

    Args:
        place: where it is to be.
        commit: commits it; called when it is closed, unless somebody else does so later.
        at_once: whether to commit it when it is closed.
        beginning: a file that it begins with.

    Attributes:
        place: where it is to be.
    """

    def __init__(
        self,
        place: Place,
        commit: Callable[[Sequence[Change]], object],
        *,
        at_once: bool,
        beginning: str | None = None,
    ) -> None:
        handle, name = tempfile.mkstemp(prefix="csgrepo-", suffix=".draft")
        self._file = Path(name)
        super().__init__(io.FileIO(handle, "w+b"))
        self.place = place
        self._commit = commit
        self._at_once = at_once
        self._given_up = False
        self._handled = sys.exc_info()[1]  # what the caller was dealing with already
        if beginning:
            with open(beginning, "rb") as source:
                while piece := source.read(1 << 20):
                    self.write(piece)

    def close(self) -> None:
        """End the writing, and commit it unless it is part of more.

        Where that fails, what was written is kept for another `commit` until it is forgotten.
        """
        if self.closed:
            return
        error = sys.exc_info()[1]
        if error is not None and error is not self._handled:
            _log.warning("csg://%s was closed amid %r, and is not written", self.place, error)
            self.discard()
            return
        super().close()
        if self._at_once:
            self.commit()

    def commit(self) -> None:
        """Commit it alone."""
        self._commit([self])

    def operation(self) -> CommitOperationAdd | None:
        """Return what a commit is to do; everything that was written is part of it."""
        super().close()
        return None if self._given_up else CommitOperationAdd(self.place.path, self._file)

    def discard(self) -> None:
        """Throw it away, if it was not committed."""
        self._given_up = True
        super().close()
        self._file.unlink(missing_ok=True)

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()

    def __del__(self) -> None:
        self.discard()


class Content:
    """A file on this disk, or bytes, that are to be in a repository."""

    def __init__(self, place: Place, source: str | bytes) -> None:
        self.place = place
        self._source = source

    def operation(self) -> CommitOperationAdd:
        """Return what a commit is to do."""
        return CommitOperationAdd(self.place.path, self._source)

    def discard(self) -> None:
        """Do nothing: it is the caller's."""


class Removal:
    """A file that is to go."""

    def __init__(self, place: Place) -> None:
        self.place = place

    def operation(self) -> CommitOperationDelete:
        """Return what a commit is to do."""
        return CommitOperationDelete(self.place.path)

    def discard(self) -> None:
        """Do nothing: nothing was kept."""


class Changes(Transaction):  # type: ignore[misc] # fsspec has no types
    """All that is written and removed while it lasts: one commit for each repository and branch."""

    fs: Any

    def complete(self, commit: bool = True) -> None:
        """End it.

        Args:
            commit: make the commits; otherwise nothing of it happens.
        """
        fs, changes = self.fs, list(self.files)
        self.files.clear()
        try:
            if commit:
                fs.commit(changes)
        finally:
            for change in changes:
                change.discard()
            fs._intrans = False
            fs._transaction = None
            self.fs = None
