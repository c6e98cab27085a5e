"""Deciding what a commit does, from what is meant and what is there; nothing is asked or sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from csgrepo.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from csgrepo.hub.commits.content import Content
    from csgrepo.hub.commits.preupload import Answer

__all__ = ["Part", "Plan", "decide", "groups", "parts"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done.

    Attributes:
        added: the paths that are new.
        updated: those whose content changes.
        unchanged: those that are there already, as they should be.
        ignored: those that the repository's ``.gitignore`` leaves out.
        deleted: the files that go.
    """

    added: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()

    @property
    def written(self) -> tuple[str, ...]:
        """The paths whose content is to be sent."""
        return self.added + self.updated

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.added or self.updated or self.deleted)


@dataclass(frozen=True, slots=True)
class Part:
    """What one commit of several does.

    Attributes:
        written: the paths that get new content.
        deleted: the files that go.
    """

    written: tuple[str, ...]
    deleted: tuple[str, ...] = field(default=())


def decide(
    contents: Mapping[str, Content], answers: Mapping[str, Answer], deleted: frozenset[str]
) -> Plan:
    """Return the plan.

    A file that the hub has already is not asked for its place: the same bytes are the same file,
    whether git or LFS keeps them. What is ignored but there all the same is no longer ignored, as
    in git.

    Args:
        contents: what is to be there, by path.
        answers: what the hub says about each of these paths.
        deleted: the files to take away; those that are written are not.

    Raises:
        InvalidInput: a file is to be where a folder is.
    """
    added: list[str] = []
    updated: list[str] = []
    unchanged: list[str] = []
    ignored: list[str] = []
    for path, content in sorted(contents.items()):
        answer = answers.get(path)
        if answer and answer.is_folder and not _goes(path, deleted):
            raise InvalidInput(f"{path} is a folder in the repository; delete it first")
        if not (answer and answer.oid):
            (ignored if answer and answer.ignored else added).append(path)
        elif answer.oid in {content.blob, content.sha256}:
            unchanged.append(path)
        else:
            updated.append(path)
    gone = sorted(deleted - contents.keys())
    return Plan(tuple(added), tuple(updated), tuple(unchanged), tuple(ignored), tuple(gone))


def _goes(folder: str, deleted: frozenset[str]) -> bool:
    return any(path.startswith(f"{folder}/") for path in deleted)


def parts(
    plan: Plan,
    contents: Mapping[str, Content],
    in_lfs: Mapping[str, bool],
    *,
    most_files: int,
    most_bytes: int,
) -> list[Part]:
    """Return the plan as commits that the hub takes; what is deleted goes in the last of them.

    Attributes come first, so that they hold for all that follows.

    Args:
        plan: the whole.
        contents: what is written, by path.
        in_lfs: what is kept in LFS and therefore weighs nothing here.
        most_files: how many files one commit may have.
        most_bytes: how many bytes of git's own.
    """
    ordered = sorted(plan.written, key=lambda path: (not path.endswith(".gitattributes"), path))
    weights = {path: 0 if in_lfs.get(path) else contents[path].size for path in ordered}
    *first, rest = list(groups(weights, most_files, most_bytes)) or [()]
    return [*map(Part, first), Part(rest, plan.deleted)]


def groups(
    weights: Mapping[str, int], most_files: int, most_bytes: int
) -> Iterator[tuple[str, ...]]:
    """Yield paths in groups that are not too many and not too heavy, in their order.

    Args:
        weights: the paths, and the bytes of each.
        most_files: how many a group may have.
        most_bytes: what it may weigh; a single file may weigh more.
    """
    group: list[str] = []
    weight = 0
    for path, size in weights.items():
        if group and (len(group) == most_files or weight + size > most_bytes):
            yield tuple(group)
            group, weight = [], 0
        group.append(path)
        weight += size
    if group:
        yield tuple(group)
