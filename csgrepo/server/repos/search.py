"""Which repositories are wanted, as a condition of SQL."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from csgrepo.server.repos.kinds import Kind

__all__ = ["Search"]

_LIKED = "id IN (SELECT repository_id FROM likes WHERE user_id = ?)"
_TAGGED = "id IN (SELECT repository_id FROM tags WHERE category = ? AND name = ?)"
_MEASURED = (
    "id IN (SELECT repository_id FROM sizes "
    "WHERE branch = default_branch AND total BETWEEN ? AND ?)"
)
_COUNTED = "id IN (SELECT repository_id FROM models WHERE params BETWEEN ? AND ?)"
_SERVERLESS = "id IN (SELECT repository_id FROM deploys WHERE type = 3)"
_NAMED = "instr(lower(namespace || '/' || name || ' ' || nickname), lower(?))"


@dataclass(frozen=True, slots=True)
class Search:
    """What a repository must be like; what is left out does not matter.

    Attributes:
        kind: its type.
        visible: the namespaces whose private repositories count too.
        owner: its namespace.
        text: part of its name or nickname.
        tags: categories and names, all of which it has.
        liked_by: the number of a user who likes it.
        said: what its details say.
        unsaid: what it means where a detail is not said.
        size: the least and the most bytes that its default branch was measured to have.
        params: the least and the most parameters that were found in a model, in billions.
        serverless: whether it runs for everybody.
    """

    kind: Kind
    visible: Sequence[str]
    owner: str | None = None
    text: str = ""
    tags: Sequence[tuple[str, str]] = ()
    liked_by: int | None = None
    said: Mapping[str, str] = field(default_factory=dict)
    unsaid: Mapping[str, str] = field(default_factory=dict)
    size: tuple[int, int] | None = None
    params: tuple[float, float] | None = None
    serverless: bool = False

    def condition(self) -> tuple[str, list[object]]:
        """Return the condition, made of texts of ours and marks, and the values for the marks."""
        marks = ", ".join("?" * len(self.visible))
        parts = ["type = ?", f"(NOT private OR namespace IN ({marks}))"]
        values: list[object] = [self.kind.value, *self.visible]

        def also(part: str, *more: object) -> None:
            parts.append(part)
            values.extend(more)

        if self.owner is not None:
            also("namespace = ?", self.owner)
        for category, name in self.tags:
            also(_TAGGED, category, name)
        if self.liked_by is not None:
            also(_LIKED, self.liked_by)
        for name, word in self.said.items():
            begin = f"{json.dumps(name)}: "  # as `details` was written
            if self.unsaid.get(name) == word:
                also(
                    "(instr(details, ?) OR NOT instr(details, ?))", begin + json.dumps(word), begin
                )
            else:
                also("instr(details, ?)", begin + json.dumps(word))
        if self.size:
            also(_MEASURED, *self.size)
        if self.params:
            also(_COUNTED, *self.params)
        if self.serverless:
            also(_SERVERLESS)
        if self.text:
            also(_NAMED, self.text)
        return " AND ".join(parts), values
