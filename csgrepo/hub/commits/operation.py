"""What a commit is to do: put a file somewhere, or take something away."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from csgrepo.errors import InvalidInput, UnsafePath
from csgrepo.files import check_name

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["CommitOperationAdd", "CommitOperationDelete", "Operation", "checked", "inside"]

_LONGEST_PATH = 4096
_LONGEST_NAME = 255


@dataclass(frozen=True, slots=True)
class CommitOperationAdd:
    """Put a file into a repository, new or in the place of another.

    Attributes:
        path_in_repo: where to, with ``/`` between the parts.
        path_or_fileobj: a file's path, its content as bytes, or a binary stream that is read from
            where it stands to its end.

    Raises:
        UnsafePath: the path leads out of the repository, or git keeps it for itself.
        InvalidInput: it cannot be a path for other reasons, or the content is of no such kind.

    Example:
        >>> CommitOperationAdd("notes/今日.md", b"# Today")
        CommitOperationAdd(path_in_repo='notes/今日.md')
    """

    path_in_repo: str
    path_or_fileobj: str | Path | bytes | BinaryIO = field(repr=False)

    def __post_init__(self) -> None:
        inside(self.path_in_repo)
        given = self.path_or_fileobj
        if not isinstance(given, (str, Path, bytes)) and not hasattr(given, "read"):
            raise InvalidInput(
                f"{self.path_in_repo}: its content is neither a path, bytes nor a binary stream "
                f"but {type(given).__name__}"
            )


@dataclass(frozen=True, slots=True)
class CommitOperationDelete:
    """Take a file or a whole folder out of a repository.

    Attributes:
        path_in_repo: the file, or the folder with everything in it.
        is_folder: whether it is a folder; where not given, a ``/`` at its end says so.

    Raises:
        UnsafePath: the path leads out of the repository.

    Example:
        >>> CommitOperationDelete("checkpoints/").is_folder
        True
    """

    path_in_repo: str
    is_folder: bool | None = None

    def __post_init__(self) -> None:
        path = self.path_in_repo
        if self.is_folder is None:
            object.__setattr__(self, "is_folder", path.endswith("/"))
        inside(path.removesuffix("/") if self.is_folder else path)

    @property
    def path(self) -> str:
        """The path without a slash at its end."""
        return self.path_in_repo.removesuffix("/")


Operation = CommitOperationAdd | CommitOperationDelete


def inside(path: str) -> str:
    """Return the path if it can be one of a file in a repository, on every system.

    Raises:
        UnsafePath: it leads out of the repository, or git keeps it for itself.
        InvalidInput: it is too long, or holds what the hub's REST interface cannot carry.
    """
    names = check_name(path)
    try:
        encoded = path.encode()
    except UnicodeEncodeError as error:
        raise InvalidInput(f"{path!r} is not UTF-8; rename the file, then run it again") from error
    if any(char < " " or char in "\\\x7f" for char in path):
        raise UnsafePath(path, "it holds a control character or a backslash")
    if len(encoded) > _LONGEST_PATH or any(len(n.encode()) > _LONGEST_NAME for n in names):
        raise InvalidInput(
            f"{path[:_LONGEST_NAME]!r} is too long: {_LONGEST_NAME} bytes for each name and "
            f"{_LONGEST_PATH} in all are what file systems take"
        )
    return path


def checked(
    operations: Iterable[Operation],
) -> tuple[dict[str, CommitOperationAdd], list[CommitOperationDelete]]:
    """Return what is added, by path, and what is deleted.

    Raises:
        InvalidInput: something else is among them, or they contradict each other.
    """
    adds: dict[str, CommitOperationAdd] = {}
    deletes: list[CommitOperationDelete] = []
    for operation in operations:
        if isinstance(operation, CommitOperationDelete):
            deletes.append(operation)
        elif isinstance(operation, CommitOperationAdd):
            if operation.path_in_repo in adds:
                raise InvalidInput(f"{operation.path_in_repo} is added twice in one commit")
            adds[operation.path_in_repo] = operation
        else:
            raise InvalidInput(
                f"{operation!r} is neither a CommitOperationAdd nor a CommitOperationDelete"
            )
    for path in adds:
        parts = path.split("/")
        above = ("/".join(parts[:count]) for count in range(1, len(parts)))
        if file := next((name for name in above if name in adds), None):
            raise InvalidInput(f"{file} is added both as a file and as the folder of {path}")
    return adds, deletes
